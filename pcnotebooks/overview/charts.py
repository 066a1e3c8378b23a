"""Compute the contents of charts once, for two pens that only draw them.

A pen (matplotlib, or SVG for a page) chooses nothing but fonts and positions. Texts use ISO
codes, because many fonts lack currency symbols. Colours are names of the palette.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from pcnotebooks.amounts import (
    add_exactly,
    format_amount,
    format_day,
    format_days_ago,
    format_share,
)
from pcnotebooks.clouds import SAMPLE, cloud_label
from pcnotebooks.frame.schema import NOT_STATED, ONE_TIME, RECURRING
from pcnotebooks.frame.selection import AsOf, as_of_day
from pcnotebooks.overview.axis import Axis
from pcnotebooks.text import isolated, named, shortened, told_apart

_TYPE_COLOURS = {RECURRING: "recurring", ONE_TIME: "onetime", NOT_STATED: "muted", "": "muted"}
OTHERS = ("other-0", "other-1", "other-2", "other-3")
# All recency charts share one scale, so that panels can be compared: the first day of each band,
# and the day at which older payments are drawn with an arrow.
_BANDS, _LAST_DAY = (0, 30, 60, 90), 120
# The axis leaves room for marks without a day on its left, and for half a mark on its right.
_DAYS_AXIS, _NO_DAY = (-10.0, 128.0), -5.0


@dataclass(frozen=True)
class Foot:
    """The source of the figures, and when they were retrieved."""

    words: str
    colour: str
    bold: bool


@dataclass(frozen=True)
class Chart:
    """The fields of every chart; the description is for readers who cannot see it."""

    title: str
    description: str
    foot: Foot  # only under a single chart: a page states it once for all its charts
    note: str  # how the figures of this chart were computed
    unit: str  # of the axis, in words; empty without an axis
    rows: int  # the height in lanes


@dataclass(frozen=True)
class Bar:
    """The balance of one invoice type; a credit extends to the left."""

    label: str
    length: float
    words: str
    colour: str


@dataclass(frozen=True)
class BalancesChart(Chart):
    """The chart of :func:`plot_balances`, with bars from the largest amount to the smallest.

    It has no axis, because each bar is labelled with its amount.
    """

    bars: tuple[Bar, ...]

    @property
    def low(self) -> float:
        """The left end of the bars: the largest credit, or zero."""
        return min(0.0, *(bar.length for bar in self.bars))


@dataclass(frozen=True)
class Mark:
    """A last payment; it has no days if none was ever made or stated."""

    days: float | None  # its place on the axis
    status: str
    words: tuple[str, ...]  # the first always, the others if there is room
    arrow: str = ""  # "right" if the payment is older than the axis, "left" if in the future
    words_first: bool = False  # to the left of the mark, if there is more room


@dataclass(frozen=True)
class RecencyChart(Chart):
    """The chart of :func:`plot_payment_recency`, with labelled lanes from top to bottom."""

    axis: Axis[float]
    no_day: float  # where marks without days are drawn, to the left of the first day
    bands: tuple[tuple[float, float, str], ...]  # first day, last day, colour
    lanes: tuple[tuple[str, tuple[Mark, ...]], ...]


def balances_chart(
    rows: Sequence[Any], *, only: str | None = None, locale: str = "en"
) -> BalancesChart:
    """Return the chart of balances in one currency.

    `rows` holds at least one row of the latest payloads. `only` names the chosen invoice type;
    the title then says nothing about its share of the whole.
    """
    currency = rows[0].currency
    lanes = _lanes(rows)
    sums = [(lane, add_exactly(row.balance_amount for row in lane.rows)) for lane in lanes]
    sums.sort(key=lambda lane_and_sum: lane_and_sum[1], reverse=True)
    written = [format_amount(amount, currency, locale=locale) for _, amount in sums]
    bars = tuple(
        Bar(lane.label, float(amount), words, _type_colour(lane.invoice_type, lanes))
        for (lane, amount), words in zip(sums, written, strict=True)
    )
    parts = _parts((lane.invoice_type, amount) for lane, amount in sums)
    owners = _parts(((row.partner, row.cloud), row.balance_amount) for row in rows)
    title = balances_title(currency, owners.values(), {} if only else parts, locale=locale)
    return BalancesChart(
        title=f"{shortened(only)}: {title}" if only else title,
        description="; ".join(
            f"{lane.spoken} {words}".strip() for (lane, _), words in zip(sums, written, strict=True)
        ),
        foot=foot_of(rows, locale),
        note="",
        unit="",
        rows=len(bars),
        bars=bars,
    )


def recency_chart(
    rows: Sequence[Any], *, as_of: AsOf | None = None, locale: str = "en"
) -> RecencyChart:
    """Return the recency chart of one or more rows of :func:`payment_recency`."""
    (left, right), lanes = _DAYS_AXIS, _lanes(rows, by_currency=True)
    return RecencyChart(
        title=_recency_title(rows, locale),
        description="; ".join(
            f"{lane.spoken} {paid_in_words(row, locale=locale)}"
            for lane in lanes
            for row in lane.rows
        ),
        foot=foot_of(rows, locale, as_of=as_of),
        note="",
        unit="days since the last payment",
        rows=len(lanes),
        axis=Axis(
            left, right, (*((day, f"{day}") for day in _BANDS), (_LAST_DAY, f"{_LAST_DAY}+"))
        ),
        no_day=_NO_DAY,
        bands=tuple(
            (start, end, f"band-{place}")
            for place, (start, end) in enumerate(zip(_BANDS, (*_BANDS[1:], right), strict=True))
        ),
        lanes=tuple((lane.label, tuple(_mark(row, locale) for row in lane.rows)) for lane in lanes),
    )


def balance_title(
    currency: str, total: Decimal, parts: Mapping[str, Decimal], *, locale: str = "en"
) -> str:
    """Return the balance and its largest part: ``GBP 751,094.39 owed, 73 % OneTime``.

    The part is left out if the parts do not add up, are not stated or include a credit.
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
    return f"{owed}, {share} {shortened(largest)}"


