"""Compute the chart of balances over time in one currency."""

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
    format_number,
    format_tick,
    to_decimal,
)
from pcnotebooks.overview.axis import Axis, amounts_axis, days_axis
from pcnotebooks.overview.charts import OTHERS, Chart, balances_title, foot_of, scale_of
from pcnotebooks.text import named, told_apart

Span: TypeAlias = tuple[datetime, datetime]
_Owner: TypeAlias = tuple[str, str]  # partner, cloud
_Balances: TypeAlias = Mapping[Any, Decimal]  # by the moment at which they were retrieved

_USUAL = 4  # the fewest balances for which a usual range is stated


@dataclass(frozen=True)
class Line:
    """The balances of one partner and cloud; each holds until the next."""

    moments: tuple[Any, ...]  # pandas' timestamps
    heights: tuple[float, ...]
    words: str
    colour: str


@dataclass(frozen=True)
class Paid:
    """A payment, in the colour of its partner's line; only the largest shows its amount."""

    day: Any  # a timestamp of pandas
    words: str
    colour: str


@dataclass(frozen=True)
class TrendChart(Chart):
    """The chart of :func:`plot_balance_trend`; its unit is that of the amounts."""

    days: Axis[datetime]
    amounts: Axis[float]
    lines: tuple[Line, ...]
    unexplained: tuple[tuple[Any, float, float], ...]  # moment, balance before and after
    payments: tuple[Paid, ...]

    @property
    def ends(self) -> list[Line]:
        """The lines by their last balance, lowest first, which is the order of their labels."""
        return sorted(self.lines, key=lambda line: line.heights[-1])


def trend_chart(
    rows: Sequence[Any],
    changes: Sequence[Any],
    *,
    span: Span | None = None,
    locale: str = "en",
) -> TrendChart:
    """Return the chart of the balance in one currency over time.

    `rows` holds at least one balance, `changes` the rows of :func:`balance_changes` for them.
    `span` is that of the time axis, which the charts of a page share.
    """
    currency = rows[0].currency
    stated = _stated(rows)
    every = [amount for balances in stated.values() for amount in balances.values()]
    scale, word = scale_of(every)
    # A single account is drawn in the colour of text; several need distinct colours.
    several = len(stated) > 1
    palette = (*OTHERS, "muted") if several else ("text",)
    colours = {owner: palette[place % len(palette)] for place, owner in enumerate(stated)}
    names = told_apart(named(partner) for partner, _ in stated)
    lines = tuple(
        Line(
            tuple(balances),
            tuple(_height(amount, scale) for amount in balances.values()),
            (f"{names[named(owner[0])]}\n" if several else "")
            + format_amount(list(balances.values())[-1], currency, locale=locale),
            colours[owner],
        )
        for owner, balances in stated.items()
    )
    return TrendChart(
        title=_title(currency, list(stated.values()), locale),
        description=" ".join(
            _in_words(partner, balances, currency, locale)
            for (partner, _), balances in stated.items()
        ),
        foot=foot_of(rows, locale),
        note="",
        unit=f"{word}{currency}",
        rows=max(5, 2 * len(lines)),  # two for the label at the end of each line
        days=days_axis(span or span_of(rows, changes), locale),
        amounts=amounts_axis([height for line in lines for height in line.heights], locale),
        lines=lines,
        unexplained=tuple(
            (
                row.retrieved_at,
                _height(to_decimal(row.previous_balance_amount), scale),
                _height(to_decimal(row.balance_amount), scale),
            )
            for row in sorted(changes, key=lambda row: row.retrieved_at)
            if row.unexplained
        ),
        payments=_payments(changes, colours, locale),
    )


def span_of(rows: Iterable[Any], changes: Iterable[Any]) -> Span:
    """Return the first and the last moment of balances and of the payments between them."""
    moments = [row.retrieved_at for row in rows]
    moments += [row.payment_date for row in changes if row.payment_seen]
    return min(moments), max(moments)


def _stated(rows: Sequence[Any]) -> dict[_Owner, dict[Any, Decimal]]:
    """Return the balances of each partner and cloud over time, invoice types added exactly."""
    found: dict[_Owner, dict[Any, Decimal]] = {}
    for row in sorted(rows, key=lambda row: (row.partner, row.cloud, row.retrieved_at)):
        balances = found.setdefault((row.partner, row.cloud), {})
        before = balances.get(row.retrieved_at, Decimal(0))
        balances[row.retrieved_at] = add_exactly([before, row.balance_amount])
    return found


def _height(amount: Decimal, scale: Decimal) -> float:
    """Return an amount in the unit of the axis, even if the caller set a low precision."""
    with exactly():
        return float(amount / scale)


def _payments(
    changes: Iterable[Any], colours: Mapping[_Owner, str], locale: str
) -> tuple[Paid, ...]:
    """Return the days of payments, with the amount of the largest."""
    paid = sorted((row for row in changes if row.payment_seen), key=lambda row: row.payment_date)
    stated = [row for row in paid if not pd.isna(row.payment_amount)]
    largest = [max(stated, key=lambda row: row.payment_amount)] if stated else []
    words = {
        id(row): format_number(row.payment_amount, row.currency, locale=locale) for row in largest
    }
    return tuple(
        Paid(row.payment_date, words.get(id(row), ""), colours[row.partner, row.cloud])
        for row in paid
    )


def _title(currency: str, every: Sequence[_Balances], locale: str) -> str:
    """Return the level; the ends of a balance that is paid off every month mean nothing."""
    owed = balances_title(
        currency, [list(balances.values())[-1] for balances in every], {}, locale=locale
    )
    if len(every) > 1 or len(every[0]) == 1:
        return owed  # the labels of the lines say the rest, or there is nothing to compare with
    balances = list(every[0].values())
    since = format_day(next(iter(every[0])).date(), locale=locale)
    if len(set(balances)) == 1:
        return f"{owed}, as on {since}"
    if len(balances) >= _USUAL:
        return f"{owed}; {_usual(balances, locale)}"
    moved = add_exactly([balances[-1], balances[0].copy_negate()])
    if moved == 0:
        return f"{owed}, as on {since}"
    number = format_number(moved.copy_abs(), currency, locale=locale)
    return f"{owed}, {'up' if moved > 0 else 'down'} {number} since {since}"


def _usual(balances: Sequence[Decimal], locale: str) -> str:
    """Return the range of balances without the lowest and the highest tenth, rounded."""
    ranked = sorted(balances)
    tenth = (len(ranked) + 4) // 10
    ends = ranked[tenth], ranked[-1 - tenth]
    scale, word = scale_of(ends)
    low, high = (_height(amount, scale) for amount in ends)
    digits = 0 if high - low >= 10 else 1 if high - low >= 1 else 2
    first, last = (format_tick(round(end, digits), locale=locale) for end in (low, high))
    unit = word.strip()
    if first == last:
        return f"usually {first} {unit}".rstrip()
    return f"usual range {first} to {last} {unit}".rstrip()


def _in_words(partner: str, balances: _Balances, currency: str, locale: str) -> str:
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
