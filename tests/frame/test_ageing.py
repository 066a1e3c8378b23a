"""What is open of an invoice, and since when it is overdue, to the cent and to the day."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, localcontext
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcnotebooks.amounts import add_exactly
from pcnotebooks.errors import ConfigurationError, PcNotebooksWarning
from pcnotebooks.frame.ageing import (
    AGEINGS,
    LIKELY_CAUSES,
    _open_amounts,
    ageing_by_currency,
    invoice_ageing,
    reconcile_invoices,
)
from pcnotebooks.frame.build import summary_frame
from pcnotebooks.frame.invoices import invoice_frame
from pcnotebooks.frame.selection import select
from pcnotebooks.payload.sample import sample_payload
from tests.builders import AT, invoice, invoices, item, payload

RECORDED = [
    invoice("D030001TFO", Decimal("-87993.07"), currencyCode="USD", currencySymbol="$",
            invoiceDate="2018-07-15T00:00:00Z", paidAmount=Decimal("0.0")),
    invoice("D030001TEE", Decimal("90053.74"), currencyCode="USD", currencySymbol="$",
            invoiceDate="2018-06-15T00:00:00Z", paidAmount=Decimal("0.0")),
]  # fmt: skip


def aged(*items: Any, exact: bool = True, **choices: Any) -> pd.DataFrame:
    """Return the ageing of these invoices."""
    return invoice_ageing(invoice_frame(invoices(*items), exact=exact), **choices)


def one(**fields: Any) -> Any:
    """Return the row of one invoice of 100."""
    total = fields.pop("total", 100)
    return next(aged(invoice("A", total, **fields)).itertuples())


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("exact", [False, True])
def test_columns_and_dtypes(count, exact):
    """The columns of the frame and four more, for no, one and many rows."""
    frame = invoice_frame(invoices(*(invoice(f"D{n}", n) for n in range(count))), exact=exact)
    result = invoice_ageing(frame)
    assert result.columns.tolist() == [
        *frame.columns, "open_amount", "due_date", "days_overdue", "ageing"]  # fmt: skip
    assert result.dtypes.astype(str).tolist()[-4:] == [
        "object" if exact else "float64", "datetime64[us, UTC]", "Int64", "category"]  # fmt: skip
    assert tuple(result["ageing"].cat.categories) == AGEINGS
    assert result["ageing"].cat.ordered
    pd.testing.assert_frame_equal(result[frame.columns], frame)
    pd.testing.assert_frame_equal(result, invoice_ageing(frame))


def test_the_labels_are_those_of_the_docs():
    """In the order in which they are shown."""
    bands = ("1-30", "31-60", "61-90", "over 90")
    assert list(AGEINGS) == ["credit", "void", "paid", "not due", *bands, "not stated"]


@pytest.mark.parametrize(
    ("days", "label"),
    [(-60, "not due"), (-1, "not due"), (0, "not due"), (1, "1-30"), (30, "1-30"), (31, "31-60"),
     (60, "31-60"), (61, "61-90"), (90, "61-90"), (91, "over 90"), (4_000, "over 90")],
)  # fmt: skip
def test_every_edge_to_the_day(days, label):
    """An invoice is not overdue on its due day."""
    due = date(2024, 2, 8) + timedelta(days=60)
    row = next(aged(invoice("A", 1), as_of=due + timedelta(days=days)).itertuples())
    assert (row.ageing, row.days_overdue) == (label, days)
    assert row.due_date == pd.Timestamp(due, tz="UTC")


@pytest.mark.parametrize(
    ("invoiced", "terms", "due"),
    [
        ("2023-12-31T00:00:00Z", 60, "2024-02-29"),  # a leap day
        ("2022-12-31T00:00:00Z", 60, "2023-03-01"),
        ("2024-01-31T00:00:00Z", 30, "2024-03-01"),
        ("2024-02-29T00:00:00Z", 366, "2025-03-01"),
        ("2024-02-08T23:59:59.9999999Z", 60, "2024-04-08"),
        ("2024-02-08T23:30:00-01:00", 60, "2024-04-09"),  # the 9th in UTC
        ("2024-02-09T00:30:00+01:00", 0, "2024-02-08"),
    ],
)
def test_due_dates(invoiced, terms, due):
    """The UTC day of the invoice plus the terms, over ends of months and leap days."""
    (at,) = aged(invoice("A", 1, invoiceDate=invoiced), terms_days=terms)["due_date"]
    assert at == pd.Timestamp(due, tz="UTC")


def test_the_as_of_day():
    """Each payload's own day unless given; a moment counts as its day in UTC."""
    frame = invoice_frame(
        invoices(invoice("A", 1)),
        invoices(invoice("B", 1), partner="Fabrikam", at=AT + timedelta(days=100)),
    )
    assert invoice_ageing(frame)["days_overdue"].tolist() == [-34, 66]
    for as_of in ("2024-04-09", date(2024, 4, 9), datetime(2024, 4, 9, 23, 59, tzinfo=UTC)):
        assert invoice_ageing(frame, as_of=as_of)["days_overdue"].tolist() == [1, 1]


