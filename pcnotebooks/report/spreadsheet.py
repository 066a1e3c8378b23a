"""Payloads and frames as CSV for a spreadsheet, with the figures of the frames."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from pcnotebooks.amounts import plain_amount
from pcnotebooks.clouds import cloud_label
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.files import write_whole
from pcnotebooks.frame.selection import AsOf, rows_of
from pcnotebooks.overview.build import every_row, overview
from pcnotebooks.payload.payload import Payload

# A text that begins so is a formula to a spreadsheet; in full width too, to some. In countries
# with a decimal comma the cells of a CSV file end at semicolons, where others end at tabs: there,
# as in a new line, quotes that are doubled for commas are an empty pair in front of the text.
_FORMULA = re.compile(
    r"(?:^|[;\t\r\n])(?=(?:[^\S\t\r\n]|\")*[=+\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r\n])"
)


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
    frames = frames_alone(payloads, as_of=as_of)
    if len(frames) > 1:
        raise ConfigurationError(
            f"A CSV file holds one frame as it is, and {len(frames)} were given.",
            remedy="Write one file for each, or all as sheets of"
            ' write_excel("frames.xlsx", *frames).',
        )
    if frames:
        return csv_of(frames[0])
    given = [each for each in payloads if not isinstance(each, pd.DataFrame)]
    shown = overview(given, as_of=as_of, terms_days=terms_days)
    return csv_of(every_row(shown) if shown.balances else shown.frames.invoices)


def frames_alone(given: Sequence[Any], *, as_of: AsOf | None) -> list[pd.DataFrame]:
    """Return the frames among what is given, which are written without payloads or a day."""
    frames = [each for each in given if isinstance(each, pd.DataFrame)]
    if frames and (len(frames) < len(given) or as_of is not None):
        raise ConfigurationError(
            "A frame is written as it is: without payloads, and without as_of.",
            remedy="Count its days before, as in"
            " write_csv(path, invoice_ageing(frame, as_of=...)).",
        )
    return frames


def csv_of(rows: pd.DataFrame) -> str:
    """Return a frame as CSV; an index that has a name becomes a column."""
    text = io.StringIO()
    writer = csv.writer(text)
    frame = with_days(rows if rows.index.name is None else rows.reset_index())
    if "cloud" in frame:
        frame = with_source(frame)
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


def with_source(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with the cloud in words in front, or that it is sample data."""
    labels = [cloud_label(str(cloud)) for cloud in frame["cloud"]]
    return pd.concat(
        [pd.Series(labels, name="source", index=frame.index, dtype=object), frame], axis=1
    )


def _csv_cell(value: Any, currency: str) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, float | Decimal):
        return plain_amount(value, currency)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return _FORMULA.sub(r"\g<0>'", value) if isinstance(value, str) else str(value)
