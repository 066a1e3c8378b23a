"""The sample is the service's own shape, the same bytes everywhere, and a plausible story."""

import hashlib
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import resources

import pandas as pd
import pytest

from pcnotebooks.amounts import minor_units
from pcnotebooks.frame.ageing import invoice_ageing, reconcile_invoices
from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.frame.changes import invoice_changes
from pcnotebooks.frame.invoices import invoice_frame
from pcnotebooks.frame.measures import (
    balance_changes,
    balances_by_type,
    differences_of,
    payment_recency,
)
from pcnotebooks.frame.rows import flatten
from pcnotebooks.payload.decode import decode
from pcnotebooks.payload.sample import sample_history, sample_payload
from tests.builders import NONE, of_summaries, parsed

# Hashes of the bytes: a change of them changes the figures of every example.
EXAMPLE = "a24cc7b5fd24655ca8f31bfb43a75654429a56f3d247ceed70c55c53895e5da0"
HISTORY = "37df676522bafcc703d35dc65d6b978bf41debbad50ca02e9908c6f5c5f587fc"
SUMMARIES = "b7b2ee3f62741d73777cc8bd573b5e8a79b199d7cbdd2057bddc9ee8f73f6c9c"
CONTOSO, FABRIKAM = "Contoso (sample)", "Fabrikam (sample)"


@pytest.fixture(scope="module")
def totals() -> pd.DataFrame:
    """Return the totals of the history."""
    return totals_frame(*sample_history(), exact=True)


def balances(totals: pd.DataFrame, partner: str, currency: str) -> list[Decimal]:
    """Return the balances of a partner in a currency, oldest first."""
    rows = totals[(totals["partner"] == partner) & (totals["currency"] == currency)]
    return rows["balance_amount"].tolist()


def test_the_documented_example_is_shipped_unchanged():
    """Every byte of Microsoft's example, retrieved on the day of its own figures."""
    payload = sample_payload()
    example = resources.files("pcnotebooks") / "data" / "invoice_summaries_example.json"
    assert payload.body == example.read_bytes()
    assert hashlib.sha256(payload.body).hexdigest() == EXAMPLE
    assert (payload.cloud, payload.partner) == ("sample", CONTOSO)
    assert payload.retrieved_at == datetime(2018, 3, 16, 12, tzinfo=UTC)


def test_every_sample_says_that_it_is_one():
    """Cloud and partner both say so."""
    assert all(payload.is_sample for payload in sample_history())
    assert {payload.partner for payload in sample_history()} == {CONTOSO, FABRIKAM}


def test_two_partners_by_twenty_four_months():
    """Summaries and invoices on the 5th of each month at 06:00 UTC, oldest first."""
    expected = [
        (datetime(year, month, 5, 6, tzinfo=UTC), partner, resource)
        for year in (2024, 2025)
        for month in range(1, 13)
        for partner in (CONTOSO, FABRIKAM)
        for resource in ("invoice_summaries", "invoices")
    ]
    history = sample_history()
    assert [(one.retrieved_at, one.partner, one.resource) for one in history] == expected
    history.clear()
    assert len(sample_history()) == 96, "each call gives a list of its own"


def test_the_bytes_are_always_the_same():
    """In this process, and in one with another hash seed, time zone and decimal context."""
    code = (
        "import decimal, hashlib; decimal.getcontext().prec = 3;"
        "from pcnotebooks.payload.sample import sample_history;"
        "print(hashlib.sha256(b''.join(p.body for p in sample_history())).hexdigest())"
    )
    other = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=other
    )
    here = hashlib.sha256(b"".join(payload.body for payload in sample_history())).hexdigest()
    assert run.stdout.strip() == here == HISTORY
    bodies = b"".join(payload.body for payload in of_summaries(sample_history()))
    assert hashlib.sha256(bodies).hexdigest() == SUMMARIES


def test_the_shape_is_that_of_the_documented_example():
    """The same fields in the same order at every level."""

    def shape(value):
        if isinstance(value, dict):
            return {name: shape(inner) for name, inner in value.items()}
        return [shape(value[0])] if isinstance(value, list) and value else type(value)

    def levels(answer):
        found = shape(answer)
        first = found["items"][0]
        part = first["details"][0]["summary"]
        return [list(level) for level in (found, first, first["details"][0], part)], [
            found[name] for name in ("links", "attributes")
        ]

    documented = levels(parsed(sample_payload()))
    for payload in of_summaries(sample_history()):
        answer = parsed(payload)
        assert levels(answer) == documented
        assert answer["totalCount"] == len(answer["items"])


