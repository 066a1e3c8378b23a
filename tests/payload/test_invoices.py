"""A list of invoices is read exactly, over all its pages, or refused with page and path."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcnotebooks.errors import PayloadError
from pcnotebooks.payload.decode import INVOICES, decode, require_json
from pcnotebooks.payload.invoices import Invoice, invoices_of
from pcnotebooks.payload.payload import Payload
from pcnotebooks.payload.sample import sample_payload
from tests.builders import AT, invoice, invoices, listed


def read(*items: Any) -> list[Invoice]:
    """Return what an answer of these items says."""
    return invoices_of(invoices(*items))


def of(*bodies: bytes, **fields: Any) -> Payload:
    """Return a payload of these pages."""
    body, *pages = bodies
    return Payload(body, "global", "Contoso", AT, resource=INVOICES, pages=tuple(pages), **fields)


def refusal(*bodies: bytes) -> PayloadError:
    """Return the error that reading these pages raises."""
    with pytest.raises(PayloadError) as caught:
        invoices_of(of(*bodies))
    return caught.value


def test_the_documented_list():
    """Two documents, one of which is void and holds what adjusts it."""
    first, void, note = invoices_of(of(sample_payload("invoices").body))
    assert (first.id, first.total_charges, first.paid_amount) == (
        "D02005YFHI", Decimal("24606.35"), Decimal(1000))  # fmt: skip
    assert first.tax_receipts is not None
    assert first.tax_receipts[0].tax_receipt_pdf_download_link == (
        "/invoices/D02005YFHI/receipts/123456/documents/statement"
    )
    assert (void.document_type, void.amends_of) == ("void_note", None)
    assert (note.id, note.document_type, note.amends_of, note.total_charges) == (
        "G000024131", "adjustment_note", "G000024130", Decimal("107661.12"))  # fmt: skip
    assert note.pdf_download_link is None


# Recorded in 2018 (a credit) and 2021 (a state, periods); of 2017 it is known what was absent.
SHAPES = {
    "2017": invoice("D1", documentType=..., invoiceType=..., state=...,
                    links={"self": {"uri": "/invoices/D1", "method": "GET", "headers": []}}),
    "2018": invoice("D030001TFO", Decimal("-87993.07"), currencyCode="USD", currencySymbol="$",
                    invoiceDate="2018-07-15T00:00:00Z", paidAmount=Decimal("0.0")),
    "2021": invoice("D0500000X1", Decimal("23.0"), currencyCode="KRW", currencySymbol="₩",
                    billingPeriodStartDate="2020-12-01T00:00:00Z", state="",
                    billingPeriodEndDate="2020-12-31T00:00:00Z", paidAmount=Decimal("0.0")),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_shape_since_2017(shape):
    """What a shape does not state is None; what it states is kept as sent."""
    (one,) = read(shape)
    assert one.id == shape["id"]
    assert one.total_charges == shape["totalCharges"]
    assert one.state == shape.get("state")
    assert one.document_type == shape.get("documentType")
    assert one.billing_period_start_date == shape.get("billingPeriodStartDate")


def test_a_byte_order_mark_on_each_page():
    """The service begins every answer with one."""
    mark = b"\xef\xbb\xbf"
    pages = [mark + listed(invoice("A")), mark + listed(invoice("B"))]
    assert [one.id for one in invoices_of(of(*pages))] == ["A", "B"]


OPTIONAL = (
    "paidAmount", "currencySymbol", "invoiceDate", "billingPeriodStartDate",
    "billingPeriodEndDate", "invoiceType", "documentType", "amendsOf", "state",
    "pdfDownloadLink", "taxReceipts", "amendments", "invoiceDetails", "links", "attributes",
)  # fmt: skip


@pytest.mark.parametrize("absent", [None, ...], ids=["null", "missing"])
@pytest.mark.parametrize("field", OPTIONAL)
def test_what_may_be_absent(field, absent):
    """Every field but id, currency and total, of an item and of its amendment."""
    note = invoice("A2", 2, **{field: absent})
    found = read(invoice("A1", 1, **{"amendments": [note], field: absent}), invoice("B", 3))
    totals = [one.total_charges for one in found]
    assert totals == ([1, 3] if field == "amendments" else [1, 3, 2])


@pytest.mark.parametrize("field", ["id", "currencyCode", "totalCharges"])
def test_what_may_not(field):
    """The path leads to the field that is missing, at both levels."""
    item = refusal(listed(invoice("A"), invoice("B", **{field: ...})))
    assert item.path == f"$.items[1].{field}"
    assert item.message.startswith("Not invoices (Contoso): $.items[1].")
    note = refusal(listed(invoice("A", amendments=[invoice("B", **{field: None})])))
    assert note.path == f"$.items[0].amendments[0].{field}"


@pytest.mark.parametrize(
    ("sent", "amount"),
    [("1.10", "1.10"), ('"-12.50"', "-12.50"), ("-0.0", "0"), ("7.5E+5", "750000"),
     ("1E999", None), ('"NaN"', None), ('"12,50"', None), ("true", None), ("{}", None)],
)  # fmt: skip
@pytest.mark.parametrize("field", ["totalCharges", "paidAmount"])
def test_amounts_are_exact_or_refused(field, sent, amount):
    """A text that is a number counts as one; what is not bounded is refused by its path."""
    body = listed(invoice("A", **{field: "<>"})).replace(b'"<>"', sent.encode())
    if amount is None:
        assert refusal(body).path == f"$.items[0].{field}"
        return
    (one,) = invoices_of(of(body))
    read_as = one.total_charges if field == "totalCharges" else one.paid_amount
    assert str(read_as) == str(Decimal(amount)) or read_as == Decimal(amount)


def test_codes_are_read_in_capitals_or_refused():
    """As those of the summaries."""
    assert read(invoice("A", currencyCode=" gbp "))[0].currency_code == "GBP"
    error = refusal(listed(invoice("A", currencyCode="<b>")))
    assert error.path == "$.items[0].currencyCode"
    assert "'<b>', not a currency code" in error.message


@pytest.mark.parametrize("sent", ["", " \t"])
def test_a_blank_id_is_refused(sent):
    """It is the key of the row, and of its PDF."""
    assert refusal(listed(invoice(sent))).path == "$.items[0].id"


def test_unknown_fields_and_values_are_kept_out_of_the_way():
    """A new billing provider broke Microsoft's own clients."""
    new = {"futureField": {"nested": [1, None]}, "invoiceDetails": [{"billingProvider": 7}, None]}
    (one,) = read(invoice("A", documentType="Credit Note", invoiceType="Perpetual", **new))
    assert (one.document_type, one.invoice_type) == ("Credit Note", "Perpetual")


