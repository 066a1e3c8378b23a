"""Charts of the pages: what matplotlib draws for a cell says the same and stands in proportion."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text

from pcnotebooks import (
    balance_changes,
    invoice_frame,
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
from pcnotebooks.chart.svg import DESK, sparkline, svg
from pcnotebooks.frame.ageing import age
from pcnotebooks.overview.charts import Chart
from tests.builders import AT, detail, item, payload
from tests.models import ageing_chart, balances_chart, recency_chart, trend_chart

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
        drawn = svg(balances_chart(frame), prefix="p")
        for words in of_matplotlib(plot_balances(frame)):
            assert said(words.split()) in said(texts(drawn))


@pytest.mark.parametrize("as_of", [None, "2026-01-31"])
@pytest.mark.parametrize("name", FRAMES)
def test_recency_says_what_a_cells_chart_says(name: str, as_of: str | None):
    """Title, unit, lanes and foot; of a payment the day, and as much more as there is room for."""
    frame = FRAMES[name]
    recency = payment_recency(frame, as_of=as_of or "2026-01-31")
    drawn = svg(recency_chart(recency, as_of=as_of or "2026-01-31"), prefix="p")
    for words in of_matplotlib(plot_payment_recency(frame, as_of=as_of or "2026-01-31")):
        assert said(words.split(" · ")[0].split()) in said(texts(drawn))


def test_trend_says_what_a_cells_chart_says():
    """Title, unit, payments and foot, and what each line ends at."""
    for frame in one_currency_each(totals_frame(*sample_history())):
        drawn = svg(trend_chart(frame), prefix="p")
        words = set(of_matplotlib(plot_balance_trend(frame)))
        # There is less room for the amounts of payments.
        amounts = {word for word in words if re.fullmatch(r"[\d.,]+", word)}
        assert all(said(each.split()) in said(texts(drawn)) for each in words - amounts)


def bars(svg: str) -> list[tuple[float, float]]:
    """Return where each bar begins and how long it is."""
    return [(float(each.get("x", 0)), float(each.get("width", 0)))
            for each in tree(svg).iter(f"{SVG}rect")]  # fmt: skip


def test_bars_are_in_proportion():
    """To a tenth of a point, from the zero line; a credit to its left."""
    (_, longer), (_, shorter) = bars(
        svg(balances_chart(select(FRAMES["sample"], currency="GBP")), prefix="p")
    )
    assert shorter / longer == pytest.approx(202955.87 / 548138.52, abs=0.001)
    (owed, _), (credit, length) = bars(svg(balances_chart(FRAMES["credit"]), prefix="p"))
    assert credit + length == pytest.approx(owed, abs=0.11)


def test_payments_stand_at_their_days():
    """Between the ticks that say so; never paid to the left of the first day."""
    paid_on = "2024-01-20T00:00:00Z"  # 45 days before
    frame = summary_frame(
        payload(
            item("GBP", None, detail("OneTime", 1, lastPaymentDate="0001-01-01T00:00:00Z"),
                 detail("Recurring", 2, lastPaymentDate=paid_on, lastPaymentAmount=7))
        )
    )  # fmt: skip
    drawn = svg(recency_chart(payment_recency(frame)), prefix="p")
    spots = {each.get("r"): each for each in tree(drawn).iter(f"{SVG}circle")}
    assert spots
    paid, never = sorted(
        (float(each.get("cx", 0)) for each in tree(drawn).iter(f"{SVG}circle")), reverse=True
    )
    at = {each.text: float(each.get("x", 0)) for each in tree(drawn).iter(f"{SVG}text")}
    assert paid == pytest.approx((at["30"] + at["60"]) / 2, abs=0.2)
    assert at["90"] - at["0"] == pytest.approx(2 * (paid - at["0"]), abs=0.2)
    assert never < at["0"]


def test_an_old_payment_is_an_arrow_at_the_end():
    """And its words say how old it is."""
    drawn = svg(recency_chart(payment_recency(FRAMES["long ago"])), prefix="p")
    assert not list(tree(drawn).iter(f"{SVG}circle"))
    assert any("l8 4l-8 4z" in each.get("d", "") for each in tree(drawn).iter(f"{SVG}path"))
    assert "1,817 days ago" in said(texts(drawn)).replace("\N{NO-BREAK SPACE}", " ")


def test_not_stated_is_dotted_and_never_paid_is_not():
    """Two kinds of ring, and words beside each."""
    dotted = svg(recency_chart(payment_recency(FRAMES["not stated"])), prefix="p")
    never = svg(
        recency_chart(payment_recency(select(FRAMES["sample"], currency="CHF"))), prefix="p"
    )
    assert "stroke-dasharray" in dotted
    assert "Not stated" in texts(dotted)
    assert "stroke-dasharray" not in never
    assert "Never paid" in texts(never)


def test_a_trend_has_a_step_for_each_payload():
    """In proportion, and each unexplained movement over its step."""
    history = sample_history()
    frame = select(totals_frame(*history), currency="EUR")
    paths = [
        each.get("d", "") for each in tree(svg(trend_chart(frame), prefix="p")).iter(f"{SVG}path")
    ]
    (line,) = [path for path in paths if path.count("H") > 5]
    heights = [float(y) for y in re.findall(r"(?:^M[\d.]+ |V)([\d.]+)", line)]
    assert len(heights) == len(frame)
    balances = frame["balance_amount"].tolist()
    lowest, highest = heights[balances.index(0)], heights[balances.index(max(balances))]
    for height, balance in zip(heights, balances, strict=True):
        share = (lowest - height) / (lowest - highest)
        assert share == pytest.approx(balance / max(balances), abs=0.005)
    drawn = svg(trend_chart(frame), prefix="p")
    changes = balance_changes(*history)
    unexplained = changes[changes["unexplained"] & (changes["currency"] == "EUR")]
    assert drawn.count("stroke:var(--pcn-attention") == len(unexplained)


@pytest.mark.parametrize("chart_of", [balances_chart, recency_chart, trend_chart])
def test_is_equal_twice_named_and_in_the_pages_colours(chart_of: Callable[..., Chart]):
    """Ids carry the prefix and are pointed at; every colour has a name that a page may give."""
    frame = select(totals_frame(*sample_history()), currency="GBP")
    frame = payment_recency(frame) if chart_of is recency_chart else frame
    chart = replace(chart_of(frame), description="D & <d>")
    first, second = (svg(chart, prefix="one") for _ in range(2))
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
    words = said(texts(svg(balances_chart(frame, locale="de"), prefix="p")))
    assert "548.138,52" in words
    trend = select(totals_frame(*sample_history()), currency="GBP")
    assert "Okt" in said(texts(svg(trend_chart(trend, locale="de"), prefix="p")))


def test_a_name_wider_than_its_room_is_pressed():
    """Nothing is cut at the edge of the picture, in whatever font."""
    frame = summary_frame(payload(item("GBP", None, detail("定" * 28, 5), detail("OneTime", 5))))
    labels = {
        each.text: each for each in tree(svg(balances_chart(frame), prefix="p")).iter(f"{SVG}text")
    }
    assert labels["定" * 28].get("lengthAdjust") == "spacingAndGlyphs"
    assert float(labels["定" * 28].get("textLength", 0)) < DESK / 2
    assert labels["OneTime"].get("textLength") is None


def test_lines_that_end_together_are_told_apart():
    """Each partner's name and amount stand on lines of their own."""
    partners = [
        payload(item("GBP", 100 + place), partner=f"Partner {place}", at=AT + timedelta(days=day))
        for place in range(6)
        for day in (0, 30)
    ]
    drawn = svg(trend_chart(totals_frame(*partners)), prefix="p")
    ends = sorted(
        float(each.get("y", 0))
        for each in tree(drawn).iter(f"{SVG}text")
        if re.match(r"Partner|GBP.10", each.text or "") and float(each.get("x", 0)) > 250
    )
    assert len(ends) == 12
    assert min(b - a for a, b in pairwise(ends)) >= 10.9


