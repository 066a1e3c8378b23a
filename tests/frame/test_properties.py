"""What holds whatever the payloads are: no sum across currencies, no order, no day never paid."""

from __future__ import annotations

import csv
import io
import itertools
import json
import random
import re
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import partial, reduce, singledispatch
from operator import add
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from pandas.testing import assert_frame_equal

import pcnotebooks
from pcnotebooks import (
    History,
    Payload,
    Session,
    balance_changes,
    balances_by_type,
    csv_text,
    explore,
    invoice_frame,
    payment_recency,
    reconcile,
    reconcile_invoices,
    render_report,
    summary_frame,
    totals_frame,
)
from pcnotebooks.amounts import format_number
from tests import fuzz
from tests.builders import AT, NONE, detail, invoice, invoices, item, payload, sheet_of
from tests.services.partner_center import Answer

# ---------------------------------------------------------------- fuzzing


def test_a_short_run_of_the_fuzzing():
    """Damaged answers are read as a second reader reads them, or refused; ``make fuzz`` runs on."""
    read, refused = fuzz.run(400)
    assert read + refused >= 400
    assert read > 20
    assert refused > 20


# ---------------------------------------------------------------- exact sums


def test_a_hundred_thousand_cents_reconcile():
    """Details of random cents add up as integers do, and one cent too many is seen."""
    chance = random.Random(20240305)  # noqa: S311  # figures that come back, no secret
    sent = [chance.randint(-(10**11), 10**11) for _ in range(100_000)]
    parts = [detail("OneTime", Decimal(cents).scaleb(-2)) for cents in sent]
    # Since Python 3.12 sum() itself makes up for what is lost.
    assert reduce(add, (float(part["summary"]["balanceAmount"]) for part in parts)) != (
        sum(sent) / 100
    )
    for off in (0, 1):
        stated = Decimal(sum(sent) + off).scaleb(-2)
        with warnings.catch_warnings():
            warnings.simplefilter("error" if not off else "ignore")
            (row,) = reconcile(payload(item("GBP", stated, *parts))).itertuples()
        assert (row.stated, row.summed) == (stated, Decimal(sum(sent)).scaleb(-2))
        assert row.difference == Decimal(off).scaleb(-2)


# ---------------------------------------------------------------- currencies

CURRENCIES = ("EUR", "GBP", "USD")
PARTNERS = ("Adatum", "Contoso")
TYPES = ("Recurring", "OneTime")


def _balances() -> dict[tuple[str, str, str], int]:
    """Return balances of which no two sums are equal: each is more than all before it."""
    amounts, total = {}, 0
    for n, key in enumerate(itertools.product(CURRENCIES, PARTNERS, TYPES)):
        amounts[key] = total + 100_003 + n
        total += amounts[key]
    return amounts


BALANCES = _balances()


def _sums(*, mixed: bool) -> dict[int, set[str]]:
    """Return the sums of balances of one currency, or of several, with these."""
    found = {}
    for size in range(1, len(BALANCES) + 1):
        for chosen in itertools.combinations(BALANCES.items(), size):
            currencies = {currency for (currency, _, _), _ in chosen}
            if (len(currencies) > 1) == mixed:
                found[sum(amount for _, amount in chosen)] = currencies
    return found


MIXED = _sums(mixed=True)
UNMIXED = _sums(mixed=False)


def answer(partner: str, *, at: datetime = AT, **fields: Any) -> Payload:
    """Return a partner's payload of all currencies."""
    items = [
        item(currency, None, *(detail(kind, BALANCES[currency, partner, kind], currency=currency,
                                      **fields) for kind in TYPES), **fields)
        for currency in CURRENCIES
    ]  # fmt: skip
    return payload(*items, at=at, partner=partner)


PAYLOADS = [
    answer(partner, at=AT + timedelta(days=days), latestInvoiceDate=f"2024-0{1 + days // 30}-08")
    for partner in PARTNERS
    for days in (0, 31)
]
LISTS = [
    invoices(
        *(
            invoice(
                f"{currency}-{kind}",
                BALANCES[currency, partner, kind],
                currencyCode=currency,
                invoiceType=kind,
            )
            for currency in CURRENCIES
            for kind in TYPES
        ),
        at=AT + timedelta(days=days),
        partner=partner,
    )
    for partner in PARTNERS
    for days in (0, 31)
]
FRAME = summary_frame(*PAYLOADS)
INVOICES = invoice_frame(*LISTS)


