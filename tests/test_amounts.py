"""Amounts are written with their currency's decimals, and nothing is rounded away."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import (
    ROUND_UP,
    Context,
    Decimal,
    DefaultContext,
    FloatOperation,
    Inexact,
    Rounded,
    Subnormal,
    localcontext,
)
from fractions import Fraction

import pytest
from babel.core import get_global
from babel.numbers import get_currency_precision
from hypothesis import given, settings
from hypothesis import strategies as st

from pcnotebooks.amounts import (
    NO_BREAK,
    add_exactly,
    exactly,
    format_amount,
    format_day,
    format_days,
    format_days_ago,
    format_number,
    format_share,
    format_tick,
    format_ticks_of_time,
    minor_units,
    to_decimal,
)
from pcnotebooks.errors import ConfigurationError

# What CLDR counts by coins, and ISO 4217 with two decimals, or three.
OF_CASH = [
    "AFN",
    "ALL",
    "IQD",
    "IRR",
    "KPW",
    "LAK",
    "LBP",
    "MGA",
    "MMK",
    "RSD",
    "SOS",
    "SYP",
    "YER",
]


def spaced(text: str) -> str:
    """Return the text with plain spaces for no-break ones."""
    return text.replace(NO_BREAK, " ")


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("GBP", 2), ("EUR", 2), ("CHF", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("BHD", 3), ("CLF", 4),
     ("XTS", 2), ("nonsense", 2), ("IQD", 3),
     *[(code, 2) for code in OF_CASH if code != "IQD"]],
)  # fmt: skip
def test_minor_units(currency, digits):
    """As ISO 4217 has them, not as CLDR counts coins; an unknown currency has two."""
    assert minor_units(currency) == digits


def test_every_other_currency_has_the_decimals_of_cldr():
    """The two lists agree on all that is money today but 13 currencies."""
    now = {
        code
        for currencies in get_global("territory_currencies").values()
        for code, _, ends, is_tender in currencies
        if is_tender and ends is None
    }
    differ = {code for code in now if minor_units(code) != get_currency_precision(code)}
    assert sorted(differ) == OF_CASH


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (751094.39, "GBP", "GBP 751,094.39"),
        (Decimal("751094.39"), "GBP", "GBP 751,094.39"),
        (1000, "GBP", "GBP 1,000.00"),
        (1230.5, "CHF", "CHF 1,230.50"),
        (0, "EUR", "EUR 0.00"),
        (0.1, "EUR", "EUR 0.10"),
        (12480350.0, "JPY", "JPY 12,480,350"),
        (0, "JPY", "JPY 0"),
        (4215.375, "KWD", "KWD 4,215.375"),
        (4215, "KWD", "KWD 4,215.000"),
        (12, "XTS", "XTS 12.00"),
        (-12.5, "GBP", "(GBP 12.50)"),
        (Decimal("-0.01"), "GBP", "(GBP 0.01)"),
        (-1500, "JPY", "(JPY 1,500)"),
        (999999999999999.99, "USD", "USD 1,000,000,000,000,000.00"),
        (Decimal("999999999999999.99"), "USD", "USD 999,999,999,999,999.99"),
    ],
)
def test_amounts(amount, currency, text):
    """Code, thousands, the currency's decimals; a credit in parentheses."""
    written = format_amount(amount, currency)
    assert " " not in written  # a line must not break between code and amount
    assert spaced(written) == text


