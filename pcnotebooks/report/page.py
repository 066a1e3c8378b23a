"""Payloads as one HTML file, or as a PDF: no kernel, no request."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path

from markupsafe import Markup

from pcnotebooks.amounts import NO_BREAK, format_day
from pcnotebooks.chart.svg import svg
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.build import AsOf, as_of_day, latest_payloads
from pcnotebooks.overview.charts import balances_chart, recency_chart, trend_chart
from pcnotebooks.overview.model import (
    Section,
    Statement,
    no_longer_stated,
    owner_name,
    sections_of,
)
from pcnotebooks.payload.payload import Payload
from pcnotebooks.report.fragments import environment
from pcnotebooks.report.spreadsheet import csv_text

_LONG_WORD = re.compile(r"([^\s<>]{100})[^\s<>]{100,}")
_FONTS = "system-ui, Segoe UI, Roboto, Liberation Sans, Arial, sans-serif"
_DRAWN = re.compile(r"(<text [^>]*>)([^<]*)")
_TO_LEFT = re.compile(r"[{0}]+(?: [{0}]+)*".format("\u0590-\u065f\u066e-\u06ef\u06fa-\u08ff"))
_ANCHORED = re.compile(r'(<text [^>]*text-anchor="[^>]*>)([^<]*)')
_VARIABLE = re.compile(r"var\(--pcn-[a-z0-9-]+, (#[0-9a-f]{6})\)")


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

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> html = render_report(sample_payload())
    >>> "Sample data" in html, "http://" in html.replace("http://www.w3.org/", "")
    (True, False)
    """
    given = [payloads] if isinstance(payloads, Payload) else list(payloads)
    if not given:
        raise ConfigurationError(
            "A report needs a payload.",
            remedy="Pass fetch_invoice_summaries(session), Payload.load(path) or sample_payload().",
        )
    sources = latest_payloads(given)
    as_of_words = _days_words([as_of_day(as_of)] if as_of is not None else _days(sources), locale)
    sample = any(source.is_sample for source in sources)
    html: str = (
        environment()
        .get_template("report.html.j2")
        .render(
            title=title or "Invoice summaries",
            sample=sample,
            sources=_with_owner(sources),
            as_of=as_of_words,
            foot=f"{'Sample data, not an account · ' if sample else ''}As of {as_of_words}",
            retrieved=_days_words(_days(sources), locale),
            sections=sections_of(given, as_of=as_of, terms_days=terms_days, locale=locale),
            charts=partial(_charts, as_of=as_of, locale=locale),
            gone=no_longer_stated(given, sources, locale),
            owners_differ_by_cloud=len({source.partner for source in sources}) < len(sources),
            terms_days=terms_days,
            earlier=_with_owner(_earlier(given, sources)),
            csv=_csv(sources, as_of=as_of, terms_days=terms_days),
            script=_script(),
            versions={name: version(name) for name in ("pcnotebooks", "pandas")},
        )
    )
    if path is None:
        return html
    path = Path(path)
    if path.suffix.lower() == ".pdf":
        path.write_bytes(_pdf(html))
    else:
        path.write_text(html, encoding="utf-8", newline="\n")
    return path


def _with_owner(payloads: Sequence[Payload]) -> list[tuple[Payload, str]]:
    return [(payload, owner_name(payload.partner, payload.cloud)) for payload in payloads]


def _earlier(given: Sequence[Payload], sources: Sequence[Payload]) -> list[Payload]:
    """Return the answers that are not the latest, oldest first, each once."""
    return sorted(
        set(given) - set(sources),
        key=lambda payload: (payload.retrieved_at, payload.partner, payload.cloud, payload.sha256),
    )


@dataclass(frozen=True)
class _Csv:
    """The figures as a file inside the page."""

    name: str
    address: str


def _csv(sources: Sequence[Payload], *, as_of: AsOf | None, terms_days: int) -> _Csv:
    text = csv_text(*sources, as_of=as_of, terms_days=terms_days)
    content = b64encode(text.encode("utf-8-sig")).decode("ascii")
    day = max(_days(sources)) if as_of is None else as_of_day(as_of)
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


def _pdf(html: str) -> bytes:
    """Return the page as the tagged PDF that a browser would print."""
    try:
        from weasyprint import HTML  # noqa: PLC0415  (an extra)
        from weasyprint.urls import URLFetcher  # noqa: PLC0415
    except (ImportError, OSError) as error:  # OSError: Pango, which WeasyPrint loads
        raise ConfigurationError(
            f"A PDF needs WeasyPrint and the Pango library: {error}.",
            remedy='Run pip install "pcnotebooks[pdf]" and install Pango (on Debian libpango-1.0-0,'
            " libpangoft2-1.0-0 and libharfbuzz-subset0), or print the HTML report to PDF.",
        ) from None
    page = HTML(string=_for_paper(html), url_fetcher=URLFetcher(allowed_protocols=()))
    logger = logging.getLogger("weasyprint")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it warns of each property that SVG has and CSS has not
    try:
        content: bytes = page.write_pdf(pdf_variant="pdf/ua-1")
    finally:
        logger.setLevel(level)
    return content


def _for_paper(html: str) -> str:
    """Return the page as WeasyPrint can take it."""
    # Its SVG inherits nothing from the page.
    html = html.replace('class="pcn-chart"', f'class="pcn-chart" font-family="{_FONTS}"')
    # It knows no variables in SVG, so each colour is the one that stands beside its name.
    light = re.sub(r"<[^>]+>", lambda tag: _VARIABLE.sub(r"\1", tag[0]), html)
    # It cuts anchored text at its advances: a letter may reach beyond its own.
    light = _ANCHORED.sub(f"\\1{NO_BREAK}\\2{NO_BREAK}", light)
    # It places one letter after the other, from the left, whatever is read from the right.
    light = _DRAWN.sub(
        lambda text: text[1] + _TO_LEFT.sub(lambda word: word[0][::-1], text[2]), light
    )
    # It takes minutes to break a word of thousands of letters, which no name on paper needs.
    return re.sub(
        r">[^<]+", lambda text: _LONG_WORD.sub("\\1\N{HORIZONTAL ELLIPSIS}", text[0]), light
    )


def _days(payloads: Sequence[Payload]) -> list[date]:
    return [payload.retrieved_at.date() for payload in payloads]


def _days_words(days: Sequence[date], locale: str) -> str:
    first, last = (format_day(day, locale=locale) for day in (min(days), max(days)))
    return first if first == last else f"{first} to {last}"


def _charts(
    section: Section, statement: Statement, as_of: AsOf | None, locale: str
) -> list[Markup]:
    own = statement.frames
    prefix = f"c{section.place}p{statement.number}"
    charts = [
        svg(balances_chart(own.details, locale=locale), prefix=f"{prefix}-balances"),
        svg(recency_chart(own.details, as_of=as_of, locale=locale), prefix=f"{prefix}-recency"),
    ]
    if len(own.changes):
        trend = trend_chart(own.history, own.changes, locale=locale)
        charts.append(svg(trend, prefix=f"{prefix}-trend"))
    return charts
