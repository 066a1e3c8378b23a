"""What a history costs beside the least that it could: one Parquet file, the files read raw, JSON.

Run by ``make bench``; ``python -m benchmarks.history 1000 10000 100000`` measures the growth.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq

from pcnotebooks import History, Payload, invoice_frame
from tests.builders import body, detail, item

DAYS = 1250
LATER = "2040-01-01"


def main() -> None:
    """Measure histories of some sizes: so many payloads of six rows, a day's for each partner."""
    for size in [int(size) for size in sys.argv[1:]] or [1000, 10_000]:
        with tempfile.TemporaryDirectory() as folder:
            _measure(size, Path(folder))


def _measure(size: int, folder: Path) -> None:
    payloads = [_payload(number, max(1, size // DAYS)) for number in range(size)]
    history = History(folder / "history")
    appends = [_seconds(lambda each=payload: history.append(each)) for payload in payloads]
    tenth = size // 10
    one = folder / "one.parquet"
    table = _raw(folder, "invoice_details").slice(0, 6)
    writes = [_seconds(lambda: _write(table, one)) for _ in range(300)]
    small = _seconds(history.frame)
    print(f"\n{size:,} payloads of 6 rows, {max(1, size // DAYS)} partners")
    first, last, least = map(statistics.median, (appends[:tenth], appends[-tenth:], writes))
    print(
        f"append: first tenth {first * 1e3:.2f} ms, last tenth {last * 1e3:.2f} ms,"
        f" x{statistics.median(appends) / least:.1f} of one Parquet file with fsync"
        f" ({least * 1e3:.2f} ms)"
    )
    compacting = _seconds(lambda: history.compact(LATER))
    read = _best(history.frame)
    raw = _best(lambda: _raw(folder, "invoice_details"))
    print(
        f"frame: {read:.3f} s, x{read / raw:.2f} of pyarrow reading the same files raw"
        f" ({raw:.3f} s); before compacting ({compacting:.1f} s) {small:.2f} s"
    )
    partner = _best(lambda: history.frame(partner="Partner 0", since="2023-06-01"))
    day = _best(lambda: history.frame(at="2023-06-01"))
    print(f"one partner since a day: {partner:.3f} s; as it stood on a day: {day:.3f} s")
    kept = _seconds(lambda: list(history.payloads()))
    files = [path for path in (folder / "history").rglob("*") if path.is_file()]
    print(
        f"every payload, proved: {kept:.2f} s; {len(files):,} files,"
        f" {sum(path.stat().st_size for path in files) / 1e6:.1f} MB"
    )
    if size <= 10_000:
        saved = [payload.save(folder / f"{n}.json") for n, payload in enumerate(payloads)]
        json = _seconds(lambda: invoice_frame(*map(Payload.load, saved)))
        print(f"as many JSON files: {json:.2f} s, x{json / read:.0f} of the frame")


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


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _best(call: Callable[[], object]) -> float:
    return min(_seconds(call) for _ in range(7))


if __name__ == "__main__":
    main()
