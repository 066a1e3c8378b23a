"""Columns, their order and their dtypes are the same for 0, 1 and n rows on every pandas."""

import pandas as pd
import pytest

from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.frame.measures import balance_changes, balances_by_type, payment_recency, reconcile
from pcnotebooks.frame.selection import select
from pcnotebooks.payload.sample import sample_history, sample_payload
from tests.builders import detail, item, payload
from tests.frame.expected import (
    CHANGE_DTYPES,
    INVOICE_DTYPES,
    RECENCY_DTYPES,
    RECONCILE_DTYPES,
    TOTALS_DTYPES,
    assert_plain_index,
    cell,
    dtypes,
    one,
)

SIZES = {
    "no payload": [],
    "no item": [payload()],
    "one row": [one()],
    "one row, nothing stated": [
        payload({"currencyCode": "GBP", "balanceAmount": 1}),
    ],
    "the documented example": [sample_payload()],
    "the history": sample_history(),
}


@pytest.mark.parametrize("payloads", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(
    ("function", "expected"), [(summary_frame, INVOICE_DTYPES), (totals_frame, TOTALS_DTYPES)]
)
def test_columns_order_and_dtypes(function, expected, payloads):
    """Whatever the number of rows, the columns, their order and their dtypes are the same."""
    frame = function(*payloads)
    assert list(dtypes(frame).items()) == list(expected.items())
    assert_plain_index(frame)
    exact = expected | {"balance_amount": "object", "last_payment_amount": "object"}
    assert list(dtypes(function(*payloads, exact=True)).items()) == list(exact.items())


@pytest.mark.parametrize("payloads", SIZES.values(), ids=SIZES)
def test_columns_order_and_dtypes_of_what_is_derived(payloads):
    """The same holds for recency, changes and reconciliation."""
    frame = summary_frame(*payloads)
    assert list(dtypes(payment_recency(frame)).items()) == list(RECENCY_DTYPES.items())
    assert list(dtypes(balance_changes(*payloads)).items()) == list(CHANGE_DTYPES.items())
    exact = {name: dtype.replace("float64", "object") for name, dtype in CHANGE_DTYPES.items()}
    changes = balance_changes(*payloads, exact=True)
    assert list(dtypes(changes).items()) == list(exact.items())
    assert not any(isinstance(cell, float) for cell in changes.to_numpy().ravel())
    assert list(dtypes(reconcile(*payloads)).items()) == list(RECONCILE_DTYPES.items())
    wide = balances_by_type(frame)
    assert list(wide.columns[:2]) == ["Recurring", "OneTime"]
    assert set(dtypes(wide).values()) == {"float64"}
    assert wide.index.name == "currency"
    assert wide.columns.name is None
    for derived in (payment_recency(frame), balance_changes(*payloads), reconcile(*payloads)):
        assert_plain_index(derived)


def test_categories_are_what_occurs_in_order():
    """Names are sorted; the two known invoice types come first, occurring or not."""
    frame = summary_frame(one("1", "Azure"), one("1", "Recurring", partner="Adatum"))
    assert list(frame["partner"].cat.categories) == ["Adatum", "Contoso"]
    assert list(frame["cloud"].cat.categories) == ["global"]
    assert list(frame["currency"].cat.categories) == ["GBP"]
    assert list(frame["invoice_type"].cat.categories) == ["Recurring", "OneTime", "Azure"]
    assert not frame["invoice_type"].cat.ordered


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("Recurring", "Recurring"),
        ("recurring", "Recurring"),
        ("RECURRING", "Recurring"),
        ("OneTime", "OneTime"),
        ("one_time", "OneTime"),
        ("ONETIME", "OneTime"),
        ("Perpetual", "Perpetual"),
        ("azure plan", "azure plan"),
        ("Ein_malig", "Ein_malig"),
    ],
)
def test_invoice_types_are_compared_without_case_and_underscore(sent, shown):
    """The two known ones have one spelling; an unknown one is kept as it came."""
    assert cell(summary_frame(one("5", sent)), "invoice_type") == shown


def test_two_spellings_of_an_unknown_type_are_one():
    """A type that is spelled in two ways is not two."""
    parts = [detail("perpetual", 1), detail("Per_Petual", 2), detail("PERPETUAL", 4)]
    frame = summary_frame(payload(item("GBP", None, *parts)))
    assert len(set(frame["invoice_type"])) == 1
    assert balances_by_type(frame).loc["GBP"].tolist()[2:] == [7]


OPTIONS = [("mode.string_storage", "python")]


if pd.__version__ < "3":
    OPTIONS += [("mode.copy_on_write", True), ("future.no_silent_downcasting", True)]


@pytest.mark.parametrize(("option", "value"), OPTIONS)
def test_options_of_pandas_change_nothing(option, value):
    """Pandas 3's manners in pandas 2, and another store of text, give the same frames."""
    history = sample_history()
    with pd.option_context(option, value):
        frame = summary_frame(*history)
        assert dtypes(frame) == INVOICE_DTYPES
        assert dtypes(payment_recency(frame, as_of="2026-01-01")) == RECENCY_DTYPES
        assert dtypes(balance_changes(*history)) == CHANGE_DTYPES
        found = balances_by_type(select(frame, currency=["GBP", "USD"]))
    assert found.loc["GBP"].tolist() == [238462.38, 18618.75]


def test_a_name_given_to_categories_stays_in_its_frame():
    """Frames share what pandas takes long to check, and nothing that a user can change."""
    given = sample_payload()
    summary_frame(given)["currency"].cat.categories.name = "mine"
    assert summary_frame(given)["currency"].cat.categories.name is None
