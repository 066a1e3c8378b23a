"""Amounts and days in figures: ISO code, the currency's own decimals, nothing rounded away."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from functools import lru_cache
from typing import SupportsFloat

from babel.core import Locale, UnknownLocaleError
from babel.numbers import NumberPattern, parse_pattern

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.text import isolated

try:
    from babel.dates import format_date, format_datetime
# It reads the computer's time zone as it is loaded; pytz asserts that a file is one.
except (ValueError, OSError, LookupError, AssertionError):
    raise ConfigurationError(
        f"The environment variable TZ={os.environ.get('TZ', '')[:60]!r} is not a time zone.",
        remedy="Remove it, or set a name such as Europe/Zurich. Figures are in UTC in any case.",
    ) from None

NO_BREAK = "\N{NO-BREAK SPACE}"
# The column "minor unit" of ISO 4217's list one (SIX Group keeps it); every other currency has 2.
# Babel's get_currency_precision gives CLDR's digits, which are those of the coins still in use:
# none for 13 currencies whose invoices have 2 or 3 decimals, such as RSD, LBP and IQD.
_MINOR_UNITS = {
    code: digits
    for digits, codes in (
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    )
    for code in codes.split()
}
# Every setting is named: a Context takes the others from decimal.DefaultContext, which the user
# may have changed. 100 digits hold any sum of amounts, which have 43 digits at most.
_EXACT = Context(
    prec=100,
    rounding=ROUND_HALF_EVEN,
    Emin=-999_999,
    Emax=999_999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
# English is written day first, as no reader can take 16 Mar 2018 for another day; CLDR's order
# for "en" is that of the United States.
_ENGLISH = {"yMMMd": "d MMM y", "MMMd": "d MMM", "yMMM": "MMM y", "y": "y"}


def exactly() -> AbstractContextManager[Context]:
    """Return a context in which decimal arithmetic is exact, independent of the caller's context.

    A notebook may have set a precision of three digits, or trap every inexact result: without
    this, the former would change our figures and the latter end in an exception. Babel and
    ``Decimal``'s operators read the context as well, so each use of them belongs in here.

    Examples
    --------
    >>> with localcontext(prec=3), exactly():
    ...     Decimal("751094.39") + Decimal("0.01")
    Decimal('751094.40')
    """
    return localcontext(_EXACT)


def to_decimal(amount: SupportsFloat) -> Decimal:
    """Return the decimal number that an amount was written as.

    The shortest decimal that reads back as a float is the amount as the service sent it, if that
    had at most 15 digits: every decimal of 15 digits survives the way through a float.
    """
    if isinstance(amount, Decimal):
        return amount
    return Decimal(amount) if isinstance(amount, int) else Decimal(repr(float(amount)))


def add_exactly(amounts: Iterable[SupportsFloat]) -> Decimal:
    """Return the sum to the last digit: one float sum in five is not the float of the total."""
    with exactly():
        return sum((to_decimal(amount) for amount in amounts), Decimal(0))


def minor_units(currency: str) -> int:
    """Return the decimals that a currency is written with: GBP 2, JPY 0, KWD 3; unknown ones 2."""
    return _MINOR_UNITS.get(currency, 2)


@lru_cache(maxsize=512)
def _pattern(locale: str, digits: str) -> NumberPattern:
    """Return how a locale groups a number, with these digits after the point."""
    whole: str = _locale(locale).decimal_formats[None].pattern.split(".")[0]
    return parse_pattern(f"{whole}.{digits}" if digits else whole)


def format_number(
    amount: SupportsFloat, currency: str, *, locale: str = "en", credit: str = "({})"
) -> str:
    """Return an amount without its currency code: ``751,094.39``, a credit ``(12.00)``.

    Digits beyond the currency's own decimals are shown if there are any.
    """
    exact = to_decimal(amount)
    with exactly():
        text: str = _pattern(locale, "0" * minor_units(currency)).apply(
            exact.copy_abs(), _locale(locale), decimal_quantization=False
        )
    return credit.format(text) if exact < 0 else text


def format_amount(amount: SupportsFloat, currency: str, *, locale: str = "en") -> str:
    r"""Return an amount as an accountant writes it.

    Parameters
    ----------
    amount
        Amount in units of `currency`; negative is a credit.
    currency
        ISO 4217 code. One that Babel does not know gets two decimals.
    locale
        Language whose separators are used, such as ``"de_CH"``.

    Examples
    --------
    >>> format_amount(751094.39, "GBP").replace("\N{NO-BREAK SPACE}", " ")
    'GBP 751,094.39'
    >>> format_amount(-12, "KWD").replace("\N{NO-BREAK SPACE}", " ")
    '(KWD 12.000)'
    """
    number = f"{currency}{NO_BREAK}{format_number(amount, currency, locale=locale, credit='{}')}"
    return f"({number})" if to_decimal(amount) < 0 else number


def plain_amount(amount: SupportsFloat, currency: str) -> str:
    """Return an amount as programs read it: exact, with the currency's decimals or more.

    Examples
    --------
    >>> plain_amount(751094.4, "GBP"), plain_amount(Decimal("-0.125"), "GBP")
    ('751094.40', '-0.125')
    """
    exact = to_decimal(amount)
    with exactly():
        # A float's shortest digits are the service's, but for a zero that it ends in.
        exact = exact if isinstance(amount, Decimal) else exact.normalize()
    exponent = exact.as_tuple().exponent
    decimals = max(minor_units(currency), -exponent if isinstance(exponent, int) else 0)
    return f"{exact:z.{decimals}f}"  # z: nothing is 0.00, never -0.00


def format_share(part: SupportsFloat, whole: SupportsFloat) -> str | None:
    """Return ``73 %``; None where a share says nothing: a credit, or nothing owed.

    A part that is neither nothing nor all is never rounded to 0 % or 100 %.
    """
    part, whole = to_decimal(part), to_decimal(whole)
    if whole <= 0 or not 0 <= part <= whole:
        return None
    with exactly():
        percent = 100 * part / whole
        if 0 < percent < 1:
            return f"under 1{NO_BREAK}%"
        if 99 < percent < 100:
            return f"over 99{NO_BREAK}%"
        return f"{round(percent)}{NO_BREAK}%"


@lru_cache(maxsize=128)
def _day_pattern(locale: str, skeleton: str) -> str:
    """Return how a locale writes the fields of a date, such as ``yMMMd``, in its own order."""
    parsed = _locale(locale)
    if parsed.language == "en":
        pattern = _ENGLISH[skeleton]
    else:
        # L, a month named outside a date, makes Babel 2.18 write one locale's names into data that
        # it shares with some 30 others: after a report in Japanese, French axes read 4月. M, a
        # month named within a date, does not. One locale has Y by mistake: the year of the week.
        pattern = parsed.datetime_skeletons[skeleton].pattern.translate(
            {ord("L"): "M", ord("Y"): "y"}
        )
    return pattern.replace(" ", NO_BREAK)


def format_day(day: date, *, locale: str = "en") -> str:
    """Return a calendar day in the order and words of a locale: ``16 Mar 2018``."""
    return _written(day.year, day.month, day.day, locale)


# By the parts of the day, for moments in two zones may be equal on different days.
@lru_cache(maxsize=4096)
def _written(year: int, month: int, day: int, locale: str) -> str:
    """Return a day in words, once: the days of a report are few, and in hundreds of places."""
    pattern = _day_pattern(locale, "yMMMd")
    return isolated(format_date(date(year, month, day), pattern, _locale(locale)))


def format_days(days: int, *, locale: str = "en") -> str:
    """Return a number of days: ``1 day``, ``439 days``."""
    with exactly():
        number = _pattern(locale, "").apply(days, _locale(locale))
    return f"{number}{NO_BREAK}day{'' if days == 1 else 's'}"


def format_days_ago(days: int, *, locale: str = "en") -> str:
    """Return how long ago: ``439 days ago``, ``today``, ``1 day ahead``."""
    if days == 0:
        return "today"
    words = format_days(abs(days), locale=locale)
    return f"{words} ago" if days > 0 else f"{words} ahead"


def format_tick(value: float, *, locale: str = "en") -> str:
    """Return a number for an axis, with all its digits; a credit is ``(10)``."""
    exact = Decimal(f"{value:.6g}")
    pattern = _pattern(locale, "######")
    with exactly():
        text: str = pattern.apply(exact.copy_abs(), _locale(locale))
    return f"({text})" if exact < 0 else text


def format_ticks_of_time(moments: Sequence[datetime], *, locale: str = "en") -> list[str]:
    """Return moments for an axis: months by name, days or hours if it is that short.

    The first moment has its year, and a year is written in place of its January.
    """
    if any(moment.hour or moment.minute for moment in moments):
        detail, whole = "HH:mm", f"{_day_pattern(locale, 'yMMMd')} HH:mm"
    elif any(moment.day > 1 for moment in moments):
        detail, whole = _day_pattern(locale, "MMMd"), _day_pattern(locale, "yMMMd")
    else:
        # A month alone is named in every locale: Lithuanian and Bulgarian would number it.
        detail, whole = "MMM", _day_pattern(locale, "yMMM")
    years = [detail == "MMM" and moment.month == 1 for moment in moments]
    patterns = [_day_pattern(locale, "y") if year else detail for year in years]
    if patterns and not years[0]:
        patterns[0] = whole
    return [
        isolated(format_datetime(moment, pattern, locale=_locale(locale)))
        for moment, pattern in zip(moments, patterns, strict=True)
    ]


@lru_cache(maxsize=32)
def _locale(identifier: str) -> Locale:
    try:
        return Locale.parse(identifier.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        raise ConfigurationError(
            f"There is no locale {identifier!r}.", remedy="Name one as in 'en', 'de' or 'de_CH'."
        ) from None
