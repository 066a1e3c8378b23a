"""A page set on paper: the report as a tagged PDF."""

from __future__ import annotations

import logging
import re

from pcnotebooks.amounts import NO_BREAK
from pcnotebooks.errors import ConfigurationError

_LONG_WORD = re.compile(r"([^\s<>]{100})[^\s<>]{100,}")
_FONTS = "system-ui, Segoe UI, Roboto, Liberation Sans, Arial, sans-serif"
_DRAWN = re.compile(r"(<text [^>]*>)([^<]*)")
_TO_LEFT = re.compile(r"[{0}]+(?: [{0}]+)*".format("\u0590-\u065f\u066e-\u06ef\u06fa-\u08ff"))
_ANCHORED = re.compile(r'(<text [^>]*text-anchor="[^>]*>)([^<]*)')
_VARIABLE = re.compile(r"var\(--pcn-[a-z0-9-]+, (#[0-9a-f]{6})\)")


def pdf_of(html: str) -> bytes:
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
