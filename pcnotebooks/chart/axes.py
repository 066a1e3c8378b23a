"""Charts drawn by matplotlib: they draw, label and return; they never show, save or close.

No text in them is read as mathematics: two dollar signs would otherwise set the words between them
in italics.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from pcnotebooks.chart.pen import LABEL, SMALL, TICK, TITLE, VALUE, Pen
from pcnotebooks.chart.stacks import draw_stacks
from pcnotebooks.chart.trend import draw_trend
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.ageing import age
from pcnotebooks.frame.invoices import INVOICE_COLUMNS
from pcnotebooks.frame.measures import changes_of, with_recency
from pcnotebooks.frame.schema import TOTALS_COLUMNS
from pcnotebooks.frame.selection import AsOf, latest, require_frame, rows_of
from pcnotebooks.overview.ageing import AgeingChart, ageing_chart
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

_WIDTH = 7.2  # inches
_WIDEST = 0.45  # of the width: the names of lanes are written smaller rather than wider


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
        For an `as_of` that is not a date.

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


def plot_ageing(
    frame: pd.DataFrame,
    *,
    as_of: AsOf | None = None,
    terms_days: int = 60,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw what is open by age in one currency, a stacked bar for each partner and cloud.

    Takes the latest list of invoices of each partner and cloud. Credits reach to the left of
    zero, hatched. Due dates are computed from the invoice date and the terms.

    Parameters
    ----------
    frame
        As :func:`invoice_frame` returns it, in one currency.
    as_of
        Day on which the invoices are aged, in UTC; each row's ``retrieved_at`` unless given.
    terms_days
        Payment terms in days from the invoice date.
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
    >>> from pcnotebooks import invoice_frame, sample_payload, select
    >>> frame = select(invoice_frame(sample_payload("invoices")), currency="GBP")
    >>> title = plot_ageing(frame, as_of="2017-04-01").get_title(loc="left")
    >>> title.replace("\N{NO-BREAK SPACE}", " ")
    'GBP 23,606.35 overdue, the oldest by 10 days'
    """
    return _draw(_ageing_of(frame, as_of=as_of, terms_days=terms_days), ax)


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
    heights = [_height(chart) + 0.2 * _scale() for chart in charts]
    size = (_WIDTH * _scale(), sum(heights))
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.12))
    figure.set_facecolor(_colours(figure)["page"])
    grid = figure.add_gridspec(len(frames), height_ratios=heights)
    for place, (rows, chart) in enumerate(zip(frames, charts, strict=True)):
        ax = figure.add_subplot(grid[place])
        if plot in _MODELS:
            _draw(chart, ax)
        else:
            plot(rows, ax=ax)
    return figure


def _balances_of(frame: pd.DataFrame) -> BalancesChart | None:
    _refuse_several(frame, "plot_balances")
    rows = list(rows_of(latest(frame)))
    return balances_chart(rows) if rows else None


def _recency_of(frame: pd.DataFrame, *, as_of: AsOf | None = None) -> RecencyChart | None:
    require_frame(frame, TOTALS_COLUMNS)
    rows = list(rows_of(with_recency(latest(frame), as_of=as_of)))
    return recency_chart(rows, as_of=as_of) if rows else None


def _trend_of(frame: pd.DataFrame) -> TrendChart | None:
    _refuse_several(frame, "plot_balance_trend")
    rows, changes = list(rows_of(frame)), list(rows_of(changes_of(frame)))
    return trend_chart(rows, changes) if rows else None


def _ageing_of(
    frame: pd.DataFrame, *, as_of: AsOf | None = None, terms_days: int = 60
) -> AgeingChart | None:
    _refuse_several(frame, "plot_ageing", INVOICE_COLUMNS)
    rows = list(rows_of(age(frame, as_of=as_of, terms_days=terms_days)))
    return ageing_chart(rows, terms_days=terms_days, as_of=as_of) if rows else None


_MODELS: dict[Callable[..., Axes], Callable[[pd.DataFrame], Chart | None]] = {
    plot_balances: _balances_of,
    plot_payment_recency: _recency_of,
    plot_balance_trend: _trend_of,
    plot_ageing: _ageing_of,
}


def _refuse_several(
    frame: pd.DataFrame, function: str, columns: Sequence[str] = TOTALS_COLUMNS
) -> None:
    require_frame(frame, columns)
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
    return (1.0 + 0.4 * (chart.rows if chart else 0)) * _scale()


def _scale() -> float:
    """Return how large the user's letters are: ten points is matplotlib's own choice."""
    return float(mpl.rcParams["font.size"]) / 10


def _colours(figure: Any) -> dict[str, str]:
    """Return the palette for the ground of a figure; a transparent one is taken for light."""
    red, green, blue, opacity = to_rgba(figure.get_facecolor())
    dark = opacity > 0 and 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
    return {name: colours[dark] for name, colours in PALETTE.items()}


