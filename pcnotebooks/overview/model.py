"""What each partner owes in each currency, in words and figures, ready for a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
from pcnotebooks.frame.build import (
    NOT_STATED,
    AsOf,
    changes_of,
    difference_sentence,
    differences,
    future_payment_sentence,
    latest_payloads,
    recency_of,
    rows_of,
    rows_with,
    split,
    summary_frame,
    totals_frame,
)
from pcnotebooks.overview.charts import balance_title, parts_by_type
from pcnotebooks.payload.payload import Payload
from pcnotebooks.text import isolated

NOTHING = "\N{EN DASH}"
_STATED = "Stated by Partner Center"


@dataclass(frozen=True)
class Figure:
    """A headline figure: the number, what it is, and a remark."""

    value: str
    label: str
    remark: str = ""
    attention: bool = False


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
class Movement:
    """A row of the table behind a trend."""

    day: str
    balance: str
    change: str
    payment: str
    invoice: str
    unexplained: bool


@dataclass(frozen=True)
class Frames:
    """The frames that a report is written from, or their rows of one partner and currency."""

    details: pd.DataFrame
    totals: pd.DataFrame
    history: pd.DataFrame
    changes: pd.DataFrame
    differences: pd.DataFrame

    def by_account(self) -> dict[tuple[str, str, str], Frames]:
        """Return the rows of each partner, cloud and currency that the totals state."""
        keys = ("partner", "cloud", "currency")
        rows = {name: split(frame, *keys) for name, frame in vars(self).items()}
        return {
            key: Frames(
                **{name: rows[name].get(key, frame[:0]) for name, frame in vars(self).items()}
            )
            for key in rows["totals"]
        }


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
        return (
            NOTHING if pd.isna(amount) else format_number(amount, self.currency, locale=self.locale)
        )

    def move(self, amount: Any) -> str:
        """Return by how much a balance went up or down."""
        sign = "+" if amount > 0 else "\N{MINUS SIGN}" if amount < 0 else ""
        return sign + self.number(abs(amount))

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
class Statement:
    """What one partner owes in one currency."""

    number: int
    partner: str
    owner: str
    balance: Decimal
    sentence: str
    alerts: list[str]
    figures: list[Figure]
    lines: list[Line]
    movements: list[Movement]
    proof: str
    attention: list[str]
    frames: Frames


@dataclass(frozen=True)
class Section:
    """A currency, with a statement of each partner."""

    place: int
    currency: str
    together: str
    statements: list[Statement]

    @property
    def partners(self) -> list[Line]:
        """What each partner's statement says in total, one below the other."""
        return [
            replace(line, label=statement.owner, total=False)
            for statement in self.statements
            for line in statement.lines
            if line.total
        ]


def sections_of(
    payloads: Sequence[Payload],
    *,
    as_of: AsOf | None = None,
    terms_days: int = 60,
    locale: str = "en",
) -> list[Section]:
    """Return a section for each currency that a latest payload states."""
    current = latest_payloads(payloads)
    history = totals_frame(*payloads, exact=True)
    details = summary_frame(*current, exact=True)
    totals = history if len(current) == len(payloads) else totals_frame(*current, exact=True)
    frames = Frames(
        details=recency_of(details, as_of=as_of, terms_days=terms_days),
        totals=recency_of(totals, as_of=as_of, terms_days=terms_days),
        history=history,
        changes=changes_of(history),
        differences=differences(*current),
    )
    accounts = frames.by_account()
    sections = []
    owners = [(payload.partner, payload.cloud) for payload in current]
    for place, currency in enumerate(sorted(set(totals["currency"])), start=1):
        statements = []
        words = Words(currency, locale)
        for number, (partner, cloud) in enumerate(owners, start=1):
            if own := accounts.get((partner, cloud, currency)):
                statements.append(_statement(own, words, number))
        together = _together([statement.balance for statement in statements], words)
        sections.append(Section(place, currency, together, statements))
    return sections


