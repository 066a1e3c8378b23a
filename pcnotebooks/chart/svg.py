"""Views drawn as SVG for a page: light, in the page's own font, in colours that it may replace.

Sizes are in points; the page scales the whole. How wide a text is only its reader's font knows, so
room is left for a wide one.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from html import escape
from math import ceil, floor, log10
from unicodedata import category, east_asian_width

import pandas as pd
from markupsafe import Markup

from pcnotebooks.amounts import format_tick, format_ticks_of_time
from pcnotebooks.chart.element import element
from pcnotebooks.frame.selection import AsOf
from pcnotebooks.overview.charts import (
    ATTENTION,
    MUTED,
    PAGE,
    RECENCY_UNIT,
    RULE,
    TEXT,
    VARIABLES,
    Foot,
    Line,
    Mark,
    balances_view,
    recency_view,
    trend_view,
)

_NARROW, _WIDE = 331, 662
_LANE, _BAR, _GAP = 28.8, 16.0, 8.0
_EDGE = 1.2  # by which a letter may reach to the left of where it stands
_TITLE, _LABEL, _VALUE, _TICK, _SMALL = 11.0, 9.5, 9.0, 8.5, 8.0  # of letters


def balances_svg(
    frame: pd.DataFrame,
    description: str,
    *,
    prefix: str,
    only: str | None = None,
    locale: str = "en",
) -> Markup:
    """Return :func:`plot_balances` of rows in one currency as an element of a page.

    With the name of the only invoice type that was chosen.
    """
    view = balances_view(frame, only=only, locale=locale)
    drawing, width = _Drawing(_NARROW, view.title), _NARROW
    left, top = drawing.lanes([bar.lane for bar in view.bars])
    low, high = min(0.0, *(b.length for b in view.bars)), max(0.0, *(b.length for b in view.bars))
    # Every label has room behind its bar; a credit's lane is free on the right.
    scales = [
        max(width - left - _GAP - _width(bar.words, _VALUE), 0.2 * (width - left))
        / (max(bar.length, 0.0) - low)
        for bar in view.bars
        if max(bar.length, 0.0) > low
    ]
    scale = min(scales, default=(width - left) / 2)

    def x(value: float) -> float:
        return left + (value - low) * scale

    bottom = top + _LANE * len(view.bars)
    ticks = _steps(low, high if high > low else low + 1)
    drawing.upright([x(tick) for tick in ticks], top, bottom, RULE, 0.6)
    for place, bar in enumerate(view.bars):
        start, end = sorted((x(0), x(bar.length)))
        middle = top + _LANE * (place + 0.5)
        drawing.rectangle(start, middle - _BAR / 2, end - start, _BAR, bar.colour)
        drawing.text(x(max(bar.length, 0.0)) + _GAP, middle + 3.2, bar.words, _VALUE)
    drawing.upright([x(0)], top, bottom, MUTED, 0.8)
    drawing.ticks([(x(tick), format_tick(tick, locale=locale)) for tick in ticks], bottom)
    return drawing.finish(bottom, view.unit, view.foot, prefix, description, at=left)


def recency_svg(
    recency: pd.DataFrame,
    description: str,
    *,
    prefix: str,
    as_of: AsOf | None = None,
    locale: str = "en",
) -> Markup:
    """Return :func:`plot_payment_recency` of :func:`payment_recency` as an element of a page."""
    view = recency_view(recency, as_of=as_of, locale=locale)
    drawing, width = _Drawing(_NARROW, view.title), _NARROW
    left, top = drawing.lanes([lane for lane, _ in view.lanes])
    low, high = view.ends

    def x(days: float) -> float:
        return left + (days - low) * (width - left) / (high - low)

    bottom = top + _LANE * len(view.lanes)
    for start, end, colour in view.bands:
        drawing.rectangle(x(start), top, x(end) - x(start), bottom - top, colour)
    for place, (_, marks) in enumerate(view.lanes):
        middle = top + _LANE * (place + 0.5)
        for mark in marks:
            if mark.days is None:
                drawing.ring(x(view.beside), middle, dotted=mark.status == "not stated")
                drawing.text(x(0) + _GAP, middle + 3.2, mark.words[0], _VALUE)
                continue
            drawing.spot(x(mark.days), middle, arrow=mark.older)
            drawing.beside(x(mark.days), middle + 3.2, mark, x(low), width)
    drawing.ticks([(x(day), f"{day}") for day in view.ticks], bottom)
    return drawing.finish(bottom, RECENCY_UNIT, view.foot, prefix, description, at=left)


def trend_svg(
    frame: pd.DataFrame, description: str, *, prefix: str, locale: str = "en", width: int = _WIDE
) -> Markup:
    """Return :func:`plot_balance_trend` of rows in one currency as an element of a page."""
    view = trend_view(frame, locale=locale)
    drawing = _Drawing(width, view.title)
    heights = [height for line in view.lines for height in line.heights]
    low, high = min(0.0, *heights), max(0.0, *heights)
    high = high if high > low else low + 1
    ticks = [(tick, format_tick(tick, locale=locale)) for tick in _steps(low, high)]
    named = [*(words for _, words in ticks), *(["payments"] if view.payments else [])]
    left = max(_width(words, _TICK) for words in named) + 6
    ends = [word for line in view.lines for word in line.words.split("\n")]
    right = width - min(0.4 * width, max(_width(word, _LABEL) for word in ends) + 6)
    top = drawing.below_title + 14  # the unit stands between
    bottom = top + _LANE * max(5, 2 * len(view.lines))
    base = bottom - (24 if view.payments else 6)
    moments = [moment for line in view.lines for moment in line.moments]
    moments += [day for day, _ in view.payments]
    first: datetime = min(moments)
    last: datetime = max(moments)
    span = max((last - first).total_seconds(), 1.0)

    def x(moment: datetime) -> float:
        return left + 6 + (right - left - 12) * (moment - first).total_seconds() / span

    def y(height: float) -> float:
        return base - (height - low) * (base - top - 6) / (high - low)

    for tick, words in ticks:
        drawing.level(y(tick), left, right, RULE, 0.6)
        drawing.text(left - 4, y(tick) + 3, words, _TICK, MUTED, anchor="end")
    drawing.level(y(0), left, right, MUTED, 0.8)
    drawing.text(_EDGE, top - 6, view.unit, _SMALL, MUTED)
    for line in view.lines:
        drawing.steps([(x(m), y(h)) for m, h in zip(line.moments, line.heights, strict=True)], line)
    for moment, before, after in view.unexplained:
        drawing.upright([x(moment)], y(before), y(after), ATTENTION, 2.4)
    for moment, before, after in view.unexplained[-1:]:
        drawing.boxed(x(moment), y((before + after) / 2) + 3, "unexplained", right)
    if view.payments:
        drawing.text(left - 4, bottom - 4, "payments", _SMALL, MUTED, anchor="end")
        drawing.upright([x(day) for day, _ in view.payments], bottom - 10, bottom - 3, TEXT, 1)
        for day, words in view.payments:
            if words:
                drawing.text(x(day), bottom - 13, words, 7.5, MUTED, anchor="middle")
    drawing.ends(view.lines, right + 6, y)
    dates = _dates(first, last)
    written = zip(dates, format_ticks_of_time(dates, locale=locale), strict=True)
    drawing.ticks([(x(date), words) for date, words in written], bottom)
    return drawing.finish(bottom, "", view.foot, prefix, description)


class _Drawing:
    """An SVG in the making, its title on top."""

    def __init__(self, width: int, title: str) -> None:
        self.width, self.title = width, title
        self._parts: list[str] = []
        lines = _lines(title, width - _EDGE, _TITLE, bold=True)
        for place, line in enumerate(lines):
            self.text(_EDGE, _TITLE + 14 * place, line, _TITLE, bold=True)
        self.below_title = 14.0 * len(lines) + 4

    def lanes(self, labels: Sequence[str]) -> tuple[float, float]:
        """Name the lanes; return where these begin, from the left and from the top."""
        lines = [label.split("\n") for label in labels]
        widest = max(_width(line, _LABEL) for each in lines for line in each)
        left: float = min(0.45 * self.width, widest) + _GAP
        for place, each in enumerate(lines):
            above = self.below_title + _LANE * (place + 0.5) + 3.3 - 5.5 * (len(each) - 1)
            for row, line in enumerate(each):
                self.text(
                    left - _GAP, above + 11 * row, line, _LABEL, anchor="end", most=left - _GAP
                )
        return left, self.below_title

    def finish(
        self, bottom: float, unit: str, foot: Foot, prefix: str, description: str, *, at: float = 0
    ) -> Markup:
        """Write unit and foot below what was drawn, and return it as an element."""
        if unit:
            self.text(at, bottom + 23, unit, _SMALL, MUTED)
        height = bottom + (37 if unit else 28)
        for line in _lines(foot.words, self.width - _EDGE, _SMALL, bold=foot.bold):
            self.text(_EDGE, height, line, _SMALL, foot.colour, bold=foot.bold)
            height += 10
        svg = element(
            "".join(self._parts),
            prefix=prefix,
            title=self.title,
            description=description,
            size=(self.width, round(height - 6, 1)),
        )
        return Markup(svg)  # noqa: S704 (every text is escaped)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        colour: str = TEXT,
        *,
        anchor: str = "start",
        bold: bool = False,
        most: float | None = None,
    ) -> None:
        """Write words; those that may be wider than the most are pressed together."""
        pressed = ""
        if most is not None and _width(words, size) > most + 0.1:
            pressed = f' textLength="{_number(most)}" lengthAdjust="spacingAndGlyphs"'
        weight = ";font-weight:bold" if bold else ""
        anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._parts.append(
            f'<text x="{_number(x)}" y="{_number(y)}"{anchored}{pressed}'
            f' style="font-size:{size:g}px;fill:{VARIABLES[colour]}{weight}">{escape(words)}</text>'
        )

    def rectangle(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Fill a rectangle."""
        self._parts.append(
            f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(width)}"'
            f' height="{_number(height)}" style="fill:{VARIABLES[colour]}"/>'
        )

    def level(self, y: float, left: float, right: float, colour: str, width: float) -> None:
        """Draw a level line."""
        self._path(f"M{_number(left)} {_number(y)}H{_number(right)}", colour, width)

    def upright(
        self, places: Iterable[float], top: float, bottom: float, colour: str, width: float
    ) -> None:
        """Draw upright lines of one height."""
        path = "".join(f"M{_number(x)} {_number(top)}V{_number(bottom)}" for x in places)
        self._path(path, colour, width)

    def ticks(self, ticks: Iterable[tuple[float, str]], bottom: float) -> None:
        """Write below an axis what its places stand for, where the words stand apart."""
        free = float("-inf")
        for x, words in ticks:
            half = _width(words, _TICK) / 2
            anchor = "end" if x + half > self.width else "middle"
            start = x - half * (2 if anchor == "end" else 1)
            if start < free:
                continue
            free = start + 2 * half + 3
            self.text(x, bottom + 11, words, _TICK, MUTED, anchor=anchor)

    def steps(self, points: Sequence[tuple[float, float]], line: Line) -> None:
        """Draw what stands until it changes, with a dot where it stands now."""
        x, y = points[0]
        path = f"M{_number(x)} {_number(y)}"
        path += "".join(f"H{_number(x)}V{_number(y)}" for x, y in points[1:])
        self._path(path, line.colour, 1.6)
        self._circle(*points[-1], 2.5, f"fill:{VARIABLES[line.colour]}")

    def spot(self, x: float, y: float, *, arrow: bool) -> None:
        """Mark a day; with an arrow where the day itself lies beyond."""
        if not arrow:
            self._circle(x, y, 4, f"fill:{VARIABLES[TEXT]}")
            return
        path = f"M{_number(x - 4)} {_number(y - 4)}l8 4l-8 4z"
        self._parts.append(f'<path d="{path}" style="fill:{VARIABLES[TEXT]}"/>')

    def ring(self, x: float, y: float, *, dotted: bool) -> None:
        """Mark what has no day."""
        dots = ";stroke-dasharray:1 2" if dotted else ""
        self._circle(x, y, 4, f"fill:none;stroke:{VARIABLES[TEXT]};stroke-width:1.2{dots}")

    def beside(self, x: float, y: float, mark: Mark, left: float, right: float) -> None:
        """Write as many of a mark's words as there is room for, on the side with more of it."""
        to_left = x - left > right - x
        room = max(x - left, right - x) - _GAP
        text, *more = mark.words
        for word in more:
            if _width(f"{text} · {word}", _VALUE) <= room:
                text += f" · {word}"
        self.text(x - _GAP if to_left else x + _GAP, y, text, _VALUE,
                  anchor="end" if to_left else "start")  # fmt: skip

    def boxed(self, x: float, y: float, words: str, right: float) -> None:
        """Write an alarm beside a line, on the page's own ground."""
        width = _width(words, _SMALL)
        start = x + 5 if x + 5 + width < right else x - 5 - width
        self.rectangle(start - 1, y - 8, width + 2, 11, PAGE)
        self.text(start, y, words, _SMALL, ATTENTION)

    def ends(self, lines: Sequence[Line], x: float, y: Callable[[float], float]) -> None:
        """Write what each line ends at, none over another."""
        free = float("inf")
        for line in sorted(lines, key=lambda line: line.heights[-1]):
            words = line.words.split("\n")
            lowest = min(y(line.heights[-1]) + 3.3 + 5.5 * (len(words) - 1), free)
            for place, word in enumerate(words, start=1 - len(words)):
                self.text(x, lowest + 11 * place, word, _LABEL, line.colour, most=self.width - x)
            free = lowest - 11 * len(words) - 2

    def _path(self, path: str, colour: str, width: float) -> None:
        style = f"fill:none;stroke:{VARIABLES[colour]};stroke-width:{width:g}"
        self._parts.append(f'<path d="{path}" style="{style}"/>')

    def _circle(self, x: float, y: float, radius: float, style: str) -> None:
        self._parts.append(
            f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{radius:g}" style="{style}"/>'
        )


