"""What an overview says of one account: sentences, alerts, figures and the rows of tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
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
from pcnotebooks.clouds import cloud_label
from pcnotebooks.frame.ageing import BANDS, LIKELY_CAUSES
from pcnotebooks.frame.measures import difference_sentence, future_payment_sentence
from pcnotebooks.frame.schema import NOT_STATED
from pcnotebooks.overview.charts import balance_title, paid_in_words
from pcnotebooks.overview.model import Figure, Invoice, Line, Movement
from pcnotebooks.text import isolated, named

NOTHING = "\N{EN DASH}"
_STATED = "Stated by Partner Center"


@dataclass(frozen=True)
class Words:
    """How the figures of one currency are written."""

    currency: str
    locale: str

    def amount(self, amount: Any) -> str:
        """Return an amount with its currency."""
        return format_amount(amount, self.currency, locale=self.locale)

    def number(self, amount: Any) -> str:
        """Return an amount without its currency; a dash where there is none."""
        if pd.isna(amount):
            return NOTHING
        return format_number(amount, self.currency, locale=self.locale)

    def move(self, amount: Any) -> str:
        """Return by how much a balance went up or down."""
        sign = "\N{MINUS SIGN}" if amount < 0 else "+"
        return (sign if amount else "") + self.number(abs(amount))

    def day(self, moment: Any) -> str:
        """Return a day; a dash where there is none."""
        return NOTHING if pd.isna(moment) else format_day(moment.date(), locale=self.locale)

    def days(self, days: int) -> str:
        """Return a number of days."""
        return format_days(days, locale=self.locale)

    def days_ago(self, days: int) -> str:
        """Return how long ago."""
        return format_days_ago(days, locale=self.locale)


@dataclass(frozen=True)
class Told:
    """The rows of one account: what its words are made from."""

    stated: Sequence[Any]  # more than one where a payload states a currency twice
    parts: Sequence[Any]  # by invoice type; what is stated, where the service names no types
    changes: Sequence[Any]
    difference: Any
    invoices: Sequence[Any] | None  # aged; None without a list of them
    explained: Any | None
    words: Words

    @property
    def newest(self) -> Any:
        """The stated row of the newest invoice, which speaks for the account."""
        dated = [row for row in self.stated if not pd.isna(row.latest_invoice_date)]
        return max(dated or self.stated, key=lambda row: row.latest_invoice_date)

    @property
    def balance(self) -> Decimal:
        """What is owed, to the cent."""
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
        """The invoices that fall due next, on one day."""
        ahead = [row for row in self.invoices or () if row.ageing == "not due"]
        first = min((row.due_date for row in ahead), default=None)
        return [row for row in ahead if row.due_date == first]

    @property
    def overdue(self) -> list[Any]:
        """The parts past due, the latest one last: nothing of them is younger than its invoice.

        Judged by part: a newer invoice of another type hides nothing, and a credit of another
        part is not set off.
        """
        late = [row for row in self.parts if is_due(row) and row.days_until_due < 0]
        return sorted(late, key=lambda row: row.days_until_due, reverse=True)

    @property
    def next_due(self) -> Any | None:
        """The part whose latest invoice falls due first of those that are not past due."""
        ahead = [row for row in self.parts if is_due(row) and row.days_until_due >= 0]
        return min(ahead, key=lambda row: row.days_until_due, default=None)


def is_due(row: Any) -> bool:
    """Whether a row has something to pay, and by when."""
    return row.balance_amount > 0 and not pd.isna(row.invoice_due_date)


def sentence(told: Told) -> str:
    """Return what is owed, how it was paid, when it falls due and what moved."""
    title = balance_title(told.words.currency, told.balance, told.by_type, locale=told.words.locale)
    paid = paid_in_words(told.newest, locale=told.words.locale)
    return (
        f"{title}{_split_with_credit(told)}; {paid}.{_due_sentence(told)}{_change_sentence(told)}"
    )


def _split_with_credit(told: Told) -> str:
    """Return the parts where one is a credit: shares of their sum would say nothing."""
    parts = told.by_type
    whole = add_exactly(parts.values()) == told.balance and NOT_STATED not in parts
    if len(parts) < 2 or not whole or all(amount >= 0 for amount in parts.values()):
        return ""
    return ": " + ", ".join(f"{name} {told.words.amount(amount)}" for name, amount in parts.items())


def _due_sentence(told: Told) -> str:
    words = told.words
    if told.invoices is not None:
        open_ = add_exactly(row.open_amount for row in told.invoices if _is_open(row))
        said = ""
        if late := told.open_overdue:
            late_sum = words.amount(add_exactly(row.open_amount for row in late))
            since = words.day(late[0].due_date)
            said = f" {late_sum} of {words.number(open_)} is overdue, the oldest since {since}."
        if coming := told.open_next:
            next_sum = words.amount(add_exactly(row.open_amount for row in coming))
            said += f" Next due: {next_sum} on {words.day(coming[0].due_date)}."
        return said
    if told.overdue:
        latest = told.overdue[-1]
        amount = add_exactly(row.balance_amount for row in told.overdue)
        return (
            f" {told.words.amount(amount)} is {_overdue(told)}: the latest{_of_type(latest, told)}"
            f" invoice fell due on {told.words.day(latest.invoice_due_date)}."
        )
    if (part := told.next_due) is None:
        return ""
    day = told.words.day(part.invoice_due_date)
    return f" The latest{_of_type(part, told)} invoice falls due on {day}."


def _of_type(part: Any, told: Told) -> str:
    """Return an invoice type for the middle of a sentence; nothing where only one is owed."""
    several = sum(row.balance_amount > 0 for row in told.parts) > 1
    return f" {type_name(part)}" if several else ""


def _overdue(told: Told) -> str:
    # No invoice of the part is newer: whatever is still owed was due on that day or before.
    return f"overdue by at least {told.words.days(-told.overdue[-1].days_until_due)}"


def _change_sentence(told: Told) -> str:
    """Return what the newest payload changed; nothing where there is no earlier one."""
    if not told.changes:
        return ""
    change, words = told.changes[-1], told.words
    since = words.day(change.previous_retrieved_at)
    if change.balance_change == 0:
        moved = f"Unchanged since {since}"
    else:
        direction = "Up" if change.balance_change > 0 else "Down"
        moved = f"{direction} {words.amount(abs(change.balance_change))} since {since}"
    causes = []
    if change.payment_seen:
        stated = not pd.isna(change.payment_amount)
        amount = f" of {words.amount(change.payment_amount)}" if stated else ""
        causes.append(f"payment{amount} on {words.day(change.payment_date)}")
    if change.invoice_seen:
        causes.append(f"new invoice of {words.day(change.invoice_date)}")
    if change.unexplained:
        causes.append("no payment and no invoice explains it")
    elif _beyond(change):
        both = change.payment_seen and change.invoice_seen
        causes.append(
            "fell by more than the payment stated" if both else "these do not explain all of it"
        )
    return f" {moved}{': ' if causes else ''}{', '.join(causes)}."


def _beyond(change: Any) -> bool:
    """Return whether payment and invoice leave a movement unexplained though there are some.

    A payment moves the balance by its amount where no invoice is new. The amounts of invoices
    are not stated: they may add anything, and nothing but payments takes away.
    """
    if change.unexplained or change.balance_change == 0:
        return False
    paid = change.payment_amount if change.payment_seen else 0.0
    if pd.isna(paid):
        return False
    if change.invoice_seen:
        return bool(change.balance_change < -paid)
    return bool(change.balance_change != -paid)


def alerts(told: Told) -> tuple[str, ...]:
    """Return in a few words what a summary must not be silent about."""
    found = []
    if told.open_overdue:
        found.append(f"overdue by {told.words.days(told.open_overdue[0].days_overdue)}")
    elif told.invoices is None and told.overdue:
        found.append(_overdue(told))
    if told.difference.difference:
        found.append("its parts do not add up")
    if unexplained := sum(change.unexplained for change in told.changes):
        found.append(f"{unexplained} unexplained movement{'s' if unexplained > 1 else ''}")
    if told.changes and _beyond(told.changes[-1]):
        found.append("moved beyond what is stated")
    return tuple(found)


def figures(told: Told) -> tuple[Figure, ...]:
    """Return the headline figures: what is owed, of which types, last paid, and due when."""
    words, parts, stated = told.words, told.by_type, told.newest
    found = [
        Figure(
            words.number(told.balance.copy_abs()), "Credit" if told.balance < 0 else "Balance owed"
        )
    ]
    if set(parts) != {NOT_STATED}:
        found += [
            Figure(words.number(amount), "Type not stated" if name == NOT_STATED else name)
            for name, amount in parts.items()
        ]
    if stated.payment_status == "paid":
        days, amount = words.days_ago(stated.days_since_payment), stated.last_payment_amount
        remark = days if pd.isna(amount) else f"{words.amount(amount)}, {days}"
        found.append(Figure(words.day(stated.last_payment_date), "Last paid", remark))
    else:
        found.append(Figure(stated.payment_status.capitalize(), "Payment"))
    if told.invoices is not None:
        return (*found, *_invoice_figures(told))
    if told.overdue:
        latest = told.overdue[-1]
        label = f"Latest{_of_type(latest, told)} invoice fell due"
        remark = _overdue(told).capitalize()
        found.append(Figure(words.day(latest.invoice_due_date), label, remark, attention=True))
    if (part := told.next_due) is not None:
        label = f"Latest{_of_type(part, told)} invoice falls due"
        remark = f"{words.days(part.days_until_due)} left"
        found.append(Figure(words.day(part.invoice_due_date), label, remark))
    return tuple(found)


def _invoice_figures(told: Told) -> list[Figure]:
    """Return what is overdue and what falls due next, by invoice."""
    words, found = told.words, []
    if late := told.open_overdue:
        amount = words.number(add_exactly(row.open_amount for row in late))
        oldest = f"The oldest by {words.days(late[0].days_overdue)}"
        found.append(Figure(amount, "Overdue", oldest, attention=True))
    if coming := told.open_next:
        amount = words.amount(add_exactly(row.open_amount for row in coming))
        remark = f"{amount}, {words.days(-coming[0].days_overdue)} left"
        found.append(Figure(words.day(coming[0].due_date), "Next due", remark))
    return found


def invoices(told: Told) -> tuple[Invoice, ...] | None:
    """Return the open invoices, most overdue first and credits last; None without a list."""
    if told.invoices is None:
        return None
    words = told.words
    shown = [row for row in told.invoices if row.ageing not in {"void", "paid"}]
    shown.sort(key=lambda row: (row.ageing == "credit", -_days_overdue(row), row.invoice_id))
    return tuple(
        Invoice(
            number=isolated(row.invoice_id),
            label=_document(row),
            date=words.day(row.invoice_date),
            due=words.day(row.due_date) if row.ageing in {"not due", *BANDS} else NOTHING,
            days=_days_in_words(row, words),
            open=words.number(row.open_amount),
            charges=words.number(row.total_charges),
            overdue=row.ageing in BANDS,
        )
        for row in shown
    )


def _is_open(row: Any) -> bool:
    return row.ageing in {"not due", *BANDS} or (
        row.ageing == "not stated" and not pd.isna(row.open_amount)
    )


def _days_overdue(row: Any) -> float:
    """Return a number to sort by: what has no due day comes after all that has."""
    return float("-inf") if pd.isna(row.days_overdue) else float(row.days_overdue)


def _days_in_words(row: Any, words: Words) -> str:
    if row.ageing in BANDS:
        return f"{words.days(row.days_overdue)} overdue"
    return f"{words.days(-row.days_overdue)} left" if row.ageing == "not due" else row.ageing


def _document(row: Any) -> str:
    """Return the invoice type; of an adjustment note or any other document what it is as well."""
    kinds = [type_name(row)]
    if not pd.isna(row.document_type) and row.document_type != "Invoice":
        kinds.append(isolated(row.document_type))
    if not pd.isna(row.amends_id):
        kinds.append(f"amends {isolated(row.amends_id)}")
    return ", ".join(kinds)


def proof(told: Told) -> tuple[str, ...]:
    """Return how the stated balance compares with the sum of its parts, and with its invoices."""
    row, words = told.difference, told.words
    stated = words.amount(row.stated)
    if row.summed is None:
        found = [f"Stated {stated}; the service states no parts to compare it with."]
    else:
        equals = "≠" if row.difference else "="
        parts = words.amount(row.summed)
        rest = words.number(row.difference)
        found = [f"Stated {stated} {equals} sum of parts {parts}, difference {rest}."]
    if told.explained is not None:
        found.append(_explained(told.explained, words))
    return tuple(found)


def _explained(row: Any, words: Words) -> str:
    """Return the three figures: stated, open by invoice, and what invoices do not explain."""
    if row.not_explained is None:
        return "What is open by invoice is not stated for every invoice, so it is not compared."
    credit = f", of which credits {words.number(row.credits)}" if row.credits else ""
    said = (
        f"Open by invoice {words.amount(row.open_by_invoice)}{credit}; not explained by invoices"
        f" {words.number(row.not_explained)}."
    )
    if row.not_explained:
        said += f" Likely: {'; or '.join(LIKELY_CAUSES)}."
    return said


def attention(told: Told) -> tuple[str, ...]:
    """Return what a reader must not overlook, in words; of old movements the newest three."""
    words, locale = told.words, told.words.locale
    found = []
    if told.difference.difference:
        found.append(f"Difference: {difference_sentence(told.difference, locale=locale)}")
    found += [
        f"Payment in the future: {future_payment_sentence(row, locale=locale)}"
        for row in told.stated
        if row.recency == "in the future"
    ]
    moved = [change for change in reversed(told.changes) if change.unexplained]
    found += [
        f"Unexplained movement: between {words.day(change.previous_retrieved_at)} and"
        f" {words.day(change.retrieved_at)} the balance went from"
        f" {words.amount(change.previous_balance_amount)} to {words.amount(change.balance_amount)}"
        " without a payment or an invoice."
        for change in moved[:3]
    ]
    if told.changes and _beyond(change := told.changes[-1]):
        payment = _payment_words(change, words, words.amount) if change.payment_seen else "none"
        found.append(
            f"Movement beyond what is stated: since {words.day(change.previous_retrieved_at)} the"
            f" balance went from {words.amount(change.previous_balance_amount)} to"
            f" {words.amount(change.balance_amount)}; the only payment stated since is {payment}."
        )
    if len(moved) > 3:
        found.append(f"Unexplained movements before these: {len(moved) - 3}.")
    return tuple(found)


def _payment_words(change: Any, words: Words, write: Callable[[Any], str]) -> str:
    amount = "" if pd.isna(change.payment_amount) else f"{write(change.payment_amount)} on "
    return f"{amount}{words.day(change.payment_date)}"


def line(row: Any, words: Words, *, total: bool = False) -> Line:
    """Return the table's row of a part, or of what is stated in total."""
    paid = row.payment_status == "paid"
    return Line(
        label=_STATED if total else type_name(row),
        total=total,
        partner=row.partner,
        currency=row.currency,
        balance=words.number(row.balance_amount),
        last_paid=words.day(row.last_payment_date) if paid else row.payment_status.capitalize(),
        days=words.days_ago(row.days_since_payment) if paid else "",
        amount=words.number(row.last_payment_amount),
        latest_invoice=words.day(row.latest_invoice_date),
        falls_due=words.day(row.invoice_due_date) if is_due(row) else NOTHING,
    )


