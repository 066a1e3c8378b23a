"""Balances over time drawn by matplotlib's pen."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pcnotebooks.chart.pen import LABEL, SMALL, TICK, Pen
from pcnotebooks.overview.charts import TrendChart


def draw_trend(pen: Pen, chart: TrendChart) -> float:
    """Draw balances over time; return the width in points that the title has."""
    ax, muted = pen.ax, pen.colours["muted"]
    for line in chart.lines:
        x: Any = line.moments
        colour = pen.colours[line.colour]
        ax.plot(x, line.heights, drawstyle="steps-post", color=colour, linewidth=1.6)
        ax.plot(x[-1], line.heights[-1], "o", color=colour, markersize=5 * pen.scale)
    _mark_unexplained(pen, chart)
    ax.axhline(0, color=muted, linewidth=0.8)
    ax.set_xticks(*zip(*chart.days.ticks, strict=True))
    ax.set_yticks(*zip(*chart.amounts.ticks, strict=True))
    # The span of a single answer is zero, which is no axis.
    margin = 0.02 * (chart.days.last - chart.days.first) or pd.Timedelta(days=1)
    first: Any = chart.days.first - margin
    last: Any = chart.days.last + margin
    ax.set_xlim(first, last)
    low, high = chart.amounts.first, chart.amounts.last
    # Payments are marked below the balances.
    below = 0.36 if chart.payments else 0.12
    ax.set_ylim(low - below * (high - low), high + 0.12 * (high - low))
    _payments(pen, chart)
    _ends(pen, chart)
    ax.grid(axis="y", color=pen.colours["rule"], linewidth=0.6)
    ax.set_ylabel(chart.unit, loc="top", fontsize=SMALL * pen.scale, color=muted)
    amounts = "\n".join(words for _, words in chart.amounts.ticks)
    return pen.room(pen.width(amounts, TICK) + 2 * SMALL * pen.scale)


def _mark_unexplained(pen: Pen, chart: TrendChart) -> None:
    """Mark each unexplained step, and write the word next to the newest."""
    for moment, before, after in chart.unexplained:
        pen.ax.vlines(moment, before, after, color=pen.colours["attention"], linewidth=2.4)
    ground = {"facecolor": pen.colours["page"], "edgecolor": "none", "pad": 1.5}
    for moment, before, after in chart.unexplained[-1:]:
        place = (moment, (before + after) / 2)
        pen.write("unexplained", place, SMALL, "attention", by=(5, 0), bbox=ground)


def _payments(pen: Pen, chart: TrendChart) -> None:
    """Mark payments below, on the day they were made."""
    if not chart.payments:
        return
    days: Any = [day for day, _ in chart.payments]
    low, size = pen.ax.get_xaxis_transform(), 7 * pen.scale
    pen.ax.plot(
        days, [0.05] * len(days), "|", color=pen.colours["text"], markersize=size, transform=low
    )
    pen.write(
        "payments", (0, 0.05), SMALL, "muted", xycoords="axes fraction", by=(-4, 0), ha="right"
    )
    for day, words in chart.payments:
        if words:
            place: Any = ("data", "axes fraction")
            pen.write(words, (day, 0.09), 7.5, "muted", xycoords=place, ha="center", va="bottom")


def _ends(pen: Pen, chart: TrendChart) -> None:
    """Write what each line ends at to the right of the axes, one below the other."""
    bottom, top = pen.ax.get_ylim()
    gap = 0.85 / chart.rows * (top - bottom)
    height, where = float("-inf"), ("axes fraction", "data")
    for line in chart.ends:
        height = max(line.heights[-1], height + gap)
        pen.write(
            line.words, (1, height), LABEL, line.colour,
            xycoords=where, by=(4, 0), annotation_clip=False,
        )  # fmt: skip
