"""Write payloads and frames as an Excel workbook that opens with a summary."""

from __future__ import annotations

import io
import os
import re
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from pcnotebooks import __version__
from pcnotebooks.amounts import format_number, minor_units, to_decimal
from pcnotebooks.clouds import SAMPLE
from pcnotebooks.errors import needing_libraries
from pcnotebooks.files import write_whole
from pcnotebooks.frame.ageing import ageing_by_currency
from pcnotebooks.frame.selection import AsOf, rows_of
from pcnotebooks.overview.build import latest_rows, overview
from pcnotebooks.overview.model import Overview
from pcnotebooks.payload.payload import Payload
from pcnotebooks.report.spreadsheet import (
    frames_alone,
    with_days,
    with_source,
)
from pcnotebooks.report.titles import sheet_of, title_of

# Control characters that XML 1.0 cannot represent.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# Excel decodes _x0041_ as one letter, unless its first underscore is encoded in the same way.
_READ_AS_A_LETTER = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_EXCEL_DIGITS, _WHOLE = 15, Context(prec=100)
_FIRST_EXCEL_YEAR = 1901  # Excel counts days from 1900, and counts the days of 1900 wrongly
_WIDEST = 72  # characters: a sha256 fits
_ATTENTION = {"bold": True, "color": "A4262C"}
_DAY, _MOMENT = "d mmm yyyy", "d mmm yyyy hh:mm"


def write_excel(
    path: str | os.PathLike[str],
    *payloads: Payload | pd.DataFrame,
    as_of: AsOf | None = None,
    terms_days: int = 60,
) -> Path:
    """Write payloads or frames as an Excel workbook; return its path.

    Parameters
    ----------
    path
        The file to write, such as ``"balances.xlsx"``. Its folder must exist.
    *payloads
        One payload or several, of any partners, clouds and times. Or frames of this package, each
        of which is written unchanged as a sheet. (``frame.to_excel()`` fails, because pandas
        cannot write times with a time zone.)
    as_of, terms_days
        As for :func:`write_csv`.

    Returns
    -------
    Path
        The path of a workbook that opens with a summary: sentences and a row for each account. Its
        other sheets are totals (:func:`totals_frame`), details (:func:`summary_frame`), recency
        (:func:`payment_recency`), reconciliation (:func:`reconcile`) and provenance. Earlier
        payloads add changes (:func:`balance_changes`); a list of invoices adds invoices
        (:func:`invoice_ageing`) and ageing (:func:`ageing_by_currency`). Each sheet has one row of
        titles, so that filters, formulas and pivot tables work. The last sheet, columns, gives the
        name of each column in its frame.

        Amounts are numbers with the currency's decimals, and credits are in parentheses. Dates are
        Excel dates, in UTC. An amount of more than 15 digits, which Excel would round, is text. The
        same payloads and options give the same bytes.

    Raises
    ------
    ConfigurationError
        If there is no payload, openpyxl is not installed, `as_of` or `terms_days` is invalid, or
        frames are combined with payloads or `as_of`.
    PayloadError
        If a body does not have the form of the service's answers.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pcnotebooks import sample_payload
    >>> path = write_excel(f"{tempfile.mkdtemp()}/sample.xlsx", sample_payload())
    >>> pd.read_excel(path, "totals")["Balance owed, in currency"].tolist()
    [1230.33, 1001.12, 751094.39]
    """
    frames = frames_alone(payloads, as_of=as_of)
    if frames:
        return _write_frames(frames, path)
    given = [each for each in payloads if not isinstance(each, pd.DataFrame)]
    return write_workbook(overview(given, as_of=as_of, terms_days=terms_days), path)


