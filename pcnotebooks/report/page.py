"""Payloads as one HTML file, or as a PDF: no kernel, no request."""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from pcnotebooks import __version__
from pcnotebooks.chart.svg import svg
from pcnotebooks.files import write_whole
from pcnotebooks.frame.selection import AsOf
from pcnotebooks.overview.build import latest_rows, overview
from pcnotebooks.overview.model import Account, Overview, Section
from pcnotebooks.payload.payload import Payload
from pcnotebooks.report.fragments import environment
from pcnotebooks.report.pdf import pdf_of
from pcnotebooks.report.spreadsheet import csv_of


def render_report(
    payloads: Payload | Iterable[Payload],
    path: str | os.PathLike[str] | None = None,
    *,
    as_of: AsOf | None = None,
    terms_days: int = 60,
    title: str | None = None,
    locale: str = "en",
) -> str | Path:
    """Render payloads as one self-contained HTML file, or as a PDF.

    The figures are those of the latest payload of each partner and cloud; earlier ones give the
    trend and what changed. The same payloads and options give the same bytes. Choices made in
    the page stand in its address: ``report.html#currency=GBP`` opens with that currency.

    Parameters
    ----------
    payloads
        One payload or several, of any partners, clouds and times.
    path
        File to write; its folder exists. One that ends in ``.pdf`` becomes a tagged PDF, with
        the extra ``pdf``. Without it the HTML is returned.
    as_of
        Day from which days are counted, in UTC; when each payload was retrieved unless given.
    terms_days
        Payment terms in days from the invoice date.
    title
        Heading; "Invoice summaries" unless given.
    locale
        Language whose separators and month names are used, such as ``"de_CH"``; words stay
        English.

    Returns
    -------
    str or Path
        The HTML, or the path that was written.

    Raises
    ------
    ConfigurationError
        Without any payload, for an `as_of`, terms or locale that cannot be, or for a PDF where
        WeasyPrint or the Pango library is not installed.
    PayloadError
        For a body that is not what the service states invoice summaries in.
    OSError
        If the file cannot be written.

    Warns
    -----
    PcNotebooksWarning
        For letters that no font of this machine has: a PDF shows boxes in their place.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> html = render_report(sample_payload())
    >>> "Sample data" in html, "http://" in html.replace("http://www.w3.org/", "")
    (True, False)
    """
    shown = overview(payloads, as_of=as_of, terms_days=terms_days, locale=locale)
    html: str = (
        environment()
        .get_template("report.html.j2")
        .render(
            title=title or "Invoice summaries",
            overview=shown,
            charts=_charts,
            csv=_csv(shown),
            script=_script(),
            versions={"pcnotebooks": __version__, "pandas": pd.__version__},
        )
    )
    if path is None:
        return html
    paper = Path(path).suffix.lower() == ".pdf"
    return write_whole(path, pdf_of(html) if paper else html.encode(errors="replace"))


def _charts(section: Section, account: Account) -> list[Markup]:
    """Return an account's charts drawn; each has ids of its own on the page."""
    prefix = f"c{section.place}p{account.number}"
    return [svg(chart, prefix=f"{prefix}-{n}") for n, chart in enumerate(account.charts)]


@dataclass(frozen=True)
class _Csv:
    """The figures as a file inside the page."""

    name: str
    address: str


def _csv(shown: Overview) -> _Csv:
    """Return the figures of the latest payloads; what a trend is made of is in the history."""
    content = b64encode(csv_of(latest_rows(shown)).encode("utf-8-sig")).decode("ascii")
    day = shown.as_of or max(source.payload.retrieved_at for source in shown.sources).date()
    return _Csv(f"invoice-summaries-{day}.csv", f"data:text/csv;charset=utf-8;base64,{content}")


@dataclass(frozen=True)
class _Script:
    """The page's only script, and the hash by which its policy lets it run."""

    text: Markup
    source: str


@cache
def _script() -> _Script:
    text = environment().get_template("report.js").render()
    digest = hashlib.sha256(text.encode()).digest()
    return _Script(
        Markup(text),  # noqa: S704 (no data is part of it)
        f"sha256-{b64encode(digest).decode('ascii')}",
    )
