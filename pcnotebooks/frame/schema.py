"""Columns of the tidy frame, each with the dtype that it has on every pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd

RECURRING, ONE_TIME = "Recurring", "OneTime"
NOT_STATED = "Not stated"
KEYS = ("partner", "cloud", "currency")
AMOUNTS = ("balance_amount", "last_payment_amount")
DATES = (
    "last_payment_date",
    "accounting_date",
    "first_invoice_creation_date",
    "latest_invoice_date",
)
SUMMARY_COLUMNS = (*KEYS, "currency_symbol", "invoice_type", *AMOUNTS, *DATES, "retrieved_at")
TOTALS_COLUMNS = tuple(column for column in SUMMARY_COLUMNS if column != "invoice_type")
UTC = "datetime64[us, UTC]"


def type_key(invoice_type: str) -> str:
    """Return what spellings of one invoice type have in common."""
    return invoice_type.strip().replace("_", "").casefold()


KNOWN_TYPES = {type_key(name): name for name in (RECURRING, ONE_TIME)}


def utc(microseconds: list[int]) -> pd.DatetimeIndex:
    """Return moments from microseconds since 1970."""
    naive = np.array(microseconds, dtype=np.int64).view("datetime64[us]")
    return pd.DatetimeIndex(naive).tz_localize("UTC")


def category(values: list[str]) -> pd.Categorical[str]:
    """Return texts as categories in alphabetical order."""
    names = sorted(set(values))
    place = {name: code for code, name in enumerate(names)}
    return categorical([place[value] for value in values], names)


def type_category(values: list[str | None]) -> pd.Categorical[str]:
    """Return invoice types as categories: Recurring, OneTime, then the others.

    Spellings that differ in case or underscore are one.
    """
    spellings: dict[str, str] = {}
    for value in sorted({value for value in values if value}):
        spellings.setdefault(type_key(value), value)
    others = sorted(name for key, name in spellings.items() if key not in KNOWN_TYPES)
    names = [RECURRING, ONE_TIME, *others]
    codes = {type_key(name): code for code, name in enumerate(names)}
    place = {value: codes[type_key(value)] if value else -1 for value in set(values)}
    return categorical([place[value] for value in values], names)


def categorical(codes: list[int], names: list[str]) -> pd.Categorical[str]:
    """Return categories from each value's place among the names; -1 where it is missing."""
    return pd.Categorical.from_codes(np.array(codes, dtype=np.int64), categories=pd.Index(names))