def balances_title(
    currency: str,
    balances: Iterable[Decimal],
    parts: Mapping[str, Decimal],
    *,
    locale: str = "en",
) -> str:
    """Return :func:`balance_title` for several accounts; credits are not set off against debts."""
    every = list(balances)
    if not are_mixed(every):
        return balance_title(currency, add_exactly(every), parts, locale=locale)
    owed, credit = (
        format_amount(add_exactly(some).copy_abs(), currency, locale=locale)
        for some in ([one for one in every if one > 0], [one for one in every if one < 0])
    )
    return f"{owed} owed; credits of {credit}, not set off"


def are_mixed(balances: Sequence[Decimal]) -> bool:
    """Return whether some balances are owed and others are credits."""
    return len({balance > 0 for balance in balances if balance}) > 1


@dataclass(frozen=True)
class _Lane:
    """The rows of one partner, cloud, currency and invoice type."""

    label: str
    spoken: str  # the label in full, for the description
    invoice_type: str
    rows: list[Any]


def _lanes(every: Sequence[Any], *, by_currency: bool = False) -> list[_Lane]:
    """Return the lanes of a chart in the order of the rows, with distinct labels."""
    found: dict[tuple[str, str, str, str], list[Any]] = {}
    for row in every:
        found.setdefault((row.partner, row.cloud, row.currency, invoice_type_of(row)), []).append(
            row
        )
    owners = owners_of(every)
    types = told_apart(name for _, _, _, name in found)
    several = len({partner for partner, _ in owners}) > 1
    currencies = len({currency for _, _, currency, _ in found}) > 1
    lanes = []
    for (partner, cloud, currency, name), rows in found.items():
        label = [currency if by_currency and currencies else "", types[name]]
        lines = filter(None, (owners[partner, cloud], " · ".join(filter(None, label))))
        spoken = [named(partner) if several else "", currency if by_currency else "", name]
        words = " ".join(isolated(word) for word in spoken if word)
        lanes.append(_Lane("\n".join(lines) or currency, words, name, rows))
    return lanes


def owners_of(rows: Iterable[Any]) -> dict[tuple[str, str], str]:
    """Return a distinct name for each partner and cloud; empty if there is only one."""
    owners = dict.fromkeys((row.partner, row.cloud) for row in rows)
    partners, clouds = {partner for partner, _ in owners}, {cloud for _, cloud in owners}
    names = told_apart(named(partner) for partner, _ in owners)
    return {
        (partner, cloud): " · ".join(
            word
            for word in (
                names[named(partner)] if len(partners) > 1 else "",
                cloud_label(cloud) if len(clouds) > 1 else "",
            )
            if word
        )
        for partner, cloud in owners
    }


