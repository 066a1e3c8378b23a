"""Stacks of ageing drawn by matplotlib's pen."""

from __future__ import annotations

from typing import Any

from pcnotebooks.chart.pen import SMALL, VALUE, Pen
from pcnotebooks.overview.ageing import AgeingChart

_THICK = 0.56  # of a lane


def draw_stacks(pen: Pen, chart: AgeingChart, room: float) -> None:
    """Draw the key and the stacks on axes whose lanes are named, with so many points of room."""
    ax, outline = pen.ax, pen.colours["age-4"]
    for place, stack in enumerate(chart.stacks):
        for piece in stack.pieces:
            look: dict[str, Any] = {"facecolor": pen.colours[piece.colour], "edgecolor": outline}
            if piece.hatched:
                look = {"facecolor": "none", "edgecolor": pen.colours["muted"], "hatch": "////"}
            ax.barh(place, piece.length, left=piece.start, height=_THICK, linewidth=0.6, **look)
        pen.write(stack.words, (stack.reach, place), VALUE, by=(8, 0))
    # Not a grid, which would run through the key above.
    lanes = (-0.5, len(chart.stacks) - 0.5)
    ticks = [tick for tick, _ in chart.axis.ticks]
    ax.vlines(ticks, *lanes, colors=pen.colours["rule"], linewidth=0.6, zorder=0)
    ax.vlines([0], *lanes, colors=pen.colours["muted"], linewidth=0.8)
    left = 1.06 * chart.axis.first
    reach = [
        (stack.reach - left) / max(0.2, 1 - (pen.width(stack.words or " ", VALUE) + 12) / room)
        for stack in chart.stacks
    ]
    ax.set_xlim(left, left + (max(reach) or 1.0))
    for place, stack in enumerate(chart.stacks):
        _amounts(pen, stack.pieces, place, room / (ax.get_xlim()[1] - left))
    above = chart.rows - len(chart.stacks)
    ax.set_ylim(len(chart.stacks) - 0.5, -0.5 - above)
    _key(pen, chart, room, -0.35 - above)


def _amounts(pen: Pen, pieces: Any, place: int, points: float) -> None:
    """Write amounts on the pieces that have room for them."""
    for piece in pieces:
        if piece.words and pen.width(piece.words, SMALL) + 6 < piece.length * points:
            middle = piece.start + piece.length / 2
            pen.write(piece.words, (middle, place), SMALL, piece.ink, ha="center")


def _key(pen: Pen, chart: AgeingChart, room: float, top: float) -> None:
    """Write what each colour means, with its amount, in lines from the left."""
    where: Any = ("axes fraction", "data")
    x, line = 0.0, 0
    for key in chart.key:
        width = pen.width(key.words, SMALL) / pen.scale + 28
        if x and x + width > room / pen.scale:
            x, line = 0.0, line + 1
        by = (x + 4, -7 - 13 * line)
        if key.colour:
            box = {
                "boxstyle": "square,pad=0.15",
                "linewidth": 0.6,
                "facecolor": "none" if key.hatched else pen.colours[key.colour],
                "edgecolor": pen.colours["muted" if key.hatched else "age-4"],
                "hatch": "/////" if key.hatched else None,
            }
            pen.write("   ", (0, top), SMALL - 2, by=by, xycoords=where, bbox=box)
        pen.write(key.words, (0, top), SMALL, by=(by[0] + 13, by[1]), xycoords=where)
        x += width
