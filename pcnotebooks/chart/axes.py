"""Draw charts with matplotlib; plot functions draw, label and return, but never show or save.

Texts are never parsed as mathematics, which would set the words between two dollar signs in
italics.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotParams
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from pcnotebooks.chart.ground import colours_on
from pcnotebooks.chart.lanes import draw_balances, draw_recency
from pcnotebooks.chart.pen import LABEL, LANE, SMALL, TICK, TITLE, Pen
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
    RecencyChart,
    balances_chart,
    recency_chart,
)
from pcnotebooks.overview.trend import Span, TrendChart, span_of, trend_chart

_WIDTH = 7.2  # inches


def plot_balances(
    frame: pd.DataFrame,
    *,
    ax: Axes | None = None,
    theme: str = "auto",
    title: str | None = None,
) -> Axes:
    r"""Draw the balances in one currency, a bar for each invoice type, the largest first.

    The latest payload of each partner and cloud is drawn. Credits extend to the left of zero.
    Long names are shortened by the words that they have in common.

    Parameters
    ----------
    frame
        As :func:`summary_frame` returns it, in one currency.
    ax
        Axes to draw on; a new pyplot figure unless given.
    theme
        ``"light"`` or ``"dark"``; ``"auto"`` follows the background of the figure.
    title
        A title in place of the main result.

    Returns
    -------
    Axes
        The bars are in units of the currency. No axis is shown, as each bar has its amount.

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
    return _draw(_balances_of(frame), ax, theme, title)


def plot_payment_recency(
    frame: pd.DataFrame,
    *,
    as_of: AsOf | None = None,
    ax: Axes | None = None,
    theme: str = "auto",
    title: str | None = None,
) -> Axes:
    r"""Draw the days since the last payment, a lane for each currency and invoice type.

    The latest payload of each partner and cloud is drawn. The axis always has 0 to 120 days, so
    that charts can be compared; older payments are at its end. *Never paid* has a hollow mark and
    *not stated* a dotted one, to the left of the days.

    Parameters
    ----------
    frame
        As :func:`summary_frame` or :func:`totals_frame` returns it; any number of currencies.
    as_of
        Day from which the days are counted, in UTC; each row's ``retrieved_at`` unless given.
    ax
        Axes to draw on; a new pyplot figure unless given.
    theme
        ``"light"`` or ``"dark"``; ``"auto"`` follows the background of the figure.
    title
        A title in place of the main result.

    Returns
    -------
    Axes
        The axis is in days.

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
    return _draw(_recency_of(frame, as_of=as_of), ax, theme, title)


def plot_balance_trend(
    frame: pd.DataFrame,
    *,
    ax: Axes | None = None,
    theme: str = "auto",
    title: str | None = None,
) -> Axes:
    """Draw the balance in one currency over time.

    A balance holds until the next payload, so the line has steps. Payments are marked below in
    the colour of their partner, the largest with its amount. A movement that no payment or
    invoice explains is marked next to its step.

    Parameters
    ----------
    frame
        As :func:`summary_frame` or :func:`totals_frame` returns it of several payloads, in one
        currency.
    ax
        Axes to draw on; a new pyplot figure unless given.
    theme
        ``"light"`` or ``"dark"``; ``"auto"`` follows the background of the figure.
    title
        A title in place of the main result.

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
    return _draw(_trend_of(frame), ax, theme, title)