@pytest.mark.parametrize("choices", [{"as_of": "soon"}, {"terms_days": -1}, {"terms_days": 1.5}])
def test_wrong_arguments(choices):
    """As for payment_recency."""
    with pytest.raises(ConfigurationError):
        aged(invoice("A", 1), **choices)


@pytest.mark.parametrize("frame", [None, [], summary_frame(payload(item("GBP", 1)))])
def test_another_frame_is_refused(frame):
    """With the way to the right one."""
    for function in (invoice_ageing, ageing_by_currency):
        with pytest.raises(ConfigurationError) as caught:
            function(frame)
        assert caught.value.remedy == "Pass invoice_frame(*payloads)."


def test_only_the_latest_payload_is_aged():
    """Of each partner and cloud: an earlier one states the same debt."""
    frame = invoice_frame(
        invoices(invoice("A", 1), invoice("B", 1)),
        invoices(invoice("B", 1), at=AT + timedelta(days=1)),
        invoices(invoice("A", 1), partner="Fabrikam"),
        invoices(invoice("C", 1), cloud="china"),
    )
    assert invoice_ageing(frame)["invoice_id"].tolist() == ["C", "B", "A"]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("total", "paid", "left", "label"),
    [("100.10", "0", "100.10", "not due"), ("100.10", "40.05", "60.05", "not due"),
     ("100.10", "100.10", "0", "paid"), ("100.10", "100.1", "0", "paid"),
     ("100.10", "100.11", "-0.01", "credit"), ("0", "0", "0", "paid"),
     ("0", "5", "-5", "credit"), ("-100.10", "0", "-100.10", "credit"),
     ("-100.10", "40", "-100.10", "credit"),
     ("123456789012.34", "0.01", "123456789012.33", "not due")],
)  # fmt: skip
def test_what_is_open(total, paid, left, label, sign):
    """A payment counts whichever sign it has; a negative total is open whole, as a credit."""
    sent = invoice("A", Decimal(total), paidAmount=sign * Decimal(paid))
    for exact in (False, True):
        with localcontext(prec=3):
            (row,) = aged(sent, exact=exact).itertuples()
        assert row.open_amount == (Decimal(left) if exact else float(left))
        assert type(row.open_amount) is (Decimal if exact else float)
        assert row.ageing == label
        assert pd.isna(row.days_overdue) == (label != "not due")


@settings(max_examples=100)
@given(st.lists(st.tuples(*[st.one_of(
    st.floats(-1e16, 1e16, allow_subnormal=False),
    st.integers(-(10**17), 10**17).map(lambda units: units / 10**4),
    st.integers(-(10**6), 10**6).map(lambda units: units / 100),
)] * 2), max_size=20))  # fmt: skip
def test_floats_are_subtracted_as_the_decimals_they_were_sent_as(sent):
    """Whether they have cents, more digits than a float keeps, or an exponent."""
    frame = pd.DataFrame(sent, columns=["total_charges", "paid_amount"], dtype="float64")
    none = np.zeros(len(frame), dtype=bool)
    paid = np.sign(frame["paid_amount"]).astype(int).to_numpy()
    with localcontext(Context(prec=100)):
        left = [
            float(Decimal(repr(total)) - abs(Decimal(repr(part)))) if part and total >= 0 else total
            for total, part in sent
        ]
    assert _open_amounts(frame, none, none, paid).tolist() == left


def test_a_missing_paid_amount_is_nothing_paid():
    """That is an assumption, and said."""
    result = aged(invoice("A", 5, paidAmount=None), invoice("B", 5, paidAmount=...))
    assert result["open_amount"].tolist() == [5, 5]
    assert any("No paid amount is stated for 2 invoices" in text
               for text in result.attrs["assumptions"])  # fmt: skip


