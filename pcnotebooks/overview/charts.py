"""Charts as values: all that one shows, worked out once, which the two pens only draw.

A pen (matplotlib, or SVG for a page) decides about fonts and places and nothing else. Words speak
ISO codes, because many fonts lack currency symbols. Colours are names of the palette.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

import pandas as pd

from pcnotebooks.amounts import (
    add_exactly,
    exactly,
    format_amount,
    format_day,
    format_days_ago,
    format_number,
    format_share,
    to_decimal,
)
from pcnotebooks.clouds import SAMPLE, cloud_label
from pcnotebooks.frame.schema import NOT_STATED, ONE_TIME, RECURRING
from pcnotebooks.frame.selection import AsOf, as_of_day
from pcnotebooks.overview.axis import Axis, amounts_axis, days_axis
from pcnotebooks.text import isolated, named, shortened

_TYPE_COLOURS = {RECURRING: "recurring", ONE_TIME: "onetime", NOT_STATED: "muted", "": "muted"}
_OTHERS = ("other-0", "other-1", "other-2", "other-3")
_BANDS = (0, 30, 60, 90)  # the first days of the bands of recency
# A payment of many years ago would press all others together: it is drawn here, with an arrow.
_LAST_DAY = 450


@dataclass(frozen=True)
class Foot:
    """Where the figures come from, and when they were retrieved."""

    words: str
    colour: str
    bold: bool


@dataclass(frozen=True)
class Chart:
    """What every chart has; the description is the text for readers who do not see it."""

    title: str
    description: str
    foot: Foot
    unit: str  # of the axis, in words
    rows: int  # how many lanes high it is


@dataclass(frozen=True)
class Bar:
    """The balance of one invoice type; a credit reaches to the left."""

    label: str
    length: float
    words: str
    colour: str


@dataclass(frozen=True)
class BalancesChart(Chart):
    """The chart of :func:`plot_balances`, its bars from top to bottom."""

    axis: Axis[float]
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Mark:
    """A last payment; it has no days if it was never made or is not stated."""

    days: int | None
    status: str
    words: tuple[str, ...]  # the first always, the others if there is room
    older: bool = False  # than the axis reaches
    words_first: bool = False  # to the left of the mark, where there is more room


@dataclass(frozen=True)
class RecencyChart(Chart):
    """The chart of :func:`plot_payment_recency`, its lanes with their labels from top to bottom."""

    axis: Axis[float]
    no_day: float  # where marks without days are drawn, to the left of the first day
    bands: tuple[tuple[float, float, str], ...]  # first day, last day, colour
    lanes: tuple[tuple[str, tuple[Mark, ...]], ...]


@dataclass(frozen=True)
class Line:
    """The balances of one partner and cloud, each of which holds until the next."""

    moments: tuple[Any, ...]  # pandas' timestamps
    heights: tuple[float, ...]
    words: str
    colour: str


@dataclass(frozen=True)
class TrendChart(Chart):
    """The chart of :func:`plot_balance_trend`; its unit is that of the amounts."""

    days: Axis[datetime]
    amounts: Axis[float]
    lines: tuple[Line, ...]
    unexplained: tuple[tuple[Any, float, float], ...]  # moment, balance before and after
    payments: tuple[tuple[Any, str], ...]  # with the amounts that have room

    @property
    def ends(self) -> list[Line]:
        """The lines by their last balance, the lowest first: the order of the words there."""
        return sorted(self.lines, key=lambda line: line.heights[-1])


def balances_chart(
    rows: Sequence[Any], *, only: str | None = None, locale: str = "en"
) -> BalancesChart:
    """Return what is owed in one currency, from the rows of the latest payloads, one at least.

    With the name of the only invoice type that was chosen, which says nothing of the whole.
    """
    currency = rows[0].currency
    lanes = _lanes(rows)
    amounts = [add_exactly(row.balance_amount for row in lane.rows) for lane in lanes]
    written = [format_amount(amount, currency, locale=locale) for amount in amounts]
    scale, unit = scale_of(amounts, currency)
    bars = tuple(
        Bar(lane.label, _length(amount, scale), words, _type_colour(lane.invoice_type, lanes))
        for lane, amount, words in zip(lanes, amounts, written, strict=True)
    )
    parts = _parts((lane.invoice_type, amount) for lane, amount in zip(lanes, amounts, strict=True))
    owners = _parts(((row.partner, row.cloud), row.balance_amount) for row in rows)
    title = balances_title(currency, owners.values(), {} if only else parts, locale=locale)
    return BalancesChart(
        title=f"{shortened(only)}: {title}" if only else title,
        description="; ".join(
            f"{lane.spoken} {words}".strip() for lane, words in zip(lanes, written, strict=True)
        ),
        foot=foot_of(rows, locale),
        unit=unit,
        rows=len(bars),
        axis=amounts_axis([bar.length for bar in bars], locale),
        bars=bars,
    )


def recency_chart(
    rows: Sequence[Any], *, as_of: AsOf | None = None, locale: str = "en"
) -> RecencyChart:
    """Return the days of rows of :func:`payment_recency` as of that day, one row at least."""
    days = [row.days_since_payment for row in rows if row.payment_status == "paid"]
    last, first = min(max([100, *days]), _LAST_DAY), min([0, *days])
    reach = last - first
    # On the left there is room for marks without days, on the right for half a mark and more.
    left, right = first - 0.07 * reach, last + 0.08 * reach
    middle = (left + right) / 2
    lanes = _lanes(rows, by_currency=True)
    # Beyond 90 only the oldest payment is written, unless it would touch the 90.
    ticks = [*_BANDS, *([last] if 120 < last < _LAST_DAY else [])]
    return RecencyChart(
        title=_recency_title(rows, locale),
        description="; ".join(
            f"{lane.spoken} {paid_in_words(row, locale=locale)}"
            for lane in lanes
            for row in lane.rows
        ),
        foot=foot_of(rows, locale, as_of=as_of),
        unit="days since the last payment",
        rows=len(lanes),
        axis=Axis(left, right, tuple((day, f"{day}") for day in ticks)),
        no_day=first - 0.035 * reach,
        bands=tuple(
            (start, end, f"band-{place}")
            for place, (start, end) in enumerate(zip(_BANDS, (*_BANDS[1:], right), strict=True))
        ),
        lanes=tuple(
            (lane.label, tuple(_mark(row, last, middle, locale) for row in lane.rows))
            for lane in lanes
        ),
    )


def trend_chart(rows: Sequence[Any], changes: Sequence[Any], *, locale: str = "en") -> TrendChart:
    """Return how the balance in one currency went, from one row at least.

    With the rows of :func:`balance_changes` for these rows.
    """
    currency = rows[0].currency
    stated = _stated(rows)
    scale, unit = scale_of(
        [amount for balances in stated.values() for amount in balances.values()], currency
    )
    # A single account is drawn in the colour of text; several are told apart.
    colours = ("text",) if len(stated) == 1 else (*_OTHERS, "muted")
    lines = tuple(
        Line(
            tuple(balances),
            tuple(_length(amount, scale) for amount in balances.values()),
            (f"{shortened(named(partner))}\n" if len(stated) > 1 else "")
            + format_amount(list(balances.values())[-1], currency, locale=locale),
            colours[place % len(colours)],
        )
        for place, ((partner, _), balances) in enumerate(stated.items())
    )
    payments = _payments([row for row in changes if row.payment_seen], locale)
    moments = [moment for line in lines for moment in line.moments]
    moments += [day for day, _ in payments]
    return TrendChart(
        title=_trend_title(currency, stated.values(), locale),
        description=" ".join(
            _trend_in_words(partner, balances, currency, locale)
            for (partner, _), balances in stated.items()
        ),
        foot=foot_of(rows, locale),
        unit=unit,
        rows=max(5, 2 * len(lines)),  # two for the words at each line's end
        days=days_axis(moments, locale),
        amounts=amounts_axis([height for line in lines for height in line.heights], locale),
        lines=lines,
        unexplained=tuple(
            (
                row.retrieved_at,
                _length(to_decimal(row.previous_balance_amount), scale),
                _length(to_decimal(row.balance_amount), scale),
            )
            for row in sorted(changes, key=lambda row: row.retrieved_at)
            if row.unexplained
        ),
        payments=payments,
    )


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
    return f"{owed}, {share} {shortened(largest)}"


def balances_title(
    currency: str,
    balances: Iterable[Decimal],
    parts: Mapping[str, Decimal],
    *,
    locale: str = "en",
) -> str:
    """Return :func:`balance_title` of several accounts; a credit is nobody else's to set off."""
    every = list(balances)
    if not _are_mixed(every):
        return balance_title(currency, add_exactly(every), parts, locale=locale)
    owed, credit = (
        format_amount(add_exactly(some).copy_abs(), currency, locale=locale)
        for some in ([one for one in every if one > 0], [one for one in every if one < 0])
    )
    return f"{owed} owed; credits of {credit}, not set off"


