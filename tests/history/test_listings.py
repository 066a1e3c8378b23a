"""An object store that lists late or in part: nothing that is kept is passed over."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from pandas.testing import assert_frame_equal

from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.frame.invoices import invoice_frame
from pcnotebooks.frame.measures import balance_changes
from pcnotebooks.history.history import History
from tests.builders import AT, invoice, invoices, item, of_summaries, payload

PAYLOADS = [
    made
    for month in range(3)
    for made in (
        payload(item("GBP", month + 1), at=AT + timedelta(days=31 * month)),
        invoices(invoice(f"D{month}", month + 1), at=AT + timedelta(days=31 * month)),
    )
]
SUMMARIES = of_summaries(PAYLOADS)


class Lagging(MemoryFileSystem):
    """An object store that lists by prefix, and leaves out some objects at first."""

    protocol = "lagging"
    cachable = False
    store: ClassVar[dict] = {}
    unlisted: ClassVar[list[str]] = []
    form = "late"

    def find(self, path, **options):
        """List everything below a prefix, but for what is not listed there yet."""
        found = super().find(path, **options)
        if "month=" in path:  # a few objects, and a moment later
            if Lagging.form == "late":
                Lagging.unlisted.clear()
            return found
        left_out = [each for each in found if each.endswith(tuple(Lagging.unlisted))]
        return [each for each in found if each not in left_out]


@pytest.fixture(params=["late", "cut off"])
def lagging(request) -> Iterator[History]:
    """Return a history of which the middle payload of each resource is not listed."""
    fsspec.register_implementation("lagging", Lagging, clobber=True)
    Lagging.form = request.param
    history = History(f"lagging://bucket/{request.param}".replace(" ", "-"))
    for each in PAYLOADS:
        assert history.append(each)
    listed = history._datasets.store.list_files("payloads")
    Lagging.unlisted.extend(path for path in listed if "month=2024-04" in path)
    assert len(Lagging.unlisted) == 2
    assert len(history._datasets.store.list_files("payloads")) == 4
    yield history
    Lagging.unlisted.clear()
    Lagging.store.clear()


READS = {
    "payloads": lambda history: list(history.payloads()) == PAYLOADS,
    "some payloads": lambda history: (
        list(history.payloads(since="2024-04-01", until="2024-04-30")) == PAYLOADS[2:4]
    ),
    "index": lambda history: len(history.index()) == 6 and history.index()["damage"].isna().all(),
    "arrow": lambda history: history.arrow("payloads").num_rows == 6,
    "verify": lambda history: history.verify().empty,
    "compact": lambda history: (
        history.compact("2040-01-01") == 0 and list(history.payloads()) == PAYLOADS
    ),
    "rebuild": lambda history: history.rebuild() is None and len(history.summaries()) == 3,
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_every_reading_takes_a_second_look(lagging, read, caplog):
    """The tables of a payload show that a listing left it out; its folder is listed again."""
    with caplog.at_level(logging.INFO, "pcnotebooks"):
        assert read(lagging)
    assert "files of payloads; a second one shows them" in caplog.text


def test_frames_have_the_rows_of_every_payload(lagging):
    """Also those as of a day, and what changed."""
    unlisted = list(Lagging.unlisted)
    for found, expected in (
        (lagging.summaries, summary_frame(*SUMMARIES)),
        (lambda: lagging.totals(at="2024-04-30"), totals_frame(SUMMARIES[1])),
        (lambda: lagging.invoices(at="2024-04-30"), invoice_frame(PAYLOADS[3])),
        (lagging.changes, balance_changes(*PAYLOADS)),
    ):
        Lagging.unlisted[:] = unlisted
        assert_frame_equal(found(), expected)


def test_a_payload_that_is_listed_nowhere_is_named_by_its_tables(tmp_path):
    """As one that was moved away: nothing shows which, so that verify says it."""
    history = History(tmp_path)
    for each in SUMMARIES:
        assert history.append(each)
    (moved,) = (tmp_path / "payloads").rglob("*month=2024-04/*.parquet")
    moved.unlink()
    assert list(history.payloads()) == [SUMMARIES[0], SUMMARIES[2]]
    assert history.verify()["damage"].tolist() == ["is derived from a payload that is not kept"] * 2
