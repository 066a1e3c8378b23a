"""Define the overview: one frozen value that every page, widget and file renders."""

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
from pcnotebooks.overview.charts import (
    Chart,
    Foot,
    balances_chart,
    foot_of,
    invoice_type_of,
    recency_chart,
)
from pcnotebooks.overview.trend import Span, trend_chart
from pcnotebooks.payload.decode import SUMMARIES
from pcnotebooks.payload.payload import Payload
from pcnotebooks.text import isolated, named

Key: TypeAlias = tuple[str, str, str]  # partner, cloud, currency
Rows: TypeAlias = Mapping[Key, Sequence[Any]]  # a frame's rows by account


@dataclass(frozen=True)
class Frames:
    """The frames behind an overview; amounts keep their type, and are exact if from payloads.

    If a frame is given instead of payloads, there are no totals, history or changes.
    """

    summaries: pd.DataFrame  # of all payloads, by invoice type
    details: pd.DataFrame  # of the latest payloads, with their recency
    totals: pd.DataFrame  # the same, as the service states them
    history: pd.DataFrame  # the totals of all payloads
    changes: pd.DataFrame
    differences: pd.DataFrame
    invoices: pd.DataFrame  # of the latest lists, aged
    explained: pd.DataFrame  # how much of the balances they explain


@dataclass(frozen=True)
class Source:
    """A payload and the name of its account."""

    payload: Payload
    owner: str  # partner and cloud
    name: str  # the cloud is left out if the partner alone is unique


@dataclass(frozen=True)
class Figure:
    """A headline figure: a number, its label and a remark."""

    value: str
    label: str
    remark: str = ""
    attention: bool = False


@dataclass(frozen=True)
class Glance:
    """The row of an account in the first table."""

    balance: str
    overdue_amount: Decimal
    overdue: str
    overdue_since: str
    questions: tuple[str, ...]
    next_due: str
    next_amount: str  # empty if unknown
    due_amount: Decimal | None  # next_amount as a number
    change: str
    change_amount: Decimal | None  # change as a number
    changed_since: str
    trend: tuple[tuple[float, float], ...]  # time and balance, each from 0 to 1
    due: date | None  # next_due as a date
    order: tuple[int, date, str]  # sorts accounts: attention first, then by due day


