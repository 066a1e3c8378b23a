"""Frames drawn as charts: they draw, label and return; they never show, save or close.

Charts speak ISO codes, because the fonts that draw them lack many currency symbols, and no text
in them is read as mathematics: two dollar signs would otherwise set what stands between in italics.
"""

from __future__ import annotations

import io
import re
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from html import escape
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.dates import AutoDateLocator, num2date
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import Formatter, FuncFormatter, MaxNLocator

from pcnotebooks.amounts import (
    add_exactly,
    format_amount,
    format_day,
    format_days_ago,
    format_number,
    format_share,
    format_tick,
    format_ticks_of_time,
    to_decimal,
)
from pcnotebooks.clouds import SAMPLE, cloud_label
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frames import (
    NOT_STATED,
    ONE_TIME,
    RECURRING,
    TOTALS_COLUMNS,
    AsOf,
    as_of_day,
    changes_of,
    invoice_types,
    latest,
    recency_of,
    require_frame,
    rows_of,
)
from pcnotebooks.svg import slim

# Every colour by its name, on light and on dark ground. Charts are drawn in the light ones; a
# page that shows them as SVG finds the name in place of the colour and may give it another.
PALETTE = {
    "text": ("#1a1a1a", "#e8e8e8"),
    "muted": ("#5a5f66", "#a7adb5"),
    "rule": ("#d9dce1", "#3a3f46"),
    "page": ("#ffffff", "#14171a"),
    "recurring": ("#1b4f8a", "#5b9bd9"),
    "onetime": ("#b35c00", "#f5b57b"),
    "other-0": ("#0f766e", "#5cc8bd"),
    "other-1": ("#6d3fa0", "#c3a1ec"),
    "other-2": ("#9d174d", "#f29bc0"),
    "other-3": ("#4d5d00", "#c4d36b"),
    "band-0": ("#f2f6fb", "#1b232c"),
    "band-1": ("#e2ecf6", "#212e3c"),
    "band-2": ("#cfdff0", "#293b4e"),
    "band-3": ("#bad0e8", "#334a62"),
    "attention": ("#a4262c", "#ff8f8f"),
    "sample": ("#5b4b00", "#ffe9a3"),
    "sample-page": ("#fff4ce", "#3b3200"),
}
_LIGHT = {name: light for name, (light, _) in PALETTE.items()}
# What stands for each colour in a page.
_VARIABLES = {light: f"var(--pcn-{name}, {light})" for name, light in _LIGHT.items()}
TEXT, MUTED, RULE, PAGE = (_LIGHT[name] for name in ("text", "muted", "rule", "page"))
_BANDS = tuple(_LIGHT[f"band-{place}"] for place in range(4))
_OTHERS = tuple(_LIGHT[f"other-{place}"] for place in range(4))
_TYPE_COLOURS = {
    RECURRING: _LIGHT["recurring"],
    ONE_TIME: _LIGHT["onetime"],
    NOT_STATED: MUTED,
    "": MUTED,
}

# In which language's figures a chart is written; reports set it while they draw.
_LOCALE: ContextVar[str] = ContextVar("locale", default="en")

