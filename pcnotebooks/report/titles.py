"""Readable names of a workbook's sheets and columns, with units."""

from __future__ import annotations

from collections.abc import Collection

_TITLES = {
    "source": "Source",
    "partner": "Partner",
    "cloud": "Cloud",
    "currency": "Currency",
    "currency_symbol": "Symbol",
    "invoice_type": "Invoice type",
    "balance_amount": "Balance owed, in currency",
    "last_payment_amount": "Last payment, in currency",
    "last_payment_date": "Last paid, UTC",
    "accounting_date": "Balance updated, UTC",
    "first_invoice_creation_date": "First invoice, UTC",
    "latest_invoice_date": "Latest invoice, UTC",
    "retrieved_at": "Retrieved, UTC",
    "as_of": "As of",
    "payment_status": "Payment",
    "days_since_payment": "Since last payment, days",
    "recency": "Since last payment, band of days",
    "days_since_invoice": "Since latest invoice, days",
    "invoice_due_date": "Latest invoice falls due",
    "days_until_due": "Until due, days",
    "stated": "Stated by Partner Center, in currency",
    "summed": "Sum of parts, in currency",
    "difference": "Difference, in currency",
    "previous_retrieved_at": "Retrieved before, UTC",
    "previous_balance_amount": "Balance before, in currency",
    "balance_change": "Change, in currency",
    "payment_seen": "New payment",
    "payment_date": "Paid, UTC",
    "payment_amount": "Payment, in currency",
    "invoice_seen": "New invoice",
    "invoice_date": "Invoice date, UTC",
    "unexplained": "Unexplained movement",
    "invoice_id": "Invoice",
    "document_type": "Document",
    "amends_id": "Amends",
    "state": "State",
    "billing_period_start": "Billing period from, UTC",
    "billing_period_end": "Billing period to, UTC",
    "total_charges": "Charges, in currency",
    "paid_amount": "Paid, in currency",
    "pdf_path": "Path of the PDF",
    "open_amount": "Open, in currency",
    "previous_open_amount": "Open before, in currency",
    "due_date": "Due date (computed)",
    "days_overdue": "Overdue, days",
    "ageing": "Overdue, band of days",
    "change": "Kind of change",
    "stated_balance": "Stated balance, in currency",
    "open_by_invoice": "Open by invoice, in currency",
    "credits": "Of which credits, in currency",
    "not_explained": "Not explained by invoices, in currency",
    "credit": "Credit, in currency",
    "void": "Void, in currency",
    "paid": "Paid, in currency",
    "not due": "Not due, in currency",
    "1-30": "1-30 days overdue, in currency",
    "31-60": "31-60 days overdue, in currency",
    "61-90": "61-90 days overdue, in currency",
    "over 90": "Over 90 days overdue, in currency",
    "not stated": "Open amount not stated, in currency",
    "request_id": "Request id",
    "correlation_id": "Correlation id",
    "sha256": "SHA-256 of the answer",
}
# The sheet of a frame is that of the first column here that it has.
_SHEETS = (
    ("open_amount", "invoices"),
    ("invoice_id", "invoices"),
    ("recency", "recency"),
    ("balance_change", "changes"),
    ("difference", "reconciliation"),
    ("not_explained", "invoice reconciliation"),
    ("over 90", "ageing"),
    ("invoice_type", "details"),
    ("balance_amount", "totals"),
)


def title_of(name: object) -> str:
    """Return the title of a column; unknown columns keep their names.

    Examples
    --------
    >>> title_of("balance_amount"), title_of("FX rate")
    ('Balance owed, in currency', 'FX rate')
    """
    return _TITLES.get(str(name), str(name))


def sheet_of(columns: Collection[object]) -> str:
    """Return the name of the sheet for a frame with these columns."""
    return next((sheet for column, sheet in _SHEETS if column in columns), "table")
