"""Chart models made from frames, as the plot functions make them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pcnotebooks.frame.measures import changes_of
from pcnotebooks.frame.selection import latest, rows_of
from pcnotebooks.overview import ageing, charts, trend


def balances_chart(frame: pd.DataFrame, **options: Any) -> charts.BalancesChart:
    """Return the chart of the latest rows."""
    return charts.balances_chart(list(rows_of(latest(frame))), **options)


def recency_chart(recency: pd.DataFrame, **options: Any) -> charts.RecencyChart:
    """Return the chart of a frame of payment_recency."""
    return charts.recency_chart(list(rows_of(recency)), **options)


def trend_chart(frame: pd.DataFrame, **options: Any) -> trend.TrendChart:
    """Return the chart of a frame with its changes."""
    return trend.trend_chart(list(rows_of(frame)), list(rows_of(changes_of(frame))), **options)


def ageing_chart(aged: pd.DataFrame, **options: Any) -> ageing.AgeingChart:
    """Return the chart of a frame of invoice_ageing."""
    return ageing.ageing_chart(list(rows_of(aged)), **options)