def test_stamps_are_of_both_kinds():
    """Naive and Z stand side by side, and the sentinel where nothing was ever paid."""
    for payload in of_summaries(sample_history()):
        for entry in parsed(payload)["items"]:
            assert entry["firstInvoiceCreationDate"].endswith("Z")
            assert not entry["latestInvoiceDate"].endswith("Z")
            never = entry["lastPaymentDate"] == NONE
            assert never == (entry["lastPaymentAmount"] == 0)


def test_amounts_have_their_currencys_decimals(totals):
    """None for JPY, three for KWD, two for the others; never a digit more."""
    for row in totals.itertuples():
        for amount in (row.balance_amount, row.last_payment_amount):
            digits = -min(Decimal(amount).normalize().as_tuple().exponent, 0)
            assert digits <= minor_units(row.currency)
    kwd = totals.loc[totals["currency"] == "KWD", "balance_amount"]
    assert any(amount % Decimal("0.01") for amount in kwd)


def test_amounts_come_in_every_spelling():
    """Whole, zero, zero with a point, and with decimals, as in one real body."""
    text = b"".join(payload.body for payload in sample_history()).decode()
    for spelling in (": 0,", ": 0.0,", ": 640.0,", ": 203431.95,", ": 13191729,", ": -2150.0,"):
        assert spelling in text


def test_every_balance_is_the_sum_of_its_parts():
    """To the cent, in every month."""
    for payload in of_summaries(sample_history()):
        assert set(differences_of(flatten([payload]))["difference"]) == {Decimal(0)}


def test_the_only_unexplained_changes_are_those_of_the_outage():
    """EUR reads zero in June 2025 and its true balance again in July; no date moved."""
    changes = balance_changes(*sample_history())
    unexplained = changes[changes["unexplained"]]
    assert unexplained["retrieved_at"].dt.date.tolist() == [date(2025, 6, 5), date(2025, 7, 5)]
    assert set(unexplained["currency"]) == {"EUR"}
    assert unexplained["balance_change"].tolist() == [-18240.65, 18240.65]
    assert unexplained["balance_amount"].tolist() == [0, 18240.65]
    others = changes[~changes["unexplained"] & (changes["balance_change"] != 0)]
    assert (others["payment_seen"] | others["invoice_seen"]).all()
    assert len(others) > 100


def test_balances_go_up_and_down(totals):
    """Every currency that is paid both rises and falls, several times."""
    for (partner, currency), rows in totals.groupby(["partner", "currency"], observed=True):
        moves = [
            later - earlier
            for earlier, later in zip(rows["balance_amount"][:-1], rows["balance_amount"][1:],
                                      strict=True)
        ]  # fmt: skip
        assert sum(move > 0 for move in moves) >= 2, (partner, currency)
        assert currency == "CHF" or sum(move < 0 for move in moves) >= 3, (partner, currency)


def test_chf_is_never_paid_and_begins_in_mid_history(totals):
    """OneTime only, from July 2024, with the sentinel throughout."""
    rows = totals[totals["currency"] == "CHF"]
    assert rows["retrieved_at"].min() == pd.Timestamp("2024-07-05 06:00", tz="UTC")
    assert rows["last_payment_date"].isna().all()
    frame = summary_frame(*sample_history())
    assert set(frame.loc[frame["currency"] == "CHF", "invoice_type"]) == {"OneTime"}


def test_kwd_begins_in_mid_history(totals):
    """Before its first invoice a currency is not stated at all."""
    assert len(balances(totals, FABRIKAM, "KWD")) == 15
    assert len(balances(totals, FABRIKAM, "JPY")) == 24


def test_payments_come_some_seven_weeks_after_an_invoice():
    """Every payment of the two years follows an invoice of its type by 45 to 70 days."""
    frame = summary_frame(*sample_history())
    keys = ["partner", "currency", "invoice_type"]
    for _, rows in frame.groupby(keys, observed=True):
        invoiced = set(rows["latest_invoice_date"])
        for paid in rows["last_payment_date"].dropna().unique():
            days = {(paid - day).days for day in invoiced}
            assert days & set(range(45, 71)) or paid - pd.Timedelta(days=45) < min(invoiced)


