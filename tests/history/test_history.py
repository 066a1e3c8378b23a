"""A history gives back what it was given, as the payloads themselves would, in every state."""

from __future__ import annotations

import itertools
import os
import shutil
import stat
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Context, Decimal, Inexact, Overflow, Rounded, localcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from pcnotebooks.clouds import CLOUDS
from pcnotebooks.errors import ConfigurationError, PayloadError, PcNotebooksError
from pcnotebooks.frame import rows
from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.frame.changes import invoice_changes
from pcnotebooks.frame.invoices import invoice_frame
from pcnotebooks.frame.measures import balance_changes
from pcnotebooks.history.history import History, default_location
from pcnotebooks.payload.payload import Payload
from pcnotebooks.payload.sample import sample_history, sample_payload
from tests.builders import AT, NONE, body, detail, item, payload

DATASETS = ("payloads", "summaries", "totals")  # of a payload of summaries
LATER = "2040-01-01"  # by which every month is closed
SAMPLES = sample_history()


def kept(location, *payloads):
    """Return a history of these payloads."""
    history = History(location)
    for each in payloads:
        assert history.append(each, sample=True)
    return history


def same(history, payloads, **wanted):
    """Assert that everything read of a history is what these payloads give."""
    for exact in (False, True):
        frame = summary_frame(*payloads, exact=exact)
        assert_frame_equal(history.summaries(exact=exact, **wanted), frame)
        totals = totals_frame(*payloads, exact=exact)
        assert_frame_equal(history.totals(exact=exact, **wanted), totals)
        invoices = invoice_frame(*payloads, exact=exact)
        assert_frame_equal(history.invoices(exact=exact, **wanted), invoices)


def files(folder, dataset="payloads"):
    """Return the files of a dataset."""
    return sorted(path for path in (Path(folder) / dataset).rglob("*") if path.is_file())


def in_order(payloads):
    """Return payloads as a history yields them, told apart by all that they hold."""
    return sorted(
        payloads, key=lambda each: (each.retrieved_at, each.partner, each.cloud, each.resource)
    )


# What is kept comes back


@pytest.mark.parametrize("compact", [False, True])
def test_everything_comes_back_as_it_was(tmp_path, compact):
    """Payloads byte by byte, frames and changes as the payloads give them."""
    history = kept(tmp_path, *SAMPLES[::-1])
    if compact:
        history.compact(LATER)
    assert in_order(history.payloads()) == in_order(SAMPLES)
    assert [each.retrieved_at for each in history.payloads()] == sorted(
        each.retrieved_at for each in SAMPLES
    )
    same(history, SAMPLES)
    assert_frame_equal(history.changes(), balance_changes(*SAMPLES))
    assert_frame_equal(history.changes(resource="invoices"), invoice_changes(*SAMPLES))
    assert_frame_equal(history.changes(exact=True), balance_changes(*SAMPLES, exact=True))
    assert history.verify().empty
    assert len(history.verify().columns) == 3


def test_an_empty_history_gives_empty_frames(tmp_path):
    """Of the same columns and dtypes, and reading makes no folder in it."""
    (tmp_path / "none").mkdir()
    history = History(tmp_path / "none")
    same(history, [])
    assert_frame_equal(history.summaries(at="2024-01-01"), summary_frame())
    assert_frame_equal(history.changes(), balance_changes())
    assert_frame_equal(history.changes(resource="invoices"), invoice_changes())
    assert list(history.payloads()) == []
    assert history.verify().empty
    assert history.compact() == 0
    history.rebuild()
    assert list((tmp_path / "none").iterdir()) == []


def test_the_same_payload_is_kept_once(tmp_path):
    """Again, under other ids, and after it was merged with others."""
    first, second = (payload(item("GBP", 5), at=AT + timedelta(days=day)) for day in (0, 1))
    again = Payload(first.body, first.cloud, first.partner, first.retrieved_at, "id", "id")
    history = kept(tmp_path, first, second)
    assert not history.append(first)
    assert not history.append(again)
    assert history.compact(LATER) == 2
    assert not history.append(again)
    assert len(files(tmp_path)) == 1
    assert list(history.payloads()) == [first, second]


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("items", [[item("GBP", 40)], [item("EUR", 1)], []])
def test_another_answer_of_the_same_moment_is_refused(tmp_path, compact, items):
    """Nothing tells which is right; other partners, clouds and moments are others."""
    first = payload(item("GBP", 100))
    history = kept(tmp_path, first, payload(item("GBP", 7), at=AT + timedelta(days=1)))
    if compact:
        history.compact(LATER)
    before = files(tmp_path)
    with pytest.raises(ConfigurationError, match=r"Two different answers .*'Con") as told:
        history.append(payload(*items))
    assert before[0].name in told.value.remedy
    assert files(tmp_path) == before
    assert history.append(payload(*items, partner="Fabrikam"))
    assert history.append(payload(*items, cloud="china"))
    assert history.append(payload(*items, at=AT + timedelta(microseconds=1)))