_WIDTH = 7.2
_LAST_DAY = 450  # of the axis of days; older payments stand there, with an arrow
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
        As :func:`invoice_frame` returns it, in one currency.
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
    >>> frame = select(invoice_frame(sample_payload()), currency="GBP")
    >>> plot_balances(frame).get_title(loc="left").replace("\N{NO-BREAK SPACE}", " ")
    'GBP 751,094.39 owed, 73 % OneTime'
    """
    currency = _one_currency(frame, "plot_balances")
    now = latest(frame)
    lanes = _lanes(now)
    amounts = [add_exactly(rows["balance_amount"]) for _, _, rows in lanes]
    with _axes(ax, rows=len(lanes)) as axes:
        if currency is None:
            return _nothing(axes)
        scale, unit = _scale(amounts, currency)
        lengths = [float(amount / scale) for amount in amounts]
        colours = [type_colour(name, now) for _, name, _ in lanes]
        axes.barh(range(len(lanes)), lengths, height=0.56, color=colours)
        labels = [_amount(amount, currency) for amount in amounts]
        for place, (length, label) in enumerate(zip(lengths, labels, strict=True)):
            # A credit's bar reaches to the left, so its lane is free on the right.
            _label(axes, max(length, 0.0), place, label)
        axes.set_xlim(_limits(axes, lengths, labels))
        axes.axvline(0, color=MUTED, linewidth=0.8)
        _name_lanes(axes, [label for label, _, _ in lanes])
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(_numbers())
        axes.grid(axis="x", color=RULE, linewidth=0.6)
        axes.set_xlabel(unit, loc="left", fontsize=8)
        _title(
            axes,
            balance_title(currency, add_exactly(amounts), parts_by_type(now), locale=_LOCALE.get()),
        )
        _foot(axes, now)
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
        As :func:`invoice_frame` or :func:`totals_frame` returns it; any number of currencies.
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
    >>> from pcnotebooks import invoice_frame, sample_payload
    >>> ax = plot_payment_recency(invoice_frame(sample_payload()), as_of="2018-03-16")
    >>> ax.get_title(loc="left").replace("\N{NO-BREAK SPACE}", " ")
    'Last payment 439 days ago; 3 of 4 never paid'
    """
    recency = recency_of(frame, as_of=as_of)
    lanes = _lanes(recency, by_currency=True)
    with _axes(ax, rows=len(lanes)) as axes:
        if not lanes:
            return _nothing(axes)
        days = recency["days_since_payment"].dropna().astype(int).tolist()
        last, first = min(max([100, *days]), _LAST_DAY), min([0, *days])
        reach = last - first
        for start, end, colour in zip((0, 30, 60, 90), (30, 60, 90, None), _BANDS, strict=True):
            axes.axvspan(start, last + 2 * reach if end is None else end, color=colour, linewidth=0)
        for place, (_, _, rows) in enumerate(lanes):
            for row in rows_of(rows):
                _payment_mark(axes, row, place, beside=first - 0.035 * reach, last=last)
        axes.set_xlim(first - 0.07 * reach, last + 0.08 * reach)
        axes.set_xticks([0, 30, 60, 90, *([last] if 120 < last < _LAST_DAY else [])])
        _name_lanes(axes, [label for label, _, _ in lanes])
        axes.set_xlabel("days since the last payment", loc="left", fontsize=8)
        _title(axes, _recency_title(recency))
        _foot(axes, recency, as_of=as_of)
    return axes


