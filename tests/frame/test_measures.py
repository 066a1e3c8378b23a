"""Balances and differences are exact to the cent, and currencies are never added."""

import warnings
from datetime import timedelta
from decimal import Context, Decimal, FloatOperation, Inexact, Overflow, Rounded, localcontext

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.frame.measures import (
    balance_changes,
    balances_by_type,
    changes_of,
    difference_sentence,
    differences_of,
    future_payment_sentence,
    payment_recency,
    reconcile,
    with_recency,
)
from pcnotebooks.frame.rows import flatten, latest_payloads
from pcnotebooks.frame.selection import latest, rows_of, select
from pcnotebooks.payload.payload import Payload
from pcnotebooks.payload.sample import sample_history, sample_payload
from tests.builders import AT, detail, item, of_summaries, payload
from tests.frame.expected import cents, one, paid_days_ago


@settings(deadline=None, max_examples=50)
@given(amounts=st.lists(cents, min_size=1, max_size=20))
def test_sums_across_partners_are_exact(amounts):
    """Balances of one currency add to the last cent, as float and as Decimal."""
    payloads = [one(amount, partner=f"P{n}") for n, amount in enumerate(amounts)]
    exact = balances_by_type(summary_frame(*payloads, exact=True))
    assert exact.loc["GBP", "OneTime"] == sum(amounts)
    if all(abs(amount) < 10**10 for amount in amounts):
        assert balances_by_type(summary_frame(*payloads)).loc["GBP", "OneTime"] == float(
            sum(amounts)
        )


def test_floats_are_added_as_decimals():
    """The sum of floats would be 0.6000000000000001."""
    frame = summary_frame(*(one(f"0.{n}", partner=f"P{n}") for n in (1, 2, 3)))
    assert frame["balance_amount"].sum() != 0.6
    assert balances_by_type(frame).loc["GBP", "OneTime"] == 0.6


def test_balances_by_type_of_the_documented_example():
    """Missing is missing: CHF has no Recurring balance, which is not one of zero."""
    wide = balances_by_type(summary_frame(sample_payload()))
    assert wide.index.tolist() == ["CHF", "EUR", "GBP"]
    assert list(wide.columns) == ["Recurring", "OneTime"]
    assert wide["Recurring"].isna().tolist() == [True, True, False]
    assert wide.loc["GBP"].tolist() == [202955.87, 548138.52]


def test_balances_by_type_names_every_type():
    """Known ones first, then others in alphabetical order, then what has none."""
    parts = [detail(name, 1) for name in ("Zeta", None, "OneTime", "Azure")]
    wide = balances_by_type(summary_frame(payload(item("GBP", None, *parts), item("EUR", 2))))
    assert list(wide.columns) == ["Recurring", "OneTime", "Azure", "Zeta", "Not stated"]
    assert wide.loc["EUR"].isna().tolist() == [True, True, True, True, False]


def test_exact_balances_by_type_stay_decimals():
    """What came as Decimal goes as Decimal."""
    wide = balances_by_type(summary_frame(sample_payload(), exact=True))
    assert wide.loc["GBP", "Recurring"] == Decimal("202955.87")
    assert isinstance(wide.loc["GBP", "Recurring"], Decimal)


def test_balances_by_type_of_totals_is_refused():
    """Totals have no invoice types to be split by."""
    with pytest.raises(ConfigurationError, match="has no invoice_type"):
        balances_by_type(totals_frame(payload(item("GBP", 5))))


def test_only_the_latest_payload_of_each_partner_and_cloud_counts():
    """Twenty-four looks at one debt are one debt."""
    history = of_summaries(sample_history())
    whole = summary_frame(*history)
    newest = summary_frame(*history[-2:])
    assert len(whole) > 20 * len(newest) / 2
    assert_frame_equal(balances_by_type(whole), balances_by_type(newest))
    assert_frame_equal(reconcile(*history), reconcile(*history[-2:]))
    wanted = payment_recency(newest)
    assert_frame_equal(payment_recency(whole), wanted, check_categorical=False)


