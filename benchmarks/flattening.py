"""From an answer's bytes to frames, against the recipe that a user would write, and the floor.

The floor is the decoding of the same bytes into the same typed structs, and nothing after it.
"""

from __future__ import annotations

import io
import json
import math
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl

from benchmarks.paired import PYTHON, ROOT, Goal, Row, alone, paired, show
from pcnotebooks import (
    Payload,
    invoice_ageing,
    invoice_frame,
    sample_payload,
    summary_frame,
    totals_frame,
)
from pcnotebooks.payload.decode import _ANSWER
from tests.builders import AT, NONE, detail, item, listed, payload

_LIMIT = "each call decodes the bytes anew, checks each amount and makes a float of it"
_OF_LISTS = "each amount is an exact Decimal that is checked, each id is compared with the others"
_KINDS = ("Recurring", "OneTime", "Azure", "Support")
_SYMBOLS = ("£", "€", "$", "kr")


def rows() -> Iterator[Row]:
    """Measure payloads of some sizes."""
    sample, small, large = sample_payload(), _payload(1000), _payload(100_000)
    yield paired(
        "documented example, both frames", lambda: _both(sample), "recipe", lambda: _recipe(sample),
        calls=10, rounds=15,
    )  # fmt: skip
    yield alone(
        "documented example, both frames", lambda: _both(sample),
        goal=Goal("alone", 3), calls=10, rounds=15,
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
        yield paired(what, ours, "recipe", recipe, goal=Goal("ratio", 1 / 8, _LIMIT), rounds=5)
        yield paired(
            what, ours, "floor: msgspec structs, once", lambda: _ANSWER.decode(large.body),
            goal=Goal("ratio", 3, _LIMIT),
        )  # fmt: skip
    yield paired(what, ours, "polars, floats", lambda: _polars(large), rounds=5)
    yield paired(
        "100,000 details, exact=True", lambda: summary_frame(large, exact=True),
        "summary_frame", lambda: summary_frame(large), goal=Goal("ratio", 2),
    )  # fmt: skip
    invoices = _invoices(10_000)
    yield paired(
        "10,000 invoices to an aged frame", lambda: invoice_ageing(invoice_frame(invoices)),
        "recipe", lambda: _aged_by_recipe(invoices), goal=Goal("ratio", 1 / 5, _OF_LISTS),
    )  # fmt: skip
    yield _growth(_payload(10_000), large)
    yield _memory(large)
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


def _growth(tenth: Payload, whole: Payload) -> Row:
    """Return the exponent of growth, between a tenth and the whole."""
    row = paired("", lambda: summary_frame(whole), "", lambda: summary_frame(tenth), rounds=7)
    exponents = [math.log10(ratio) for ratio in row.ratios]
    name = "exponent of growth, 10,000 to 100,000 details"
    return Row(name, exponents, goal=Goal("alone", 1.15), unit="")


def _memory(large: Payload) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large.json"
        file.write_bytes(large.body)
        taken = [
            [_peak(way, file) for way in ("ours", "recipe")] for _ in range(3)
        ]  # fmt: skip
    ours, theirs = zip(*taken, strict=True)
    name = "100,000 details, both frames: peak memory"
    return Row(name, ours, "recipe", theirs, Goal("ratio", 1 / 3), "MB")


def _peak(way: str, file: Path) -> float:
    """Return by how many megabytes a process of its own grows at its peak."""
    command = (PYTHON, "-m", "benchmarks.flattening", way, str(file))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    return float(done.stdout)


def _grow(way: str, file: str) -> None:
    call = _both if way == "ours" else _recipe
    call(sample_payload())  # what is imported late
    large = Payload(Path(file).read_bytes(), "global", "Contoso", AT)
    before = _highest()
    call(large)
    print(_highest() - before)


def _highest() -> float:
    """Return the most memory that this process has had, in megabytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage begins with the peak of the process that started this one
        return int(re.findall(r"VmHWM:\s+(\d+)", status.read_text("ascii"))[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    if sys.argv[1:]:
        _grow(*sys.argv[1:])
    else:
        show(rows())
