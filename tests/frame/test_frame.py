"""Frames say what the payloads say: tidy, typed, exact to the cent, currencies never added."""

import itertools
import time
import warnings
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal, assert_series_equal

from pcnotebooks.clouds import Cloud
from pcnotebooks.errors import ConfigurationError, PayloadError
from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.frame.measures import (
    RECENCIES,
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
from tests.builders import AT, NONE, body, detail, item, parsed, payload

UTC_STAMP = "datetime64[us, UTC]"
INVOICE_DTYPES = {
    "partner": "category",
    "cloud": "category",
    "currency": "category",
    "currency_symbol": "string",
    "invoice_type": "category",
    "balance_amount": "float64",
    "last_payment_amount": "float64",
    "last_payment_date": UTC_STAMP,
    "accounting_date": UTC_STAMP,
    "first_invoice_creation_date": UTC_STAMP,
    "latest_invoice_date": UTC_STAMP,
    "retrieved_at": UTC_STAMP,
}
TOTALS_DTYPES = {name: dtype for name, dtype in INVOICE_DTYPES.items() if name != "invoice_type"}
RECENCY_DTYPES = INVOICE_DTYPES | {
    "payment_status": "category",
    "days_since_payment": "Int64",
    "recency": "category",
    "days_since_invoice": "Int64",
    "invoice_due_date": UTC_STAMP,
    "days_until_due": "Int64",
}
CHANGE_DTYPES = {
    "partner": "category",
    "cloud": "category",
    "currency": "category",
    "previous_retrieved_at": UTC_STAMP,
    "retrieved_at": UTC_STAMP,
    "previous_balance_amount": "float64",
    "balance_amount": "float64",
    "balance_change": "float64",
    "payment_seen": "bool",
    "payment_date": UTC_STAMP,
    "payment_amount": "float64",
    "invoice_seen": "bool",
    "invoice_date": UTC_STAMP,
    "unexplained": "bool",
}
RECONCILE_DTYPES = {
    "partner": "category",
    "cloud": "category",
    "currency": "category",
    "stated": "object",
    "summed": "object",
    "difference": "object",
}
DATE_FIELDS = {
    "lastPaymentDate": "last_payment_date",
    "accountingDate": "accounting_date",
    "firstInvoiceCreationDate": "first_invoice_creation_date",
    "latestInvoiceDate": "latest_invoice_date",
}
FRAMES = [summary_frame, totals_frame]


def one(balance="1", invoice_type="OneTime", *, at=AT, partner="Contoso", **fields) -> Payload:
    """Return a payload of one item in GBP with one detail, both with these fields."""
    part = detail(invoice_type, Decimal(balance), **fields)
    return payload(item("GBP", Decimal(balance), part, **fields), at=at, partner=partner)


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    """Return the dtypes' names by column, in order."""
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def cell(frame: pd.DataFrame, column: str):
    """Return the only value of a column."""
    (value,) = frame[column].tolist()
    return value


# ---------------------------------------------------------------- schema

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
    assert list(dtypes(reconcile(*payloads)).items()) == list(RECONCILE_DTYPES.items())
    wide = balances_by_type(frame)
    assert list(wide.columns[:2]) == ["Recurring", "OneTime"]
    assert set(dtypes(wide).values()) == {"float64"}
    assert wide.index.name == "currency"
    assert wide.columns.name is None
    for derived in (payment_recency(frame), balance_changes(*payloads), reconcile(*payloads)):
        assert_plain_index(derived)


def assert_plain_index(frame):
    """Rows are counted from 0."""
    assert isinstance(frame.index, pd.RangeIndex)
    assert frame.index.equals(pd.RangeIndex(len(frame)))


def test_categories_are_what_occurs_in_order():
    """Names are sorted; the two known invoice types come first, occurring or not."""
    frame = summary_frame(one("1", "Azure"), one("1", "Recurring", partner="Adatum"))
    assert list(frame["partner"].cat.categories) == ["Adatum", "Contoso"]
    assert list(frame["cloud"].cat.categories) == ["global"]
    assert list(frame["currency"].cat.categories) == ["GBP"]
    assert list(frame["invoice_type"].cat.categories) == ["Recurring", "OneTime", "Azure"]
    assert not frame["invoice_type"].cat.ordered


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


# ---------------------------------------------------------------- dates


@pytest.mark.parametrize("field", DATE_FIELDS)
@pytest.mark.parametrize(
    "sentinel",
    [NONE, NONE + "Z", NONE + ".0000000", NONE + ".000Z", NONE + "-08:00", NONE + "+05:30",
     "0001-01-01T08:00:00Z", "0001-01-01", None, ...],
    ids=str,
)  # fmt: skip
def test_the_sentinel_is_missing_in_every_field(field, sentinel):
    """The default date of .NET, in any zone and fraction, null and nothing are all NaT."""
    answer = one(**{field: sentinel})
    for frame in (summary_frame(answer), totals_frame(answer)):
        assert cell(frame, DATE_FIELDS[field]) is pd.NaT
        others = [name for name in DATE_FIELDS.values() if name != DATE_FIELDS[field]]
        assert frame[others].notna().to_numpy().sum() >= 2
        assert cell(frame, "balance_amount") == 1


@pytest.mark.parametrize("field", DATE_FIELDS)
@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2018-03-16T10:20:30", "2018-03-16T10:20:30"),
        ("2018-03-16T10:20:30Z", "2018-03-16T10:20:30"),
        ("2018-03-16T10:20:30+00:00", "2018-03-16T10:20:30"),
        ("2018-03-16", "2018-03-16T00:00:00"),
        ("2018-03-16T20:20:30-08:00", "2018-03-17T04:20:30"),
        ("2018-03-16T01:20:30.5+05:30", "2018-03-15T19:50:30.500000"),
        *((f"2018-03-16T10:20:30.{'1234567'[:n]}", f"2018-03-16T10:20:30.{'1234567'[:n][:6]:0<6}")
          for n in range(1, 8)),
        ("2018-03-16T10:20:30.1234567Z", "2018-03-16T10:20:30.123456"),
        ("2018-03-16T10:20:30.1234567-08:00", "2018-03-16T18:20:30.123456"),
        ("1753-01-01T00:00:00Z", "1753-01-01T00:00:00"),
        ("9999-12-31T23:59:59.9999999", "9999-12-31T23:59:59.999999"),
        ("0002-01-01T00:00:00", "0002-01-01T00:00:00"),
    ],
)  # fmt: skip
def test_stamps_are_read_in_utc(field, sent, moment):
    """Naive is UTC, offsets are applied, fractions are kept to the microsecond."""
    frame = summary_frame(one(**{field: sent}))
    since_1970 = datetime.fromisoformat(moment + "Z") - datetime(1970, 1, 1, tzinfo=UTC)
    microseconds = frame[DATE_FIELDS[field]].astype("int64").tolist()
    assert microseconds == [since_1970 // timedelta(microseconds=1)]


@pytest.fixture
def in_new_york(monkeypatch):
    """Set the machine's time zone for a test."""
    if not hasattr(time, "tzset"):
        pytest.skip("Windows has no TZ")
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_new_york")
def test_the_time_zone_of_the_machine_does_not_matter():
    """Naive is UTC in New York too, in a payload and as an as-of time."""
    frame = summary_frame(one(lastPaymentDate="2024-03-01T23:30:00", lastPaymentAmount=1))
    assert cell(frame, "last_payment_date") == pd.Timestamp("2024-03-01 23:30", tz="UTC")
    for as_of in ("2024-03-05T23:30:00", "2024-03-05T23:30:00Z", "2024-03-05T18:30:00-05:00"):
        recency = payment_recency(frame, as_of=as_of)
        assert cell(recency, "days_since_payment") == 4


def test_naive_and_z_stand_side_by_side():
    """The documented answer holds both; they are the same column."""
    parts = [detail("A", 1, accountingDate="2018-03-16T00:00:00Z"),
             detail("B", 1, accountingDate="2018-03-16T00:00:00")]  # fmt: skip
    frame = summary_frame(payload(item("GBP", None, *parts)))
    assert frame["accounting_date"].tolist() == [pd.Timestamp("2018-03-16", tz="UTC")] * 2


@pytest.mark.parametrize(
    "bad", ["", " ", "soon", "2018-13-01", "16/03/2018", "2018-02-30T00:00:00",
            "2018-03-16T25:00:00", "/Date(1521158400000)/", "2018-03-16T"],
)  # fmt: skip
@pytest.mark.parametrize("field", DATE_FIELDS)
def test_a_bad_date_is_told_by_path_and_value(field, bad):
    """A text that is no date is never guessed at, nor made missing."""
    answer = payload(
        item("EUR", None, detail("OneTime", 1, currency="EUR")),
        item("GBP", None, detail("Recurring", 1), detail("OneTime", 1, **{field: bad})),
    )
    with pytest.raises(PayloadError) as caught:
        summary_frame(sample_payload(), answer)
    assert caught.value.path == f"$.items[1].details[1].summary.{field}"
    assert repr(bad) in str(caught.value)
    with pytest.raises(PayloadError) as caught:
        totals_frame(payload(item("GBP", 1), item("EUR", 1, **{field: bad})))
    assert caught.value.path == f"$.items[1].{field}"


# ---------------------------------------------------------------- rows


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


@pytest.mark.parametrize("absent", [None, ...])
def test_a_missing_payment_amount_is_missing(absent):
    """No zero is invented."""
    answer = one(lastPaymentAmount=absent)
    assert summary_frame(answer)["last_payment_amount"].isna().tolist() == [True]
    assert summary_frame(answer, exact=True)["last_payment_amount"].tolist() == [None]


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


# ---------------------------------------------------------------- exactness


def test_exact_amounts_are_decimals_as_sent():
    """Every digit is there, also where a float has no room for it."""
    sent = Decimal("123456789012345.6789")
    frame = summary_frame(one(sent, lastPaymentAmount=Decimal("0.10")), exact=True)
    assert cell(frame, "balance_amount") == sent
    assert isinstance(cell(frame, "balance_amount"), Decimal)
    assert cell(frame, "last_payment_amount") == Decimal("0.1")


cents = st.integers(-(10**14) + 1, 10**14 - 1).map(lambda n: Decimal(n).scaleb(-2))


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


@settings(deadline=None)
@given(parts=st.lists(cents, min_size=1, max_size=12), off=st.integers(-3, 3))
def test_random_cents_reconcile(parts, off):
    """The parts add up to the cent, and a cent too much is seen."""
    stated = sum(parts) + Decimal(off).scaleb(-2)
    answer = payload(item("GBP", stated, *(detail("OneTime", amount) for amount in parts)))
    (row,) = differences_of(flatten([answer])).itertuples()
    assert (row.stated, row.summed) == (stated, sum(parts))
    assert row.difference == Decimal(off).scaleb(-2)


# ---------------------------------------------------------------- balances_by_type


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


def test_only_the_latest_payload_of_each_partner_and_cloud_counts():
    """Twenty-four looks at one debt are one debt."""
    history = sample_history()
    whole = summary_frame(*history)
    newest = summary_frame(*history[-2:])
    assert len(whole) > 20 * len(newest) / 2
    assert_frame_equal(balances_by_type(whole), balances_by_type(newest))
    assert_frame_equal(reconcile(*history), reconcile(*history[-2:]))
    wanted = payment_recency(newest)
    assert_frame_equal(payment_recency(whole), wanted, check_categorical=False)


def test_each_partner_and_cloud_has_its_own_latest():
    """A partner asked last month still owes what it owed."""
    frame = summary_frame(
        one("1"),
        one("2", at=AT + timedelta(days=31)),
        one("10", partner="Fabrikam"),
        Payload(one("100").body, "china", "Contoso", AT - timedelta(days=31)),
    )
    assert balances_by_type(frame).loc["GBP", "OneTime"] == 112
    assert latest(frame)["balance_amount"].tolist() == [100, 2, 10]


def test_of_two_payloads_the_latest_counts():
    """The one before, too few to be lost among many, does not."""
    frame = summary_frame(one("1"), one("2", at=AT + timedelta(days=31)))
    assert latest(frame)["balance_amount"].tolist() == [2]
    assert balances_by_type(frame).loc["GBP", "OneTime"] == 2


def test_the_given_frame_is_not_changed():
    """Functions return new frames."""
    frame = summary_frame(*sample_history())
    before = frame.copy(deep=True)
    balances_by_type(frame)
    payment_recency(frame, as_of="2026-01-01")
    for copy in (select(frame, currency="GBP"), select(frame), latest(frame)):
        copy["balance_amount"] = 0.0
        copy.loc[:, "last_payment_amount"] = 0.0
    changes_of(frame)
    assert_frame_equal(frame, before)


# ---------------------------------------------------------------- select


@pytest.fixture
def several() -> pd.DataFrame:
    """Return the history with a second cloud."""
    china = Payload(sample_payload().body, "china", "Contoso (sample)", AT)
    return summary_frame(china, *sample_history())


@pytest.mark.parametrize(
    ("chosen", "rows"),
    [
        ({}, lambda row: True),
        ({"partner": "Fabrikam (sample)"}, lambda row: row.partner == "Fabrikam (sample)"),
        ({"cloud": "china"}, lambda row: row.cloud == "china"),
        ({"cloud": Cloud("china", "", "https://a.example", "https://b.example")},
         lambda row: row.cloud == "china"),
        ({"currency": "GBP"}, lambda row: row.currency == "GBP"),
        ({"currency": "gbp"}, lambda row: row.currency == "GBP"),
        ({"currency": ["EUR", "jpy"]}, lambda row: row.currency in ("EUR", "JPY")),
        ({"currency": {"KWD": 1}.keys()}, lambda row: row.currency == "KWD"),
        ({"invoice_type": "one_time"}, lambda row: row.invoice_type == "OneTime"),
        ({"invoice_type": ["RECURRING"]}, lambda row: row.invoice_type == "Recurring"),
        ({"currency": "GBP", "invoice_type": "OneTime", "cloud": "china"},
         lambda row: (row.currency, row.invoice_type, row.cloud) == ("GBP", "OneTime", "china")),
        ({"currency": []}, lambda row: False),
        ({"partner": "Fabrikam (sample)", "currency": "GBP"}, lambda row: False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_select(several, chosen, rows):
    """One value, several, any iterable; without case where the service has none."""
    kept = [row.Index for row in several.itertuples() if rows(row)]
    selected = select(several, **chosen)
    expected = several.loc[kept].reset_index(drop=True)
    assert_frame_equal(selected, expected, check_categorical=False)
    assert dtypes(selected) == dtypes(several)
    assert_plain_index(selected)


def test_select_tells_what_there_is(several):
    """In alphabetical order, beside the value that occurs nowhere."""
    with pytest.warns(UserWarning, match="No row") as caught:
        select(several, cloud="global")
    assert str(caught[0].message) == "No row has the cloud 'global'; there are china, sample."


def test_select_compares_labels_letter_by_letter(several):
    """Case and underscore mean nothing in a type, and all in a partner's label."""
    with pytest.warns(UserWarning, match="No row has the partner"):
        assert len(select(several, partner="fabrikam (sample)")) == 0


def test_select_takes_what_can_be_read_only_once(several):
    """Several values may come from a generator."""
    assert set(select(several, currency=(code for code in ["KWD"]))["currency"]) == {"KWD"}


@pytest.mark.parametrize(
    "chosen",
    [{"currency": "XXX"}, {"invoice_type": "Reccuring"}, {"cloud": ["sample", "global"]}],
)
def test_select_warns_of_what_occurs_nowhere(several, chosen):
    """A misspelt value is told from one with nothing owed; what there is is named."""
    (column,) = chosen
    with pytest.warns(UserWarning, match=f"No row has the {column} .*; there are") as warned:
        selected = select(several, **chosen)
    assert len(warned) == 1
    assert len(selected) == (several["cloud"].eq("sample").sum() if column == "cloud" else 0)


def test_select_of_what_is_not_stated():
    """The missing invoice type is chosen by the name that tables and controls show."""
    frame = summary_frame(
        payload(item("GBP", 5), item("EUR", None, detail("OneTime", 1, currency="EUR")))
    )
    assert select(frame, invoice_type="Not stated")["currency"].tolist() == ["GBP"]


@pytest.mark.parametrize("function", [balances_by_type, payment_recency, select])
def test_what_is_no_frame_is_refused_with_the_way_to_one(function):
    """A payload, a frame without the columns, and dates read back from a CSV file."""
    given = payload(item("GBP", 5))
    with pytest.raises(ConfigurationError, match="got Payload") as caught:
        function(given)
    assert "summary_frame" in caught.value.remedy
    with pytest.raises(ConfigurationError, match="has no currency"):
        function(summary_frame(given).drop(columns="currency"))
    with pytest.raises(ConfigurationError, match="no dates"):
        function(summary_frame(given).astype({"retrieved_at": object}))


def test_balances_by_type_of_totals_is_refused():
    """Totals have no invoice types to be split by."""
    with pytest.raises(ConfigurationError, match="has no invoice_type"):
        balances_by_type(totals_frame(payload(item("GBP", 5))))


def test_select_several_clouds(several):
    """A Cloud serves wherever a name does, among several too."""
    china = Cloud("china", "", "https://a.example", "https://b.example")
    assert len(select(several, cloud=[china, "sample"])) == len(several)
    assert set(select(several, cloud=[china])["cloud"]) == {"china"}


def test_select_leaves_no_empty_categories(several):
    """A chart or a group by the selection has no empty places."""
    selected = select(several, currency="KWD")
    assert list(selected["currency"].cat.categories) == ["KWD"]
    assert list(selected["partner"].cat.categories) == ["Fabrikam (sample)"]


def test_select_of_totals_and_of_what_is_derived():
    """Any frame with the columns will do."""
    history = sample_history()
    assert set(select(totals_frame(*history), currency="EUR")["currency"]) == {"EUR"}
    assert len(select(balance_changes(*history), currency="CHF")) == 17
    assert len(select(reconcile(*history), partner="Fabrikam (sample)")) == 3


def test_select_names_the_column_that_a_frame_lacks():
    """A frame of totals has no invoice types."""
    with pytest.raises(ConfigurationError, match="no invoice_type") as caught:
        select(totals_frame(sample_payload()), invoice_type="OneTime")
    assert "totals_frame has no invoice types" in caught.value.remedy


# ---------------------------------------------------------------- payment_recency


def paid_days_ago(days: int, **fields) -> Payload:
    """Return a payload whose last payment was so many days before it was retrieved."""
    paid_on = AT.date() - timedelta(days=days)
    return one(lastPaymentDate=f"{paid_on}T23:59:59Z", lastPaymentAmount=5, **fields)


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


def test_a_payment_after_the_day_is_told_in_words():
    """With the currency, the day of the payment and how far ahead it is."""
    with pytest.warns(UserWarning, match="after the as-of day") as caught:
        payment_recency(summary_frame(paid_days_ago(-2)))
    assert str(caught[0].message).replace("\xa0", " ") == (
        "GBP: the last payment, of 7 Mar 2024, is 2 days after the as-of day."
    )


def test_a_warning_speaks_the_language_asked_for():
    """As the report does."""
    row = next(rows_of(with_recency(summary_frame(paid_days_ago(-1)))))
    assert "6 mars 2024" in future_payment_sentence(row, locale="fr").replace("\xa0", " ")
    wrong = payload(item("GBP", Decimal("1234.50"), detail("OneTime", 1)))
    (row,) = rows_of(differences_of(flatten([wrong])))
    assert "GBP 1.234,50 " in difference_sentence(row, locale="de").replace("\xa0", " ")


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


PLUS_TEN = timezone(timedelta(hours=10))


@pytest.mark.parametrize(
    ("as_of", "day"),
    [
        (date(2024, 3, 5), 5),
        (datetime(2024, 3, 5), 5),  # noqa: DTZ001  # naive is UTC
        (datetime(2024, 3, 5, 23, 59, tzinfo=UTC), 5),
        (datetime(2024, 3, 6, 9, tzinfo=PLUS_TEN), 5),
        (datetime(2024, 3, 6, 10, tzinfo=PLUS_TEN), 6),
        (pd.Timestamp("2024-03-05 12:00"), 5),
        (pd.Timestamp("2024-03-05 20:00", tz="America/Los_Angeles"), 6),
        ("2024-03-05", 5),
        ("20240305", 5),
        ("2024-03-05T23:30:00", 5),
        ("2024-03-05T23:30:00Z", 5),
        ("2024-03-05T23:30:00-05:00", 6),
        (None, 5),
    ],
)
def test_as_of(as_of, day):
    """A date, a time in any zone or ISO text means one calendar day of UTC."""
    frame = summary_frame(one(lastPaymentDate="2024-03-01T18:00:00Z", lastPaymentAmount=1))
    assert cell(payment_recency(frame, as_of=as_of), "days_since_payment") == day - 1


@pytest.mark.parametrize(
    "nonsense", ["", "today", "05/03/2024", "2024-02-30", 20240305, 1.5, [], Ellipsis, pd.NaT,
                 np.datetime64("NaT", "us"),
                 datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))],
    ids=str,
)  # fmt: skip
def test_as_of_that_is_no_date(nonsense):
    """It is refused with its value and with how to write one."""
    with pytest.raises(ConfigurationError, match="is no date") as caught:
        payment_recency(summary_frame(one()), as_of=nonsense)
    assert caught.value.remedy == "Write it as in '2018-03-16'."


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


@pytest.mark.parametrize("terms", [-1, 3651, 10**9])
def test_terms_that_cannot_be(terms):
    """Days before the invoice, or beyond ten years, are refused with the value."""
    with pytest.raises(ConfigurationError, match=f"terms_days is {terms}") as caught:
        payment_recency(summary_frame(one()), terms_days=terms)
    assert "up to 3650" in caught.value.remedy


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


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ([], "Pass summary_frame"),
        (pd.DataFrame({"partner": []}), "Pass a frame as summary_frame returns it"),
        (summary_frame(one()).astype({"retrieved_at": "string"}), "A file such as CSV"),
    ],
)
def test_what_is_no_frame_is_refused_with_a_remedy(given, remedy):
    """Nothing, a part of one, or one that a file has taken the dtypes from."""
    with pytest.raises(ConfigurationError) as caught:
        payment_recency(given)
    assert caught.value.remedy.startswith(remedy)


