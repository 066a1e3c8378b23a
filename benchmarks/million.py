"""Spark over a million payloads: two years of daily answers of 1,370 partners.

``python -m benchmarks.million FOLDER`` makes the derived files that a compacted history of them
has, and runs the queries. Their bodies are those of the sample's generator. The tables of each are
derived once, and written under each partner's label by the history's own writer.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from benchmarks.paired import ROOT
from pcnotebooks import Payload
from pcnotebooks.history.files import digest_of, file_of
from pcnotebooks.history.tables import derived_tables, parquet
from pcnotebooks.payload.decode import SUMMARIES
from pcnotebooks.payload.sample import _body

_DAYS = [date(2024, 1, 2) + timedelta(days=number) for number in range(730)]
_SPARK = """
import sys, time
from pyspark.sql import SparkSession, Window, functions as F
root = sys.argv[1]
spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    .config("spark.driver.memory", "6g").config("spark.ui.showConsoleProgress", "false")
    .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "8")
    .config("spark.sql.sources.partitionColumnTypeInference.enabled", "false").getOrCreate())
def timed(what, call):
    started = time.perf_counter()
    found = call()
    print(f"{what}: {time.perf_counter() - started:.1f} s", flush=True)
    return found
def read(frame):
    frame.write.format("noop").mode("overwrite").save()
totals = timed("list the files of totals", lambda: spark.read.parquet(f"{root}/totals"))
month = F.date_format("retrieved_at", "yyyy-MM")
timed("balance at the end of each month", lambda: read(
    totals.groupBy("partner", "cloud", "currency", month)
    .agg(F.max_by("balance_amount", "retrieved_at"))))
latest = Window.partitionBy("partner", "cloud").orderBy(F.desc("retrieved_at"))
for what, rows in {
    "as of a day": totals.where("retrieved_at < '2025-06-02'"),
    "as of a day, from its month on": totals.where(
        "retrieved_at < '2025-06-02' and month between '2025-06' and '2025-06'"),
}.items():
    timed(what, lambda: read(rows.withColumn("age", F.rank().over(latest)).where("age = 1")))
summaries = timed("list the files of summaries", lambda: spark.read.parquet(f"{root}/summaries"))
timed("read all rows of summaries", lambda: read(summaries))
"""


def main(folder: str, partners: str = "1370") -> None:
    """Make the files, then run the queries."""
    months = {name: list(_months(name)) for name in ("Contoso", "Fabrikam")}
    for number in range(int(partners)):
        name = ("Contoso", "Fabrikam")[number % 2]
        for month in months[name]:
            _write(Path(folder), f"Partner {number:04}", *month)
    python = os.environ.get("PCNOTEBOOKS_SPARK_PYTHON", ROOT / ".venv" / "spark" / "bin" / "python")
    subprocess.run([python, "-c", _SPARK, folder], check=True)


def _months(name: str) -> Iterator[tuple[list[Payload], dict[str, pa.Table]]]:
    """Yield the payloads of each month with their derived tables."""
    for _, days in groupby(_DAYS, key=lambda day: (day.year, day.month)):
        payloads = [
            Payload(_body(name, day), "global", name, datetime.combine(day, time(6), UTC))
            for day in days
        ]
        yield payloads, derived_tables(SUMMARIES, payloads)[0]


def _write(folder: Path, label: str, payloads: list[Payload], derived: dict[str, pa.Table]) -> None:
    file = file_of(*(replace(payload, partner=label) for payload in payloads))
    for dataset, table in derived.items():
        place = table.schema.get_field_index("partner")
        labels = pa.array([label] * len(table), pa.string())
        content = parquet(table.set_column(place, table.schema.field(place), labels))
        path = folder / replace(file, dataset=dataset, digest=digest_of(content)).path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
