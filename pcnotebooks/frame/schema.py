"""The columns of the tidy frames, with the same dtypes in every version of pandas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

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
    """Return the key of an invoice type, the same for all its spellings."""
    return invoice_type.strip().replace("_", "").casefold()


def utc(microseconds: Sequence[int] | np.ndarray[Any, Any]) -> pd.DatetimeIndex:
    """Return times from microseconds since 1970."""
    naive = np.array(microseconds, dtype=np.int64).view("datetime64[us]")
    return pd.DatetimeIndex(naive).tz_localize("UTC")


def category(values: list[str]) -> pd.Categorical[str]:
    """Return strings as categories in alphabetical order."""
    names = sorted(set(values))
    place = {name: code for code, name in enumerate(names)}
    return categorical([place[value] for value in values], names)


KNOWN_TYPES = {type_key(name): name for name in (RECURRING, ONE_TIME)}


def type_category(
    values: list[str | None],
    known: Sequence[str] = (RECURRING, ONE_TIME),
    key: Callable[[str], str] = type_key,
) -> pd.Categorical[str]:
    """Return types as categories: the known types, then others in alphabetical order.

    Spellings with the same key are one category.
    """
    spellings = {key(name): name for name in known}
    distinct = set(values)
    for value in sorted(filter(None, distinct)):
        spellings.setdefault(key(value), value)
    names = [*known, *sorted(list(spellings.values())[len(known) :])]
    codes = {key(name): code for code, name in enumerate(names)}
    place = {value: codes[key(value)] if value else -1 for value in distinct}
    return categorical([place[value] for value in values], names)


def categorical(codes: list[int], names: list[str]) -> pd.Categorical[str]:
    """Return categories from the index of each value among the names; -1 means missing."""
    index = _index(tuple(names))
    # A view, because a user may name the categories of a frame.
    return pd.Categorical.from_codes(np.array(codes, dtype=np.int64), categories=index.view())


@lru_cache(maxsize=256)
def _index(names: tuple[str, ...]) -> pd.Index[str]:
    """Return names as an index; frames share it, because pandas checks each for duplicates."""
    return pd.Index(list(names))


def exactly_typed(dtypes: Mapping[str, str]) -> dict[str, str]:
    """Return dtypes with amounts as Decimal objects instead of floats."""
    return {name: "object" if dtype == "float64" else dtype for name, dtype in dtypes.items()}


def finish(frame: pd.DataFrame, dtypes: dict[str, str]) -> pd.DataFrame:
    """Set every dtype, so that frames with any number of rows are alike in every pandas."""
    return frame.astype(dtypes).reset_index(drop=True)