def _together(balances: Sequence[Decimal], words: Words) -> str:
    """Return what several partners owe in one currency; a credit is nobody else's to set off."""
    owed = add_exactly(balance for balance in balances if balance > 0)
    credit = add_exactly(balance.copy_abs() for balance in balances if balance < 0)
    accounts = f"{len(balances)} accounts together"
    if not credit:
        return f"{words.amount(owed)} owed by {accounts}."
    if not owed:
        return f"Credits of {words.amount(credit)}, {accounts}."
    return f"{words.amount(owed)} owed; credits of {words.amount(credit)}, not set off."


def _statement(own: Frames, words: Words, number: int) -> Statement:
    # A currency stated twice in one payload: the row of the newest invoice speaks.
    stated = own.totals.sort_values("latest_invoice_date", na_position="first").iloc[-1]
    balance = add_exactly(own.totals["balance_amount"])
    parts = {isolated(name): amount for name, amount in parts_by_type(own.details).items()}
    title = balance_title(words.currency, balance, parts, locale=words.locale)
    title += _split_with_credit(balance, parts, words)
    return Statement(
        number=number,
        partner=stated.partner,
        owner=owner_name(stated.partner, stated.cloud),
        balance=balance,
        sentence=f"{title}; {_paid_words(stated, words.locale)}."
        f"{_due_sentence(stated, balance, words)}{_change_sentence(own.changes, words)}",
        alerts=_alerts(own, stated, balance, words),
        figures=_figures(stated, balance, parts, words),
        lines=[*lines_of(own.details, words.locale), *lines_of(own.totals, words.locale)],
        movements=_movements(own.changes, words),
        proof=_proof(own.differences.iloc[0], words),
        attention=_attention(own, words),
        frames=own,
    )


def _split_with_credit(balance: Decimal, parts: dict[str, Decimal], words: Words) -> str:
    """Return the parts where one is a credit: shares of their sum would say nothing."""
    whole = add_exactly(parts.values()) == balance and NOT_STATED not in parts
    if len(parts) < 2 or not whole or all(amount >= 0 for amount in parts.values()):
        return ""
    return ": " + ", ".join(f"{name} {words.amount(amount)}" for name, amount in parts.items())


def _paid_words(row: Any, locale: str) -> str:
    if row.payment_status != "paid":
        return "never paid" if row.payment_status == "never paid" else "last payment not stated"
    days = format_days_ago(row.days_since_payment, locale=locale)
    return f"{'last paid' if row.days_since_payment >= 0 else 'a payment is dated'} {days}"


def _due_sentence(stated: Any, balance: Decimal, words: Words) -> str:
    if not _is_due(stated, balance):
        return ""
    verb = "fell" if stated.days_until_due < 0 else "falls"
    return f" The latest invoice {verb} due on {words.day(stated.invoice_due_date)}."


def _is_due(stated: Any, balance: Decimal) -> bool:
    return balance > 0 and not pd.isna(stated.invoice_due_date)


def _alerts(own: Frames, stated: Any, balance: Decimal, words: Words) -> list[str]:
    """Return in a few words what the summary must not be silent about."""
    found = []
    if _is_due(stated, balance) and stated.days_until_due < 0:
        found.append(_overdue(stated, words))
    if own.differences["difference"].map(bool).any():
        found.append("its parts do not add up")
    unexplained = int(own.changes["unexplained"].sum())
    if unexplained:
        found.append(f"{unexplained} unexplained movement{'s' if unexplained > 1 else ''}")
    if len(own.changes) and _beyond(own.changes.iloc[-1]):
        found.append("moved beyond what is stated")
    return found


def _overdue(stated: Any, words: Words) -> str:
    # No invoice is newer: whatever is still owed was due on that day or before.
    return f"overdue by at least {words.days(-stated.days_until_due)}"


def _change_sentence(changes: pd.DataFrame, words: Words) -> str:
    """Return what the newest payload changed; nothing where there is no earlier one."""
    if changes.empty:
        return ""
    change = changes.iloc[-1]
    since = words.day(change.previous_retrieved_at)
    if change.balance_change == 0:
        moved = f"Unchanged since {since}"
    else:
        direction = "Up" if change.balance_change > 0 else "Down"
        moved = f"{direction} {words.amount(abs(change.balance_change))} since {since}"
    causes = []
    if change.payment_seen:
        amount = (
            "" if pd.isna(change.payment_amount) else f" of {words.amount(change.payment_amount)}"
        )
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