def plot_balance_trend(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how the balance in one currency went from payload to payload.

    A balance stands until the next payload, so the line goes in steps. Payments are marked
    below, and a movement that no payment or invoice explains on the step itself.

    Parameters
    ----------
    frame
        As :func:`invoice_frame` or :func:`totals_frame` returns it of several payloads, in one
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
    currency = _one_currency(frame, "plot_balance_trend")
    with _axes(ax, rows=_rows(plot_balance_trend, frame)) as axes:
        if currency is None:
            return _nothing(axes)
        stated = [
            ((str(partner), str(cloud)), _stated(rows))
            for (partner, cloud), rows in frame.groupby(["partner", "cloud"], observed=True)
        ]
        scale, unit = _scale([amount for _, series in stated for amount in series], currency)
        changes = changes_of(frame)
        ends: list[tuple[float, str, str]] = []
        for place, ((partner, _), series) in enumerate(stated):
            colours = (TEXT,) if len(stated) == 1 else (*_OTHERS, MUTED)
            colour = colours[place % len(colours)]
            values = [float(amount / scale) for amount in series]
            axes.plot(series.index, values, drawstyle="steps-post", color=colour, linewidth=1.6)
            axes.plot(series.index[-1], values[-1], "o", color=colour, markersize=5)
            name = f"{_short(partner)}\n" if len(stated) > 1 else ""
            ends.append((values[-1], f"{name}{_amount(series.iloc[-1], currency)}", colour))
        _mark_unexplained(axes, changes[changes["unexplained"]], scale)
        axes.axhline(0, color=MUTED, linewidth=0.8)
        axes.margins(x=0.02, y=0.12)
        _payment_ticks(axes, changes[changes["payment_seen"]], scale)
        _label_ends(axes, ends)
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.xaxis.set_major_locator(AutoDateLocator(minticks=3, maxticks=8))
        axes.xaxis.set_major_formatter(_Dates(_LOCALE.get()))
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(_numbers())
        axes.tick_params(axis="y", labelsize=8.5, labelcolor=MUTED)
        axes.set_ylabel(unit, loc="top", fontsize=8)
        _title(axes, _trend_title(currency, [series for _, series in stated]))
        _foot(axes, frame, below=-22)
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
    >>> from pcnotebooks import invoice_frame, sample_payload
    >>> len(plot_panels(invoice_frame(sample_payload())).axes)
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


def draw(
    plot: Callable[..., Axes],
    frame: pd.DataFrame,
    *,
    width: float = _WIDTH,
    locale: str = "en",
    **options: Any,
) -> Figure:
    """Return `plot` on a figure that pyplot knows nothing of, for callbacks and reports.

    The narrower the figure (in inches), the larger its text on a page that scales it.
    """
    figure = Figure(figsize=(width, _height(_rows(plot, frame))))
    with mpl.rc_context(_RC):
        ax = figure.subplots()
    before = _LOCALE.set(locale)
    try:
        plot(frame, ax=ax, **options)
    finally:
        _LOCALE.reset(before)
    _fit(figure, ax)
    return figure


def _fit(figure: Figure, ax: Axes, *, margin: float = 3) -> None:
    """Give one axes the room that its texts leave; a layout engine draws twice to find it."""
    width, height = figure.bbox.size
    with _any_letters():
        texts = ax.get_tightbbox(RendererAgg(width, height, figure.dpi))
    if texts is None:
        return
    now, margin = ax.get_window_extent(), margin * figure.dpi / 72
    left, right = now.x0 - texts.x0 + margin, texts.x1 - now.x1 + margin
    low, high = now.y0 - texts.y0 + margin, texts.y1 - now.y1 + margin
    room = (max(0.1, 1 - (left + right) / width), max(0.1, 1 - (low + high) / height))
    ax.set_position((left / width, low / height, *room))


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
    svg = buffer.getvalue().decode("utf-8")
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = svg[svg.index(">", svg.index("<svg")) + 1 :]
    svg = slim(svg, prefix=prefix, colours=_VARIABLES)
    width, height = (float(size) * 72 for size in figure.get_size_inches())
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" class="pcn-chart"'
        f' aria-labelledby="{prefix}-title {prefix}-desc" style="stroke-linejoin: round"'
        ' xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
        f'<title id="{prefix}-title">{escape(title)}</title>'
        f'<desc id="{prefix}-desc">{escape(description)}</desc>{svg}'
    )


def type_colour(invoice_type: str, frame: pd.DataFrame) -> str:
    """Return the colour of an invoice type; those beyond the two get theirs in order of name."""
    if invoice_type in _TYPE_COLOURS:
        return _TYPE_COLOURS[invoice_type]
    place = invoice_types(frame)[2:].index(invoice_type)
    return _OTHERS[place % len(_OTHERS)]