@pytest.mark.parametrize("zero", [-0.0, Decimal("-0.00"), 0, Decimal("0E+3")])
def test_no_zero_is_a_credit(zero):
    """A negative zero is nothing owed."""
    assert format_number(zero, "GBP") == "0.00"
    assert spaced(format_amount(zero, "JPY")) == "JPY 0"


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (0.001, "GBP", "0.001"),
        (1230.3345, "CHF", "1,230.3345"),
        (1000.5, "JPY", "1,000.5"),
        (Decimal("1.23456"), "KWD", "1.23456"),
        (-0.005, "EUR", "(0.005)"),
        (Decimal("0.1000"), "EUR", "0.10"),
        (Decimal("123456789012345.6789"), "EUR", "123,456,789,012,345.6789"),
    ],
)
def test_digits_beyond_the_currencys_own_are_shown(amount, currency, text):
    """A tenth of a yen that the service states is not rounded away."""
    assert format_number(amount, currency) == text


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("en", "1,230.33"),
        ("de_CH", "1’230.33"),  # noqa: RUF001  # what Swiss tables are printed with
        ("de-CH", "1’230.33"),  # noqa: RUF001  # as above
        ("de", "1.230,33"),
        ("fr", "1\N{NARROW NO-BREAK SPACE}230,33"),
        ("ja", "1,230.33"),
    ],
)
def test_locales(locale, text):
    """Separators are the language's own; the code stands before in all of them."""
    assert format_number(1230.33, "CHF", locale=locale) == text
    assert format_amount(1230.33, "CHF", locale=locale) == f"CHF{NO_BREAK}{text}"
    assert format_amount(-1230.33, "CHF", locale=locale) == f"(CHF{NO_BREAK}{text})"


@pytest.mark.parametrize("locale", ["", "xx", "klingon", "C", "english", "de_XX_YY", "../en"])
def test_an_unknown_locale_is_refused(locale):
    """It is named, with an example of one that is known."""
    for attempt in (
        lambda: format_amount(1, "GBP", locale=locale),
        lambda: format_day(date(2018, 3, 16), locale=locale),
    ):
        with pytest.raises(ConfigurationError, match="There is no locale") as caught:
            attempt()
        assert repr(locale) in str(caught.value)
        assert "de_CH" in caught.value.remedy


def test_a_form_of_ones_own_for_credits():
    """A chart's axis has its minus sign."""
    assert format_number(-5, "GBP", credit="-{}") == "-5.00"


cents = st.integers(-(10**17), 10**17).map(lambda n: Decimal(n).scaleb(-2))


@settings(deadline=None)
@given(amount=cents)
def test_any_amount_reads_back(amount):
    """What is printed is the amount, to the cent."""
    text = format_number(amount, "GBP", credit="-{}")
    assert Decimal(text.replace(",", "")) == amount


@settings(deadline=None)
@given(amounts=st.lists(cents))
def test_sums_are_exact(amounts):
    """The sum is that of the fractions."""
    assert Fraction(add_exactly(amounts)) == sum(map(Fraction, amounts))


@settings(deadline=None)
@given(number=st.integers(-(10**15) + 1, 10**15 - 1), digits=st.integers(0, 6))
def test_fifteen_digits_survive_a_float(number, digits):
    """An amount of up to 15 digits comes out of a float as it went in."""
    written = Decimal(number).scaleb(-digits)
    assert to_decimal(float(written)) == written


def test_sums_of_floats():
    """Of what the floats were written as, not of the floats."""
    assert add_exactly([0.1, 0.2]) == Decimal("0.3")
    assert add_exactly([0.1] * 10) == 1
    assert add_exactly([]) == 0
    assert add_exactly([Decimal("1e14"), Decimal("1e-28")]) == Decimal(f"1{'0' * 14}.{1:028}")


def test_whole_numbers_are_exact():
    """A whole number is no float, however long."""
    assert to_decimal(10**17 + 1) == 10**17 + 1