def test_a_first_payment_is_seen():
    """A balance that was never paid before, and one that is not stated any more."""
    before = one("5")
    paid = one("4", at=AT + timedelta(days=31), lastPaymentDate="2024-03-20T00:00:00Z",
               lastPaymentAmount=1)  # fmt: skip
    (change,) = rows_of(balance_changes(before, paid))
    assert change.payment_seen
    assert change.payment_amount == 1
    assert not change.unexplained


def test_changes_of_floats_are_those_of_decimals():
    """To the cent, also where floats would not add up to it."""
    parts = [one(balance, at=AT + timedelta(days=day)) for day, balance in ((0, "0.3"), (1, "0.1"))]
    exact, floats = (changes_of(summary_frame(*parts, exact=exact)) for exact in (True, False))
    assert_frame_equal(exact, floats)
    assert exact["balance_change"].tolist() == [-0.2]


def test_a_parts_own_symbol_is_shown():
    """And the item's where the part states none."""
    parts = [detail("Recurring", 1, currencySymbol="L"),
             detail("OneTime", 1, currencySymbol=None)]  # fmt: skip
    frame = summary_frame(payload(item("GBP", None, *parts)))
    assert frame["currency_symbol"].tolist() == ["L", "£"]


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


# ---------------------------------------------------------------- frames put together by hand


