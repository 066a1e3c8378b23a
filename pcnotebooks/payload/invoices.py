"""Decode a list of invoices: every page, with amendments, each id once."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from pcnotebooks.errors import PayloadError
from pcnotebooks.payload.checks import Envelope, Kept, Shape, marks_of
from pcnotebooks.payload.decode import (
    INVOICES,
    Answer,
    Page,
    are_money,
    currency_code,
    finish_look,
    first_look,
    is_plain_code,
    pages_of,
    read_whole,
    refusal,
    wrong_value,
)
from pcnotebooks.text import is_blank

# The documented example nests one level. Endless nesting is an attack.
_DEEPEST = 12


class TaxReceipt(Kept, kw_only=True, rename="camel", gc=False, omit_defaults=True):
    """A tax receipt, which the service issues only in Taiwan."""

    id: str
    tax_receipt_pdf_download_link: str | None = None


class Invoice(Kept, kw_only=True, rename="camel", gc=False, omit_defaults=True):
    """A document of the list: an invoice, a void note or an adjustment note, with dates as sent.

    Only the id, the currency and the total are in every version of the answer since 2017. The
    details are not read: they have no figures, and their free text broke Microsoft's own clients.
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
    invoice_details: msgspec.Raw = msgspec.Raw()

    def named(self) -> list[Invoice]:
        """Return the amendments, each with the id of the document that it amends."""
        for amendment in self.amendments or ():
            amendment.amends_of = amendment.amends_of or self.id
        return self.amendments or []


class _List(Envelope, kw_only=True, rename="camel", gc=False, omit_defaults=True):
    items: list[Invoice]


_LIST = msgspec.json.Decoder(_List)
_INVOICE = Shape.of(Invoice, taxReceipts=Shape.of(TaxReceipt))
_INVOICE.below["amendments"] = _INVOICE
_SHAPE = Shape(frozenset(["items"]), {"items": _INVOICE})
_DATES = {
    "invoice_date": "invoiceDate",
    "billing_period_start_date": "billingPeriodStartDate",
    "billing_period_end_date": "billingPeriodEndDate",
}
# An amendment nested in its document has no links or PDF; as an item of the list it has them.
_NESTED = ".amendments["
_KEPT = ("links", "attributes", "invoice_details")
_OF_ITEMS_ONLY = ("pdf_download_link", "tax_receipts", "amendments", "amends_of")


def invoices_of(answer: Answer) -> list[Invoice]:
    """Return every document in the pages of an answer, each id once: items, then amendments.

    Amounts are exact, and currency codes are uppercase. An amendment that does not name the
    document that it amends gets the id of the document that contains it.

    Raises
    ------
    PayloadError
        If a value is wrong; the message has its page, JSON path and value. Also if an id occurs
        twice with different content: the list changed while it was fetched.
    """
    new = first_look(answer)
    pages = [read_whole(page, _LIST) for page in pages_of(answer, INVOICES)]
    levels = [[item for page in pages for item in page.items]]
    while below := [each for one in levels[-1] if one.amendments for each in one.amendments]:
        levels.append(below)
    found = whole = [invoice for level in levels for invoice in level]
    # Before amendments get the ids of their documents, because these would be counted as well.
    marks = sum(map(marks_of, pages)) if new and len(levels) <= _DEEPEST else 0
    for invoice in whole:
        if invoice.amendments:
            invoice.named()
    if len(levels) > _DEEPEST or not _nothing_to_say(whole):
        found = _one_by_one(answer)
    finish_look(answer, _SHAPE, marks, [(len(page.items), page.total_count) for page in pages])
    return found


def _nothing_to_say(invoices: list[Invoice]) -> bool:
    """Return whether no invoice needs a correction or has a fault.

    This is nearly always so. Checking whole columns is three times as fast as checking each
    invoice, which is only needed to locate a fault.
    """
    ids = [invoice.id for invoice in invoices]
    amounts = [invoice.total_charges for invoice in invoices]
    amounts += [paid for invoice in invoices if (paid := invoice.paid_amount) is not None]
    codes = {invoice.currency_code for invoice in invoices}
    return (
        len(set(ids)) == len(ids)
        and not any(map(is_blank, {name[:1] for name in ids}))
        and all(map(is_plain_code, codes))
        and are_money(amounts)
    )


def _one_by_one(answer: Answer) -> list[Invoice]:
    """Return the documents of an answer, with uppercase currency codes; raise if one is wrong."""
    items: dict[str, Invoice] = {}
    amendments: dict[str, Invoice] = {}
    for page, path, invoice in _documents(answer):
        _check(page, path, invoice)
        same, others = (amendments, items) if _NESTED in path else (items, amendments)
        first = same.setdefault(invoice.id, invoice)
        if first is not invoice:
            _require_equal(page, path, first, invoice)
        if twin := others.get(invoice.id):
            _require_equal(page, path, twin, invoice, but=_OF_ITEMS_ONLY)
    # An amendment may also be an item: the item has the PDF, the nested one has its document.
    for name in items.keys() & amendments.keys():
        nested = amendments.pop(name)
        items[name].amends_of = items[name].amends_of or nested.amends_of
    return [*items.values(), *amendments.values()]


def wrong_date(answer: Answer, text: str) -> PayloadError:
    """Return the error of a text that is not a date, with its path."""
    for page, path, invoice in _documents(answer):
        for name, wire in _DATES.items():
            if getattr(invoice, name) == text:
                return wrong_value(page, f"{path}.{wire}", text, "a date")
    raise AssertionError("the text is not in the answer")


def _documents(answer: Answer) -> Iterator[tuple[Page, str, Invoice]]:
    """Yield items and their amendments with their paths, in the answer's order."""
    for page in pages_of(answer, INVOICES):
        for index, item in enumerate(read_whole(page, _LIST).items):
            yield from _with_amendments(page, f"$.items[{index}]", item)


def _with_amendments(
    page: Page, path: str, invoice: Invoice
) -> Iterator[tuple[Page, str, Invoice]]:
    if path.count(_NESTED) >= _DEEPEST:
        raise refusal(page, "Amendments are nested too deeply to be read.", path=path)
    amendments = invoice.named()
    yield page, path, invoice
    for position, amendment in enumerate(amendments):
        yield from _with_amendments(page, f"{path}{_NESTED}{position}]", amendment)


def _check(page: Page, path: str, invoice: Invoice) -> None:
    """Convert an invoice's currency code to uppercase; raise if a value is wrong."""
    if is_blank(invoice.id):
        raise wrong_value(page, f"{path}.id", invoice.id, "an invoice's id")
    invoice.currency_code = currency_code(page, path, invoice.currency_code)
    if not are_money([invoice.total_charges]):
        raise wrong_value(page, f"{path}.totalCharges", invoice.total_charges, "an amount of money")
    if invoice.paid_amount is not None and not are_money([invoice.paid_amount]):
        raise wrong_value(page, f"{path}.paidAmount", invoice.paid_amount, "an amount of money")


def _require_equal(
    page: Page, path: str, first: Invoice, again: Invoice, *, but: tuple[str, ...] = ()
) -> None:
    for name, wire in zip(Invoice.__struct_fields__, Invoice.__struct_encode_fields__, strict=True):
        if name not in (*_KEPT, *but) and getattr(first, name) != getattr(again, name):
            raise refusal(
                page,
                f"{path} has the id {again.id!r} again, with another {wire}.",
                path=f"{path}.{wire}",
                remedy="The list changed while it was fetched, page by page: fetch again.",
            )