@pytest.mark.parametrize(
    "callers",
    [
        Context(prec=3),
        Context(prec=1, rounding=ROUND_UP),
        Context(prec=9, traps=[Inexact, Rounded]),
        Context(prec=40, traps=[Inexact, Rounded, Subnormal, FloatOperation]),
        Context(prec=3, Emax=3, Emin=-1, clamp=1, capitals=0),
    ],
    ids=str,
)
def test_the_callers_decimal_context_changes_nothing(callers):
    """A notebook may compute in three digits or trap every rounding: each digit is shown."""
    with localcontext(callers):
        assert format_number(Decimal("751094.39"), "GBP") == "751,094.39"
        assert format_number(-751094.39, "GBP") == "(751,094.39)"
        assert spaced(format_amount(-751094.39, "GBP")) == "(GBP 751,094.39)"
        assert add_exactly([Decimal("751094.39"), 0.01]) == Decimal("751094.40")
        assert spaced(format_share(751094.39, 751094.40)) == "over 99 %"
        assert spaced(format_share(1, 3)) == "33 %"
        assert spaced(format_days(123_456)) == "123,456 days"
        assert format_tick(123_456.5) == "123,456"
        assert format_tick(0.000123) == "0.000123"


@pytest.fixture
def _defaults_of_decimal() -> Iterator[None]:
    """Put decimal.DefaultContext back, which belongs to the whole process."""
    saved = DefaultContext.copy()
    yield
    for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp"):
        setattr(DefaultContext, name, getattr(saved, name))


@pytest.mark.usefixtures("_defaults_of_decimal")
def test_changed_defaults_of_decimal_change_nothing():
    """What a Context does not name comes from there, and in a process for all threads."""
    DefaultContext.prec, DefaultContext.rounding, DefaultContext.Emax = 3, ROUND_UP, 3
    with exactly():
        assert Decimal("751094.39") + Decimal("0.01") == Decimal("751094.40")
        assert round(Decimal("0.5")) == 0


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (73, 100, "73 %"),
        (0, 100, "0 %"),
        (100, 100, "100 %"),
        (1, 100, "1 %"),
        (99, 100, "99 %"),
        (0.99, 100, "under 1 %"),
        (Decimal("0.01"), Decimal("1e12"), "under 1 %"),
        (99.01, 100, "over 99 %"),
        (Decimal("999999999999.99"), Decimal("1e12"), "over 99 %"),
        (1, 3, "33 %"),
        (2, 3, "67 %"),
        (202955.87, 751094.39, "27 %"),
        (0.1, 0.1, "100 %"),
    ],
)
def test_shares(part, whole, text):
    """Whole per cents; what is not nothing is not 0 %, what is not all is not 100 %."""
    assert spaced(format_share(part, whole)) == text


@pytest.mark.parametrize(("part", "whole"), [(1, 0), (0, 0), (5, -5), (-1, 5), (6, 5), (0, -1)])
def test_a_share_that_says_nothing(part, whole):
    """Of nothing, of a credit, or more than the whole, there is no share."""
    assert format_share(part, whole) is None


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("en", "16 Mar 2018"),
        ("en_US", "16 Mar 2018"),
        ("en-GB", "16 Mar 2018"),
        ("de", "16. März 2018"),
        ("fr", "16 mars 2018"),
        ("ja", "2018年3月16日"),
        ("zh", "2018年3月16日"),
        ("zh_Hant", "2018年3月16日"),
        ("ko", "2018년 3월 16일"),
        ("hu", "2018. márc. 16."),
        ("lt", "2018-03-16"),
        ("pt", "16 de mar. de 2018"),
        ("el", "16 Μαρ 2018"),  # noqa: RUF001  # Greek capitals
    ],
)
def test_days(locale, text):
    """In the order and words of the language; in English with the day first everywhere."""
    written = format_day(date(2018, 3, 16), locale=locale)
    assert " " not in written
    assert spaced(written) == text


@pytest.mark.parametrize("before", ["ja", "zh", "he"])
@pytest.mark.parametrize(
    ("locale", "labels"),
    [
        ("fr", ["févr. 2025", "avr."]),
        ("it", ["feb 2025", "apr"]),
        ("pl", ["lut 2025", "kwi"]),
        ("ko", ["2025년 2월", "4월"]),
        ("hr", ["velj 2025.", "tra"]),
    ],
)
def test_months_are_of_the_language_asked_for(before, locale, labels):
    """Whatever was written before in the same process: Babel's data is shared by its locales."""
    moments = [datetime(2025, month, 1, tzinfo=UTC) for month in (2, 4)]
    format_ticks_of_time(moments, locale=before)
    assert [spaced(label) for label in format_ticks_of_time(moments, locale=locale)] == labels


