"""Payloads as files for a spreadsheet: CSV and Excel, with the figures of the frames."""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from pcnotebooks import __version__
from pcnotebooks.amounts import format_number, minor_units, plain_amount
from pcnotebooks.clouds import SAMPLE, cloud_label
from pcnotebooks.errors import ConfigurationError, needing_libraries
from pcnotebooks.files import write_whole
from pcnotebooks.frame.ageing import ageing_by_currency
from pcnotebooks.frame.selection import AsOf, rows_of
from pcnotebooks.overview.build import every_row, latest_rows, overview
from pcnotebooks.overview.model import Overview
from pcnotebooks.payload.payload import Payload

# A text that begins so is a formula to a spreadsheet; in full width too, to some. In countries
# with a decimal comma the cells of a CSV file end at semicolons, where others end at tabs: there,
# as in a new line, quotes that are doubled for commas are an empty pair in front of the text.
_FORMULA = re.compile(
    r"(?:^|[;\t\r\n])(?=(?:[^\S\t\r\n]|\")*[=+\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r\n])"
)
# Control characters that XML 1.0 has no way to write.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# Excel reads these seven characters as one, unless the first of them is written in that way.
_READ_AS_A_LETTER = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_EXCEL_DIGITS, _WHOLE = 15, Context(prec=100)
_FIRST_EXCEL_YEAR = 1901  # Excel counts days from 1900, and that year's wrongly
_WIDEST = 72  # characters: a sha256 fits
_DAY, _MOMENT = "d mmm yyyy", "d mmm yyyy hh:mm"


def csv_text(
    *payloads: Payload | pd.DataFrame, as_of: AsOf | None = None, terms_days: int = 60
) -> str:
    r"""Return what :func:`write_csv` writes, without the byte order mark.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> csv_text(sample_payload()).splitlines()[1][:52]
    'Sample data,Contoso (sample),sample,CHF,CHF,OneTime,'
    """
    frames = [each for each in payloads if isinstance(each, pd.DataFrame)]
    if frames and (len(payloads) > 1 or as_of is not None):
        raise ConfigurationError(
            "A frame is written as it is: alone, and without as_of.",
            remedy="Write one file for each frame; age it before, as in"
            " write_csv(path, invoice_ageing(frame, as_of=...)).",
        )
    if frames:
        return csv_of(frames[0])
    given = [each for each in payloads if not isinstance(each, pd.DataFrame)]
    shown = overview(given, as_of=as_of, terms_days=terms_days)
    return csv_of(every_row(shown) if shown.balances else shown.frames.invoices)


def csv_of(rows: pd.DataFrame) -> str:
    """Return a frame as CSV; an index that has a name becomes a column."""
    text = io.StringIO()
    writer = csv.writer(text)
    frame = with_days(rows if rows.index.name is None else rows.reset_index())
    if "cloud" in frame:
        frame = _with_source(frame)
    writer.writerow([_csv_cell(name, "") for name in frame.columns])
    for row in rows_of(frame):
        currency = getattr(row, "currency", "")
        writer.writerow([_csv_cell(value, currency) for value in row[1:]])
    return text.getvalue()


