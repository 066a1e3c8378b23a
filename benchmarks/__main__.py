"""Everything in one run: RESULTS.md, and its ratios as a chart."""

from __future__ import annotations

import os
import platform
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import (
    browser,
    dashboards,
    fetching,
    flattening,
    history,
    imports,
    peers,
    reports,
    shell,
    signing_in,
)
from benchmarks.chart import draw
from benchmarks.paired import Row, cells, show

_CHAPTERS = {
    "Imports, in fresh processes": imports,
    "From bytes to frames": flattening,
    "Report": reports,
    "Dashboard of 10 currencies, in the kernel": dashboards,
    "Dashboard of 10 currencies, in the browser": browser,
    "History": history,
    "Fetch, on loopback": fetching,
    "Commands, in fresh processes": shell,
    "Sign-in": signing_in,
}
_COLUMNS = ("what", "ours", "against", "theirs", "ours to theirs", "goal", "")
_REMARK = (
    "Ours and the peer were measured in turns, round by round. Shown are medians, in brackets the"
    " quartiles; the ratio is that of each round: below 1 ours is the quicker or the smaller."
)
_PACKAGES = ("pcnotebooks", "pandas", "msgspec", "matplotlib", "pyarrow", "polars", "nbconvert",
             "requests")  # fmt: skip


def main() -> None:
    """Measure chapter by chapter, then write."""
    started, head = time.monotonic(), _head()
    results: dict[str, list[Row]] = {}
    for chapter, module in _CHAPTERS.items():
        print(f"\n{chapter}", flush=True)
        results[chapter] = show(module.rows())
    minutes = (time.monotonic() - started) / 60
    folder = Path(__file__).parent
    (folder / "RESULTS.md").write_text(_written(results, f"{head} {minutes:.0f} minutes."), "utf-8")
    (folder / "results.svg").write_text(draw(results), "utf-8")
    missed = [row for rows in results.values() for row in rows if row.met is False]
    print(f"\n{minutes:.1f} minutes, {len(missed)} goals missed: {folder / 'RESULTS.md'}")


def _written(results: dict[str, list[Row]], head: str) -> str:
    lines = [
        "# Results of `make bench`",
        "",
        head,
        "",
        _REMARK,
        "",
        "![Ours to theirs, with the goals](results.svg)",
    ]
    for chapter, rows in results.items():
        lines += ["", f"## {chapter}", "", f"| {' | '.join(_COLUMNS)} |", "|---" * 7 + "|"]
        lines += [f"| {' | '.join(cells(row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def _head() -> str:
    """Return on what it was measured."""
    cores, load = os.cpu_count(), os.getloadavg()[0]
    ours = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    theirs = ", ".join(
        f"{name} {peers.version(name)}"
        for name in (*peers.NAMES, "pandas")
        if name == "pandas" or not peers.refusal(name)
    )
    return (
        f"{datetime.now(UTC):%d %B %Y}, {_processor()}, {cores} cores (load {load:.1f} at the"
        f" start), {platform.system()}, Python {platform.python_version()}; {ours}. Peers in an"
        f" environment of their own: {theirs}. The whole took"
    )


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