def test_an_amendment_names_its_document():
    """It is named by the one that holds it unless it names another."""
    notes = [invoice("B", amendsOf=...), invoice("C", amendsOf="Z")]
    parent, *found = read(invoice("A", amendments=notes))
    assert parent.amends_of is None
    assert [(note.id, note.amends_of) for note in found] == [("B", "A"), ("C", "Z")]


def test_amendments_of_amendments():
    """Each is a document of its own, items first; without end it is an attack."""
    inner = invoice("C", amendments=[invoice("D")])
    found = read(invoice("A", amendments=[invoice("B"), inner]), invoice("E"))
    assert [(one.id, one.amends_of) for one in found] == [
        ("A", None), ("E", None), ("B", "A"), ("C", "A"), ("D", "C")]  # fmt: skip
    deep = invoice("N0")
    for number in range(1, 30):
        deep = invoice(f"N{number}", amendments=[deep])
    assert "nested too deeply" in refusal(listed(deep)).message
    endless = b'{"items": [%s' % (b'{"id": "A", "amendments": [' * 50_000)
    assert refusal(endless).path is None


def test_every_page_counts():
    """In their order, and an empty last page is the end."""
    pages = [listed(invoice("A")), listed(invoice("B"), invoice("C")), listed()]
    assert [one.id for one in invoices_of(of(*pages))] == ["A", "B", "C"]


def test_an_error_names_its_page():
    """Of several; the only page needs no number."""
    wrong = listed(invoice("B", "x"))
    error = refusal(listed(invoice("A")), wrong)
    assert error.message.startswith("Not invoices (Contoso, page 2): $.items[0].totalCharges is")
    assert error.path == "$.items[0].totalCharges"
    assert "page" not in refusal(wrong).message
    assert "(Contoso, page 2): The body is empty" in refusal(listed(), b"").message
    with pytest.raises(PayloadError, match="page 2"):
        require_json(of(listed(), b"<html>"))


def test_the_same_document_again_is_one():
    """A list that grows while it is fetched shows some documents on two pages."""
    first = invoice("A", amendments=[invoice("B")])
    assert [one.id for one in invoices_of(of(listed(first), listed(first, invoice("C"))))] == [
        "A", "C", "B"]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [("totalCharges", 6), ("paidAmount", 1), ("currencyCode", "EUR"), ("state", "x"),
     ("invoiceDate", None), ("amendments", [invoice("B")])],
)  # fmt: skip
def test_the_same_id_with_other_content_is_refused(field, value):
    """Which of them is true cannot be known."""
    error = refusal(listed(invoice("A", 5)), listed(invoice("A", 5, **{field: value})))
    assert error.path == f"$.items[0].{field}"
    assert f"$.items[0] has the id 'A' again, with another {field}." in error.message
    assert "page 2" in error.message
    assert error.remedy == "The list changed while it was fetched, page by page: fetch again."


def test_an_amendment_that_is_an_item_as_well():
    """It is one document, with the PDF of the item and the parent of the amendment."""
    nested = invoice("B", 5, pdfDownloadLink=..., taxReceipts=..., amendsOf=...)
    item = invoice("B", 5, pdfDownloadLink="/invoices/B/documents/statement")
    parent = invoice("A", amendments=[nested])
    for items in ((parent, item), (item, parent)):
        note = {one.id: one for one in read(*items)}["B"]
        assert note.amends_of == "A"
        assert note.pdf_download_link == "/invoices/B/documents/statement"
    with pytest.raises(PayloadError, match="another totalCharges"):
        read(parent, item | {"totalCharges": 6})


def test_a_payload_of_the_other_resource_is_refused():
    """Neither decoder reads the other's answer."""
    with pytest.raises(
        PayloadError, match="Expected a payload of invoices, got one of invoice summaries"
    ):
        invoices_of(sample_payload())
    with pytest.raises(PayloadError, match="Expected a payload of invoice summaries, got"):
        decode(invoices())


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_read_or_refused(answer):
    """No body at all raises anything else."""
    with suppress(PayloadError):
        invoices_of(of(answer))


NAMES = ["items", "id", "totalCharges", "currencyCode", "amendments", "invoiceDate", "paidAmount"]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=7)
    ),
    max_leaves=15,
)


@settings(deadline=None)
@given(value=JSON)
def test_any_json_is_read_or_refused(value):
    """Nor does any JSON in the service's names."""
    with suppress(PayloadError):
        invoices_of(of(json.dumps({"items": value}).encode()))