def raced(folder, *payloads):
    """Return a history in which each payload was kept by a writer who did not see the others'."""
    for place, each in enumerate(payloads):
        kept(folder / f"{place}", each)
        shutil.copytree(folder / f"{place}", folder / "history", dirs_exist_ok=True)
    return History(folder / "history")


@pytest.mark.parametrize(
    "items", [[item("GBP", 40)], [item("EUR", 1)], [], [item("GBP", Decimal("0.12345"))]]
)
def test_answers_that_two_writers_kept_of_one_moment_are_never_added(tmp_path, items):
    """Frames refuse them and name both files, so does verify; without the one all is well."""
    first, last = payload(item("GBP", 100)), payload(item("GBP", 70), at=AT + timedelta(days=40))
    second, beside = payload(*items), payload(item("GBP", 1), at=AT + timedelta(days=2))
    history = raced(tmp_path, first, second, beside, last)
    pair = [path for path in files(tmp_path / "history") if "20240305T06" in path.name]
    for _ in range(2):
        reads = [history.summaries, history.totals, history.changes, lambda: history.totals(at=AT)]
        for read in reads:
            with pytest.raises(ConfigurationError, match="Two different answers") as told:
                read()
            assert all(path.name in told.value.remedy for path in pair)
        assert len(history.summaries(since="2024-03-06")) == 2
        ((_, name, damage, remedy),) = history.verify().itertuples()
        assert all(path.name in name + damage for path in pair)
        assert "Move the wrong file" in remedy
        assert len(list(history.payloads())) == 4
        history.compact(LATER)
        assert [path.exists() for path in pair] == [True, True]
    wrong = next(
        path for path in pair if path.read_bytes() == files(tmp_path / "1")[0].read_bytes()
    )
    wrong.unlink()
    same(history, [first, beside, last])
    history.compact(LATER)
    assert history.verify().empty


def test_three_answers_of_one_moment_are_all_named(tmp_path):
    """In the error and by verify; every other payload of the month is merged."""
    answers = [payload(item("GBP", amount)) for amount in (1, 2, 3)]
    others = [payload(item("GBP", 7), at=AT + timedelta(days=day)) for day in (1, 2)]
    history = raced(tmp_path, *answers, *others)
    for merged in (2, 0):
        held = [path.name for path in files(tmp_path / "history") if "20240305T06" in path.name]
        assert len(held) == 3
        with pytest.raises(ConfigurationError, match="Two different answers") as told:
            history.summaries()
        assert all(name in told.value.remedy for name in held)
        ((_, file, damage, remedy),) = history.verify().itertuples()
        assert all(name in file + damage for name in held)
        assert all(name in remedy for name in held)
        assert history.compact(LATER) == merged


def test_a_payload_is_decoded_once_to_be_kept(tmp_path, monkeypatch):
    """For both tables that are derived from it."""
    decoded, decode = [], rows.items_of
    monkeypatch.setattr(rows, "items_of", lambda answer: decoded.append(answer) or decode(answer))
    kept(tmp_path, *SAMPLES[:3])
    assert decoded == [each for each in SAMPLES[:3] if each.resource == "invoice_summaries"]


def test_the_decimal_context_of_a_notebook_changes_nothing_kept(tmp_path):
    """One digit, and a trap at every rounding, which more than four decimals take."""
    pair = [payload(item("GBP", Decimal("1234.56")), item("EUR", Decimal("0.12345")), at=AT),
            payload(item("GBP", Decimal("7234.56")), at=AT + timedelta(days=1))]  # fmt: skip
    with localcontext(Context(prec=1, Emax=1, Emin=0, traps=[Inexact, Rounded, Overflow])):
        history = kept(tmp_path, *pair)
        same(history, pair)
        assert history.changes()["balance_change"].tolist() == [6000]
        assert history.compact(LATER) == 2
        same(history, pair)
    assert history.verify().empty


