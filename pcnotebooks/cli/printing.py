"""Print lines, tables and errors, made safe for a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from unicodedata import category, east_asian_width

import typer

from pcnotebooks.errors import PcNotebooksError
from pcnotebooks.text import printable, shell_line

# The exit code that a shell shows for a program ended by the signal SIGPIPE.
_PIPE_CLOSED = 141


def show(text: object, *, err: bool = False) -> None:
    """Print one line, made safe: partner names and the service's messages are foreign text."""
    try:
        typer.echo(shell_line(str(text)), err=err)
    except BrokenPipeError:
        _end_quietly()


def show_whole(content: str) -> None:
    """Print the content of a file: as UTF-8 into a pipe, made safe on a terminal."""
    try:
        if sys.stdout.isatty():
            typer.echo(printable(content.replace("\r\n", "\n")), nl=False)
        else:
            typer.echo(content.encode(), nl=False)
    except BrokenPipeError:
        _end_quietly()


def _end_quietly() -> None:
    """End as other programs do if the reader of a pipe, such as head, closes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the last flush
    raise typer.Exit(_PIPE_CLOSED)


def say_error(error: PcNotebooksError | OSError, *, about: object = None) -> None:
    """Print the error, then the remedy and the ids that support asks for, if known."""
    lines = [str(error) or type(error).__name__]
    if isinstance(error, PcNotebooksError):
        lines = [error.message, error.remedy or "", error.ids]
    elif error.errno is not None:  # str() would begin with [Errno 2]
        lines = [f"{error.filename or 'File'}: {error.strerror or error}"]
    lines[0] = f"Error: {f'{about}: ' if about else ''}{lines[0]}"
    for line in filter(None, lines):
        show(" ".join(line.split()), err=True)


def show_table(rows: Iterable[Iterable[object]], *, right: Collection[int] = ()) -> None:
    """Print rows as columns; those at the places `right` are aligned to the right."""
    for line in aligned(rows, right=right):
        show(line)


def aligned(rows: Iterable[Iterable[object]], *, right: Collection[int] = ()) -> list[str]:
    """Return rows as lines, in columns."""
    cells = [[shell_line(str(cell)) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        blanks = [" " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        padded = [
            blank + cell if place in right else cell + blank
            for place, (cell, blank) in enumerate(zip(row, blanks, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    return lines


def _width(text: str) -> int:
    """Return the width of a text in terminal columns; East Asian characters take two."""
    return sum(
        2 if east_asian_width(letter) in "WF" else not category(letter).startswith("M")
        for letter in text
    )


def is_stdout(output: Path | None) -> bool:
    """Return whether an output file is a hyphen, which means standard output."""
    return output is not None and str(output) == "-"