def balance_title(
    currency: str, total: Decimal, parts: Mapping[str, Decimal], *, locale: str = "en"
) -> str:
    """Return what is owed and how it splits: ``GBP 751,094.39 owed, 73 % OneTime``.

    Nothing is said of a split into parts that do not add up, are not stated, or hold a credit.
    """
    if total < 0:
        return f"Credit of {format_amount(total.copy_abs(), currency, locale=locale)}"
    if total == 0:
        return f"Nothing owed in {currency}"
    owed = f"{format_amount(total, currency, locale=locale)} owed"
    whole = add_exactly(parts.values()) == total and not {NOT_STATED, ""} & set(parts)
    if not whole or any(amount < 0 for amount in parts.values()):
        return owed
    largest = max(parts, key=lambda name: parts[name])
    share = "all" if parts[largest] == total else format_share(parts[largest], total)
    return f"{owed}, {share} {_short(largest)}"


def parts_by_type(frame: pd.DataFrame) -> dict[str, Decimal]:
    """Return the balance of each invoice type in the rows of one currency, to the cent."""
    parts: dict[str, Decimal] = {}
    for _, name, rows in _lanes(frame):
        parts[name] = add_exactly([parts.get(name, Decimal(0)), *rows["balance_amount"]])
    return parts


def _one_currency(frame: pd.DataFrame, function: str) -> str | None:
    """Return the one currency of a frame; None where it has no rows."""
    require_frame(frame, TOTALS_COLUMNS)
    require_frame(frame, TOTALS_COLUMNS)
    currencies = sorted(set(frame["currency"]))
    if len(currencies) > 1:
        raise ConfigurationError(
            f"{function} draws one currency, and the frame has {', '.join(currencies)}.",
            remedy=f'Choose one with select(frame, currency="{currencies[0]}"), or draw each on'
            " an axis of its own with plot_panels(frame).",
        )
    return currencies[0] if currencies else None


def _height(rows: int) -> float:
    return 1.0 + 0.4 * rows


def _rows(plot: Callable[..., Axes], frame: pd.DataFrame) -> int:
    """Return how many lanes high a chart is; a trend as five, or two for each line's end."""
    if plot is plot_balance_trend:
        return max(5, 2 * len(_owners(frame)))
    return len(_lanes(latest(frame), by_currency=plot is plot_payment_recency))


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


def _lanes(
    frame: pd.DataFrame, *, by_currency: bool = False
) -> list[tuple[str, str, pd.DataFrame]]:
    """Return label, invoice type and rows of each lane, in the frame's order."""
    owners = _owners(frame)
    typed = "invoice_type" in frame
    by_currency = by_currency and len(set(frame["currency"])) > 1
    places: dict[tuple[str, str, str, str], list[int]] = {}
    for place, row in enumerate(rows_of(frame)):
        name = "" if not typed else NOT_STATED if pd.isna(row.invoice_type) else row.invoice_type
        places.setdefault((row.partner, row.cloud, row.currency, name), []).append(place)
    lanes = []
    for (partner, cloud, currency, name), rows in places.items():
        label = " · ".join(filter(None, (currency if by_currency else "", _short(name))))
        label = "\n".join(word for word in (owners[partner, cloud], label) if word)
        lanes.append((label or currency, name, frame.iloc[rows]))
    return lanes


