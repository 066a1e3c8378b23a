"""The package's templates and style sheets, and the HTML of errors; no figures."""

from __future__ import annotations

from functools import cache
from html import escape

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pcnotebooks.errors import PcNotebooksError
from pcnotebooks.overview.palette import PALETTE
from pcnotebooks.text import named


@cache
def environment() -> Environment:
    """Return the Jinja environment of the package's templates."""
    environment = Environment(
        loader=PackageLoader("pcnotebooks"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["palette"] = _palette
    environment.filters |= {"css_text": _css_text, "named": named}
    return environment


def style(name: str) -> Markup:
    """Return a style sheet of the package as an element, with the palette filled in."""
    css = environment().get_template(name).render()
    return Markup(f"<style>{css}</style>")  # noqa: S704 (no data is part of it)


def _palette(ground: int) -> str:
    """Return the palette as CSS variables, on light (0) or dark (1) ground."""
    return " ".join(f"--pcn-{name}: {colours[ground]};" for name, colours in PALETTE.items())


def _css_text(text: str) -> str:
    """Return a text for a CSS string, escaped so that it cannot end the string or a tag."""
    return "".join(each if each.isalnum() else f"\\{ord(each):x} " for each in text)


def error_html(error: Exception) -> Markup:
    """Return an error, its remedy, and the ids that support asks for."""
    if not isinstance(error, PcNotebooksError):
        error = PcNotebooksError(
            f"{type(error).__name__}: {error}",
            remedy="Try again. If it fails again, report it with this message.",
        )
    # A code without ids adds nothing to the message.
    ids = {"Code": error.code, "request id": error.request_id,
           "correlation id": error.correlation_id}  # fmt: skip
    known = error.request_id or error.correlation_id
    listed = ", ".join(f"{name} {id_html(value)}" for name, value in ids.items() if value)
    return Markup(  # noqa: S704 (every text is escaped)
        f'<div role="alert"><p class="pcn-error"><strong>{escape(error.message)}</strong></p>'
        f"<p>{escape(error.remedy or '')}</p>{f'<p><small>{listed}</small></p>' if known else ''}"
        "</div>"
    )


def id_html(value: str) -> str:
    """Return an id as HTML that has no line breaks at its hyphens."""
    return f'<span class="pcn-id">{escape(value)}</span>'


def wrapped(html: str) -> str:
    """Return HTML in the package's colours and font; empty HTML stays empty."""
    return f'<div class="pcn">{html}</div>' if html else ""
