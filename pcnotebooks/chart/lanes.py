"""Draw charts with lanes with matplotlib: balances, last payments and the labels of lanes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pcnotebooks.chart.pen import LABEL, LANE, SMALL, TICK, VALUE, Pen
from pcnotebooks.overview.axis import Axis
from pcnotebooks.overview.charts import BalancesChart, Mark, RecencyChart

_WIDEST = 0.45  # of the width: longer labels of lanes are written in a smaller size
_ROOMY = 1.5  # the highest lane, in lanes of a figure of the usual size


def name_lanes(pen: Pen, labels: Sequence[str], rows: int) -> float:
    """Label the lanes of a chart with `rows` rows; return the width of the axes in points."""
    ax, widest, most = pen.ax, pen.width("\n".join(labels), LABEL), _WIDEST * pen.cell()
    size = LABEL * min(1.0, most / widest)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.tick_params(axis="y", labelsize=size * pen.scale, labelcolor=pen.colours["text"])
    ax.set_xticks([])
    room, lane = pen.room(min(widest, most)), _ROOMY * LANE * pen.scale
    if not pen.fitted and pen.tall() > 1.2 * lane * rows:
        # On a slide, lanes would be far apart: the chart only takes the upper part of its space.
        ax.set_box_aspect(lane * len(labels) / room)
        ax.set_anchor("NW")
    return room


def write_axis(pen: Pen, axis: Axis[float], unit: str, room: float) -> None:
    """Write the ticks and the unit of an axis below axes of `room` points in width."""
    ax, muted = pen.ax, pen.colours["muted"]
    left, right = ax.get_xlim()
    places = [(room * (tick - left) / (right - left), words) for tick, words in axis.ticks]
    ax.set_xticks(*zip(*axis.ticks[:: step_of(pen, places)], strict=True))
    ax.tick_params(axis="x", labelsize=TICK * pen.scale)
    ax.set_xlabel(unit, loc="left", fontsize=SMALL * pen.scale, color=muted)


def step_of(pen: Pen, ticks: Sequence[tuple[float, str]]) -> int:
    """Return 1 if all tick labels have room, 2 if every second label has, and so on."""
    for step in range(1, len(ticks)):
        shown = [(place, pen.width(words, TICK) / 2) for place, words in ticks[::step]]
        if all(
            left + half + 4 * pen.scale < right - other
            for (left, half), (right, other) in pairwise(shown)
        ):
            return step
    return max(len(ticks), 1)


def draw_balances(pen: Pen, chart: BalancesChart) -> float:
    """Draw bars with their amounts; return the width of the axes in points."""
    ax, room = pen.ax, name_lanes(pen, [bar.label for bar in chart.bars], chart.rows)
    for place, bar in enumerate(chart.bars):
        pen.bar(place, 0, bar.length, color=pen.colours[bar.colour])
        # The bar of a credit extends to the left, so its lane is free on the right.
        pen.write(bar.words, (max(bar.length, 0.0), place), VALUE, by=(8, 0))
    ax.axvline(0, color=pen.colours["muted"], linewidth=0.8)
    # Every amount has room after its bar.
    left = 1.06 * chart.low
    reach = [
        (max(bar.length, 0.0) - left)
        / max(0.2, 1 - (pen.width(bar.words, VALUE) + 12 * pen.scale) / room)
        for bar in chart.bars
    ]
    ax.set_xlim(left, left + (max(reach) or 1.0))
    return room


def draw_recency(pen: Pen, chart: RecencyChart) -> float:
    """Draw last payments; return the width of the axes in points."""
    for start, end, colour in chart.bands:
        pen.ax.axvspan(start, end, color=pen.colours[colour], linewidth=0)
    room = name_lanes(pen, [label for label, _ in chart.lanes], chart.rows)
    pen.ax.set_xlim(chart.axis.first, chart.axis.last)
    write_axis(pen, chart.axis, chart.unit, room)
    for place, (_, marks) in enumerate(chart.lanes):
        for mark in marks:
            _payment_mark(pen, chart, mark, place, room)
    return room


def _payment_mark(pen: Pen, chart: RecencyChart, mark: Mark, place: int, room: float) -> None:
    """Mark a last payment in its lane with words and a distinct shape."""
    text, *more = mark.words
    colour, area = pen.colours["text"], 64 * pen.scale**2
    if mark.days is None:
        outline = "solid" if mark.status == "never paid" else "dotted"
        pen.ax.scatter(
            chart.no_day, place, s=area, facecolors="none", edgecolors=colour, linestyles=outline
        )
        pen.write(text, (0, place), VALUE, by=(8, 0))
        return
    marker = {"right": ">", "left": "<", "": "o"}[mark.arrow]
    pen.ax.scatter(mark.days, place, s=area, color=colour, marker=marker)
    low, high = chart.axis.first, chart.axis.last
    share = (mark.days - low if mark.words_first else high - mark.days) / (high - low)
    for word in more:
        if pen.width(f"{text} · {word}", VALUE) + 12 * pen.scale <= share * room:
            text += f" · {word}"
    side, by = ("right", -8) if mark.words_first else ("left", 8)
    pen.write(text, (mark.days, place), VALUE, by=(by, 0), ha=side)
