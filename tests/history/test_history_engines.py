"""Other engines read the datasets as they are; an object store serves as a folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from pcnotebooks.amounts import add_exactly
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.build import summary_frame
from pcnotebooks.frame.measures import balance_changes
from pcnotebooks.history.history import History
from pcnotebooks.payload.sample import sample_history
from tests.builders import AT, invoice, invoices, item, payload

LATER = "2040-01-01"
# Each derived dataset, and the amount that is added.
DATASETS = {"summaries": "balance_amount", "totals": "balance_amount", "invoices": "total_charges"}
# Labels that are no plain folder names, and one that looks like a number.
PAYLOADS = [
    *sample_history(),
    *(
        payload(item("GBP", Decimal("0.10")), partner=partner, at=AT + timedelta(days=day))
        for partner in ("", "a/b=c..", "Łódź 株式会社", "2024", "__HIVE_DEFAULT_PARTITION__")
        for day in (0, 1)
    ),
]


@pytest.fixture(scope="module", params=[False, True], ids=["as appended", "compacted"])
def folder(request, tmp_path_factory):
    """Return the folder of a history."""
    folder = tmp_path_factory.mktemp("engines") / "history"
    history = History(folder)
    for each in PAYLOADS:
        history.append(each, sample=True)
    if request.param:
        history.compact(LATER)
    return folder


def sums(folder, dataset):
    """Return the exact sum for each partner and currency, which means nothing but is told apart."""
    frame = getattr(History(folder), dataset)(exact=True)
    groups = frame.groupby(["partner", "currency"], observed=True)[DATASETS[dataset]]
    return {key: add_exactly(amounts) for key, amounts in groups}


@pytest.mark.parametrize("dataset", DATASETS)
def test_duckdb_reads_equal_sums(folder, dataset):
    """Partitions by folder, or the columns in the files alone."""
    where = f"{folder}/{dataset}/**/*.parquet"
    rows = duckdb.read_parquet(where, hive_partitioning=True)
    amount = DATASETS[dataset]
    found = rows.aggregate(f"partner, currency, sum({amount}), min(month)").fetchall()
    assert {row[:2]: row[2] for row in found} == sums(folder, dataset)
    assert "2024-01" in {month for *_, month in found}
    plain = duckdb.read_parquet(where, hive_partitioning=False)
    found = plain.aggregate(f"partner, currency, sum({amount})").fetchall()
    assert {row[:2]: row[2] for row in found} == sums(folder, dataset)


@pytest.mark.parametrize("dataset", DATASETS)
def test_polars_reads_equal_sums(folder, dataset):
    """Lazily, from the folder."""
    rows = pl.scan_parquet(folder / dataset, hive_partitioning=False)
    grouped = rows.group_by("partner", "currency").agg(pl.col(DATASETS[dataset]).sum())
    assert {row[:2]: row[2] for row in grouped.collect().iter_rows()} == sums(folder, dataset)
    months = pl.scan_parquet(
        folder / dataset,
        hive_schema={"in_cloud": pl.String, "account": pl.String, "month": pl.String},
    )
    one = months.filter(pl.col("month") == "2024-06", pl.col("currency") == "KWD")
    assert one.collect().height == 0
    assert months.filter(pl.col("month") == "2025-06").collect().height > 0


def read_as_it_is(folder):
    """Assert that pandas and Arrow read each dataset of a folder."""
    for dataset in ("payloads", *DATASETS):
        place, rows = folder / dataset, History(folder).arrow(dataset)
        assert len(pd.read_parquet(place)) == len(rows) > 0
        assert len(pd.read_parquet(place, filters=[("month", ">=", "2000-01")])) == len(rows)
        partners = set(rows["partner"].to_pylist())
        assert set(pq.read_table(place)["partner"].to_pylist()) == partners
        assert ds.dataset(place, partitioning="hive").count_rows() == len(rows)
        assert ds.dataset(place).to_table().num_rows == len(rows)


def test_pandas_and_arrow_read_each_folder_as_it_is(folder):
    """With the folder's names as columns."""
    read_as_it_is(folder)


@pytest.mark.parametrize("partner", ["", "2024", "__HIVE_DEFAULT_PARTITION__"])
def test_pandas_and_arrow_read_a_single_odd_label(tmp_path, partner):
    """One that looks like a number, or like a missing one."""
    for each in (payload(item("GBP", 1), partner=partner), invoices(invoice(), partner=partner)):
        assert History(tmp_path).append(each)
    read_as_it_is(tmp_path)


def test_arrow_reads_the_declared_types(folder):
    """Decimals of 19 digits, four of them decimals, and instants in UTC."""
    for dataset in DATASETS:
        schema = ds.dataset(folder / dataset, format="parquet").schema
        amounts = [name for name in schema.names if name.endswith(("_amount", "_charges"))]
        assert {str(schema.field(name).type) for name in amounts} == {"decimal128(19, 4)"}
        dates = [name for name in schema.names if name.endswith(("_date", "_at", "_start", "_end"))]
        assert {str(schema.field(name).type) for name in dates} == {"timestamp[us, tz=UTC]"}
        assert (len(amounts), len(dates)) == (2, 4 if dataset == "invoices" else 5)


