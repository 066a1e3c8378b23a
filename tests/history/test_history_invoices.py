"""A history keeps lists of invoices beside the summaries, and reads one begun before them."""

from __future__ import annotations

import hashlib
import shutil
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from pcnotebooks.errors import ConfigurationError, PayloadError
from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.frame.changes import invoice_changes
from pcnotebooks.frame.invoices import invoice_frame
from pcnotebooks.history.history import History
from pcnotebooks.payload.payload import Payload
from tests.builders import AT, detail, invoice, invoices, item, listed, payload

LATER = "2040-01-01"
BEFORE = Path(__file__).with_name("before_invoices.zip")  # written by the release before
FOLDERS = Path(__file__).with_name("before_folders.zip")  # by the one after, with lists


def later(days):
    """Return a moment some days after the first."""
    return AT + timedelta(days=days)


def kept(location, *payloads):
    """Return a history of these payloads."""
    history = History(location)
    for each in payloads:
        assert history.append(each)
    return history


def same(history, payloads, **wanted):
    """Assert that the invoices read of a history are those of these payloads."""
    for exact in (False, True):
        frame = invoice_frame(*payloads, exact=exact)
        assert_frame_equal(history.invoices(exact=exact, **wanted), frame)


def files(folder, dataset="payloads"):
    """Return the files of a dataset."""
    return sorted(path for path in (Path(folder) / dataset).rglob("*") if path.is_file())


def paged(*pages, at=AT):
    """Return a list of several pages."""
    first, *others = (listed(*page) for page in pages)
    return Payload(first, "global", "Contoso", at, "request", "correlation", "invoices",
                   tuple(others))  # fmt: skip


# What is kept comes back


@pytest.mark.parametrize("compact", [False, True])
def test_every_page_is_kept_byte_by_byte(tmp_path, compact):
    """With its hash, which other engines read too; more than fifty are written otherwise."""
    every = [
        paged([invoice("D1", day)], [invoice("D2", 5)], [invoice("é", 7)], at=later(day))
        for day in range(60)
    ]
    history = kept(tmp_path, *every)
    if compact:
        history.compact(LATER)
    assert list(history.payloads()) == every
    assert [each.pages for each in history.payloads()] == [each.pages for each in every]
    same(history, every)
    table = pq.ParquetFile(files(tmp_path)[0]).read()  # not the partitions that its path names
    for row in table.to_pylist():
        pages = [row["body"], *row["pages"]]
        hashes = "".join(f"{hashlib.sha256(page).hexdigest()}\n" for page in pages)
        assert hashlib.sha256(hashes.encode()).hexdigest() == row["sha256"]
        assert row["resource"] == "invoices"
    assert history.verify().empty
    assert not history.append(every[0])


@pytest.mark.parametrize("compact", [False, True])
def test_what_a_document_states_comes_back(tmp_path, compact):
    """Void, amended, credited, of unknown types, without date, and with every text missing."""
    note = invoice("D2", "107661.12", documentType="adjustment_note", pdfDownloadLink=...)
    every = [
        invoices(
            invoice("D1", 586366, documentType="Void Note", amendments=[note]),
            invoice("D3", Decimal("-87993.07"), invoiceType="one_time", state="", paidAmount=...),
            invoice("D4", 23, currencyCode="KRW", currencySymbol="₩", invoiceType="Azure plan"),
            invoice("D5", 1, invoiceDate=None, billingPeriodStartDate="2024-01-01T00:00:00Z",
                    billingPeriodEndDate="2024-01-31T23:59:59.9999999Z"),
            {"id": "D6", "currencyCode": "eur", "totalCharges": 1},
        ),
        invoices(invoice("D4", 23, invoiceType="azureplan", documentType="credit_note"),
                 at=later(40), partner="Fabrikam"),
        invoices(at=later(80)),
    ]  # fmt: skip
    history = kept(tmp_path, *every)
    if compact:
        history.compact(LATER)
    same(history, every)
    same(history, every[:1], at=later(79), partner="Contoso")
    same(history, every[1:], since="2024-03-06")
    same(history, every[:1], until="2024-03-31", cloud=["global", "china"])
    same(history, [], at=LATER, partner="Contoso")
    assert set(history.invoices(currency=["krw", "CHF"])["invoice_id"]) == {"D4"}
    assert history.verify().empty


