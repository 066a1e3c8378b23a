"""How long ago each balance was last paid, and when its latest invoice falls due."""

from datetime import timedelta
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.build import summary_frame
from pcnotebooks.frame.measures import RECENCIES, payment_recency, with_recency
from tests.builders import AT, NONE
from tests.frame.expected import FRAMES, cell, one, paid_days_ago


@pytest.mark.parametrize(
    ("days", "band"),
    [(0, "0-30"), (1, "0-30"), (30, "0-30"), (31, "31-60"), (60, "31-60"), (61, "61-90"),
     (90, "61-90"), (91, "over 90"), (5000, "over 90")],
)  # fmt: skip
@pytest.mark.parametrize("function", FRAMES)
def test_bands(function, days, band):
    """Each band holds its last day; the time of day does not matter."""
    recency = payment_recency(function(paid_days_ago(days)))
    assert cell(recency, "days_since_payment") == days
    assert cell(recency, "recency") == band
    assert cell(recency, "payment_status") == "paid"


@pytest.mark.parametrize("days", [-1, -400])
def test_a_payment_after_the_day_warns(days):
    """It is negative and has a band of its own, never the first one."""
    frame = summary_frame(paid_days_ago(days))
    with pytest.warns(UserWarning, match=r"GBP: the last payment, .* after the as-of day"):
        recency = payment_recency(frame)
    assert cell(recency, "days_since_payment") == days
    assert cell(recency, "recency") == "in the future"
    assert cell(recency, "payment_status") == "paid"


def test_a_payment_after_the_day_is_told_in_words():
    """With the currency, the day of the payment and how far ahead it is."""
    with pytest.warns(UserWarning, match="after the as-of day") as caught:
        payment_recency(summary_frame(paid_days_ago(-2)))
    assert str(caught[0].message).replace("\xa0", " ") == (
        "GBP: the last payment, of 7 Mar 2024, is 2 days after the as-of day."
    )


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "never paid"),
        ({"lastPaymentDate": NONE + "Z", "lastPaymentAmount": Decimal("0.00")}, "never paid"),
        ({"lastPaymentDate": None}, "never paid"),
        ({"lastPaymentDate": ...}, "never paid"),
        ({"lastPaymentAmount": None}, "not stated"),
        ({"lastPaymentAmount": ...}, "not stated"),
        ({"lastPaymentDate": ..., "lastPaymentAmount": ...}, "not stated"),
        ({"lastPaymentAmount": 12}, "not stated"),
        ({"lastPaymentDate": "2024-03-01T00:00:00", "lastPaymentAmount": 0}, "paid"),
        ({"lastPaymentDate": "2024-03-01T00:00:00", "lastPaymentAmount": None}, "paid"),
    ],
)
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("function", FRAMES)
def test_statuses(function, exact, fields, status):
    """Never paid takes a stated zero; what is not stated is not called never paid."""
    recency = payment_recency(function(one(**fields), exact=exact))
    assert cell(recency, "payment_status") == status
    if status != "paid":
        assert cell(recency, "recency") == status
        assert recency["days_since_payment"].isna().tolist() == [True]


def test_recency_is_ordered():
    """Sorting by it goes from the newest payment to none."""
    recency = payment_recency(summary_frame(one()))["recency"]
    assert recency.cat.ordered
    assert tuple(recency.cat.categories) == RECENCIES


def test_each_row_counts_from_its_own_retrieval():
    """Partners asked on different days are not measured by one clock unless told."""
    paid = {"lastPaymentDate": "2024-03-01T00:00:00Z", "lastPaymentAmount": 1}
    frame = summary_frame(one(**paid), one(at=AT + timedelta(days=10), partner="Fabrikam", **paid))
    assert payment_recency(frame)["days_since_payment"].tolist() == [4, 14]
    assert payment_recency(frame, as_of="2024-03-31")["days_since_payment"].tolist() == [30, 30]


@pytest.mark.parametrize(("terms", "due", "left"), [(60, "2024-04-08", 34), (0, "2024-02-08", -26),
                                                    (30, "2024-03-09", 4)])  # fmt: skip
def test_terms(terms, due, left):
    """The day on which the latest invoice falls due, and the days until then."""
    frame = summary_frame(one(latestInvoiceDate="2024-02-08T15:00:00Z"))
    recency = payment_recency(frame, terms_days=terms)
    assert cell(recency, "invoice_due_date") == pd.Timestamp(due, tz="UTC")
    assert cell(recency, "days_until_due") == left
    assert cell(recency, "days_since_invoice") == 26


def test_no_invoice_date_no_due_date():
    """A latest invoice that is not stated does not fall due."""
    recency = payment_recency(summary_frame(one(latestInvoiceDate=NONE)))
    assert (
        recency[["days_since_invoice", "invoice_due_date", "days_until_due"]].isna().all(axis=None)
    )


@pytest.mark.parametrize("terms", [-1, 3651, 10**9, True])
def test_terms_that_cannot_be(terms):
    """Days before the invoice, or beyond ten years, are refused with the value."""
    with pytest.raises(ConfigurationError, match=f"terms_days cannot be {terms}") as caught:
        payment_recency(summary_frame(one()), terms_days=terms)
    assert "from 0 to 3650" in caught.value.remedy


def test_terms_are_sixty_days_unless_given():
    """And ten years at most."""
    frame = summary_frame(one())
    (due,) = payment_recency(frame)["invoice_due_date"]
    assert due == pd.Timestamp("2024-04-08", tz="UTC")
    assert with_recency(frame)["invoice_due_date"].tolist() == [due]
    (due,) = payment_recency(frame, terms_days=3650)["invoice_due_date"]
    assert due == pd.Timestamp("2034-02-05", tz="UTC")


def test_statuses_keep_their_order():
    """Whichever of them there are."""
    for frame in (summary_frame(one()), summary_frame()):
        statuses = payment_recency(frame)["payment_status"].cat.categories
        assert statuses.tolist() == ["paid", "never paid", "not stated"]


@settings(deadline=None)
@given(as_of=st.dates(), sentinel=st.sampled_from([NONE, NONE + "Z", "0001-01-01T00:00:00.0000000",
                                                   "0001-01-01T00:00:00-08:00"]))  # fmt: skip
def test_never_paid_is_never_a_number(as_of, sentinel):
    """Whatever the as-of day, never paid has no days and is in no band of days."""
    for function in FRAMES:
        frame = function(one(lastPaymentDate=sentinel, latestInvoiceDate=sentinel))
        recency = payment_recency(frame, as_of=as_of)
        assert recency["days_since_payment"].isna().all()
        assert recency["days_since_invoice"].isna().all()
        assert recency["payment_status"].tolist() == ["never paid"]
        assert recency["recency"].tolist() == ["never paid"]
