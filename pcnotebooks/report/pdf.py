"""Render the report as a tagged PDF."""

from __future__ import annotations

import logging
import re
import warnings
from threading import get_ident

from pcnotebooks.amounts import NO_BREAK
from pcnotebooks.errors import ConfigurationError, PcNotebooksWarning
from pcnotebooks.text import is_blank

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
    except (ImportError, OSError) as error:  # OSError: Pango is missing, which WeasyPrint loads
        raise ConfigurationError(
            f"A PDF needs WeasyPrint and the Pango library: {error}.",
            remedy='Run pip install "pcnotebooks[pdf]" and install Pango (on Debian libpango-1.0-0,'
            " libpangoft2-1.0-0 and libharfbuzz-subset0), or print the HTML report to PDF.",
        ) from None
    page = HTML(string=_for_paper(html), url_fetcher=URLFetcher(allowed_protocols=()))
    logger, missing = logging.getLogger("weasyprint"), _Missing()
    level = logger.level
    logger.setLevel(logging.WARNING)
    logger.addFilter(missing)
    try:
        content: bytes = page.write_pdf(pdf_variant="pdf/ua-1")
    finally:
        logger.removeFilter(missing)
        logger.setLevel(level)
    if missing.letters:
        shown = [
            f"U+{ord(letter):04X}" if is_blank(letter) or not letter.isprintable() else letter
            for letter in missing.letters
        ]
        more = f" and {len(shown) - 20} more" if len(shown) > 20 else ""
        warnings.warn(
            f"No font on this machine has {' '.join(shown[:20])}{more}: the PDF shows boxes"
            " instead. Install a font that has them, such as Noto, or send the HTML report.",
            PcNotebooksWarning,
            stacklevel=4,
        )
    return content


class _Missing(logging.Filter):
    """Collects the letters that no font has from WeasyPrint's log, and hides its other warnings.

    WeasyPrint also warns about each property that SVG has and CSS does not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.letters: dict[str, None] = {}
        self._thread = get_ident()  # a report rendered by another thread has its own filter

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is logged."""
        if record.thread == self._thread and str(record.msg).startswith(".notdef glyph"):
            letter, _ = record.args  # type: ignore[misc]  # a letter and its number
            self.letters[str(letter)] = None
        return record.levelno >= logging.ERROR


def _for_paper(html: str) -> str:
    """Return the page adapted to WeasyPrint."""
    # In WeasyPrint, SVG inherits nothing from the page.
    html = html.replace('class="pcn-chart"', f'class="pcn-chart" font-family="{_FONTS}"')
    # It knows no CSS variables in SVG, so each variable is replaced by its fallback colour.
    light = re.sub(r"<[^>]+>", lambda tag: _VARIABLE.sub(r"\1", tag[0]), html)
    # It clips anchored text at its advance width, beyond which a letter may extend.
    light = _ANCHORED.sub(f"\\1{NO_BREAK}\\2{NO_BREAK}", light)
    # It places letters from left to right, even those of right-to-left scripts.
    light = _DRAWN.sub(
        lambda text: text[1] + _TO_LEFT.sub(lambda word: word[0][::-1], text[2]), light
    )
    # It takes minutes to break a word of thousands of letters, so long words are shortened.
    return re.sub(
        r">[^<]+", lambda text: _LONG_WORD.sub("\\1\N{HORIZONTAL ELLIPSIS}", text[0]), light
    )