def test_sample_data_enters_only_when_asked_for(tmp_path):
    """The documented example must never be counted with accounts."""
    history = History(tmp_path)
    with pytest.raises(ConfigurationError, match="Sample data was not kept"):
        history.append(sample_payload())
    assert not list(tmp_path.iterdir())
    assert history.append(sample_payload(), sample=True)
    assert history.summaries()["cloud"].eq("sample").all()


def test_what_is_no_answer_is_refused_before_anything_is_written(tmp_path):
    """A sign-in page in the answer's place, or a date that is none."""
    for wrong in (b"<html>", body(item("GBP", 5, lastPaymentDate="soon"))):
        with pytest.raises(PayloadError):
            History(tmp_path).append(Payload(wrong, "global", "Contoso", AT))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "partner",
    ["", "a/b", "a=b", "..", ".", "a..", "../../up", "123", "2024-01-01", "null", "a b ", "%2F",
     "Łódź 株式会社", "é", "e\u0301", 'a\\b:c*?"<>|', "\x00\n\x1f", "CON"],
)  # fmt: skip
@pytest.mark.parametrize("compact", [False, True])
def test_any_label_of_a_partner_is_kept(tmp_path, partner, compact):
    """Whatever a folder's name could make of it, and nothing lands outside the location."""
    both = [payload(item("GBP", 5), partner=partner, at=AT + timedelta(days=d)) for d in (0, 1)]
    history = kept(tmp_path / "history", *both, payload(item("GBP", 1), partner="other"))
    if compact:
        assert history.compact(LATER) == 2
    same(history, both, partner=partner)
    assert list(history.payloads(partner=[partner])) == both
    assert [path.name for path in tmp_path.iterdir()] == ["history"]
    assert history.verify().empty


def test_labels_that_differ_in_capitals_are_two_partners(tmp_path):
    """Also where the file system takes their folders for one: rows tell, folders only help."""
    pair = [payload(item("GBP", 5), partner=partner) for partner in ("Contoso", "CONTOSO")]
    history = kept(tmp_path, *pair)
    for dataset in DATASETS:
        below = tmp_path / dataset / "in_cloud=global"
        (below / "account=CONTOSO" / "month=2024-03").rename(below / "other")
        for file in (below / "other").iterdir():
            file.rename(below / "account=Contoso" / "month=2024-03" / file.name)
        (below / "other").rmdir()
        (below / "account=CONTOSO").rmdir()
    for each in pair:
        same(history, [each], partner=each.partner)
    same(history, pair)


def test_a_label_that_no_folder_can_have_is_refused_in_words(tmp_path):
    """Too long: 82 Japanese characters are 246 bytes."""
    assert History(tmp_path).append(payload(item("GBP", 5), partner="会" * 82))
    for partner in ("会" * 83, "%" * 83):
        with pytest.raises(ConfigurationError, match="cannot be used as a folder name"):
            History(tmp_path).append(payload(item("GBP", 5), partner=partner))


def test_files_and_folders_are_the_owners_alone(tmp_path):
    """0700 and 0600, also above the location where that had to be made."""
    kept(tmp_path / "new" / "history", *SAMPLES[:4]).compact(LATER)
    for path in (tmp_path / "new").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert not list((tmp_path / "new" / "history" / ".aside").iterdir())


# What there is

INDEX_DTYPES = {
    "partner": "category",
    "cloud": "category",
    "retrieved_at": "datetime64[us, UTC]",
    "resource": "category",
    "sha256": "string",
    "file": "string",
    "damage": "string",
    "remedy": "string",
}


@pytest.mark.parametrize("compact", [False, True])
def test_the_index_has_a_row_for_each_payload(tmp_path, compact):
    """Even for one that states nothing; the columns are the same for none."""
    every = [*SAMPLES[:6], payload(partner="", at=AT), payload(partner="a/b", at=AT)]
    history = History(tmp_path)
    assert {name: str(dtype) for name, dtype in history.index().dtypes.items()} == INDEX_DTYPES
    assert history.index().empty
    kept(tmp_path, *every)
    if compact:
        history.compact(LATER)
    index = history.index()
    assert {name: str(dtype) for name, dtype in index.dtypes.items()} == INDEX_DTYPES
    expected = sorted(
        (one.partner, one.cloud, one.retrieved_at, one.resource, one.sha256) for one in every
    )
    found = zip(*(index[name] for name in list(INDEX_DTYPES)[:5]), strict=True)
    assert list(found) == expected
    assert index[["damage", "remedy"]].isna().all(axis=None)
    assert all((tmp_path / path).is_file() for path in index["file"])


