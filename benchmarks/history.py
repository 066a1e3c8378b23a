"""What a history costs beside the least that it could: one Parquet file, the files read raw, JSON.

``python -m benchmarks.history 1000`` measures one size.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq
from deltalake import write_deltalake

from benchmarks.flattening import details_by_recipe
from benchmarks.growth import exponents, grown
from benchmarks.paired import ROOT, Goal, Row, alone, milliseconds, paired, show
from pcnotebooks import History, Payload, summary_frame
from tests.builders import body, detail, item

DAYS = 1250
_SPARK = """
import json, sys, time
from pyspark.sql import SparkSession
spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.shuffle.partitions", "2").getOrCreate())
taken = []
for _ in range(6):
    started = time.perf_counter()
    rows = spark.read.parquet(sys.argv[1])
    rows.groupBy("currency", "invoice_type").sum("balance_amount").collect()
    taken.append((time.perf_counter() - started) * 1000)
print(json.dumps(taken[1:]))
"""
LATER = "2040-01-01"
_THREE = Goal("ratio", 3, "three files are made, and the payload's and its folder synced")
_CHECKED = "payloads and tables are listed and compared, and each file is checked by its digest"
_AS_OF = Goal(
    "alone", 200, "the keys of every earlier payload are read: a folder may hold two labels"
)
# A first frame, of no rows, for what is imported late.
_OPENED = (
    "from pcnotebooks import History; history = History(given);"
    " history.summaries(since='2039-01-01')"
)
_IN_A_PROCESS = {
    "memory of a frame": "history.summaries()",
    "memory of a frame as it stood on a day": "history.summaries(at='2023-06-01')",
}
_GROWING = ("frame as appended", "frame", "as it stood on a day", *_IN_A_PROCESS)


def rows(*sizes: int) -> Iterator[Row]:
    """Measure histories of some sizes: so many payloads of six rows, a day's for each partner."""
    sizes = sizes or (1000, 10_000, 100_000)
    found: dict[str, dict[int, float]] = {name: {} for name in _GROWING}
    for size in sizes:
        of = f"{size:,} payloads of 6 rows: "
        with tempfile.TemporaryDirectory() as folder:
            for row in _measure(size, Path(folder), of.removesuffix(": ")):
                yield row
                what = row.name.removeprefix(of)
                if what in found and row.ours:
                    found[what].setdefault(size, statistics.median(row.ours))
    if len(sizes) > 1:
        for what, taken in found.items():
            yield exponents(f"history: {what}", sizes, list(taken.values()))