def test_more_decimals_than_the_tables_hold_are_read_from_the_payloads(tmp_path):
    """And the file that other engines read is named as rounded."""
    every = [invoices(invoice("D1", Decimal("0.12345"), paidAmount=Decimal("1E-7"))),
             invoices(invoice("D1", 7), at=later(1))]  # fmt: skip
    history = kept(tmp_path, *every)
    same(history, every)
    assert [".rounded." in path.name for path in files(tmp_path, "invoices")] == [True, False]
    history.compact(LATER)
    same(history, every)
    assert history.verify().empty


def test_what_is_not_a_list_is_refused_before_anything_is_written(tmp_path):
    """Summaries under the name of invoices, a page that is broken, and a date that is not one."""
    for wrong in (
        Payload(payload(item("GBP", 5)).body, "global", "Contoso", AT, resource="invoices"),
        Payload(listed(invoice()), "global", "", AT, resource="invoices", pages=(b"<html>",)),
        invoices(invoice("D1", 5, invoiceDate="soon")),
    ):
        with pytest.raises(PayloadError):
            History(tmp_path).append(wrong)
    assert not list(tmp_path.iterdir())


# Two resources


@pytest.mark.parametrize("compact", [False, True])
def test_summaries_and_a_list_of_one_moment_are_two_payloads(tmp_path, compact):
    """Even of equal bytes, as an account without invoices answers both alike."""
    nothing = b'{"items": []}'
    every = [
        Payload(nothing, "global", "Contoso", later(day), resource=resource)
        for day in (0, 1)
        for resource in ("invoice_summaries", "invoices")
    ] + [payload(item("GBP", 5), at=later(2)), invoices(invoice("D1", 5), at=later(2))]
    history = kept(tmp_path, *every)
    if compact:
        assert history.compact(LATER) == 6
        assert len(files(tmp_path)) == 2, "a file for each resource"
    assert list(history.payloads()) == every
    index = history.index()
    assert index["resource"].tolist() == [each.resource for each in every]
    assert index["file"].str.contains("invoices-").tolist() == [False, True] * 3
    assert not any(history.append(each) for each in every)
    same(history, every)
    assert_frame_equal(history.summaries(), summary_frame(every[-2]))
    assert history.verify().empty
    assert history.compact(LATER) == (0 if compact else 6)


def test_two_lists_of_one_moment_are_never_mixed(tmp_path):
    """The second is refused; what two writers kept at once is refused and named."""
    first, second = invoices(invoice("D1", 5)), invoices(invoice("D1", 6))
    history = kept(tmp_path / "0", payload(item("GBP", 5)), first)
    with pytest.raises(ConfigurationError, match="Two different answers") as told:
        history.append(second)
    assert "-invoices-" in told.value.remedy
    kept(tmp_path / "1", second)
    shutil.copytree(tmp_path / "1", tmp_path / "0", dirs_exist_ok=True)
    pair = [path for path in files(tmp_path / "0") if "-invoices-" in path.name]
    for read in (history.invoices, lambda: history.changes(resource="invoices")):
        with pytest.raises(ConfigurationError, match="Two different answers") as told:
            read()
        assert all(path.name in told.value.remedy for path in pair)
    assert len(history.summaries()) == 1, "the summaries are not in question"
    ((_, name, damage, _),) = history.verify().itertuples()
    assert all(path.name in name + damage for path in pair)
    assert history.compact(LATER) == 0
    pair[1].unlink()
    history.compact(LATER)
    assert history.verify().empty
    assert len(history.invoices()) == 1


def test_invoices_are_rebuilt_from_the_payloads(tmp_path):
    """Lost, damaged or under the name of another resource."""
    every = [invoices(invoice("D1", day), at=later(day)) for day in range(3)]
    history = kept(tmp_path, *every, payload(item("GBP", 5)))
    lost, damaged, _ = files(tmp_path, "invoices")
    lost.unlink()
    damaged.write_bytes(b"PAR1")
    (tmp_path / "totals" / damaged.relative_to(tmp_path / "invoices")).write_bytes(b"")
    said = history.verify()
    assert sorted(said["damage"]) == [
        "is missing", "is not a file of a history", "was changed or truncated"]  # fmt: skip
    with pytest.warns(UserWarning, match="its rows were read from the payloads"):
        assert_frame_equal(history.invoices(), invoice_frame(*every))
    history.rebuild()
    assert history.verify()["damage"].tolist() == ["is not a file of a history"]
    same(history, every)


# What changed


def labels(changes):
    """Return what a frame of changes says, in short."""
    return list(zip(changes["retrieved_at"].dt.day, changes["invoice_id"], changes["change"],
                    changes["open_amount"], strict=True))  # fmt: skip


