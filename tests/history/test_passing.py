"""A history compacts earlier months in passing, once a month, and says so in the log."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from pcnotebooks.frame.build import summary_frame
from pcnotebooks.history.history import History
from pcnotebooks.history.store import open_store
from tests.builders import AT, invoice, invoices, item, payload

DAILY = [
    made
    for day in range(0, 60, 3)
    for made in (
        payload(item("GBP", day), at=AT + timedelta(days=day)),
        invoices(invoice("D1", day), at=AT + timedelta(days=day)),
    )
]
OTHERS = [payload(item("GBP", 1), partner="x", at=AT + timedelta(days=day)) for day in (0, 1, 2)]


def files(folder):
    """Return how many files of payloads each month has."""
    months = [path.parent.name for path in Path(folder, "payloads").rglob("*.parquet")]
    return {month: months.count(month) for month in sorted(set(months))}


def test_the_first_payload_of_a_month_merges_the_earlier_ones(tmp_path, caplog):
    """Of its account and resource; few files are left alone."""
    history = History(tmp_path)
    with caplog.at_level(logging.INFO, "pcnotebooks"):
        for each in [*OTHERS, *DAILY]:
            assert history.append(each)
    assert files(tmp_path) == {"month=2024-03": 5, "month=2024-04": 2, "month=2024-05": 2}
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        f"History {tmp_path}: compacted, {count} files merged." for count in (9, 9, 10, 10)
    ]
    assert not any(history.append(each) for each in DAILY)
    assert len(list(history.payloads())) == 43
    assert_frame_equal(history.summaries(), summary_frame(*DAILY, *OTHERS))
    assert history.verify().empty
    last = payload(item("GBP", 1), partner="x", at=AT + timedelta(days=90))
    assert history.append(last)
    assert files(tmp_path)["month=2024-03"] == 5


def test_compacting_in_passing_can_be_left_out(tmp_path):
    """As snapshot --no-compact does."""
    history = History(tmp_path)
    for each in DAILY:
        assert history.append(each, compact=False)
    assert files(tmp_path) == {"month=2024-03": 18, "month=2024-04": 20, "month=2024-05": 2}


@pytest.mark.parametrize("step", ["list_files", "read", "write", "delete"])
def test_a_failure_in_passing_is_logged_and_the_payload_kept(tmp_path, monkeypatch, caplog, step):
    """Whatever step of it fails."""
    history = History(tmp_path)
    for each in DAILY[:18:2]:
        assert history.append(each)
    later = payload(item("GBP", 1), at=AT + timedelta(days=40))
    store = type(open_store(tmp_path))
    call, compacts = getattr(store, step), []

    def failing(self, arguments):
        """Fail once the payload is kept."""
        if any("2024-04" in path.parent.name for path in Path(tmp_path).rglob("*Z-*.parquet")):
            compacts.append(step)
            raise OSError(28, "No space left on device", "file")
        return call(self, arguments)

    monkeypatch.setattr(store, step, failing)
    with caplog.at_level(logging.INFO, "pcnotebooks"):
        assert history.append(later)
    assert compacts
    (record,) = caplog.records
    assert "not compacted: [Errno 28] No space left on device" in record.getMessage()
    monkeypatch.undo()
    assert len(history.summaries()) == 10
    history.compact("2024-05-01")
    assert history.verify().empty
    assert files(tmp_path) == {"month=2024-03": 1, "month=2024-04": 1}
