"""An answer that contradicts itself, counts wrongly, or is of too many tiny objects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pcnotebooks import (
    Payload,
    PayloadError,
    PcNotebooksWarning,
    invoice_frame,
    reconcile,
    render_report,
    summary_frame,
    totals_frame,
)
from pcnotebooks.overview.build import overview
from pcnotebooks.payload.decode import decode
from pcnotebooks.payload.invoices import invoices_of
from tests.builders import AT, body, detail, invoice, item, listed


def of(content: bytes, **fields) -> Payload:
    """Return a payload of that body."""
    return Payload(**{"body": content, "cloud": "global", "partner": "Contoso", "retrieved_at": AT}
                   | fields)  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (b'"summary":{', b'"summary":{"balanceAmount":9},"summary":{', "[0].details[0].summary"),
        (b'"details":[', b'"details":[],"details":[', "[0].details"),
        (b'"items":[', b'"items":[],"items":[', ""),
        (b'"details":[{"', b'"details":[{"summary":{"balanceAmount":1,"balanceAmount":2}},{"',
         "[0].details[0].summary.balanceAmount"),
        # A name less elsewhere hides none: what counts is how many were read.
        (b'"lastPaymentAmount":5,', b'"lastPaymentAmount":4,"lastPaymentAmount":5,',
         "[0].lastPaymentAmount"),
    ],
)  # fmt: skip
def test_a_name_stated_twice_is_refused_at_its_place(old, new, path):
    """Programs differ in which of two they read, so neither is a figure."""
    part = detail("OneTime", 5, lastPaymentAmount=...)
    answer = body(item("GBP", None, part, lastPaymentAmount=5)).replace(old, new, 1)
    for given in (of(answer), of(b"\xef\xbb\xbf " + answer + b"\n"), of(answer, partner="")):
        for _ in range(2):
            with pytest.raises(PayloadError, match="is stated twice, as") as caught:
                decode(given)
            assert caught.value.path == f"$.items{path}"


@pytest.mark.parametrize(("old", "new", "path"), [
    (b'"totalCharges":7', b'"totalCharges":7,"totalCharges":8', "[0].totalCharges"),
    (b'"paidAmount":0', b'"paidAmount":0,"paidAmount":7', "[0].paidAmount"),
    (b'"id":"D2"', b'"id":"D2","id":"D3"', "[0].amendments[0].id"),
    (b'"id":"T1"', b'"id":"T1","id":"T2"', "[0].taxReceipts[0].id"),
    # Two escaped quotation marks, which are two more in the text than in the answer, hide none.
    (b'"state":"due"', rb'"state":"\u0022\u0022","paidAmount":7', "[0].paidAmount"),
])  # fmt: skip
def test_a_name_stated_twice_in_a_list_is_refused_at_its_place(old, new, path):
    """In an invoice, in an amendment, in a receipt; what nobody reads is no matter."""
    document = invoice("D1", 7, state="due", amendments=[invoice("D2", 7)],
                       taxReceipts=[{"id": "T1"}])  # fmt: skip
    answer = listed(document).replace(b'"links":{', b'"links":{"id":1,"id":2,')
    assert len(invoices_of(replace(of(answer), resource="invoices"))) == 2
    for name, pages in (("", ()), ("page 2", (answer.replace(old, new, 1),))):
        first = answer.replace(b'"D1"', b'"E1"').replace(b'"D2"', b'"E2"') if pages else None
        given = of(first or answer.replace(old, new, 1), resource="invoices", pages=pages)
        with pytest.raises(PayloadError, match=f"{name}.* is stated twice") as caught:
            invoices_of(given)
        assert caught.value.path == f"$.items{path}"


def test_an_amendment_without_its_document_hides_no_name_stated_twice():
    """Its document's id is put in, and is not of the answer."""
    amended = invoice("D1", 100, amendments=[invoice("A1", 5, amendsOf=...)])
    sent = listed(amended, invoice("D2", 7))
    assert [each.amends_of for each in invoices_of(of(sent, resource="invoices"))][-1] == "D1"
    twice = sent.replace(b'"totalCharges":7', b'"totalCharges":700,"totalCharges":7')
    with pytest.raises(
        PayloadError, match=r"items\[1\].totalCharges is stated twice, as 700 and 7"
    ):
        invoices_of(of(twice, resource="invoices"))


def test_a_count_that_does_not_fit_is_told():
    """By every function that reads the answer, each time; more pages hold a part each."""
    for count, items in ((3, 1), (0, 1), (2, 0)):
        given = of(body(*[item("GBP", 5)] * items, totalCount=count))
        words = rf"the answer counts {count} items \(totalCount\), but {items} came\.$"
        for function in (summary_frame, totals_frame, reconcile, render_report):
            with pytest.warns(PcNotebooksWarning, match=words):
                function(given)
        with pytest.warns(PcNotebooksWarning, match=words):
            shown = overview([given])
        assert shown.notes[-1].startswith("Contoso · Partner Center: the answer counts")
    given = of(listed(invoice("D1"), totalCount=2), resource="invoices")
    with pytest.warns(PcNotebooksWarning, match=r"Invoices \(Contoso\): .* counts 2 items"):
        invoice_frame(given)
    page = listed(invoice("D2"), totalCount=2)
    assert len(invoice_frame(replace(given, pages=(page,)))) == 2
    for nothing in (None, "3", 1.5, -1, [], "9" * 5000, ...):
        summary_frame(of(body(item("GBP", 5), totalCount=nothing)))


@pytest.mark.parametrize("resource", ["invoice_summaries", "invoices"])
@pytest.mark.parametrize(
    ("small", "around"),
    [
        (
            b'{"summary":{"balanceAmount":1}}',
            b'{"currencyCode":"A","balanceAmount":1,"details":[%s]}',
        ),
        (b'{"currencyCode":"A","balanceAmount":1}', b"%s"),
        (b'{"currencyCode":"A","\\u0062alanceAmount":1}', b"%s"),
        (b'{"id":"1","currencyCode":"A","totalCharges":1}', b"%s"),
        (b'{"id":"1"}', b'{"id":"1","currencyCode":"A","totalCharges":1,"taxReceipts":[%s]}'),
    ],
)
def test_an_answer_of_tiny_objects_is_refused(small, around, resource, tmp_path):
    """Each would take many times its bytes, before anything could be said of it."""
    content = b'{"items":[%s]}' % (around % b",".join([small] * 60_000))
    given = of(content, resource=resource)
    with pytest.raises(PayloadError, match=r"holds [\d,]+ figures in [\d,]+ objects, but only"):
        (summary_frame if resource == "invoice_summaries" else invoice_frame)(given)
    (tmp_path / "raw.json").write_bytes(content)
    with pytest.raises(PayloadError, match="objects, but only"):
        Payload.load(tmp_path / "raw.json", cloud="global")