def joined(*payloads, exact=False) -> pd.DataFrame:
    """Return frames made one by one and concatenated: categories turn into plain text."""
    return pd.concat([summary_frame(answer, exact=exact) for answer in payloads])


def test_concatenated_frames_give_the_same_figures():
    """Frames kept by month and joined by hand count as one frame."""
    history = sample_history()
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


# ---------------------------------------------------------------- reconcile


def test_what_adds_up_warns_of_nothing():
    """The documented example and the history add up to the cent."""
    for answer in [sample_payload(), *sample_history()]:
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


# ---------------------------------------------------------------- balance_changes


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


# ---------------------------------------------------------------- currencies


def only(answer: Payload, currency: str) -> Payload:
    """Return a payload less every other currency."""
    kept = [entry for entry in parsed(answer)["items"] if entry["currencyCode"] == currency]
    return Payload(body(*kept), answer.cloud, answer.partner, answer.retrieved_at)


@pytest.mark.parametrize("payloads", [[sample_payload()], sample_history()],
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


# ---------------------------------------------------------------- any payload

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


@pytest.mark.parametrize("function", [summary_frame, totals_frame])
def test_amounts_as_floats_are_the_floats_of_the_decimals(function):
    """Each float is the one nearest to what was sent."""
    history = sample_history()
    for column in ("balance_amount", "last_payment_amount"):
        exact = function(*history, exact=True)[column]
        assert_series_equal(function(*history)[column], exact.astype("float64"))