STORY = [
    invoices(),
    invoices(invoice("D1", 100), invoice("D2", 50), at=later(1)),
    invoices(invoice("D1", 100, paidAmount=-40), invoice("D2", 50, documentType="void_note",
             amendments=[invoice("D3", 30, currencyCode="EUR")]), at=later(2)),
    invoices(invoice("D2", 50, documentType="void_note"), at=later(3)),
    invoices(invoice("D1", 100, paidAmount=-100), invoice("D4", -7), at=later(4)),
    invoices(invoice("D1", 100, paidAmount=-100), invoice("D4", -7), at=later(5)),
]  # fmt: skip
SAID = [
    (6, "D1", "new", 100),
    (6, "D2", "new", 50),
    (7, "D1", "paid", 60),
    (7, "D2", "voided", 0),
    (7, "D3", "new", 30),
    (9, "D1", "paid", 0),
    (9, "D4", "new", -7),
]


@pytest.mark.parametrize("compact", [False, True])
def test_invoices_are_new_paid_or_voided(tmp_path, compact):
    """Compared with the last list that shows them; a first list, even an empty one, gives none."""
    other = invoices(invoice("D1", 9, paidAmount=9), at=later(3), partner="Fabrikam")
    history = kept(tmp_path, *STORY[::-1], other)
    if compact:
        history.compact(LATER)
    changes = history.changes(resource="invoices")
    assert_frame_equal(changes, invoice_changes(*STORY, other))
    assert labels(changes.sort_values(["retrieved_at", "invoice_id"])) == SAID
    paid = changes[changes["change"] == "paid"]
    assert paid["previous_retrieved_at"].dt.day.tolist() == [6, 7]
    assert paid["previous_open_amount"].tolist() == [100, 60]
    assert changes.loc[changes["change"] == "new", "previous_open_amount"].isna().all()
    since = history.changes(resource="invoices", since="2024-03-07", until="2024-03-08")
    assert labels(since.sort_values("invoice_id")) == SAID[2:5]
    euros = history.changes(resource="invoices", currency="EUR")
    assert labels(euros) == [SAID[4]]
    assert euros["currency"].cat.categories.tolist() == ["EUR"]
    assert history.changes(resource="invoices", partner="Fabrikam").empty


def test_what_cannot_be_told_paid_is_not_said_to_be():
    """Payments of both signs, a payment taken back, a total that changed, a missing amount."""
    pairs = [
        (invoice("D1", 9, paidAmount=-1), invoice("D1", 9, paidAmount=-2)),
        (invoice("D2", 9, paidAmount=0), invoice("D2", 9, paidAmount=4)),
        (invoice("D3", 9, paidAmount=-4), invoice("D3", 9, paidAmount=-4)),
    ]
    lists = [invoices(*each, at=later(day)) for day, each in enumerate(zip(*pairs, strict=True))]
    assert invoice_changes(*lists).empty, "the second list states both signs"
    before, after = (
        invoices(invoice("D1", total, paidAmount=paid), at=later(day))
        for day, (total, paid) in enumerate([(9, 4), (7, 4)])
    )
    assert invoice_changes(before, after).empty, "less is charged, and no more is paid"
    taken_back = invoices(invoice("D1", 9, paidAmount=...), at=later(1))
    assert invoice_changes(before, taken_back).empty
    assert labels(invoice_changes(taken_back, invoices(
        invoice("D1", 9, paidAmount=10), at=later(2)))) == [(7, "D1", "paid", -1)]  # fmt: skip


def test_an_unknown_resource_is_refused(tmp_path):
    """In words, with those that there are."""
    with pytest.raises(PayloadError, match="'lists'"):
        History(tmp_path).changes(resource="lists")


# A history begun before lists were kept


@pytest.fixture
def before(tmp_path):
    """Return a folder as the release before left it: a month compacted, a month as appended."""
    with ZipFile(BEFORE) as archive:
        archive.extractall(tmp_path)
    return tmp_path


OLD = [
    payload(
        item("GBP", None, detail("Recurring", 100 + day), detail("one_time", Decimal("7.25"))),
        item("EUR", -day),
        at=later(day),
    )
    for day in (0, 1, 40)
] + [payload(item("GBP", Decimal("0.12345")), at=later(41))]


