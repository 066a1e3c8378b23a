"""What is asked of a frame: some of its rows, its latest ones, and the day to count from."""

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pcnotebooks.clouds import Cloud
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.frame.measures import (
    balance_changes,
    balances_by_type,
    changes_of,
    payment_recency,
    reconcile,
)
from pcnotebooks.frame.selection import latest, rows_of, select
from pcnotebooks.payload.payload import Payload
from pcnotebooks.payload.sample import sample_history, sample_payload
from tests.builders import AT, detail, item, payload
from tests.frame.expected import assert_plain_index, cell, dtypes, one, paid_days_ago


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
    assert str(caught[0].message) == "No row has the cloud 'global'; the values are china, sample."


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
    with pytest.warns(UserWarning, match=f"No row has the {column} .*; the values") as warned:
        selected = select(several, **chosen)
    assert len(warned) == 1
    assert len(selected) == (several["cloud"].eq("sample").sum() if column == "cloud" else 0)


def test_select_of_what_is_not_stated():
    """The missing invoice type is chosen by the name that tables and controls show."""
    frame = summary_frame(
        payload(item("GBP", 5), item("EUR", None, detail("OneTime", 1, currency="EUR")))
    )
    assert select(frame, invoice_type="Not stated")["currency"].tolist() == ["GBP"]


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


@pytest.mark.parametrize("function", [balances_by_type, payment_recency, select])
def test_what_is_no_frame_is_refused_with_the_way_to_one(function):
    """A payload, a frame without the columns, and dates read back from a CSV file."""
    given = payload(item("GBP", 5))
    with pytest.raises(ConfigurationError, match="got Payload") as caught:
        function(given)
    assert "summary_frame" in caught.value.remedy
    with pytest.raises(ConfigurationError, match="has no currency"):
        function(summary_frame(given).drop(columns="currency"))
    with pytest.raises(ConfigurationError, match="times with a time zone"):
        function(summary_frame(given).astype({"retrieved_at": object}))


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ([], "Pass summary_frame"),
        (pd.DataFrame({"partner": []}), "Pass a result of summary_frame"),
        (summary_frame(one()).astype({"retrieved_at": "string"}), "Load the payload and create"),
    ],
)
def test_what_is_no_frame_is_refused_with_a_remedy(given, remedy):
    """Nothing, a part of one, or one that a file has taken the dtypes from."""
    with pytest.raises(ConfigurationError) as caught:
        payment_recency(given)
    assert caught.value.remedy.startswith(remedy)


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
        (np.datetime64("2024-03-05"), 5),
        (np.datetime64("2024-03-05T23:30:00.000000001"), 5),
        (pd.Series(pd.to_datetime(["2024-03-05T23:30:00Z"])).to_numpy()[0], 5),
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
    with pytest.raises(ConfigurationError, match="is not a date") as caught:
        payment_recency(summary_frame(one()), as_of=nonsense)
    assert caught.value.remedy == "Write a date such as '2018-03-16'."


OWN_NAMES = ("FX rate", "class", "_id", "2024", 0, "Index", "count")


@pytest.mark.parametrize("name", OWN_NAMES)
def test_a_column_of_the_users_own_may_have_any_name(name):
    """Even one that is no Python name, or a number: a rate of exchange, the year of a budget."""
    frame = summary_frame(paid_days_ago(-1), one("5", partner="Fabrikam"))
    own = frame.assign(new=range(len(frame))).rename(columns={"new": name})
    with pytest.warns(UserWarning, match="after the as-of day"):
        recency = payment_recency(own)
    assert recency[name].tolist() == [0, 1]
    assert select(own, partner="Fabrikam")[name].tolist() == [1]
    assert [row.balance_amount for row in rows_of(own)] == frame["balance_amount"].tolist()
    assert_frame_equal(balances_by_type(own), balances_by_type(frame))
    assert_frame_equal(changes_of(own), changes_of(frame))
    assert_frame_equal(latest(own)[list(frame)], latest(frame), check_column_type=False)


def test_two_columns_of_the_users_own_may_have_one_name():
    """As they have after a merge with another table; neither hides a column of the frame."""
    own = pd.concat([summary_frame(one("5")), pd.DataFrame([[1, 2]], columns=["x", "x"])], axis=1)
    (row,) = rows_of(own)
    assert (row.currency, row.balance_amount, row.x) == ("GBP", 5, 1)
    assert payment_recency(own)["x"].to_numpy().tolist() == [[1, 2]]