@singledispatch
def numbers(shown: Any) -> Iterator[float]:
    """Yield every number in what a function returned, whatever that is: here a widget."""
    yield from numbers(json.dumps(shown._repr_mimebundle_()))


@numbers.register
def _(shown: str) -> Iterator[float]:
    for text in re.findall(r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?", shown):
        yield float(text.replace(",", ""))


@numbers.register
def _(shown: pd.DataFrame) -> Iterator[float]:
    for value in shown.to_numpy(dtype=object).ravel():
        if isinstance(value, int | float | Decimal) and not pd.isna(value):
            yield abs(float(value))


@numbers.register
def _(shown: Axes) -> Iterator[float]:
    drawn = [edge for patch in shown.patches for edge in patch.get_bbox().extents]
    drawn += [value for line in shown.lines for value in line.get_ydata()]
    for value, unit in itertools.product(drawn, (1, 10**3, 10**6)):  # an axis may count these
        yield float(value) * unit
    for artist in shown.findobj(Text):
        yield from numbers(artist.get_text())


@numbers.register
def _(shown: Figure) -> Iterator[float]:
    yield from numbers(shown.axes)


@numbers.register
def _(shown: Payload) -> Iterator[float]:
    yield from numbers(shown.body.decode())


@numbers.register
def _(shown: Path) -> Iterator[float]:
    if shown.suffix == ".xlsx":
        yield from numbers(list(pd.read_excel(shown, sheet_name=None).values()))
    else:
        yield from numbers(shown.read_text("utf-8"))


@numbers.register
def _(shown: list) -> Iterator[float]:
    for each in shown:
        yield from numbers(each)


def each_currency(plot: Callable[..., Axes], frame: pd.DataFrame | None = None) -> list[Axes]:
    """Return the charts of each currency; of several at once there is none."""
    frame = FRAME if frame is None else frame
    with pytest.raises(ValueError, match="EUR"):
        plot(frame)
    return [plot(pcnotebooks.select(frame, currency=currency)) for currency in CURRENCIES]


def _kept(folder: Path) -> list[pd.DataFrame]:
    history = History(folder / "history")
    assert all(history.append(each) for each in PAYLOADS)
    history.compact("2040-01-01")
    return [history.summaries(), history.totals(), history.changes(), history.summaries(at=AT)]


SHOWS: dict[str, Callable[[Path], Any]] = {
    "History": _kept,
    "ageing_by_currency": lambda _: pcnotebooks.ageing_by_currency(INVOICES),
    "balance_changes": lambda _: balance_changes(*PAYLOADS),
    "balances_by_type": lambda _: balances_by_type(FRAME),
    "csv_text": lambda _: csv_text(*PAYLOADS),
    "dashboard": lambda _: pcnotebooks.dashboard(payloads=PAYLOADS),
    "explore": lambda _: explore(FRAME),
    "invoice_ageing": lambda _: pcnotebooks.invoice_ageing(INVOICES),
    "invoice_changes": lambda _: pcnotebooks.invoice_changes(
        *(invoices(at=AT - timedelta(days=1), partner=partner) for partner in PARTNERS), *LISTS
    ),
    "invoice_frame": lambda _: invoice_frame(*LISTS, exact=True),
    "summary_frame": lambda _: summary_frame(*PAYLOADS, exact=True),
    "payment_recency": lambda _: payment_recency(FRAME),
    "plot_ageing": lambda _: each_currency(pcnotebooks.plot_ageing, INVOICES),
    "plot_balance_trend": lambda _: each_currency(pcnotebooks.plot_balance_trend),
    "plot_balances": lambda _: each_currency(pcnotebooks.plot_balances),
    "plot_panels": lambda _: pcnotebooks.plot_panels(FRAME),
    "plot_payment_recency": lambda _: pcnotebooks.plot_payment_recency(FRAME),
    "reconcile": lambda _: reconcile(*PAYLOADS),
    "reconcile_invoices": lambda _: reconcile_invoices(*PAYLOADS, *LISTS),
    "render_report": lambda _: render_report(PAYLOADS),
    "select": lambda _: pcnotebooks.select(FRAME, currency=["EUR", "GBP"]),
    "totals_frame": lambda _: totals_frame(*PAYLOADS),
    "write_csv": lambda folder: pcnotebooks.write_csv(folder / "a.csv", *PAYLOADS),
    "write_excel": lambda folder: pcnotebooks.write_excel(folder / "a.xlsx", *PAYLOADS),
}
# What takes a session is given PAYLOADS by a Partner Center, below.
FETCHES = {"fetch_all", "fetch_invoice_summaries", "invoice_summaries"}
# The list of invoices has amounts of invoices, and no balances.
FETCHED_LISTS = {"fetch_invoices", "invoices"}
# What shows no balances, or none but those of a notebook's own cells or of the sample.
WITHOUT = {
    "CLOUDS",
    "Cloud",
    "ConfigurationError",
    "Dashboard",  # asked as dashboard()
    "DeviceCode",
    "Explorer",  # asked as explore()
    "NetworkError",
    "Payload",
    "PayloadError",
    "PcNotebooksError",
    "PcNotebooksWarning",
    "ReportError",
    "ServiceError",
    "Session",
    "SignInError",
    "cloud_picker",
    "get_cloud",
    "render_notebook",
    "sample_history",
    "sample_payload",
    "save_invoice_pdfs",  # names files, shows no amount
    "sign_in",
    "sign_in_async",
    "sign_out",
}


def test_every_public_name_is_asked():
    """A new name has to say whether it shows balances."""
    assert set(pcnotebooks.__all__) == {*SHOWS, *FETCHES, *FETCHED_LISTS, *WITHOUT}


@pytest.mark.parametrize("name", SHOWS)
def test_nothing_public_adds_across_currencies(name, tmp_path, home):
    """Of all the sums of balances of several currencies none is shown, of one currency some are."""
    shown = {round(number) for number in numbers(SHOWS[name](tmp_path))}
    assert not {amount: MIXED[amount] for amount in shown & MIXED.keys()}
    if name != "plot_payment_recency":  # which may do with days
        assert shown & UNMIXED.keys()


def test_nothing_fetched_is_added_across_currencies(partner_center):
    """Nor do the functions that fetch."""
    service = partner_center(*[Answer(PAYLOADS[0].body)] * 3)
    session = Session.from_token(service.cloud, "token", partner="Adatum")
    several = partial(pcnotebooks.fetch_all, [session], resources=["invoice_summaries"])
    for name in FETCHES:
        fetch = several if name == "fetch_all" else partial(getattr(pcnotebooks, name), session)
        shown = {round(number) for number in numbers(fetch())}
        assert shown & UNMIXED.keys()
        assert not shown & MIXED.keys()


# ---------------------------------------------------------------- order


@settings(deadline=None, max_examples=10)
@given(order=st.permutations(PAYLOADS))
def test_the_order_of_payloads_does_not_matter(tmp_path_factory, order):
    """To any function that takes several, nor to a history that is told them one by one."""
    for function in (summary_frame, totals_frame, balance_changes, reconcile):
        assert_frame_equal(function(*order), function(*PAYLOADS))
    assert csv_text(*order) == csv_text(*PAYLOADS)
    history = History(tmp_path_factory.mktemp("history"))
    assert all(history.append(each) for each in order)
    assert_frame_equal(history.summaries(), summary_frame(*PAYLOADS))


def test_a_report_does_not_depend_on_the_order():
    """Not in one letter."""
    assert render_report(PAYLOADS[::-1]) == render_report(PAYLOADS)


def test_two_answers_of_one_moment_are_refused_in_any_order():
    """Whether they are one debt or two accounts under one label, nothing tells."""
    one, other = (payload(item("GBP", balance), partner="") for balance in (1, 5))
    for order in ([one, other], [other, one, one]):
        for function in (summary_frame, totals_frame, balance_changes, reconcile, csv_text):
            with pytest.raises(pcnotebooks.ConfigurationError, match=(
                r"^Two different answers have the same partner '', cloud 'global' and retrieved_at"
                r" 2024-03-05T06:00:00\+00:00, so it is unknown whether"
            )) as caught:  # fmt: skip
                function(*order)
            assert "its own partner label" in caught.value.remedy
    for apart in (
        Payload(other.body, "global", "Fabrikam", AT),
        Payload(other.body, "china", "", AT),
        Payload(other.body, "global", "", AT + timedelta(microseconds=1)),
    ):
        assert summary_frame(one, apart)["balance_amount"].tolist() in ([1, 5], [5, 1])


# ---------------------------------------------------------------- everywhere the same

cents = st.integers(-(10**11), 10**11).map(lambda number: Decimal(number).scaleb(-2))


@settings(deadline=None, max_examples=8)
@given(
    amounts=st.lists(st.tuples(st.sampled_from(["GBP", "JPY", "KWD"]), cents), max_size=6),
    paid=cents,
)
def test_the_same_figures_everywhere(tmp_path_factory, amounts, paid):
    """Saved and loaded, kept and merged, in the CSV file, the workbook and the report."""
    folder = tmp_path_factory.mktemp("same")
    fields = {"lastPaymentAmount": paid, "lastPaymentDate": "2024-02-20T00:00:00Z"}
    given_ = payload(*(item(code, None, detail("OneTime", amount, currency=code, **fields))
                       for code, amount in amounts))  # fmt: skip
    frame = summary_frame(given_, exact=True)
    loaded = Payload.load(given_.save(folder / "payload.json"))
    history = History(folder / "history")
    history.append(loaded)
    for found in (summary_frame(loaded, exact=True), history.summaries(exact=True)):
        assert_frame_equal(found, frame)
    lines = list(csv.DictReader(io.StringIO(csv_text(given_))))
    book = sheet_of(pcnotebooks.write_excel(folder / "a.xlsx", given_), "details")
    report = render_report(given_)
    for column in ("balance_amount", "last_payment_amount"):
        assert [Decimal(line[column]) for line in lines] == frame[column].tolist()
        assert [Decimal(str(value)) for value in book[column]] == frame[column].tolist()
        for code, amount in zip(frame["currency"], frame[column], strict=True):
            assert format_number(amount, code) in report


# ---------------------------------------------------------------- never paid

ZONES = ("UTC", "America/Los_Angeles", "Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Apia")
moments = st.datetimes(timezones=st.sampled_from([None, *map(ZoneInfo, ZONES)]))
as_ofs = st.none() | st.dates() | moments | st.dates().map(str) | moments.map(datetime.isoformat)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
sentinels = st.builds(
    lambda digits, zone: NONE + digits + zone,
    st.sampled_from(["", ".0", ".000", ".0000000", ".0000001"]),
    st.just("") | st.just("Z")
    | offsets.map(lambda zone: datetime(2024, 1, 1, tzinfo=zone).isoformat()[19:]),
)  # fmt: skip


@settings(deadline=None, max_examples=80)
@given(
    sentinel=sentinels,
    as_of=as_ofs,
    at=st.datetimes(datetime(1970, 1, 2), timezones=offsets),  # noqa: DTZ001  # made aware
    here=st.sampled_from(ZONES),
)
def test_never_paid_is_no_number_of_days_anywhere(sentinel, as_of, at, here):
    """In no time zone of the machine, the sentinel, the retrieval or the as-of day."""
    if not hasattr(time, "tzset"):
        pytest.skip("Windows has no TZ")
    given_ = answer("Contoso", at=at, lastPaymentDate=sentinel, latestInvoiceDate=sentinel)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", here)
            time.tzset()
            try:
                recency = payment_recency(summary_frame(given_), as_of=as_of)
            except pcnotebooks.ConfigurationError:
                return  # an as-of day that UTC does not have
            totals = payment_recency(totals_frame(given_), as_of=as_of)
            table = list(csv.DictReader(io.StringIO(csv_text(given_, as_of=as_of))))
    finally:
        time.tzset()
    for frame in (recency, totals):
        assert set(frame["payment_status"]) == {"never paid"}
        assert set(frame["recency"]) == {"never paid"}
        for column in ("days_since_payment", "days_since_invoice", "days_until_due",
                       "last_payment_date", "invoice_due_date"):  # fmt: skip
            assert frame[column].isna().all()
    for line in table:
        assert (line["payment_status"], line["recency"]) == ("never paid", "never paid")
        assert line["days_since_payment"] == line["last_payment_date"] == ""


def test_never_paid_is_no_number_of_days_where_people_read():
    """The report, a chart and the notebook's tables say it in words."""
    given_ = answer("Contoso", lastPaymentDate=NONE + "-08:00", latestInvoiceDate=NONE)
    for shown in (
        render_report(given_),
        json.dumps(explore(summary_frame(given_))._repr_mimebundle_()),
        " ".join(text.get_text() for text in pcnotebooks.plot_panels(
            summary_frame(given_), pcnotebooks.plot_payment_recency).findobj(Text)),
    ):  # fmt: skip
        assert re.search("never paid", shown, re.IGNORECASE)
        assert not re.search(r"7[34]\d,?\d{3}[\s\u00a0]*day", shown)
        assert "0001" not in re.sub(r"#\w+", "", shown)