SPARK = """
import json, sys
from pyspark.sql import SparkSession
spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
    .config("spark.sql.session.timeZone", "UTC").getOrCreate())
said = {}
for dataset, amount in json.loads(sys.argv[2]).items():
    rows = spark.read.parquet(sys.argv[1] + "/" + dataset)
    said[dataset] = {
        "types": dict(rows.dtypes),
        "sums": [[row[0], row[1], str(row[2])] for row in
                 rows.groupBy("partner", "currency").sum(amount).collect()],
        "june": rows.where("month = '2025-06' and currency = 'KWD'").count(),
        "key": rows.dropDuplicates(
            ["partner", "cloud", "retrieved_at", "sha256", "position"]).count() == rows.count(),
    }
said["bodies"] = spark.read.parquet(sys.argv[1] + "/payloads").selectExpr(
    "sum(if(sha2(body, 256) = sha256, 1, 0))",
    "sum(if(size(pages) = 0, 1, 0))", "sum(if(resource = 'invoices', 1, 0))").first()
print(json.dumps(said))
"""


@pytest.mark.spark
def test_spark_reads_equal_sums_and_equal_bytes(folder):
    """Spark 4 in local mode on Java 17, in an environment of its own."""
    python = os.environ.get("PCNOTEBOOKS_SPARK_PYTHON", sys.executable)
    # Java reads the names of folders in the locale's encoding.
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [python, "-c", SPARK, str(folder), json.dumps(DATASETS)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout)
    for dataset in DATASETS:
        found = {(partner, code): Decimal(total) for partner, code, total in said[dataset]["sums"]}
        assert found == sums(folder, dataset)
        assert said[dataset]["types"][DATASETS[dataset]] == "decimal(19,4)"
        assert said[dataset]["types"]["retrieved_at"] == "timestamp"
        assert said[dataset]["types"]["month"] == "string"
        assert said[dataset]["june"] == (9 if dataset == "invoices" else 1)
        assert said[dataset]["key"]
    assert said["bodies"] == [len(PAYLOADS), len(PAYLOADS), 48]


# An object store

_ENDED: list[object] = []  # file systems whose server has stopped


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """Return the URL of a bucket of an S3 stand-in on loopback."""
    import logging  # noqa: PLC0415  what moto loads is loaded only here, too

    from moto.server import ThreadedMotoServer  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        import s3fs  # noqa: PLC0415

        s3fs.S3FileSystem().mkdir("books")
        yield "s3://books"
        # Kept: where a collection of garbage came upon them in some later test's event loop,
        # their sessions would be closed by a task that nobody awaits.
        _ENDED.extend(s3fs.S3FileSystem._cache.values())
        s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def test_an_object_store_serves_as_a_folder(bucket):
    """Appended, read, compacted, verified and rebuilt, by two at once."""
    one, other = History(f"{bucket}/history"), History(f"{bucket}/history")
    every = [each for each in PAYLOADS if each.retrieved_at.year == 2024][:12]  # six are lists
    again = [payload(item("GBP", day), at=AT + timedelta(days=day)) for day in (0, 1)]
    for each in [*every, *again]:
        assert one.append(each, sample=True)
        assert not other.append(each, sample=True)
    every += again
    assert_frame_equal(other.summaries(), summary_frame(*every))
    assert other.compact(LATER) == 2
    assert len(list(one.payloads())) == len(every)
    assert_frame_equal(one.summaries(), summary_frame(*every))
    assert_frame_equal(one.changes(), balance_changes(*every))
    assert_frame_equal(one.summaries(partner="Contoso", at=AT), summary_frame(again[0]))
    assert one.verify().empty
    lost = one._datasets.store.list_files("summaries")[0]
    one._datasets.store.delete([lost, lost])
    assert one.verify()["damage"].tolist() == ["is missing"]
    other.rebuild()
    assert one.verify().empty


def test_a_delta_table_in_an_object_store(bucket):
    """With the store's address as an option; the history is in the store as well."""
    history = History(f"{bucket}/lake/history")
    options = {"aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"], "aws_allow_http": "true"}
    place = f"{bucket}/lake/tables/totals"
    assert history.append(PAYLOADS[-1])
    for rows in (1, 0):
        assert history.to_delta(place, dataset="totals", storage_options=options) == rows
    assert history.append(PAYLOADS[-2])
    assert history.to_delta(place, dataset="totals", storage_options=options) == 1
    assert pl.read_delta(place, storage_options=options).height == 2
    for within in (f"{bucket}/lake", f"{bucket}/lake/history/totals"):
        with pytest.raises(ConfigurationError, match="would share a folder"):
            history.to_delta(within)


def test_characters_that_search_stand_for_themselves_in_a_bucket(bucket):
    """Read one by one and many at once."""
    history = History(f"{bucket}/[x]*?/history")
    for each in PAYLOADS[-4:]:
        assert history.append(each)
    assert_frame_equal(history.summaries(), summary_frame(*PAYLOADS[-4:]))
    assert len(list(history.payloads())) == 4


def test_a_bucket_that_is_not_there_is_an_error_of_the_system(bucket):
    """When something is to be kept, and when it is read: absence is not emptiness."""
    history = History("s3://no-such-bucket/history")
    for read in (history.summaries, history.verify, history.index, history.compact):
        with pytest.raises(ConfigurationError, match="no history at s3://no-such-bucket/history"):
            read()
    with pytest.raises(OSError, match=r"^s3://no-such-bucket/history: .*bucket does not exist"):
        history.append(PAYLOADS[-1])


def test_files_of_the_history_can_be_copied_as_they_are(tmp_path, folder):
    """A history is its files: another place serves as well."""
    shutil.copytree(folder, tmp_path / "moved")
    assert History(tmp_path / "moved").verify().empty
    assert list(History(tmp_path / "moved").payloads()) == list(History(folder).payloads())
