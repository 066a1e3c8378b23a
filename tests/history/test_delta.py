"""A history as Delta tables: written once, brought up to date, read by other engines."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import warnings
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake

from pcnotebooks.errors import ConfigurationError, PcNotebooksError
from pcnotebooks.history import engines
from pcnotebooks.history.history import History
from tests.builders import AT, invoice, invoices, item, payload

DATASETS = ("payloads", "summaries", "totals", "invoices")
SECRET = "hunter2hunter2"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def history(tmp_path):
    """Return a history of summaries and lists, also of an account without a label."""
    history = History(tmp_path / "history")
    for each in (
        payload(item("GBP", Decimal("0.10")), item("KWD", Decimal("5130.111"))),
        payload(item("GBP", Decimal("0.20")), partner=""),
        invoices(invoice("D1", 4), invoice("D2", -7)),
    ):
        history.append(each)
    return history


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_delta_table_is_brought_up_to_date(history, tmp_path, dataset):
    """The second call writes no version; a new payload is one, whatever was compacted meanwhile."""
    place = tmp_path / "lakehouse" / dataset
    assert history.to_delta(place, dataset=dataset) == history.arrow(dataset).num_rows > 0
    assert history.to_delta(place, dataset=dataset) == 0
    later = AT + timedelta(days=1)
    assert history.append(payload(item("GBP", 3), at=later))
    assert history.append(invoices(invoice("D1", 4, paidAmount=4), at=later))
    history.compact("2040-01-01")
    assert history.to_delta(str(place), dataset=dataset) == (2 if dataset == "payloads" else 1)
    assert history.to_delta(place.as_uri(), dataset=dataset) == 0
    assert DeltaTable(place).version() == 1
    by = [(name, "ascending") for name in ("partner", "retrieved_at", "sha256")]
    expected = history.arrow(dataset)
    found = DeltaTable(place).to_pyarrow_table().cast(expected.schema)
    assert found.sort_by(by).column("sha256") == expected.sort_by(by).column("sha256")
    assert set(map(str, found.to_pylist())) == set(map(str, expected.to_pylist()))


def test_other_engines_read_the_delta_table(history, tmp_path):
    """delta-rs, polars, and DuckDB through Arrow; amounts are exact."""
    place = str(tmp_path / "summaries")
    history.to_delta(place)
    sums = {("Contoso", "GBP"): Decimal("0.10"), ("Contoso", "KWD"): Decimal("5130.111"),
            ("", "GBP"): Decimal("0.20")}  # fmt: skip
    rows = DeltaTable(place).to_pyarrow_table()
    assert rows.schema.field("balance_amount").type == pa.decimal128(19, 4)
    assert rows.schema.field("retrieved_at").type == pa.timestamp("us", "UTC")
    query = "select partner, currency, sum(balance_amount) from rows group by all"
    assert {row[:2]: row[2] for row in duckdb.sql(query).fetchall()} == sums
    frame = pl.read_delta(place).group_by("partner", "currency").agg(pl.sum("balance_amount"))
    assert {row[:2]: row[2] for row in frame.iter_rows()} == sums


def test_rows_that_differ_are_replaced_and_those_of_others_stay(history, tmp_path):
    """After a release that derives more, or after a wrong answer was moved away."""
    place = str(tmp_path / "totals")
    rows = history.arrow("totals")
    names = rows.schema.names
    at = names.index("currency_symbol")
    derived_before = rows.set_column(at, "currency_symbol", pa.nulls(len(rows), pa.string()))
    moved_away = rows.slice(0, 1).set_column(names.index("sha256"), "sha256", pa.array(["0" * 64]))
    of_others = rows.slice(0, 1).set_column(
        names.index("partner"), "partner", pa.array(["Fabrikam"])
    )
    write_deltalake(place, pa.concat_tables([derived_before, moved_away, of_others]))
    assert history.to_delta(place, dataset="totals") == len(rows) + 1
    found = DeltaTable(place).to_pyarrow_table()
    assert set(found["partner"].to_pylist()) == {"Contoso", "", "Fabrikam"}
    assert found.num_rows == len(rows) + 1
    own = found.filter(pc.field("partner") != "Fabrikam").cast(rows.schema)
    by = [("partner", "ascending"), ("position", "ascending")]
    assert own.sort_by(by).to_pylist() == rows.sort_by(by).to_pylist()
    assert history.to_delta(place, dataset="totals") == 0


def test_a_second_writer_is_told(history, tmp_path, monkeypatch):
    """In words, and nothing is doubled: once while merging, once while both make the table."""
    place = str(tmp_path / "summaries")
    history.to_delta(place)
    rows = engines.Delta._rows

    def outdated(self, there, schema):
        """Let the other writer come between reading and writing."""
        found = rows(self, there, schema)
        monkeypatch.setattr(engines.Delta, "_rows", rows)
        assert history.to_delta(place) == 1
        return found

    history.append(payload(item("GBP", 3), at=AT + timedelta(days=1)))
    monkeypatch.setattr(engines.Delta, "_rows", outdated)
    with pytest.raises(PcNotebooksError, match="Another process wrote to the Delta table"):
        history.to_delta(place)
    assert history.to_delta(place) == 0
    assert DeltaTable(place).to_pyarrow_table().num_rows == history.arrow("summaries").num_rows
    there = engines.Delta._there
    monkeypatch.setattr(engines.Delta, "_there", lambda delta: None)
    with pytest.raises(PcNotebooksError, match="Another process wrote to the Delta table"):
        history.to_delta(place)
    monkeypatch.setattr(engines.Delta, "_there", there)
    assert history.to_delta(place) == 0


WRITER = """
import sys
from pcnotebooks.errors import PcNotebooksError
from pcnotebooks.history.history import History
try:
    print(History(sys.argv[1]).to_delta(sys.argv[2]))
