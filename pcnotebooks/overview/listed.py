"""Describe an account by its invoices: the open, overdue and next due amounts in words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd

from pcnotebooks.amounts import add_exactly
from pcnotebooks.frame.ageing import BANDS, LIKELY_CAUSES
from pcnotebooks.overview.model import Figure, Invoice
from pcnotebooks.overview.told import NOTHING, Told, Words, type_name
from pcnotebooks.text import isolated


def due_sentence(told: Told) -> str:
    """Return the overdue part of the open amount, and the amount that falls due next."""
    words = told.words
    open_ = add_exactly(row.open_amount for row in told.invoices or () if _is_open(row))
    said = ""
    if late := told.open_overdue:
        late_sum = words.amount(add_exactly(row.open_amount for row in late))
        since = words.day(late[0].due_date)
        said = f" {late_sum} of {words.number(open_)} is overdue, the oldest since {since}."
    if coming := told.open_next:
        next_sum = words.amount(add_exactly(row.open_amount for row in coming))
        said += f" Next due: {next_sum} on {words.day(coming[0].due_date)}."
    return said


def open_by_invoice(told: Told) -> Decimal | None:
    """Return the open amount by invoice, credits included; None if an amount is not stated."""
    amounts = [row.open_amount for row in told.invoices or ()]
    return None if any(map(pd.isna, amounts)) else add_exactly(amounts)


def open_in_words(told: Told) -> str:
    """Return the open amount by invoice, and the credits in it."""
    amount, credit = open_by_invoice(told), credits_in_words(told)
    if amount is None:
        return "not stated for every invoice"
    return told.words.amount(amount) + (f", {credit}" if credit else "")


def credits_in_words(told: Told) -> str:
    """Return the credits among the open amounts; empty if there are none."""
    rows = told.invoices or ()
    credit = add_exactly(row.open_amount for row in rows if row.ageing == "credit")
    return f"of which credits {told.words.number(credit)}" if credit else ""


def explained(told: Told, rest: Decimal | None) -> str:
    """Return the open amount by invoice, and the part of the balance that it does not explain."""
    if rest is None:
        return "The open amount is not stated for every invoice, so it is not compared."
    said = (
        f"Open by invoice {open_in_words(told)}; not explained by invoices"
        f" {told.words.number(rest)}."
    )
    if rest:
        said += f" Likely: {'; or '.join(LIKELY_CAUSES)}."
    return said


def figures(told: Told) -> list[Figure]:
    """Return the overdue amount and the next due amount, by invoice."""
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
    """Return a sort key that puts invoices without a due day last."""
    return float("-inf") if pd.isna(row.days_overdue) else float(row.days_overdue)


def _days_in_words(row: Any, words: Words) -> str:
    if row.ageing in BANDS:
        return f"{words.days(row.days_overdue)} overdue"
    return f"{words.days(-row.days_overdue)} left" if row.ageing == "not due" else row.ageing


def _document(row: Any) -> str:
    """Return the invoice type, and the document type if it is not an invoice."""
    kinds = [type_name(row)]
    if not pd.isna(row.document_type) and row.document_type != "Invoice":
        kinds.append(isolated(row.document_type))
    if not pd.isna(row.amends_id):
        kinds.append(f"amends {isolated(row.amends_id)}")
    return ", ".join(kinds)
