"""Select rows of a frame: the latest, by value, or one by one."""

from __future__ import annotations

import warnings
from collections import namedtuple
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from pcnotebooks.clouds import Cloud
from pcnotebooks.errors import ConfigurationError, PcNotebooksWarning
from pcnotebooks.frame.schema import KEYS, NOT_STATED, ONE_TIME, RECURRING, TOTALS_COLUMNS, type_key

AsOf: TypeAlias = date | datetime | np.datetime64 | str
Choice: TypeAlias = str | Iterable[str] | None


def select(
    frame: pd.DataFrame,
    *,
    partner: Choice = None,
    cloud: str | Cloud | Iterable[str | Cloud] | None = None,
    currency: Choice = None,
    invoice_type: Choice = None,
) -> pd.DataFrame:
    """Return the rows of some partners, clouds, currencies and invoice types.

    Parameters
    ----------
    frame
        Any frame with these columns.
    partner, cloud, currency, invoice_type
        One value or several; None for all. Case is ignored in currencies; case and underscores are
        ignored in invoice types, because the service spells them in both ways. "Not stated" means
        a missing invoice type.

    Returns
    -------
    DataFrame
        The same columns, with an index from 0; empty if no row matches.

    Warns
    -----
    PcNotebooksWarning
        If a value does not occur in its column, such as a misspelt currency.

    Notes
    -----
    Functions that use the latest payload look for it among the rows of their frame. If the newest
    payload no longer states a currency, they use an older one. To avoid this, call them before
    `select`, or check ``retrieved_at``.

    Examples
    --------
    >>> from pcnotebooks import sample_payload, summary_frame
    >>> frame = summary_frame(sample_payload())
    >>> select(frame, currency="GBP", invoice_type="one_time")["balance_amount"].item()
    548138.52
    """
    require_frame(frame, KEYS)
    given = {
        "partner": partner,
        "cloud": cloud,
        "currency": currency,
        "invoice_type": invoice_type,
    }
    choices = {column: _values(chosen) for column, chosen in given.items() if chosen is not None}
    require_frame(frame, list(choices))
    for column, chosen in choices.items():
        have = {_key(column, value) for value in frame[column].unique()}
        for value in chosen:
            if have and _key(column, value) not in have:
                shown = ", ".join(sorted(str(value) for value in frame[column].dropna().unique()))
                warnings.warn(
                    f"No row has the {column} {value!r}; the values are {shown}.",
                    PcNotebooksWarning,
                    stacklevel=2,
                )
    return rows_with(frame, **choices)


def rows_with(frame: pd.DataFrame, **choices: Any) -> pd.DataFrame:
    """Return :func:`select` without its warning, for choices that may match no row."""
    kept = np.ones(len(frame), dtype=bool)
    for column, chosen in choices.items():
        if chosen is not None:
            wanted = {_key(column, value) for value in _values(chosen)}
            numbers, values = pd.factorize(frame[column], use_na_sentinel=False)
            fitting = np.array([_key(column, value) in wanted for value in values], dtype=bool)
            kept &= fitting[numbers]
    selected = frame.loc[kept].reset_index(drop=True)
    for column in KEYS:
        if isinstance(selected[column].dtype, pd.CategoricalDtype):
            selected[column] = selected[column].cat.remove_unused_categories()
    return selected


def _values(chosen: Any) -> list[Any]:
    return [chosen] if isinstance(chosen, str | Cloud) else list(chosen)


def _key(column: str, value: Any) -> str:
    """Return the key by which values of a column are compared."""
    if isinstance(value, Cloud):
        return value.name
    if pd.isna(value):
        value = NOT_STATED
    if column == "currency":
        return str(value).upper()
    return type_key(value) if column == "invoice_type" else str(value)


def require_terms(terms_days: object) -> None:
    """Raise ConfigurationError if the terms are not a number of days."""
    whole = isinstance(terms_days, int | np.integer) and not isinstance(terms_days, bool)
    if not whole or not 0 <= terms_days <= 3650:  # type: ignore[operator]
        raise ConfigurationError(
            f"terms_days cannot be {terms_days!r}.",
            remedy="Give a whole number of days from the invoice date, from 0 to 3650.",
        )