def with_days(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with its due dates as calendar dates: they have no time."""
    moments = [
        name
        for name in ("due_date", "invoice_due_date")
        if name in frame and isinstance(frame[name].dtype, pd.DatetimeTZDtype)
    ]
    return frame.assign(**{name: frame[name].dt.date for name in moments})


def write_csv(
    path: str | os.PathLike[str],
    *payloads: Payload | pd.DataFrame,
    as_of: AsOf | None = None,
    terms_days: int = 60,
) -> Path:
    """Write payloads or a frame as a CSV file for spreadsheets and programs; return its path.

    Parameters
    ----------
    path
        File to write; its folder exists.
    *payloads
        One payload or several, of any partners, clouds and times. Or one frame of this
        package, which is written column by column: ``invoice_ageing(invoice_frame(payload))``
        for the invoices, ``ageing_by_currency(...)`` for their sums.
    as_of
        Day from which the latest payload's days are counted, in UTC; when it was retrieved
        unless given. Earlier payloads' are counted from when they were.
    terms_days
        Payment terms in days from the invoice date.

    Returns
    -------
    Path
        UTF-8 with a byte order mark, commas, one row per partner, cloud, currency, invoice type
        and ``retrieved_at``. The columns are those of :func:`payment_recency`, with ``source``
        (the cloud in words; "Sample data") in front and ``as_of`` behind ``retrieved_at``.
        Of lists of invoices alone: one row per invoice, with the columns of
        :func:`invoice_ageing`.
        Amounts are exact, with a decimal point; moments are ISO 8601 in UTC, due and as-of days
        calendar dates; missing is empty. A text that a spreadsheet would take for a formula
        gets an apostrophe in front.

    Raises
    ------
    ConfigurationError
        Without any payload, for an `as_of` or terms that cannot be, or for a frame that is not
        the only argument.
    PayloadError
        For a body that is not what the service states invoice summaries in.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pcnotebooks import sample_payload
    >>> path = write_csv(f"{tempfile.mkdtemp()}/sample.csv", sample_payload())
    >>> pd.read_csv(path)["balance_amount"].tolist()
    [1230.33, 1001.12, 202955.87, 548138.52]
    """
    text = csv_text(*payloads, as_of=as_of, terms_days=terms_days)
    return write_whole(path, text.encode("utf-8-sig"))


def write_excel(
    path: str | os.PathLike[str],
    *payloads: Payload,
    as_of: AsOf | None = None,
    terms_days: int = 60,
) -> Path:
    """Write payloads as an Excel workbook; return its path.

    Parameters
    ----------
    path
        File to write, such as ``"balances.xlsx"``; its folder exists.
    *payloads, as_of, terms_days
        As for :func:`write_csv`.

    Returns
    -------
    Path
        A workbook with the sheets totals (:func:`totals_frame`), details
        (:func:`summary_frame`), recency (:func:`payment_recency`), reconciliation
        (:func:`reconcile`) and provenance; with a list of invoices also invoices
        (:func:`invoice_ageing`) and ageing (:func:`ageing_by_currency`). Amounts are numbers in
        the currency's own decimals, credits in parentheses; dates are dates, in UTC. The same
        payloads and options give the same bytes. An amount of more than 15 digits, which Excel
        would round, is text.

    Raises
    ------
    ConfigurationError
        Without any payload or without openpyxl, or for an `as_of` or terms that cannot be.
    PayloadError
        For a body that is not what the service states invoice summaries in.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pcnotebooks import sample_payload
    >>> path = write_excel(f"{tempfile.mkdtemp()}/sample.xlsx", sample_payload())
    >>> pd.read_excel(path, "totals")["balance_amount"].tolist()
    [1230.33, 1001.12, 751094.39]
    """
    return write_workbook(overview(payloads, as_of=as_of, terms_days=terms_days), path)


def write_workbook(shown: Overview, path: str | os.PathLike[str]) -> Path:
    """Write an overview as :func:`write_excel` does."""
    with needing_libraries("write_excel"):
        import openpyxl  # noqa: PLC0415  (an extra)
    given = shown.payloads
    frames = {
        "totals": _with_source(shown.frames.history),
        "details": _with_source(shown.frames.summaries),
        "recency": _with_source(latest_rows(shown)),
        "reconciliation": _with_source(shown.frames.differences),
        "provenance": _provenance(given),
    }
    if shown.lists:
        frames |= {
            "invoices": _with_source(with_days(shown.frames.invoices)),
            "ageing": ageing_by_currency(shown.frames.invoices).reset_index(),
        }
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, frame in frames.items():
        _fill(workbook.create_sheet(name), frame, sample=any(each.is_sample for each in given))
    _add_notes(workbook["provenance"], shown)
    try:
        content = _xlsx(workbook, max(each.retrieved_at for each in given))
    except OSError as error:  # openpyxl writes each sheet aside, in the folder for such files
        reason = f"{error.strerror}, while it was made in {tempfile.gettempdir()}"
        raise OSError(error.errno, reason, os.fspath(path)) from None
    return write_whole(path, content)


def _with_source(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with the cloud in words in front, or that it is sample data."""
    labels = [cloud_label(str(cloud)) for cloud in frame["cloud"]]
    return pd.concat(
        [pd.Series(labels, name="source", index=frame.index, dtype=object), frame], axis=1
    )


def _provenance(payloads: Sequence[Payload]) -> pd.DataFrame:
    facts = ("partner", "cloud", "retrieved_at", "request_id", "correlation_id", "sha256")
    records = [[getattr(payload, fact) for fact in facts] for payload in payloads]
    frame = pd.DataFrame(records, columns=list(facts), dtype=object)
    return _with_source(frame.sort_values(list(facts[:3]), kind="stable"))


def _csv_cell(value: Any, currency: str) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, float | Decimal):
        return plain_amount(value, currency)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return _FORMULA.sub(r"\g<0>'", value) if isinstance(value, str) else str(value)


def _decimals(amount: Decimal, currency: str) -> int:
    """Return the currency's own decimals, or more where the amount has more."""
    exponent = amount.as_tuple().exponent
    return max(minor_units(currency), -exponent if isinstance(exponent, int) else 0)