def test_both_signs_in_one_payload():
    """The rows that state a payment are not stated; the others are."""
    sent = [
        invoice("A", 100, paidAmount=40),
        invoice("B", 100, paidAmount=-40),
        invoice("C", 100),
        invoice("D", 100, paidAmount=7, documentType="void_note"),
        invoice("E", -100),
    ]
    with pytest.warns(
        PcNotebooksWarning, match=r"'Contoso', cloud 'global': .* paid amounts"
    ) as told:
        result = aged(*sent)
    assert len(told) == 1
    assert "is not stated for 2 invoices." in str(told[0].message)
    assert result["ageing"].tolist() == ["not stated", "not stated", "not due", "void", "credit"]
    assert result["open_amount"].isna().tolist() == [True, True, False, False, False]
    assert result["days_overdue"].isna().tolist() == [True, True, False, True, True]
    assert result["paid_amount"].tolist() == [40, -40, 0, 7, 0]
    assert str(told[0].message) in result.attrs["assumptions"]


def test_one_convention_a_payload():
    """Two accounts may use two signs: neither is mixed."""
    frame = invoice_frame(
        invoices(invoice("A", 100, paidAmount=40)),
        invoices(invoice("B", 100, paidAmount=-40), partner="Fabrikam"),
        invoices(invoice("B", 100, paidAmount=-40), cloud="china"),
        exact=True,
    )
    assert invoice_ageing(frame)["open_amount"].tolist() == [60, 60, 60]


def test_a_void_document_and_its_amendment():
    """The void one is open for 0, and the amendment counts like an invoice."""
    result = invoice_ageing(invoice_frame(sample_payload("invoices"), exact=True))
    assert result["open_amount"].tolist() == [0, Decimal("107661.12"), Decimal("23606.35")]
    assert result["ageing"].tolist() == ["void", "not due", "over 90"]
    assert any("void" in text for text in result.attrs["assumptions"])


def test_a_missing_date():
    """Open, and not overdue; a credit or a paid one needs no date."""
    fields = {"invoiceDate": None}
    result = aged(
        invoice("A", 5, **fields), invoice("B", -5, **fields),
        invoice("C", 5, paidAmount=5, **fields),
        invoice("D", 5, documentType="void_note", **fields),
        as_of="2099-01-01",
    )  # fmt: skip
    assert result["ageing"].tolist() == ["not stated", "credit", "paid", "void"]
    assert result["open_amount"].tolist() == [5, -5, 0, 0]
    assert result["days_overdue"].isna().all()
    assert result["due_date"].isna().all()


def test_a_due_date_after_the_last_day():
    """No calendar has it."""
    row = one(invoiceDate="9999-12-31T23:59:59.9999999")
    assert row.ageing == "not stated"
    assert pd.isna(row.due_date)


def test_other_states_and_types_are_aged_like_invoices():
    """Nothing is inferred from an undocumented state or an unknown type."""
    for fields in ({"state": "paid"}, {"documentType": "Credit Note"}, {"documentType": None}):
        assert one(**fields).ageing == "not due"


def test_assumptions_are_plain_texts():
    """So frames with them can be compared, joined and written; due dates come first."""
    result = aged(invoice("A", 1), terms_days=45)
    (only,) = result.attrs["assumptions"]
    assert only == (
        "Due dates are computed: the UTC day of the invoice plus 45 days. The PDF of an invoice"
        " states its authoritative due date."
    )
    mixed = aged(*RECORDED, invoice("V", 1, documentType="void_note", paidAmount=1))
    assert all(type(text) is str for text in mixed.attrs["assumptions"])
    assert len(mixed.attrs["assumptions"]) == 3
    assert len(pd.concat([result, mixed])) == 4


def test_ageing_by_currency():
    """Sums to the cent: credits and not stated in columns of their own."""
    frame = invoice_frame(
        invoices(
            *RECORDED,
            invoice("A", Decimal("0.10"), currencyCode="USD", invoiceDate="2018-06-01T00:00:00Z"),
            invoice("B", Decimal("0.20"), currencyCode="USD", invoiceDate=None),
            invoice("C", 7, currencyCode="JPY", invoiceDate="2018-08-01T00:00:00Z"),
        ),
        invoices(invoice("D", Decimal("0.20"), currencyCode="USD",
                         invoiceDate="2018-06-02T00:00:00Z"), partner="Fabrikam"),
    )  # fmt: skip
    wide = ageing_by_currency(invoice_ageing(frame, as_of="2018-08-15"))
    assert wide.columns.tolist() == list(AGEINGS)
    assert wide.index.name == "currency"
    assert wide.to_dict("index") == {
        "JPY": dict.fromkeys(AGEINGS, 0) | {"not due": 7},
        "USD": dict.fromkeys(AGEINGS, 0)
        | {"credit": -87993.07, "1-30": 90054.04, "not stated": 0.2},
    }
    pd.testing.assert_frame_equal(
        ageing_by_currency(frame), ageing_by_currency(invoice_ageing(frame))
    )