def _are_mixed(balances: Sequence[Decimal]) -> bool:
    return len({balance > 0 for balance in balances if balance}) > 1


@dataclass(frozen=True)
class _Lane:
    """The rows of one partner, cloud, currency and invoice type."""

    label: str
    spoken: str  # the label in full, for the description
    invoice_type: str
    rows: list[Any]


def _lanes(every: Sequence[Any], *, by_currency: bool = False) -> list[_Lane]:
    """Return the lanes of a chart in the rows' order, named by what tells them apart."""
    found: dict[tuple[str, str, str, str], list[Any]] = {}
    for row in every:
        found.setdefault((row.partner, row.cloud, row.currency, invoice_type_of(row)), []).append(
            row
        )
    owners = owners_of(every)
    several = len({partner for partner, _ in owners}) > 1
    currencies = len({currency for _, _, currency, _ in found}) > 1
    lanes = []
    for (partner, cloud, currency, name), rows in found.items():
        label = [currency if by_currency and currencies else "", shortened(name)]
        lines = filter(None, (owners[partner, cloud], " · ".join(filter(None, label))))
        spoken = [named(partner) if several else "", currency if by_currency else "", name]
        words = " ".join(isolated(word) for word in spoken if word)
        lanes.append(_Lane("\n".join(lines) or currency, words, name, rows))
    return lanes


