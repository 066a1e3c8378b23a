"""Sample data: the documented example, and a made-up history."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources

from pcnotebooks.clouds import SAMPLE
from pcnotebooks.payloads import Payload


def sample_payload() -> Payload:
    """Return the documented example: GBP, CHF and EUR, as retrieved on 16 March 2018, 12:00 UTC.

    Source: Microsoft's documentation of ``GET /v1/invoices/summaries``.

    Examples
    --------
    >>> sample_payload().is_sample
    True
    """
    body = (resources.files("pcnotebooks") / "data" / "invoice_summaries_example.json").read_bytes()
    return Payload(body, SAMPLE.name, "Contoso (sample)", datetime(2018, 3, 16, 12, tzinfo=UTC))
