"""Sample data: the documented example, and a fictitious history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from typing import Any, TypeAlias

from pcnotebooks.amounts import minor_units
from pcnotebooks.clouds import SAMPLE
from pcnotebooks.payload.decode import INVOICES, SUMMARIES
from pcnotebooks.payload.payload import Payload, require_resource

# A day, and the amount of the invoice or payment of that day in minor units of its currency.
_Entry: TypeAlias = tuple[date, int]

_RETRIEVED_ON = [date(year, month, 5) for year in (2024, 2025) for month in range(1, 13)]
_LAST_DAY = _RETRIEVED_ON[-1]
# As in the service's outage of February 2023: balances are zero, but all dates are unchanged.
_OUTAGE = ("EUR", date(2025, 6, 5))
_NONE = "0001-01-01T00:00:00"
# A payment of 2 November that Microsoft has not applied to its invoice by the 5th: the balance is
# already smaller, but the invoice is still open.
_UNALLOCATED = ("Fabrikam", "USD", date(2025, 11, 5))
_ALLOCATED_AFTER = timedelta(days=5)
# An invoice that is not paid in full; each later payment first covers this remainder.
_SHORT = ("Contoso", "USD", date(2025, 9, 8), 5_000_00)
# A purchase whose invoice is voided on the second date, with an adjustment note for its amount.
_VOID = ("Contoso", "GBP", date(2025, 4, 15), date(2025, 5, 12))
_SUMMARY = {"attributes": {"objectType": "InvoiceSummary"}}


@dataclass(frozen=True)
class _Account:
    """The invoices of one partner in one currency, and its payment behaviour."""

    partner: str
    currency: str
    symbol: str
    purchases: tuple[_Entry, ...] = ()  # OneTime invoices; a negative one is a credit
    recurring: int = 0  # amount of the first Recurring invoice
    since: date = _LAST_DAY  # its day
    months: int = 1  # between Recurring invoices
    growth: int = 0  # of each invoice, per thousand of the first one
    paid_after: tuple[int, ...] = ()  # days from invoice to payment, in rotation; empty: never paid


_ACCOUNTS = (
    _Account("Contoso", "GBP", "£", recurring=182_450_18, since=date(2023, 2, 8), growth=9,
             purchases=((date(2024, 2, 20), 48_200_00), (date(2024, 9, 12), 26_975_40),
                        (date(2025, 4, 15), 61_340_00), (date(2025, 10, 21), 18_618_75)),
             paid_after=(52, 47, 61, 49)),
    # Starts in the middle of the history and is never paid.
    _Account("Contoso", "CHF", "CHF",
             purchases=((date(2024, 6, 18), 640_00), (date(2024, 11, 26), 590_33),
                        (date(2025, 8, 19), 1_204_50))),
    # With 66 days, the invoice of May 2025 is paid after the outage.
    _Account("Contoso", "EUR", "€", recurring=16_344_67, since=date(2023, 2, 2), months=3,
             growth=12, paid_after=(48, 66)),
    _Account("Contoso", "USD", "$", recurring=74_310_55, since=date(2023, 5, 8), growth=6,
             purchases=((date(2024, 5, 14), 15_990_00), (date(2025, 3, 11), 22_480_60)),
             paid_after=(45, 58, 51)),
    # The last two payloads show the credit of October 2025.
    _Account("Fabrikam", "USD", "$", recurring=31_870_40, since=date(2023, 8, 8), growth=14,
             purchases=((date(2024, 3, 19), 8_400_00), (date(2025, 1, 22), 12_635_25),
                        (date(2025, 10, 14), -2_150_00)),
             paid_after=(70, 55, 63, 48)),
    _Account("Fabrikam", "JPY", "¥", recurring=12_480_350, since=date(2023, 6, 8), growth=7,
             purchases=((date(2024, 7, 17), 2_940_000),),
             paid_after=(50, 46, 57)),
    _Account("Fabrikam", "KWD", "KWD", recurring=4_215_375, since=date(2024, 9, 8), growth=18,
             paid_after=(66, 47)),
)  # fmt: skip


def sample_payload(resource: str = SUMMARIES) -> Payload:
    """Return the documented example of a resource, as if retrieved on 16 March 2018, 12:00 UTC.

    The summaries are in GBP, CHF and EUR. The list has an invoice in GBP, and a void invoice in CHF
    with its amendment. The two examples are of different accounts and do not match.

    Parameters
    ----------
    resource
        ``"invoice_summaries"`` or ``"invoices"``.

    Raises
    ------
    PayloadError
        If the resource is unknown.

    Notes
    -----
    Source: Microsoft's documentation of ``GET /v1/invoices/summaries`` and ``GET /v1/invoices``.

    Examples
    --------
    >>> sample_payload().is_sample
    True
    >>> sample_payload("invoices").resource
    'invoices'
    """
    require_resource(resource)
    body = (resources.files("pcnotebooks") / "data" / f"{resource}_example.json").read_bytes()
    at = datetime(2018, 3, 16, 12, tzinfo=UTC)
    return Payload(body, SAMPLE.name, "Contoso (sample)", at, resource=resource)


def sample_history() -> list[Payload]:
    """Return fictitious payloads of two partners, January 2024 to December 2025, oldest first.

    Each partner's summaries and list of invoices are retrieved on the 5th of every month at
    06:00 UTC. There are currencies with two, three and no decimals. One balance is never paid, one
    ends as a credit, and one is zero for a month, without invoices, although nothing was paid. The
    open invoices add up to the balances, except for a payment that is not yet applied on
    5 November 2025. One invoice is paid in part, and one is void. The bytes never change.

    Examples
    --------
    >>> history = sample_history()
    >>> len(history)
    96
    >>> history[-2]
    Payload('Fabrikam (sample)', cloud 'sample', 2025-12-05T06:00:00+00:00, 4,760 bytes)
    >>> history[-1].resource
    'invoices'
    """
    return list(_history())


@cache
def _history() -> tuple[Payload, ...]:
    # Cached, because creating two thousand invoices takes a while.
    return tuple(
        Payload(
            body(partner, day),
            SAMPLE.name,
            f"{partner} (sample)",
            datetime.combine(day, time(6), UTC),
            resource=resource,
        )
        for day in _RETRIEVED_ON
        for partner in ("Contoso", "Fabrikam")
        for resource, body in ((SUMMARIES, _body), (INVOICES, _list))
    )


def _body(partner: str, today: date) -> bytes:
    """Return the service's answer in the morning of a day."""
    items = [
        item
        for account in _ACCOUNTS
        if account.partner == partner and (item := _item(account, today))
    ]
    return _answer(items, "/invoices/summaries", indent=2)