def _fill(sheet: Any, frame: pd.DataFrame, *, sample: bool) -> None:
    """Write a frame as a table with a frozen header and filters."""
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Side  # noqa: PLC0415
    from openpyxl.utils import get_column_letter  # noqa: PLC0415
    from openpyxl.worksheet.properties import PageSetupProperties  # noqa: PLC0415

    sheet.append(list(frame.columns))
    widths = [len(name) + 3 for name in frame.columns]  # the filter's button covers three
    for number, row in enumerate(rows_of(frame), start=2):
        for place, value in enumerate(row[1:]):
            cell = sheet.cell(number, place + 1)
            shown = _write(cell, value, getattr(row, "currency", ""))
            if frame.columns[place] == "retrieved_at":
                cell.number_format = shown = _MOMENT
            widths[place] = max(widths[place], min(len(shown) + 2, _WIDEST))
            if cell.data_type != "s" and shown:  # a number's header stands above it
                sheet.cell(1, place + 1).alignment = Alignment(horizontal="right")
    header, yellow = PatternFill("solid", "E2ECF6"), PatternFill("solid", "FFF4CE")
    for cell in sheet[1]:
        cell.font, cell.fill = Font(name="Calibri", size=11, bold=True), header
        cell.border = Border(bottom=Side("thin", "5A5F66"))
    for (cell,) in sheet.iter_rows(2, max_col=1):
        if cell.value == SAMPLE.label:
            cell.font = Font(name="Calibri", size=11, bold=True, color="5B4B00")
            cell.fill = yellow
    for place, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = width
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    sheet.page_setup.orientation, sheet.page_setup.fitToHeight = "landscape", 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_title_rows = "1:1"
    sheet.oddFooter.center.text = "&A, page &P of &N"
    if sample:
        sheet.oddHeader.center.text = f"{SAMPLE.label}, not an account"
        sheet.sheet_properties.tabColor = "FFD75E"


def _write(cell: Any, value: Any, currency: str) -> str:
    """Write a value as what it is, never as a formula; return about what the cell shows."""
    if pd.isna(value):
        return ""
    if isinstance(value, Decimal):
        decimals = _decimals(value, currency)
        shown = format_number(value, currency)
        if len(value.normalize(_WHOLE).as_tuple().digits) <= _EXCEL_DIGITS:
            form = f"#,##0{'.' if decimals else ''}{'0' * decimals}"
            cell.value, cell.number_format = value, f"{form}_);({form})"
            return shown
        value = f"{value:f}"
    elif isinstance(value, date) and value.year >= _FIRST_EXCEL_YEAR:
        # Excel knows no time zones, and makes the next day of a day's last microseconds.
        if isinstance(value, datetime):
            value = value.replace(tzinfo=None, microsecond=0)
        cell.value = value
        cell.number_format = _DAY
        return _DAY
    elif not isinstance(value, str | date):
        cell.value = value
        return str(value)
    text = _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", str(value))
    cell.value = _READ_AS_A_LETTER.sub("_x005F_", text)
    cell.data_type, cell.number_format = "s", "@"  # text, also once somebody edits it
    return text


def _add_notes(sheet: Any, shown: Overview) -> None:
    """Say below the table how to read the sheets, what is missing, and what was assumed."""
    versions = f"pcnotebooks {__version__}, pandas {pd.__version__}"
    sheet.append([])
    for note in (
        "Balances are what the partner owes Microsoft; amounts in parentheses are credits.",
        "Never add amounts of different currencies, or balances of different retrieved_at.",
        "Totals and details hold every payload.",
        "Recency and reconciliation hold the latest of each partner and cloud.",
        f"Due dates are the latest invoice's date plus {shown.terms_days} days. All times are UTC.",
        *shown.notes,
        *shown.assumptions,
        f"Made with {versions}.",
    ):
        sheet.append([note])


def _xlsx(workbook: Any, at: datetime) -> bytes:
    """Return the workbook's file as of a time, without that of the clock."""
    from openpyxl.writer.excel import ExcelWriter  # noqa: PLC0415

    facts = workbook.properties
    facts.creator = facts.title = "pcnotebooks"
    facts.created = facts.modified = at.replace(tzinfo=None, microsecond=0)
    written, equal = io.BytesIO(), io.BytesIO()
    ExcelWriter(workbook, zipfile.ZipFile(written, "w")).save()
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(equal, "w") as target:
        for name in source.namelist():
            entry = zipfile.ZipInfo(name)  # of 1980, where a zip file's time begins
            target.writestr(entry, source.read(name), zipfile.ZIP_DEFLATED)
    return equal.getvalue()
