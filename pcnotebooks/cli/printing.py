"""What is printed: lines, tables and errors, made safe for a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

import typer

from pcnotebooks.errors import PcNotebooksError
from pcnotebooks.text import printable, shell_line

# As a shell says that a program was ended by the signal SIGPIPE.
_PIPE_CLOSED = 141


def show(text: object, *, err: bool = False) -> None:
    """Print one line, made safe: partners' names and the service's words come from outside."""
    try:
        typer.echo(shell_line(str(text)), err=err)
    except BrokenPipeError:
        _end_quietly()


def show_whole(content: str) -> None:
    """Print a whole file; into a pipe as the bytes of the file, whatever its code page."""
    try:
        if sys.stdout.isatty():
            typer.echo(printable(content.replace("\r\n", "\n")), nl=False)
        else:
            typer.echo(content.encode(), nl=False)
    except BrokenPipeError:
        _end_quietly()


def _end_quietly() -> None:
    """End as other programs do if their reader, such as head, has seen enough."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  for the last flush
    raise typer.Exit(_PIPE_CLOSED)


def say_error(error: PcNotebooksError | OSError, *, about: object = None) -> None:
    """Print what failed, then the remedy and the ids that support asks for, where known."""
    lines = [str(error) or type(error).__name__]
    if isinstance(error, PcNotebooksError):
        lines = [error.message, error.remedy or "", error.ids]
    elif error.errno is not None:  # str() would begin with [Errno 2]
        lines = [f"{error.filename or 'File'}: {error.strerror or error}"]
    lines[0] = f"Error: {f'{about}: ' if about else ''}{lines[0]}"
    for line in filter(None, lines):
        show(" ".join(line.split()), err=True)


def show_table(rows: Iterable[Iterable[object]], *, right: Collection[int] = ()) -> None:
    """Print rows with their columns aligned; those at the places `right` end at one line."""
    for line in aligned(rows, right=right):
        show(line)


def aligned(rows: Iterable[Iterable[object]], *, right: Collection[int] = ()) -> list[str]:
    """Return rows as lines with their columns aligned."""
    cells = [[shell_line(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    sides = [str.rjust if place in right else str.ljust for place in range(len(widths))]
    return [
        "  ".join(
            side(cell, width) for side, cell, width in zip(sides, row, widths, strict=True)
        ).rstrip()
        for row in cells
    ]


def is_stdout(output: Path | None) -> bool:
    """Return whether an output file is standard output, as a hyphen says."""
    return output is not None and str(output) == "-"
