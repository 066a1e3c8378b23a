"""Dates are read as the service writes them, in UTC to the microsecond; none is guessed at."""

import time
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from pcnotebooks.errors import PayloadError
from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.frame.measures import payment_recency
from pcnotebooks.payload.sample import sample_payload
from tests.builders import NONE, detail, item, payload
from tests.frame.expected import DATE_FIELDS, cell, one


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
