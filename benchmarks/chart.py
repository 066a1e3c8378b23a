"""The ratios of a run as one picture."""

from __future__ import annotations

import io
import statistics
from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.paired import Row
from pcnotebooks.overview.palette import PALETTE

_LIGHT = {name: light for name, (light, _) in PALETTE.items()}
_TEXT, _MUTED = _LIGHT["text"], _LIGHT["muted"]
_MET, _MISSED = _LIGHT["recurring"], _LIGHT["attention"]


def draw(results: Mapping[str, Sequence[Row]]) -> str:
    """Return an SVG: a lane for each pair, ours to theirs, with its goal."""
    rows = [row for of in results.values() for row in of if row.ratios]
    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": "bench",
        "font.size": 9,
        "text.color": _TEXT,
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=(10, 1.2 + 0.3 * len(rows)), layout="constrained")
        ax = figure.subplots()
        for place, row in enumerate(rows):
            _lane(ax, place, row)
        ax.axvline(1, color=_MUTED, linewidth=0.8)
        ax.set_xscale("log")
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set_yticks(range(len(rows)), [f"{row.name}  :  {row.peer}" for row in rows])
        ax.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5), numticks=30))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.tick_params(length=0, which="both", colors=_MUTED)
        ax.tick_params(axis="y", colors=_TEXT)
        ax.grid(axis="x", color=_LIGHT["rule"], linewidth=0.6)
        ax.set_axisbelow(True)
        ax.spines[:].set_visible(False)
        ax.set_xlabel("ours to theirs: left of 1 ours is quicker or smaller", color=_MUTED)
        goals = [row for row in rows if row.goal]
        met = sum(bool(row.met) for row in goals)
        ax.set_title(f"{met} of {len(goals)} goals met (goal: |)", loc="left", fontweight="bold")
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _lane(ax: mpl.axes.Axes, place: int, row: Row) -> None:
    """Draw median and quartiles of a row, and its goal; say where that is missed."""
    ratios = row.ratios
    middle = statistics.median(ratios)
    colour = _MISSED if row.met is False else _MET
    if len(ratios) > 1:
        low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
        ax.plot([low, high], [place, place], color=colour, linewidth=2)
    ax.plot(middle, place, "o", color=colour, markersize=5)
    if row.goal_ratio:
        ax.plot(row.goal_ratio, place, "|", color=_TEXT, markersize=11)
    ax.annotate(
        f"{middle:.2g}{' missed' if row.met is False else ''}", (middle, place),
        xytext=(7, 4), textcoords="offset points", fontsize=7.5, color=colour,
    )  # fmt: skip
