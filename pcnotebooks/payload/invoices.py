"""An invoice list's bytes as typed values: every page, amendments included, each id once."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import msgspec

from pcnotebooks.errors import PayloadError
from pcnotebooks.payload.decode import (
    INVOICES,
    Answer,
    Page,
    currency_code,
    is_money,
    pages_of,
    read,
    refusal,
    wrong_value,
)

# The documented example nests one level. An answer that nests without end is an attack.
_LONGEST_PATH = 200


class TaxReceipt(msgspec.Struct, kw_only=True, rename="camel", gc=False):
    """A receipt for tax, which the service issues in Taiwan only."""

    id: str
    tax_receipt_pdf_download_link: str | None = None


class Invoice(msgspec.Struct, kw_only=True, rename="camel", gc=False):
    """A document of the list: an invoice, or what voids or adjusts one. Dates as sent.

    Only the id, the currency and the total came in every shape since 2017. The details are not
    read: their free strings broke Microsoft's own clients, and no figure is in them.
    """

    id: str
    currency_code: str
    total_charges: Decimal
    paid_amount: Decimal | None = None
    currency_symbol: str | None = None
    invoice_date: str | None = None
    billing_period_start_date: str | None = None
    billing_period_end_date: str | None = None
    invoice_type: str | None = None
    document_type: str | None = None
    amends_of: str | None = None
    state: str | None = None
    pdf_download_link: str | None = None
    tax_receipts: list[TaxReceipt] | None = None
    amendments: list[Invoice] | None = None


class _List(msgspec.Struct, gc=False):
    items: list[Invoice]


class _Place(NamedTuple):
    page: Page
    path: str
    nested: bool


_INVOICE, _LIST = map(msgspec.json.Decoder, (Invoice, _List))
_DATES = {
    "invoice_date": "invoiceDate",
    "billing_period_start_date": "billingPeriodStartDate",
    "billing_period_end_date": "billingPeriodEndDate",
}
# An amendment within its document comes without its link and PDF; as an item it has them.
_OF_ITEMS_ONLY = ("pdf_download_link", "tax_receipts", "amendments", "amends_of")


def invoices_of(answer: Answer) -> list[Invoice]:
    """Return every document of an answer's pages, amendments included, each id once.

    Amounts are exact and within bounds, currency codes in capitals. An amendment that does not
    state whose it is gets the id of the document that holds it.

    Raises
    ------
    PayloadError
        With the page, the JSON path and the offending value; also for an id that comes again
        with other content: the list changed while it was fetched, and which is true is unknown.
    """
    found: dict[str, tuple[_Place, Invoice]] = {}
    # All are read first: a document is like another only once its amendments name it.
    for place, invoice in list(_documents(answer)):
        first = found.setdefault(invoice.id, (place, invoice))
        if first[1] is not invoice:
            found[invoice.id] = _one_of(first, (place, invoice))
    return [invoice for _, invoice in found.values()]


def wrong_date(answer: Answer, text: str) -> PayloadError:
    """Return the error for a text that is not a date, with the path at which it is stated."""
    for place, invoice in _documents(answer):
        for name, wire in _DATES.items():
            if getattr(invoice, name) == text:
                return wrong_value(place.page, f"{place.path}.{wire}", text, "a date")
    raise AssertionError("a date of an invoice that is in no answer")


def _documents(answer: Answer) -> Iterator[tuple[_Place, Invoice]]:
    """Yield items and their amendments, checked, in the order of the answer."""
    for page in pages_of(answer, INVOICES):
        for index, item in read(page, _INVOICE, _LIST):
            waiting = [(_Place(page, f"$.items[{index}]", nested=False), item)]
            while waiting:  # a list and not a recursion, which an answer could exhaust
                place, invoice = waiting.pop()
                _check(place, invoice)
                yield place, invoice
                amendments = invoice.amendments or []
                for position in reversed(range(len(amendments))):
                    amendment = amendments[position]
                    amendment.amends_of = amendment.amends_of or invoice.id
                    path = f"{place.path}.amendments[{position}]"
                    waiting.append((_Place(page, path, nested=True), amendment))


def _check(place: _Place, invoice: Invoice) -> None:
    """Put an invoice's currency code in capitals; raise for a value that cannot be used."""
    page, path, _ = place
    if len(path) > _LONGEST_PATH:
        raise refusal(page, "Amendments are nested too deep to be read.", path=path)
    if not invoice.id.strip():
        raise wrong_value(page, f"{path}.id", invoice.id, "an invoice's id")
    invoice.currency_code = currency_code(page, path, invoice.currency_code)
    for name, amount in (
        ("totalCharges", invoice.total_charges),
        ("paidAmount", invoice.paid_amount),
    ):
        if amount is not None and not is_money(amount):
            raise wrong_value(page, f"{path}.{name}", amount, "an amount of money")


def _one_of(first: tuple[_Place, Invoice], again: tuple[_Place, Invoice]) -> tuple[_Place, Invoice]:
    """Return which of two documents of one id to keep; they must say the same."""
    (place, one), (other_place, other) = first, again
    ignored = _OF_ITEMS_ONLY if place.nested != other_place.nested else ()
    for name, wire in zip(Invoice.__struct_fields__, Invoice.__struct_encode_fields__, strict=True):
        before, after = getattr(one, name), getattr(other, name)
        if name not in ignored and before != after:
            raise refusal(
                other_place.page,
                f"{other_place.path} has the id {other.id!r} again, with another {wire}.",
                path=f"{other_place.path}.{wire}",
                remedy="The list changed while it was fetched, page by page: fetch again.",
            )
    if not ignored:
        return first
    kept = again if place.nested else first
    kept[1].amends_of = one.amends_of or other.amends_of
    return kept
