"""From an answer's bytes to frames, against the recipe that a user would write, and the floors.

The first floor is the decoding of the same bytes into the same typed structs, and nothing after
it; the second one our own decoding, which also checks every amount, code and count.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pandas as pd
import polars as pl

from benchmarks.growth import exponents, grown, memory
from benchmarks.paired import Goal, Row, alone, milliseconds, paired, show
from pcnotebooks import (
    Payload,
    invoice_ageing,
    invoice_frame,
    sample_payload,
    summary_frame,
    totals_frame,
)
from pcnotebooks.payload.decode import _ANSWER, decode
from pcnotebooks.payload.invoices import invoices_of
from tests.builders import AT, NONE, detail, item, listed, payload

_LIMIT = "each call decodes the bytes anew, checks each amount and makes a float of it"
_OF_LISTS = "a third is msgspec, the rest exact amounts, checks of each id and name, and 20 columns"
_OF_PANDAS = "pandas takes its time for two frames of 12 columns, whatever is in them"
_KINDS = ("Recurring", "OneTime", "Azure", "Support")
_SYMBOLS = ("£", "€", "$", "kr")
_SIZES = (1000, 10_000, 100_000)
_NUMBERS = count()
_HERE = "from benchmarks.flattening"


def rows() -> Iterator[Row]:
    """Measure payloads of some sizes."""
    sample, small, large = sample_payload(), _payload(1000), _payload(100_000)
    yield paired(
        "documented example, both frames", lambda: _both(sample), "recipe", lambda: _recipe(sample),
        calls=10, rounds=15,
    )  # fmt: skip
    yield alone(
        "documented example, both frames", lambda: _both(sample),
        goal=Goal("alone", 2, _OF_PANDAS), calls=10, rounds=15,
    )  # fmt: skip
    yield alone(
        "documented example, summary_frame", lambda: summary_frame(sample),
        goal=Goal("alone", 3), calls=10, rounds=15,
    )  # fmt: skip
    yield paired(
        "1,000 details, both frames", lambda: _both(small), "recipe", lambda: _recipe(small),
    )  # fmt: skip
    ways = (
        ("both frames", lambda: _both(large), lambda: _recipe(large)),
        ("summary_frame", lambda: summary_frame(large), lambda: details_by_recipe([large])),
    )
    for name, ours, recipe in ways:
        what = f"100,000 details, {name}"
        yield paired(what, ours, "recipe", recipe, goal=Goal("ratio", 1 / 5, _LIMIT), rounds=5)
        yield paired(
            what, ours, "floor: msgspec structs, once", lambda: _ANSWER.decode(large.body),
            goal=Goal("ratio", 3, _LIMIT),
        )  # fmt: skip
    for frame in (summary_frame, totals_frame):
        yield paired(
            f"100,000 details of a fresh payload, {frame.__name__}",
            lambda make=frame: make(_fresh(large)),
            "our checked decode", lambda: decode(_fresh(large)),
            goal=Goal("ratio", 1.5, _LIMIT),
        )  # fmt: skip
    yield paired(what, ours, "polars, floats", lambda: _polars(large), rounds=5)
    yield paired(
        "100,000 details, exact=True", lambda: summary_frame(large, exact=True),
        "summary_frame", lambda: summary_frame(large), goal=Goal("ratio", 2),
    )  # fmt: skip
    yield _growth("summary_frame of details", summary_frame, _payload)
    yield from _memory(large)
    yield from _lists()
    many = [replace(_payload(6, code), retrieved_at=AT + timedelta(hours=code))
            for code in range(10_000)]  # fmt: skip
    yield paired(
        "10,000 payloads of 6 details", lambda: summary_frame(*many),
        "recipe of that frame, once for all", lambda: details_by_recipe(many), rounds=5,
    )  # fmt: skip
    yield paired(
        "10,000 payloads of 6 details", lambda: summary_frame(*many),
        "floor: msgspec structs, once each", lambda: [_ANSWER.decode(one.body) for one in many],
        goal=Goal("ratio", 3, _LIMIT), rounds=5,
    )  # fmt: skip


def _lists() -> Iterator[Row]:
    """Measure lists of invoices of two sizes, each from a payload that was not looked at before."""
    for size in _SIZES[1:]:
        invoices, what = _invoices(size), f"{size:,} invoices to an aged frame"
        yield paired(
            what, lambda: _aged(_fresh(invoices)),  # noqa: B023
            "recipe", lambda: _aged_by_recipe(invoices),  # noqa: B023
            goal=Goal("ratio", 1 / 5, _OF_LISTS), rounds=5,
        )  # fmt: skip
        yield paired(
            what, lambda: _aged(_fresh(invoices)),  # noqa: B023
            "our checked decode", lambda: invoices_of(_fresh(invoices)),  # noqa: B023
            goal=Goal("ratio", 2, _OF_LISTS), rounds=5,
        )  # fmt: skip
    yield _growth("invoices to an aged frame", _aged, _invoices)
    yield from memory(
        "invoices to an aged frame", _SIZES, _invoices,
        f"{_HERE} import _aged, sample_payload; _aged(sample_payload('invoices'))",
        "_aged(given)",
    )  # fmt: skip


def _aged(one: Payload) -> pd.DataFrame:
    return invoice_ageing(invoice_frame(one))


def _fresh(one: Payload) -> Payload:
    """Return the payload under another label: what was found of the first is not known of it."""
    return replace(one, partner=f"Contoso {next(_NUMBERS)}")


def _payload(details: int, seed: int = 0) -> Payload:
    """Return a payload of so many details, two or four a currency."""
    each = min(4, max(2, details // 4))
    items = []
    for number in range(details // each):
        currency = f"{'GEUS'[number % 4]}{number % 37:02d}"
        parts = [
            detail(
                _KINDS[place],
                Decimal((seed + number) * 7919 % 10**8 + place) / 100,
                currency=currency,
                currencySymbol=_SYMBOLS[number % 4],
                latestInvoiceDate=f"2024-0{1 + number % 9}-{1 + number % 28:02d}T00:00:00",
                lastPaymentDate=f"2023-0{1 + number % 9}-08T10:00:00Z" if place else NONE,
            )
            for place in range(each)
        ]
        items.append(item(currency, None, *parts))
    return payload(*items)


def _invoices(count: int) -> Payload:
    """Return a list of so many invoices, each nested as one of the documented list."""
    documented = json.loads(sample_payload("invoices").body)["items"]
    items = []
    for number in range(count):
        one = documented[number % len(documented)]
        amendments = [each | {"id": f"A{number:06}"} for each in one.get("amendments") or ()]
        day = f"202{2 + number % 2}-{1 + number % 12:02}-{1 + number % 28:02}T00:00:00Z"
        items.append(one | {"id": f"D{number:06}", "invoiceDate": day, "amendments": amendments})
    return Payload(listed(*items), "global", "Contoso", AT, resource="invoices")


def _aged_by_recipe(one: Payload) -> pd.DataFrame:
    """Age a list of invoices as a user would."""
    records = json.loads(one.body)["items"]
    # A list nested in a record is flattened by a path of its own.
    for record in records:
        record["amendments"] = record.get("amendments") or []
    frames = [pd.json_normalize(records), pd.json_normalize(records, "amendments")]
    frame = pd.concat(frames, ignore_index=True)
    for name in ("currencyCode", "invoiceType", "documentType"):
        frame[name] = frame[name].astype("category")
    dates = pd.to_datetime(frame["invoiceDate"], utc=True, format="ISO8601", errors="coerce")
    frame["open"] = frame["totalCharges"] - frame["paidAmount"].abs().fillna(0)
    frame["due"] = dates.dt.normalize() + pd.Timedelta(days=60)
    frame["overdue"] = (pd.Timestamp(one.retrieved_at).normalize() - frame["due"]).dt.days
    edges = [-math.inf, 0, 30, 60, 90, math.inf]
    labels = ["not due", "1-30", "31-60", "61-90", "over 90"]
    frame["ageing"] = pd.cut(frame["overdue"], edges, labels=labels)
    return frame


def _both(one: Payload) -> None:
    summary_frame(one)
    totals_frame(one)


def _recipe(one: Payload) -> None:
    """Flatten as a user would: details and totals from one parsing."""
    records = json.loads(one.body)["items"]
    _typed(_details(records), "summary.")
    _typed(pd.json_normalize(records).drop(columns="details"), "")


def details_by_recipe(payloads: Iterable[Payload]) -> None:
    """Make a frame of many answers' details as a user would."""
    records: list[Any] = []
    for each in payloads:
        own = json.loads(each.body)["items"]
        for record in own:
            record["retrieved_at"] = each.retrieved_at
        records += own
    _typed(_details(records), "summary.")