def owners_of(rows: Iterable[Any]) -> dict[tuple[str, str], str]:
    """Return what tells each partner and cloud from the others; nothing where there is one."""
    owners = dict.fromkeys((row.partner, row.cloud) for row in rows)
    partners, clouds = {partner for partner, _ in owners}, {cloud for _, cloud in owners}
    return {
        (partner, cloud): " · ".join(
            word
            for word in (
                shortened(named(partner)) if len(partners) > 1 else "",
                cloud_label(cloud) if len(clouds) > 1 else "",
            )
            if word
        )
        for partner, cloud in owners
    }


def invoice_type_of(row: Any) -> str:
    """Return a row's invoice type; nothing in a frame of totals."""
    name = getattr(row, "invoice_type", "")
    return NOT_STATED if pd.isna(name) else name


def _type_colour(invoice_type: str, lanes: Iterable[_Lane]) -> str:
    """Return the colour of an invoice type; those beyond the two get theirs in order of name."""
    if invoice_type in _TYPE_COLOURS:
        return _TYPE_COLOURS[invoice_type]
    others = sorted({lane.invoice_type for lane in lanes} - set(_TYPE_COLOURS))
    return _OTHERS[others.index(invoice_type) % len(_OTHERS)]


def _parts(amounts: Any) -> dict[str, Decimal]:
    parts: dict[str, Decimal] = {}
    for name, amount in amounts:
        parts[name] = add_exactly([parts.get(name, Decimal(0)), amount])
    return parts


def _length(amount: Decimal, scale: Decimal) -> float:
    """Return an amount in the unit of an axis, whatever the caller computes in."""
    with exactly():
        return float(amount / scale)


