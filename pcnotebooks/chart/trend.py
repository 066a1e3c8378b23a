"""Draw balances over time with matplotlib."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.markers import TICKDOWN
from matplotlib.transforms import ScaledTranslation

from pcnotebooks.chart.lanes import step_of
from pcnotebooks.chart.pen import LABEL, SMALL, TICK, Pen
from pcnotebooks.overview.axis import spread
from pcnotebooks.overview.trend import TrendChart


def draw_trend(pen: Pen, chart: TrendChart) -> float:
    """Draw balances over time; return the width of the title in points."""
    ax, muted = pen.ax, pen.colours["muted"]
    for line in chart.lines:
        x: Any = line.moments
        colour = pen.colours[line.colour]
        ax.plot(x, line.heights, drawstyle="steps-post", color=colour, linewidth=1.6)
        ax.plot(x[-1], line.heights[-1], "o", color=colour, markersize=5 * pen.scale)
    _mark_unexplained(pen, chart)
    ax.axhline(0, color=muted, linewidth=0.8)
    ax.set_yticks(*zip(*chart.amounts.ticks, strict=True))
    # A single answer has a span of zero, which no axis can show.
    margin = 0.02 * (chart.days.last - chart.days.first) or pd.Timedelta(days=1)
    first: Any = chart.days.first - margin
    last: Any = chart.days.last + margin
    ax.set_xlim(first, last)
    low, high = chart.amounts.first, chart.amounts.last
    # Payments are marked below the balances; movements without a payment are named above.
    below = 0.3 if chart.payments else 0.12
    above = 0.2 if chart.unexplained else 0.12
    ax.set_ylim(low - below * (high - low), high + above * (high - low))
    amounts = "\n".join(words for _, words in chart.amounts.ticks)
    room = pen.room(pen.width(amounts, TICK) + 2 * SMALL * pen.scale)
    ends = "\n".join(line.words for line in chart.lines)
    wide = max(room - pen.width(ends, LABEL), 0.2 * room)
    places = [(wide * ((day - first) / (last - first)), words) for day, words in chart.days.ticks]
    ax.set_xticks(*zip(*chart.days.ticks[:: step_of(pen, places)], strict=True))
    _payments(pen, chart)
    _ends(pen, chart)
    ax.grid(axis="y", color=pen.colours["rule"], linewidth=0.6)
    ax.set_ylabel(chart.unit, loc="top", fontsize=SMALL * pen.scale, color=muted)
    return room


def _mark_unexplained(pen: Pen, chart: TrendChart) -> None:
    """Mark each unexplained movement next to its step, and name the newest above."""
    red, ax = pen.colours["attention"], pen.ax
    figure: Any = ax.get_figure(root=True)
    aside = ScaledTranslation(4 * pen.scale / 72, 0, figure.dpi_scale_trans)
    for moment, before, after in chart.unexplained:
        ax.vlines(
            moment, before, after, color=red, linewidth=1.6 * pen.scale,
            linestyle=(0, (1, 1)), transform=ax.transData + aside,
        )  # fmt: skip
    for moment, _, _ in chart.unexplained[-1:]:
        late = moment > chart.days.first + (chart.days.last - chart.days.first) / 2
        pen.write(
            "unexplained", (moment, 1), SMALL, "attention", xycoords=("data", "axes fraction"),
            by=(4, -6), ha="right" if late else "left",
        )  # fmt: skip


def _payments(pen: Pen, chart: TrendChart) -> None:
    """Mark payments below, on their days, as ticks that point down from a line."""
    if not chart.payments:
        return
    ax, size = pen.ax, 8 * pen.scale
    for colour in dict.fromkeys(paid.colour for paid in chart.payments):
        days: Any = [paid.day for paid in chart.payments if paid.colour == colour]
        ax.plot(
            days, [0.1] * len(days), linestyle="none", marker=TICKDOWN, markersize=size,
            color=pen.colours[colour], transform=ax.get_xaxis_transform(),
        )  # fmt: skip
    pen.write(
        "payments", (0, 0.1), SMALL, "muted", xycoords="axes fraction", by=(-4, -4), ha="right"
    )
    middle = chart.days.first + (chart.days.last - chart.days.first) / 2
    for paid in chart.payments:
        if paid.words:
            place: Any = ("data", "axes fraction")
            side = "left" if paid.day < middle else "right"
            pen.write(
                paid.words, (paid.day, 0.11), SMALL, paid.colour, xycoords=place, ha=side,
                va="bottom",
            )  # fmt: skip


def _ends(pen: Pen, chart: TrendChart) -> None:
    """Write the label of each line to the right of the axes, one below the other."""
    bottom, top = pen.ax.get_ylim()
    gap, where = 0.85 / chart.rows * (top - bottom), ("axes fraction", "data")
    heights = spread([line.heights[-1] for line in chart.ends], gap, top - gap / 2)
    for line, height in zip(chart.ends, heights, strict=True):
        pen.write(
            line.words, (1, height), LABEL, line.colour,
            xycoords=where, by=(4, 0), annotation_clip=False,
        )  # fmt: skip
