"""Charts drawn by matplotlib: they draw, label and return; they never show, save or close.

No text in them is read as mathematics: two dollar signs would otherwise set the words between them
in italics.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.measures import with_recency
from pcnotebooks.frame.schema import TOTALS_COLUMNS
from pcnotebooks.frame.selection import AsOf, latest, require_frame
from pcnotebooks.overview.charts import (
    BalancesChart,
    Chart,
    Mark,
    RecencyChart,
    TrendChart,
    balances_chart,
    recency_chart,
    trend_chart,
)
from pcnotebooks.overview.palette import PALETTE

_WIDTH = 7.2
_CHARACTERS = 12.5  # of a label, about as many as fit on an inch of axes
_COLOURS = {name: light for name, (light, _) in PALETTE.items()}
_RC: Any = {
    "text.parse_math": False,
    "font.size": 9.5,
    "font.family": ["sans-serif"],
    "text.color": _COLOURS["text"],
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelcolor": _COLOURS["muted"],
    "axes.edgecolor": _COLOURS["rule"],
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.spines.bottom": False,
    "xtick.color": _COLOURS["muted"],
    "ytick.color": _COLOURS["text"],
    "xtick.labelsize": 8.5,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
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
    return _draw(_balances_of(frame), ax)


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
    return _draw(_recency_of(frame, as_of=as_of), ax)


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
    return _draw(_trend_of(frame), ax)


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
    # A function of the user's own gets the height of a chart of balances.
    model = _MODELS.get(plot, _balances_of)
    charts = [model(rows) for rows in frames]
    heights = [_height(chart) + 0.2 for chart in charts]
    figure = Figure(figsize=(_WIDTH, sum(heights)), layout=ConstrainedLayoutEngine(h_pad=0.12))
    grid = figure.add_gridspec(len(frames), height_ratios=heights)
    for place, (rows, chart) in enumerate(zip(frames, charts, strict=True)):
        with mpl.rc_context(_RC):
            ax = figure.add_subplot(grid[place])
        if plot in _MODELS:
            _draw(chart, ax)
        else:
            plot(rows, ax=ax)
    return figure


def _balances_of(frame: pd.DataFrame) -> BalancesChart | None:
    _refuse_several(frame, "plot_balances")
    return balances_chart(frame) if len(frame) else None


def _recency_of(frame: pd.DataFrame, *, as_of: AsOf | None = None) -> RecencyChart | None:
    require_frame(frame, TOTALS_COLUMNS)
    recency = with_recency(latest(frame), as_of=as_of)
    return recency_chart(recency, as_of=as_of) if len(recency) else None


def _trend_of(frame: pd.DataFrame) -> TrendChart | None:
    _refuse_several(frame, "plot_balance_trend")
    return trend_chart(frame) if len(frame) else None


_MODELS: dict[Callable[..., Axes], Callable[[pd.DataFrame], Chart | None]] = {
    plot_balances: _balances_of,
    plot_payment_recency: _recency_of,
    plot_balance_trend: _trend_of,
}


def _refuse_several(frame: pd.DataFrame, function: str) -> None:
    require_frame(frame, TOTALS_COLUMNS)
    currencies = sorted(set(frame["currency"]))
    if len(currencies) > 1:
        raise ConfigurationError(
            f"{function} draws one currency, and the frame has {', '.join(currencies)}.",
            remedy=f'Choose one with select(frame, currency="{currencies[0]}"), or draw each on'
            " an axis of its own with plot_panels(frame).",
        )


def _teach_figures_to_kernel() -> None:
    """Have a running kernel show figures as pictures: pyplot's backend teaches it when loaded."""
    if "IPython" in sys.modules:
        import matplotlib.pyplot as plt  # noqa: PLC0415

        plt.close(plt.figure())


def _height(chart: Chart | None) -> float:
    return 1.0 + 0.4 * (chart.rows if chart else 0)