def scale_of(amounts: Sequence[Decimal], currency: str) -> tuple[Decimal, str]:
    """Return the divisor of the amounts on an axis, and the axis's unit in words."""
    largest = max((amount.copy_abs() for amount in amounts), default=Decimal(0))
    # Whole numbers: a product of decimals would be the caller's to round, or to refuse.
    for scale, word in ((1_000_000, "million "), (1_000, "thousand ")):
        if largest >= 2 * scale:
            return Decimal(scale), f"{word}{currency}"
    return Decimal(1), currency


def _mark(row: Any, last: int, middle: float, locale: str) -> Mark:
    if row.payment_status != "paid":
        return Mark(None, row.payment_status, (row.payment_status.capitalize(),))
    words = [
        format_days_ago(row.days_since_payment, locale=locale),
        format_day(row.last_payment_date, locale=locale),
    ]
    if not pd.isna(row.last_payment_amount):
        words.append(format_amount(row.last_payment_amount, row.currency, locale=locale))
    days = min(row.days_since_payment, last)
    return Mark(days, "paid", tuple(words), row.days_since_payment > last, days > middle)


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


_Owner: TypeAlias = tuple[str, str]  # partner, cloud
_Balances: TypeAlias = dict[Any, Decimal]  # by the moment at which they were retrieved


def _stated(rows: Sequence[Any]) -> dict[_Owner, _Balances]:
    """Return the balances of each partner and cloud over time, invoice types added to the cent."""
    found: dict[_Owner, _Balances] = {}
    for row in sorted(rows, key=lambda row: (row.partner, row.cloud, row.retrieved_at)):
        balances = found.setdefault((row.partner, row.cloud), {})
        before = balances.get(row.retrieved_at, Decimal(0))
        balances[row.retrieved_at] = add_exactly([before, row.balance_amount])
    return found


def _trend_in_words(partner: str, balances: _Balances, currency: str, locale: str) -> str:
    amounts = list(balances.values())
    then, now, lowest, highest = (
        format_amount(amount, currency, locale=locale)
        for amount in (amounts[0], amounts[-1], min(amounts), max(amounts))
    )
    day = format_day(next(iter(balances)).date(), locale=locale)
    if len(amounts) == 1:
        return f"{named(partner)}: {now} on {day}."
    return (
        f"{named(partner)}: {len(amounts)} balances, from {then} on {day} to {now};"
        f" lowest {lowest}, highest {highest}."
    )


def _payments(changes: Iterable[Any], locale: str) -> tuple[tuple[Any, str], ...]:
    """Return when payments were made, with the amounts of those that stand clear of each other."""
    paid = sorted(changes, key=lambda row: row.payment_date)
    if not paid:
        return ()
    first, last = paid[0].payment_date, paid[-1].payment_date
    named = first - (last - first)
    payments = []
    for row in paid:
        words = ""
        if pd.notna(row.payment_amount):
            amount = format_number(row.payment_amount, row.currency, locale=locale)
            room = (last - first) * 0.014 * len(amount)  # about as wide as it is
            if row.payment_date - named > room:
                words, named = amount, row.payment_date
        payments.append((row.payment_date, words))
    return tuple(payments)


def _trend_title(currency: str, stated: Iterable[_Balances], locale: str) -> str:
    every = [list(balances.items()) for balances in stated]
    then, now = ([balances[place][1] for balances in every] for place in (0, -1))
    words = balances_title(currency, now, {}, locale=locale)
    first = min(balances[0][0] for balances in every)
    firsts = {balances[0][0].date() for balances in every}
    if len(firsts) > 1 or all(len(balances) == 1 for balances in every):
        return words  # not the same partners then as now, or nothing to compare with
    if len(every) > 1 and (_are_mixed(then) or _are_mixed(now)):
        return words  # one's credit and another's debt do not move as one
    moved = add_exactly([*now, *(balance.copy_negate() for balance in then)])
    day = format_day(first, locale=locale)
    if moved == 0:
        return f"{words}, as on {day}"
    direction = "up" if moved > 0 else "down"
    number = format_number(moved.copy_abs(), currency, locale=locale)
    return f"{words}, {direction} {number} since {day}"


def foot_of(rows: Sequence[Any], locale: str, *, as_of: AsOf | None = None) -> Foot:
    """Return where the figures of rows come from, and when they were retrieved."""
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
