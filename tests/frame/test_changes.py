"""What changed from one balance to the next, and whether that is explained."""

import itertools
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pcnotebooks.frame.build import summary_frame
from pcnotebooks.frame.measures import balance_changes, changes_of
from pcnotebooks.frame.selection import rows_of
from pcnotebooks.payload.payload import Payload
from pcnotebooks.payload.sample import sample_history
from tests.builders import AT, NONE, item, payload
from tests.frame.expected import one


def month(number: int, balance, paid=(NONE, 0), invoiced="2024-01-08", **others) -> Payload:
    """Return the payload of a month: balance, last payment and latest invoice."""
    fields = {"lastPaymentDate": paid[0], "lastPaymentAmount": paid[1],
              "latestInvoiceDate": f"{invoiced}T00:00:00"}  # fmt: skip
    return one(balance, at=AT + timedelta(days=30 * number), **fields | others)


def change(*payloads):
    """Return the only change between payloads."""
    (row,) = balance_changes(*payloads).itertuples()
    return row


def test_a_payment():
    """The balance falls, and the new payment stands beside it."""
    row = change(month(0, 100), month(1, 60, ("2024-03-20T12:00:00Z", 40)))
    assert (row.previous_balance_amount, row.balance_amount, row.balance_change) == (100, 60, -40)
    assert row.payment_seen
    assert (row.payment_date, row.payment_amount) == (pd.Timestamp("2024-03-20 12:00Z"), 40)
    assert not row.invoice_seen
    assert row.invoice_date is pd.NaT
    assert not row.unexplained
    assert (row.previous_retrieved_at, row.retrieved_at) == (AT, AT + timedelta(days=30))


def test_an_invoice():
    """The balance rises, and the new invoice's day stands beside it."""
    row = change(month(0, 100), month(1, 130, invoiced="2024-03-08"))
    assert (row.balance_change, row.invoice_seen) == (30, True)
    assert row.invoice_date == pd.Timestamp("2024-03-08", tz="UTC")
    assert not row.payment_seen
    assert row.payment_date is pd.NaT
    assert np.isnan(row.payment_amount)
    assert not row.unexplained


def test_a_first_payment_is_seen():
    """A balance that was never paid before, and one that is not stated any more."""
    before = one("5")
    paid = one("4", at=AT + timedelta(days=31), lastPaymentDate="2024-03-20T00:00:00Z",
               lastPaymentAmount=1)  # fmt: skip
    (change,) = rows_of(balance_changes(before, paid))
    assert change.payment_seen
    assert change.payment_amount == 1
    assert not change.unexplained


def test_a_second_payment_of_the_same_day_is_seen():
    """A changed amount is a payment, though its day stayed."""
    day = "2024-03-20T12:00:00Z"
    row = change(month(0, 100, (day, 40)), month(1, 80, (day, 20)))
    assert (row.payment_seen, row.payment_amount, row.unexplained) == (True, 20, False)


def test_a_movement_without_cause_is_unexplained():
    """Nothing was paid, nothing was invoiced, yet the balance moved."""
    row = change(month(0, 100), month(1, 0))
    assert (row.payment_seen, row.invoice_seen, row.unexplained) == (False, False, True)
    assert change(month(0, "100.00"), month(1, "100.01")).unexplained
    missing = {"lastPaymentDate": ..., "lastPaymentAmount": ..., "latestInvoiceDate": ...}
    assert change(month(0, 1, **missing), month(1, 2, **missing)).unexplained


def test_no_movement_is_not_unexplained():
    """A balance that stayed needs no cause; 100 and 100.00 are the same."""
    row = change(month(0, "100"), month(1, "100.00"))
    assert (row.balance_change, row.unexplained) == (0, False)


def test_a_payment_taken_back_explains():
    """Where the last payment is no longer stated, something did happen, but none is seen."""
    row = change(month(0, 60, ("2024-03-01T00:00:00Z", 40)), month(1, 100))
    assert (row.balance_change, row.payment_seen, row.unexplained) == (40, False, False)
    assert row.payment_date is pd.NaT


@pytest.mark.parametrize("balance", [100, 130])
def test_what_is_older_than_before_is_not_seen_as_new(balance):
    """A payment or an invoice taken back leaves an older one: it did happen, but not since."""
    day, before = "2024-03-20T12:00:00Z", "2024-02-20T12:00:00Z"
    row = change(month(0, 100, (day, 40)), month(1, balance, (before, 30)))
    assert (row.payment_seen, row.invoice_seen, row.unexplained) == (False, False, False)
    assert row.payment_date is pd.NaT
    assert np.isnan(row.payment_amount)
    invoiced = month(1, balance, invoiced="2023-12-08")
    row = change(month(0, 100), invoiced)
    assert (row.payment_seen, row.invoice_seen, row.unexplained) == (False, False, False)
    assert row.invoice_date is pd.NaT
    assert change(invoiced, month(2, 7)).invoice_seen


