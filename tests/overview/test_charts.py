"""Chart models: the figures, their order, ticks, limits and words that both pens draw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pcnotebooks import (
    payment_recency,
    sample_history,
    sample_payload,
    select,
    summary_frame,
    totals_frame,
)
from pcnotebooks.frame.measures import changes_of
from pcnotebooks.overview.axis import _dates, _steps
from pcnotebooks.overview.build import overview
from pcnotebooks.overview.charts import (
    BalancesChart,
    Bar,
    Foot,
    Mark,
)
from pcnotebooks.overview.trend import TrendChart
from tests.builders import AT, detail, item, payload
from tests.models import balances_chart, recency_chart, trend_chart

SAMPLE_FOOT = "Sample data, not an account · retrieved 16 Mar 2018"


def plain(words: str) -> str:
    """Return words without the no-break spaces of amounts and days."""
    return words.replace("\N{NO-BREAK SPACE}", " ")


def test_balances_of_the_sample():
    """All that the chart shows, to the cent, the largest amount first."""
    chart = balances_chart(select(summary_frame(sample_payload()), currency="GBP"))
    recurring, one_time = "GBP\N{NO-BREAK SPACE}202,955.87", "GBP\N{NO-BREAK SPACE}548,138.52"
    assert plain(chart.title) == "GBP 751,094.39 owed, 73 % OneTime"
    assert plain(chart.foot.words) == SAMPLE_FOOT
    assert chart == BalancesChart(
        title=chart.title,
        description=f"OneTime {one_time}; Recurring {recurring}",
        foot=Foot(chart.foot.words, "sample", bold=True),
        note="",
        unit="",
        rows=2,
        bars=(
            Bar("OneTime", 548138.52, one_time, "onetime"),
            Bar("Recurring", 202955.87, recurring, "recurring"),
        ),
    )


def test_balances_of_several_partners_a_credit_and_a_chosen_type():
    """Labels tell partners apart, a credit comes last and reaches below zero, a choice is named."""
    frame = summary_frame(
        payload(item("USD", None, detail("Azure", -2500, currency="USD")), partner="A"),
        payload(item("USD", None, detail("OneTime", 1, currency="USD")), partner="B"),
    )
    chart = balances_chart(frame, locale="de", only="Azure")
    assert [bar.label for bar in chart.bars] == ["B\nOneTime", "A\nAzure"]
    assert [bar.colour for bar in chart.bars] == ["onetime", "other-0"]
    assert plain(chart.description) == "B OneTime USD 1,00; A Azure (USD 2.500,00)"
    assert chart.low == -2500
    assert chart.title.startswith("Azure: ")


def test_an_account_that_owes_nothing_has_a_bar_without_length():
    """And says so."""
    chart = balances_chart(
        summary_frame(payload(item("JPY", 0, detail("Recurring", 0, currency="JPY"))))
    )
    assert [(bar.length, plain(bar.words)) for bar in chart.bars] == [(0.0, "JPY 0")]
    assert chart.title == "Nothing owed in JPY"


def test_recency_of_the_sample():
    """A lane for each currency and type, days with their words, and bands to the axis's end."""
    recency = payment_recency(summary_frame(sample_payload()), as_of="2018-03-17")
    chart = recency_chart(recency, as_of="2018-03-17")
    assert plain(chart.title) == "Last payment 440 days ago; 3 of 4 never paid"
    assert plain(chart.foot.words) == f"{SAMPLE_FOOT} · as of 17 Mar 2018"
    assert plain(chart.description) == (
        "CHF OneTime never paid; EUR OneTime never paid; GBP Recurring last paid 440 days ago;"
        " GBP OneTime never paid"
    )
    assert [label for label, _ in chart.lanes] == [
        "CHF · OneTime", "EUR · OneTime", "GBP · Recurring", "GBP · OneTime",
    ]  # fmt: skip
    never, paid = chart.lanes[0][1][0], chart.lanes[2][1][0]
    assert never == Mark(None, "never paid", ("Never paid",))
    assert paid == Mark(120, "paid", paid.words, arrow="right", words_first=True)
    assert list(map(plain, paid.words)) == ["440 days ago", "1 Jan 2017", "GBP 1,000.00"]
    assert chart.axis.ticks == ((0, "0"), (30, "30"), (60, "60"), (90, "90"), (120, "120+"))
    assert chart.axis.first < chart.no_day < 0
    assert [start for start, _, _ in chart.bands] == [0, 30, 60, 90]
    assert [end for _, end, _ in chart.bands] == [30, 60, 90, chart.axis.last]
    assert [colour for _, _, colour in chart.bands] == ["band-0", "band-1", "band-2", "band-3"]