def _draw(chart: Chart | None, ax: Axes | None) -> Axes:
    """Draw a chart, or that there are no rows, and leave no text to mathematics."""
    with mpl.rc_context(_RC):
        if ax is None:
            # Only pyplot's figures are shown in a cell; it is imported where it is needed.
            import matplotlib.pyplot as plt  # noqa: PLC0415

            _, ax = plt.subplots(figsize=(_WIDTH, _height(chart)), layout="constrained")
        ax.set_axisbelow(True)
        ax.spines[:].set_visible(False)
        if isinstance(chart, BalancesChart):
            _balances(ax, chart)
        elif isinstance(chart, RecencyChart):
            _recency(ax, chart)
        elif isinstance(chart, TrendChart):
            _trend(ax, chart)
        else:
            ax.set_axis_off()
            words = "No rows: none are stated, or none fit."
            ax.text(0, 0.5, words, transform=ax.transAxes, color=_COLOURS["muted"], label=words)
        if chart:
            ax.set_title(textwrap.fill(chart.title, max(24, int(0.8 * _room(ax)))))
            _foot(ax, chart)
        for text in ax.findobj(Text):
            text.set_parse_math(False)
    return ax


def _balances(ax: Axes, chart: BalancesChart) -> None:
    lengths, colours = [bar.length for bar in chart.bars], [_COLOURS[b.colour] for b in chart.bars]
    ax.barh(range(chart.rows), lengths, height=0.56, color=colours)
    for place, bar in enumerate(chart.bars):
        # The bar of a credit reaches to the left, so its lane is free on the right.
        _label(ax, max(bar.length, 0.0), place, bar.words)
    ax.axvline(0, color=_COLOURS["muted"], linewidth=0.8)
    _name_lanes(ax, [bar.label for bar in chart.bars])
    ax.set_xticks(*zip(*chart.axis.ticks, strict=True))
    ax.set_xlim(_limits(ax, chart))
    ax.grid(axis="x", color=_COLOURS["rule"], linewidth=0.6)
    ax.set_xlabel(chart.unit, loc="left", fontsize=8)


def _limits(ax: Axes, chart: BalancesChart) -> tuple[float, float]:
    """Return how far the axis reaches, so that every label has room behind its bar."""
    room = _room(ax)
    left = 1.06 * chart.axis.first
    reach = [
        (max(bar.length, 0.0) - left) / max(0.2, 1 - (len(bar.words) + 2) / room)
        for bar in chart.bars
    ]
    return left, left + (max(reach) or 1.0)


def _recency(ax: Axes, chart: RecencyChart) -> None:
    for start, end, colour in chart.bands:
        ax.axvspan(start, end, color=_COLOURS[colour], linewidth=0)
    for place, (_, marks) in enumerate(chart.lanes):
        for mark in marks:
            _payment_mark(ax, chart, mark, place)
    _name_lanes(ax, [label for label, _ in chart.lanes])
    ax.set_xticks(*zip(*chart.axis.ticks, strict=True))
    ax.set_xlim(chart.axis.first, chart.axis.last)
    ax.set_xlabel(chart.unit, loc="left", fontsize=8)


def _payment_mark(ax: Axes, chart: RecencyChart, mark: Mark, place: int) -> None:
    """Mark a last payment in its lane, in words and by a shape of its own."""
    text, *more = mark.words
    if mark.days is None:
        outline = "solid" if mark.status == "never paid" else "dotted"
        ax.scatter(
            [chart.no_day], [place], s=64, facecolors="none", edgecolors=_COLOURS["text"],
            linestyles=outline,
        )  # fmt: skip
        _label(ax, 0, place, text)
        return
    marker = ">" if mark.older else "o"
    ax.scatter([mark.days], [place], s=64, color=_COLOURS["text"], marker=marker)
    low, high = chart.axis.first, chart.axis.last
    share = (mark.days - low if mark.words_first else high - mark.days) / (high - low)
    for word in more:
        if len(text) + len(word) + 3 <= share * _room(ax):
            text += f" · {word}"
    _label(ax, mark.days, place, text, left=mark.words_first)


