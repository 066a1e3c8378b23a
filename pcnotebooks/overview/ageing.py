"""Compute the chart of open invoices in one currency by age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from pcnotebooks.amounts import add_exactly, exactly, format_amount, format_days, format_number
from pcnotebooks.frame.ageing import BANDS
from pcnotebooks.frame.selection import AsOf
from pcnotebooks.overview.axis import Axis, amounts_axis
from pcnotebooks.overview.charts import Chart, foot_of, owners_of, scale_of
from pcnotebooks.text import isolated, named

_OPEN = ("not due", *BANDS)
_UNDATED = "no due date"
_UNKNOWN = "not stated"


@dataclass(frozen=True)
class Piece:
    """The open amount of one owner in one band; a credit extends from zero to the left."""

    start: float
    length: float
    words: str  # inside the piece, if there is room
    colour: str
    ink: str  # the colour in which words are legible on the piece
    hatched: bool = False


@dataclass(frozen=True)
class Stack:
    """The pieces of one partner and cloud, the oldest last."""

    label: str
    pieces: tuple[Piece, ...]
    words: str  # after the bar

    @property
    def reach(self) -> float:
        """The right end of the bar."""
        return max([0.0, *(piece.start + piece.length for piece in self.pieces)])


@dataclass(frozen=True)
class Key:
    """A band with the amount of all owners, since narrow pieces have no room for a label."""

    words: str
    colour: str  # empty if the band is not drawn
    hatched: bool = False


@dataclass(frozen=True)
class AgeingChart(Chart):
    """The chart of :func:`plot_ageing`: the key above, and the stacks from top to bottom."""

    axis: Axis[float]
    key: tuple[Key, ...]
    stacks: tuple[Stack, ...]


def ageing_chart(
    aged: Sequence[Any], *, terms_days: int = 60, as_of: AsOf | None = None, locale: str = "en"
) -> AgeingChart:
    """Return the chart of open amounts by age in one currency.

    `aged` holds at least one row of :func:`age`. The chart states the terms and the day with
    which they were aged.
    """
    currency = aged[0].currency
    labels = owners_of(aged)
    by_owner: dict[tuple[str, str], list[Any]] = {}
    for row in aged:
        by_owner.setdefault((row.partner, row.cloud), []).append(row)
    owners = {owner: _by_band(rows) for owner, rows in by_owner.items()}
    every = _by_band(aged)
    unknown = sum(pd.isna(row.open_amount) for row in aged)
    oldest = max((row.days_overdue for row in aged if row.ageing in BANDS), default=0)
    lengths = [
        end
        for bands in owners.values()
        for end in (bands.get("credit", Decimal(0)), _sum_of(bands, _OPEN))
    ]
    scale, word = scale_of(lengths)
    several = len(owners) > 1
    stacks = tuple(
        Stack(
            labels[owner] or currency,
            _pieces(bands, scale, currency if several else None, locale),
            _behind(bands, currency, locale) if several else "",
        )
        for owner, bands in owners.items()
    )
    key = _key(every, unknown, currency, locale)
    terms = f"Due dates computed: invoice date + {format_days(terms_days, locale=locale)}"
    with exactly():
        reach = [float(length / scale) for length in lengths]
    return AgeingChart(
        title=_title(every, unknown, oldest, currency, locale),
        description=_description(owners, unknown, currency, locale),
        foot=foot_of(aged, locale, as_of=as_of),
        note=terms,
        unit=f"{word}{currency}",
        # A lane for the key has room for two lines of it.
        rows=len(stacks) + bool(key) + (len(key) > 3),
        axis=amounts_axis(reach, locale),
        key=key,
        stacks=stacks,
    )


def _by_band(rows: Sequence[Any]) -> dict[str, Decimal]:
    """Return open amounts by age, in the order of the chart and its description."""
    parts: dict[str, list[Any]] = {name: [] for name in ("credit", *_OPEN, _UNDATED)}
    for row in rows:
        # "Not stated" is reserved for invoices without an amount; this one lacks only a due date.
        name = _UNDATED if row.ageing == _UNKNOWN else row.ageing
        if name in parts and not pd.isna(row.open_amount):
            parts[name].append(row.open_amount)
    sums = {name: add_exactly(amounts) for name, amounts in parts.items()}
    return {name: amount for name, amount in sums.items() if amount}


def _sum_of(bands: Mapping[str, Decimal], names: Sequence[str]) -> Decimal:
    return add_exactly(bands.get(name, Decimal(0)) for name in names)


def _pieces(
    bands: Mapping[str, Decimal], scale: Decimal, currency: str | None, locale: str
) -> tuple[Piece, ...]:
    """Return the pieces of a bar; with a currency, also their amounts."""
    pieces, start = [], Decimal(0)
    with exactly():  # a notebook may have set a precision of three digits
        if "credit" in bands:
            length = float(bands["credit"] / scale)
            pieces.append(Piece(0.0, length, "", "muted", "text", hatched=True))
        for place, name in enumerate(_OPEN):
            if name in bands:
                amount = bands[name]
                words = format_number(amount, currency, locale=locale) if currency else ""
                pieces.append(
                    Piece(
                        float(start / scale),
                        float(amount / scale),
                        words,
                        f"age-{place}",
                        "text" if place < 3 else "page",
                    )
                )
                start += amount
    return tuple(pieces)


def _behind(bands: Mapping[str, Decimal], currency: str, locale: str) -> str:
    """Return the text after the bar of one of several owners: overdue amount and credit."""
    overdue, credit = _sum_of(bands, BANDS), bands.get("credit", Decimal(0))
    if overdue:
        words = f"{format_amount(overdue, currency, locale=locale)} overdue"
    elif "not due" in bands:
        words = f"{format_amount(bands['not due'], currency, locale=locale)} not due"
    else:
        words = "" if credit else "nothing due"
    credits_ = f"credit {format_amount(credit, currency, locale=locale)}" if credit else ""
    return " · ".join(filter(None, (words, credits_)))


def _key(bands: Mapping[str, Decimal], unknown: int, currency: str, locale: str) -> tuple[Key, ...]:
    """Return the meaning of each colour, and the amounts without a colour."""
    colours = {"credit": "muted"} | {name: f"age-{n}" for n, name in enumerate(_OPEN)}
    key = [
        Key(
            f"{name}{' days' if name in BANDS else ''}"
            f" · {format_amount(amount, currency, locale=locale)}",
            colours.get(name, ""),
            hatched=name == "credit",
        )
        for name, amount in bands.items()
    ]
    if unknown:
        key.append(Key(f"{_UNKNOWN} · {_invoices(unknown)}", ""))
    return tuple(key)


def _title(
    bands: Mapping[str, Decimal], unknown: int, oldest: int, currency: str, locale: str
) -> str:
    """Return the finding: the overdue part of the open amount; credits are not set off."""
    overdue, whole = _sum_of(bands, BANDS), _sum_of(bands, (*_OPEN, _UNDATED))
    parts = []
    if overdue:
        words = format_amount(overdue, currency, locale=locale)
        if overdue < whole:
            words += f" of {format_number(whole, currency, locale=locale)}"
        parts.append(f"{words} overdue, the oldest by {format_days(oldest, locale=locale)}")
    elif "not due" in bands:
        parts.append(f"{format_amount(bands['not due'], currency, locale=locale)} not due")
    elif not whole and not unknown and "credit" not in bands:
        parts.append(f"Nothing open in {currency}")
    if _UNDATED in bands:
        undated = format_amount(bands[_UNDATED], currency, locale=locale)
        parts.append(f"{undated} without a due date")
    if "credit" in bands:
        amount = format_amount(bands["credit"].copy_abs(), currency, locale=locale)
        parts.append(f"credits of {amount}{', not set off' if whole else ''}")
    if unknown:
        parts.append(f"open amount of {_invoices(unknown)} not stated")
    title = "; ".join(parts)
    return title[0].upper() + title[1:]


def _description(
    owners: Mapping[tuple[str, str], Mapping[str, Decimal]],
    unknown: int,
    currency: str,
    locale: str,
) -> str:
    """Return every band of every owner with its amount."""
    sentences = []
    for (partner, _), bands in owners.items():
        words = ", ".join(
            f"{name}{' days overdue' if name in BANDS else ''}"
            f" {format_amount(amount, currency, locale=locale)}"
            for name, amount in bands.items()
        )
        whose = f"{isolated(named(partner))}: " if len(owners) > 1 else ""
        sentences.append(f"{whose}{words or 'nothing open'}")
    if unknown:
        sentences.append(f"open amount of {_invoices(unknown)} not stated")
    return "; ".join(sentences)


def _invoices(count: int) -> str:
    return f"{count} invoice{'' if count == 1 else 's'}"
