"""Write a frame as a text table, as JSON or as CSV, to the terminal or a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcnotebooks.cli.printing import aligned, is_stdout, show, show_whole

if TYPE_CHECKING:
    import pandas as pd

AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON list of objects.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")]

_FORMS = {".json": "json", ".csv": "csv", ".txt": "table", "": "table"}


def form_of(*, json_: bool, csv_: bool, output: Path | None) -> str:
    """Return "json", "csv" or "table", from the options or the file name's extension."""
    if json_ and csv_:
        raise typer.BadParameter("give --json or --csv, not both.")
    ending = "" if output is None or is_stdout(output) else output.suffix.lower()
    if ending not in _FORMS:
        raise typer.BadParameter(
            f"{output} does not end in .json, .csv or .txt. The command report writes pages, PDFs"
            " and workbooks."
        )
    if json_:
        return "json"
    return "csv" if csv_ else _FORMS[ending]


def write(
    frame: pd.DataFrame,
    headings: Mapping[str, str],
    *,
    form: str,
    output: Path | None,
    notes: Sequence[str] = (),
    empty: str = "",
) -> None:
    """Write a frame, and print the path if it is written to a file.

    Parameters
    ----------
    frame
        Its index is not shown.
    headings
        The columns of the text table, and their headings. JSON and CSV have every column.
    form
        As `form_of` returns it.
    output
        The file; None or a hyphen for standard output.
    notes
        Sentences below the text table.
    empty
        The sentence shown in place of a table without rows.
    """
    text = _text(frame, headings, form=form, notes=notes, empty=empty)
    if output is None or is_stdout(output):
        show_whole(text)
        return
    from pcnotebooks.files import write_whole

    output.parent.mkdir(parents=True, exist_ok=True)
    # As in write_csv: without a byte order mark, Excel assumes the local code page.
    show(write_whole(output, text.encode("utf-8-sig" if form == "csv" else "utf-8")))


def _text(
    frame: pd.DataFrame,
    headings: Mapping[str, str],
    *,
    form: str,
    notes: Sequence[str],
    empty: str,
) -> str:
    if form == "csv":
        from pcnotebooks.report.spreadsheet import csv_of

        return csv_of(frame)
    if form == "json":
        return as_json(frame)
    lines = _table(frame, headings) if len(frame) else [empty]
    if notes and len(frame):
        lines += ["", *notes]
    return "".join(f"{line}\n" for line in lines)


def as_json(frame: pd.DataFrame) -> str:
    """Return a frame as a JSON list of objects, in ASCII; amounts are exact text."""
    from pcnotebooks.frame.selection import rows_of
    from pcnotebooks.report.spreadsheet import with_days

    names = [str(name) for name in frame.columns]
    rows = [
        dict(zip(names, (_value(value, getattr(row, "currency", "")) for value in row[1:]),
                 strict=True))
        for row in rows_of(with_days(frame))
    ]  # fmt: skip
    return f"{json.dumps(rows, indent=1)}\n"


def _value(value: Any, currency: str) -> Any:
    """Return a cell as a JSON value; null if missing."""
    import pandas as pd

    from pcnotebooks.amounts import plain_amount

    if pd.isna(value):
        return None
    if isinstance(value, float | Decimal):
        return plain_amount(value, currency)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, bool | int) else str(value)


def _table(frame: pd.DataFrame, headings: Mapping[str, str]) -> list[str]:
    """Return lines with a heading; numbers are aligned to the right."""
    from pcnotebooks.frame.selection import rows_of

    shown = frame[list(headings)]
    cells = [
        [_cell(value, getattr(row, "currency", "")) for value in row[1:]] for row in rows_of(shown)
    ]
    right = [
        place
        for place, name in enumerate(headings)
        if any(isinstance(value, float | int | Decimal) for value in shown[name].dropna().tolist())
        and shown[name].dtype != bool
    ]
    return aligned([list(headings.values()), *cells], right=right)


def _cell(value: Any, currency: str) -> str:
    import pandas as pd

    from pcnotebooks.amounts import format_number

    if pd.isna(value):
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float | Decimal):
        return format_number(value, currency)
    return f"{value:%Y-%m-%d}" if isinstance(value, date) else str(value)
