"""Payloads as one HTML file, or as a PDF: no kernel, no request."""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from pcnotebooks import __version__
from pcnotebooks.chart.svg import sparkline
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.files import write_whole
from pcnotebooks.frame.selection import AsOf
from pcnotebooks.overview.build import latest_rows, overview
from pcnotebooks.overview.model import Account, Overview, Section
from pcnotebooks.payload.payload import Payload
from pcnotebooks.report.fragments import charts_of, environment
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
        Without any payload, for a frame, for an `as_of`, terms or locale that cannot be, or for a
        PDF if WeasyPrint or the Pango library is not installed.
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
    given = [payloads] if isinstance(payloads, Payload | pd.DataFrame) else list(payloads)
    if any(isinstance(each, pd.DataFrame) for each in given):
        raise ConfigurationError(
            "A report is made of payloads: a frame holds neither the stated totals nor where its"
            " figures come from.",
            remedy='Pass payloads, as in render_report(sample_payload(), "report.html"). A frame'
            " is shown by explore(frame) or plot_panels(frame), and written by"
            ' write_excel("frame.xlsx", frame).',
        )
    shown = overview(given, as_of=as_of, terms_days=terms_days, locale=locale)
    return Page(page_of(shown, title)) if path is None else write_page(shown, path, title=title)


class Page(str):
    """A report as a text, which a notebook shows as the page and not as its source."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        # Without script, in a place of its own: the switches work, and downloads.
        return (
            f'<iframe srcdoc="{escape(self)}" sandbox="allow-downloads" title="Report"'
            ' style="width: 100%; height: 720px; border: 1px solid #8888"></iframe>'
            f"<p>Report of {len(self):,} characters. To write it as a file, give"
            " <code>render_report</code> a path.</p>"
        )

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text(f"<Report of {len(self):,} characters>")


def write_page(shown: Overview, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
    """Write an overview as :func:`render_report` does, with the notes that it holds."""
    html = page_of(shown, title)
    paper = Path(path).suffix.lower() == ".pdf"
    return write_whole(path, pdf_of(html) if paper else html.encode(errors="replace"))


def page_of(shown: Overview, title: str | None) -> str:
    """Return an overview as the HTML that :func:`write_page` writes."""
    html: str = (
        environment()
        .get_template("report.html.j2")
        .render(
            title=title or "Invoice summaries",
            overview=shown,
            charts=_charts,
            sparkline=sparkline,
            downloads=_downloads(shown),
            script=_script(),
            versions={"pcnotebooks": __version__, "pandas": pd.__version__},
        )
    )
    return html


def _charts(section: Section, account: Account) -> Markup:
    return charts_of(account.charts, prefix=f"c{section.place}p{account.number}", foot=False)


@dataclass(frozen=True)
class _Download:
    """A table as a file inside the page."""

    what: str
    name: str
    address: str


def _downloads(shown: Overview) -> list[_Download]:
    """Return what the page shows as CSV; what a trend is made of is in the history."""
    day = shown.as_of or max(source.payload.retrieved_at for source in shown.sources).date()
    tables = {}
    if shown.balances:
        tables["figures", f"invoice-summaries-{day}.csv"] = latest_rows(shown)
    if shown.lists:
        tables["invoices", f"invoices-{day}.csv"] = shown.frames.invoices
    contents = [b64encode(csv_of(rows).encode("utf-8-sig")).decode() for rows in tables.values()]
    return [
        _Download(what, name, f"data:text/csv;charset=utf-8;base64,{content}")
        for (what, name), content in zip(tables, contents, strict=True)
    ]


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