def joined(*payloads, exact=False) -> pd.DataFrame:
    """Return frames made one by one and concatenated: categories turn into plain text."""
    return pd.concat([summary_frame(answer, exact=exact) for answer in payloads])


def test_concatenated_frames_give_the_same_figures():
    """Frames kept by month and joined by hand count as one frame."""
    history = of_summaries(sample_history())
    whole, by_hand = summary_frame(*history), joined(*history)
    assert not isinstance(by_hand["currency"].dtype, pd.CategoricalDtype)
    assert_frame_equal(balances_by_type(by_hand), balances_by_type(whole))
    loose = {"check_categorical": False, "check_dtype": False}
    for derive in (
        lambda frame: payment_recency(frame, as_of="2025-12-31"),
        lambda frame: select(frame, currency="usd", invoice_type="one_time"),
        latest,
        changes_of,
    ):
        keys = ["partner", "cloud", "currency", "retrieved_at"]
        found, expected = derive(by_hand), derive(whole)
        if "invoice_type" in expected:
            keys.append("invoice_type")
        texts = {name: str for name in keys if name != "retrieved_at"}
        found, expected = (
            frame.astype(texts).sort_values(keys, ignore_index=True) for frame in (found, expected)
        )
        assert_frame_equal(found, expected, **loose)


def test_concatenated_exact_frames_stay_exact():
    """Decimals survive the join."""
    answers = [one(Decimal("0.1"), partner=f"P{n}") for n in range(3)]
    assert balances_by_type(joined(*answers, exact=True)).loc["GBP", "OneTime"] == Decimal("0.3")


def test_a_frame_with_any_index_is_read_by_row():
    """Sorting, filtering and a new index leave the figures as they are."""
    frame = summary_frame(*sample_history())
    shuffled = frame.sample(frac=1, random_state=7)
    assert_frame_equal(balances_by_type(shuffled), balances_by_type(frame))
    keyed = frame.set_index(frame["currency"].astype(str) + "x")
    assert_frame_equal(payment_recency(keyed), payment_recency(frame))
    assert_frame_equal(changes_of(shuffled), changes_of(frame))


@pytest.mark.parametrize(
    "ask",
    [
        lambda: payment_recency(summary_frame(paid_days_ago(-1))),
        lambda: reconcile(payload(item("GBP", 2, detail("OneTime", 1)))),
        lambda: select(summary_frame(one()), currency="XXX"),
    ],
)
def test_a_warning_points_at_the_caller(ask):
    """The line shown is the one that asked."""
    with pytest.warns(UserWarning, match=r"after|difference|No row") as caught:
        ask()
    assert caught[0].filename == __file__


def test_a_warning_speaks_the_language_asked_for():
    """As the report does."""
    row = next(rows_of(with_recency(summary_frame(paid_days_ago(-1)))))
    assert "6 mars 2024" in future_payment_sentence(row, locale="fr").replace("\xa0", " ")
    wrong = payload(item("GBP", Decimal("1234.50"), detail("OneTime", 1)))
    (row,) = rows_of(differences_of(flatten([wrong])))
    assert "GBP 1.234,50 " in difference_sentence(row, locale="de").replace("\xa0", " ")


@settings(deadline=None)
@given(parts=st.lists(cents, min_size=1, max_size=12), off=st.integers(-3, 3))
def test_random_cents_reconcile(parts, off):
    """The parts add up to the cent, and a cent too much is seen."""
    stated = sum(parts) + Decimal(off).scaleb(-2)
    answer = payload(item("GBP", stated, *(detail("OneTime", amount) for amount in parts)))
    (row,) = differences_of(flatten([answer])).itertuples()
    assert (row.stated, row.summed) == (stated, sum(parts))
    assert row.difference == Decimal(off).scaleb(-2)


def test_what_adds_up_warns_of_nothing():
    """The documented example and the history add up to the cent."""
    for answer in [sample_payload(), *of_summaries(sample_history())]:
        assert set(reconcile(answer)["difference"]) == {Decimal(0)}