def _details(records: list[Any]) -> pd.DataFrame:
    return pd.json_normalize(records, "details", meta=["currencyCode"])


def _typed(frame: pd.DataFrame, prefix: str) -> pd.DataFrame:
    for name in ("accountingDate", "firstInvoiceCreationDate", "lastPaymentDate",
                 "latestInvoiceDate"):  # fmt: skip
        dates = frame[prefix + name]
        frame[prefix + name] = pd.to_datetime(dates, utc=True, format="ISO8601", errors="coerce")
    for name in {"currencyCode", "invoiceType"} & set(frame):
        frame[name] = frame[name].astype("category")
    return frame


def _polars(one: Payload) -> None:
    pl.read_json(io.BytesIO(one.body), infer_schema_length=None).select("items").explode(
        "items"
    ).select(
        pl.col("items").struct.field("currencyCode").alias("currency").cast(pl.Categorical),
        pl.col("items").struct.field("details"),
    ).explode("details").unnest("details").unnest("summary").with_columns(
        pl.col("invoiceType").cast(pl.Categorical),
        pl.col("^.*Date$").str.slice(0, 19).str.to_datetime("%Y-%m-%dT%H:%M:%S"),
    )


def _growth(name: str, call: Callable[[Payload], Any], make: Callable[[int], Payload]) -> Row:
    """Return the exponents of growth, from the best of some rounds at each size."""
    taken = []
    for size in _SIZES:
        given = make(size)
        taken.append(min(milliseconds(lambda: call(given)) for _ in range(7)))  # noqa: B023
    return exponents(name, _SIZES, taken)


def _memory(large: Payload) -> Iterator[Row]:
    prepare = (
        f"{_HERE} import _both, _recipe, sample_payload;"
        " _both(sample_payload()); _recipe(sample_payload())"
    )
    ours, theirs = (
        [grown(large, prepare, f"{way}(given)") for _ in range(3)] for way in ("_both", "_recipe")
    )
    name = "100,000 details, both frames: peak memory"
    yield Row(name, ours, "recipe", theirs, Goal("ratio", 1 / 3), "MB")
    yield from memory("both frames of details", _SIZES, _payload, prepare, "_both(given)")


if __name__ == "__main__":
    show(rows())