@pytest.mark.parametrize("exact", [False, True])
def test_ageing_by_currency_is_exact_and_typed(exact):
    """Decimal stays Decimal; the frame of nothing has the columns."""
    kind = "object" if exact else "float64"
    for frame in (invoice_frame(exact=exact), invoice_frame(invoices(*RECORDED), exact=exact)):
        wide = ageing_by_currency(frame)
        assert set(wide.dtypes.astype(str)) == {kind}
        assert wide.columns.tolist() == list(AGEINGS)
    assert isinstance(wide.loc["USD", "paid"], Decimal if exact else float)
    assert wide.loc["USD"].sum() == (Decimal("2060.67") if exact else pytest.approx(2060.67))


def test_what_nobody_states_has_no_sum():
    """Of invoices whose payments have both signs nothing is known; 0 would be a figure."""
    frame = invoice_frame(invoices(invoice("A", 9, paidAmount=4), invoice("B", 9, paidAmount=-4)))
    with pytest.warns(PcNotebooksWarning, match="positive and negative"):
        wide = ageing_by_currency(frame)
    assert pd.isna(wide.loc["GBP", "not stated"])
    assert wide.loc["GBP"].drop("not stated").eq(0).all()


def test_a_selection_can_be_aged():
    """By currency or type."""
    frame = invoice_frame(invoices(*RECORDED, invoice("A", 1)))
    assert ageing_by_currency(select(frame, currency="USD")).index.tolist() == ["USD"]


BALANCE = payload(item("USD", Decimal("68474.95")))


def test_the_recorded_three_figures():
    """In 2018 two invoices did not explain the balance of their tenant."""
    result = reconcile_invoices(BALANCE, invoices(*RECORDED))
    assert result.columns.tolist() == [
        "partner", "cloud", "currency", "stated_balance", "open_by_invoice", "credits",
        "not_explained"]  # fmt: skip
    assert result.iloc[0].tolist() == [
        "Contoso", "global", "USD", Decimal("68474.95"), Decimal("2060.67"),
        Decimal("-87993.07"), Decimal("66414.28")]  # fmt: skip
    assert result.dtypes.astype(str).tolist() == ["category"] * 3 + ["object"] * 4
    assert result.attrs["likely_causes"] == list(LIKELY_CAUSES)
    assert "unallocated payment" in LIKELY_CAUSES[0]


def test_nothing_to_compare():
    """The columns are there; an account with one resource has no row."""
    for some in ((), (BALANCE,), (invoices(*RECORDED),),
                  (BALANCE, invoices(*RECORDED, partner="Fabrikam"))):  # fmt: skip
        result = reconcile_invoices(*some)
        assert result.empty
        assert result.dtypes.astype(str).tolist() == ["category"] * 3 + ["object"] * 4


def test_a_currency_that_one_side_leaves_out():
    """Without invoices nothing is open; without a balance nothing can be explained."""
    result = reconcile_invoices(
        payload(item("GBP", 7), item("GBP", 2)), invoices(invoice("A", 5, currencyCode="EUR"))
    ).set_index("currency")
    assert result.loc["GBP", ["stated_balance", "open_by_invoice", "credits", "not_explained"]
                      ].tolist() == [9, 0, 0, 9]  # fmt: skip
    assert result.loc["EUR", "open_by_invoice"] == 5
    assert result.loc["EUR", ["stated_balance", "not_explained"]].isna().all()


def test_an_overpaid_invoice_is_a_credit_and_a_void_one_nothing():
    """Both count as they are aged."""
    sent = [invoice("A", 5, paidAmount=7), invoice("B", 9, documentType="Void Note")]
    (row,) = reconcile_invoices(payload(item("GBP", 7)), invoices(*sent)).itertuples()
    assert (row.open_by_invoice, row.credits, row.not_explained) == (-2, -2, 9)


