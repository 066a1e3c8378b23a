"""Days as NumPy has them: UTC calendar days, their differences, and the days that terms give."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

_LAST_DAY = np.datetime64(date.max)  # no calendar has the 29 February 10000


def due_days(invoiced: Any, terms_days: int) -> Any:
    """Return the days on which invoices of some days fall due; missing after the year 9999."""
    due = invoiced + np.timedelta64(terms_days, "D")
    due[due > _LAST_DAY] = np.datetime64("NaT", "D")
    return due


def days_of(stamps: pd.Series) -> Any:
    """Return the UTC calendar day of each stamp, as NumPy has it."""
    return stamps.to_numpy("datetime64[us]").astype("datetime64[D]")


def counted(days: Any) -> pd.arrays.IntegerArray:
    """Return differences of days as Int64."""
    return pd.arrays.IntegerArray(days.astype(np.int64), np.isnat(days))
