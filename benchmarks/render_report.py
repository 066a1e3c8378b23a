"""How long a report takes once everything is imported, and how large it is.

Run by ``make bench``.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pcnotebooks import render_report, sample_history, sample_payload

RUNS = 9


def main() -> None:
    """Print the median, the shortest and the longest of some runs."""
    with tempfile.TemporaryDirectory() as folder:
        for name, payloads in (
            ("3 currencies", [sample_payload()]),
            ("6 currencies of 2 partners, 24 months", sample_history()),
        ):
            for suffix in (".html", ".pdf"):
                path = Path(folder) / f"report{suffix}"
                seconds = _seconds(lambda: render_report(payloads, path))  # noqa: B023 (called at once)
                print(
                    f"{name}, {suffix[1:]}: median {statistics.median(seconds):.2f} s,"
                    f" {min(seconds):.2f} to {max(seconds):.2f} s in {len(seconds)} runs,"
                    f" {path.stat().st_size / 1000:.0f} kB"
                )


def _seconds(render: Callable[[], object]) -> list[float]:
    render()  # imports, and caches that live as long as a process
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        render()
        seconds.append(time.perf_counter() - started)
    return seconds


if __name__ == "__main__":
    main()