def test_recency_of_payments_long_ago_ahead_and_not_stated():
    """Both are beyond the axis, which is the same for every chart: arrows point to them."""
    dates = ("2019-03-15T00:00:00Z", "2024-03-15T00:00:00Z", None)
    parts = [
        detail(name, 1, lastPaymentDate=date, lastPaymentAmount=date and 7)
        for name, date in zip(("Recurring", "OneTime", "Azure"), dates, strict=True)
    ]
    with pytest.warns(UserWarning, match="after the as-of day"):
        recency = payment_recency(summary_frame(payload(item("GBP", None, *parts))))
    chart = recency_chart(recency)
    old, ahead, unknown = (marks[0] for _, marks in chart.lanes)
    assert (old.days, old.arrow, plain(old.words[0])) == (120, "right", "1,817 days ago")
    assert (ahead.arrow, plain(ahead.words[0])) == ("left", "10 days ahead")
    assert ahead.days == chart.no_day
    other = recency_chart(payment_recency(summary_frame(sample_payload())))
    assert (chart.axis, chart.bands) == (other.axis, other.bands)
    assert unknown == Mark(None, "not stated", ("Not stated",))
    assert plain(chart.description) == (
        "GBP Recurring last paid 1,817 days ago; GBP OneTime a payment is dated 10 days ahead;"
        " GBP Azure last payment not stated"
    )


def test_trend_of_the_sample():
    """A height for each payload, unexplained movements, payments, and both axes."""
    frame = select(totals_frame(*sample_history()), currency="EUR")
    changes = changes_of(frame)
    chart = trend_chart(frame)
    (line,) = chart.lines
    assert [round(height * 1000, 2) for height in line.heights] == frame["balance_amount"].tolist()
    assert list(line.moments) == frame["retrieved_at"].tolist()
    assert (plain(line.words), line.colour) == ("EUR 18,714.64", "text")
    assert plain(chart.title) == "EUR 18,714.64 owed; usual range 0 to 19 thousand"
    assert plain(chart.description) == (
        "Contoso (sample): 24 balances, from EUR 17,292.66 on 5 Jan 2024 to EUR 18,714.64;"
        " lowest EUR 0.00, highest EUR 18,714.64."
    )
    moved = changes[changes["unexplained"]]
    assert [moment for moment, _, _ in chart.unexplained] == moved["retrieved_at"].tolist()
    seen = changes[changes["payment_seen"]].sort_values("payment_date")
    assert [paid.day for paid in chart.payments] == seen["payment_date"].tolist()
    largest = [paid.words for paid in chart.payments if paid.words]
    assert largest == [f"{seen['payment_amount'].max():,.2f}"]
    assert chart.unit == "thousand EUR"
    assert (chart.amounts.first, chart.amounts.last) == (0.0, max(line.heights))
    assert [words for _, words in chart.amounts.ticks] == ["0", "5", "10", "15"]
    assert chart.days.first == min(chart.payments[0].day, frame["retrieved_at"].min())
    assert chart.days.last == frame["retrieved_at"].max()
    assert [words for _, words in chart.days.ticks][:4] == [
        "Apr\N{NO-BREAK SPACE}2024",
        "Jul",
        "Oct",
        "2025",
    ]
    assert [moment.day for moment, _ in chart.days.ticks] == [1] * len(chart.days.ticks)


def test_trend_of_several_partners():
    """Each has a line of its own; the words at the ends are ordered by what is owed."""
    several = [
        payload(item("GBP", amount + day), partner=partner, at=AT + timedelta(days=day))
        for partner, amount in (("A", 30), ("B", 10), ("C", 20))
        for day in (0, 1)
    ]
    chart = trend_chart(totals_frame(*several))
    assert [line.colour for line in chart.lines] == ["other-0", "other-1", "other-2"]
    assert [line.words[0] for line in chart.lines] == ["A", "B", "C"]
    assert [line.words[0] for line in chart.ends] == ["B", "C", "A"]
    assert chart.rows == 6
    assert plain(chart.description).startswith("A: 2 balances, from GBP 30.00 on 5 Mar 2024 to")


