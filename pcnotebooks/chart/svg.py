"""Draw charts as SVG for a page: small, in the page's font, in colours that it may replace.

Sizes are in points; the page scales the whole. Only the reader's browser knows its font and thus
the width of a text, so there is room for a wide font.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from html import escape
from math import ceil
from unicodedata import category, east_asian_width

from markupsafe import Markup

from pcnotebooks.overview.ageing import AgeingChart, Key
from pcnotebooks.overview.axis import spread
from pcnotebooks.overview.charts import BalancesChart, Chart, Mark, RecencyChart
from pcnotebooks.overview.palette import PALETTE
from pcnotebooks.overview.trend import Line, Paid, TrendChart

# Widths for half a page and for a phone: at 1.25 CSS pixels to a point no letter is below 12.
DESK, PHONE = 457, 262
_LANE, _BAR, _GAP = 28.8, 13.0, 8.0
_EDGE = 1.2  # by which a letter may extend to the left of its place
_TITLE, _LABEL, _VALUE, _TICK, _SMALL = 11.5, 10.0, 9.8, 9.6, 9.6  # sizes of letters
# A page may set each colour of the palette; the default is the one for a light background.
_COLOURS = {name: f"var(--pcn-{name}, {light})" for name, (light, _) in PALETTE.items()}


def svg(chart: Chart, *, prefix: str, width: int = DESK, foot: bool = True) -> Markup:
    """Return a chart as an element of a page.

    The ids of its title and description begin with `prefix`, so that a page can have several
    charts. The width is in points. Omit the foot if the page states the source of all charts.
    """
    drawing = _Drawing(width, chart.title)
    if isinstance(chart, BalancesChart):
        left, bottom = _balances(drawing, chart)
    elif isinstance(chart, RecencyChart):
        left, bottom = _recency(drawing, chart)
    elif isinstance(chart, AgeingChart):
        left, bottom = _ageing(drawing, chart)
    elif isinstance(chart, TrendChart):
        left, bottom = _EDGE, _trend(drawing, chart)
    else:
        raise TypeError(chart)
    return drawing.finish(chart, prefix, left, bottom, foot=foot)


def sparkline(trend: Sequence[tuple[float, float]]) -> Markup:
    """Return balances over time as a small picture without text, for use among words.

    Time and balance go from 0 to 1. Each balance holds until the next.
    """
    if not trend:
        return Markup()
    across, up = 96, 20
    (_, first), *later = [(2 + across * time, 2 + up * (1 - height)) for time, height in trend]
    steps = "".join(f"H{_number(time)}V{_number(height)}" for time, height in later)
    end = f'<circle cx="{_number(later[-1][0])}" cy="{_number(later[-1][1])}" r="2"/>'
    return Markup(  # noqa: S704 (numbers only)
        f'<svg class="pcn-spark" viewBox="0 0 {across + 4} {up + 4}" aria-hidden="true">'
        # WeasyPrint knows no style sheet in drawings, and would fill the line.
        f'<path fill="none" stroke="{PALETTE["text"][0]}" stroke-width="1.5"'
        f' d="M2 {_number(first)}{steps}"/>{end}</svg>'
    )


def _balances(drawing: _Drawing, chart: BalancesChart) -> tuple[float, float]:
    """Draw bars; return their left and their lower edge."""
    width, low = drawing.width, chart.low
    left, top = drawing.lanes([bar.label for bar in chart.bars])
    # Every amount has room after its bar; that of a credit is written to the right of zero.
    scales = [
        max(width - left - _GAP - _width(bar.words, _VALUE), 0.2 * (width - left))
        / (max(bar.length, 0.0) - low)
        for bar in chart.bars
        if max(bar.length, 0.0) > low
    ]
    scale = min(scales, default=(width - left) / 2)

    def x(value: float) -> float:
        return left + (value - low) * scale

    bottom = top + _LANE * chart.rows
    for place, bar in enumerate(chart.bars):
        start, end = sorted((x(0), x(bar.length)))
        middle = top + _LANE * (place + 0.5)
        drawing.rectangle(start, middle - _BAR / 2, end - start, _BAR, bar.colour)
        start_of_words = x(max(bar.length, 0.0)) + _GAP
        drawing.text(start_of_words, middle + 3.2, bar.words, _VALUE, most=width - start_of_words)
    drawing.upright([x(0)], top, bottom, "muted", 0.8)
    return left, bottom


def _recency(drawing: _Drawing, chart: RecencyChart) -> tuple[float, float]:
    """Draw last payments; return the left and the lower edge of the axis."""
    left, top = drawing.lanes([label for label, _ in chart.lanes])
    low, high = chart.axis.first, chart.axis.last

    def x(days: float) -> float:
        return left + (days - low) * (drawing.width - left) / (high - low)

    bottom = top + _LANE * chart.rows
    for start, end, colour in chart.bands:
        drawing.rectangle(x(start), top, x(end) - x(start), bottom - top, colour)
    for place, (_, marks) in enumerate(chart.lanes):
        middle = top + _LANE * (place + 0.5)
        for mark in marks:
            if mark.days is None:
                drawing.ring(x(chart.no_day), middle, dotted=mark.status == "not stated")
                drawing.text(x(0) + _GAP, middle + 3.2, mark.words[0], _VALUE)
                continue
            drawing.spot(x(mark.days), middle, mark.arrow)
            drawing.mark_words(x(mark.days), middle + 3.2, mark, x(low))
    drawing.ticks([(x(day), words) for day, words in chart.axis.ticks], bottom)
    return left, bottom


def _ageing(drawing: _Drawing, chart: AgeingChart) -> tuple[float, float]:
    """Draw stacks; return the left and the lower edge of the axis."""
    width, low = drawing.width, chart.axis.first
    drawing.key(chart.key)
    left, top = drawing.lanes([stack.label for stack in chart.stacks])
    scales = [
        max(width - left - _GAP - _width(stack.words, _VALUE), 0.2 * (width - left))
        / (stack.reach - low)
        for stack in chart.stacks
        if stack.reach > low
    ]
    scale = min(scales, default=(width - left) / 2)

    def x(value: float) -> float:
        return left + (value - low) * scale

    bottom = top + _LANE * len(chart.stacks)
    drawing.upright([x(tick) for tick, _ in chart.axis.ticks], top, bottom, "rule", 0.6)
    for place, stack in enumerate(chart.stacks):
        middle = top + _LANE * (place + 0.5)
        for piece in stack.pieces:
            start, end = sorted((x(piece.start), x(piece.start + piece.length)))
            drawing.piece(
                start, middle - _BAR / 2, end - start, piece.colour, hatched=piece.hatched
            )
            if _width(piece.words, _SMALL) + 6 < end - start:
                middle_of = (start + end) / 2
                drawing.text(
                    middle_of, middle + 2.9, piece.words, _SMALL, piece.ink, anchor="middle"
                )
        start_of_words = x(stack.reach) + _GAP
        drawing.text(start_of_words, middle + 3.2, stack.words, _VALUE, most=width - start_of_words)
    drawing.upright([x(0)], top, bottom, "muted", 0.8)
    drawing.ticks([(x(tick), words) for tick, words in chart.axis.ticks], bottom)
    return left, bottom


def _trend(drawing: _Drawing, chart: TrendChart) -> float:
    """Draw balances over time; return the height of the time axis."""
    width = drawing.width
    named = [words for _, words in chart.amounts.ticks] + ["payments"] * bool(chart.payments)
    left = max(_width(words, _TICK) for words in named) + 6
    ends = [word for line in chart.lines for word in line.words.split("\n")]
    right = width - min(0.4 * width, max(_width(word, _LABEL) for word in ends) + 6)
    # Room above for the unit and the label of movements without a payment or an invoice.
    top = drawing.below_title + (27 if chart.unexplained else 14)
    bottom = top + _LANE * chart.rows
    base = bottom - (29 if chart.payments else 6)
    low, high, first = chart.amounts.first, chart.amounts.last, chart.days.first
    # Two answers of one moment would otherwise divide by zero.
    span = max((chart.days.last - first).total_seconds(), 1.0)

    def x(moment: datetime) -> float:
        return left + 6 + (right - left - 12) * (moment - first).total_seconds() / span

    def y(height: float) -> float:
        return base - (height - low) * (base - top - 6) / (high - low)

    for tick, words in chart.amounts.ticks:
        drawing.level(y(tick), left, right, "rule", 0.6)
        drawing.text(left - 4, y(tick) + 3, words, _TICK, "muted", anchor="end")
    drawing.level(y(0), left, right, "muted", 0.8)
    drawing.text(_EDGE, drawing.below_title + 8, chart.unit, _SMALL, "muted")
    for line in chart.lines:
        drawing.steps([(x(m), y(h)) for m, h in zip(line.moments, line.heights, strict=True)], line)
    for moment, before, after in chart.unexplained:
        drawing.dotted(x(moment) + 3.5, y(before), y(after))
    for moment, _, _ in chart.unexplained[-1:]:
        late = x(moment) > (left + right) / 2
        anchor = "end" if late else "start"
        drawing.text(x(moment) + 4, top - 4, "unexplained", _SMALL, "attention", anchor=anchor)
    if chart.payments:
        drawing.text(left - 4, bottom - 3, "payments", _SMALL, "muted", anchor="end")
        drawing.payments(
            [(x(paid.day), paid) for paid in chart.payments], (left + right) / 2, bottom
        )
    # From the bottom up, each with room for its lines.
    gap = 11.0 * max(len(line.words.split("\n")) for line in chart.lines) + 2
    heights = spread([-y(line.heights[-1]) for line in chart.ends], gap, 8 - top)
    for line, height in zip(chart.ends, heights, strict=True):
        drawing.end(right + 6, -height, line)
    # The first tick has the year, without which a month is ambiguous.
    first_tick, *others = chart.days.ticks
    dates = [first_tick, *sorted(others, key=lambda tick: not tick[1].isdigit())]
    drawing.ticks([(x(date), words) for date, words in dates], bottom)
    return bottom


class _Drawing:
    """An SVG that is being drawn, with its title on top."""

    def __init__(self, width: int, title: str) -> None:
        self.width = width
        self._parts: list[str] = []
        lines = _lines(title, width - _EDGE, _TITLE, bold=True)
        for place, line in enumerate(lines):
            self.text(_EDGE, _TITLE + 15 * place, line, _TITLE, bold=True)
        self.below_title = 15.0 * len(lines) + 4

    def lanes(self, labels: Sequence[str]) -> tuple[float, float]:
        """Label the lanes; return their left and their upper edge."""
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
        self, chart: Chart, prefix: str, left: float, bottom: float, *, foot: bool
    ) -> Markup:
        """Write unit, note and foot below what was drawn, and return it as an element."""
        height = bottom + 16
        if isinstance(chart, TrendChart):  # its unit is that of the other axis
            height += 12
        elif chart.unit:
            self.text(left, bottom + 24, chart.unit, _SMALL, "muted")
            height += 24
        height = self._lines(chart.note, height, "muted", bold=False)
        if foot:
            height = self._lines(chart.foot.words, height, chart.foot.colour, bold=chart.foot.bold)
        return Markup(  # noqa: S704  (every text is escaped)
            f'<svg viewBox="0 0 {self.width:g} {round(height - 8, 1):g}" role="img"'
            f' class="pcn-chart" aria-labelledby="{prefix}-title {prefix}-desc"'
            ' style="stroke-linejoin: round"'
            ' xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
            f'<title id="{prefix}-title">{escape(chart.title)}</title>'
            f'<desc id="{prefix}-desc">{escape(chart.description)}</desc>'
            f"{''.join(self._parts)}</svg>"
        )

    def _lines(self, words: str, height: float, colour: str, *, bold: bool) -> float:
        """Write lines from a height downwards; return the height below them."""
        for line in _lines(words, self.width - _EDGE, _SMALL, bold=bold) if words else ():
            self.text(_EDGE, height, line, _SMALL, colour, bold=bold)
            height += 12
        return height

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        colour: str = "text",
        *,
        anchor: str = "start",
        bold: bool = False,
        most: float | None = None,
    ) -> None:
        """Write words, if any; words that may be wider than `most` are condensed."""
        if not words:
            return
        pressed = ""
        if most is not None and _width(words, size) > most + 0.1:
            pressed = f' textLength="{_number(most)}" lengthAdjust="spacingAndGlyphs"'
        weight = ";font-weight:bold" if bold else ""
        anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._parts.append(
            f'<text x="{_number(x)}" y="{_number(y)}"{anchored}{pressed}'
            f' style="font-size:{size:g}px;fill:{_COLOURS[colour]}{weight}">{escape(words)}</text>'
        )

    def rectangle(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Fill a rectangle."""
        self._parts.append(
            f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(width)}"'
            f' height="{_number(height)}" style="fill:{_COLOURS[colour]}"/>'
        )

    def key(self, keys: Iterable[Key]) -> None:
        """Write the meaning of each colour below the title, in lines from the left."""
        x, y = _EDGE, self.below_title + 7
        for key in keys:
            width = _width(key.words, _SMALL) + 26
            if x > _EDGE and x + width > self.width:
                x, y = _EDGE, y + 15
            if key.colour:
                self.piece(x, y - 7, 9, key.colour, height=9, hatched=key.hatched)
            self.text(x + 13, y, key.words, _SMALL)
            x += width
        self.below_title = y + 7

    def piece(
        self, x: float, y: float, width: float, colour: str, *, hatched: bool, height: float = _BAR
    ) -> None:
        """Fill a piece of a stack, outlined; a credit is hatched on the page's background."""
        self.rectangle(x, y, width, height, "page" if hatched else colour)
        outline = (
            f"M{_number(x)} {_number(y)}h{_number(width)}v{_number(height)}h{_number(-width)}z"
        )
        if hatched:
            for start in range(0, ceil(width), 4):
                run = min(height, width - start)
                outline += (
                    f"M{_number(x + start)} {_number(y + height)}l{_number(run)} {_number(-run)}"
                )
        self._path(outline, "muted" if hatched else "age-4", 0.6)

    def level(self, y: float, left: float, right: float, colour: str, width: float) -> None:
        """Draw a horizontal line."""
        self._path(f"M{_number(left)} {_number(y)}H{_number(right)}", colour, width)

    def upright(
        self, places: Iterable[float], top: float, bottom: float, colour: str, width: float
    ) -> None:
        """Draw vertical lines of one height."""
        path = "".join(f"M{_number(x)} {_number(top)}V{_number(bottom)}" for x in places)
        self._path(path, colour, width)

    def ticks(self, ticks: Iterable[tuple[float, str]], bottom: float) -> None:
        """Write tick labels below an axis; of two that would touch, only the first."""
        taken: list[tuple[float, float]] = []
        for x, words in ticks:
            half = _width(words, _TICK) / 2
            anchor, start = "middle", x - half
            if x + half > self.width:
                anchor, start = "end", x - 2 * half
            elif x < half:
                anchor, start = "start", x
            end = start + 2 * half + 3
            if all(end < left or right < start for left, right in taken):
                taken.append((start, end))
                self.text(x, bottom + 11, words, _TICK, "muted", anchor=anchor)

    def steps(self, points: Sequence[tuple[float, float]], line: Line) -> None:
        """Draw a line in steps, with a dot at its end."""
        x, y = points[0]
        path = f"M{_number(x)} {_number(y)}"
        path += "".join(f"H{_number(x)}V{_number(y)}" for x, y in points[1:])
        self._path(path, line.colour, 1.6)
        self._circle(*points[-1], 2.5, f"fill:{_COLOURS[line.colour]}")

    def spot(self, x: float, y: float, arrow: str) -> None:
        """Mark a day, with an arrow if the day is beyond the axis."""
        if not arrow:
            self._circle(x, y, 4, f"fill:{_COLOURS['text']}")
            return
        back = -4 if arrow == "right" else 4
        path = f"M{_number(x + back)} {_number(y - 4)}l{-2 * back} 4l{2 * back} 4z"
        self._parts.append(f'<path d="{path}" style="fill:{_COLOURS["text"]}"/>')

    def ring(self, x: float, y: float, *, dotted: bool) -> None:
        """Mark a payment without a day."""
        dots = ";stroke-dasharray:1 2" if dotted else ""
        self._circle(x, y, 4, f"fill:none;stroke:{_COLOURS['text']};stroke-width:1.2{dots}")

    def mark_words(self, x: float, y: float, mark: Mark, left: float) -> None:
        """Write as many of a mark's words as fit, on the side with more room."""
        room = (x - left if mark.words_first else self.width - x) - _GAP
        text, *more = mark.words
        for word in more:
            if _width(f"{text} · {word}", _VALUE) <= room:
                text += f" · {word}"
        if mark.words_first:
            self.text(x - _GAP, y, text, _VALUE, anchor="end")
        else:
            self.text(x + _GAP, y, text, _VALUE)

    def dotted(self, x: float, start: float, end: float) -> None:
        """Draw a vertical dotted line that marks a step next to it."""
        style = f"stroke:{_COLOURS['attention']};stroke-width:1.8;stroke-dasharray:2 2"
        path = f"M{_number(x)} {_number(start)}V{_number(end)}"
        self._parts.append(f'<path d="{path}" style="{style}"/>')

    def payments(
        self, payments: Sequence[tuple[float, Paid]], middle: float, bottom: float
    ) -> None:
        """Mark payments by ticks that point down, the largest with its amount."""
        for colour in dict.fromkeys(paid.colour for _, paid in payments):
            days = [x for x, paid in payments if paid.colour == colour]
            self.upright(days, bottom - 10, bottom - 2, colour, 1.2)
        for x, paid in payments:
            anchor = "end" if x > middle else "start"
            self.text(x, bottom - 12.5, paid.words, _SMALL, paid.colour, anchor=anchor)

    def end(self, x: float, y: float, line: Line) -> None:
        """Write the words at the end of a line, centred if they have several lines."""
        words = line.words.split("\n")
        above = y + 3.3 - 5.5 * (len(words) - 1)
        for place, word in enumerate(words):
            self.text(x, above + 11 * place, word, _LABEL, line.colour, most=self.width - x)

    def _path(self, path: str, colour: str, width: float) -> None:
        style = f"fill:none;stroke:{_COLOURS[colour]};stroke-width:{width:g}"
        self._parts.append(f'<path d="{path}" style="{style}"/>')

    def _circle(self, x: float, y: float, radius: float, style: str) -> None:
        self._parts.append(
            f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{radius:g}" style="{style}"/>'
        )


def _number(value: float) -> str:
    return f"{round(value, 1) + 0.0:g}"


def _width(words: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a text in a wide font."""
    return size * sum(map(_letter_width, words)) * (1.15 if bold else 1.0)


@cache
def _letter_width(letter: str) -> float:
    if east_asian_width(letter) in "WF" or letter in "mwMW%@":
        return 1.0
    if category(letter) == "Cf":  # a control character, such as an isolate
        return 0.0
    if letter in " \N{NO-BREAK SPACE}.,;:'|!()[]/·ijlftrI-":
        return 0.4
    return 0.72 if letter.isupper() else 0.64


def _lines(words: str, width: float, size: float, *, bold: bool) -> list[str]:
    """Return a text in lines that fit the width."""
    letter = max(_width(words, size, bold=bold) / max(len(words), 1), 1.0)
    return textwrap.wrap(words, max(int(width / letter), 8)) or [""]
