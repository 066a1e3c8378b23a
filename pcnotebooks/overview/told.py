"""Hold the rows of one account, and format the figures of its currency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from pcnotebooks.amounts import (
    add_exactly,
    format_amount,
    format_day,
    format_days,
    format_days_ago,
    format_number,
)
from pcnotebooks.frame.ageing import BANDS
from pcnotebooks.frame.schema import NOT_STATED
from pcnotebooks.text import isolated

NOTHING = "\N{EN DASH}"


@dataclass(frozen=True)
class Words:
    """The format of figures in one currency and one locale."""

    currency: str
    locale: str

    def amount(self, amount: Any) -> str:
        """Return an amount with its currency."""
        return format_amount(amount, self.currency, locale=self.locale)

    def number(self, amount: Any) -> str:
        """Return an amount without its currency; a dash if it is missing."""
        if pd.isna(amount):
            return NOTHING
        return format_number(amount, self.currency, locale=self.locale)

    def move(self, amount: Decimal) -> str:
        """Return a change with its sign."""
        sign = "\N{MINUS SIGN}" if amount < 0 else "+"
        return (sign if amount else "") + self.number(amount.copy_abs())

    def day(self, moment: Any) -> str:
        """Return a day; a dash if it is missing."""
        return NOTHING if pd.isna(moment) else format_day(moment.date(), locale=self.locale)

    def days(self, days: int) -> str:
        """Return a number of days."""
        return format_days(days, locale=self.locale)

    def days_ago(self, days: int) -> str:
        """Return the time since a day: ``439 days ago``."""
        return format_days_ago(days, locale=self.locale)


@dataclass(frozen=True)
class Told:
    """The rows of one account, from which its sentences are written."""

    stated: Sequence[Any]  # none if there is only a list; several if a currency is stated twice
    parts: Sequence[Any]  # by invoice type; the stated rows if the service names no types
    changes: Sequence[Any]
    difference: Any | None
    invoices: Sequence[Any] | None  # aged; None without a list
    explained: Any | None
    words: Words

    @property
    def is_part(self) -> bool:
        """Whether only one invoice type was chosen, which is not compared with the whole."""
        return bool(self.stated) and self.difference is None

    @property
    def newest(self) -> Any:
        """The stated row with the newest invoice, which represents the account."""
        dated = [row for row in self.stated if not pd.isna(row.latest_invoice_date)]
        return max(dated or self.stated, key=lambda row: row.latest_invoice_date)

    @property
    def balance(self) -> Decimal | None:
        """The exact balance; None if it is not stated."""
        if not self.stated:
            return None
        return add_exactly(row.balance_amount for row in self.stated)

    @property
    def by_type(self) -> dict[str, Decimal]:
        """The balance of each invoice type."""
        names = dict.fromkeys(type_name(row) for row in self.parts)
        return {
            name: add_exactly(row.balance_amount for row in self.parts if type_name(row) == name)
            for name in names
        }

    @property
    def open_overdue(self) -> list[Any]:
        """The invoices past due, the oldest first."""
        late = [row for row in self.invoices or () if row.ageing in BANDS]
        return sorted(late, key=lambda row: row.days_overdue, reverse=True)

    @property
    def open_next(self) -> list[Any]:
        """The invoices that fall due on the next due day."""
        ahead = [row for row in self.invoices or () if row.ageing == "not due"]
        first = min((row.due_date for row in ahead), default=None)
        return [row for row in ahead if row.due_date == first]

    @property
    def due_parts(self) -> list[Any]:
        """The parts that are owed and have a due day.

        The service may omit the latest invoice of a part. It cannot be newer than that of the
        total: if even that one is past due, the part is due on the total's day, or earlier.
        """
        parts, total = self.parts, self.newest if self.stated else None
        if total is not None and is_due(total) and total.days_until_due < 0:
            late = {name: getattr(total, name) for name in ("invoice_due_date", "days_until_due")}
            parts = [row._replace(**late) if pd.isna(row.latest_invoice_date) else row
                     for row in parts]  # fmt: skip
        return [row for row in parts if is_due(row)]

    @property
    def overdue(self) -> list[Any]:
        """The parts past due, the longest overdue last.

        Each part is judged by its own latest invoice: a newer invoice of another type does not
        hide it, and a credit of another part is not set off.
        """
        late = [row for row in self.due_parts if row.days_until_due < 0]
        return sorted(late, key=lambda row: row.days_until_due, reverse=True)

    @property
    def first_due(self) -> Any | None:
        """The first due day of an open invoice, or of a part if there is no list; may be past."""
        if self.invoices is None:
            return min((row.invoice_due_date for row in self.due_parts), default=None)
        unpaid = {"not due", *BANDS}
        return min((row.due_date for row in self.invoices if row.ageing in unpaid), default=None)

    @property
    def next_due(self) -> Any | None:
        """The part with the earliest due day that is not past."""
        ahead = [row for row in self.due_parts if row.days_until_due >= 0]
        return min(ahead, key=lambda row: row.days_until_due, default=None)


def is_due(row: Any) -> bool:
    """Return whether a row has a positive balance and a due day."""
    return row.balance_amount > 0 and not pd.isna(row.invoice_due_date)


def type_name(row: Any) -> str:
    """Return a row's invoice type, safe inside a sentence."""
    return NOT_STATED if pd.isna(row.invoice_type) else isolated(row.invoice_type)