def _answer(items: list[dict[str, Any]], uri: str, *, indent: int | None = None) -> bytes:
    answer = {
        "totalCount": len(items),
        "items": items,
        "links": _links(uri),
        "attributes": {"objectType": "Collection"},
    }
    return json.dumps(answer, ensure_ascii=False, indent=indent).encode()


def _item(account: _Account, today: date) -> dict[str, Any] | None:
    """Return the item of a currency; None before its first invoice."""
    invoices, payments, details = [], [], []
    for invoice_type, every in _by_type(account):
        invoiced = [entry for entry in every if entry[0] < today]
        if invoiced:
            paid = [entry for entry in _payments(every, account.paid_after) if entry[0] < today]
            summary = _figures(account, invoiced, paid, today)
            details.append({"invoiceType": invoice_type, "summary": summary | _SUMMARY})
            invoices += invoiced
            payments += paid
    if not invoices:
        return None
    total = _figures(account, invoices, payments, today)
    return total | {"details": details, "links": _links("/invoices/summary")} | _SUMMARY


def _by_type(account: _Account) -> tuple[tuple[str, list[_Entry]], ...]:
    return ("Recurring", list(_recurring(account))), ("OneTime", list(account.purchases))


def _recurring(account: _Account) -> Iterator[_Entry]:
    number, day = 0, account.since
    while day < _LAST_DAY:
        # The number of seats varies by up to 28 per thousand, in a fixed but irregular order.
        per_thousand = 1000 + account.growth * number + 17 * number % 29
        yield day, account.recurring * per_thousand // 1000
        number += 1
        year, month = divmod(account.since.month - 1 + number * account.months, 12)
        day = account.since.replace(year=account.since.year + year, month=month + 1)


def _payments(invoices: list[_Entry], paid_after: tuple[int, ...]) -> Iterator[_Entry]:
    """Yield a full payment of each invoice after its days; a credit reduces the next payment."""
    if not paid_after:
        return
    owed = 0
    for number, (day, amount) in enumerate(invoices):
        owed += amount
        if owed > 0:
            yield day + timedelta(days=paid_after[number % len(paid_after)]), owed
            owed = 0


