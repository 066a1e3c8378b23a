"""Amounts and days in figures: ISO code, the currency's own decimals, nothing rounded away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import SupportsFloat

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, get_currency_precision

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.text import isolated

NO_BREAK = "\N{NO-BREAK SPACE}"


def to_decimal(amount: SupportsFloat) -> Decimal:
    """Return the decimal number that an amount was written as.

    The shortest decimal that reads back as a float is the amount as the service sent it,
    as long as that had at most 15 digits.
    """
    if isinstance(amount, Decimal):
        return amount
    return Decimal(amount) if isinstance(amount, int) else Decimal(repr(float(amount)))


def add_exactly(amounts: Iterable[SupportsFloat]) -> Decimal:
    """Return the sum to the last digit: one float sum in five is not the float of the total."""
    with localcontext(prec=100):
        return sum((to_decimal(amount) for amount in amounts), Decimal(0))


@lru_cache(maxsize=512)
def minor_units(currency: str) -> int:
    """Return the decimals that a currency is written with: GBP 2, JPY 0, KWD 3; unknown ones 2."""
    return get_currency_precision(currency)


@lru_cache(maxsize=512)
def _pattern(locale: str, digits: str) -> str:
    """Return how a locale groups a number, with these digits after the point."""
    whole: str = _locale(locale).decimal_formats[None].pattern.split(".")[0]
    return f"{whole}.{digits}" if digits else whole


def format_number(
    amount: SupportsFloat, currency: str, *, locale: str = "en", credit: str = "({})"
) -> str:
    """Return an amount without its currency code: ``751,094.39``, a credit ``(12.00)``.

    Digits beyond the currency's own decimals are shown where there are any.
    """
    exact = to_decimal(amount)
    with localcontext(prec=100):  # whatever the caller computes in
        text: str = format_decimal(
            exact.copy_abs(),
            _pattern(locale, "0" * minor_units(currency)),
            locale=_locale(locale),
            decimal_quantization=False,
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


def format_share(part: SupportsFloat, whole: SupportsFloat) -> str | None:
    """Return ``73 %``; None where a share says nothing: a credit, or nothing owed.

    A part that is neither nothing nor all is never rounded to 0 % or 100 %.
    """
    part, whole = to_decimal(part), to_decimal(whole)
    if whole <= 0 or not 0 <= part <= whole:
        return None
    with localcontext(prec=100):
        percent = 100 * part / whole
    if 0 < percent < 1:
        return f"under 1{NO_BREAK}%"
    if 99 < percent < 100:
        return f"over 99{NO_BREAK}%"
    return f"{round(percent)}{NO_BREAK}%"


def format_day(day: date, *, locale: str = "en") -> str:
    """Return a calendar day: ``16 Mar 2018``."""
    return isolated(format_date(day, f"d{NO_BREAK}MMM{NO_BREAK}y", _locale(locale)))


def format_days(days: int, *, locale: str = "en") -> str:
    """Return a number of days: ``1 day``, ``439 days``."""
    number = format_decimal(days, _pattern(locale, ""), locale=_locale(locale))
    return f"{number}{NO_BREAK}day{'' if days == 1 else 's'}"


def format_days_ago(days: int, *, locale: str = "en") -> str:
    """Return how long ago: ``439 days ago``, ``today``, ``1 day ahead``."""
    if days == 0:
        return "today"
    words = format_days(abs(days), locale=locale)
    return f"{words} ago" if days > 0 else f"{words} ahead"


def format_tick(value: float, *, locale: str = "en") -> str:
    """Return a number beside an axis, with the digits that it has; a credit ``(10)``."""
    exact = Decimal(f"{value:.6g}")
    pattern = _pattern(locale, "######")
    text: str = format_decimal(exact.copy_abs(), pattern, locale=_locale(locale))
    return f"({text})" if exact < 0 else text


def format_ticks_of_time(moments: Sequence[datetime], *, locale: str = "en") -> list[str]:
    """Return moments beside an axis: months by name, days or hours where it is that short.

    A year stands in place of its January, and beside the first moment where there is none.
    """
    if any(moment.hour or moment.minute for moment in moments):
        detail, whole = "HH:mm", f"d{NO_BREAK}MMM{NO_BREAK}y HH:mm"
    elif any(moment.day > 1 for moment in moments):
        detail, whole = f"d{NO_BREAK}MMM", f"d{NO_BREAK}MMM{NO_BREAK}y"
    else:
        detail, whole = "LLL", f"LLL{NO_BREAK}y"
    years = [detail == "LLL" and moment.month == 1 for moment in moments]
    patterns = ["y" if year else detail for year in years]
    if patterns and not any(years):
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