def require_frame(frame: object, columns: Sequence[str], *, remedy: str | None = None) -> None:
    """Raise ConfigurationError if an object is not a frame or lacks some of these columns."""
    if not isinstance(frame, pd.DataFrame):
        kind = type(frame).__name__
        raise ConfigurationError(
            f"Expected a frame, got {kind}.",
            remedy=remedy or "Pass summary_frame(*payloads) or totals_frame(*payloads).",
        )
    missing = [name for name in columns if name not in frame]
    if missing:
        raise ConfigurationError(
            f"The frame has no {', '.join(missing)}.",
            remedy=remedy or "Pass a result of summary_frame; totals_frame has no invoice types.",
        )
    if "retrieved_at" in frame and not isinstance(frame["retrieved_at"].dtype, pd.DatetimeTZDtype):
        raise ConfigurationError(
            "The column retrieved_at of the frame does not have times with a time zone of pandas"
            f" (its dtype is {frame['retrieved_at'].dtype}).",
            remedy="Load the payload and create the frame again: files such as CSV keep no dtypes.",
        )


def latest(
    frame: pd.DataFrame, columns: Sequence[str] = TOTALS_COLUMNS, *, remedy: str | None = None
) -> pd.DataFrame:
    """Return the rows of the latest payload of each partner and cloud, as a new frame."""
    require_frame(frame, columns, remedy=remedy)
    retrieved = frame["retrieved_at"]
    if retrieved.nunique() < 2:  # the usual case, which needs no slow grouping
        return frame.reset_index(drop=True)
    newest = frame.groupby(["partner", "cloud"], observed=True)["retrieved_at"].transform("max")
    return frame[retrieved == newest].reset_index(drop=True)


def split(frame: pd.DataFrame, *by: str) -> dict[Any, pd.DataFrame]:
    """Return the rows of each value of a column, or of each tuple of values of several."""
    places = frame.groupby(list(by) if len(by) > 1 else by[0], observed=True, sort=False).indices
    return {key: frame.iloc[rows].reset_index(drop=True) for key, rows in places.items()}


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """Yield the same tuples as `itertuples`, but ten times as fast if there are few rows."""
    if frame.empty:
        return iter(())
    columns = [frame.index, *(_cells(column) for _, column in frame.items())]
    return map(_row_type(tuple(frame.columns))._make, zip(*columns, strict=True))


@lru_cache(maxsize=32)
def _row_type(columns: tuple[object, ...]) -> Any:
    # A column that the user added may have a name that cannot be an attribute: "FX rate", 2024.
    names = ("Index", *map(str, columns))
    return namedtuple("Row", names, rename=True)  # noqa: PYI024  (as pandas does)


def _cells(column: pd.Series) -> list[Any]:
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return column.tolist()
    names = [*column.dtype.categories.tolist(), np.nan]  # code -1 means missing
    return [names[code] for code in column.cat.codes.tolist()]


def invoice_types(frame: pd.DataFrame) -> list[str]:
    """Return Recurring, OneTime, then other invoice types of a frame in alphabetical order."""
    others = set(frame["invoice_type"].dropna()) - {RECURRING, ONE_TIME}
    return [RECURRING, ONE_TIME, *sorted(others)]


def in_python(moment: Any) -> Any:
    """Return a date of NumPy as a date or datetime of Python; return any other value unchanged."""
    if not isinstance(moment, np.datetime64):
        return moment
    # The item of a time in nanoseconds would be a number.
    exact = np.datetime_data(moment)[0] in ("ns", "ps", "fs", "as")
    return (moment.astype("datetime64[us]") if exact else moment).item()


def as_of_day(as_of: AsOf) -> date:
    """Return the UTC calendar day of an as-of value; a time without a zone is in UTC."""
    try:
        moment = datetime.fromisoformat(as_of) if isinstance(as_of, str) else in_python(as_of)
        if isinstance(moment, datetime) and moment.tzinfo:
            moment = moment.astimezone(UTC)
        return date(moment.year, moment.month, moment.day)  # TypeError: the year of NaT is NaN
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise ConfigurationError(
            f"as_of {as_of!r} is not a date.", remedy="Write a date such as '2018-03-16'."
        ) from None
