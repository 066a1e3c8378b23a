"""Files in another form than today's: what can be read is read, what cannot is named."""

from __future__ import annotations

import hashlib
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pcnotebooks.errors import PayloadError
from pcnotebooks.history.history import History
from tests.builders import AT, item, payload

ONE = payload(item("GBP", 5))
TWO = payload(item("GBP", 7), at=AT.replace(year=2017))


def rewritten(file, change):
    """Write a file of a history as another release would, under the name of its content."""
    sink = io.BytesIO()
    table = change(pq.ParquetFile(file).read())
    if isinstance(table, pa.Table):
        pq.write_table(table, sink)
    content = table if isinstance(table, bytes) else sink.getvalue()
    file.unlink()
    digest = hashlib.sha256(content).hexdigest()[:16]
    new = file.with_name(f"{file.name.rpartition('-')[0]}-{digest}.parquet")
    new.write_bytes(content)
    return new


def changed(name, type_=None, values=None):
    """Return what puts another type or other values into a column."""

    def change(table):
        place = table.schema.get_field_index(name)
        column = table[name].cast(type_) if values is None else pa.array(values, type_)
        return table.set_column(place, name, column)

    return change


READABLE = {
    "a column more": lambda table: table.append_column("new", pa.array(["x"] * len(table))),
    "another order": lambda table: table.select(table.column_names[::-1]),
    "milliseconds": changed("retrieved_at", pa.timestamp("ms", "UTC")),
    "another zone": changed("retrieved_at", pa.timestamp("us", "Asia/Tokyo")),
    "large texts": changed("sha256", pa.large_string()),
    "a dictionary": changed("partner", pa.dictionary(pa.int32(), pa.string())),
}
UNREADABLE = {
    "a column less": (lambda table: table.drop_columns(["sha256"]), "sha256 not at all"),
    "a time as text": (changed("retrieved_at", pa.string()), "string in the column retrieved_at"),
    "a number for a text": (changed("partner", pa.int64(), [5]), "int64 in the column partner"),
    "a day": (changed("retrieved_at", pa.date32()), "in the column retrieved_at"),
    "nobody's": (changed("partner", pa.string(), [None]), "lacks values in the column partner"),
    "another file": (lambda _: b"PAR1 is no Parquet", "cannot be read as Parquet"),
    "a column twice": (
        lambda table: table.append_column("cloud", table["cloud"]),
        "the column cloud twice",
    ),
}


@pytest.fixture
def history(tmp_path):
    """Return a history of two payloads in two months."""
    history = History(tmp_path)
    assert history.append(ONE)
    assert history.append(TWO)
    return history


def last(folder, dataset):
    """Return the file of the later payload."""
    return max((folder / dataset).rglob("*.parquet"))


@pytest.mark.parametrize("dataset", ["payloads", "summaries", "totals"])
@pytest.mark.parametrize("form", READABLE)
def test_another_form_of_the_same_rows_is_read(tmp_path, history, dataset, form):
    """More columns, another order and types that hold the same values change nothing."""
    before = history.summaries()
    rewritten(last(tmp_path, dataset), READABLE[form])
    assert list(history.payloads()) == [TWO, ONE]
    assert history.summaries().equals(before)
    assert len(history.changes()) == 1
    assert history.verify().empty


@pytest.mark.parametrize("form", UNREADABLE)
def test_payloads_in_an_unreadable_form_are_named(tmp_path, history, form):
    """With the column; verify and index go on to the other files."""
    change, words = UNREADABLE[form]
    file = rewritten(last(tmp_path, "payloads"), change).relative_to(tmp_path).as_posix()
    for read in (history.summaries, lambda: list(history.payloads())):
        last(tmp_path, "summaries").unlink(missing_ok=True)
        with pytest.raises(PayloadError, match=words) as told:
            read()
        assert file in str(told.value)
        assert "--upgrade" in told.value.remedy
    (damaged,) = (row for row in history.verify().itertuples() if row.file == file)
    assert words in damaged.damage
    assert history.index()["damage"].notna().tolist().count(True) == 1
    assert history.compact("2040-01-01") == 0


@pytest.mark.parametrize("form", UNREADABLE)
def test_tables_in_an_unreadable_form_are_derived_again(tmp_path, history, form):
    """The figures are those of the payloads; a warning and verify name the file."""
    before = history.totals()
    change, words = UNREADABLE[form]
    file = rewritten(last(tmp_path, "totals"), change).relative_to(tmp_path).as_posix()
    with pytest.warns(UserWarning, match=words):
        assert history.totals().equals(before)
    (damaged,) = history.verify().itertuples()
    assert damaged.file == file
    assert damaged.remedy == "Run: pcnotebooks history rebuild"
    history.rebuild()
    assert history.verify().empty
    assert history.totals().equals(before)


def test_an_amount_of_more_decimals_is_not_rounded_in_silence(tmp_path, history):
    """It is read if nothing is lost."""
    before = history.totals(exact=True)
    finer = changed("balance_amount", pa.decimal128(38, 8))
    rewritten(last(tmp_path, "totals"), finer)
    assert history.totals(exact=True).equals(before)
    rewritten(last(tmp_path, "totals"), changed("balance_amount", pa.float64()))
    with pytest.warns(UserWarning, match="double in the column balance_amount"):
        assert history.totals(exact=True).equals(before)