def _figures(
    account: _Account, invoices: list[_Entry], payments: list[_Entry], today: date
) -> dict[str, Any]:
    balance = sum(amount for _, amount in invoices) - sum(amount for _, amount in payments)
    if (account.currency, today) == _OUTAGE:
        balance = 0
    days = [day for day, _ in invoices]
    paid_on, paid = max(payments, default=(None, 0))
    return {
        "balanceAmount": _amount(balance, account.currency),
        "currencyCode": account.currency,
        "currencySymbol": account.symbol,
        "accountingDate": f"{max(days + [day for day, _ in payments])}T00:00:00",
        "firstInvoiceCreationDate": f"{min(days)}T00:00:00Z",
        "lastPaymentDate": f"{paid_on}T12:00:00Z" if paid_on else _NONE,
        "lastPaymentAmount": _amount(paid, account.currency) if paid_on else 0,
        "latestInvoiceDate": f"{max(days)}T00:00:00",
    }


def _amount(minor: int, currency: str) -> int | float:
    """Return minor units as a JSON number; a single division gives a float that prints exactly."""
    digits = minor_units(currency)
    return minor / 10**digits if digits else minor


def _links(uri: str) -> dict[str, Any]:
    return {"self": {"uri": uri, "method": "GET", "headers": []}}


def _list(partner: str, today: date) -> bytes:
    """Return the service's list of invoices on a day, newest first."""
    items = [
        document
        for place, account in enumerate(_ACCOUNTS)
        # In the outage, the list omits the currency that the summaries state as zero.
        if account.partner == partner and (account.currency, today) != _OUTAGE
        for document in _documents(place, account, today)
    ]
    items.sort(key=lambda document: str(document["invoiceDate"]), reverse=True)
    return _answer(items, "/invoices")


def _documents(place: int, account: _Account, today: date) -> Iterator[dict[str, Any]]:
    """Yield the invoices of an account before a day; a void one contains its adjustment note."""
    for invoice_type, every in _by_type(account):
        letter = "D" if invoice_type == "Recurring" else "G"  # legacy and modern
        for number, (entry, paid) in enumerate(
            zip(every, _applied(account, every, today), strict=True)
        ):
            day, _ = entry
            if day >= today:
                break
            name = f"{letter}{place + 1:02}{number:06}0"
            *whose, invoiced, voided = _VOID
            if [account.partner, account.currency, day] != [*whose, invoiced] or voided >= today:
                yield _document(account, invoice_type, name, entry, paid)
                continue
            note = _document(account, invoice_type, f"{name[:-1]}1", (voided, entry[1]), paid)
            note |= {"documentType": "adjustment_note", "amendsOf": name}
            for absent in ("pdfDownloadLink", "links"):
                del note[absent]
            void = _document(account, invoice_type, name, entry, 0)
            yield void | {"documentType": "void_note", "amendments": [note]}


def _document(
    account: _Account, invoice_type: str, name: str, entry: _Entry, paid: int
) -> dict[str, Any]:
    day, amount = entry
    recurring = invoice_type == "Recurring"
    last = day.replace(day=1) - timedelta(days=1)
    first = last.replace(day=1)
    for _ in range(account.months - 1 if recurring else 0):
        first = (first - timedelta(days=1)).replace(day=1)
    provider, kind = ("office", "Office") if recurring else ("one_time", "OneTime")
    uri = f"/invoices/{invoice_type}-{name}"
    return {
        "id": name,
        "invoiceDate": f"{day}T00:00:00Z" if recurring else f"{day}T01:22:47.603895Z",
        "billingPeriodStartDate": f"{first}T00:00:00Z",
        "billingPeriodEndDate": f"{last}T00:00:00Z",
        "totalCharges": _amount(amount, account.currency),
        "paidAmount": _amount(paid, account.currency),
        "currencyCode": account.currency,
        "currencySymbol": account.symbol,
        "pdfDownloadLink": f"/invoices/{name}/documents/statement",
        "invoiceDetails": [
            {
                "invoiceLineItemType": "billing_line_items",
                "billingProvider": provider,
                "links": _links(f"{uri}/lineitems/{kind}/BillingLineItems"),
                "attributes": {"objectType": "InvoiceDetail"},
            }
        ],
        "documentType": "invoice",
        "state": "",
        "invoiceType": invoice_type,
        "links": _links(uri),
        "attributes": {"objectType": "Invoice"},
    }


def _applied(account: _Account, every: list[_Entry], today: date) -> list[int]:
    """Return the paid amount of each invoice, from the payments that are applied to it."""
    who = (account.partner, account.currency)
    until = today - _ALLOCATED_AFTER if (*who, today) == _UNALLOCATED else today
    paid = [0] * len(every)
    for number, (day, amount) in enumerate(_payments(every, account.paid_after)):
        paid[number] = amount if day < until else 0
    *whose, invoiced, part = _SHORT
    days = [day for day, _ in every]
    if tuple(whose) == who and invoiced in days and paid[days.index(invoiced)]:
        paid[days.index(invoiced)] -= part
        paid[paid.index(0)] += part
    return paid