def _measure(size: int, folder: Path, of: str) -> Iterator[Row]:
    payloads = [_payload(number, max(1, size // DAYS)) for number in range(size)]
    history = History(folder / "history")
    appends = [milliseconds(lambda each=payload: history.append(each)) for payload in payloads]
    tenth, one = size // 10, folder / "one.parquet"
    table = _raw(folder, "summaries").slice(0, 6)
    writes = [milliseconds(lambda: _write(table, one)) for _ in range(tenth)]
    least = "one Parquet file with fsync"
    yield Row(f"{of}: append, first tenth", appends[:tenth], least, writes, _THREE)
    yield Row(f"{of}: append, last tenth", appends[-tenth:], least, writes, _THREE)
    yield Row(f"{of}: append, mean with the compacting in passing", [statistics.mean(appends)])
    as_appended = [milliseconds(history.summaries) for _ in range(3)]
    yield Row(f"{of}: compact what is left", [milliseconds(lambda: history.compact(LATER))])
    compacted = [milliseconds(history.summaries) for _ in range(3)]
    yield Row(f"{of}: frame as appended", as_appended, "compacted", compacted, Goal("ratio", 3))
    yield paired(
        f"{of}: frame", history.summaries, "pyarrow reading the same files raw",
        lambda: _raw(folder, "summaries"), goal=Goal("ratio", 2, _CHECKED), rounds=7,
    )  # fmt: skip
    calls: dict[str, tuple[Callable[[], object], Goal | None]] = {
        "one partner since a day": (
            lambda: history.summaries(partner="Partner 0", since="2023-06-01"), None
        ),
        "as it stood on a day": (lambda: history.summaries(at="2023-06-01"), _AS_OF),
        "changes": (history.changes, None),
    }  # fmt: skip
    for name, (call, goal) in calls.items():
        yield alone(f"{of}: {name}", call, goal=goal, rounds=5)
    for name, source in _IN_A_PROCESS.items():
        yield Row(f"{of}: {name}", [grown(str(folder / "history"), _OPENED, source)], unit="MB")
    yield _spark(of, history, folder / "history")
    yield Row(f"{of}: every payload, proved", [milliseconds(lambda: list(history.payloads()))])
    if size <= 10_000:
        yield from _delta(of, history, folder)
    files = [path for path in (folder / "history").rglob("*") if path.is_file()]
    yield Row(
        f"{of}: {len(files):,} files", [sum(p.stat().st_size for p in files) / 1e6], unit="MB"
    )
    if size <= 10_000:
        yield from _files(of, history, payloads, folder)


def _delta(of: str, history: History, folder: Path) -> Iterator[Row]:
    """Compare with what delta-rs takes to write the same rows."""
    places = (folder / f"delta{number}" for number in count())
    table = history.arrow("summaries")
    yield paired(
        f"{of}: to_delta, a new table", lambda: history.to_delta(next(places)),
        "delta-rs writing the same rows", lambda: write_deltalake(next(places), table), rounds=5,
    )  # fmt: skip
    last = next(places)
    history.to_delta(last)
    yield alone(f"{of}: to_delta, nothing new", lambda: history.to_delta(last), rounds=5)


def _files(of: str, history: History, payloads: Sequence[Payload], folder: Path) -> Iterator[Row]:
    """Compare with as many JSON files, read by the recipe of a user and by our own reader."""
    answers = [folder / f"{place}-raw.json" for place in range(len(payloads))]
    for path, payload in zip(answers, payloads, strict=True):
        path.write_bytes(payload.body)
    saved = [payload.save(folder / f"{place}.json") for place, payload in enumerate(payloads)]
    yield paired(
        f"{of}: frame", history.summaries, "as many JSON files, by recipe",
        lambda: details_by_recipe(
            replace(payload, body=path.read_bytes())
            for path, payload in zip(answers, payloads, strict=True)
        ),
        goal=Goal("ratio", 1 / 10, _CHECKED), rounds=3,
    )  # fmt: skip
    yield paired(
        f"{of}: frame", history.summaries, "as many JSON files, by Payload.load",
        lambda: summary_frame(*map(Payload.load, saved)), rounds=3,
    )  # fmt: skip


def _spark(of: str, history: History, folder: Path) -> Row:
    """Return a frame beside Spark's sums of the same rows, once Spark has started."""
    peer = "Spark, local, summing the same rows"
    python = os.environ.get("PCNOTEBOOKS_SPARK_PYTHON", ROOT / ".venv" / "spark" / "bin" / "python")
    command = [python, "-c", _SPARK, folder / "summaries"]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=300)
    except (OSError, subprocess.SubprocessError):
        return Row(f"{of}: frame", [], peer, note="no Spark here: make test-spark sets it up")
    taken = json.loads(done.stdout.splitlines()[-1])
    return Row(f"{of}: frame", [milliseconds(history.summaries) for _ in taken], peer, taken)


def _payload(number: int, partners: int) -> Payload:
    day, partner = divmod(number, partners)
    items = [
        item(currency, None, *(
            detail(kind, Decimal(number * 7 + cents) / 100, currency=currency)
            for kind, cents in (("Recurring", 25), ("OneTime", 50))
        ))
        for currency in ("GBP", "EUR", "USD")
    ]  # fmt: skip
    at = datetime(2021, 1, 1, 6, tzinfo=UTC) + timedelta(days=day)
    return Payload(body(*items), "global", f"Partner {partner}", at)


def _raw(folder: Path, dataset: str) -> ds.Table:
    return ds.dataset(folder / "history" / dataset, format="parquet").to_table()


def _write(table: ds.Table, path: Path) -> None:
    with path.open("wb") as file:
        pq.write_table(table, file)
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


if __name__ == "__main__":
    show(rows(*map(int, sys.argv[1:])))
