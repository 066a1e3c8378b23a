"""What a fetch costs beyond the network, and how many go at once; on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator

import requests

from benchmarks.paired import Goal, Row, paired, show
from pcnotebooks import Session, fetch_all, fetch_invoice_summaries
from pcnotebooks.payload.decode import SUMMARIES
from tests.services.partner_center import Answer, PartnerCenter

_PARTNERS = 20
_LATENCY = 0.3


def rows() -> Iterator[Row]:
    """Measure one fetch, and those of many partners."""
    with PartnerCenter() as service:
        session = Session.from_token(service.cloud, "a-token-of-nobody", partner="Contoso")
        address = f"{service.url}/v1/invoices/summaries"
        yield paired(
            "fetch_invoice_summaries", lambda: fetch_invoice_summaries(session),
            "requests.get, json.loads",
            lambda: json.loads(requests.get(address, timeout=(10, 60)).content),
            goal=Goal("more", 3), rounds=41, calls=5,
        )  # fmt: skip
    slow = [Answer(delay=_LATENCY)] * (_PARTNERS * 2 * 6)
    with PartnerCenter(*slow) as service:
        sessions = [
            Session.from_token(service.cloud, "a-token-of-nobody", partner=f"Partner {number}")
            for number in range(_PARTNERS)
        ]
        yield paired(
            f"{_PARTNERS} partners at once, {_LATENCY * 1000:.0f} ms of latency",
            lambda: _all_there(fetch_all(sessions, resources=[SUMMARIES], progress=False)),
            "one after another",
            lambda: [fetch_invoice_summaries(session) for session in sessions],
            goal=Goal("ratio", 1 / 8), rounds=3,
        )  # fmt: skip


def _all_there(results: list[object]) -> None:
    for result in results:
        if isinstance(result, Exception):
            raise result


if __name__ == "__main__":
    show(rows())
