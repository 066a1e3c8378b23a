"""The overview: one frozen value that every page, widget and file shows, each in its own form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeAlias

import pandas as pd

from pcnotebooks.amounts import format_day
from pcnotebooks.frame.schema import AMOUNTS
from pcnotebooks.frame.selection import rows_with
from pcnotebooks.overview.ageing import ageing_chart
from pcnotebooks.overview.charts import Chart, balances_chart, invoice_type_of, recency_chart
from pcnotebooks.overview.trend import Span, trend_chart
from pcnotebooks.payload.decode import SUMMARIES
from pcnotebooks.payload.payload import Payload
from pcnotebooks.text import isolated, named

Key: TypeAlias = tuple[str, str, str]  # partner, cloud, currency
Rows: TypeAlias = Mapping[Key, Sequence[Any]]  # a frame's rows by account


@dataclass(frozen=True)
class Frames:
    """The frames behind an overview; amounts as they were given, exact from payloads.

    A frame alone states no totals: all but its rows are empty then.
    """

    summaries: pd.DataFrame  # every payload's, by invoice type
    details: pd.DataFrame  # of the latest payloads, with their recency
    totals: pd.DataFrame  # likewise, as the service states them
    history: pd.DataFrame  # every payload's totals
    changes: pd.DataFrame
    differences: pd.DataFrame
    invoices: pd.DataFrame  # of the latest lists, aged
    explained: pd.DataFrame  # how far they make up the balances of one day


@dataclass(frozen=True)
class Source:
    """A payload, and whose it is in words."""

    payload: Payload
    owner: str  # with its cloud
    name: str  # what tells it from the others


@dataclass(frozen=True)
class Figure:
    """A headline figure: the number, what it is, and a remark."""

    value: str
    label: str
    remark: str = ""
    attention: bool = False


@dataclass(frozen=True)
class Glance:
    """An account's row of the first table."""

    balance: str
    overdue_amount: Decimal
    overdue: str
    overdue_since: str
    questions: tuple[str, ...]
    next_due: str
    next_amount: str  # if it is known
    due_amount: Decimal | None  # the same
    change: str
    change_amount: Decimal | None  # the same
    changed_since: str
    trend: tuple[tuple[float, float], ...]  # time and balance, each from 0 to 1
    due: date | None  # the day that next_due writes
    order: tuple[int, date, str]  # what comes first


@dataclass(frozen=True)
class Notice:
    """A line that needs a reader first."""

    words: str
    place: int  # of its section, 0 for several
    number: int  # of its account, 0 for several
    attention: bool


@dataclass(frozen=True)
class Line:
    """A row of the table that proves the charts."""

    label: str
    total: bool
    partner: str
    currency: str
    balance: str
    last_paid: str
    days: str
    amount: str
    latest_invoice: str
    falls_due: str


@dataclass(frozen=True)
class Invoice:
    """A row of the table of open invoices."""

    number: str  # as the service writes it
    label: str  # its invoice type, and its document type unless that is an invoice
    date: str
    due: str
    days: str  # left, or overdue
    open: str
    charges: str
    overdue: bool


@dataclass(frozen=True)
class Movement:
    """A row of the table behind a trend."""

    day: str
    balance: str
    change: str
    payment: str
    invoice: str
    unexplained: bool


@dataclass(frozen=True)
class Drawn:
    """The rows from which charts are made when a surface asks for them.

    A page draws every account and no section, a widget the other way round.
    """

    details: Sequence[Any]
    history: Sequence[Any]
    changes: Sequence[Any]
    invoices: Sequence[Any]
    as_of: date | None
    terms_days: int
    only: str | None  # the invoice type that was chosen
    recency: bool  # whether it is known when balances were paid
    locale: str
    span: Span | None  # of the axis of time, which the trends of a page share
    stated: bool  # whether headline figures state the balances as well

    @cached_property
    def charts(self) -> tuple[Chart, ...]:
        """Balances and recency; ageing with a list of invoices, trend with earlier balances.

        Balances of a single part are not drawn if headline figures state them.
        """
        locale = self.locale
        charts: list[Chart] = []
        if self.details:
            balances = balances_chart(self.details, only=self.only, locale=locale)
            parts = [bar for bar in balances.bars if bar.length]
            if len(parts) > 1 or self.only or not self.stated:
                charts.append(balances)
        if self.details and self.recency:
            charts.append(recency_chart(self.details, as_of=self.as_of, locale=locale))
        if self.invoices:
            charts.append(
                ageing_chart(
                    self.invoices, terms_days=self.terms_days, as_of=self.as_of, locale=locale
                )
            )
        if self.changes:
            charts.append(trend_chart(self.history, self.changes, span=self.span, locale=locale))
        return tuple(charts)


