"""Frames drawn as charts: they draw, label and return; they never show, save or close.

No text in them is read as mathematics: two dollar signs would otherwise set what stands between
in italics.
"""

from __future__ import annotations

import io
import re
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, num2date
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import Formatter, FuncFormatter, MaxNLocator

from pcnotebooks.amounts import format_tick, format_ticks_of_time
from pcnotebooks.chart.element import element, slim
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.build import recency_of
from pcnotebooks.frame.schema import TOTALS_COLUMNS
from pcnotebooks.frame.selection import AsOf, latest, require_frame
from pcnotebooks.overview.charts import (
    ATTENTION,
    MUTED,
    PAGE,
    RECENCY_UNIT,
    RULE,
    TEXT,
    VARIABLES,
    Foot,
    Mark,
    TrendView,
    balances_view,
    lanes_of,
    owners_of,
    recency_view,
    trend_view,
)

_WIDTH = 7.2
_CHARACTERS = 12.5  # of a label, about as many as fit on an inch of axes
_RC: Any = {
    "text.parse_math": False,
    "font.size": 9.5,
    "font.family": ["sans-serif"],
    "text.color": TEXT,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.spines.bottom": False,
    "xtick.color": MUTED,
    "ytick.color": TEXT,
    "xtick.labelsize": 8.5,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "hatch.linewidth": 0.6,
}


def plot_balances(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    r"""Draw what is owed in one currency, a bar for each invoice type.

    Takes the latest payload of each partner and cloud. Credits reach to the left of zero.

    Parameters
    ----------
    frame
        As :func:`summary_frame` returns it, in one currency.
    ax
        Axes to draw on, best of a figure with ``layout="constrained"``; a new pyplot figure
        unless given.

    Returns
    -------
    Axes
        The axis counts in units, thousands or millions of the currency, as its label says.

    Raises
    ------
    ConfigurationError
        For several currencies: they share no scale.

    Examples
    --------
    >>> from pcnotebooks import summary_frame, sample_payload, select
    >>> frame = select(summary_frame(sample_payload()), currency="GBP")
    >>> plot_balances(frame).get_title(loc="left").replace("\N{NO-BREAK SPACE}", " ")
    'GBP 751,094.39 owed, 73 % OneTime'
    """
    _refuse_several(frame, "plot_balances")
    view = balances_view(frame) if len(frame) else None
    with _axes(ax, rows=len(view.bars) if view else 0) as axes:
        if view is None:
            return _nothing(axes)
        lengths = [bar.length for bar in view.bars]
        colours = [bar.colour for bar in view.bars]
        axes.barh(range(len(lengths)), lengths, height=0.56, color=colours)
        for place, bar in enumerate(view.bars):
            # A credit's bar reaches to the left, so its lane is free on the right.
            _label(axes, max(bar.length, 0.0), place, bar.words)
        axes.set_xlim(_limits(axes, lengths, [bar.words for bar in view.bars]))
        axes.axvline(0, color=MUTED, linewidth=0.8)
        _name_lanes(axes, [bar.lane for bar in view.bars])
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_tick(value)))
        axes.grid(axis="x", color=RULE, linewidth=0.6)
        axes.set_xlabel(view.unit, loc="left", fontsize=8)
        _title(axes, view.title)
        _foot(axes, view.foot)
    return axes