def test_what_does_not_add_up_warns_with_the_figures():
    """One sentence for each currency, with both figures and the difference."""
    wrong = payload(item("GBP", Decimal("10.00"), detail("OneTime", Decimal("9.99"))),
                    item("EUR", 1, detail("OneTime", 1, currency="EUR")),
                    item("JPY", 100, detail("OneTime", 300, currency="JPY")))  # fmt: skip
    with pytest.warns(UserWarning, match="the difference is") as caught:
        compared = reconcile(wrong)
    assert [str(warning.message).replace("\xa0", " ") for warning in caught] == [
        f"{code}: the stated balance is {stated} and the sum of its parts {summed};"
        f" the difference is {difference}."
        for code, stated, summed, difference in (
            ("GBP", "GBP 10.00", "GBP 9.99", "GBP 0.01"),
            ("JPY", "JPY 100", "JPY 300", "(JPY 200)"),
        )
    ]
    assert compared["difference"].tolist() == [0, Decimal("0.01"), -200]
    with warnings.catch_warnings(record=True) as quiet:
        assert_frame_equal(differences_of(flatten([wrong])), compared)
    assert not quiet


@pytest.mark.parametrize("absent", [None, [], ...])
def test_without_parts_there_is_no_sum(absent):
    """A missing split is missing, not a sum of zero and not a difference."""
    (row,) = reconcile(payload(item("GBP", 5, details=absent))).itertuples()
    assert row.stated == 5
    assert row.summed is None
    assert row.difference is None


def test_a_sum_needs_all_parts():
    """A currency stated twice, once without parts, has no sum."""
    (row,) = reconcile(payload(item("GBP", 5), item("GBP", 1, detail("OneTime", 1)))).itertuples()
    assert (row.stated, row.summed, row.difference) == (6, None, None)


def test_reconcile_takes_the_latest_payload_also_where_it_states_nothing():
    """An account that owes nothing any more has nothing to reconcile."""
    newest = payload(at=AT + timedelta(days=1))
    assert len(reconcile(one(), newest)) == 0
    assert latest_payloads([newest, one()]) == [newest]


def test_reconcile_lists_partners_and_clouds_apart():
    """Two partners in one currency are two rows."""
    rows = reconcile(
        one("1"), one("2", partner="Adatum"), Payload(one("4").body, "china", "Adatum", AT)
    )
    assert rows[["partner", "cloud"]].astype(str).to_numpy().tolist() == [
        ["Adatum", "china"], ["Adatum", "global"], ["Contoso", "global"]]  # fmt: skip
    assert rows["stated"].tolist() == [4, 2, 1]


HOSTILE = Context(prec=1, Emin=0, Emax=1, traps=[Inexact, Rounded, Overflow, FloatOperation])


@pytest.mark.parametrize("exact", [False, True])
def test_the_decimal_context_of_a_notebook_changes_no_figure(exact):
    """One digit, a trap at every rounding, and no number above 99: ours are computed in our own."""
    history = sample_history()

    def figures():
        frame = summary_frame(*history, exact=exact)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield frame
            yield totals_frame(*history, exact=exact)
            yield balances_by_type(frame)
            yield payment_recency(frame)
            yield changes_of(frame)
            yield balance_changes(*history)
            yield reconcile(*history, one("1234.56", currencySymbol=None))

    expected = list(figures())
    with localcontext(HOSTILE):
        found = list(figures())
    for one_, other in zip(found, expected, strict=True):
        assert_frame_equal(one_, other)


def test_a_warning_is_worded_in_any_decimal_context():
    """The figures in it are formatted, which takes decimals as well."""
    wrong = payload(item("GBP", Decimal("1234.56"), detail("OneTime", 1)))
    with localcontext(HOSTILE), pytest.warns(UserWarning, match="GBP.1,234.56"):
        reconcile(wrong)
    with localcontext(HOSTILE), pytest.warns(UserWarning, match="is 1,234.days after"):
        payment_recency(summary_frame(paid_days_ago(-1234)))


def test_exact_balances_are_printed_in_full():
    """Yen stand above dinars: pandas would print both as floats with an exponent."""
    shown = str(balances_by_type(summary_frame(*sample_history(), exact=True)))
    assert "15013861" in shown
    assert "5302.941" in shown
    assert "e+" not in shown