def movements(told: Told) -> tuple[Movement, ...]:
    """Return the balances of a trend, newest first; none where there is no earlier one."""
    if not told.changes:
        return ()
    words, first = told.words, told.changes[0]
    mark = " \N{BLACK UP-POINTING TRIANGLE} unexplained"
    moved = [
        Movement(
            day=words.day(row.retrieved_at),
            balance=words.number(row.balance_amount),
            change=words.move(row.balance_change) + (mark if row.unexplained else ""),
            payment=_payment_words(row, words, words.number) if row.payment_seen else NOTHING,
            invoice=words.day(row.invoice_date),
            unexplained=row.unexplained,
        )
        for row in reversed(told.changes)
    ]
    start = words.day(first.previous_retrieved_at), words.number(first.previous_balance_amount)
    return (*moved, Movement(*start, NOTHING, NOTHING, NOTHING, unexplained=False))


def together(balances: Sequence[Decimal], words: Words) -> str:
    """Return what several accounts owe; a credit belongs to its account and is not set off."""
    owed = add_exactly(balance for balance in balances if balance > 0)
    credit = add_exactly(balance.copy_negate() for balance in balances if balance < 0)
    accounts = f"{len(balances)} accounts together"
    if not credit:
        return f"{words.amount(owed)} owed by {accounts}."
    if not owed:
        return f"Credits of {words.amount(credit)}, {accounts}."
    return f"{words.amount(owed)} owed; credits of {words.amount(credit)}, not set off."


def owner_name(partner: str, cloud: str) -> str:
    """Return whose account it is, and at which cloud."""
    return f"{isolated(named(partner))} · {cloud_label(cloud)}"


def type_name(row: Any) -> str:
    """Return a row's invoice type, safe inside a sentence."""
    return NOT_STATED if pd.isna(row.invoice_type) else isolated(row.invoice_type)


def days_words(days: Sequence[date], locale: str) -> str:
    """Return a day, or the first and the last of several."""
    first, last = (format_day(day, locale=locale) for day in (min(days), max(days)))
    return first if first == last else f"{first} to {last}"