def test_what_is_owed_at_the_end():
    """A credit stands in USD; GBP and USD are owed for both types; CHF is over 90 days old."""
    frame = summary_frame(*sample_history())
    wide = balances_by_type(frame)
    assert wide.index.tolist() == ["CHF", "EUR", "GBP", "JPY", "KWD", "USD"]
    assert wide.loc["USD", "OneTime"] == -2150
    assert (wide < 0).to_numpy().sum() == 1
    recency = payment_recency(frame)
    assert {"0-30", "31-60", "over 90", "never paid"} <= set(recency["recency"])


def test_no_payment_lies_after_its_payload():
    """A sample must not warn."""
    for payload in of_summaries(sample_history()):
        payment_recency(summary_frame(payload))
        assert decode(payload)


# The lists of invoices


def test_the_invoices_add_up_to_the_balances():
    """To the cent, in every currency and month but the one of a payment that is not yet applied."""
    history, apart = sample_history(), []
    for balances, listed in zip(history[::2], history[1::2], strict=True):
        compared = reconcile_invoices(balances, listed)
        assert compared["stated_balance"].notna().all()
        for row in compared[compared["not_explained"] != 0].itertuples():
            apart.append((row.partner, row.currency, balances.retrieved_at.date()))
            assert row.not_explained == Decimal("-43630.57")
    assert apart == [(FABRIKAM, "USD", date(2025, 11, 5))]


def test_the_payment_that_is_not_yet_applied_is_a_month_later():
    """The balance of November is smaller by the last payment, whose invoice is still open."""
    changes, totals = invoice_changes(*sample_history()), totals_frame(*sample_history())
    paid, stated = (
        frame[(frame["partner"] == FABRIKAM) & (frame["currency"] == "USD")]
        for frame in (changes[changes["change"] == "paid"], totals)
    )
    (payment,) = stated.loc[stated["retrieved_at"].dt.date == date(2025, 11, 5)].itertuples()
    assert payment.last_payment_date.date() == date(2025, 11, 2)
    assert payment.last_payment_amount == 43630.57
    applied = paid.loc[paid["total_charges"] == payment.last_payment_amount, "retrieved_at"]
    assert date(2025, 12, 5) in set(applied.dt.date)
    assert date(2025, 11, 5) not in set(applied.dt.date)


def test_a_credit_a_void_and_a_part_payment_are_among_the_invoices():
    """With the figures that make it so."""
    aged = invoice_ageing(invoice_frame(*sample_history()[-4:]))
    by = aged.set_index("ageing")
    assert by.loc[["credit"], "total_charges"].tolist() == [-2150]
    (void,) = aged[aged["document_type"] == "Void note"].itertuples()
    (note,) = aged[aged["amends_id"] == void.invoice_id].itertuples()
    assert (void.open_amount, note.document_type) == (0, "Adjustment note")
    assert note.total_charges == void.total_charges == 61340
    part = aged[(aged["open_amount"] > 0) & (aged["open_amount"] < aged["total_charges"])]
    assert part["open_amount"].tolist() == [5000, 83949.72]
    assert part["paid_amount"].tolist()[1:] == [5000], "what one lacks the next one has"
    assert aged["invoice_id"].is_unique
    assert {"1-30", "31-60", "over 90", "not due", "paid"} <= set(aged["ageing"])


def test_the_lists_have_the_documented_shape():
    """The fields of an item, with the periods that newer recordings have, newest first."""
    documented = set(parsed(sample_payload("invoices"))["items"][0])
    more = {"billingPeriodStartDate", "billingPeriodEndDate", "state"}
    for payload in sample_history()[1::2]:
        answer = parsed(payload)
        assert answer["totalCount"] == len(answer["items"])
        days = [each["invoiceDate"] for each in answer["items"]]
        assert days == sorted(days, reverse=True)
        for each in answer["items"]:
            extra = {"amendments"} if each["documentType"] == "void_note" else set()
            assert more <= set(each) <= documented | more | extra


def test_amounts_of_invoices_have_their_currencys_decimals():
    """As in the summaries."""
    frame = invoice_frame(*sample_history()[-4:], exact=True)
    for row in frame.itertuples():
        digits = -min(Decimal(row.total_charges).normalize().as_tuple().exponent, 0)
        assert digits <= minor_units(row.currency)
