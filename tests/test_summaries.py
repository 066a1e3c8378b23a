"""From a session straight to a frame."""

from __future__ import annotations

import pandas as pd
import pytest

from pcnotebooks.auth import Session
from pcnotebooks.errors import ServiceError
from pcnotebooks.frames import invoice_frame
from pcnotebooks.sample import sample_payload
from pcnotebooks.summaries import invoice_summaries
from tests.services.partner_center import Answer


def test_the_frame_is_that_of_the_fetched_payload(partner_center):
    """The figures are the documented example's; partner, cloud and time are the call's."""
    session = Session.from_token(partner_center().cloud, "token", partner="Contoso")
    before = pd.Timestamp.now("UTC")
    frame = invoice_summaries(session)
    example = invoice_frame(sample_payload())
    own = ["partner", "cloud", "retrieved_at"]
    pd.testing.assert_frame_equal(frame.drop(columns=own), example.drop(columns=own))
    assert frame["partner"].unique().tolist() == ["Contoso"]
    assert frame["cloud"].unique().tolist() == ["stand-in"]
    assert frame["retrieved_at"].between(before, pd.Timestamp.now("UTC")).all()


def test_an_account_without_invoices_is_an_empty_frame(partner_center):
    """No items is no error, and every column is there."""
    service = partner_center(Answer(b'{"totalCount": 0, "items": []}'))
    frame = invoice_summaries(Session.from_token(service.cloud, "token"))
    assert len(frame) == 0
    assert list(frame) == list(invoice_frame(sample_payload()))


def test_a_refusal_passes(partner_center):
    """What the service refuses is the caller's to see."""
    service = partner_center(Answer(b"", 403))
    with pytest.raises(ServiceError, match="403 Forbidden"):
        invoice_summaries(Session.from_token(service.cloud, "token"))
