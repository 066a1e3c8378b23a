"""How work grows with its input: exponents over three sizes, and memory in a process of its own.

``python -m benchmarks.growth FILE PREPARE CALL`` prints by how many megabytes a call grows it.
"""

from __future__ import annotations

import math
import pickle
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.paired import PYTHON, ROOT, Goal, Row

# 1 is linear, 0 flat.
_LINEAR = 1.15
_OF_MEMORY = "at a small size, a process uses memory again that its imports freed"


def exponents(name: str, sizes: Sequence[int], taken: Sequence[float], limit: str = "") -> Row:
    """Return by which power of its size a figure grows, from each size to the next."""
    steps = zip(pairwise(sizes), pairwise(taken), strict=True)
    return Row(
        f"{name}: exponent over {' to '.join(f'{size:,}' for size in sizes)}",
        [
            math.log(after / before) / math.log(large / small)
            for (small, large), (before, after) in steps
        ],
        goal=Goal("alone", _LINEAR, limit),
        unit="",
    )


def memory(
    name: str, sizes: Sequence[int], make: Callable[[int], object], prepare: str, call: str
) -> Iterator[Row]:
    """Measure the most memory that a call adds to a fresh process, at each size.

    Parameters
    ----------
    name, sizes
        Of the rows, and of what is given.
    make
        Returns what is given, of a size. Another process makes it: the memory that making takes
        would be used again, and not counted.
    prepare, call
        Source that finds it as `given`. What `prepare` imports is not counted.
    """
    taken = [grown(make(size), prepare, call) for size in sizes]
    yield Row(f"{name}: memory at {sizes[-1]:,}", taken[-1:], unit="MB")
    least = [max(each, 0.1) for each in taken]
    yield exponents(f"{name}: memory", sizes, least, _OF_MEMORY)


def grown(given: object, prepare: str, call: str) -> float:
    """Return by how many megabytes a process of its own grows at its peak."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "given.pickle"
        file.write_bytes(pickle.dumps(given))
        command = (PYTHON, "-m", "benchmarks.growth", str(file), prepare, call)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    return float(done.stdout.splitlines()[-1])


def _grow(file: str, prepare: str, call: str) -> None:
    names = {"given": pickle.loads(Path(file).read_bytes())}  # noqa: S301  (the bench's own)
    exec(prepare, names)  # noqa: S102  (likewise)
    before = _highest()
    exec(call, names)  # noqa: S102
    print(_highest() - before)


def _highest() -> float:
    """Return the most memory that this process has had, in megabytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage begins with the peak of the process that started this one
        return int(re.findall(r"VmHWM:\s+(\d+)", status.read_text("ascii"))[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    _grow(*sys.argv[1:])
