"""Format amounts and days: ISO codes, each currency's decimals, and amounts never rounded."""

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
# On import, it reads the computer's time zone; pytz asserts that the file is a time zone.
except (ValueError, OSError, LookupError, AssertionError):
    raise ConfigurationError(
        f"The environment variable TZ={os.environ.get('TZ', '')[:60]!r} is not a time zone.",
        remedy="Remove it, or set a name such as Europe/Zurich. Figures are in UTC in any case.",
    ) from None

NO_BREAK = "\N{NO-BREAK SPACE}"
# The column "minor unit" of ISO 4217's list one (SIX Group keeps it); every other currency has 2.
# Babel's get_currency_precision returns CLDR's digits, which are those of the coins in use: none
# for 13 currencies whose invoices have 2 or 3 decimals, such as RSD, LBP and IQD.
_MINOR_UNITS = {
    code: digits
    for digits, codes in (
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    )
    for code in codes.split()
}
# Every setting is named, because a Context takes the others from decimal.DefaultContext, which the
# user may have changed. 100 digits hold any sum of amounts, which have 43 digits at most.
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
# English dates begin with the day, because 16 Mar 2018 cannot be misread; CLDR's order for "en" is
# that of the United States.
_ENGLISH = {"yMMMd": "d MMM y", "MMMd": "d MMM", "yMMM": "MMM y", "y": "y"}


def exactly() -> AbstractContextManager[Context]:
    """Return a context in which decimal arithmetic is exact, independent of the caller's context.

    A notebook may have set a precision of three digits, which would change our figures, or trap
    inexact results, which would raise. Babel and the operators of ``Decimal`` read the context,
    so use them only within this one.

    Examples
    --------
    >>> with localcontext(prec=3), exactly():
    ...     Decimal("751094.39") + Decimal("0.01")
    Decimal('751094.40')
    """
    return localcontext(_EXACT)


def to_decimal(amount: SupportsFloat) -> Decimal:
    """Return the decimal number from which an amount was read.

    For a float this is the shortest decimal that reads back as the same float. It equals the
    amount that the service sent if that had at most 15 digits.
    """
    if isinstance(amount, Decimal):
        return amount
    return Decimal(amount) if isinstance(amount, int) else Decimal(repr(float(amount)))


def add_exactly(amounts: Iterable[SupportsFloat]) -> Decimal:
    """Return the exact sum; one float sum in five differs from the float of the total."""
    with exactly():
        return sum((to_decimal(amount) for amount in amounts), Decimal(0))


def minor_units(currency: str) -> int:
    """Return the number of decimals of a currency: GBP 2, JPY 0, KWD 3; 2 if unknown."""
    return _MINOR_UNITS.get(currency, 2)


@lru_cache(maxsize=512)
def _pattern(locale: str, digits: str) -> NumberPattern:
    """Return the number pattern of a locale, with these digits after the point."""
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
    r"""Return an amount with its currency code; a credit is in parentheses.

    Parameters
    ----------
    amount
        Amount in units of `currency`; negative is a credit.
    currency
        ISO 4217 code; unknown codes get two decimals.
    locale
        Locale whose separators are used, such as ``"de_CH"``.

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
    """Return an exact amount for programs, with at least the currency's decimals.

    Examples
    --------
    >>> plain_amount(751094.4, "GBP"), plain_amount(Decimal("-0.125"), "GBP")
    ('751094.40', '-0.125')
    """
    exact = to_decimal(amount)
    with exactly():
        # The shortest digits of a float are those of the service, except for trailing zeros.
        exact = exact if isinstance(amount, Decimal) else exact.normalize()
    exponent = exact.as_tuple().exponent
    decimals = max(minor_units(currency), -exponent if isinstance(exponent, int) else 0)
    return f"{exact:z.{decimals}f}"  # z: zero is 0.00, never -0.00


def format_share(part: SupportsFloat, whole: SupportsFloat) -> str | None:
    """Return a share such as ``73 %``; None if it has no meaning: a credit, or nothing owed.

    A share between 0 and 100 % is never rounded to either.
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
    """Return the pattern of a locale for the fields of a date, such as ``yMMMd``."""
    parsed = _locale(locale)
    if parsed.language == "en":
        pattern = _ENGLISH[skeleton]
    else:
        # L, a month named outside a date, makes Babel 2.18 write the names of one locale into data
        # shared with some 30 others: after a report in Japanese, French axes show 4月. M, a month
        # named within a date, does not. One locale has Y, the year of the week, by mistake.
        pattern = parsed.datetime_skeletons[skeleton].pattern.translate(
            {ord("L"): "M", ord("Y"): "y"}
        )
    return pattern.replace(" ", NO_BREAK)


def format_day(day: date, *, locale: str = "en") -> str:
    """Return a calendar day in the format of a locale: ``16 Mar 2018``."""
    return _written(day.year, day.month, day.day, locale)


# The cache is keyed by year, month and day: equal moments in two zones may have different days.
@lru_cache(maxsize=4096)
def _written(year: int, month: int, day: int, locale: str) -> str:
    """Return a formatted day, cached, because a report repeats few days in hundreds of places."""
    pattern = _day_pattern(locale, "yMMMd")
    return isolated(format_date(date(year, month, day), pattern, _locale(locale)))


def format_days(days: int, *, locale: str = "en") -> str:
    """Return a number of days: ``1 day``, ``439 days``."""
    with exactly():
        number = _pattern(locale, "").apply(days, _locale(locale))
    return f"{number}{NO_BREAK}day{'' if days == 1 else 's'}"


def format_days_ago(days: int, *, locale: str = "en") -> str:
    """Return the time since a day: ``439 days ago``, ``today``, ``1 day ahead``."""
    if days == 0:
        return "today"
    words = format_days(abs(days), locale=locale)
    return f"{words} ago" if days > 0 else f"{words} ahead"


def format_tick(value: float, *, locale: str = "en") -> str:
    """Return a number for an axis, without rounding; a credit is ``(10)``."""
    exact = Decimal(f"{value:.6g}")
    pattern = _pattern(locale, "######")
    with exactly():
        text: str = pattern.apply(exact.copy_abs(), _locale(locale))
    return f"({text})" if exact < 0 else text


def format_ticks_of_time(moments: Sequence[datetime], *, locale: str = "en") -> list[str]:
    """Return labels of moments on an axis: months, or days or hours if the axis is short.

    The first moment has its year, and each January is shown as its year.
    """
    if any(moment.hour or moment.minute for moment in moments):
        detail, whole = "HH:mm", f"{_day_pattern(locale, 'yMMMd')} HH:mm"
    elif any(moment.day > 1 for moment in moments):
        detail, whole = _day_pattern(locale, "MMMd"), _day_pattern(locale, "yMMMd")
    else:
        # A month alone is always a name; Lithuanian and Bulgarian would use its number.
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
