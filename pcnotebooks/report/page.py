"""Render payloads as one HTML file or as a PDF, without a kernel and without requests."""

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
from pcnotebooks.report.fragments import charts_of
from pcnotebooks.report.markup import environment
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

    The report shows the latest payload of each partner and cloud; earlier payloads add trends and
    changes. The same payloads and options give the same bytes. The choices made in the page are
    part of its address: ``report.html#currency=GBP`` opens with that currency.

    Parameters
    ----------
    payloads
        One payload or several, of any partners, clouds and times.
    path
        The file to write. Its folder must exist. A name that ends in ``.pdf`` gives a tagged PDF,
        which needs the extra ``pdf``. Without a path, the HTML is returned.
    as_of
        The day, in UTC, up to which days are counted. The default is the day on which each payload
        was retrieved.
    terms_days
        Payment terms in days from the invoice date.
    title
        The heading. The default is "Invoice summaries".
    locale
        The locale for separators and month names, such as ``"de_CH"``. Words stay English.

    Returns
    -------
    str or Path
        The HTML, or the path of the written file.

    Raises
    ------
    ConfigurationError
        If there is no payload, a frame is given, `as_of`, `terms_days` or `locale` is invalid, or
        a PDF is requested and WeasyPrint or the Pango library is not installed.
    PayloadError
        If a body does not have the form of the service's answers.
    OSError
        If the file cannot be written.

    Warns
    -----
    PcNotebooksWarning
        If no font on this machine has some letters: a PDF shows boxes instead of them.

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
            "A report needs payloads, but a frame was given: a frame has neither stated totals nor"
            " the origin of its figures.",
            remedy='Pass payloads, as in render_report(sample_payload(), "report.html"). To show a'
            " frame, call explore(frame) or plot_panels(frame); to write it, call"
            ' write_excel("frame.xlsx", frame).',
        )
    shown = overview(given, as_of=as_of, terms_days=terms_days, locale=locale)
    return Page(page_of(shown, title)) if path is None else write_page(shown, path, title=title)


class Page(str):
    """The HTML of a report, which a notebook displays as a page."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        # The sandbox allows no scripts; the switches and downloads work without them.
        return (
            f'<iframe srcdoc="{escape(self)}" sandbox="allow-downloads" title="Report"'
            ' style="width: 100%; height: 720px; border: 1px solid #8888"></iframe>'
            f"<p>Report of {len(self):,} characters. To write it to a file, pass a path to"
            " <code>render_report</code>.</p>"
        )

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text(f"<Report of {len(self):,} characters>")


def write_page(shown: Overview, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
    """Write an overview with its notes, as :func:`render_report` does."""
    html = page_of(shown, title)
    paper = Path(path).suffix.lower() == ".pdf"
    return write_whole(path, pdf_of(html) if paper else html.encode(errors="replace"))


def page_of(shown: Overview, title: str | None) -> str:
    """Return an overview as the HTML that :func:`write_page` writes."""
    places: dict[int, list[int]] = {number: [] for number, _ in enumerate(shown.sources, 1)}
    for section in shown.sections:
        for account in section.accounts:
            places[account.number].append(section.place)
    html: str = (
        environment()
        .get_template("report.html.j2")
        .render(
            title=title or "Invoice summaries",
            overview=shown,
            places=places,
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
    """Return the tables of the page as CSV, without the earlier balances of trends."""
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
    """The page's only script, and its hash, which the page's policy allows to run."""

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
