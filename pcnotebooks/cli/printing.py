"""What is printed: lines, tables and errors, made safe for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from pcnotebooks.errors import PcNotebooksError
from pcnotebooks.text import shell_line


def show(text: object, *, err: bool = False) -> None:
    """Print one line, made safe: partners' names and the service's words come from outside."""
    typer.echo(shell_line(str(text)), err=err)


def say_error(error: PcNotebooksError | OSError, *, profile: str | None = None) -> None:
    """Print what failed, then the remedy and the ids that support asks for, where known."""
    lines = [str(error) or type(error).__name__]
    if isinstance(error, PcNotebooksError):
        lines = [error.message, error.remedy or "", error.ids]
    elif error.errno is not None:  # str() would begin with [Errno 2]
        lines = [f"{error.filename or 'File'}: {error.strerror or error}"]
    lines[0] = f"Error: {f'{profile}: ' if profile else ''}{lines[0]}"
    for line in filter(None, lines):
        show(" ".join(line.split()), err=True)


def show_table(rows: Iterable[Iterable[object]]) -> None:
    """Print rows with their columns aligned."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        show("  ".join(map(str.ljust, row, widths)).rstrip())
