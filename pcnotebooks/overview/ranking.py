"""Write the row of each account in the first table, and the notices above it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from pcnotebooks.amounts import add_exactly
from pcnotebooks.frame.schema import NOT_STATED
from pcnotebooks.overview.model import Account, Glance, Notice, Section
from pcnotebooks.overview.told import NOTHING, Told, Words
from pcnotebooks.overview.words import questions
from pcnotebooks.text import isolated

# More would be a second table above the first.
_NOTICES = 5
_NAMED = 6  # currencies in a notice


def glance(told: Told) -> Glance:
    """Return the row of an account: balance, overdue, next due, change and trend."""
    words, asked = told.words, questions(told)
    overdue, since = _overdue(told)
    # Without a list only the latest invoice of a part is known.
    since_words = f"{words.day(since)}{'' if told.invoices is not None else ' or before'}"
    due, due_amount = _next_due(told)
    change = told.changes[-1] if told.changes else None
    first = since or due
    return Glance(
        balance=NOT_STATED if told.balance is None else words.number(told.balance),
        overdue_amount=overdue,
        overdue=words.number(overdue) if overdue else "",
        overdue_since=since_words if overdue else "",
        questions=asked,
        next_due=words.day(due),
        next_amount=words.amount(due_amount) if due_amount else "",
        due_amount=due_amount,
        change_amount=change.balance_change if change else None,
        change=words.move(change.balance_change) if change else NOTHING,
        changed_since=words.day(change.previous_retrieved_at) if change else "",
        trend=_points(told.changes),
        due=None if due is None else due.date(),
        order=(
            0 if overdue else 1 if asked else 2,
            date.max if first is None else first.date(),
            words.currency,
        ),
    )


def _overdue(told: Told) -> tuple[Decimal, Any]:
    """Return the amount past due and its first due day; by part if there is no list."""
    if told.invoices is not None:
        late = told.open_overdue
        return add_exactly(row.open_amount for row in late), late[0].due_date if late else None
    parts = told.overdue
    amount = add_exactly(row.balance_amount for row in parts)
    return amount, min((row.invoice_due_date for row in parts), default=None)


def _next_due(told: Told) -> tuple[Any, Decimal | None]:
    """Return the next due day, and its amount if there is a list: for a part none is stated."""
    if told.invoices is not None:
        coming = told.open_next
        amount = add_exactly(row.open_amount for row in coming)
        return (coming[0].due_date, amount) if coming else (None, None)
    return (None if told.next_due is None else told.next_due.invoice_due_date), None


def _points(changes: Sequence[Any]) -> tuple[tuple[float, float], ...]:
    """Return times and balances, both scaled to 0 to 1; the range includes a balance of zero."""
    if not changes:
        return ()
    first = changes[0]
    points = [(first.previous_retrieved_at, float(first.previous_balance_amount))]
    points += [(row.retrieved_at, float(row.balance_amount)) for row in changes]
    start, end = points[0][0], points[-1][0]
    low = min(0, *(balance for _, balance in points))
    reach = max(0, *(balance for _, balance in points)) - low
    return tuple(
        ((moment - start) / (end - start), (balance - low) / reach if reach else 0.0)
        for moment, balance in points
    )


def ranked(sections: Iterable[Section]) -> tuple[Section, ...]:
    """Return the currencies with accounts, overdue ones first, then by due day."""
    stated = [section for section in sections if section.accounts]
    return tuple(sorted(stated, key=lambda section: section.ranked[0].glance.order))


def notices(sections: Sequence[Section], *, several: bool, locale: str) -> tuple[Notice, ...]:
    """Return notices of points that need attention, most urgent first, then of the next due day."""
    overdue, asked = [], []
    for section in ranked(sections):
        late = [account for account in section.ranked if account.glance.overdue]
        open_ = [account for account in section.ranked if account.glance.questions]
        if late:
            words = Words(section.currency, locale)
            amount = words.amount(add_exactly(account.glance.overdue_amount for account in late))
            since = late[0].glance.overdue_since
            many = f" in {len(late)} accounts, the first" if len(late) > 1 else ""
            overdue.append(
                _notice(section, late, f"{amount} overdue{many} since {since}", several=several)
            )
        if open_:
            said = open_[0].glance.questions if len(open_) == 1 else ["open questions"]
            many = f" in {len(open_)} accounts" if len(open_) > 1 else ""
            asked.append(
                _notice(
                    section, open_, f"{section.currency}: {', '.join(said)}{many}", several=several
                )
            )
    every = [*overdue, *asked]
    shown = every[:_NOTICES]
    if more := len(every) - len(shown):
        shown.append(Notice(f"{more} more, marked in the table", 0, 0, attention=True))
    pairs = [(section, account) for section in sections for account in section.accounts]
    days = [account.glance.due for _, account in pairs if account.glance.due is not None]
    coming = [pair for pair in pairs if days and pair[1].glance.due == min(days)]
    if coming:
        shown.append(_next(coming))
    return tuple(shown)


def _notice(section: Section, accounts: Sequence[Account], words: str, *, several: bool) -> Notice:
    """Return a notice of one account, or of several in one currency."""
    if len(accounts) > 1:
        return Notice(words, section.place, 0, attention=True)
    owner = f" · {isolated(accounts[0].name)}" if several else ""
    return Notice(words + owner, section.place, accounts[0].number, attention=True)


def _next(coming: Sequence[tuple[Section, Account]]) -> Notice:
    """Return the notice of the next due day; a choice that excludes it hides it."""
    seen = coming[0][1].glance
    currencies = {section.currency: section.place for section, _ in coming}
    numbers = {account.number for _, account in coming}
    what = ", ".join(currencies)
    if len(coming) == 1 and seen.next_amount:
        what = seen.next_amount
    elif len(currencies) > _NAMED:
        what = f"{len(currencies)} currencies"
    return Notice(
        f"Next due: {seen.next_due}, {what}",
        next(iter(currencies.values())) if len(currencies) == 1 else 0,
        numbers.pop() if len(numbers) == 1 else 0,
        attention=False,
    )