def test_an_amount_first_or_no_longer_stated_is_no_payment():
    """The payment of that day was there before; its amount alone is new or gone."""
    day, none = "2024-03-20T12:00:00Z", ...
    for first, second in ((40, none), (none, 40)):
        row = change(month(0, 100, (day, first)), month(1, 90, (day, second)))
        assert (row.payment_seen, row.unexplained) == (False, False)


def test_a_currency_left_out_is_compared_with_when_it_was_stated_last():
    """A payload that does not state it says nothing of it; the days tell that one lies between."""
    stated = [
        [item("GBP", 100), item("EUR", 5)],
        [item("EUR", 5)],
        [item("GBP", 40), item("EUR", 5)],
    ]
    every = [payload(*items, at=AT + timedelta(days=day)) for day, items in enumerate(stated)]
    changes = balance_changes(*every)
    (row,) = changes[changes["currency"] == "GBP"].itertuples()
    assert (row.previous_retrieved_at, row.retrieved_at) == (AT, AT + timedelta(days=2))
    assert (row.balance_change, row.unexplained) == (-60, True)
    assert balance_changes(*every[:2])["currency"].tolist() == ["EUR"]


def test_a_credit_is_a_movement_like_any_other():
    """Through zero and back, with the sign kept."""
    first, second = balance_changes(
        month(0, 10), month(1, -15, invoiced="2024-03-20"), month(2, 5, invoiced="2024-04-20")
    ).itertuples()
    assert (first.balance_change, second.balance_change) == (-25, 20)


def test_changes_are_exact():
    """0.30 less 0.10 is 0.20, which is not what floats make of it."""
    assert change(month(0, "0.1"), month(1, "0.3")).balance_change == 0.2


def test_changes_of_floats_are_those_of_decimals():
    """To the cent, also where floats would not add up to it."""
    parts = [one(balance, at=AT + timedelta(days=day)) for day, balance in ((0, "0.3"), (1, "0.1"))]
    exact, floats = (changes_of(summary_frame(*parts, exact=exact)) for exact in (True, False))
    assert_frame_equal(exact, floats)
    assert exact["balance_change"].tolist() == [-0.2]


def test_a_month_without_the_currency_is_a_gap():
    """The change is counted from the last payload that states the currency."""
    row = change(month(0, 10), payload(at=AT + timedelta(days=30)), month(2, 12))
    assert (row.balance_change, row.previous_retrieved_at) == (2, AT)


def test_a_currency_stated_twice_is_one_balance():
    """Its balances are added, its payment is the newest, its invoice too."""

    def twice(number, first, second, paid_on):
        return payload(
            item("GBP", first, lastPaymentDate=paid_on, lastPaymentAmount=7),
            item("GBP", second, latestInvoiceDate=NONE),
            at=AT + timedelta(days=number),
        )  # fmt: skip

    row = change(twice(0, Decimal("0.1"), Decimal("0.2"), NONE), twice(1, 0, 0, "2024-03-06"))
    assert (row.previous_balance_amount, row.balance_amount, row.balance_change) == (0.3, 0, -0.3)
    assert (row.payment_seen, row.payment_amount) == (True, 7)
    assert not row.unexplained


def test_partners_clouds_and_currencies_are_not_compared_with_each_other():
    """Each has its own line of payloads."""
    payloads = [
        payload(item("GBP", number), item("EUR", 10 * number), at=AT + timedelta(days=number),
                partner=partner, cloud=cloud)
        for number, partner, cloud in itertools.product(
            range(3), ("Contoso", "Adatum"), ("global", "china"))
    ]  # fmt: skip
    changes = balance_changes(*payloads)
    assert len(changes) == 2 * 2 * 2 * 2
    assert set(changes.loc[changes["currency"] == "GBP", "balance_change"]) == {1}
    assert set(changes.loc[changes["currency"] == "EUR", "balance_change"]) == {10}
    for shuffled in (payloads[::-1], payloads[5:] + payloads[:5]):
        assert_frame_equal(balance_changes(*shuffled), changes)


def test_changes_of_parts_are_those_of_totals():
    """Where parts add up, the changes of the frame by type are those of the stated totals."""
    history = sample_history()
    assert_frame_equal(changes_of(summary_frame(*history)), balance_changes(*history))