def plot_ageing(
    frame: pd.DataFrame,
    *,
    as_of: AsOf | None = None,
    terms_days: int = 60,
    ax: Axes | None = None,
    theme: str = "auto",
    title: str | None = None,
) -> Axes:
    r"""Draw the open amounts by age in one currency, a stacked bar for each partner and cloud.

    The latest list of invoices of each partner and cloud is drawn. Credits extend to the left of
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
        Axes to draw on; a new pyplot figure unless given.
    theme
        ``"light"`` or ``"dark"``; ``"auto"`` follows the background of the figure.
    title
        A title in place of the main result.

    Returns
    -------
    Axes
        The axis is in units, thousands or millions of the currency, as its label says.

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
    return _draw(_ageing_of(frame, as_of=as_of, terms_days=terms_days), ax, theme, title)


def plot_panels(
    frame: pd.DataFrame,
    plot: Callable[..., Axes] = plot_balances,
    *,
    theme: str = "auto",
    title: str | None = None,
) -> Figure:
    """Draw one panel for each currency, below each other, each with a separate scale.

    Trends share the time axis.

    Parameters
    ----------
    frame
        As `plot` takes it, in any number of currencies.
    plot
        A plot function of this package, or a function called like them.
    theme
        ``"light"`` or ``"dark"``; ``"auto"`` follows the style's ``figure.facecolor``. It
        applies only to the plot functions of this package.
    title
        Words above all panels.

    Returns
    -------
    Figure
        It is not registered with pyplot, so a cell that ends with it shows it once.

    Examples
    --------
    >>> from pcnotebooks import summary_frame, sample_payload
    >>> len(plot_panels(summary_frame(sample_payload())).axes)
    3
    """
    _teach_figures_to_kernel()
    frames = [rows for _, rows in frame.groupby("currency", observed=True, sort=True)] or [frame]
    # A custom function gets the height of a chart of balances.
    model = _MODELS.get(plot, _balances_of)
    options = {"span": _span_of(frame)} if plot is plot_balance_trend else {}
    charts = [model(rows, **options) for rows in frames]
    heights = [_height(chart) + 0.2 * _scale() for chart in charts]
    above = 0.4 * _scale() if title else 0.0
    figure = Figure(
        figsize=(_WIDTH * _scale(), sum(heights) + above),
        layout=ConstrainedLayoutEngine(h_pad=0.12),
    )
    colours = colours_on(figure, theme, own=True)
    if title:
        size = 1.2 * TITLE * _scale()
        words = figure.suptitle(
            title, x=0.01, ha="left", fontsize=size, fontweight="bold", color=colours["text"]
        )
        words.set_parse_math(False)
    grid = figure.add_gridspec(len(frames), height_ratios=heights)
    for place, (rows, chart) in enumerate(zip(frames, charts, strict=True)):
        ax = figure.add_subplot(grid[place])
        if plot in _MODELS:
            _draw(chart, ax, theme, fitted=True)
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


def _trend_of(frame: pd.DataFrame, *, span: Span | None = None) -> TrendChart | None:
    _refuse_several(frame, "plot_balance_trend")
    changes = changes_of(frame, exact=frame["balance_amount"].dtype == object)
    rows = list(rows_of(frame))
    return trend_chart(rows, list(rows_of(changes)), span=span) if rows else None


def _span_of(frame: pd.DataFrame) -> Span | None:
    require_frame(frame, TOTALS_COLUMNS)
    return span_of(rows_of(frame), list(rows_of(changes_of(frame)))) if len(frame) else None


def _ageing_of(
    frame: pd.DataFrame, *, as_of: AsOf | None = None, terms_days: int = 60
) -> AgeingChart | None:
    _refuse_several(frame, "plot_ageing", INVOICE_COLUMNS)
    rows = list(rows_of(age(frame, as_of=as_of, terms_days=terms_days)))
    return ageing_chart(rows, terms_days=terms_days, as_of=as_of) if rows else None


_MODELS: dict[Callable[..., Axes], Callable[..., Chart | None]] = {
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
            remedy=f'Choose one with select(frame, currency="{currencies[0]}"), or draw each in'
            " a separate panel with plot_panels(frame).",
        )


def _teach_figures_to_kernel() -> None:
    """Make a running kernel show figures as pictures: loading pyplot's backend sets this up."""
    if "IPython" in sys.modules:
        import matplotlib.pyplot as plt  # noqa: PLC0415

        plt.close(plt.figure())


def _height(chart: Chart | None) -> float:
    around = 1.0 if chart is None or chart.unit else 0.8  # title, foot, and the axis if any
    return (around + 0.4 * (chart.rows if chart else 0)) * _scale()


def _scale() -> float:
    """Return the user's font size in relation to matplotlib's default of ten points."""
    return float(mpl.rcParams["font.size"]) / 10


