"""Build the tidy frames of payloads, each column with the dtype of the schema."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pcnotebooks.frame.instants import in_microseconds
from pcnotebooks.frame.rows import Columns, Flat, flatten
from pcnotebooks.frame.schema import AMOUNTS, DATES, KEYS, category, type_category, utc
from pcnotebooks.payload.payload import Payload


def summary_frame(*payloads: Payload, exact: bool = False) -> pd.DataFrame:
    """Return one row per partner, cloud, currency and invoice type.

    Parameters
    ----------
    *payloads
        Any number of payloads, of any partners, clouds and times. Duplicates count once.
    exact
        Return amounts as `decimal.Decimal` objects instead of float64.

    Returns
    -------
    DataFrame
        Columns, in this order: ``partner``, ``cloud``, ``currency`` (category),
        ``currency_symbol`` (string), ``invoice_type`` (category: Recurring, OneTime, then any
        other; missing for a currency stated without details), ``balance_amount`` and
        ``last_payment_amount`` (float64, in units of the currency; a positive balance is owed, a
        negative one is a credit), ``last_payment_date``, ``accounting_date``,
        ``first_invoice_creation_date``, ``latest_invoice_date`` and ``retrieved_at``
        (datetime64[us, UTC]; NaT if the service states no date). Sorted by partner, cloud,
        currency, invoice type and retrieved_at.

    Raises
    ------
    PayloadError
        If a body does not have the form of invoice summaries.

    See Also
    --------
    totals_frame : The balances as the service states them, one row per currency.

    Notes
    -----
    Source: ``GET /v1/invoices/summaries``. Balances of different ``retrieved_at`` state the same
    debt again: never add them. Never add different currencies either.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> summary_frame(sample_payload())[["currency", "invoice_type", "balance_amount"]]
      currency invoice_type  balance_amount
    0      CHF      OneTime         1230.33
    1      EUR      OneTime         1001.12
    2      GBP    Recurring       202955.87
    3      GBP      OneTime       548138.52
    """
    return summaries_of(flatten(payloads, totals=False), exact=exact)


def totals_frame(*payloads: Payload, exact: bool = False) -> pd.DataFrame:
    """Return one row per partner, cloud and currency, with the totals as the service states them.

    Parameters
    ----------
    *payloads, exact
        As for :func:`summary_frame`.

    Returns
    -------
    DataFrame
        The columns of :func:`summary_frame` except ``invoice_type``.

    Raises
    ------
    PayloadError
        If a body does not have the form of invoice summaries.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> totals_frame(sample_payload())[["currency", "balance_amount", "last_payment_amount"]]
      currency  balance_amount  last_payment_amount
    0      CHF         1230.33                  0.0
    1      EUR         1001.12                  0.0
    2      GBP       751094.39               1000.0
    """
    return totals_of(flatten(payloads, details=False), exact=exact)


def summaries_of(flat: Flat, *, exact: bool) -> pd.DataFrame:
    """Return the :func:`summary_frame` of flattened payloads."""
    return _frame(flat, flat.details, exact=exact, by_type=True)


def totals_of(flat: Flat, *, exact: bool) -> pd.DataFrame:
    """Return the :func:`totals_frame` of flattened payloads."""
    return _frame(flat, flat.totals, exact=exact, by_type=False)


def _frame(flat: Flat, rows: Columns, *, exact: bool, by_type: bool) -> pd.DataFrame:
    """Build each column in sorted order, with the dtype of the schema."""
    ordered = flat.payloads
    places = np.array(rows.places, dtype=np.int64)
    columns: dict[str, Any] = {
        # From the rows, not the payloads: a payload without figures would add an unused category.
        "partner": category([ordered[place].partner for place in rows.places]),
        "cloud": category([ordered[place].cloud for place in rows.places]),
        "currency": category(rows.currencies),
        "currency_symbol": np.array(rows.symbols, dtype=object),
    }
    if by_type:
        columns["invoice_type"] = type_category(rows.types)
    stated: tuple[list[Any], ...] = rows.amounts
    for name, amounts in zip(AMOUNTS, stated, strict=True):
        # Faster than np.array, which inspects each Decimal.
        whole = np.fromiter(amounts, dtype=object, count=len(amounts))
        columns[name] = whole if exact else whole.astype(np.float64)
    for name, dates in zip(DATES, rows.dates, strict=True):
        columns[name] = np.array(dates, dtype=np.int64)
    retrieved = [in_microseconds(payload.retrieved_at) for payload in ordered]
    columns["retrieved_at"] = np.array(retrieved, dtype=np.int64).take(places)
    # Sort by the codes of the ordered categories, before pandas has the columns: for a few rows,
    # its sort_values would take as long as everything else. Payloads are ordered by time; a missing
    # type, with code -1, comes last.
    types = columns["invoice_type"].codes.astype(np.uint64) if by_type else places
    order = np.lexsort((places, types, *(columns[name].codes for name in reversed(KEYS))))
    columns = {name: column.take(order) for name, column in columns.items()}
    columns["currency_symbol"] = pd.array(columns["currency_symbol"], dtype=pd.StringDtype())
    for name in (*DATES, "retrieved_at"):
        columns[name] = utc(columns[name])
    return pd.DataFrame(columns)
