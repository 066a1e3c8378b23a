"""Whatever the service could send, the frames keep to their schema and add up."""

import warnings
from datetime import datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.frame.measures import balance_changes, balances_by_type, payment_recency, reconcile
from pcnotebooks.frame.selection import latest, select
from pcnotebooks.payload.payload import Payload
from pcnotebooks.payload.sample import sample_history, sample_payload
from tests.builders import AT, NONE, body, detail, item, of_summaries, parsed, payload
from tests.frame.expected import (
    CHANGE_DTYPES,
    DATE_FIELDS,
    INVOICE_DTYPES,
    RECENCY_DTYPES,
    RECONCILE_DTYPES,
    TOTALS_DTYPES,
    cents,
    dtypes,
)


def only(answer: Payload, currency: str) -> Payload:
    """Return a payload less every other currency."""
    kept = [entry for entry in parsed(answer)["items"] if entry["currencyCode"] == currency]
    return Payload(body(*kept), answer.cloud, answer.partner, answer.retrieved_at)


@pytest.mark.parametrize("payloads", [[sample_payload()], of_summaries(sample_history())],
                         ids=["sample", "history"])  # fmt: skip
def test_no_figure_of_a_currency_depends_on_another(payloads):
    """With the other currencies taken out, every figure of each function stays the same."""
    derivations = {
        "summary_frame": summary_frame,
        "totals_frame": totals_frame,
        "balances_by_type": lambda *p: balances_by_type(summary_frame(*p)).reset_index(),
        "payment_recency": lambda *p: payment_recency(summary_frame(*p)),
        "balance_changes": balance_changes,
        "reconcile": reconcile,
    }
    for derive in derivations.values():
        whole = derive(*payloads)
        found = [
            derive(*(only(answer, currency) for answer in payloads))
            for currency in sorted(set(whole["currency"]))
        ]
        assert len(found) > 2 or (derive is balance_changes and len(payloads) == 1)
        for alone in found:
            expected = whole[whole["currency"].isin(alone["currency"])].reset_index(drop=True)
            assert_frame_equal(alone, expected, check_categorical=False, check_dtype=False)


stamp = st.one_of(
    st.sampled_from([NONE, NONE + "Z", NONE + ".0000000", None, ...]),
    st.builds(
        lambda moment, digits, zone: f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + digits + zone,
        st.datetimes(datetime(1753, 1, 2), datetime(9998, 1, 1)),  # noqa: DTZ001  # a wall clock
        st.sampled_from(["", ".1", ".123", ".1234567"]),
        st.sampled_from(["", "Z", "-08:00", "+05:30"]),
    ),
)


money = st.one_of(st.integers(-(10**9), 10**9), cents, cents.map(str))


figures = st.fixed_dictionaries(
    {
        "lastPaymentAmount": money | st.none() | st.just(...),
        "lastPaymentDate": stamp,
        "accountingDate": stamp,
        "firstInvoiceCreationDate": stamp,
        "latestInvoiceDate": stamp,
        "currencySymbol": st.sampled_from(["£", "", None, ...]),
    }
)


invoice_type = st.sampled_from(["Recurring", "one_time", "OneTime", "perpetual", "", None, ...])


currency = st.sampled_from(["GBP", "gbp", "JPY", "KWD", "XTS"])


@st.composite
def payloads_of_any_kind(draw) -> Payload:
    """Return any payload that the service could send."""
    items = []
    for code in draw(st.lists(currency, max_size=4)):
        parts = [
            detail(draw(invoice_type), draw(money), currency=code, **draw(figures))
            for _ in range(draw(st.integers(0, 3)))
        ]
        items.append(item(code, draw(money), *parts, **draw(figures)))
    days = timedelta(days=draw(st.integers(0, 3)))
    return payload(*items, at=AT + days, partner=draw(st.sampled_from(["Contoso", "", "Ü"])))


def whose_and_when(answer: Payload) -> tuple[str, datetime]:
    """Return what tells the generated payloads apart."""
    return answer.partner, answer.retrieved_at


@settings(deadline=None, max_examples=60)
@given(payloads=st.lists(payloads_of_any_kind(), max_size=4, unique_by=whose_and_when))
def test_any_payload_gives_a_frame_of_the_schema(payloads):
    """Whatever the service sends, the frames have their columns, dtypes, rows and sums."""
    stated = [entry for answer in payloads for entry in parsed(answer)["items"]]
    frame, totals = summary_frame(*payloads, exact=True), totals_frame(*payloads)
    assert dtypes(summary_frame(*payloads)) == INVOICE_DTYPES
    assert dtypes(totals) == TOTALS_DTYPES
    assert len(totals) == len(stated)
    assert len(frame) == sum(len(entry["details"]) or 1 for entry in stated)
    for code in {entry["currencyCode"].upper() for entry in stated}:
        expected = sum(
            Decimal(part["summary"]["balanceAmount"])
            for entry in stated
            if entry["currencyCode"].upper() == code
            for part in entry["details"] or [{"summary": entry}]
        )
        assert sum(select(frame, currency=code)["balance_amount"]) == expected
    for column in DATE_FIELDS.values():
        assert not (frame[column].dropna() < pd.Timestamp("1753-01-01", tz="UTC")).any()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert dtypes(payment_recency(summary_frame(*payloads))) == RECENCY_DTYPES
        assert dtypes(reconcile(*payloads)) == RECONCILE_DTYPES
    assert dtypes(balance_changes(*payloads)) == CHANGE_DTYPES
    wide = balances_by_type(summary_frame(*payloads, exact=True))
    newest = latest(frame)
    for code in wide.index:
        assert sum(wide.loc[code].dropna()) == sum(select(newest, currency=code)["balance_amount"])


@settings(deadline=None, max_examples=60)
@given(payloads=st.lists(payloads_of_any_kind(), max_size=5, unique_by=whose_and_when))
def test_changes_add_up_to_the_balance(payloads):
    """From the first balance to the last, through every change between them."""
    seen: dict[tuple[str, str], dict[datetime, Decimal]] = {}
    for answer in sorted(payloads, key=lambda answer: answer.retrieved_at):
        for entry in parsed(answer)["items"]:
            line = seen.setdefault((answer.partner, entry["currencyCode"].upper()), {})
            amount = Decimal(entry["balanceAmount"])
            line[answer.retrieved_at] = line.get(answer.retrieved_at, 0) + amount
    changes = balance_changes(*payloads)
    assert len(changes) == sum(len(line) - 1 for line in seen.values())
    for row in changes.itertuples():
        line = seen[row.partner, row.currency]
        before, after = line[row.previous_retrieved_at], line[row.retrieved_at]
        assert list(line).index(row.retrieved_at) == list(line).index(row.previous_retrieved_at) + 1
        assert (row.previous_balance_amount, row.balance_amount) == (float(before), float(after))
        assert row.balance_change == float(after - before)
        assert not (row.unexplained and (row.payment_seen or row.invoice_seen or before == after))