def test_the_index_names_what_is_damaged(tmp_path):
    """With the partner of its folder; what was in it cannot be told."""
    history = kept(tmp_path, *(payload(item("GBP", 5), partner=name) for name in ("", "a/b", "c")))
    damaged = [path for path in files(tmp_path) if "account=c" not in str(path)]
    for path in damaged:
        path.write_bytes(b"PAR1")
    index = history.index()
    assert index["partner"].tolist() == ["", "a/b", "c"]
    assert index["cloud"].tolist() == ["global"] * 3
    assert index["retrieved_at"].isna().tolist() == [True, True, False]
    assert index["damage"].notna().tolist() == [True, True, False]
    assert {tmp_path / name for name in index["file"][:2]} == set(damaged)
    assert index["remedy"].str.startswith("Restore it from a backup").tolist()[:2] == [True, True]


def test_the_index_has_a_payload_once(tmp_path):
    """Even while it is both in a merged file and in its own; two answers are two rows."""
    pair = [payload(item("GBP", 5), at=AT + timedelta(days=day)) for day in (0, 1)]
    history = kept(tmp_path / "merged", *pair)
    shutil.copytree(tmp_path / "merged", tmp_path / "history")
    history.compact(LATER)
    shutil.copytree(tmp_path / "merged", tmp_path / "history", dirs_exist_ok=True)
    both = History(tmp_path / "history")
    assert len(files(both.location)) == 3
    assert both.index()["retrieved_at"].tolist() == [each.retrieved_at for each in pair]
    assert len(raced(tmp_path / "raced", pair[0], payload(item("GBP", 6))).index()) == 2


# Amounts and dates


@pytest.mark.parametrize(
    "amount",
    ["0", "-0.0001", "751094.39", "1e3", "9.780", "899999999999.99", "900719925474.0993",
     "999999999999999.9999", "-12.5", "1e14"],
)  # fmt: skip
def test_amounts_come_back_to_the_last_digit(tmp_path, amount):
    """As Decimal, and as the float that the text itself is."""
    stated = Decimal(amount)
    given = payload(item("GBP", stated, lastPaymentAmount=...), item("EUR", -stated))
    history = kept(tmp_path, given)
    same(history, [given])
    (exact,) = history.summaries(currency="GBP", exact=True)["balance_amount"]
    assert exact == stated
    assert history.summaries(currency="GBP")["balance_amount"].item() == float(amount)
    assert len(str(exact)) <= 20


@pytest.mark.parametrize("amount", ["0.12345", "1e-28", "0.1" + 40 * "3", "18240.649999999998"])
@pytest.mark.parametrize("compact", [False, True])
def test_more_digits_than_parquet_keeps_are_read_from_the_payload(tmp_path, amount, compact):
    """Other engines see four decimals; a history rounds nothing away."""
    pair = [payload(item("GBP", Decimal(amount)), item("EUR", 1)),
            payload(item("GBP", 1), at=AT + timedelta(days=1))]  # fmt: skip
    history = kept(tmp_path, *pair)
    if compact:
        history.compact(LATER)
    same(history, pair)
    same(history, pair[:1], at=AT)
    assert set(history.summaries(currency="EUR")["currency"]) == {"EUR"}
    assert history.verify().empty
    assert any(".rounded." in path.name for path in files(tmp_path, "summaries"))


def test_what_is_missing_stays_missing(tmp_path):
    """No payment stated, never paid, no details, no symbol: all as in the payload."""
    sparse = payload(
        item("GBP", 5, lastPaymentDate=..., lastPaymentAmount=..., currencySymbol=...),
        item("EUR", 5, lastPaymentDate=NONE, latestInvoiceDate=NONE),
        item("USD", None, detail("one_time", 3, currency="USD"), detail("Azure", 4, currency="USD"),
             detail("azu_re", 1, currency="USD"), detail(..., 1, currency="USD")),
        item("GBP", 7),
    )  # fmt: skip
    other = payload(item("GBP", None, detail("Azu_re", 2)), at=AT + timedelta(days=40))
    nothing = payload(at=AT + timedelta(days=80))
    history = kept(tmp_path, sparse, other, nothing)
    same(history, [sparse, other])
    history.compact(LATER)
    same(history, [sparse, other])
    assert history.summaries(at="2040-01-01").empty, "the latest payload states nothing"


