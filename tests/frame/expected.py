"""What tests of frames share: the columns with their dtypes, and small payloads."""

from datetime import timedelta
from decimal import Decimal

import pandas as pd
from hypothesis import strategies as st

from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.payload.payload import Payload
from tests.builders import AT, detail, item, payload

UTC_STAMP = "datetime64[us, UTC]"


INVOICE_DTYPES = {
    "partner": "category",
    "cloud": "category",
    "currency": "category",
    "currency_symbol": "string",
    "invoice_type": "category",
    "balance_amount": "float64",
    "last_payment_amount": "float64",
    "last_payment_date": UTC_STAMP,
    "accounting_date": UTC_STAMP,
    "first_invoice_creation_date": UTC_STAMP,
    "latest_invoice_date": UTC_STAMP,
    "retrieved_at": UTC_STAMP,
}


TOTALS_DTYPES = {name: dtype for name, dtype in INVOICE_DTYPES.items() if name != "invoice_type"}


RECENCY_DTYPES = INVOICE_DTYPES | {
    "payment_status": "category",
    "days_since_payment": "Int64",
    "recency": "category",
    "days_since_invoice": "Int64",
    "invoice_due_date": UTC_STAMP,
    "days_until_due": "Int64",
}


CHANGE_DTYPES = {
    "partner": "category",
    "cloud": "category",
    "currency": "category",
    "previous_retrieved_at": UTC_STAMP,
    "retrieved_at": UTC_STAMP,
    "previous_balance_amount": "float64",
    "balance_amount": "float64",
    "balance_change": "float64",
    "payment_seen": "bool",
    "payment_date": UTC_STAMP,
    "payment_amount": "float64",
    "invoice_seen": "bool",
    "invoice_date": UTC_STAMP,
    "unexplained": "bool",
}


RECONCILE_DTYPES = {
    "partner": "category",
    "cloud": "category",
    "currency": "category",
    "stated": "object",
    "summed": "object",
    "difference": "object",
}


DATE_FIELDS = {
    "lastPaymentDate": "last_payment_date",
    "accountingDate": "accounting_date",
    "firstInvoiceCreationDate": "first_invoice_creation_date",
    "latestInvoiceDate": "latest_invoice_date",
}


FRAMES = [summary_frame, totals_frame]


def one(balance="1", invoice_type="OneTime", *, at=AT, partner="Contoso", **fields) -> Payload:
    """Return a payload of one item in GBP with one detail, both with these fields."""
    part = detail(invoice_type, Decimal(balance), **fields)
    return payload(item("GBP", Decimal(balance), part, **fields), at=at, partner=partner)


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    """Return the dtypes' names by column, in order."""
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def cell(frame: pd.DataFrame, column: str):
    """Return the only value of a column."""
    (value,) = frame[column].tolist()
    return value


def assert_plain_index(frame):
    """Rows are counted from 0."""
    assert isinstance(frame.index, pd.RangeIndex)
    assert frame.index.equals(pd.RangeIndex(len(frame)))


def paid_days_ago(days: int, **fields) -> Payload:
    """Return a payload whose last payment was so many days before it was retrieved."""
    paid_on = AT.date() - timedelta(days=days)
    return one(lastPaymentDate=f"{paid_on}T23:59:59Z", lastPaymentAmount=5, **fields)


# Amounts of at most 15 digits, which a float holds.
cents = st.integers(-(10**14) + 1, 10**14 - 1).map(lambda n: Decimal(n).scaleb(-2))