def test_two_answers_of_one_minute_make_a_trend():
    """However short the time, it is drawn."""
    two: list[Any] = [payload(item("GBP", 5 + n), at=AT + timedelta(seconds=n)) for n in (0, 1)]
    drawn = svg(trend_chart(totals_frame(*two)), prefix="p")
    assert "GBP\N{NO-BREAK SPACE}6.00" in texts(drawn)


def test_ticks_whose_words_would_touch_are_left_out():
    """Large amounts leave little room: what stands there can be told apart."""
    given = [
        payload(item("GBP", "999999999999.99"), at=AT + timedelta(days=30 * number))
        for number in range(14)
    ]
    drawing = svg(trend_chart(totals_frame(*given)), prefix="p", width=200)
    written = [each.text or "" for each in tree(drawing).iter(f"{SVG}text")]
    months = [words for words in written if re.fullmatch(r"[A-Z][a-z]{2}(\s\d{4})?|\d{4}", words)]
    assert len(months) < 6
    assert months[0].endswith("2024")


def test_a_page_states_the_source_once_and_a_chart_how_it_was_worked_out():
    """Without its foot a chart has its note."""
    frame = invoice_frame(sample_payload("invoices"))
    chart = ageing_chart(age(select(frame, currency="GBP")))
    with_foot, without = (said(texts(svg(chart, prefix="p", foot=foot))) for foot in (True, False))
    assert "Sample data" in with_foot
    assert "Sample data" not in without
    for words in (with_foot, without):
        assert "Due dates computed: invoice date + 60 days" in words


def test_a_name_that_just_has_room_is_not_stretched():
    """Only what may be wider than its room is fitted to it."""
    drawn = svg(trend_chart(totals_frame(*sample_history()).query("currency == 'CHF'")), prefix="p")
    assert "textLength" not in drawn


def test_a_sparkline_is_a_line_without_a_style_sheet():
    """In a PDF no style sheet reaches into drawings, and a path is filled unless it says no."""
    drawn = sparkline([(0.0, 0.2), (0.5, 1.0), (1.0, 0.0)])
    line = ET.fromstring(drawn).find("path")  # noqa: S314 (drawn here)
    assert line.get("fill") == "none"
    assert line.get("stroke") == "#1a1a1a"
