"""Charts of the pages: what matplotlib draws for a cell says the same and stands in proportion."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.text import Text

from pcnotebooks import (
    balance_changes,
    payment_recency,
    plot_balance_trend,
    plot_balances,
    plot_payment_recency,
    sample_history,
    sample_payload,
    select,
    summary_frame,
    totals_frame,
)
from pcnotebooks.chart.svg import _dates, _steps, balances_svg, recency_svg, trend_svg
from tests.builders import AT, detail, item, payload

SVG = "{http://www.w3.org/2000/svg}"
FRAMES = {
    "sample": summary_frame(sample_payload()),
    "history": summary_frame(*sample_history()),
    "credit": summary_frame(
        payload(item("USD", None, detail("Recurring", 10, currency="USD"),
                     detail("OneTime", "-2150.5", currency="USD")))
    ),
    "nothing": summary_frame(payload(item("JPY", 0, detail("Recurring", 0, currency="JPY")))),
    "not stated": summary_frame(
        payload(item("GBP", 5, lastPaymentDate=None, lastPaymentAmount=None))
    ),
    "ahead": summary_frame(
        payload(item("GBP", None, detail("Recurring", 1, lastPaymentDate="2024-03-15T00:00:00Z",
                                         lastPaymentAmount=7)))
    ),
    "long ago": summary_frame(
        payload(item("GBP", None, detail("Recurring", 1, lastPaymentDate="2019-03-15T00:00:00Z",
                                         lastPaymentAmount=7)))
    ),
}  # fmt: skip


def tree(svg: str) -> ET.Element:
    """Return a drawing, which is well-formed XML."""
    return ET.fromstring(svg)  # noqa: S314  our own


def texts(svg: str) -> list[str]:
    """Return what a drawing says, but for its title and description."""
    return [each.text or "" for each in tree(svg).iter(f"{SVG}text")]


def said(words: list[str]) -> str:
    """Return words in one line."""
    return " ".join(" ".join(words).split())


def of_matplotlib(ax: Axes) -> list[str]:
    """Return what stands in a chart besides the ticks, which each counts out for itself."""
    axis = ax.yaxis if ax.get_xlabel() else None
    lanes = [label.get_text() for label in axis.get_ticklabels()] if axis else []
    words = [each.get_text() for each in ax.findobj(Text) if each.get_text()]
    ticks = {label.get_text() for each in (ax.xaxis, ax.yaxis) for label in each.get_ticklabels()}
    return [*lanes, *(each for each in words if each not in ticks)]


def one_currency_each(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the rows of each currency."""
    return [select(frame, currency=currency) for currency in sorted(set(frame["currency"]))]


@pytest.mark.parametrize("name", FRAMES)
def test_balances_say_what_a_cells_chart_says(name: str):
    """Title, unit, lanes, amounts and foot."""
    for frame in one_currency_each(FRAMES[name]):
        svg = balances_svg(frame, "described", prefix="p")
        for words in of_matplotlib(plot_balances(frame)):
            assert said(words.split()) in said(texts(svg))


@pytest.mark.parametrize("as_of", [None, "2026-01-31"])
@pytest.mark.parametrize("name", FRAMES)
def test_recency_says_what_a_cells_chart_says(name: str, as_of: str | None):
    """Title, unit, lanes and foot; of a payment the day, and as much more as there is room for."""
    frame = FRAMES[name]
    recency = payment_recency(frame, as_of=as_of or "2026-01-31")
    svg = recency_svg(recency, "described", prefix="p", as_of=as_of or "2026-01-31")
    for words in of_matplotlib(plot_payment_recency(frame, as_of=as_of or "2026-01-31")):
        assert said(words.split(" · ")[0].split()) in said(texts(svg))


def test_trend_says_what_a_cells_chart_says():
    """Title, unit, payments and foot, and what each line ends at."""
    for frame in one_currency_each(totals_frame(*sample_history())):
        svg = trend_svg(frame, "described", prefix="p")
        for words in of_matplotlib(plot_balance_trend(frame)):
            assert said(words.split()) in said(texts(svg))


