"""A disk that ignores case, as those of Windows and macOS do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pcnotebooks.history import store
from pcnotebooks.history.history import History
from pcnotebooks.history.store import _Folder
from tests.builders import AT, item, payload

UPPER = replace(payload(item("GBP", 5)), partner="CONTOSO")
LOWER = replace(payload(item("GBP", 7)), partner="contoso", retrieved_at=AT.replace(day=9))


class IgnoringCase(_Folder):
    """A folder in which a name leads to the one that is there, however it is spelt."""

    def spelt(self, path):
        """Return a path as it is spelt on the disk."""
        place = self.root
        for part in Path(path).parts:
            names = [each.name for each in place.iterdir()] if place.is_dir() else []
            alike = [name for name in names if name.casefold() == part.casefold()]
            place /= alike[0] if alike else part
        return place.relative_to(self.root).as_posix()

    def list_files(self, folder):
        """List a folder: its own name is as it was asked for."""
        there = self.spelt(folder)
        return [folder + path[len(there) :] for path in super().list_files(there)]

    def read(self, paths):
        """Read files."""
        return super().read([self.spelt(path) for path in paths])

    def write(self, contents):
        """Write files into the folders that are there."""
        for path, content in contents:
            super().write([(self.spelt(path), content)])

    def delete(self, paths):
        """Delete files."""
        super().delete([self.spelt(path) for path in paths])


@pytest.fixture
def history(tmp_path, monkeypatch):
    """Return an empty history on such a disk."""
    monkeypatch.setattr(store, "_Folder", IgnoringCase)
    return History(tmp_path)


@pytest.mark.parametrize("pair", [(UPPER, LOWER), (LOWER, UPPER)])
def test_labels_that_differ_in_case_are_whole(history, pair):
    """They share a folder; nothing of it is damaged, lost or taken for the other."""
    for each in pair:
        assert history.append(each)
        assert not history.append(each)
    expected = sorted(pair, key=lambda each: each.retrieved_at)
    for _ in range(3):
        assert history.verify().empty
        assert list(history.payloads()) == expected
        assert list(history.payloads(partner="contoso")) == [LOWER]
        assert sorted(history.totals()["partner"]) == ["CONTOSO", "contoso"]
        history.compact("2040-01-01")
        history.rebuild()


def test_compacting_again_deletes_no_merged_file(history, tmp_path):
    """A merged file whose payloads are also there alone is written again, under its own name."""
    first, second = replace(LOWER, retrieved_at=AT), LOWER
    assert history.append(UPPER)
    assert history.append(first)
    assert history.append(second)
    alone = {path: path.read_bytes() for path in (tmp_path / "payloads").rglob("*.parquet")}
    assert history.compact("2040-01-01") == 3
    for path, content in alone.items():
        path.write_bytes(content)
    history.compact("2040-01-01")
    assert len(list(history.payloads())) == 3
    assert history.verify().empty


def test_tables_in_a_folder_of_another_spelling_are_those_of_the_payloads(history, tmp_path):
    """Their folder may have been made for the other label."""
    assert history.append(UPPER)
    for folder in (tmp_path / "summaries").rglob("account=*"):
        folder.rename(folder.with_name("account=contoso"))
    assert history.verify().empty
    history.rebuild()
    history.compact("2040-01-01")
    assert history.verify().empty
    assert len(list((tmp_path / "summaries").rglob("*.parquet"))) == 1


def test_a_file_in_the_folder_of_another_partner_is_named(history, tmp_path):
    """Rows in it are missed by those who choose by partner."""
    assert history.append(UPPER)
    for folder in tmp_path.rglob("account=*"):
        folder.rename(folder.with_name("account=Fabrikam"))
    (damaged,) = history.verify().itertuples()
    assert damaged.damage == "does not hold the payloads that its name states"
