"""Payloads are flattened once: every row is there, and nothing is invented or merged."""

from collections import Counter

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pcnotebooks.errors import PayloadError
from pcnotebooks.frame import rows
from pcnotebooks.frame.build import summaries_of, summary_frame, totals_frame, totals_of
from pcnotebooks.frame.measures import balance_changes, balances_by_type, differences_of, reconcile
from pcnotebooks.frame.rows import flatten
from pcnotebooks.payload.payload import Payload
from pcnotebooks.payload.sample import sample_history, sample_payload
from tests.builders import AT, detail, item, of_summaries, payload
from tests.frame.expected import FRAMES, cell, one


@pytest.mark.parametrize("absent", [None, "", ...])
def test_a_missing_invoice_type_is_missing(absent):
    """It is not given a name, and its balance is not lost."""
    frame = summary_frame(one("5", absent))
    assert frame["invoice_type"].isna().tolist() == [True]
    assert balances_by_type(frame)["Not stated"].tolist() == [5.0]


@pytest.mark.parametrize("absent", [None, [], ...])
def test_an_item_without_details_is_one_row_without_type(absent):
    """Its own figures stand in the row."""
    frame = summary_frame(payload(item("GBP", 12, details=absent, lastPaymentAmount=3)))
    assert frame["invoice_type"].isna().tolist() == [True]
    assert cell(frame, "balance_amount") == 12
    assert cell(frame, "last_payment_amount") == 3


def test_a_currency_stated_twice_is_kept_twice():
    """Nothing is dropped because its key was seen before; nothing is merged unseen."""
    answer = payload(item("GBP", 1, detail("OneTime", 1)), item("GBP", 2, detail("OneTime", 2)))
    assert totals_frame(answer)["balance_amount"].tolist() == [1, 2]
    assert summary_frame(answer)["balance_amount"].tolist() == [1, 2]
    assert balances_by_type(summary_frame(answer)).loc["GBP", "OneTime"] == 3
    assert reconcile(answer)["stated"].tolist() == [3]


def test_codes_in_small_letters_are_the_same_currency():
    """The code gbp is not listed apart from GBP."""
    answer = payload(item("gbp", 1), item("GBP", 2))
    assert totals_frame(answer)["currency"].tolist() == ["GBP", "GBP"]


def test_a_missing_symbol_is_missing_and_a_part_takes_its_items():
    """The symbol is absent in the answers of 2016."""
    answer = payload(
        item("EUR", None, detail("A", 1, currency="EUR", currencySymbol=...), currencySymbol="€"),
        item("GBP", None, detail("A", 1, currencySymbol=...), currencySymbol=None),
    )
    assert summary_frame(answer)["currency_symbol"].isna().tolist() == [False, True]
    assert summary_frame(answer)["currency_symbol"][0] == "€"


def test_a_parts_own_symbol_is_shown():
    """And the item's where the part states none."""
    parts = [detail("Recurring", 1, currencySymbol="L"),
             detail("OneTime", 1, currencySymbol=None)]  # fmt: skip
    frame = summary_frame(payload(item("GBP", None, *parts)))
    assert frame["currency_symbol"].tolist() == ["L", "£"]


@pytest.mark.parametrize("absent", [None, ...])
def test_a_missing_payment_amount_is_missing(absent):
    """No zero is invented."""
    answer = one(lastPaymentAmount=absent)
    assert summary_frame(answer)["last_payment_amount"].isna().tolist() == [True]
    assert summary_frame(answer, exact=True)["last_payment_amount"].tolist() == [None]


def test_the_same_payload_twice_counts_once():
    """A file loaded twice doubles no debt."""
    for function in (summary_frame, totals_frame, reconcile, balance_changes):
        assert_frame_equal(function(one(), one()), function(one()))


def test_the_same_answer_with_other_ids_counts_once():
    """An answer kept with its request id and loaded again without it is one debt."""
    bare = one("100")
    known = Payload(bare.body, bare.cloud, bare.partner, bare.retrieved_at, "r-1", "c-1")
    assert balances_by_type(summary_frame(bare, known)).loc["GBP", "OneTime"] == 100
    assert reconcile(bare, known)["stated"].tolist() == [100]


@pytest.mark.parametrize("function", [*FRAMES, balance_changes, reconcile])
@pytest.mark.parametrize("wrong", [[one()], (one(),), None, "file.json", b"{}", pd.DataFrame()],
                         ids=lambda value: type(value).__name__)  # fmt: skip
def test_what_is_no_payload_is_refused_with_the_way_to_pass_several(function, wrong):
    """A list of payloads is the likeliest mistake."""
    with pytest.raises(TypeError, match=r"expected payloads, got \w+; pass several as"):
        function(wrong)


def test_a_damaged_payload_among_good_ones_gives_no_frame():
    """Half a frame would be half the debt."""
    broken = Payload(sample_payload().body[:-20], "global", "Fabrikam", AT)
    for function in (summary_frame, totals_frame, reconcile, balance_changes):
        with pytest.raises(PayloadError, match="Fabrikam"):
            function(sample_payload(), broken)


@pytest.fixture
def decodes(monkeypatch) -> Counter:
    """Return how often each payload is decoded."""
    counted, decode = Counter(), rows.items_of

    def counting(answer):
        counted[answer] += 1
        return decode(answer)

    monkeypatch.setattr(rows, "items_of", counting)
    return counted


def test_both_frames_and_what_is_compared_take_one_decode(decodes):
    """And the same figures as when each is asked for alone."""
    history = of_summaries(sample_history())
    flat = flatten(history)
    found = [summaries_of(flat, exact=True), totals_of(flat, exact=False), differences_of(flat)]
    assert decodes == Counter(history)
    alone = [summary_frame(*history, exact=True), totals_frame(*history), reconcile(*history)]
    for one_, other in zip(found, alone, strict=True):
        assert_frame_equal(one_, other)


@pytest.mark.parametrize("function", [*FRAMES, balance_changes, reconcile])
def test_each_function_decodes_a_payload_once(function, decodes):
    """However many looks at one account there are."""
    history = of_summaries(sample_history())
    function(*history)
    assert decodes == Counter(history)


def test_nothing_decoded_is_kept_on_a_payload():
    """A payload stays what was answered: of a hundred thousand rows, those would stay in memory."""
    answer = sample_payload()
    before = dict(vars(answer))
    totals_of(flatten([answer]), exact=True)
    assert vars(answer) == before


def test_rows_that_are_not_asked_for_are_not_there():
    """They would cost a large answer its time."""
    answer = sample_payload()
    assert flatten([answer], totals=False).totals.places == []
    assert flatten([answer], details=False).details.places == []