def _owners(frame: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return what tells each partner and cloud from the others; nothing where there is one."""
    owners = list(dict.fromkeys(zip(frame["partner"], frame["cloud"], strict=True)))
    partners, clouds = {partner for partner, _ in owners}, {cloud for _, cloud in owners}
    return {
        (partner, cloud): " · ".join(
            word
            for word in (
                _short(partner) if len(partners) > 1 else "",
                cloud_label(cloud) if len(clouds) > 1 else "",
            )
            if word
        )
        for partner, cloud in owners
    }


def _amount(amount: Any, currency: str) -> str:
    return format_amount(amount, currency, locale=_LOCALE.get())


def _day(day: Any) -> str:
    return format_day(day, locale=_LOCALE.get())


def _tick(value: float) -> str:
    return format_tick(value, locale=_LOCALE.get())


def _numbers() -> FuncFormatter:
    """Return what writes an axis in the locale of now; axes are written when a page is."""
    locale = _LOCALE.get()
    return FuncFormatter(lambda value, _: format_tick(value, locale=locale))


class _Dates(Formatter):
    """Writes an axis of days in a locale: months by name, the year where one begins."""

    def __init__(self, locale: str) -> None:
        self._locale = locale

    def __call__(self, value: float, pos: int | None = None) -> str:  # noqa: ARG002  as called
        return self.format_ticks([value])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return the labels of all ticks, which together say what each leaves out."""
        return format_ticks_of_time([num2date(value) for value in values], locale=self._locale)


def _short(text: str) -> str:
    """Return a name that fits beside a chart; names that differ often do so at their end."""
    return text if len(text) <= 28 else f"{text[:14]}\N{HORIZONTAL ELLIPSIS}{text[-13:]}"


def _scale(amounts: Sequence[Decimal], currency: str) -> tuple[Decimal, str]:
    largest = max((abs(amount) for amount in amounts), default=Decimal(0))
    for scale, word in ((Decimal(1_000_000), "million "), (Decimal(1_000), "thousand ")):
        if largest >= 2 * scale:
            return scale, f"{word}{currency}"
    return Decimal(1), currency


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


def _payment_mark(ax: Axes, row: Any, place: int, *, beside: float, last: float) -> None:
    """Mark one row's last payment in its lane, in words and by a shape of its own."""
    if row.payment_status != "paid":
        outline = "solid" if row.payment_status == "never paid" else "dotted"
        ax.scatter([beside], [place], s=64, facecolors="none", edgecolors=TEXT, linestyles=outline)
        _label(ax, 0, place, row.payment_status.capitalize())
        return
    days = min(row.days_since_payment, last)
    beyond = row.days_since_payment > last
    ax.scatter([days], [place], s=64, color=TEXT, marker=">" if beyond else "o")
    # On the side with more room, with as many words as it has.
    left = days > last / 2
    room = _room(ax) * max(days, last - days) / last
    text = format_days_ago(row.days_since_payment)
    amount = row.last_payment_amount
    paid = "" if pd.isna(amount) else _amount(amount, row.currency)
    for word in (_day(row.last_payment_date), paid):
        if word and len(text) + len(word) + 3 <= room:
            text += f" · {word}"
    _label(ax, days, place, text, left=left)


def _recency_title(recency: pd.DataFrame) -> str:
    paid = recency["days_since_payment"].dropna()
    words = []
    if len(paid):
        newest = int(paid.min())
        dated = "Last payment" if newest >= 0 else "A payment is dated"
        words.append(f"{dated} {format_days_ago(newest)}")
    for status in ("never paid", "not stated"):
        count = int((recency["payment_status"] == status).sum())
        if count and count == len(recency):
            words.append(status)
        elif count:
            words.append(f"{count} of {len(recency)} {status}")
    title = "; ".join(words)
    return title[0].upper() + title[1:]


def _stated(rows: pd.DataFrame) -> pd.Series:
    """Return the balance at each retrieved_at, invoice types added to the cent."""
    return rows.groupby("retrieved_at", sort=True)["balance_amount"].agg(add_exactly).astype(object)


def _mark_unexplained(ax: Axes, changes: pd.DataFrame, scale: Decimal) -> None:
    """Mark each unexplained step, and write the word beside the newest."""
    for row in rows_of(changes.sort_values("retrieved_at")):
        before, after = (
            float(to_decimal(amount) / scale)
            for amount in (row.previous_balance_amount, row.balance_amount)
        )
        ax.vlines(row.retrieved_at, before, after, color=_LIGHT["attention"], linewidth=2.4)
    if len(changes):
        ax.annotate(
            "unexplained",
            (row.retrieved_at, (before + after) / 2),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=_LIGHT["attention"],
            bbox={"facecolor": PAGE, "edgecolor": "none", "pad": 1.5},
        )


def _payment_ticks(ax: Axes, payments: pd.DataFrame, scale: Decimal) -> None:
    """Mark payments below, on the day they were made, with the amounts that have room."""
    if payments.empty:
        return
    bottom, top = ax.get_ylim()
    ax.set_ylim(bottom - 0.16 * (top - bottom), top)
    low = ax.get_xaxis_transform()
    ax.plot(payments["payment_date"], [0.05] * len(payments), "|", color=TEXT, markersize=7,
            transform=low)  # fmt: skip
    ax.annotate(
        "payments", (0, 0.05), xycoords="axes fraction", xytext=(-4, 0),
        textcoords="offset points", ha="right", va="center", fontsize=8, color=MUTED,
    )  # fmt: skip
    first, last = payments["payment_date"].min(), payments["payment_date"].max()
    room, named = (last - first) * 0.09, first - (last - first)
    for row in rows_of(payments.sort_values("payment_date", ascending=True)):
        if row.payment_date - named > room and pd.notna(row.payment_amount):
            amount = float(to_decimal(row.payment_amount) / scale)
            ax.text(
                row.payment_date,
                0.09,
                _tick(float(f"{amount:.4g}")),
                transform=low,
                ha="center",
                va="bottom",
                fontsize=7.5,
                color=MUTED,
            )
            named = row.payment_date


def _label_ends(ax: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write what each line ends at beside the axes, one below the other."""
    bottom, top = ax.get_ylim()
    gap = 0.85 / max(5, 2 * len(ends)) * (top - bottom)
    height = float("-inf")
    for value, text, colour in sorted(ends):
        height = max(value, height + gap)
        ax.annotate(
            text,
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            annotation_clip=False,
        )


def _trend_title(currency: str, stated: Sequence[pd.Series]) -> str:
    now = add_exactly(series.iloc[-1] for series in stated)
    words = balance_title(currency, now, {}, locale=_LOCALE.get())
    first = min(series.index[0] for series in stated)
    firsts = {series.index[0].date() for series in stated}
    if len(firsts) > 1 or all(len(series) == 1 for series in stated):
        return words  # not the same partners then as now, or nothing to compare with
    then = add_exactly(series.iloc[0] for series in stated)
    moved = add_exactly([now, -then])
    if moved == 0:
        return f"{words}, as on {_day(first)}"
    direction = "up" if moved > 0 else "down"
    number = format_number(abs(moved), currency, locale=_LOCALE.get())
    return f"{words}, {direction} {number} since {_day(first)}"


def _foot(ax: Axes, now: pd.DataFrame, *, as_of: AsOf | None = None, below: float = -31) -> None:
    """Say below the chart where the figures come from and of when they are."""
    clouds = sorted(set(now["cloud"]))
    sample = SAMPLE.name in clouds
    days = sorted({moment.date() for moment in now["retrieved_at"]})
    words = ["Source: " + ", ".join(cloud_label(cloud) for cloud in clouds if cloud != SAMPLE.name)]
    if sample:
        words = ["Sample data, not an account", *(words if len(clouds) > 1 else [])]
    words.append(
        "retrieved " + " to ".join(dict.fromkeys(_day(day) for day in (days[0], days[-1])))
    )
    if as_of is not None and [as_of_day(as_of)] != days:
        words.append(f"as of {_day(as_of_day(as_of))}")
    figure = ax.get_figure(root=True)
    width = int(_CHARACTERS * (figure.get_figwidth() if figure else _WIDTH))
    ax.annotate(
        textwrap.fill(" · ".join(words), width),
        (0, 0),
        xycoords="axes fraction",
        xytext=(0, below),
        textcoords="offset points",
        va="top",
        fontsize=8,
        color=_LIGHT["sample"] if sample else MUTED,
        fontweight="bold" if sample else "normal",
    )