# Which rows


@pytest.mark.parametrize("compact", [False, True])
def test_rows_are_chosen_by_partner_cloud_currency_and_time(tmp_path, compact):
    """Each filter, alone and together, as choosing among the payloads gives it."""
    accounts = [
        payload(item("GBP", day), item("EUR", 2), at=AT + timedelta(days=day), partner=partner,
                cloud=cloud)
        for day in (0, 20, 40) for partner in ("Contoso", "Fabrikam")
        for cloud in ("global", "china")
    ]  # fmt: skip
    history = kept(tmp_path, *accounts)
    if compact:
        history.compact(LATER)
    own = [each for each in accounts if each.partner == "Contoso"]
    same(history, own, partner="Contoso")
    same(history, accounts, partner=["Fabrikam", "Contoso"])
    same(history, [], partner=[])
    same(history, [], partner="contoso")
    same(history, [each for each in own if each.cloud == "china"],
         partner="Contoso", cloud=CLOUDS["china"])  # fmt: skip
    since = [each for each in accounts if each.retrieved_at > AT]
    same(history, since, since="2024-03-06", cloud=["global", "china"])
    assert list(history.payloads(partner="Contoso", until="2024-03-05")) == in_order(own[:2])
    assert set(history.summaries(currency="eur")["currency"]) == {"EUR"}
    assert set(history.totals(currency=["gbp", "CHF"])["currency"]) == {"GBP"}


def test_days_are_whole_and_in_utc_and_moments_in_any_zone(tmp_path):
    """The last microsecond of a day belongs to it, whoever looks from wherever."""
    last = datetime(2024, 2, 29, 23, 59, 59, 999999, UTC)
    pair = [payload(item("GBP", 1), at=last), payload(item("GBP", 2), at=last + timedelta(0, 0, 1))]
    history = kept(tmp_path, *pair)
    assert [path.parent.name for path in files(tmp_path)] == ["month=2024-02", "month=2024-03"]
    auckland = timezone(timedelta(hours=13))
    for until in ("2024-02-29", date(2024, 2, 29), last, last.replace(tzinfo=None), str(last),
                  last.astimezone(auckland), np.datetime64("2024-02-29"),
                  np.datetime64("2024-02-29T23:59:59.999999")):  # fmt: skip
        same(history, pair[:1], until=until)
        same(history, pair[:1], at=until)
    for since in ("2024-03-01", date(2024, 3, 1), pair[1].retrieved_at.astimezone(auckland)):
        same(history, pair[1:], since=since)
    for none in ("soon", pd.NaT, np.datetime64("NaT")):
        for choice in ("since", "until", "at"):
            with pytest.raises(ConfigurationError, match="not a date"):
                history.summaries(**{choice: none})


def test_figures_as_they_stood_on_a_day():
    """Of each partner and cloud the latest payload until then, of no other any row."""
    march = [each for each in SAMPLES if f"{each.retrieved_at:%Y-%m}" == "2025-03"]
    february = [each for each in SAMPLES if f"{each.retrieved_at:%Y-%m}" == "2025-02"]
    history = kept(f"memory://history-{next(numbers)}", *SAMPLES)
    same(history, march, at="2025-03-31")
    same(history, march, at=march[0].retrieved_at)
    same(history, february, at="2025-03-05T05:59:59")
    same(history, february, at="2025-03-31", until="2025-02-28")
    same(history, [], at="2023-12-31")
    same(history, [], at="2025-03-31", since="2025-03-06")
    own = [each for each in march if each.partner == march[0].partner]
    same(history, own, at="2025-03-31", partner=march[0].partner)


def test_changes_since_a_day_start_from_the_payload_before():
    """The first balance of a period moved from the last one of the period before."""
    history = kept(f"memory://history-{next(numbers)}", *SAMPLES)
    every = balance_changes(*SAMPLES)
    period = every[(every["retrieved_at"] >= "2025-06-01") & (every["retrieved_at"] < "2025-08-01")]
    changes = history.changes(since="2025-06-01", until="2025-07-31")
    assert_frame_equal(changes.astype(object), period.reset_index(drop=True).astype(object))
    assert changes["unexplained"].sum() == 2
    assert set(history.changes(currency="KWD", since="2025-06-01")["currency"]) == {"KWD"}


