"""Draw the stacks of an ageing chart with matplotlib."""

from __future__ import annotations

from typing import Any

from pcnotebooks.chart.lanes import name_lanes, write_axis
from pcnotebooks.chart.pen import SMALL, VALUE, Pen
from pcnotebooks.overview.ageing import AgeingChart, Key


def draw_stacks(pen: Pen, chart: AgeingChart) -> tuple[float, float]:
    """Draw the key and the stacks; return the axes' width and the key's height in points."""
    ax, outline = pen.ax, pen.colours["age-4"]
    room = name_lanes(pen, [stack.label for stack in chart.stacks], chart.rows)
    behind = [stack.words for stack in chart.stacks]
    if max(pen.width(words, VALUE) for words in behind) > room / 2:
        behind = [words.replace(" · ", "\n") for words in behind]
    for place, stack in enumerate(chart.stacks):
        for piece in stack.pieces:
            look: dict[str, Any] = {"facecolor": pen.colours[piece.colour], "edgecolor": outline}
            if piece.hatched:
                look = {"facecolor": "none", "edgecolor": pen.colours["muted"], "hatch": "////"}
            pen.bar(place, piece.start, piece.length, **look)
        pen.write(behind[place], (stack.reach, place), VALUE, by=(8, 0))
    ax.axvline(0, color=pen.colours["muted"], linewidth=0.8)
    ax.grid(axis="x", color=pen.colours["rule"], linewidth=0.6)
    left = 1.06 * chart.axis.first
    reach = [
        (stack.reach - left) / max(0.2, 1 - (pen.width(words, VALUE) + 12 * pen.scale) / room)
        for stack, words in zip(chart.stacks, behind, strict=True)
    ]
    ax.set_xlim(left, left + (max(reach) or 1.0))
    write_axis(pen, chart.axis, chart.unit, room)
    for place, stack in enumerate(chart.stacks):
        _amounts(pen, stack.pieces, place, room / (ax.get_xlim()[1] - left))
    return room, _key(pen, chart, room)


def _amounts(pen: Pen, pieces: Any, place: int, points: float) -> None:
    """Write amounts on the pieces that have room for them."""
    for piece in pieces:
        if piece.words and pen.width(piece.words, SMALL) + 6 < piece.length * points:
            middle = piece.start + piece.length / 2
            pen.write(piece.words, (middle, place), SMALL, piece.ink, ha="center")


def _key(pen: Pen, chart: AgeingChart, room: float) -> float:
    """Write the meaning and amount of each colour in lines above; return their height."""
    lines: list[list[tuple[float, Key]]] = [[]]
    x = 0.0
    for key in chart.key:
        width = pen.width(key.words, SMALL) / pen.scale + 34
        if x and x + width > room / pen.scale:
            x = 0.0
            lines.append([])
        lines[-1].append((x, key))
        x += width
    for line, keys in enumerate(reversed(lines)):
        for x, key in keys:
            by = (x + 4, 10 + 14 * line)
            if key.colour:
                box = {
                    "boxstyle": "square,pad=0.15",
                    "linewidth": 0.6,
                    "facecolor": "none" if key.hatched else pen.colours[key.colour],
                    "edgecolor": pen.colours["muted" if key.hatched else "age-4"],
                    "hatch": "/////" if key.hatched else None,
                }
                pen.write("   ", (0, 1), SMALL - 3, by=by, xycoords="axes fraction", bbox=box)
            pen.write(key.words, (0, 1), SMALL, by=(x + 18, by[1]), xycoords="axes fraction")
    return 14 * pen.scale * len(lines) if chart.key else 0.0
