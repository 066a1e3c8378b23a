"""Frames say what the payloads say: sorted, and exact to the last digit."""

import itertools
from datetime import timedelta
from decimal import Decimal

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.payload.sample import sample_history, sample_payload
from tests.builders import AT, detail, item, payload
from tests.frame.expected import INVOICE_DTYPES, cell, one


def test_the_documented_example():
    """Four rows with the documented figures; the sentinel is missing, the zeros stay."""
    frame = summary_frame(sample_payload())
    march, january = pd.Timestamp("2018-03-16", tz="UTC"), pd.Timestamp("2017-01-21", tz="UTC")
    expected = [
        ("CHF", "CHF", "OneTime", 1230.33, 0.0, pd.NaT, march, march, march),
        ("EUR", "€", "OneTime", 1001.12, 0.0, pd.NaT, march, march, march),
        ("GBP", "£", "Recurring", 202955.87, 1000.0, pd.Timestamp("2017-01-01 12:00", tz="UTC"),
         pd.Timestamp("2017-02-27", tz="UTC"), january, pd.NaT),
        ("GBP", "£", "OneTime", 548138.52, 0.0, pd.NaT, march, march, march),
    ]  # fmt: skip
    columns = [name for name in INVOICE_DTYPES if name not in ("partner", "cloud", "retrieved_at")]
    found = list(frame[columns].astype(object).itertuples(index=False, name=None))
    assert [[str(value) for value in row] for row in found] == [
        [str(value) for value in row] for row in expected
    ]
    assert set(frame["partner"]) == {"Contoso (sample)"}
    assert set(frame["cloud"]) == {"sample"}
    assert set(frame["retrieved_at"]) == {pd.Timestamp("2018-03-16 12:00", tz="UTC")}


def test_the_documented_totals():
    """Three rows as the service states them."""
    frame = totals_frame(sample_payload(), exact=True)
    assert dict(zip(frame["currency"], frame["balance_amount"], strict=True)) == {
        "CHF": Decimal("1230.33"),
        "EUR": Decimal("1001.12"),
        "GBP": Decimal("751094.39"),
    }
    assert frame["last_payment_amount"].tolist() == [0, 0, 1000]
    assert frame["last_payment_date"].notna().tolist() == [False, False, True]


def test_rows_are_sorted_whatever_the_order_of_arguments():
    """Partner, cloud, currency, invoice type, retrieved_at: the same for any order."""
    payloads = [
        payload(item("GBP", None, detail(None, 0), detail("Zeta", 1), detail("OneTime", 2),
                     detail("Recurring", 3)),
                item("EUR", 4, details=None), at=at, partner=partner, cloud=cloud)
        for at in (AT, AT + timedelta(days=31))
        for partner, cloud in (("Contoso", "global"), ("Contoso", "china"), ("Adatum", "global"))
    ]  # fmt: skip
    frame = summary_frame(*payloads)
    keys = ["partner", "cloud", "currency", "invoice_type", "retrieved_at"]
    order = {"Recurring": 0, "OneTime": 1, "Zeta": 2}
    rows = [
        (row.partner, row.cloud, row.currency, order.get(row.invoice_type, 3), row.retrieved_at)
        for row in frame[keys].astype(object).itertuples()
    ]
    assert rows == sorted(rows)
    assert len(rows) == 30
    for number, shuffled in enumerate(itertools.permutations(payloads)):
        if number % 97 == 0:
            assert_frame_equal(summary_frame(*shuffled), frame)
            assert_frame_equal(totals_frame(*shuffled), totals_frame(*payloads))


def test_equal_keys_keep_the_order_sent():
    """Details of one type stay as the service listed them."""
    parts = [detail("OneTime", amount) for amount in (5, 1, 9, 3)]
    frame = summary_frame(payload(item("GBP", None, *parts)))
    assert frame["balance_amount"].tolist() == [5, 1, 9, 3]


def test_exact_amounts_are_decimals_as_sent():
    """Every digit is there, also where a float has no room for it."""
    sent = Decimal("123456789012345.6789")
    frame = summary_frame(one(sent, lastPaymentAmount=Decimal("0.10")), exact=True)
    assert cell(frame, "balance_amount") == sent
    assert isinstance(cell(frame, "balance_amount"), Decimal)
    assert cell(frame, "last_payment_amount") == Decimal("0.1")


@pytest.mark.parametrize("function", [summary_frame, totals_frame])
def test_amounts_as_floats_are_the_floats_of_the_decimals(function):
    """Each float is the one nearest to what was sent."""
    history = sample_history()
    for column in ("balance_amount", "last_payment_amount"):
        exact = function(*history, exact=True)[column]
        assert_series_equal(function(*history)[column], exact.astype("float64"))