def _draw(
    chart: Chart | None,
    ax: Axes | None,
    theme: str = "auto",
    title: str | None = None,
    *,
    fitted: bool = False,
) -> Axes:
    """Draw a chart, or the sentence that there are no rows, without parsing mathematics.

    Fitted axes are as high as the chart needs.
    """
    own = ax is None
    if ax is None:
        # Only pyplot's figures are shown in a cell; pyplot is imported only if needed.
        import matplotlib.pyplot as plt  # noqa: PLC0415

        size = (_WIDTH * _scale(), _height(chart))
        _, ax = plt.subplots(figsize=size, layout="constrained")
    figure: Any = ax.get_figure(root=True)
    pen = Pen(ax, colours_on(figure, theme, own=own), _scale(), fitted=own or fitted)
    _make_room(figure)
    # Axes look the same in any style.
    ax.set(facecolor="none", axisbelow=True)
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    ax.tick_params(length=0, labelsize=TICK * pen.scale, labelcolor=pen.colours["muted"])
    with mpl.rc_context({"text.parse_math": False}):
        if isinstance(chart, BalancesChart):
            _finish(pen, chart, draw_balances(pen, chart), title, own=own)
        elif isinstance(chart, RecencyChart):
            _finish(pen, chart, draw_recency(pen, chart), title, own=own)
        elif isinstance(chart, TrendChart):
            _finish(pen, chart, draw_trend(pen, chart), title, own=own)
        elif isinstance(chart, AgeingChart):
            room, above = draw_stacks(pen, chart)
            _finish(pen, chart, room, title, own=own, above=above)
        else:
            ax.set_axis_off()
            words = "No rows: none are stated, or none match."
            pen.write(words, (0, 0.5), LABEL, "muted", xycoords="axes fraction", label=words)
        for text in ax.findobj(Text):
            text.set_parse_math(False)
    return ax


def _make_room(figure: Figure) -> None:
    """Fit the margins to the texts around axes, unless the user has chosen margins."""
    chosen, usual = figure.subplotpars, SubplotParams()
    same = all(
        getattr(chosen, side) == getattr(usual, side) for side in ("left", "right", "bottom", "top")
    )
    placed = all(ax.get_subplotspec() is not None for ax in figure.axes)
    if figure.get_layout_engine() is None and same and placed:
        figure.set_layout_engine("tight")  # the user may still call tight_layout()


def _finish(
    pen: Pen, chart: Chart, room: float, title: str | None, *, own: bool, above: float = 0.0
) -> None:
    """Write the finding above the axes, and the source of the figures and their time below.

    If the figure was created here, it grows to fit further lines and a key above.
    """
    finding = pen.wrapped(chart.title if title is None else title, room, TITLE, bold=True)
    size = TITLE * min(1.0, room / max(pen.width(finding, TITLE, bold=True), 1.0))
    pen.ax.set_title(
        finding,
        loc="left",
        pad=10 * pen.scale + above,
        fontsize=size * pen.scale,
        fontweight="bold",
        color=pen.colours["text"],
    )
    foot = chart.foot
    below = 22 if isinstance(chart, TrendChart) else 33 if chart.unit else 8
    words = f"{chart.note} · {foot.words}" if chart.note else foot.words
    source = pen.wrapped(words, room, SMALL, bold=foot.bold)
    if own:
        lines = 1.2 * (TITLE * finding.count("\n") + SMALL * source.count("\n"))
        # Lanes in addition to those of the stacks are room for the key.
        spare = LANE * (chart.rows - len(chart.stacks)) if isinstance(chart, AgeingChart) else 0.0
        more = lines * pen.scale + max(above - spare * pen.scale, 0.0)
        figure: Any = pen.ax.get_figure(root=True)
        figure.set_figheight(figure.get_figheight() + more / 72)
    pen.write(
        source,
        (0, 0),
        SMALL,
        foot.colour,
        xycoords="axes fraction",
        by=(0, -below),
        va="top",
        fontweight="bold" if foot.bold else "normal",
        # The label moves with the axes, even through pickle, and goes when they are cleared.
        label=chart.description,
    )