def bars(svg: str) -> list[tuple[float, float]]:
    """Return where each bar begins and how long it is."""
    return [(float(each.get("x", 0)), float(each.get("width", 0)))
            for each in tree(svg).iter(f"{SVG}rect")]  # fmt: skip


def test_bars_are_in_proportion():
    """To a tenth of a point, from the zero line; a credit to its left."""
    (_, shorter), (_, longer) = bars(
        balances_svg(select(FRAMES["sample"], currency="GBP"), "", prefix="p")
    )
    assert shorter / longer == pytest.approx(202955.87 / 548138.52, abs=0.001)
    (owed, _), (credit, length) = bars(balances_svg(FRAMES["credit"], "", prefix="p"))
    assert credit + length == pytest.approx(owed, abs=0.11)


def test_payments_stand_at_their_days():
    """Between the ticks that say so; never paid to the left of the first day."""
    svg = recency_svg(payment_recency(select(FRAMES["sample"], currency="GBP")), "", prefix="p")
    spots = {each.get("r"): each for each in tree(svg).iter(f"{SVG}circle")}
    assert spots
    paid, never = (float(each.get("cx", 0)) for each in tree(svg).iter(f"{SVG}circle"))
    at = {each.text: float(each.get("x", 0)) for each in tree(svg).iter(f"{SVG}text")}
    assert paid == pytest.approx(at["439"], abs=0.1)
    assert at["90"] - at["0"] == pytest.approx((paid - at["0"]) * 90 / 439, abs=0.2)
    assert never < at["0"]


def test_an_old_payment_is_an_arrow_at_the_end():
    """And its words say how old it is."""
    svg = recency_svg(payment_recency(FRAMES["long ago"]), "", prefix="p")
    assert not list(tree(svg).iter(f"{SVG}circle"))
    assert any("l8 4l-8 4z" in each.get("d", "") for each in tree(svg).iter(f"{SVG}path"))
    assert "1,817 days ago" in said(texts(svg)).replace("\N{NO-BREAK SPACE}", " ")


def test_not_stated_is_dotted_and_never_paid_is_not():
    """Two kinds of ring, and words beside each."""
    dotted = recency_svg(payment_recency(FRAMES["not stated"]), "", prefix="p")
    never = recency_svg(payment_recency(select(FRAMES["sample"], currency="CHF")), "", prefix="p")
    assert "stroke-dasharray" in dotted
    assert "Not stated" in texts(dotted)
    assert "stroke-dasharray" not in never
    assert "Never paid" in texts(never)


def test_a_trend_has_a_step_for_each_payload():
    """In proportion, and each unexplained movement over its step."""
    history = sample_history()
    frame = select(totals_frame(*history), currency="EUR")
    paths = [
        each.get("d", "") for each in tree(trend_svg(frame, "", prefix="p")).iter(f"{SVG}path")
    ]
    (line,) = [path for path in paths if path.count("H") > 5]
    heights = [float(y) for y in re.findall(r"(?:^M[\d.]+ |V)([\d.]+)", line)]
    assert len(heights) == len(frame)
    balances = frame["balance_amount"].tolist()
    lowest, highest = heights[balances.index(0)], heights[balances.index(max(balances))]
    for height, balance in zip(heights, balances, strict=True):
        share = (lowest - height) / (lowest - highest)
        assert share == pytest.approx(balance / max(balances), abs=0.005)
    svg = trend_svg(frame, "", prefix="p")
    changes = balance_changes(*history)
    unexplained = changes[changes["unexplained"] & (changes["currency"] == "EUR")]
    assert svg.count("stroke:var(--pcn-attention") == len(unexplained)