def test_an_older_history_is_read_as_it_is(before):
    """Payloads, frames, index and verify; reading writes nothing."""
    old = sorted(before.rglob("*"))
    assert {path.name for path in before.iterdir()} == {
        "payloads", "invoice_details", "invoice_summaries"}  # fmt: skip
    history = History(before)
    assert list(history.payloads()) == OLD
    for exact in (False, True):
        assert_frame_equal(history.summaries(exact=exact), summary_frame(*OLD, exact=exact))
        assert_frame_equal(history.totals(exact=exact), totals_frame(*OLD, exact=exact))
        assert_frame_equal(
            history.totals(exact=exact, at=later(1)), totals_frame(OLD[1], exact=exact)
        )
    assert history.invoices().empty
    assert history.index()["resource"].tolist() == ["invoice_summaries"] * 4
    assert history.verify().empty
    assert not any(history.append(each) for each in OLD)
    assert sorted(before.rglob("*")) == old


@pytest.mark.parametrize("step", ["append", "compact", "rebuild"])
def test_an_older_history_goes_on(before, step):
    """New rows are in the new folders at once, the old ones once it is compacted or rebuilt."""
    history = History(before)
    more = [payload(item("GBP", 3), at=later(2)), payload(item("GBP", 4), at=later(42)),
            invoices(invoice("D1", 4), at=later(42))]  # fmt: skip
    assert all(history.append(each) for each in more)
    if step == "compact":
        history.compact("2024-04-01")
    elif step == "rebuild":
        history.rebuild()
    summaries = sorted([*OLD, *more[:2]], key=lambda each: each.retrieved_at)
    assert list(history.payloads()) == [*summaries, more[2]]
    assert_frame_equal(history.summaries(), summary_frame(*summaries))
    assert_frame_equal(history.totals(), totals_frame(*summaries))
    assert len(history.invoices()) == 1
    assert history.verify().empty
    older = files(before, "invoice_details") + files(before, "invoice_summaries")
    assert len(older) == (6 if step == "append" else 0)
    history.compact(LATER)
    assert len(files(before)) == len(files(before, "totals")) + len(files(before, "invoices"))
    assert list(history.payloads()) == [*summaries, more[2]]
    assert history.verify().empty


def test_a_damaged_table_of_an_older_history_is_named_and_mended(before):
    """By its own path."""
    table = files(before, "invoice_summaries")[0]
    table.write_bytes(b"PAR1")
    history = History(before)
    assert history.verify()["file"].tolist() == [str(table.relative_to(before))]
    with pytest.warns(UserWarning, match="invoice_summaries/cloud=global"):
        assert_frame_equal(history.totals(until="2024-03-31"), totals_frame(*OLD[:2]))
    history.rebuild()
    assert history.verify().empty


# A history whose folders have the names of columns


@pytest.fixture
def columns(tmp_path):
    """Return a folder as that release left it: a month compacted, a month as appended."""
    with ZipFile(FOLDERS) as archive:
        archive.extractall(tmp_path)
    return tmp_path


LISTED = [invoices(invoice("D1", 4 + day), at=later(day)) for day in (0, 1, 40)]
LABELS = [payload(item("GBP", 5), at=later(40), partner=p) for p in ("", "2024", "Łódź a/b")]
KEPT = sorted([*OLD, *LISTED, *LABELS], key=lambda each: (each.retrieved_at, each.partner))


@pytest.mark.parametrize("step", ["read", "append", "compact", "rebuild"])
def test_older_folders_are_read_on(columns, step):
    """Found by each label, appended to, compacted into folders that pandas reads."""
    history, every = History(columns), KEPT
    assert not any(history.append(each) for each in KEPT)
    if step != "read":
        more = payload(item("GBP", 5), at=later(41), partner="")
        assert history.append(more)
        every = sorted([*KEPT, more], key=lambda each: (each.retrieved_at, each.partner))
    if step == "compact":
        history.compact(LATER)
    elif step == "rebuild":
        history.rebuild()
    assert list(history.payloads()) == every
    assert history.verify().empty
    assert_frame_equal(history.summaries(), summary_frame(*every))
    assert_frame_equal(history.totals(exact=True), totals_frame(*every, exact=True))
    assert_frame_equal(history.invoices(), invoice_frame(*every))
    for partner in ("Contoso", "", "2024", "Łódź a/b"):
        own = [each for each in every if each.partner == partner]
        assert_frame_equal(history.totals(partner=partner), totals_frame(*own))
        assert list(history.payloads(partner=partner)) == own
    older = {path.parts[-4] for path in columns.rglob("*.parquet")} - {"in_cloud=global"}
    assert len(older) == (0 if step == "compact" else 1)
    if step in ("compact", "rebuild"):
        assert len(pd.read_parquet(columns / "totals")) == len(history.totals())
    if step == "compact":
        assert len(pd.read_parquet(columns / "payloads")) == len(every)