def plot_payment_recency(
    frame: pd.DataFrame, *, as_of: AsOf | None = None, ax: Axes | None = None
) -> Axes:
    r"""Draw the days since the last payment, a lane for each currency and invoice type.

    Takes the latest payload of each partner and cloud. *Never paid* and *not stated* have marks
    of their own beside the axis of days.

    Parameters
    ----------
    frame
        As :func:`summary_frame` or :func:`totals_frame` returns it; any number of currencies.
    as_of
        Day from which the days are counted, in UTC; each row's ``retrieved_at`` unless given.
    ax
        Axes to draw on, best of a figure with ``layout="constrained"``; a new pyplot figure
        unless given.

    Returns
    -------
    Axes
        The axis counts days.

    Raises
    ------
    ConfigurationError
        For an `as_of` that is no date.

    Examples
    --------
    >>> from pcnotebooks import summary_frame, sample_payload
    >>> ax = plot_payment_recency(summary_frame(sample_payload()), as_of="2018-03-16")
    >>> ax.get_title(loc="left").replace("\N{NO-BREAK SPACE}", " ")
    'Last payment 439 days ago; 3 of 4 never paid'
    """
    require_frame(frame, TOTALS_COLUMNS)
    recency = recency_of(frame, as_of=as_of)
    view = recency_view(recency, as_of=as_of) if len(recency) else None
    with _axes(ax, rows=len(view.lanes) if view else 0) as axes:
        if view is None:
            return _nothing(axes)
        for start, end, colour in view.bands:
            axes.axvspan(start, end, color=colour, linewidth=0)
        for place, (_, marks) in enumerate(view.lanes):
            for mark in marks:
                _payment_mark(axes, mark, place, beside=view.beside, last=view.last)
        axes.set_xlim(view.ends)
        axes.set_xticks(view.ticks)
        _name_lanes(axes, [label for label, _ in view.lanes])
        axes.set_xlabel(RECENCY_UNIT, loc="left", fontsize=8)
        _title(axes, view.title)
        _foot(axes, view.foot)
    return axes