def _trend(ax: Axes, chart: TrendChart) -> None:
    for line in chart.lines:
        x: Any = line.moments
        colour = _COLOURS[line.colour]
        ax.plot(x, line.heights, drawstyle="steps-post", color=colour, linewidth=1.6)
        ax.plot(x[-1], line.heights[-1], "o", color=colour, markersize=5)
    _mark_unexplained(ax, chart)
    ax.axhline(0, color=_COLOURS["muted"], linewidth=0.8)
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
    _payment_ticks(ax, chart)
    _label_ends(ax, chart)
    ax.grid(axis="y", color=_COLOURS["rule"], linewidth=0.6)
    ax.tick_params(axis="y", labelsize=8.5, labelcolor=_COLOURS["muted"])
    ax.set_ylabel(chart.unit, loc="top", fontsize=8)


def _name_lanes(ax: Axes, labels: Sequence[str]) -> None:
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)


def _room(ax: Axes) -> float:
    """Return about how many characters of a label fit across the axes."""
    figure = ax.get_figure(root=True)
    return _CHARACTERS * ax.get_position().width * (figure.get_figwidth() if figure else _WIDTH)


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


def _mark_unexplained(ax: Axes, chart: TrendChart) -> None:
    """Mark each unexplained step, and write the word beside the newest."""
    for moment, before, after in chart.unexplained:
        ax.vlines(moment, before, after, color=_COLOURS["attention"], linewidth=2.4)
    for moment, before, after in chart.unexplained[-1:]:
        ax.annotate(
            "unexplained",
            (moment, (before + after) / 2),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=_COLOURS["attention"],
            bbox={"facecolor": _COLOURS["page"], "edgecolor": "none", "pad": 1.5},
        )


def _payment_ticks(ax: Axes, chart: TrendChart) -> None:
    """Mark payments below, on the day they were made."""
    if not chart.payments:
        return
    low = ax.get_xaxis_transform()
    days: Any = [day for day, _ in chart.payments]
    ax.plot(days, [0.05] * len(days), "|", color=_COLOURS["text"], markersize=7, transform=low)
    ax.annotate(
        "payments", (0, 0.05), xycoords="axes fraction", xytext=(-4, 0),
        textcoords="offset points", ha="right", va="center", fontsize=8, color=_COLOURS["muted"],
    )  # fmt: skip
    for day, words in chart.payments:
        if words:
            ax.text(
                day,
                0.09,
                words,
                transform=low,
                ha="center",
                va="bottom",
                fontsize=7.5,
                color=_COLOURS["muted"],
            )


def _label_ends(ax: Axes, chart: TrendChart) -> None:
    """Write what each line ends at beside the axes, one below the other."""
    bottom, top = ax.get_ylim()
    gap = 0.85 / chart.rows * (top - bottom)
    height = float("-inf")
    for line in chart.ends:
        height = max(line.heights[-1], height + gap)
        ax.annotate(
            line.words,
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=_COLOURS[line.colour],
            annotation_clip=False,
        )


def _foot(ax: Axes, chart: Chart) -> None:
    """Say below the chart where the figures come from and of when they are."""
    figure = ax.get_figure(root=True)
    width = int(_CHARACTERS * (figure.get_figwidth() if figure else _WIDTH))
    ax.annotate(
        textwrap.fill(chart.foot.words, width),
        (0, 0),
        xycoords="axes fraction",
        # A trend has no unit below its axis.
        xytext=(0, -22 if isinstance(chart, TrendChart) else -31),
        textcoords="offset points",
        va="top",
        fontsize=8,
        color=_COLOURS[chart.foot.colour],
        fontweight="bold" if chart.foot.bold else "normal",
        # Goes where the axes go, also through pickle, and away when they are cleared.
        label=chart.description,
    )