# Compacting


def test_closed_months_are_merged_and_the_open_one_is_not(tmp_path):
    """A file a partner and month, and nothing left of the small ones; then nothing to do."""
    days = [datetime(2024, month, day, tzinfo=UTC) for month in (3, 4, 5) for day in (1, 2, 3)]
    every = [payload(item("GBP", day.day), at=day) for day in days]
    history = kept(tmp_path, *every)
    assert history.compact("2024-05-31") == 6
    names = [path.name.split("-")[0] for path in files(tmp_path)]
    assert sorted(names) == ["20240501T000000.000000Z", "20240502T000000.000000Z",
                             "20240503T000000.000000Z", "compacted", "compacted"]  # fmt: skip
    for dataset in DATASETS:
        assert len(files(tmp_path, dataset)) == 5
    same(history, every)
    assert history.compact("2024-05-31") == 0
    late = payload(item("GBP", 9), at=days[0] + timedelta(hours=1))
    assert history.append(late)
    assert history.compact("2024-05-31") == 2
    assert len(files(tmp_path)) == 5
    same(history, [*every, late])
    assert history.verify().empty


def test_the_clock_decides_what_is_closed_and_may_run_backwards(tmp_path, monkeypatch):
    """A wrong clock merges more or less than meant, and harms nothing."""
    now = datetime.now(UTC)
    every = [payload(item("GBP", n), at=now + timedelta(seconds=n)) for n in (5, -9, 3, -2, 0)]
    history = kept(tmp_path, *every)
    assert history.compact(now - timedelta(days=4000)) == 0
    assert history.compact(now + timedelta(days=40)) >= 2
    before = payload(item("GBP", 1), at=now - timedelta(days=9000))
    assert history.append(before)
    assert not history.append(every[0])
    same(history, [before, *every])


def test_derived_tables_are_rebuilt_from_the_payloads(tmp_path):
    """Whatever happened to them: gone, emptied, another's, or of no payload."""
    history = kept(tmp_path, *SAMPLES[:24])
    summaries, totals, invoices = (
        files(tmp_path, dataset) for dataset in ("summaries", "totals", "invoices")
    )
    summaries[0].unlink()
    summaries[1].write_bytes(totals[1].read_bytes())
    totals[2].write_bytes(summaries[3].read_bytes())
    invoices[3].write_bytes(b"")
    next(path for path in files(tmp_path) if path.name[:56] == summaries[4].name[:56]).unlink()
    said = history.verify()
    assert sorted(said["damage"]) == [
        "is derived from a payload that is not kept",
        "is derived from a payload that is not kept",
        "is missing",
        "was changed or truncated",
        "was changed or truncated",
        "was changed or truncated",
    ]
    history.rebuild()
    assert history.verify().empty
    same(history, list(history.payloads()))
    assert len(history.totals()["retrieved_at"].unique()) == 6