def write_workbook(shown: Overview, path: str | os.PathLike[str]) -> Path:
    """Write an overview as :func:`write_excel` does."""
    workbook, given = _empty(), shown.payloads
    sample = any(each.is_sample for each in given)
    frames = {
        "totals": with_source(shown.frames.history),
        "details": with_source(shown.frames.summaries),
        "recency": with_source(latest_rows(shown)),
        "reconciliation": with_source(shown.frames.differences),
    }
    if shown.earlier:
        frames["changes"] = with_source(shown.frames.changes)
    if shown.lists:
        frames |= {
            "invoices": with_source(with_days(shown.frames.invoices)),
            "ageing": ageing_by_currency(shown.frames.invoices).reset_index(),
        }
    frames["provenance"] = _provenance(given)
    _summarize(workbook.create_sheet("summary"), shown, sample=sample)
    _fill_all(workbook, frames, sample=sample)
    _add_notes(workbook["provenance"], shown)
    return _save(workbook, path, max(each.retrieved_at for each in given))


def _write_frames(frames: Sequence[pd.DataFrame], path: str | os.PathLike[str]) -> Path:
    """Write frames as sheets, with the same names as in the workbook of payloads."""
    sheets: dict[str, pd.DataFrame] = {}
    moments = [datetime(1980, 1, 1, tzinfo=UTC)]
    sample = False
    for frame in frames:
        rows = with_days(frame if frame.index.name is None else frame.reset_index())
        kind = sheet_of(rows.columns)
        same = sum(name.split(" (")[0] == kind for name in sheets)
        if "cloud" in rows:
            rows = with_source(rows)
            sample = sample or SAMPLE.label in set(rows["source"])
        if "retrieved_at" in rows and len(rows):
            moments.append(max(rows["retrieved_at"]))
        sheets[f"{kind} ({same + 1})" if same else kind] = rows
    workbook = _empty()
    _fill_all(workbook, sheets, sample=sample)
    return _save(workbook, path, max(moments))


def _empty() -> Any:
    """Return a workbook without sheets."""
    with needing_libraries("write_excel"):
        import openpyxl  # noqa: PLC0415  (an extra)
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    return workbook


def _fill_all(workbook: Any, frames: Mapping[str, pd.DataFrame], *, sample: bool) -> None:
    """Write each frame as a sheet, and then a sheet with the names of their columns."""
    names = [
        (sheet, title_of(name), str(name)) for sheet, frame in frames.items() for name in frame
    ]
    columns = pd.DataFrame(names, columns=["Sheet", "Title", "Name in Python and CSV"])
    for name, frame in (*frames.items(), ("columns", columns)):
        _fill(workbook.create_sheet(name), frame, sample=sample)


def _save(workbook: Any, path: str | os.PathLike[str], at: datetime) -> Path:
    try:
        content = _xlsx(workbook, at)
    except OSError as error:  # openpyxl first writes each sheet to a temporary file
        reason = f"{error.strerror}, while writing temporary files in {tempfile.gettempdir()}"
        raise OSError(error.errno, reason, os.fspath(path)) from None
    return write_whole(path, content)


def _head(shown: Overview, *, sample: bool) -> list[tuple[str, dict[str, Any]]]:
    """Return the lines above the table, each with its font."""
    head: list[tuple[str, dict[str, Any]]] = [
        ("Balance owed to Microsoft", {"size": 16, "bold": True})
    ]
    if sample:
        head.append((f"{SAMPLE.label}, not an account", {"bold": True, "color": "5B4B00"}))
    head.append((f"As of {shown.days}; retrieved {shown.retrieved} (UTC)", {}))
    for notice in shown.notices:
        sign = "\N{BLACK UP-POINTING TRIANGLE} " if notice.attention else ""
        head.append((sign + notice.words, _ATTENTION if notice.attention else {}))
    return head


