"""Build a tidy frame of lists of invoices: one row per document, including amendments."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd

from pcnotebooks.frame.instants import NOT_A_TIME, Instants, NoDateError, in_microseconds
from pcnotebooks.frame.rows import in_order
from pcnotebooks.frame.schema import ONE_TIME, RECURRING, category, type_category, utc
from pcnotebooks.payload.decode import INVOICES
from pcnotebooks.payload.invoices import Invoice, invoices_of, wrong_date
from pcnotebooks.payload.payload import Payload
from pcnotebooks.text import is_blank

INVOICE, VOID_NOTE, ADJUSTMENT_NOTE = "Invoice", "Void note", "Adjustment note"
INVOICE_COLUMNS = (
    "partner",
    "cloud",
    "currency",
    "currency_symbol",
    "invoice_id",
    "invoice_type",
    "document_type",
    "amends_id",
    "state",
    "invoice_date",
    "billing_period_start",
    "billing_period_end",
    "retrieved_at",
    "total_charges",
    "paid_amount",
    "pdf_path",
)


def invoice_frame(*payloads: Payload, exact: bool = False) -> pd.DataFrame:
    """Return one row per partner, cloud, invoice and payload.

    Parameters
    ----------
    *payloads
        Any number of payloads, of any partners, clouds and times. Only lists of invoices are used;
        duplicates count once.
    exact
        Return amounts as `decimal.Decimal` objects instead of float64.

    Returns
    -------
    DataFrame
        Columns, in this order: ``partner``, ``cloud``, ``currency`` (category),
        ``currency_symbol``, ``invoice_id`` (string), ``invoice_type`` (category: Recurring,
        OneTime, then any other), ``document_type`` (category: Invoice, Void note, Adjustment
        note, then any other as sent), ``amends_id`` (string: the document that this one
        amends), ``state`` (string, as sent: its meaning is not documented), ``invoice_date``,
        ``billing_period_start``, ``billing_period_end``, ``retrieved_at`` (datetime64[us,
        UTC]), ``total_charges`` and ``paid_amount`` (float64, in units of the currency, as
        stated) and ``pdf_path`` (string). Values that the service does not state are missing.
        Sorted by partner, cloud, currency, invoice_date, invoice_id and retrieved_at.

    Raises
    ------
    PayloadError
        If a body does not have the form of a list of invoices.

    See Also
    --------
    invoice_ageing : The open amount of each invoice, and how long it is overdue.

    Notes
    -----
    Source: ``GET /v1/invoices``. An amendment is a separate row. Values that it does not state are
    missing, and are not copied from the document that it amends. Invoices of different
    ``retrieved_at`` state the same debt again: never add them.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> frame = invoice_frame(sample_payload("invoices"))
    >>> frame[["currency", "invoice_id", "document_type", "total_charges"]]
      currency  invoice_id    document_type  total_charges
    0      CHF  G000024130        Void note      586366.00
    1      CHF  G000024131  Adjustment note      107661.12
    2      GBP  D02005YFHI          Invoice       24606.35
    """
    ordered: list[Payload] = []
    found: list[Invoice] = []
    lengths: list[int] = []
    dates: tuple[list[int], ...] = ([], [], [])
    instants = Instants()
    for payload in in_order(payloads, INVOICES):
        invoices = invoices_of(payload)
        if not invoices:
            continue  # its partner would become an unused category
        ordered.append(payload)
        found += invoices
        lengths.append(len(invoices))
        try:
            for stamps, name in zip(dates, _DATES, strict=True):
                stamps.extend(map(instants.__getitem__, map(attrgetter(name), invoices)))
        except NoDateError as error:
            raise wrong_date(payload, str(error)) from None
    places = np.repeat(np.arange(len(ordered)), np.array(lengths, dtype=np.int64))
    ids = [invoice.id for invoice in found]
    return _sorted(_columns(found, ordered, places, dates, exact=exact), places, ids)


_DATES = ("invoice_date", "billing_period_start_date", "billing_period_end_date")


def _columns(
    found: list[Invoice],
    payloads: list[Payload],
    places: Any,
    dates: tuple[list[int], ...],
    *,
    exact: bool,
) -> dict[str, Any]:
    """Build each column with its dtype from the fields of the invoices."""
    retrieved = utc([in_microseconds(payload.retrieved_at) for payload in payloads])
    start, first, last = map(utc, dates)
    return {
        "partner": category([payload.partner for payload in payloads]).take(places),
        "cloud": category([payload.cloud for payload in payloads]).take(places),
        "currency": category([invoice.currency_code for invoice in found]),
        "currency_symbol": _texts([invoice.currency_symbol for invoice in found]),
        "invoice_id": _texts([invoice.id for invoice in found]),
        "invoice_type": known_types("invoice_type", [invoice.invoice_type for invoice in found]),
        "document_type": known_types("document_type", [invoice.document_type for invoice in found]),
        "amends_id": _texts([invoice.amends_of or None for invoice in found]),
        "state": _texts([invoice.state for invoice in found]),
        "invoice_date": start,
        "billing_period_start": first,
        "billing_period_end": last,
        "retrieved_at": retrieved.take(places),
        "total_charges": _amounts([invoice.total_charges for invoice in found], exact=exact),
        "paid_amount": _amounts([invoice.paid_amount for invoice in found], exact=exact),
        "pdf_path": _texts([invoice.pdf_download_link for invoice in found]),
    }


def _amounts(values: Sequence[Decimal | None], *, exact: bool) -> pd.Series:
    amounts = _objects(values)
    return pd.Series(amounts if exact else amounts.astype("float64"))  # None is NaN


def _texts(values: Sequence[str | None]) -> Any:
    return pd.array(_objects(values), dtype="string")


def _objects(values: Sequence[Any]) -> Any:
    """Return values as an array of objects; NumPy and pandas would first inspect each."""
    return np.fromiter(values, dtype=object, count=len(values))


_KNOWN = {
    "invoice_type": (RECURRING, ONE_TIME),
    "document_type": (INVOICE, VOID_NOTE, ADJUSTMENT_NOTE),
}


def known_types(column: str, values: list[str | None]) -> pd.Categorical[str]:
    """Return the types of a column as categories, in one spelling.

    ``Void note`` in the documentation is ``void_note`` in recordings. ``none`` means a missing
    type.
    """
    stated = filter(None, set(values))
    untyped = {value for value in stated if _key(value) == "none" or is_blank(value)}
    if untyped:
        values = [None if value in untyped else value for value in values]
    return type_category(values, _KNOWN[column], _key)


def _key(text: str) -> str:
    return "".join(text.split()).replace("_", "").casefold()


def _sorted(columns: dict[str, Any], places: Any, ids: list[str]) -> pd.DataFrame:
    """Return the frame with sorted rows; sorting numbers is ten times as fast as strings."""
    frame = pd.DataFrame(columns)
    days = columns["invoice_date"].asi8.copy()
    days[days == NOT_A_TIME] = np.iinfo(np.int64).max  # a missing date comes last
    number = {name: place for place, name in enumerate(sorted(ids))}
    numbers = [number[name] for name in ids]
    keys = [columns[name].codes for name in ("currency", "cloud", "partner")]
    order = np.lexsort((places, numbers, days, *keys))
    if (order[1:] < order[:-1]).any():
        frame = frame.take(order)
        frame.index = pd.RangeIndex(len(frame))
    return frame