payloads_anywhere = st.lists(
    st.builds(
        lambda month, day, partner, balance: payload(
            item("GBP", None, detail("Recurring", Decimal(balance) / 10000)),
            item("EUR", balance),
            at=datetime(2024, month, day, tzinfo=UTC),
            partner=partner,
        ),
        st.integers(1, 3), st.integers(1, 3), st.sampled_from("ab"), st.integers(-9, 9),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


def whose_and_when(each):
    """Return what one answer is known by."""
    return each.partner, each.retrieved_at


steps = st.lists(st.sampled_from(["append", "again", "compact", "rebuild", "lose"]), max_size=16)


@settings(max_examples=40, deadline=None)
@given(given=payloads_anywhere, steps=steps, month=st.integers(1, 5))
def test_any_sequence_of_steps_gives_the_same_frames(given, steps, month):
    """What was done in between leaves no trace in what is read."""
    location = f"memory://history-{next(numbers)}"
    history, waiting, done = History(location), list(given[1:]), [given[0]]
    assert history.append(given[0])
    for step in steps:
        if step == "append" and waiting:
            each = waiting.pop(0)
            before = [old for old in done if whose_and_when(old) == whose_and_when(each)]
            if before in ([], [each]):
                assert history.append(each) == (not before)
                done += [] if before else [each]
            else:
                with pytest.raises(ConfigurationError, match="Two different answers"):
                    history.append(each)
        elif step == "again" and done:
            assert not history.append(done[0])
        elif step == "compact":
            history.compact(date(2024, month, 1))
        elif step == "rebuild":
            history.rebuild()
        elif step == "lose":
            lost = history._datasets.store.list_files("summaries")[:1]
            history._datasets.store.delete(lost)
    same(history, done)
    assert in_order(history.payloads()) == in_order(done)
    if done:
        assert_frame_equal(history.changes(), balance_changes(*done))
    history.compact(LATER)
    assert history.verify().empty


numbers = itertools.count()


# Where it is


def test_the_default_location_is_the_users_own(home, monkeypatch):
    """The user's data directory, unless the environment names another place."""
    assert default_location() == str(home / ".data" / "pcnotebooks" / "history")
    assert History().location == default_location()
    assert repr(History()) == f"History({default_location()!r})"
    monkeypatch.setenv("PCNOTEBOOKS_HISTORY", "memory://elsewhere")
    assert History().location == "memory://elsewhere"


def test_a_location_that_cannot_be_is_refused_in_words(tmp_path):
    """A file in the folder's place, and a URL that nobody can open."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="is a file"):
        History(tmp_path / "file")
    for url in ("nonsense://place", "gdrive://place"):
        with pytest.raises(ConfigurationError, match="pcnotebooks\\[history\\]"):
            History(url)


@pytest.mark.parametrize("url", ["http://books/history", "https://books/history"])
def test_a_web_server_is_refused_as_nothing_can_be_kept_there(url):
    """At once, not when something is to be kept."""
    with pytest.raises(ConfigurationError, match="cannot be written") as told:
        History(url)
    assert "abfss://" in told.value.remedy


def test_what_is_no_location_or_payload_is_refused_in_words(tmp_path):
    """A number, and a file's name in the place of what it holds."""
    with pytest.raises(ConfigurationError, match="location cannot be 5"):
        History(5)
    with pytest.raises(TypeError, match="expected a Payload, got str"):
        History(tmp_path).append("march.json")


@pytest.mark.parametrize(
    ("location", "shown"),
    [("memory://user:hunter2@host/a:b", "memory://***@host/a:b"),
     ("memory://user:hun:t@er2@host", "memory://***@host"),
     ("memory://user:hunt/er2@host", "memory://***@host"),
     ("memory://account/a?sig=hunter2", "memory://account/a?***")],
)  # fmt: skip
def test_a_password_in_a_url_is_never_shown(location, shown):
    """Not in the location, which messages and notebooks repeat, nor by showing the object."""
    history = kept(location, SAMPLES[0])
    assert history.location == shown
    assert repr(history) == f"History({shown!r})"
    same(History(location), [SAMPLES[0]])
    with pytest.raises(ConfigurationError) as told:
        History(location.replace("memory", "nonsense"))
    assert shown.partition(":")[2] in told.value.message
    assert "er2" not in str(told.value)


def test_characters_that_search_stand_for_themselves_in_a_url():
    """As a bucket's path may hold them."""
    location = f"memory://history-{next(numbers)}[1]*?/h"
    history = kept(location, *SAMPLES[:3])
    same(history, SAMPLES[:3])
    history.compact(LATER)
    same(history, SAMPLES[:3])


def test_an_object_store_that_gives_no_answer_is_told_in_words(monkeypatch):
    """Without credentials, and where nobody listens: its place, and what to look at."""
    s3fs = pytest.importorskip("s3fs")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    s3fs.S3FileSystem.clear_instance_cache()
    history = History("s3://no-such-bucket/history")
    for use in (history.summaries, history.verify, lambda: history.append(SAMPLES[0], sample=True)):
        with pytest.raises(PcNotebooksError, match="at s3://no-such-bucket/history ") as told:
            use()
        assert "credentials" in told.value.message
        assert "credentials" in told.value.remedy
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize("scheme", ["file", "local"])
def test_a_file_url_and_a_tilde_are_folders(home, scheme):
    """Both lead to the folder that they mean."""
    kept("~/history", SAMPLES[0])
    assert_frame_equal(History(f"{scheme}://{home}/history").summaries(), summary_frame(SAMPLES[0]))
    kept(f"{scheme}://{home}/other", SAMPLES[0])
    assert (home / "other" / "payloads").is_dir()


def test_without_pyarrow_the_remedy_is_named():
    """The module loads, the class says which extra to install."""
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from pcnotebooks.history.history import History\n"
        "try: History('x')\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "History needs pyarrow, which is not installed.",
        'Run: pip install "pcnotebooks[history]"',
    ]
