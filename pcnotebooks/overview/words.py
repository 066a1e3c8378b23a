"""Write the sentences, alerts, figures and table rows of one account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd

from pcnotebooks.amounts import add_exactly, format_day
from pcnotebooks.clouds import cloud_label
from pcnotebooks.errors import PcNotebooksError
from pcnotebooks.frame.measures import difference_sentence, future_payment_sentence
from pcnotebooks.frame.schema import NOT_STATED
from pcnotebooks.overview import listed
from pcnotebooks.overview.charts import balance_title, paid_in_words
from pcnotebooks.overview.model import Choice, Figure, Line, Movement
from pcnotebooks.overview.told import NOTHING, Told, Words, is_due, type_name
from pcnotebooks.payload.decode import SUMMARIES
from pcnotebooks.text import isolated, named

_STATED = "Stated by Partner Center"


def sentence(told: Told) -> str:
    """Return the balance, its last payment, its due day and its last change in words."""
    if told.balance is None:
        by_invoice = listed.open_in_words(told)
        said = f"{told.words.currency} balance not stated. Open by invoice: {by_invoice}."
        return f"{said}{_due_sentence(told)}"
    parts = {} if told.is_part else told.by_type
    title = balance_title(told.words.currency, told.balance, parts, locale=told.words.locale)
    if told.is_part:
        title = f"{next(iter(told.by_type))}: {title}"
    paid = paid_in_words(told.newest, locale=told.words.locale)
    return (
        f"{title}{_split_with_credit(told)}; {paid}.{_due_sentence(told)}{_change_sentence(told)}"
    )


def _split_with_credit(told: Told) -> str:
    """Return the parts if one is a credit, since shares of their sum would be misleading."""
    parts = told.by_type
    whole = add_exactly(parts.values()) == told.balance and NOT_STATED not in parts
    if len(parts) < 2 or not whole or all(amount >= 0 for amount in parts.values()):
        return ""
    return ": " + ", ".join(f"{name} {told.words.amount(amount)}" for name, amount in parts.items())


def _due_sentence(told: Told) -> str:
    if told.invoices is not None:
        return listed.due_sentence(told)
    if told.overdue:
        latest = told.overdue[-1]
        amount = add_exactly(row.balance_amount for row in told.overdue)
        # The other parts are overdue for fewer days.
        overdue = _overdue(told, ", the oldest part" if len(told.overdue) > 1 else "")
        return (
            f" {told.words.amount(amount)} is {overdue}: the latest{_of_type(latest, told)}"
            f" invoice fell due on {told.words.day(latest.invoice_due_date)}."
        )
    if (part := told.next_due) is None:
        return ""
    day = told.words.day(part.invoice_due_date)
    return f" The latest{_of_type(part, told)} invoice falls due on {day}."


def _of_type(part: Any, told: Told) -> str:
    """Return an invoice type for the middle of a sentence.

    It is empty if only one is owed, or if the latest invoice is that of the total.
    """
    several = sum(row.balance_amount > 0 for row in told.parts) > 1
    return f" {type_name(part)}" if several and not pd.isna(part.latest_invoice_date) else ""


def _overdue(told: Told, whose: str = "") -> str:
    # The part has no newer invoice, so all that is still owed was due on that day or earlier.
    return f"overdue{whose} by at least {told.words.days(-told.overdue[-1].days_until_due)}"


def _change_sentence(told: Told) -> str:
    """Return the change since the previous payload; empty if there is none."""
    if not told.changes:
        return ""
    change, words = told.changes[-1], told.words
    since = words.day(change.previous_retrieved_at)
    if change.balance_change == 0:
        moved = f"Unchanged since {since}"
    else:
        direction = "Up" if change.balance_change > 0 else "Down"
        moved = f"{direction} {words.amount(change.balance_change.copy_abs())} since {since}"
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
    """Return whether a payment or an invoice was seen that does not explain the movement fully.

    If no invoice is new, a payment reduces the balance by exactly its amount. The amounts of
    invoices are not stated: an invoice may add any amount, but only payments reduce a balance.
    """
    if change.unexplained or change.balance_change == 0:
        return False
    paid = change.payment_amount if change.payment_seen else Decimal(0)
    if paid is None:
        return False
    rest = add_exactly([change.balance_change, paid])
    return rest < 0 if change.invoice_seen else rest != 0


def alerts(told: Told) -> tuple[str, ...]:
    """Return brief alerts that no summary may leave out."""
    found = []
    if told.open_overdue:
        found.append(f"overdue by {told.words.days(told.open_overdue[0].days_overdue)}")
    elif told.invoices is None and told.overdue:
        found.append(_overdue(told))
    return (*found, *questions(told))


def questions(told: Told) -> tuple[str, ...]:
    """Return brief notes on differences and movements that the figures do not explain."""
    found = []
    if told.difference is not None and told.difference.difference:
        found.append("its parts do not add up")
    if unexplained := sum(change.unexplained for change in told.changes):
        found.append(f"{unexplained} unexplained movement{'s' if unexplained > 1 else ''}")
    if told.changes and _beyond(told.changes[-1]):
        found.append("moved beyond the stated payment")
    return tuple(found)


def figures(told: Told) -> tuple[Figure, ...]:
    """Return the headline figures: balance, its invoice types, last payment and due day."""
    if told.balance is None:
        open_ = listed.open_by_invoice(told)
        shown = NOT_STATED if open_ is None else told.words.number(open_)
        return (
            Figure(NOT_STATED, "Balance owed"),
            Figure(shown, "Open by invoice", listed.credits_in_words(told)),
            *listed.figures(told),
        )
    words, parts, stated = told.words, told.by_type, told.newest
    owed = "Credit" if told.balance < 0 else "Balance owed"
    of_type = next(iter(parts)) if told.is_part else ""
    found = [Figure(words.number(told.balance.copy_abs()), owed, of_type)]
    if not told.is_part and set(parts) != {NOT_STATED}:
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
        return (*found, *listed.figures(told))
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


def proof(told: Told) -> tuple[str, ...]:
    """Return how the stated balance compares with the sum of its parts, and with its invoices."""
    row, words = told.difference, told.words
    if told.is_part:
        return ()
    if row is None:
        by_invoice = listed.open_in_words(told)
        said = f"Stated balance: {NOT_STATED}. Open by invoice: {by_invoice}."
        return (f"{said} Not explained by invoices: {NOT_STATED}.",)
    stated = words.amount(row.stated)
    if row.summed is None:
        found = [f"Stated {stated}; the service states no parts to compare it with."]
    else:
        equals = "≠" if row.difference else "="
        parts = words.amount(row.summed)
        rest = words.number(row.difference)
        found = [f"Stated {stated} {equals} sum of parts {parts}, difference {rest}."]
    if told.explained is not None:
        found.append(listed.explained(told, told.explained.not_explained))
    return tuple(found)


def attention(told: Told) -> tuple[str, ...]:
    """Return warnings that a reader must not overlook; at most three unexplained movements."""
    words, locale = told.words, told.words.locale
    found = []
    if told.difference is not None and told.difference.difference:
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
            f"Movement beyond the stated payment: since {words.day(change.previous_retrieved_at)}"
            f" the balance went from {words.amount(change.previous_balance_amount)} to"
            f" {words.amount(change.balance_amount)}; the only payment stated since is {payment}."
        )
    if len(moved) > 3:
        found.append(f"Unexplained movements before these: {len(moved) - 3}.")
    return tuple(found)


def _payment_words(change: Any, words: Words, write: Callable[[Any], str]) -> str:
    amount = "" if pd.isna(change.payment_amount) else f"{write(change.payment_amount)} on "
    return f"{amount}{words.day(change.payment_date)}"


def line(row: Any, words: Words, *, total: bool = False, first_due: Any | None = None) -> Line:
    """Return the table row of a part, or of the stated total.

    The total is due with its first part: a newer invoice of another type must not hide it.
    """
    paid = row.payment_status == "paid"
    due = first_due or (row.invoice_due_date if is_due(row) else None)
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
        falls_due=words.day(due),
    )


def unstated_line(told: Told, partner: str) -> Line:
    """Return the table row of an account whose balance is not stated."""
    return Line(
        label=_STATED,
        total=True,
        partner=partner,
        currency=told.words.currency,
        balance=NOT_STATED,
        last_paid=NOT_STATED,
        days="",
        amount=NOTHING,
        latest_invoice=NOTHING,
        falls_due=NOTHING,
    )


def movements(told: Told) -> tuple[Movement, ...]:
    """Return the balances of a trend, newest first; empty if there is no earlier one."""
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


def together(balances: Sequence[Decimal | None], words: Words) -> str:
    """Return the sum that several accounts owe; credits of other accounts are not set off."""
    stated = [balance for balance in balances if balance is not None]
    if missing := len(balances) - len(stated):
        rest = f"The balance of {missing} of {len(balances)} accounts is not stated."
        return f"{together(stated, words)} {rest}" if stated else rest
    owed = add_exactly(balance for balance in stated if balance > 0)
    credit = add_exactly(balance.copy_negate() for balance in stated if balance < 0)
    accounts = "1 account" if len(stated) == 1 else f"{len(stated)} accounts together"
    if not credit:
        return f"{words.amount(owed)} owed by {accounts}."
    if not owed:
        return f"Credits of {words.amount(credit)}, {accounts}."
    return f"{words.amount(owed)} owed; credits of {words.amount(credit)}, not set off."


def not_fetched(partner: str, cloud: str, resource: str, error: PcNotebooksError) -> str:
    """Return a note that a resource of an account could not be fetched, and why."""
    what = "balances" if resource == SUMMARIES else "list of invoices"
    why = " ".join(str(error).split())
    return f"{owner_name(partner, cloud)}: the {what} could not be fetched. {why}"


def owner_name(partner: str, cloud: str) -> str:
    """Return the partner and the cloud of an account."""
    return f"{isolated(named(partner))} · {cloud_label(cloud)}"


def nothing(choice: Choice) -> str:
    """Return the sentence for a choice without balances; it names the choice."""
    if choice == Choice():
        return "No balances are stated."
    what = "nothing"
    if choice.invoice_type is not None:
        what = f"no {isolated(named(choice.invoice_type))} charges"
    where = f" in {choice.currency}" if choice.currency is not None else ""
    whose = f" for {isolated(named(choice.partner))}" if choice.partner is not None else ""
    return f"Partner Center states {what}{where}{whose}."


def days_words(days: Sequence[date], locale: str) -> str:
    """Return a day, or the first and the last of several."""
    first, last = (format_day(day, locale=locale) for day in (min(days), max(days)))
    return first if first == last else f"{first} to {last}"
