"""NumPy arrays of UTC calendar days: their differences, and due dates."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

_LAST_DAY = np.datetime64(date.max)  # Python has no dates after the year 9999


def due_days(invoiced: Any, terms_days: int) -> Any:
    """Return the due dates of invoices; missing after the year 9999."""
    due = invoiced + np.timedelta64(terms_days, "D")
    due[due > _LAST_DAY] = np.datetime64("NaT", "D")
    return due


def days_of(stamps: pd.Series) -> Any:
    """Return the UTC calendar day of each timestamp, as a NumPy array."""
    return stamps.to_numpy("datetime64[us]").astype("datetime64[D]")


def counted(days: Any) -> pd.arrays.IntegerArray:
    """Return differences of days as Int64."""
    return pd.arrays.IntegerArray(days.astype(np.int64), np.isnat(days))
