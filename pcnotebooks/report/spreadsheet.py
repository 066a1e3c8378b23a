"""Write payloads and frames as CSV for spreadsheets."""

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

# A spreadsheet reads text that begins with one of these characters as a formula; some programs also
# accept the full-width forms. In countries with a decimal comma, semicolons separate the cells of a
# CSV file; other programs use tabs. After those, as in a new line, doubled quotes are an empty pair
# in front of the text.
_FORMULA = re.compile(
    r"(?:^|[;\t\r\n])(?=(?:[^\S\t\r\n]|\")*[=+\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r\n])"
)


def csv_text(
    *payloads: Payload | pd.DataFrame, as_of: AsOf | None = None, terms_days: int = 60
) -> str:
    r"""Return the text that :func:`write_csv` writes, without the byte order mark.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> csv_text(sample_payload()).splitlines()[1][:52]
    'Sample data,Contoso (sample),sample,CHF,CHF,OneTime,'
    """
    frames = frames_alone(payloads, as_of=as_of)
    if len(frames) > 1:
        raise ConfigurationError(
            f"A CSV file can hold only one frame, but {len(frames)} were given.",
            remedy="Write a file for each frame, or write all of them as sheets with"
            ' write_excel("frames.xlsx", *frames).',
        )
    if frames:
        return csv_of(frames[0])
    given = [each for each in payloads if not isinstance(each, pd.DataFrame)]
    shown = overview(given, as_of=as_of, terms_days=terms_days)
    return csv_of(every_row(shown) if shown.balances else shown.frames.invoices)


def frames_alone(given: Sequence[Any], *, as_of: AsOf | None) -> list[pd.DataFrame]:
    """Return the given frames, which cannot be combined with payloads or a day."""
    frames = [each for each in given if isinstance(each, pd.DataFrame)]
    if frames and (len(frames) < len(given) or as_of is not None):
        raise ConfigurationError(
            "A frame is written unchanged, so it cannot be combined with payloads or as_of.",
            remedy="Compute its days first, as in"
            " write_csv(path, invoice_ageing(frame, as_of=...)).",
        )
    return frames


def csv_of(rows: pd.DataFrame) -> str:
    """Return a frame as CSV; a named index becomes a column."""
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
    """Return a frame with its due dates as calendar dates, without times."""
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
        The file to write. Its folder must exist.
    *payloads
        One payload or several, of any partners, clouds and times. Or one frame of this package:
        ``invoice_ageing(invoice_frame(payload))`` for the invoices, ``ageing_by_currency(...)``
        for their sums. A frame with a cloud gets ``source`` in front, and due dates are written as
        days.
    as_of
        The day, in UTC, up to which the days of the latest payload are counted. The default is the
        day on which it was retrieved. Earlier payloads always use their own day of retrieval.
    terms_days
        Payment terms in days from the invoice date.

    Returns
    -------
    Path
        The path of the file: UTF-8 with a byte order mark, separated by commas, with one row per
        partner, cloud, currency, invoice type and ``retrieved_at``. The columns are those of
        :func:`payment_recency`, preceded by ``source`` (the name of the cloud, or "Sample data"),
        and with ``as_of`` after ``retrieved_at``. If only lists of invoices were given, the file
        has one row per invoice, with the columns of :func:`invoice_ageing`.

        Amounts are exact, with a decimal point. Times are ISO 8601 in UTC; due and as-of days are
        calendar dates. Missing values are empty. Text that a spreadsheet would read as a formula
        is preceded by an apostrophe.

    Raises
    ------
    ConfigurationError
        If there is no payload, `as_of` or `terms_days` is invalid, or a frame is not the only
        argument.
    PayloadError
        If a body does not have the form of the service's answers.
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
    """Return a frame with a first column that names the cloud, or "Sample data"."""
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