@dataclass(frozen=True)
class Notice:
    """A line above the first table: a point that needs attention, or the next due day."""

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
    label: str  # the invoice type, and the document type if it is not an invoice
    date: str
    due: str
    days: str  # days left, or days overdue
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
    """The rows of charts, which are computed only when a surface asks for them.

    A page shows the charts of accounts, a widget those of sections; the others are not needed.
    """

    details: Sequence[Any]
    history: Sequence[Any]
    changes: Sequence[Any]
    invoices: Sequence[Any]
    as_of: date | None
    terms_days: int
    only: str | None  # the chosen invoice type
    recency: bool  # whether payment dates are known
    locale: str
    span: Span | None  # of the time axis, which the trends of a page share
    stated: bool  # whether headline figures also state the balances

    @cached_property
    def charts(self) -> tuple[Chart, ...]:
        """Balances and recency; ageing if there are invoices, trend if there are earlier balances.

        A balance with a single part is not drawn if a headline figure states it.
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
    owner: str  # partner and cloud
    name: str  # the cloud is left out if the partner alone is unique
    balance: Decimal | None  # None if only a list of invoices was fetched
    glance: Glance
    sentence: str
    alerts: tuple[str, ...]
    figures: tuple[Figure, ...]
    lines: tuple[Line, ...]
    movements: tuple[Movement, ...]
    invoices: tuple[Invoice, ...] | None  # None without a list
    proof: tuple[str, ...]
    attention: tuple[str, ...]
    drawn: Drawn

    @property
    def charts(self) -> tuple[Chart, ...]:
        """The charts of this account; each has a description for readers who cannot see it."""
        return self.drawn.charts


@dataclass(frozen=True)
class Section:
    """One currency: an account for each partner and cloud, and a sentence about all of them."""

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
        """The accounts, those that need attention first, then by due day."""
        return tuple(sorted(self.accounts, key=lambda account: account.glance.order))

    @property
    def words(self) -> str:
        """The sentences of the accounts; without accounts, as for a frame, the parts in words."""
        if self.accounts:
            return " ".join(account.sentence for account in self.accounts)
        drawn = self.drawn
        return f"{balances_chart(drawn.details, locale=drawn.locale).description}."

    @property
    def partners(self) -> tuple[Line, ...]:
        """A row for the stated total of each account."""
        return tuple(
            replace(line, label=account.owner, total=False)
            for account in self.accounts
            for line in account.lines
            if line.total
        )


@dataclass(frozen=True)
class Choice:
    """The filters of an overview; None means all."""

    currency: str | None = None
    invoice_type: str | None = None
    partner: str | None = None

    def has(self, key: Key) -> bool:
        """Return whether an account matches the partner and the currency."""
        return self.partner in {None, key[0]} and self.currency in {None, key[2]}


@dataclass(frozen=True, kw_only=True)
class Given:
    """The payloads behind an overview, each with the name of its account."""

    sources: tuple[Source, ...]  # the latest balances of each partner and cloud, or its list
    earlier: tuple[Source, ...]
    lists: tuple[Source, ...]  # the latest list of invoices of each partner and cloud
    recency: bool = True  # whether payment dates are known

    @property
    def balances(self) -> tuple[Source, ...]:
        """The sources with balances; the others have only a list of invoices."""
        return tuple(each for each in self.sources if each.payload.resource == SUMMARIES)


@dataclass(frozen=True, kw_only=True)
class Overview(Given):
    """Everything that is shown of payloads, as of a day, under payment terms, in a locale.

    Balances in different currencies or of different times are never added.
    """

    frames: Frames  # of the whole overview, even if a part is shown
    rows: Mapping[str, Rows]  # of each frame that accounts show, by the frame's name
    sections: tuple[Section, ...]
    ranked: tuple[Section, ...]  # in the order of the first table
    notices: tuple[Notice, ...]
    lines: tuple[Line, ...]  # of the chosen parts, in all currencies
    notes: tuple[str, ...]  # on figures that are missing, no longer stated or not compared
    assumptions: tuple[str, ...]  # on points that the lists of invoices leave open
    is_sample: bool
    retrieved: str
    days: str  # the as-of day, or the days of retrieval, in words
    as_of: date | None
    terms_days: int
    locale: str
    nothing: str  # the sentence shown if there are no sections
    choice: Choice = Choice()

    @property
    def day(self) -> date | None:
        """The as-of day; None if none was given and the payloads are of different days."""
        if self.as_of is not None:
            return self.as_of
        given = [source.payload.retrieved_at for source in (*self.sources, *self.lists)]
        frames = (self.frames.details, self.frames.invoices)
        moments = given or [moment for each in frames for moment in each["retrieved_at"].unique()]
        days = {moment.date() for moment in moments}
        return days.pop() if len(days) == 1 else None

    @property
    def foot(self) -> Foot | None:
        """The source of the shown rows, when they were retrieved, and the as-of day."""
        rows = [
            row
            for name in ("totals", "details", "invoices")
            for account in self.rows[name].values()
            for row in account
        ]
        return foot_of(rows, self.locale, as_of=self.as_of) if rows else None

    @cached_property
    def combinations(self) -> frozenset[Choice]:
        """Each combination of currency, invoice type and partner that has rows."""
        alone = [key for key in self.rows["invoices"] if key not in self.rows["totals"]]
        every = [*self.rows["details"].values(), *(self.rows["invoices"][key] for key in alone)]
        return frozenset(
            Choice(row.currency, invoice_type_of(row), row.partner)
            for rows in every
            for row in rows
        )

    def fitting(self, choice: Choice, name: str) -> set[str | None]:
        """Return the values of one filter that have rows under the other filters."""
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
        """The latest rows that match the filters, with their recency; floats if from payloads.

        If there are only invoices, the invoices with their ageing.
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
        """All payloads of this overview, the latest first."""
        return [source.payload for source in (*self.balances, *self.earlier, *self.lists)]

    @property
    def whose(self) -> str:
        """The partner, if there is only one, and the time of retrieval to the minute."""
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
        """The balances as plain text."""
        sample = "Sample data. " if self.is_sample else ""
        if self.sections:
            return sample + " ".join(section.words for section in self.sections)
        return sample + self.nothing
