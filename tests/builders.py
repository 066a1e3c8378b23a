"""Bodies in the service's own shape, for tests. A field given as ``...`` is left out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from pcnotebooks.payload.payload import Payload

NONE = "0001-01-01T00:00:00"  # .NET's default date, which the service sends where there is none
AT = datetime(2024, 3, 5, 6, tzinfo=UTC)

# Decimals are written digit by digit, as the service, which computes in decimal, writes them.
_WIRE = msgspec.json.Encoder(decimal_format="number")


def summary(currency: Any = "GBP", balance: Any = 0, **fields: Any) -> dict[str, Any]:
    """Return the figures of a currency or of an invoice type; never paid unless told."""
    figures = {
        "balanceAmount": balance,
        "currencyCode": currency,
        "currencySymbol": {"GBP": "£", "EUR": "€"}.get(str(currency), currency),
        "accountingDate": "2024-03-01T00:00:00",
        "firstInvoiceCreationDate": "2023-01-08T00:00:00Z",
        "lastPaymentDate": NONE,
        "lastPaymentAmount": 0,
        "latestInvoiceDate": "2024-02-08T00:00:00",
        "attributes": {"objectType": "InvoiceSummary"},
    }
    return {name: value for name, value in (figures | fields).items() if value is not ...}


def detail(
    invoice_type: Any, balance: Any = 0, *, currency: Any = "GBP", **fields: Any
) -> dict[str, Any]:
    """Return the figures of an invoice type, as they stand in an item's details."""
    parts = {"invoiceType": invoice_type, "summary": summary(currency, balance, **fields)}
    return {name: value for name, value in parts.items() if value is not ...}


def item(
    currency: Any = "GBP", balance: Any = None, *details: Any, **fields: Any
) -> dict[str, Any]:
    """Return a currency; its balance is the sum of its details' unless given."""
    if balance is None:
        amounts = [part["summary"]["balanceAmount"] for part in details]
        balance = sum((Decimal(str(amount)) for amount in amounts), Decimal(0))
    links = {"self": {"uri": "/invoices/summary", "method": "GET", "headers": []}}
    return summary(currency, balance, **{"details": list(details), "links": links} | fields)


def body(*items: Any, **fields: Any) -> bytes:
    """Return the answer that holds these items."""
    answer = {
        "totalCount": len(items),
        "items": list(items),
        "links": {"self": {"uri": "/invoices/summaries", "method": "GET", "headers": []}},
        "attributes": {"objectType": "Collection"},
    }
    return _WIRE.encode({k: v for k, v in (answer | fields).items() if v is not ...})


def payload(
    *items: Any, at: datetime = AT, partner: str = "Contoso", cloud: str = "global"
) -> Payload:
    """Return a payload of these items."""
    return Payload(body(*items), cloud, partner, at)


def invoice(name: Any = "D1", total: Any = 0, /, **fields: Any) -> dict[str, Any]:
    """Return an invoice, not paid, in the shape of the documented list."""
    document = {
        "id": name,
        "invoiceDate": "2024-02-08T00:00:00Z",
        "totalCharges": total,
        "paidAmount": 0,
        "currencyCode": "GBP",
        "currencySymbol": "£",
        "pdfDownloadLink": f"/invoices/{name}/documents/statement",
        "invoiceDetails": [
            {"invoiceLineItemType": "billing_line_items", "billingProvider": "office"}
        ],
        "documentType": "invoice",
        "invoiceType": "Recurring",
        "links": {"self": {"uri": f"/invoices/Recurring-{name}", "method": "GET", "headers": []}},
        "attributes": {"objectType": "Invoice"},
    }
    return {name: value for name, value in (document | fields).items() if value is not ...}


def listed(*items: Any, **fields: Any) -> bytes:
    """Return a page of a list of invoices."""
    links = {"self": {"uri": "/invoices", "method": "GET", "headers": []}}
    return body(*items, **{"links": links} | fields)


def invoices(
    *items: Any, at: datetime = AT, partner: str = "Contoso", cloud: str = "global"
) -> Payload:
    """Return a payload of these invoices."""
    return Payload(listed(*items), cloud, partner, at, resource="invoices")


def of_summaries(payloads: Iterable[Payload]) -> list[Payload]:
    """Return those payloads that are not lists of invoices."""
    return [each for each in payloads if each.resource == "invoice_summaries"]


def parsed(answer: Payload) -> dict[str, Any]:
    """Return a payload's body as Python values, amounts exact."""
    value: dict[str, Any] = json.loads(answer.body.decode("utf-8-sig"), parse_float=Decimal)
    return value


def sheet_of(path: Path, name: str) -> pd.DataFrame:
    """Return a sheet of a workbook with the names that its columns have in Python."""
    book = pd.read_excel(path, sheet_name=None)
    columns = book["columns"]
    own = columns[columns["Sheet"] == name]
    return book[name].rename(columns=dict(zip(own["Title"], own.iloc[:, 2], strict=True)))