def _number(value: float) -> str:
    return f"{round(value, 1) + 0.0:g}"


def _width(words: str, size: float, *, bold: bool = False) -> float:
    """Return how wide a text is in a font that runs wide."""
    return size * sum(map(_letter_width, words)) * (1.15 if bold else 1.0)


@cache
def _letter_width(letter: str) -> float:
    if east_asian_width(letter) in "WF" or letter in "mwMW%@":
        return 1.0
    if category(letter) == "Cf":  # a command, such as an isolate
        return 0.0
    if letter in " \N{NO-BREAK SPACE}.,;:'|!()[]/·ijlftrI-":
        return 0.4
    return 0.72 if letter.isupper() else 0.64


def _lines(words: str, width: float, size: float, *, bold: bool) -> list[str]:
    """Return a text in lines that the width has room for."""
    letter = max(_width(words, size, bold=bold) / max(len(words), 1), 1.0)
    return textwrap.wrap(words, max(int(width / letter), 8)) or [""]


def _steps(low: float, high: float) -> list[float]:
    """Return round numbers from low to high, not more than five."""
    raw = (high - low) / 4
    power = 10.0 ** floor(log10(raw))
    step = next(size * power for size in (1, 2, 2.5, 5, 10, 20) if size * power >= raw * 0.999)
    return [place * step for place in range(ceil(low / step), floor(high / step) + 1)]


def _dates(first: datetime, last: datetime) -> list[datetime]:
    """Return some eight moments between two at most: beginnings of days, months or years."""
    days = (last - first).total_seconds() / 86400
    if days < 2:
        return sorted(
            {first.replace(second=0, microsecond=0), last.replace(second=0, microsecond=0)}
        )
    if days < 60:
        step = next(step for step in (1, 2, 7, 14) if days / step <= 8)
        start = first.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return [start + timedelta(days=place * step) for place in range(ceil(days / step))
                if start + timedelta(days=place * step) <= last]  # fmt: skip
    months = [1, 2, 3, 6, *(12 * years for years in (1, 2, 5, 10, 20, 50, 100, 1000))]
    step = next(step for step in months if days / 30.4 / step <= 8)
    found = []
    for month in range(ceil((12 * first.year + first.month) / step) * step, 12 * 9999, step):
        moment = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        if moment > last:
            break
        if moment >= first:
            found.append(moment)
    return found
