"""How long a choice in the dashboard takes to show, and whether anything piles up."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
from ipywidgets.widgets.widget import _instances

from pcnotebooks import Payload, dashboard
from tests.builders import body, detail, item

CURRENCIES = ("GBP", "CHF", "EUR", "USD", "JPY", "KWD", "AUD", "SEK", "NOK", "DKK")


def _payload() -> Payload:
    """Return ten currencies, two invoice types each."""
    items = [
        item(code, None, detail("Recurring", 100.5 * place, currency=code),
             detail("OneTime", 40, currency=code))
        for place, code in enumerate(CURRENCIES, start=1)
    ]  # fmt: skip
    return Payload(body(*items), "global", "Contoso", datetime(2026, 1, 5, tzinfo=UTC))


async def _timed(explorer: Any, choose: Callable[[], None]) -> tuple[float, float]:
    """Return milliseconds until the words are there, and until the last chart is."""
    started = time.perf_counter()
    choose()
    words = time.perf_counter()
    if explorer._drawing:
        await explorer._drawing
    return (words - started) * 1000, (time.perf_counter() - started) * 1000


def _told(name: str, taken: list[tuple[float, float]]) -> None:
    cells = []
    for times in zip(*taken, strict=True):
        p95 = statistics.quantiles(times, n=20)[-1]
        cells.append(f"p50 {statistics.median(times):6.1f} ms, p95 {p95:6.1f} ms")
    print(f"{name:<34} words {cells[0]}; charts {cells[1]}")


async def _measure() -> None:
    box = dashboard(payloads=_payload())
    explorer = box._explorer
    currency, kind, as_of = explorer.currency, explorer.invoice_type, explorer.as_of
    labels = [label for label, _ in currency.options]
    await explorer._drawing

    async def each(name: str, control: Any, field: str, values: list[Any]) -> None:
        taken = [
            await _timed(explorer, lambda value=value: setattr(control, field, value))
            for value in values
        ]
        _told(name, taken)

    print(f"dashboard of {len(CURRENCIES)} currencies, a choice to its picture in the kernel:")
    await each("currency, back and forth", currency, "label", [*labels[1:], "All"] * 3)
    days = [date(2026, 1, 6) + timedelta(days=place) for place in range(20)]
    await each("as-of day, all currencies", as_of, "value", days)
    await each("invoice type, all currencies", kind, "label", ["Recurring", "OneTime", "All"] * 7)

    tracemalloc.start()
    grown = []
    for _ in range(3):
        for turn in range(500):
            currency.label = labels[turn % len(labels)]
            if explorer._drawing:
                await explorer._drawing
        gc.collect()
        grown.append((tracemalloc.get_traced_memory()[0] / 1024, len(_instances)))
    memory, widgets = (
        [after - before for before, after in pairwise(each)] for each in zip(*grown, strict=True)
    )
    print(
        f"each 500 changes more: {', '.join(f'{each:+.0f} KiB' for each in memory)};"
        f" {', '.join(f'{each:+d} widgets' for each in widgets)};"
        f" {len(plt.get_fignums())} pyplot figures"
    )


if __name__ == "__main__":
    asyncio.run(_measure())
