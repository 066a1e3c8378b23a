"""A list of invoices becomes one row a document, with the dtypes and the order of the docs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pandas as pd
import pytest

from pcnotebooks.errors import ConfigurationError, PayloadError
from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.frame.invoices import INVOICE_COLUMNS, invoice_frame
from pcnotebooks.frame.measures import reconcile
from pcnotebooks.payload.payload import Payload
from pcnotebooks.payload.sample import sample_payload
from tests.builders import AT, invoice, invoices, item, listed, payload

DTYPES = {
    "partner": "category",
    "cloud": "category",
    "currency": "category",
    "currency_symbol": "string",
    "invoice_id": "string",
    "invoice_type": "category",
    "document_type": "category",
    "amends_id": "string",
    "state": "string",
    "invoice_date": "datetime64[us, UTC]",
    "billing_period_start": "datetime64[us, UTC]",
    "billing_period_end": "datetime64[us, UTC]",
    "retrieved_at": "datetime64[us, UTC]",
    "total_charges": "float64",
    "paid_amount": "float64",
    "pdf_path": "string",
}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_columns_and_dtypes(count):
    """The same for no, one and many rows."""
    frame = invoice_frame(invoices(*(invoice(f"D{n}") for n in range(count))))
    assert frame.dtypes.astype(str).to_dict() == DTYPES
    assert tuple(frame.columns) == INVOICE_COLUMNS
    assert frame.index.equals(pd.RangeIndex(count))
    exact = invoice_frame(invoices(*(invoice(f"D{n}") for n in range(count))), exact=True)
    assert exact.dtypes.astype(str).to_dict() == DTYPES | {
        "total_charges": "object", "paid_amount": "object"}  # fmt: skip


def test_no_payload_at_all():
    """The frame of nothing has the columns too."""
    assert invoice_frame().dtypes.astype(str).to_dict() == DTYPES


def test_the_documented_list():
    """An invoice, a void note and its amendment, which states no PDF and has none."""
    frame = invoice_frame(sample_payload("invoices"), exact=True)
    void, note, plain = frame.to_dict("records")
    assert plain["total_charges"] == Decimal("24606.35")
    assert plain["paid_amount"] == 1000
    assert plain["pdf_path"] == "/invoices/D02005YFHI/documents/statement"
    assert void["document_type"] == "Void note"
    assert note["amends_id"] == void["invoice_id"] == "G000024130"
    assert note["invoice_date"] == pd.Timestamp("2018-02-08T18:44:37.538145Z")
    assert pd.isna(note["pdf_path"])
    assert pd.isna(void["amends_id"])


def test_what_is_missing_is_missing():
    """Of the shape of 2017; nothing is taken from another document."""
    bare = {"id": "D1", "currencyCode": "GBP", "totalCharges": 1}
    note = bare | {"id": "D2"}
    frame = invoice_frame(invoices(invoice("D0", amendments=[note]), bare), exact=True)
    stated = ("partner", "cloud", "currency", "invoice_id", "retrieved_at", "total_charges")
    absent = [name for name in INVOICE_COLUMNS if name not in stated]
    rows = frame.set_index("invoice_id")
    assert rows.loc["D1", absent].isna().all()
    assert rows.loc["D2", [name for name in absent if name != "amends_id"]].isna().all()
    assert rows.loc["D2", "amends_id"] == "D0"


@pytest.mark.parametrize(
    ("sent", "read"),
    [("Recurring", "Recurring"), ("recurring", "Recurring"), ("one_time", "OneTime"),
     ("One Time", "OneTime"), (" ONETIME ", "OneTime"), ("none", None), ("None", None),
     ("", None), (" ", None), (None, None), (..., None), ("Perpetual", "Perpetual")],
)  # fmt: skip
def test_invoice_types(sent, read):
    """Compared without case, blank and underscore; unknown ones are kept."""
    types = invoice_frame(invoices(invoice("D1", invoiceType=sent)))["invoice_type"]
    assert types.astype(object).where(types.notna(), None).tolist() == [read]
    others = [] if read in ("Recurring", "OneTime", None) else [read]
    assert types.cat.categories.tolist() == ["Recurring", "OneTime", *others]


def test_document_types():
    """The known ones in their order, then the others as sent."""
    sent = ["Credit Note", "invoice", "void_note", "Void Note", "ADJUSTMENT NOTE", "none", "aaa"]
    frame = invoice_frame(invoices(*(invoice(f"D{n}", documentType=kind)
                                     for n, kind in enumerate(sent))))  # fmt: skip
    types = frame["document_type"]
    assert types.cat.categories.tolist() == [
        "Invoice", "Void note", "Adjustment note", "Credit Note", "aaa"]  # fmt: skip
    assert types.astype(object).where(types.notna(), None).tolist() == [
        "Credit Note", "Invoice", "Void note", "Void note", "Adjustment note", None, "aaa",
    ]  # fmt: skip


def test_the_state_is_shown_as_sent():
    """An empty text is not a missing one."""
    frame = invoice_frame(
        invoices(*(invoice(f"D{n}", state=state) for n, state in enumerate(["", "paid", None])))
    )
    assert frame["state"].isna().tolist() == [False, False, True]
    assert frame["state"].tolist()[:2] == ["", "paid"]


def test_rows_are_sorted():
    """By partner, cloud, currency, day and id; a missing day comes last."""
    days = {
        "D9": "2024-01-02",
        "D1": "2024-01-02",
        "D5": "1969-01-01",
        "D3": None,
        "D0": "2024-02-01",
    }
    one = [invoice(name, invoiceDate=day and f"{day}T00:00:00Z") for name, day in days.items()]
    later = AT + timedelta(days=1)
    given = [
        invoices(*one, invoice("A", currencyCode="CHF"), at=later),
        invoices(*one[:1]),
        invoices(invoice("Z"), partner="Adventure"),
        invoices(invoice("Y"), cloud="china"),
    ]
    frame = invoice_frame(*given)
    assert frame["invoice_id"].tolist() == [
        "Z", "Y", "A", "D5", "D1", "D9", "D9", "D0", "D3"]  # fmt: skip
    again = frame.loc[frame["invoice_id"] == "D9", "retrieved_at"]
    assert again.is_monotonic_increasing
    keys = ["partner", "cloud", "currency", "invoice_date", "invoice_id", "retrieved_at"]
    plain = frame.astype(dict.fromkeys(keys[:3], object))
    pd.testing.assert_frame_equal(
        plain.sort_values(keys, kind="stable", ignore_index=True), plain)  # fmt: skip
    pd.testing.assert_frame_equal(invoice_frame(*given[::-1]), frame)
    pd.testing.assert_frame_equal(invoice_frame(*given, *given), frame)


def test_every_page_is_in_the_frame():
    """A list of three pages is one payload."""
    pages = [listed(invoice("A")), listed(invoice("B")), listed()]
    answer = Payload(pages[0], "global", "C", AT, resource="invoices", pages=tuple(pages[1:]))
    assert invoice_frame(answer)["invoice_id"].tolist() == ["A", "B"]


@pytest.mark.parametrize(
    ("field", "sent"),
    [("invoiceDate", "2024-02-30"), ("billingPeriodStartDate", "May"),
     ("billingPeriodEndDate", "20240201")],
)  # fmt: skip
def test_a_text_that_is_not_a_date_is_refused(field, sent):
    """With its page and path, within an amendment as well."""
    wrong = invoice("B", **{field: sent})
    pages = (listed(invoice("A")), listed(invoice("C", amendments=[wrong])))
    answer = Payload(pages[0], "global", "Contoso", AT, resource="invoices", pages=pages[1:])
    with pytest.raises(PayloadError) as caught:
        invoice_frame(answer)
    assert caught.value.path == f"$.items[0].amendments[0].{field}"
    assert caught.value.message == (
        f"Not invoices (Contoso, page 2): {caught.value.path} is {sent!r}, not a date."
    )


@pytest.mark.parametrize("sent", ["0001-01-01T00:00:00", "0001-01-01T00:00:00Z"])
def test_the_first_date_of_net_is_no_date(sent):
    """As in the summaries."""
    assert invoice_frame(invoices(invoice(invoiceDate=sent)))["invoice_date"].isna().all()


def test_each_frame_uses_the_payloads_of_its_resource():
    """Both resources of one moment are not two answers of it."""
    summaries, list_ = payload(item("GBP", 7)), invoices(invoice("A", 5))
    assert invoice_frame(summaries, list_)["total_charges"].tolist() == [5]
    for function in (summary_frame, totals_frame):
        pd.testing.assert_frame_equal(function(list_, summaries), function(summaries))
        assert function(list_).empty
    assert reconcile(list_, summaries)["stated"].tolist() == [7]
    with pytest.raises(ConfigurationError, match="Two different answers"):
        invoice_frame(list_, invoices(invoice("B")))
    pages = Payload(list_.body, "global", "Contoso", AT, resource="invoices", pages=(listed(),))
    with pytest.raises(ConfigurationError, match="Two different answers"):
        invoice_frame(list_, pages)