@pytest.mark.parametrize(
    ("days", "text"),
    [(0, "today"), (1, "1 day ago"), (2, "2 days ago"), (439, "439 days ago"),
     (1439, "1,439 days ago"), (-1, "1 day ahead"), (-30, "30 days ahead")],
)  # fmt: skip
def test_days_ago(days, text):
    """One day is not plural, and what is to come is not ago."""
    assert spaced(format_days_ago(days)) == text


@pytest.mark.parametrize("locale", ["ar", "he", "fa"])
def test_a_day_written_from_the_right_turns_nothing_around_beside_it(locale):
    """Letters that run to the left are kept apart from the English sentence and its figures."""
    day = date(2018, 3, 16)
    assert format_day(day, locale=locale)[0] == "\N{FIRST STRONG ISOLATE}"
    assert format_day(day, locale=locale)[-1] == "\N{POP DIRECTIONAL ISOLATE}"
    moments = [datetime(2018, month, 1, tzinfo=UTC) for month in (1, 3)]
    assert format_ticks_of_time(moments, locale=locale)[1][0] == "\N{FIRST STRONG ISOLATE}"
    assert "\N{FIRST STRONG ISOLATE}" not in format_day(day, locale="ja")


@pytest.mark.parametrize(
    ("locale", "amount", "days", "tick"),
    [
        ("en_IN", "GBP 7,51,094.39", "1,23,456 days", "1,23,456"),
        ("de", "GBP 751.094,39", "123.456 days", "123.456"),
        ("fr", "GBP 751\u202f094,39", "123\u202f456 days", "123\u202f456"),
    ],
)
def test_digits_are_grouped_as_the_locale_does(locale, amount, days, tick):
    """Amounts, numbers of days and axes alike, in lakhs where those are counted."""
    assert spaced(format_amount(751094.39, "GBP", locale=locale)) == amount
    assert spaced(format_days_ago(123_456, locale=locale)) == f"{days} ago"
    assert format_tick(123_456, locale=locale) == tick


def test_a_credit_beside_an_axis_stands_in_parentheses():
    """As it does everywhere else."""
    assert [format_tick(value) for value in (-1250.5, 0, -0.0, 5)] == ["(1,250.5)", "0", "0", "5"]


@pytest.mark.parametrize(
    ("moments", "locale", "labels"),
    [
        (["2024-11-01", "2025-01-01", "2025-03-01"], "en", ["Nov 2024", "2025", "Mar"]),
        (["2024-11-01", "2025-01-01", "2025-03-01"], "de", ["Nov. 2024", "2025", "März"]),
        (["2025-03-01", "2025-05-01"], "en", ["Mar 2025", "May"]),
        (["2024-12-22", "2025-01-05"], "en", ["22 Dec 2024", "5 Jan"]),
        (["2024-12-22", "2025-01-05"], "de", ["22. Dez. 2024", "5. Jan."]),
        (["2024-12-22", "2025-01-05"], "ja", ["2024年12月22日", "1月5日"]),
        (["2024-12-01", "2025-01-01", "2025-02-01"], "ja", ["2024年12月", "2025年", "2月"]),
        (["2025-03-01", "2025-05-01"], "lt", ["2025-03", "geg."]),
        (["2025-03-05T06:00", "2025-03-05T18:00"], "en", ["5 Mar 2025 06:00", "18:00"]),
        (["2024-01-01", "2025-01-01"], "en", ["2024", "2025"]),
        ([], "en", []),
    ],
)
def test_moments_beside_an_axis_say_together_what_each_leaves_out(moments, locale, labels):
    """Months by name, the year where one begins and at the first; days and hours likewise."""
    given = [datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in moments]
    written = format_ticks_of_time(given, locale=locale)
    assert [label.replace(NO_BREAK, " ") for label in written] == labels