def invoice_type_of(row: Any) -> str:
    """Return a row's invoice type; an empty string in a frame of totals."""
    name = getattr(row, "invoice_type", "")
    return NOT_STATED if pd.isna(name) else name


def _type_colour(invoice_type: str, lanes: Iterable[_Lane]) -> str:
    """Return the colour of an invoice type; types beyond the two get one in order of name."""
    if invoice_type in _TYPE_COLOURS:
        return _TYPE_COLOURS[invoice_type]
    others = sorted({lane.invoice_type for lane in lanes} - set(_TYPE_COLOURS))
    return OTHERS[others.index(invoice_type) % len(OTHERS)]


def _parts(amounts: Any) -> dict[str, Decimal]:
    parts: dict[str, Decimal] = {}
    for name, amount in amounts:
        parts[name] = add_exactly([parts.get(name, Decimal(0)), amount])
    return parts


def scale_of(amounts: Sequence[Decimal]) -> tuple[Decimal, str]:
    """Return the divisor of amounts on an axis, and its name, such as ``"thousand "``."""
    largest = max((amount.copy_abs() for amount in amounts), default=Decimal(0))
    # Integers, because the caller's decimal context may round or trap a product of decimals.
    for scale, word in ((1_000_000, "million "), (1_000, "thousand ")):
        if largest >= 2 * scale:
            return Decimal(scale), word
    return Decimal(1), ""


def _mark(row: Any, locale: str) -> Mark:
    if row.payment_status != "paid":
        return Mark(None, row.payment_status, (row.payment_status.capitalize(),))
    words = [
        format_days_ago(row.days_since_payment, locale=locale),
        format_day(row.last_payment_date, locale=locale),
    ]
    if not pd.isna(row.last_payment_amount):
        words.append(format_amount(row.last_payment_amount, row.currency, locale=locale))
    days = row.days_since_payment
    if days > _LAST_DAY:
        return Mark(_LAST_DAY, "paid", tuple(words), "right", words_first=True)
    if days < 0:
        return Mark(_NO_DAY, "paid", tuple(words), "left")
    return Mark(days, "paid", tuple(words), words_first=days > _LAST_DAY / 2)


def paid_in_words(row: Any, *, locale: str = "en") -> str:
    """Return when a row of :func:`payment_recency` was last paid, as part of a sentence."""
    if row.payment_status != "paid":
        return "never paid" if row.payment_status == "never paid" else "last payment not stated"
    days = format_days_ago(row.days_since_payment, locale=locale)
    return f"{'last paid' if row.days_since_payment >= 0 else 'a payment is dated'} {days}"


def _recency_title(rows: Sequence[Any], locale: str) -> str:
    words = []
    paid = [row.days_since_payment for row in rows if row.payment_status == "paid"]
    if paid:
        newest = min(paid)
        dated = "Last payment" if newest >= 0 else "A payment is dated"
        words.append(f"{dated} {format_days_ago(newest, locale=locale)}")
    for status in ("never paid", "not stated"):
        count = sum(row.payment_status == status for row in rows)
        if count and count == len(rows):
            words.append(status)
        elif count:
            words.append(f"{count} of {len(rows)} {status}")
    title = "; ".join(words)
    return title[0].upper() + title[1:]


def foot_of(rows: Sequence[Any], locale: str, *, as_of: AsOf | None = None) -> Foot:
    """Return the source of the rows, and when they were retrieved."""
    clouds = sorted({row.cloud for row in rows})
    sample = SAMPLE.name in clouds
    days = sorted({row.retrieved_at.date() for row in rows})
    words = ["Source: " + ", ".join(cloud_label(cloud) for cloud in clouds if cloud != SAMPLE.name)]
    if sample:
        words = ["Sample data, not an account", *(words if len(clouds) > 1 else [])]
    ends = dict.fromkeys(format_day(day, locale=locale) for day in (days[0], days[-1]))
    words.append("retrieved " + " to ".join(ends))
    if as_of is not None and [as_of_day(as_of)] != days:
        words.append(f"as of {format_day(as_of_day(as_of), locale=locale)}")
    return Foot(" · ".join(words), "sample" if sample else "muted", sample)