def _summarize(sheet: Any, shown: Overview, *, sample: bool) -> None:
    """Write the overview: notices, a row for each account, and sentences."""
    from openpyxl.styles import Alignment, Font  # noqa: PLC0415

    titles = ("Currency", "Partner", "Balance owed, in currency", "Overdue, in currency",
              "Overdue since", "Next due", "Due then, in currency", "Change, in currency",
              "Changed since", "Questions")  # fmt: skip
    head = _head(shown, sample=sample)
    for number, (words, look) in enumerate(head, start=1):
        cell = sheet.cell(number, 1)
        _write(cell, words, "")
        cell.font = Font(name="Calibri", **look)
    top = len(head) + 2
    for place, title in enumerate(titles, start=1):
        sheet.cell(top, place, title)
    number, widths = top, [len(title) + 3 for title in titles]
    for section in shown.ranked:
        for account in section.ranked:
            number += 1
            seen = account.glance
            values = (
                section.currency, account.name, account.balance, seen.overdue_amount or None,
                seen.overdue_since, seen.due, seen.due_amount, seen.change_amount,
                seen.changed_since, ", ".join(seen.questions),
            )  # fmt: skip
            for place, value in enumerate(values):
                cell = sheet.cell(number, place + 1)
                words = _write(cell, value, section.currency)
                widths[place] = max(widths[place], min(len(words) + 2, 40))
            if seen.overdue:
                sheet.cell(number, 4).font = Font(name="Calibri", **_ATTENTION)
    _style_header(sheet, top)
    for place, title in enumerate(titles, start=1):
        if "currency" in title or title == "Next due":
            sheet.cell(top, place).alignment = Alignment(horizontal="right")
    sheet.freeze_panes = f"A{top + 1}"
    sheet.auto_filter.ref = f"A{top}:{sheet.cell(max(number, top), len(titles)).coordinate}"
    sentences = [
        f"{account.owner}: {account.sentence}" if len(shown.sources) > 1 else account.sentence
        for section in shown.ranked
        for account in section.ranked
    ]
    for offset, words in enumerate((*sentences, *shown.notes), start=number + 2):
        _write(sheet.cell(offset, 1), words, "")
    _set_up(sheet, widths, sample=sample)
    sheet.print_title_rows = f"{top}:{top}"


def _provenance(payloads: Sequence[Payload]) -> pd.DataFrame:
    facts = ("partner", "cloud", "retrieved_at", "request_id", "correlation_id", "sha256")
    records = [[getattr(payload, fact) for fact in facts] for payload in payloads]
    frame = pd.DataFrame(records, columns=list(facts), dtype=object)
    return with_source(frame.sort_values(list(facts[:3]), kind="stable"))


def _fill(sheet: Any, frame: pd.DataFrame, *, sample: bool) -> None:
    """Write a frame as a table with a frozen row of titles and filters."""
    from openpyxl.styles import Alignment, Font, PatternFill  # noqa: PLC0415

    titles = [title_of(name) for name in frame.columns]
    widths = [len(title) + 3 for title in titles]  # the filter button covers three
    for place, title in enumerate(titles, start=1):
        _write(sheet.cell(1, place), title, "")
    for number, row in enumerate(rows_of(frame), start=2):
        for place, value in enumerate(row[1:]):
            cell = sheet.cell(number, place + 1)
            shown = _write(cell, value, getattr(row, "currency", ""))
            if cell.is_date and str(frame.columns[place]).endswith("retrieved_at"):
                cell.number_format = shown = _MOMENT
            widths[place] = max(widths[place], min(len(shown) + 2, _WIDEST))
            if cell.data_type != "s" and shown:  # the title of a number is above it
                sheet.cell(1, place + 1).alignment = Alignment(horizontal="right")
    _style_header(sheet, 1)
    for (cell,) in sheet.iter_rows(2, max_col=1):
        if cell.value == SAMPLE.label:
            cell.font = Font(name="Calibri", size=11, bold=True, color="5B4B00")
            cell.fill = PatternFill("solid", "FFF4CE")
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    _set_up(sheet, widths, sample=sample)
    sheet.print_title_rows = "1:1"


def _style_header(sheet: Any, number: int) -> None:
    from openpyxl.styles import Border, Font, PatternFill, Side  # noqa: PLC0415

    for cell in sheet[number]:
        cell.font = Font(name="Calibri", size=11, bold=True)
        cell.fill = PatternFill("solid", "E2ECF6")
        cell.border = Border(bottom=Side("thin", "5A5F66"))


