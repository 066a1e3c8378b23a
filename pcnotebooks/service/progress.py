"""Show the progress of several calls in a notebook or a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable

from pcnotebooks.text import one_line


def say_in_notebook(text: str) -> None:
    """Print a line in a notebook; a script has its log."""
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        print(one_line(text, 400), file=sys.stderr)  # noqa: T201  the cell would seem to hang


def shown_progress(total: int) -> Callable[[int], None] | None:
    """Return a function that shows how many are done: a bar in a notebook, a line in a terminal.

    None if there is no place to show it.
    """
    if "IPython" in sys.modules:
        from IPython import get_ipython  # noqa: PLC0415  a notebook has it, a script need not
        from IPython.display import ProgressBar  # noqa: PLC0415

        if get_ipython() is not None:
            bar = ProgressBar(total)
            bar.display()
            return lambda done: setattr(bar, "progress", done)
    if not sys.stderr.isatty():
        return None

    def line(done: int) -> None:
        end = "\n" if done == total else ""
        print(f"\r{done} of {total} fetched", end=end, file=sys.stderr, flush=True)  # noqa: T201

    return line