def _figures(
    stated: Any, balance: Decimal, parts: dict[str, Decimal], words: Words
) -> list[Figure]:
    paid = stated.payment_status == "paid"
    figures = [
        Figure(words.number(balance.copy_abs()), "Credit" if balance < 0 else "Balance owed"),
        *(
            Figure(words.number(amount), "Type not stated" if name == NOT_STATED else name)
            for name, amount in parts.items()
            if set(parts) != {NOT_STATED}
        ),
        Figure(
            words.day(stated.last_payment_date) if paid else stated.payment_status.capitalize(),
            "Last paid" if paid else "Payment",
            _paid_remark(stated, words) if paid else "",
        ),
    ]
    if _is_due(stated, balance):
        overdue = stated.days_until_due < 0
        day = words.day(stated.invoice_due_date)
        days = words.days(abs(stated.days_until_due))
        remark = _overdue(stated, words).capitalize() if overdue else f"{days} left"
        label = f"Latest invoice {'fell' if overdue else 'falls'} due"
        figures.append(Figure(day, label, remark, attention=overdue))
    return figures


def _paid_remark(stated: Any, words: Words) -> str:
    days, amount = words.days_ago(stated.days_since_payment), stated.last_payment_amount
    return days if pd.isna(amount) else f"{words.amount(amount)}, {days}"


def owner_name(partner: str, cloud: str) -> str:
    """Return whose account it is, and at which cloud."""
    return f"{isolated(partner) or 'Partner not named'} · {cloud_label(cloud)}"


def balances_in_words(frame: pd.DataFrame, *, locale: str = "en") -> str:
    """Return what :func:`plot_balances` shows, for those who do not see it."""
    return "; ".join(
        f"{_type_name(row)} {format_amount(row.balance_amount, row.currency, locale=locale)}"
        for row in rows_of(frame)
    )


def trend_in_words(history: pd.DataFrame, *, locale: str = "en") -> str:
    """Return what :func:`plot_balance_trend` shows, for those who do not see it."""
    words = []
    for (partner, _), changes in changes_of(history).groupby(["partner", "cloud"], observed=True):
        first = changes.iloc[0]
        write = Words(str(first.currency), locale)
        balances = [first.previous_balance_amount, *changes["balance_amount"]]
        words.append(
            f"{partner}: {len(balances)} balances, from {write.amount(balances[0])} on"
            f" {write.day(first.previous_retrieved_at)} to {write.amount(balances[-1])};"
            f" lowest {write.amount(min(balances))}, highest {write.amount(max(balances))}."
        )
    return " ".join(words)


def recency_in_words(recency: pd.DataFrame, *, locale: str = "en") -> str:
    """Return what :func:`plot_payment_recency` shows, for those who do not see it."""
    several = recency["partner"].nunique() > 1  # noqa: PD101  a few rows
    return "; ".join(
        f"{row.partner + ' ' if several else ''}{row.currency} {_type_name(row)}"
        f" {_paid_words(row, locale)}"
        for row in rows_of(recency)
    )


def lines_of(recency: pd.DataFrame, locale: str = "en") -> list[Line]:
    """Return the rows of a table of :func:`payment_recency`, in any number of currencies."""
    return [_line(row, Words(row.currency, locale)) for row in rows_of(recency)]


def _line(row: Any, words: Words) -> Line:
    paid = row.payment_status == "paid"
    total = not hasattr(row, "invoice_type")
    return Line(
        label=_STATED if total else _type_name(row),
        total=total,
        partner=row.partner,
        currency=row.currency,
        balance=words.number(row.balance_amount),
        last_paid=words.day(row.last_payment_date) if paid else row.payment_status.capitalize(),
        days=words.days_ago(row.days_since_payment) if paid else "",
        amount=words.number(row.last_payment_amount),
        latest_invoice=words.day(row.latest_invoice_date),
        falls_due=words.day(row.invoice_due_date) if row.balance_amount > 0 else NOTHING,
    )