def _set_up(sheet: Any, widths: Sequence[int], *, sample: bool) -> None:
    """Set the widths of columns, and how the sheet is printed."""
    from openpyxl.utils import get_column_letter  # noqa: PLC0415
    from openpyxl.worksheet.properties import PageSetupProperties  # noqa: PLC0415

    for place, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = width
    sheet.page_setup.orientation, sheet.page_setup.fitToHeight = "landscape", 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.oddFooter.center.text = "&A, page &P of &N"
    if sample:
        sheet.oddHeader.center.text = f"{SAMPLE.label}, not an account"
        sheet.sheet_properties.tabColor = "FFD75E"


def _write(cell: Any, value: Any, currency: str) -> str:
    """Write a value with its type, never as a formula; return roughly the text of the cell."""
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        value = to_decimal(value).normalize(_WHOLE)  # its shortest form is as the service stated it
    if isinstance(value, Decimal):
        decimals = _decimals(value, currency)
        shown = format_number(value, currency)
        if len(value.normalize(_WHOLE).as_tuple().digits) <= _EXCEL_DIGITS:
            form = f"#,##0{'.' if decimals else ''}{'0' * decimals}"
            cell.value, cell.number_format = value, f"{form}_);({form})"
            return shown
        value = f"{value:f}"
    elif isinstance(value, date) and value.year >= _FIRST_EXCEL_YEAR:
        # Excel has no time zones, and rounds the last microseconds of a day to the next day.
        if isinstance(value, datetime):
            moment = value if value.tzinfo is None else value.astimezone(UTC)
            value = moment.replace(tzinfo=None, microsecond=0)
        cell.value = value
        cell.number_format = _DAY
        return _DAY
    elif not isinstance(value, str | date):
        cell.value = value
        return str(value)
    text = _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", str(value))
    cell.value = _READ_AS_A_LETTER.sub("_x005F_", text)
    cell.data_type, cell.number_format = "s", "@"  # text, also after an edit
    return text


def _decimals(amount: Decimal, currency: str) -> int:
    """Return the number of the currency's decimals, or more if the amount has more."""
    exponent = amount.as_tuple().exponent
    return max(minor_units(currency), -exponent if isinstance(exponent, int) else 0)


def _add_notes(sheet: Any, shown: Overview) -> None:
    """Add notes below the table: how to read the sheets, missing data and assumptions."""
    versions = f"pcnotebooks {__version__}, pandas {pd.__version__}"
    sheet.append([])
    for note in (
        "Balances are the amounts owed to Microsoft; amounts in parentheses are credits.",
        "Never add amounts of different currencies, or balances of different retrieved_at.",
        "Totals, details and changes cover every payload.",
        "Recency and reconciliation cover the latest payload of each partner and cloud.",
        f"Due dates are the latest invoice's date plus {shown.terms_days} days. All times are UTC.",
        *shown.notes,
        *shown.assumptions,
        f"Made with {versions}.",
    ):
        sheet.append([note])


def _xlsx(workbook: Any, at: datetime) -> bytes:
    """Return the bytes of the workbook with a fixed time instead of the current one."""
    from openpyxl.writer.excel import ExcelWriter  # noqa: PLC0415

    facts = workbook.properties
    facts.creator = facts.title = "pcnotebooks"
    facts.created = facts.modified = at.replace(tzinfo=None, microsecond=0)
    written, equal = io.BytesIO(), io.BytesIO()
    ExcelWriter(workbook, zipfile.ZipFile(written, "w")).save()
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(equal, "w") as target:
        for name in source.namelist():
            entry = zipfile.ZipInfo(name)  # dated 1980, the first year of zip files
            target.writestr(entry, source.read(name), zipfile.ZIP_DEFLATED)
    return equal.getvalue()