def _draw(chart: Chart | None, ax: Axes | None) -> Axes:
    """Draw a chart, or that there are no rows, and leave no text to mathematics."""
    if ax is None:
        # Only pyplot's figures are shown in a cell; it is imported where it is needed.
        import matplotlib.pyplot as plt  # noqa: PLC0415

        size = (_WIDTH * _scale(), _height(chart))
        figure, ax = plt.subplots(figsize=size, layout="constrained")
        # The style's own ground may be one on which neither palette can be read well.
        figure.set_facecolor(_colours(figure)["page"])
    pen = Pen(ax, _colours(ax.get_figure(root=True)), _scale())
    # Whatever style the axes were made in, they look the same.
    ax.set(facecolor="none", axisbelow=True)
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    ax.tick_params(length=0, labelsize=TICK * pen.scale, labelcolor=pen.colours["muted"])
    with mpl.rc_context({"text.parse_math": False}):
        if isinstance(chart, BalancesChart):
            _finish(pen, chart, _balances(pen, chart))
        elif isinstance(chart, RecencyChart):
            _finish(pen, chart, _recency(pen, chart))
        elif isinstance(chart, TrendChart):
            _finish(pen, chart, draw_trend(pen, chart))
        elif isinstance(chart, AgeingChart):
            room = _lanes(pen, chart, [stack.label for stack in chart.stacks])
            draw_stacks(pen, chart, room)
            _finish(pen, chart, room)
        else:
            ax.set_axis_off()
            words = "No rows: none are stated, or none fit."
            pen.write(words, (0, 0.5), LABEL, "muted", xycoords="axes fraction", label=words)
        for text in ax.findobj(Text):
            text.set_parse_math(False)
    return ax


def _finish(pen: Pen, chart: Chart, room: float) -> None:
    """Write the finding above, and below where the figures come from and of when they are."""
    pen.ax.set_title(
        pen.wrapped(chart.title, room, TITLE, bold=True),
        loc="left",
        pad=10 * pen.scale,
        fontsize=TITLE * pen.scale,
        fontweight="bold",
        color=pen.colours["text"],
    )
    foot, trend = chart.foot, isinstance(chart, TrendChart)
    pen.write(
        pen.wrapped(foot.words, room, SMALL, bold=foot.bold),
        (0, 0),
        SMALL,
        foot.colour,
        xycoords="axes fraction",
        by=(0, -22 if trend else -31),  # a trend has no unit below its axis
        va="top",
        fontweight="bold" if foot.bold else "normal",
        # Goes where the axes go, also through pickle, and away when they are cleared.
        label=chart.description,
    )


def _balances(pen: Pen, chart: BalancesChart) -> float:
    """Draw bars; return the width of the axes in points."""
    ax, lengths = pen.ax, [bar.length for bar in chart.bars]
    colours = [pen.colours[bar.colour] for bar in chart.bars]
    ax.barh(range(chart.rows), lengths, height=0.56, color=colours)
    for place, bar in enumerate(chart.bars):
        # The bar of a credit reaches to the left, so its lane is free on the right.
        pen.write(bar.words, (max(bar.length, 0.0), place), VALUE, by=(8, 0))
    ax.axvline(0, color=pen.colours["muted"], linewidth=0.8)
    room = _lanes(pen, chart, [bar.label for bar in chart.bars])
    # Every amount has room behind its bar.
    left = 1.06 * chart.axis.first
    reach = [
        (max(bar.length, 0.0) - left)
        / max(0.2, 1 - (pen.width(bar.words, VALUE) + 12 * pen.scale) / room)
        for bar in chart.bars
    ]
    ax.set_xlim(left, left + (max(reach) or 1.0))
    ax.grid(axis="x", color=pen.colours["rule"], linewidth=0.6)
    return room


def _lanes(
    pen: Pen, chart: BalancesChart | RecencyChart | AgeingChart, labels: Sequence[str]
) -> float:
    """Name the lanes and the axis below; return the width of the axes in points."""
    ax, widest, most = pen.ax, pen.width("\n".join(labels), LABEL), _WIDEST * pen.cell()
    size = LABEL * min(1.0, most / widest)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.tick_params(axis="y", labelsize=size * pen.scale, labelcolor=pen.colours["text"])
    ax.set_xticks(*zip(*chart.axis.ticks, strict=True))
    small, muted = SMALL * pen.scale, pen.colours["muted"]
    ax.set_xlabel(chart.unit, loc="left", fontsize=small, color=muted)
    return pen.room(min(widest, most))


def _recency(pen: Pen, chart: RecencyChart) -> float:
    """Draw last payments; return the width of the axes in points."""
    for start, end, colour in chart.bands:
        pen.ax.axvspan(start, end, color=pen.colours[colour], linewidth=0)
    room = _lanes(pen, chart, [label for label, _ in chart.lanes])
    for place, (_, marks) in enumerate(chart.lanes):
        for mark in marks:
            _payment_mark(pen, chart, mark, place, room)
    pen.ax.set_xlim(chart.axis.first, chart.axis.last)
    return room


def _payment_mark(pen: Pen, chart: RecencyChart, mark: Mark, place: int, room: float) -> None:
    """Mark a last payment in its lane, in words and by a shape of its own."""
    text, *more = mark.words
    colour, area = pen.colours["text"], 64 * pen.scale**2
    if mark.days is None:
        outline = "solid" if mark.status == "never paid" else "dotted"
        pen.ax.scatter(
            chart.no_day, place, s=area, facecolors="none", edgecolors=colour, linestyles=outline
        )
        pen.write(text, (0, place), VALUE, by=(8, 0))
        return
    pen.ax.scatter(mark.days, place, s=area, color=colour, marker=">" if mark.older else "o")
    low, high = chart.axis.first, chart.axis.last
    share = (mark.days - low if mark.words_first else high - mark.days) / (high - low)
    for word in more:
        if pen.width(f"{text} · {word}", VALUE) + 12 * pen.scale <= share * room:
            text += f" · {word}"
    side, by = ("right", -8) if mark.words_first else ("left", 8)
    pen.write(text, (mark.days, place), VALUE, by=(by, 0), ha=side)