@pytest.mark.parametrize("draw", [balances_svg, recency_svg, trend_svg])
def test_is_equal_twice_named_and_in_the_pages_colours(draw: Callable[..., str]):
    """Ids carry the prefix and are pointed at; every colour has a name that a page may give."""
    frame = select(totals_frame(*sample_history()), currency="GBP")
    frame = payment_recency(frame) if draw is recency_svg else frame
    first, second = (draw(frame, "D & <d>", prefix="one") for _ in range(2))
    assert first == second
    assert re.findall(r'\bid="([^"]+)"', first) == ["one-title", "one-desc"]
    assert 'aria-labelledby="one-title one-desc"' in first
    assert '<desc id="one-desc">D &amp; &lt;d&gt;</desc>' in first
    painted = re.findall(r"(?:fill|stroke):([^;\"]+)", first)
    assert painted
    assert all(colour == "none" or re.fullmatch(r"var\(--pcn-[a-z0-9-]+, #\w{6}\)", colour)
               for colour in painted)  # fmt: skip


def test_writes_in_the_locale():
    """Amounts, ticks and days."""
    frame = select(FRAMES["sample"], currency="GBP")
    words = said(texts(balances_svg(frame, "", prefix="p", locale="de")))
    assert "548.138,52" in words
    trend = select(totals_frame(*sample_history()), currency="GBP")
    assert "Okt" in said(texts(trend_svg(trend, "", prefix="p", locale="de")))


def test_a_name_wider_than_its_room_is_pressed():
    """Nothing is cut at the edge of the picture, in whatever font."""
    frame = summary_frame(payload(item("GBP", None, detail("定" * 28, 5), detail("OneTime", 5))))
    labels = {
        each.text: each for each in tree(balances_svg(frame, "", prefix="p")).iter(f"{SVG}text")
    }
    assert labels["定" * 28].get("lengthAdjust") == "spacingAndGlyphs"
    assert float(labels["定" * 28].get("textLength", 0)) < 331 / 2
    assert labels["OneTime"].get("textLength") is None


def test_lines_that_end_together_are_told_apart():
    """Each partner's name and amount stand on lines of their own."""
    partners = [
        payload(item("GBP", 100 + place), partner=f"Partner {place}", at=AT + timedelta(days=day))
        for place in range(6)
        for day in (0, 30)
    ]
    svg = trend_svg(totals_frame(*partners), "", prefix="p")
    ends = sorted(
        float(each.get("y", 0))
        for each in tree(svg).iter(f"{SVG}text")
        if re.match(r"Partner|GBP.10", each.text or "") and float(each.get("x", 0)) > 400
    )
    assert len(ends) == 12
    assert min(b - a for a, b in pairwise(ends)) >= 10.9


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
    first=st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 1 < moment.year < 9998),
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


def test_two_answers_of_one_minute_make_a_trend():
    """However short the time, it is drawn."""
    two: list[Any] = [payload(item("GBP", 5 + n), at=AT + timedelta(seconds=n)) for n in (0, 1)]
    svg = trend_svg(totals_frame(*two), "", prefix="p")
    assert "GBP\N{NO-BREAK SPACE}6.00" in texts(svg)


def test_ticks_whose_words_would_touch_are_left_out():
    """A long lane and large amounts leave little room: what stands there can be told apart."""
    parts = [
        detail("Azure reservation of three years, prepaid", "999999999999.99"),
        detail("OneTime", "-123456789012.34"),
    ]  # fmt: skip
    frame = summary_frame(payload(item("GBP", None, *parts)))
    written = tree(balances_svg(frame, "described", prefix="p")).iter(f"{SVG}text")
    assert [each.text for each in written if "font-size:8.5px" in each.get("style")] == ["0"]


def test_a_name_that_just_has_room_is_not_stretched():
    """Only what may be wider than its room is fitted to it."""
    svg = trend_svg(totals_frame(*sample_history()).query("currency == 'CHF'"), "", prefix="p")
    assert "textLength" not in svg