except PcNotebooksError as error:
    print(error.message)
"""


def test_processes_write_at_once(history, tmp_path):
    """Each is done or told; the rows are there once."""
    command = [sys.executable, "-c", WRITER, history.location, str(tmp_path / "table")]
    running = [
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    said = [each.communicate() for each in running]
    for out, error in said:
        assert error == ""
        assert out.strip() in ("0", "3") or out.startswith("Another process wrote")
    found = DeltaTable(tmp_path / "table").to_pyarrow_table()
    assert found.num_rows == history.arrow("summaries").num_rows == 3


def test_what_cannot_be_a_delta_table_is_refused_in_words(history, tmp_path, monkeypatch):
    """A place in the history, one around it, another table, a URL that is none, odd options."""
    other = str(tmp_path / "other")
    write_deltalake(other, pa.table({"partner": ["Contoso"]}))
    refused = {
        history.location: "would share a folder",
        f"{history.location}/totals": "would share a folder",
        str(tmp_path): "would share a folder",
        other: "is not a table of summaries: these columns are missing or have another type: cloud",
        "dbfs:/table": "neither a folder nor a URL",
        "": "The location of a Delta table cannot be",
    }
    Path(tmp_path, "a file").write_text("mine")
    for below in ("", "/table"):
        place = str(tmp_path / f"a file{below}")
        refused[place] = f"cannot be at {place}: {tmp_path / 'a file'} is a file"
        refused[Path(place).as_uri()] = refused[place]
    for place, words in refused.items():
        with pytest.raises(ConfigurationError, match=re.escape(words)):
            history.to_delta(place)
    assert Path(tmp_path, "a file").read_text() == "mine"
    with pytest.raises(ConfigurationError, match="not strings: 'retries'") as caught:
        history.to_delta(other, storage_options={"retries": 3, "key": SECRET})
    assert SECRET not in str(caught.value)
    with pytest.raises(ConfigurationError, match="dataset 'balances' is unknown"):
        history.to_delta(str(tmp_path / "new"), dataset="balances")
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(engines, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError) as caught:
        history.to_delta(other)
    assert caught.value.remedy == 'Run: pip install "pcnotebooks[delta]"'


@pytest.mark.parametrize(
    "uri", [f"s3://books/{{}}?sig={SECRET}", f"s3://me:{SECRET}@books/{{}}", "s3://books/{}"]
)
def test_no_message_shows_a_secret(history, uri, caplog):
    """Of the URL, of an option, of the address of the store; logged neither."""
    options = {
        "aws_endpoint_url": f"http://127.0.0.1:9/?token={SECRET}",
        "aws_secret_access_key": SECRET,
        "aws_access_key_id": "nobody",
        "aws_region": "nowhere",
        "allow_http": "true",
        "max_retries": "0",
        "retry_timeout": "1s",
    }
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(PcNotebooksError, match="cannot be read or written") as caught,
    ):
        history.to_delta(uri.format("totals"), storage_options=options)
    assert SECRET not in f"{caught.value!r} {caught.value} {caplog.text}"
    assert caught.value.__suppress_context__
    assert "\x1b" not in str(caught.value)


def test_arrow_takes_the_filters_of_the_frames(history):
    """And refuses those that mean nothing."""
    assert history.arrow("totals", currency="KWD").num_rows == 1
    assert history.arrow("summaries", partner="").column("balance_amount").to_pylist() == [
        Decimal("0.2000")
    ]
    assert history.append(payload(item("GBP", 9), at=AT + timedelta(days=1)))
    latest = history.arrow("payloads", partner="Contoso", at="2024-03-31")
    assert latest.column("resource").to_pylist() == ["invoices", "invoice_summaries"]
    assert history.arrow("totals", partner="Contoso", at=AT).num_rows == 2
    with pytest.raises(ConfigurationError, match="cannot be filtered by currency"):
        history.arrow("payloads", currency="GBP")


def test_arrow_says_that_an_amount_is_rounded(history):
    """The frames are exact."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert history.arrow("totals").num_rows == 3
    history.append(payload(item("GBP", Decimal("0.12345")), at=AT + timedelta(days=1)))
    with pytest.warns(UserWarning, match="more than four decimals") as told:
        rounded = history.arrow("totals", since="2024-03-06")
    assert Path(told[0].filename).samefile(__file__)
    assert rounded.column("balance_amount").to_pylist() == [Decimal("0.1234")]
