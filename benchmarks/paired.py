"""Two ways to one end, measured in turns: a busy machine is as hard on the one as the other."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PYTHON = sys.executable
_TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Goal:
    """What a figure should be: at most `bound`.

    `kind` says of what: "ratio" of ours to theirs, "more" than theirs, or "alone". `limit` is what
    keeps ours from less, as profiles show; it is told where the goal is missed.
    """

    kind: str
    bound: float
    limit: str = ""


@dataclass(frozen=True)
class Row:
    """A figure of ours beside a peer's, each round a pair; without a peer, ours alone.

    Times are in milliseconds, memory and files in megabytes; without `unit` it is a plain number.
    """

    name: str
    ours: Sequence[float]
    peer: str = ""
    theirs: Sequence[float] = ()
    goal: Goal | None = None
    unit: str = "ms"
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """Ours to theirs, round by round; none where there is no peer, or nothing to compare."""
        if not self.theirs or 0 in (*self.ours, *self.theirs):
            return []
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def goal_ratio(self) -> float | None:
        """The goal on the axis of ratios."""
        if self.goal is None or not self.theirs:
            return None
        theirs = statistics.median(self.theirs)
        return {
            "ratio": self.goal.bound,
            "more": 1 + self.goal.bound / theirs,
            "alone": self.goal.bound / theirs,
        }[self.goal.kind]

    @property
    def reached(self) -> float | None:
        """The median of what the goal is about."""
        if self.goal is None or not self.ours:
            return None
        if self.goal.kind == "alone":
            return statistics.median(self.ours)
        if self.goal.kind == "ratio":
            return statistics.median(self.ratios)
        return statistics.median(
            ours - theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)
        )

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        return (
            None if self.goal is None or self.reached is None else self.reached <= self.goal.bound
        )


def paired(
    name: str,
    ours: Callable[[], object],
    peer: str,
    theirs: Callable[[], object],
    *,
    goal: Goal | None = None,
    rounds: int = 9,
    calls: int = 1,
    unit: str = "ms",
    measure: Callable[[Callable[[], Any], int], float] | None = None,
) -> Row:
    """Measure ours and theirs in turns, round by round."""
    measure = measure or milliseconds
    ways = (ours, theirs)
    for way in ways:
        way()  # imports, and what is read from the disk for the first time
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(_few(rounds)):
        # Neither always comes first, after whatever the other leaves behind.
        for which in (0, 1) if turn % 2 else (1, 0):
            taken[which].append(measure(ways[which], calls))
    return Row(name, taken[0], peer, taken[1], goal, unit)


def alone(
    name: str,
    call: Callable[[], object],
    *,
    goal: Goal | None = None,
    rounds: int = 9,
    calls: int = 1,
) -> Row:
    """Measure what has no peer."""
    call()
    return Row(name, [milliseconds(call, calls) for _ in range(_few(rounds))], goal=goal)


def _few(rounds: int) -> int:
    """Return as many rounds as BENCH_ROUNDS allows: with 1 the bench is only tried out."""
    return min(rounds, int(os.environ.get("BENCH_ROUNDS", rounds)))


def milliseconds(call: Callable[[], object], calls: int = 1) -> float:
    """Return how long a call takes, the mean of some where one is too short to tell."""
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) * 1000 / calls


def process(*command: str | Path, **environment: str) -> Callable[[], None]:
    """Return a call that runs a program to its end, in silence unless it fails."""

    def run() -> None:
        done = subprocess.run(
            command, cwd=ROOT, env=usual() | environment, capture_output=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{command} failed:\n{done.stderr.decode()}")

    return run


def usual() -> dict[str, str]:
    """Return the environment of a process that finds its modules compiled, as any but the first.

    A machine may be set to keep no bytecode, for tests: an import then takes twice as long.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(ROOT / ".bench" / "bytecode")}


def code(source: str, python: str | Path = PYTHON, **environment: str) -> Callable[[], None]:
    """Return a call that runs Python source in a fresh process."""
    return process(python, "-c", source, **environment)


def show(rows: Iterable[Row]) -> list[Row]:
    """Print rows as they come, and return them."""
    shown = []
    for row in rows:
        print("  " + "  ".join(filter(None, cells(row))), flush=True)
        shown.append(row)
    return shown


def cells(row: Row) -> list[str]:
    """Return a row in words: what, ours, against, theirs, ratio, goal, whether it is met."""
    ratio = _spread(row.ratios, _TIMES) if row.ratios else ""
    met = {True: "met", False: "**missed**", None: ""}[row.met]
    if row.met is False and row.goal and row.goal.limit:
        met += f": {row.goal.limit}"
    return [
        row.name,
        _spread(row.ours, row.unit) + _tail(row) if row.ours else row.note,
        row.peer,
        _number(statistics.median(row.theirs), row.unit) if row.theirs else "",
        ratio,
        _goal(row),
        met,
    ]


def _spread(values: Sequence[float], unit: str) -> str:
    if len(values) < 2:
        return _number(values[0], unit)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{_number(middle, unit)} ({_number(low, '')} to {_number(high, '')})"


def _tail(row: Row) -> str:
    """Return how long the slowest of many waits of a user are."""
    if row.theirs or len(row.ours) < 20:
        return ""
    return f", p95 {_number(statistics.quantiles(row.ours, n=20)[-1], '')}"


def _goal(row: Row) -> str:
    if row.goal is None:
        return ""
    bound, reached = row.goal.bound, row.reached
    if row.goal.kind == "more":
        told = f": {_number(reached, '')}" if reached is not None else ""
        return f"≤ {bound:.3g} {row.unit} more{told}"
    return f"≤ {bound:.3g} {_TIMES if row.goal.kind == 'ratio' else row.unit}".rstrip()


def _number(value: float, unit: str) -> str:
    if value == round(value) and not unit:
        return f"{value:,.0f}"
    digits = 3 if abs(value) < 0.1 else 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    text = f"{value:,.{digits}f}"
    return f"{text} {unit}" if unit else text