def _movements(changes: pd.DataFrame, words: Words) -> list[Movement]:
    """Return the balances of a trend, newest first; none where there is no earlier one."""
    if changes.empty:
        return []
    first = changes.iloc[0]
    return [
        *(
            Movement(
                day=words.day(row.retrieved_at),
                balance=words.number(row.balance_amount),
                change=words.move(row.balance_change)
                + (" \N{BLACK UP-POINTING TRIANGLE} unexplained" if row.unexplained else ""),
                payment=_payment_words(row, words, words.number) if row.payment_seen else NOTHING,
                invoice=words.day(row.invoice_date),
                unexplained=row.unexplained,
            )
            for row in rows_of(changes.iloc[::-1])
        ),
        Movement(
            day=words.day(first.previous_retrieved_at),
            balance=words.number(first.previous_balance_amount),
            change=NOTHING,
            payment=NOTHING,
            invoice=NOTHING,
            unexplained=False,
        ),
    ]


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


def _payment_words(change: Any, words: Words, write: Callable[[Any], str]) -> str:
    amount = "" if pd.isna(change.payment_amount) else f"{write(change.payment_amount)} on "
    return f"{amount}{words.day(change.payment_date)}"


def _proof(row: Any, words: Words) -> str:
    stated = words.amount(row.stated)
    if row.summed is None:
        return f"Stated {stated}; the service states no parts to compare it with."
    equals = "≠" if row.difference else "="
    return (
        f"Stated {stated} {equals} sum of parts {words.amount(row.summed)},"
        f" difference {words.number(row.difference)}."
    )


def _attention(own: Frames, words: Words) -> list[str]:
    """Return what a reader must not overlook, in words; of old movements the newest three."""
    found = [
        f"Difference: {difference_sentence(row, locale=words.locale)}"
        for row in rows_of(own.differences)
        if row.difference
    ]
    found += [
        f"Payment in the future: {future_payment_sentence(row, locale=words.locale)}"
        for row in rows_of(own.totals)
        if row.recency == "in the future"
    ]
    moved = own.changes[own.changes["unexplained"]]
    found += [
        f"Unexplained movement: between {words.day(row.previous_retrieved_at)} and"
        f" {words.day(row.retrieved_at)} the balance went from"
        f" {words.amount(row.previous_balance_amount)} to {words.amount(row.balance_amount)}"
        " without a payment or an invoice."
        for row in rows_of(moved.iloc[::-1].head(3))
    ]
    found += [
        f"Movement beyond what is stated: since {words.day(row.previous_retrieved_at)} the balance"
        f" went from {words.amount(row.previous_balance_amount)} to"
        f" {words.amount(row.balance_amount)}; the only payment stated since is"
        f" {_payment_words(row, words, words.amount) if row.payment_seen else 'none'}."
        for row in rows_of(own.changes.tail(1))
        if _beyond(row)
    ]
    if len(moved) > 3:
        found.append(f"Unexplained movements before these: {len(moved) - 3}.")
    return found


def _type_name(row: Any) -> str:
    return NOT_STATED if pd.isna(row.invoice_type) else isolated(row.invoice_type)


def no_longer_stated(
    payloads: Sequence[Payload], current: Sequence[Payload], locale: str
) -> list[str]:
    """Return in words which partners and currencies the latest payloads no longer state."""
    history = totals_frame(*payloads, exact=True)
    newest = {(payload.partner, payload.cloud): payload.retrieved_at for payload in current}
    found = []
    for (partner, cloud), retrieved_at in newest.items():
        own = rows_with(history, partner=partner, cloud=cloud)
        stated = set(own.loc[own["retrieved_at"] == retrieved_at, "currency"])
        whose = owner_name(partner, cloud)
        if not stated:
            found.append(f"{whose}: no balances are stated, as for an account without invoices.")
        for currency in sorted(set(own["currency"]) - stated):
            last = own[own["currency"] == currency].iloc[-1]
            amount = format_amount(last["balance_amount"], currency, locale=locale)
            day = format_day(last["retrieved_at"].date(), locale=locale)
            found.append(f"{whose}: {currency} is no longer stated; on {day} it was {amount}.")
    return found
