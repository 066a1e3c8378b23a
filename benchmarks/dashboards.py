"""How long a choice in the dashboard takes to show, and whether anything piles up."""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
from ipywidgets.widgets.widget import _instances

from benchmarks.paired import Goal, Row, show
from pcnotebooks import Payload, dashboard
from tests.builders import body, detail, item

CURRENCIES = ("GBP", "CHF", "EUR", "USD", "JPY", "KWD", "AUD", "SEK", "NOK", "DKK")
_AS_OF = "as-of day, all 10 currencies and the charts of one"
_GOALS = {_AS_OF: Goal("alone", 50)}


def ten_currencies() -> Payload:
    """Return ten currencies, two invoice types each."""
    items = [
        item(code, None, detail("Recurring", 100.5 * place, currency=code),
             detail("OneTime", 40, currency=code))
        for place, code in enumerate(CURRENCIES, start=1)
    ]  # fmt: skip
    return Payload(body(*items), "global", "Contoso", datetime(2026, 1, 5, tzinfo=UTC))


def rows() -> Iterator[Row]:
    """Measure choices in the kernel, then what a thousand of them leave behind."""
    yield from _measure()


def _timed(choose: Callable[[], None]) -> float:
    """Return milliseconds until words and charts are there."""
    started = time.perf_counter()
    choose()
    return (time.perf_counter() - started) * 1000


def _measure() -> list[Row]:
    box = dashboard(payloads=ten_currencies())
    explorer = box._explorer
    currency, kind, as_of = explorer.currency, explorer.invoice_type, explorer.as_of
    labels = [label for label, _ in currency.options]
    explorer._rows.open_row(explorer._entries()[0].key)
    days = [date(2026, 1, 6) + timedelta(days=place) for place in range(60)]
    rows = []
    for name, control, field, values in (
        ("currency, back and forth", currency, "label", [*labels[1:], labels[0]] * 3),
        (_AS_OF, as_of, "value", days),
        ("invoice type, all 10 currencies", kind, "value", ["Recurring", "OneTime", None] * 7),
    ):
        taken = [_timed(lambda to=value: setattr(control, field, to)) for value in values]  # noqa: B023
        rows.append(Row(name, taken, goal=_GOALS.get(name)))
        if name in _GOALS:
            slow = statistics.quantiles(taken, n=20)[-1]
            rows.append(Row(f"{name}: p95", [slow], goal=Goal("alone", 100)))
    return [*rows, *_growth(explorer, labels)]


def _growth(explorer: Any, labels: list[str]) -> list[Row]:
    """Return what each five hundred changes more leave behind."""
    tracemalloc.start()
    grown = []
    for _ in range(3):
        for turn in range(500):
            explorer.currency.label = labels[turn % len(labels)]
        gc.collect()
        grown.append((tracemalloc.get_traced_memory()[0] / 1e6, len(_instances)))
    tracemalloc.stop()
    memory, widgets = (
        [after - before for before, after in pairwise(each)] for each in zip(*grown, strict=True)
    )
    return [
        Row("500 changes more: memory", memory, unit="MB"),
        Row("500 changes more: widgets", widgets, unit=""),
        Row("pyplot figures left", [len(plt.get_fignums())], unit=""),
    ]


if __name__ == "__main__":
    show(rows())
