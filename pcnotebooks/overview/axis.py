"""Compute the range and the ticks of an axis, so that both pens draw the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, floor, log10
from typing import Generic, TypeVar

from pcnotebooks.amounts import format_tick, format_ticks_of_time

Place = TypeVar("Place", float, datetime)


@dataclass(frozen=True)
class Axis(Generic[Place]):
    """The range of an axis and its ticks with their labels."""

    first: Place
    last: Place
    ticks: tuple[tuple[Place, str], ...]


def amounts_axis(amounts: Sequence[float], locale: str) -> Axis[float]:
    """Return an axis that includes zero and all amounts; one unit long if all are zero."""
    low, high = min(0.0, *amounts), max(0.0, *amounts)
    high = high if high > low else low + 1
    ticks = ((tick, format_tick(tick, locale=locale)) for tick in _steps(low, high))
    return Axis(low, high, tuple(ticks))


def days_axis(span: tuple[datetime, datetime], locale: str) -> Axis[datetime]:
    """Return an axis of time from the first moment to the last."""
    first, last = span
    dates = _dates(first, last)
    words = format_ticks_of_time(dates, locale=locale)
    return Axis(first, last, tuple(zip(dates, words, strict=True)))


def spread(heights: Sequence[float], gap: float, top: float) -> list[float]:
    """Return ascending heights for labels, with a gap between them and none above the top."""
    found: list[float] = []
    for height in heights:
        found.append(max(height, found[-1] + gap) if found else height)
    for place in reversed(range(len(found))):
        found[place] = min(found[place], top)
        top = found[place] - gap
    return found


def _steps(low: float, high: float) -> list[float]:
    """Return at most five round numbers from low to high."""
    raw = (high - low) / 4
    power = 10.0 ** floor(log10(raw))
    step = next(size * power for size in (1, 2, 2.5, 5, 10, 20) if size * power >= raw * 0.999)
    return [place * step for place in range(ceil(low / step), floor(high / step) + 1)]


def _dates(first: datetime, last: datetime) -> list[datetime]:
    """Return about eight moments or fewer: the first of days, months or years.

    In UTC, as all days of this package: a day in matplotlib's default time zone would differ.
    """
    days = (last - first).total_seconds() / 86400
    if days < 2:
        return sorted({first, last})
    if days < 60:
        step = next(step for step in (1, 2, 7, 14) if days / step <= 8)
        start = first.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        every = (start + timedelta(days=place) for place in range(0, ceil(days), step))
        return [moment for moment in every if moment <= last]
    months = [1, 2, 3, 6, *(12 * years for years in (1, 2, 5, 10, 20, 50, 100, 1000))]
    step = next(step for step in months if days / 30.4 / step <= 8)
    found = []
    for month in range(ceil((12 * first.year + first.month) / step) * step, 12 * 9999, step):
        moment = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        if moment > last:
            break
        if moment >= first:
            found.append(moment)
    return found