@dataclass(frozen=True)
class Account:
    """The balance of one partner in one currency at one cloud."""

    number: int  # of its source, from 1
    partner: str
    owner: str  # with its cloud
    name: str  # what tells it from the others
    balance: Decimal | None  # None if only a list of invoices came
    glance: Glance
    sentence: str
    alerts: tuple[str, ...]
    figures: tuple[Figure, ...]
    lines: tuple[Line, ...]
    movements: tuple[Movement, ...]
    invoices: tuple[Invoice, ...] | None  # None without a list of them
    proof: tuple[str, ...]
    attention: tuple[str, ...]
    drawn: Drawn

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Its charts, each with a description for those who do not see it."""
        return self.drawn.charts


@dataclass(frozen=True)
class Section:
    """A currency: what is said of it, and an account for each partner and cloud."""

    place: int  # among all currencies, from 1
    currency: str
    together: str
    accounts: tuple[Account, ...]
    drawn: Drawn

    @property
    def charts(self) -> tuple[Chart, ...]:
        """The charts of all its accounts together."""
        return self.drawn.charts

    @property
    def ranked(self) -> tuple[Account, ...]:
        """Its accounts, those that need attention first, then in order of their due days."""
        return tuple(sorted(self.accounts, key=lambda account: account.glance.order))

    @property
    def words(self) -> str:
        """The sentences of its accounts; of a frame, which states no totals, its parts."""
        if self.accounts:
            return " ".join(account.sentence for account in self.accounts)
        drawn = self.drawn
        return f"{balances_chart(drawn.details, locale=drawn.locale).description}."

    @property
    def partners(self) -> tuple[Line, ...]:
        """The total that each account states, one below the other."""
        return tuple(
            replace(line, label=account.owner, total=False)
            for account in self.accounts
            for line in account.lines
            if line.total
        )


@dataclass(frozen=True)
class Choice:
    """The part of an overview that is to be shown; None means all."""

    currency: str | None = None
    invoice_type: str | None = None
    partner: str | None = None

    def has(self, key: Key) -> bool:
        """Return whether an account is of the partner and the currency."""
        return self.partner in {None, key[0]} and self.currency in {None, key[2]}


@dataclass(frozen=True, kw_only=True)
class Given:
    """Whose payloads are shown, each with its owner in words."""

    sources: tuple[Source, ...]  # of each partner and cloud the latest balances, or its list
    earlier: tuple[Source, ...]
    lists: tuple[Source, ...]  # the latest list of invoices of each partner and cloud
    recency: bool = True  # whether it is known when balances were paid

    @property
    def balances(self) -> tuple[Source, ...]:
        """The sources that state balances; of the others there is only a list of invoices."""
        return tuple(each for each in self.sources if each.payload.resource == SUMMARIES)


@dataclass(frozen=True, kw_only=True)
class Overview(Given):
    """What some payloads say, as of a day, under some terms, in a locale.

    Currencies are never added together, and balances of different times never either.
    """

    frames: Frames  # of the whole, even in a part
    rows: Mapping[str, Rows]  # of each frame that accounts show, by its name
    sections: tuple[Section, ...]
    ranked: tuple[Section, ...]  # in the order of the first table
    notices: tuple[Notice, ...]
    lines: tuple[Line, ...]  # of the parts chosen, in any number of currencies
    notes: tuple[str, ...]  # what is missing, no longer stated or not compared, in words
    assumptions: tuple[str, ...]  # what the lists leave open, and how it was decided
    is_sample: bool
    retrieved: str
    days: str  # as of which they are counted, in words
    as_of: date | None
    terms_days: int
    locale: str
    nothing: str  # what is said if there are no sections
    choice: Choice = Choice()

    @property
    def day(self) -> date | None:
        """The day from which all days are counted; None if each payload has its own."""
        if self.as_of is not None:
            return self.as_of
        given = [source.payload.retrieved_at for source in (*self.sources, *self.lists)]
        frames = (self.frames.details, self.frames.invoices)
        moments = given or [moment for each in frames for moment in each["retrieved_at"].unique()]
        days = {moment.date() for moment in moments}
        return days.pop() if len(days) == 1 else None

    @cached_property
    def combinations(self) -> frozenset[Choice]:
        """Each currency, invoice type and partner that have rows together."""
        alone = [key for key in self.rows["invoices"] if key not in self.rows["totals"]]
        every = [*self.rows["details"].values(), *(self.rows["invoices"][key] for key in alone)]
        return frozenset(
            Choice(row.currency, invoice_type_of(row), row.partner)
            for rows in every
            for row in rows
        )

    def fitting(self, choice: Choice, name: str) -> set[str | None]:
        """Return the values of one choice that have rows together with the others."""
        others = {
            key: value for key, value in vars(choice).items() if key != name and value is not None
        }
        return {
            getattr(each, name)
            for each in self.combinations
            if all(getattr(each, key) == value for key, value in others.items())
        }

    @property
    def rows_shown(self) -> pd.DataFrame:
        """The latest rows that fit the choice, with their recency; of payloads as floats.

        Of a frame or a list of invoices alone, its invoices with their ageing.
        """
        details, invoices = self.frames.details, self.frames.invoices
        rows: pd.DataFrame
        rows, amounts = details, list(AMOUNTS)
        if details.empty and len(invoices):
            rows, amounts = invoices, ["total_charges", "paid_amount", "open_amount"]
        rows = rows_with(rows, **vars(self.choice))
        return rows.astype(dict.fromkeys(amounts, "float64")) if self.sources else rows

    @property
    def payloads(self) -> Sequence[Payload]:
        """Every payload that it is made of, the latest first."""
        return [source.payload for source in (*self.balances, *self.earlier, *self.lists)]

    @property
    def whose(self) -> str:
        """Whose the figures are, where they are one partner's, and of when to the minute."""
        moments = sorted({source.payload.retrieved_at for source in self.sources})
        times = dict.fromkeys(
            f"{format_day(moment, locale=self.locale)}, {moment:%H:%M}"
            for moment in (moments[:1] + moments[-1:])
        )
        partners = {named(source.payload.partner) for source in self.sources}
        whose = f"{isolated(partners.pop())}, " if len(partners) == 1 else ""
        return f"{whose}retrieved {' to '.join(times)} UTC"

    @property
    def text(self) -> str:
        """The balances, in words alone."""
        sample = "Sample data. " if self.is_sample else ""
        if self.sections:
            return sample + " ".join(section.words for section in self.sections)
        return sample + self.nothing