def test_both_signs_leave_the_sum_open():
    """A sum without some of its invoices would look like a figure."""
    sent = [invoice("A", 5, paidAmount=7), invoice("B", 9, paidAmount=-1),
            invoice("C", 5, currencyCode="EUR")]  # fmt: skip
    with pytest.warns(PcNotebooksWarning, match="positive and negative"):
        result = reconcile_invoices(payload(item("GBP", 7)), invoices(*sent)).set_index("currency")
    assert result.loc["GBP", ["open_by_invoice", "not_explained"]].isna().all()
    assert result.loc["EUR", "open_by_invoice"] == 5


@pytest.mark.parametrize("apart", [timedelta(hours=24), timedelta(hours=24, microseconds=1)])
def test_payloads_more_than_a_day_apart_are_not_compared(apart):
    """That is said, in a warning and with the result."""
    lists = [invoices(*RECORDED, at=AT + apart), invoices(*RECORDED, partner="Fabrikam")]
    balances = [BALANCE, payload(item("USD", 1), partner="Fabrikam")]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        result = reconcile_invoices(*lists, *balances)
    if apart == timedelta(days=1):
        assert not told
        assert result["partner"].tolist() == ["Contoso", "Fabrikam"]
        return
    assert result["partner"].tolist() == ["Fabrikam"]
    (sentence,) = result.attrs["not_compared"]
    assert [str(one.message) for one in told] == [sentence]
    assert "'Contoso', cloud 'global'" in sentence
    assert "more than a day apart" in sentence


def test_the_latest_payloads_are_compared():
    """Of each resource, also if the latest list is empty."""
    later = AT + timedelta(hours=1)
    given = [BALANCE, invoices(*RECORDED), invoices(at=later),
             payload(item("USD", 5), at=later)]  # fmt: skip
    (row,) = reconcile_invoices(*given).itertuples()
    assert (row.stated_balance, row.open_by_invoice, row.not_explained) == (5, 0, 5)


AMOUNTS = st.decimals(-(10**9), 10**9, places=2) | st.just(Decimal(0))
INVOICES = st.lists(
    st.fixed_dictionaries(
        {
            "totalCharges": AMOUNTS,
            "paidAmount": st.decimals(-(10**9), 10**9, places=2) | st.sampled_from([0, None]),
            "currencyCode": st.sampled_from(["GBP", "JPY"]),
            "documentType": st.sampled_from(["invoice", "void_note", None]),
            "invoiceDate": st.none()
            | st.dates(date(1990, 1, 1), date(2100, 1, 1)).map(lambda day: f"{day}T12:00:00Z"),
        }
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=150)
@given(sent=INVOICES, as_of=st.dates(date(1990, 1, 1), date(2100, 1, 1)), terms=st.integers(0, 400),
       exact=st.booleans())  # fmt: skip
def test_any_invoices(sent, as_of, terms, exact):
    """Bands sum to what is open, nothing is overdue before its day, credits are never set off."""
    frame = invoice_frame(
        invoices(*(invoice(f"D{n}", **fields) for n, fields in enumerate(sent))), exact=exact
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PcNotebooksWarning)
        result = invoice_ageing(frame, as_of=as_of, terms_days=terms)
    wide = ageing_by_currency(result)
    for currency, rows in result.groupby("currency", observed=True):
        bands = wide.loc[currency]
        assert add_exactly(bands.dropna()) == add_exactly(rows["open_amount"].dropna())
        assert bands["credit"] <= 0
        assert (bands[["not due", "1-30", "31-60", "61-90", "over 90"]] >= 0).all()
    for row in result.itertuples():
        fields = sent[int(row.invoice_id[1:])]
        overdue = row.ageing in ("1-30", "31-60", "61-90", "over 90")
        if row.ageing in ("not due", "1-30", "31-60", "61-90", "over 90"):
            due = date.fromisoformat(fields["invoiceDate"][:10]) + timedelta(days=terms)
            assert row.due_date.date() == due
            assert row.days_overdue == (as_of - due).days
            assert overdue == (as_of > due)
            assert row.open_amount > 0
        else:
            assert pd.isna(row.days_overdue)
        if not pd.isna(row.open_amount) and row.ageing != "void" and fields["totalCharges"] >= 0:
            paid = abs(fields["paidAmount"] or 0)
            left = fields["totalCharges"] - paid
            assert row.open_amount == (left if exact else float(left))
