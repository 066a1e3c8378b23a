"""Bodies of every kind against a second reading of them; ``python -m tests.fuzz 20000`` runs many.

The second reading shares nothing with the package: the standard library's JSON, and a date
put together by hand.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st

from pcnotebooks.errors import PayloadError
from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.frame.measures import differences_of, with_recency
from pcnotebooks.frame.rows import flatten
from pcnotebooks.payload.payload import Payload
from pcnotebooks.payload.sample import sample_payload
from pcnotebooks.text import printable
from tests.builders import AT
from tests.payload.corpus import READ

DATES = ("lastPaymentDate", "accountingDate", "firstInvoiceCreationDate", "latestInvoiceDate")
COLUMNS = (
    "last_payment_date",
    "accounting_date",
    "first_invoice_creation_date",
    "latest_invoice_date",
)
Figures = tuple[str, str | None, Decimal, Decimal | None, tuple[datetime | None, ...]]


def read(answer: bytes, *, dates: Sequence[str] = DATES) -> list[list[Figures]]:
    """Return of each item its own figures, then those of its details."""
    document = json.loads(answer.decode("utf-8-sig"), parse_float=Decimal, parse_int=Decimal)
    items = []
    for entry in document["items"]:
        code = entry["currencyCode"].strip().upper()
        parts = [
            figures(code, part["summary"], part.get("invoiceType"), dates)
            for part in entry.get("details") or []
        ]
        items.append([figures(code, entry, None, dates), *parts])
    return items


def figures(
    code: str, stated: dict[str, Any], invoice_type: str | None, dates: Sequence[str]
) -> Figures:
    """Return what is stated of a currency or of an invoice type in it."""
    paid = stated.get("lastPaymentAmount")
    return (
        code,
        invoice_type if invoice_type and invoice_type.strip() else None,
        Decimal(stated["balanceAmount"]),
        None if paid is None else Decimal(paid),
        tuple(moment(stated.get(name)) for name in dates),
    )


def moment(stamp: str | None) -> datetime | None:
    """Return the moment of a stamp in UTC, to the microsecond; None in the year 1."""
    if stamp is None or stamp.startswith("0001-"):
        return None
    parts = _PARTS.match(stamp)
    if parts is None:
        raise ValueError(stamp)
    *numbers, fraction, zone = parts.groups()
    wall = datetime(*(int(number or 0) for number in numbers), tzinfo=UTC)
    wall += timedelta(microseconds=int(f"{fraction or 0:0<6}"[:6]))
    if zone in ("", "Z"):
        return wall
    hours, minutes = zone[1:].split(":")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return wall + offset if zone[0] == "-" else wall - offset


_PARTS = re.compile(r"(\d+)-(\d+)-(\d+)(?:T(\d+):(\d+):(\d+)\.?(\d*))?(.*)")


def spelling(invoice_type: Any) -> str | None:
    """Return what invoice types are compared by."""
    return None if pd.isna(invoice_type) else invoice_type.strip().replace("_", "").casefold()


def check(answer: bytes) -> bool:
    """Assert that an answer is read as it says, or refused in words; return whether it was read."""
    payload = Payload(answer, "global", "Contoso", AT)
    try:
        frame, totals = summary_frame(payload, exact=True), totals_frame(payload, exact=True)
    except PayloadError as error:
        refused = error
    else:
        matches(payload, frame, totals)
        return True
    assert refused.message.startswith("Not invoice summaries (Contoso): ")
    assert refused.message.endswith(".")
    assert printable(refused.message) == refused.message
    assert len(refused.message) < 400
    assert refused.remedy
    assert refused.path is None or refused.path.startswith("$")
    return False


def matches(payload: Payload, frame: pd.DataFrame, totals: pd.DataFrame) -> None:
    """Assert that frames and what is derived from them say what the second reading says."""
    items = read(payload.body)
    rows = [row for entry in items for row in entry[1:] or entry]
    agrees(frame, rows)
    agrees(totals, [entry[0] for entry in items])
    balances: dict[str, Decimal] = {}
    with localcontext(prec=200):
        for code, _, balance, *_ in (entry[0] for entry in items):
            balances[code] = balances.get(code, Decimal(0)) + balance
    compared = differences_of(flatten([payload]))
    assert dict(zip(compared["currency"], compared["stated"], strict=True)) == balances
    recency = with_recency(frame)
    assert recency["days_since_payment"].isna().equals(frame["last_payment_date"].isna())


def agrees(frame: pd.DataFrame, rows: list[Figures]) -> None:
    """Assert that a frame holds these rows: amounts to the last digit, dates to the microsecond."""
    columns = [frame["currency"], frame["balance_amount"], frame["last_payment_amount"]]
    kinds = frame["invoice_type"] if "invoice_type" in frame else [None] * len(frame)
    found = [
        (code, spelling(kind), balance, stated(paid), *map(stated, dates))
        for kind, code, balance, paid, *dates in zip(
            kinds, *columns, *(frame[name] for name in COLUMNS), strict=True
        )
    ]
    expected = [
        (code, spelling(kind), balance, paid, *dates) for code, kind, balance, paid, dates in rows
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)


def stated(value: Any) -> Any:
    """Return a cell's value as Python's own, None where it is missing."""
    if pd.isna(value):
        return None
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


def damaged(chance: random.Random, answer: bytes) -> bytes:
    """Return an answer with up to three faults of the kind that a wire or a program makes."""
    text = bytearray(answer)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at, end = sorted(chance.randint(0, len(text)) for _ in range(2))
        end = min(end, at + chance.choice([1, 8, 200]))
        match chance.randrange(12):
            case 0 if at < len(text):
                text[at] ^= 1 << chance.randrange(8)
            case 1:
                del text[at:end]
            case 2:
                text[at:at] = text[at:end]
            case 3:
                del text[end:]
            case 4:
                text[at:end] = chance.choice(TOKENS)
            case 5:
                text[at:at] = chance.choice(SEEDS)[:200]
            case _ if places := list(_VALUE.finditer(text)):
                place = chance.choice(places)
                text[place.start() : place.end()] = chance.choice(TOKENS)
    return bytes(text)


_VALUE = re.compile(rb'(?<=: )("[^"]*"|-?[\d.eE+-]+|null|true|false)|(?<=:)("[^"]*"|-?[\d.eE+-]+)')
TOKENS = (
    b"null", b"true", b"[]", b"{}", b'""', b"0", b"-0", b"1e15", b"-999999999999999.99", b"1e-28",
    b"0.1", b"1E400", b"NaN", b"-Infinity", b'"NaN"', b'"12.50"', b'"1_0"', b"1" * 60, b'"GBP"',
    b'"gbp"', b'"JPY"', b'"\\u00a3"', b'"\\ud800"', b'"Recurring"', b'"one_time"', b'" "',
    b'"0001-01-01T00:00:00"', b'"0001-01-01T00:00:00.0000000-08:00"', b'"2024-02-29"',
    b'"2024-02-30"', b'"9999-12-31T23:59:59.9999999"', b'"2024-03-05T06:00:00.1234567+05:30"',
    b'"2024-W10-2"', b"\xff", b"\x00", b"\xef\xbb\xbf", b"[" * 2000, b",", b'"details":', b"}",
)  # fmt: skip
SEEDS = (sample_payload().body, *(answer for answer, _ in READ.values() if len(answer) < 10_000))


@st.composite
def answers(draw: Any) -> bytes:
    """Draw a body: one of the corpus, damaged or not."""
    seed = draw(st.sampled_from(SEEDS))
    return draw(st.just(seed) | st.randoms().map(lambda chance: damaged(chance, seed)))


def run(inputs: int, *, seed: int | None = None) -> tuple[int, int]:
    """Check so many inputs; return how many were read and how many refused."""
    counts = {True: 0, False: 0}

    @settings(max_examples=inputs, deadline=None, database=None, derandomize=seed is None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(answers())
    def every(answer: bytes) -> None:
        counts[check(answer)] += 1

    if seed is not None:
        every = hypothesis_seed(seed)(every)
    every()
    return counts[True], counts[False]


def main() -> None:
    """Check as many inputs as the first argument says, from a seed that is told."""
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().getrandbits(32)
    print(f"python -m tests.fuzz {inputs} {seed}", flush=True)
    start = time.monotonic()
    read_, refused = run(inputs, seed=seed)
    took = time.monotonic() - start
    print(
        f"{read_ + refused:,} inputs in {took:.0f} s: {read_:,} read, {refused:,} refused, 0 wrong"
    )


if __name__ == "__main__":
    main()