@pytest.mark.parametrize(
    ("balances", "said"),
    [
        ([7, 7, 7, 7, 7], "GBP 7.00 owed, as on 5 Mar 2024"),
        ([5, 7], "GBP 7.00 owed, up 2.00 since 5 Mar 2024"),
        ([9, 5, 7], "GBP 7.00 owed, down 2.00 since 5 Mar 2024"),
        ([5000, 90000, 5000, 90000, 5000], "GBP 5,000.00 owed; usual range 5 to 90 thousand"),
        ([800, *[100, 200] * 9, 100], "GBP 100.00 owed; usual range 100 to 200"),
        ([1234567, 1234568, 1234569, 1234568], "GBP 1,234,568.00 owed; usually 1,234.57 thousand"),
        ([-5, 40, -5, -5], "Credit of GBP 5.00; usual range (5) to 40"),
    ],
)
def test_the_title_of_a_trend_is_its_level(balances: list[int], said: str):
    """With the usual range, for what is paid off every month has no direction."""
    given = [
        payload(item("GBP", balance), partner="A", at=AT + timedelta(days=number))
        for number, balance in enumerate(balances)
    ]
    assert plain(trend_chart(totals_frame(*given)).title) == said


def test_payments_have_their_partners_colour_and_charts_of_a_page_one_axis_of_time():
    """Whatever each account's own days are."""
    rows = totals_frame(*sample_history())
    usd = trend_chart(select(rows, currency="USD"))
    assert {paid.colour for paid in usd.payments} == {line.colour for line in usd.lines}
    assert sum(bool(paid.words) for paid in usd.payments) == 1
    drawn = overview(sample_history()).sections
    trends = [
        chart
        for section in drawn
        for account in section.accounts
        for chart in account.charts
        if isinstance(chart, TrendChart)
    ]
    assert len(trends) == 7
    assert len({(chart.days.first, chart.days.last, chart.days.ticks) for chart in trends}) == 1


def test_balances_of_one_part_are_no_chart():
    """The figures say as much."""
    chf, _, gbp = overview(sample_payload()).sections
    assert [type(chart).__name__ for chart in chf.charts] == ["RecencyChart"]
    assert [type(chart).__name__ for chart in gbp.charts] == ["BalancesChart", "RecencyChart"]


def test_long_names_lose_what_they_share_and_keep_what_tells_them_apart():
    """In every chart that names partners."""
    alike = [
        payload(item("GBP", place + day + 1), partner=name, at=AT + timedelta(days=day))
        for place, name in enumerate(
            ("Contoso Cloud Services Germany Ltd", "Contoso Cloud Services Austria Ltd", "Fabrikam")
        )
        for day in (0, 1)
    ]
    frame = totals_frame(*alike)
    names = ["Fabrikam", "… Austria …", "… Germany …"]
    assert [bar.label for bar in balances_chart(frame).bars] == names
    assert sorted(line.words.split("\n")[0] for line in trend_chart(frame).lines) == sorted(names)


def test_trend_of_one_answer():
    """It is a point: there is nothing to compare with."""
    chart = trend_chart(totals_frame(payload(item("GBP", 5), partner="A")))
    assert plain(chart.description) == "A: GBP 5.00 on 5 Mar 2024."
    assert chart.days.first == chart.days.last == AT
    assert [moment for moment, _ in chart.days.ticks] == [AT]


@given(
    low=st.floats(-1e12, 0), high=st.floats(0, 1e12).filter(lambda high: high == 0 or high > 1e-9)
)
@example(0.0, 1.0)
@example(-1e12, 0.0)
def test_ticks_are_few_round_and_within(low: float, high: float):
    """From two to five, equally far from each other, zero among them."""
    if high - low < 1e-9:
        return
    ticks = _steps(low, high)
    slack = 1e-9 * (high - low)
    assert 2 <= len(ticks) <= 5
    assert low - slack <= ticks[0]
    assert ticks[-1] <= high + slack
    assert 0.0 in ticks
    step = ticks[1] - ticks[0]
    assert f"{step:e}".split("e")[0].rstrip("0").rstrip(".") in {"1", "2", "2.5", "5"}


@given(
    first=st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 1 < moment.year < 9960),
    seconds=st.floats(0, 60 * 60 * 24 * 365 * 30),
)
@example(datetime(2024, 1, 5, tzinfo=UTC), 60 * 60 * 24 * 700)
@example(datetime(2024, 1, 31, tzinfo=UTC), 60 * 60 * 24 * 31)
def test_dates_are_few_and_within(first: datetime, seconds: float):
    """Not more than nine, in order, each within what is shown."""
    last = min(first + timedelta(seconds=seconds), datetime(9999, 1, 1, tzinfo=UTC))
    dates = _dates(first, last)
    assert 1 <= len(dates) <= 9
    assert dates == sorted(set(dates))
    assert first - timedelta(minutes=1) <= dates[0]
    assert dates[-1] <= last