def plot_balance_trend(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how the balance in one currency went from payload to payload.

    A balance stands until the next payload, so the line goes in steps. Payments are marked
    below, and a movement that no payment or invoice explains on the step itself.

    Parameters
    ----------
    frame
        As :func:`summary_frame` or :func:`totals_frame` returns it of several payloads, in one
        currency.
    ax
        Axes to draw on, best of a figure with ``layout="constrained"``; a new pyplot figure
        unless given.

    Returns
    -------
    Axes
        Days (UTC) across; units, thousands or millions of the currency upwards.

    Raises
    ------
    ConfigurationError
        For several currencies: they share no scale.

    Examples
    --------
    >>> from pcnotebooks import sample_history, select, totals_frame
    >>> frame = select(totals_frame(*sample_history()), currency="JPY")
    >>> len(plot_balance_trend(frame).lines[0].get_xdata())
    24
    """
    _refuse_several(frame, "plot_balance_trend")
    with _axes(ax, rows=_rows(plot_balance_trend, frame)) as axes:
        if frame.empty:
            return _nothing(axes)
        view = trend_view(frame)
        for line in view.lines:
            x, y, colour = line.moments, line.heights, line.colour
            axes.plot(x, y, drawstyle="steps-post", color=colour, linewidth=1.6)
            axes.plot(x[-1], y[-1], "o", color=colour, markersize=5)
        _mark_unexplained(axes, view)
        axes.axhline(0, color=MUTED, linewidth=0.8)
        axes.margins(x=0.02, y=0.12)
        _payment_ticks(axes, view)
        _label_ends(axes, view)
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.xaxis.set_major_locator(AutoDateLocator(minticks=3, maxticks=8))
        axes.xaxis.set_major_formatter(_Dates())
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_tick(value)))
        axes.tick_params(axis="y", labelsize=8.5, labelcolor=MUTED)
        axes.set_ylabel(view.unit, loc="top", fontsize=8)
        _title(axes, view.title)
        _foot(axes, view.foot, below=-22)
    return axes


def plot_panels(frame: pd.DataFrame, plot: Callable[..., Axes] = plot_balances) -> Figure:
    """Draw one axis a currency, below each other, each with a scale of its own.

    Parameters
    ----------
    frame
        As `plot` takes it, in any number of currencies.
    plot
        :func:`plot_balances` or :func:`plot_balance_trend`, or a function called like them.

    Returns
    -------
    Figure
        Not one of pyplot's, so a cell that ends with it shows it once.

    Examples
    --------
    >>> from pcnotebooks import summary_frame, sample_payload
    >>> len(plot_panels(summary_frame(sample_payload())).axes)
    3
    """
    _teach_figures_to_kernel()
    frames = [rows for _, rows in frame.groupby("currency", observed=True, sort=True)] or [frame]
    heights = [_height(_rows(plot, rows)) + 0.2 for rows in frames]
    figure = Figure(figsize=(_WIDTH, sum(heights)), layout=ConstrainedLayoutEngine(h_pad=0.12))
    grid = figure.add_gridspec(len(frames), height_ratios=heights)
    for place, rows in enumerate(frames):
        with mpl.rc_context(_RC):
            ax = figure.add_subplot(grid[place])
        plot(rows, ax=ax)
    return figure


@contextmanager
def _any_letters() -> Iterator[None]:
    """Be quiet about letters that matplotlib's font lacks: the reader's draws them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def to_svg(figure: Figure, *, prefix: str, title: str, description: str) -> str:
    """Return a figure as an inline SVG element that a page can name, recolour and search.

    Text stays text in the page's own font, ids begin with `prefix` so that several charts fit on
    a page, colours are CSS variables (``--pcn-recurring`` ...) that fall back to the chart's own,
    and two runs are equal.
    """
    buffer = io.BytesIO()
    with (
        mpl.rc_context({**_RC, "svg.fonttype": "none", "svg.hashsalt": prefix}),
        _any_letters(),
    ):
        figure.savefig(
            buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    svg = buffer.getvalue().decode("utf-8").rstrip()
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = svg[svg.index(">", svg.index("<svg")) + 1 :]
    svg = slim(svg.removesuffix("</svg>"), prefix=prefix, colours=VARIABLES)
    width, height = (float(inches) * 72 for inches in figure.get_size_inches())
    return element(svg, prefix=prefix, title=title, description=description, size=(width, height))


def _refuse_several(frame: pd.DataFrame, function: str) -> None:
    require_frame(frame, TOTALS_COLUMNS)
    currencies = sorted(set(frame["currency"]))
    if len(currencies) > 1:
        raise ConfigurationError(
            f"{function} draws one currency, and the frame has {', '.join(currencies)}.",
            remedy=f'Choose one with select(frame, currency="{currencies[0]}"), or draw each on'
            " an axis of its own with plot_panels(frame).",
        )


def _height(rows: int) -> float:
    return 1.0 + 0.4 * rows


def _rows(plot: Callable[..., Axes], frame: pd.DataFrame) -> int:
    """Return how many lanes high a chart is; a trend as five, or two for each line's end."""
    if plot is plot_balance_trend:
        return max(5, 2 * len(owners_of(frame)))
    return len(lanes_of(latest(frame), by_currency=plot is plot_payment_recency))


@contextmanager
def _axes(ax: Axes | None, *, rows: int) -> Iterator[Axes]:
    """Give the axes to draw on in the package's style, and leave no text to mathematics."""
    with mpl.rc_context(_RC):
        if ax is None:
            # Only pyplot's figures are shown in a cell; it is imported where it is needed.
            import matplotlib.pyplot as plt  # noqa: PLC0415

            _, ax = plt.subplots(figsize=(_WIDTH, _height(rows)), layout="constrained")
        ax.set_axisbelow(True)
        ax.spines[:].set_visible(False)
        yield ax
        for text in ax.findobj(Text):
            text.set_parse_math(False)


def _teach_figures_to_kernel() -> None:
    """Have a running kernel show figures as pictures: pyplot's backend teaches it when loaded."""
    if "IPython" in sys.modules:
        import matplotlib.pyplot as plt  # noqa: PLC0415

        plt.close(plt.figure())


def _nothing(ax: Axes) -> Axes:
    ax.set_axis_off()
    ax.text(0, 0.5, "No rows: none are stated, or none fit.", transform=ax.transAxes, color=MUTED)
    return ax


class _Dates(Formatter):
    """Writes an axis of days: months by name, the year where one begins."""

    def __call__(self, value: float, pos: int | None = None) -> str:  # noqa: ARG002  as called
        return self.format_ticks([value])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the labels of all ticks, which together say what each leaves out."""
        return format_ticks_of_time([num2date(value) for value in values])


def _name_lanes(ax: Axes, labels: Sequence[str]) -> None:
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)


def _room(ax: Axes) -> float:
    """Return about how many characters of a label fit across the axes."""
    figure = ax.get_figure(root=True)
    return _CHARACTERS * ax.get_position().width * (figure.get_figwidth() if figure else _WIDTH)


def _title(ax: Axes, text: str) -> None:
    """Write the finding above, in lines that a narrow chart has room for."""
    ax.set_title(textwrap.fill(text, max(24, int(0.8 * _room(ax)))))


def _limits(ax: Axes, lengths: Sequence[float], labels: Sequence[str]) -> tuple[float, float]:
    """Return how far the axis reaches, so that every label has room behind its bar."""
    room = _room(ax)
    left = 1.06 * min(0.0, *lengths)
    reach = [
        (max(length, 0.0) - left) / max(0.2, 1 - (len(label) + 2) / room)
        for length, label in zip(lengths, labels, strict=True)
    ]
    return left, left + (max(reach) or 1.0)


def _label(ax: Axes, x: float, y: float, text: str, *, left: bool = False) -> None:
    ax.annotate(
        text,
        (x, y),
        fontsize=9,
        xytext=(-8 if left else 8, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
    )


def _payment_mark(ax: Axes, mark: Mark, place: int, *, beside: float, last: float) -> None:
    """Mark a last payment in its lane, in words and by a shape of its own."""
    if mark.days is None:
        outline = "solid" if mark.status == "never paid" else "dotted"
        ax.scatter([beside], [place], s=64, facecolors="none", edgecolors=TEXT, linestyles=outline)
        _label(ax, 0, place, mark.words[0])
        return
    ax.scatter([mark.days], [place], s=64, color=TEXT, marker=">" if mark.older else "o")
    # On the side with more room, with as many words as it has.
    left = mark.days > last / 2
    room = _room(ax) * max(mark.days, last - mark.days) / last
    text, *more = mark.words
    for word in more:
        if len(text) + len(word) + 3 <= room:
            text += f" · {word}"
    _label(ax, mark.days, place, text, left=left)


def _mark_unexplained(ax: Axes, view: TrendView) -> None:
    """Mark each unexplained step, and write the word beside the newest."""
    for moment, before, after in view.unexplained:
        ax.vlines(moment, before, after, color=ATTENTION, linewidth=2.4)
    for moment, before, after in view.unexplained[-1:]:
        ax.annotate(
            "unexplained",
            (moment, (before + after) / 2),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=ATTENTION,
            bbox={"facecolor": PAGE, "edgecolor": "none", "pad": 1.5},
        )


def _payment_ticks(ax: Axes, view: TrendView) -> None:
    """Mark payments below, on the day they were made."""
    if not view.payments:
        return
    bottom, top = ax.get_ylim()
    ax.set_ylim(bottom - 0.16 * (top - bottom), top)
    low = ax.get_xaxis_transform()
    days: Any = [day for day, _ in view.payments]
    ax.plot(days, [0.05] * len(days), "|", color=TEXT, markersize=7, transform=low)
    ax.annotate(
        "payments", (0, 0.05), xycoords="axes fraction", xytext=(-4, 0),
        textcoords="offset points", ha="right", va="center", fontsize=8, color=MUTED,
    )  # fmt: skip
    for day, words in view.payments:
        if words:
            ax.text(
                day, 0.09, words, transform=low, ha="center", va="bottom", fontsize=7.5, color=MUTED
            )


def _label_ends(ax: Axes, view: TrendView) -> None:
    """Write what each line ends at beside the axes, one below the other."""
    bottom, top = ax.get_ylim()
    gap = 0.85 / max(5, 2 * len(view.lines)) * (top - bottom)
    height = float("-inf")
    for line in sorted(view.lines, key=lambda line: line.heights[-1]):
        height = max(line.heights[-1], height + gap)
        ax.annotate(
            line.words,
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=line.colour,
            annotation_clip=False,
        )


def _foot(ax: Axes, foot: Foot, *, below: float = -31) -> None:
    """Say below the chart where the figures come from and of when they are."""
    figure = ax.get_figure(root=True)
    width = int(_CHARACTERS * (figure.get_figwidth() if figure else _WIDTH))
    ax.annotate(
        textwrap.fill(foot.words, width),
        (0, 0),
        xycoords="axes fraction",
        xytext=(0, below),
        textcoords="offset points",
        va="top",
        fontsize=8,
        color=foot.colour,
        fontweight="bold" if foot.bold else "normal",
    )
