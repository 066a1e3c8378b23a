"""The final screen of a terminal: overwritten lines and commands are applied."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f"
_PART = re.compile(
    rf"(?P<words>[^\n{_CONTROLS}]+)"
    r"|(?:\x1b\[|\x9b)(?P<number>\d{0,3})[0-?]*[ -/]*(?P<command>[@-~])"
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\Z)"  # for example, the address of a link
    r"|[\x90\x98\x9d-\x9f][^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"  # the same as one character
    r"|\x1b[ -/]*[0-~]|.",
    re.DOTALL,
)


def joined(outputs: Iterable[Any]) -> list[Any]:
    """Return outputs with consecutive writes to a stream merged: a line may need several writes."""
    whole: list[Any] = []
    for name, run in groupby(outputs, key=lambda output: output.get("name", "")):
        if name:
            text = "".join(map("".join, (output["text"] for output in run)))
            whole.append({"output_type": "stream", "name": name, "text": text})
        else:
            whole.extend(run)
    return whole


def on_screen(text: str) -> str:
    """Return a text as it appears after carriage returns, backspaces and other commands."""
    if not re.search(f"[{_CONTROLS}]", text):
        return text
    lines: list[list[str]] = [[]]
    row = column = 0
    for part in _PART.finditer(text.replace("\r\n", "\n")):
        words = part["words"] or ""
        # A line with the single letter A is text, not the command A.
        command = "" if words else part["command"] or part[0]
        number = int(part["number"] or 0)
        line, steps = lines[row], number or 1
        if words:
            line.extend(" " * (column - len(line)))
            line[column : column + len(words)] = words
        elif command in {"J", "K"}:  # erase: 0 from here, 1 up to here, 2 all
            lines[row] = {0: line[:column], 1: [*" " * column, *line[column:]]}.get(number, [])
            lines = lines[: row + 1] if command == "J" else lines
        down, right = {
            "\n": (1, -column),
            "\r": (0, -column),
            "\b": (0, -1),
            "A": (-steps, 0),
            "B": (steps, 0),
            "C": (0, steps),
            "D": (0, -steps),
            "E": (steps, -column),
            "F": (-steps, -column),
            "G": (0, steps - 1 - column),
        }.get(command, (0, len(words)))
        row, column = max(row + down, 0), max(column + right, 0)
        lines.extend([] for _ in range(row + 1 - len(lines)))
    return "\n".join(map("".join, lines))
