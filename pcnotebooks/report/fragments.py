"""Pieces of HTML: the package's templates and style sheets, tables and errors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pcnotebooks.chart.svg import PHONE, sparkline, svg
from pcnotebooks.errors import PcNotebooksError
from pcnotebooks.overview.charts import Chart
from pcnotebooks.overview.model import Account, Line, Overview
from pcnotebooks.overview.palette import PALETTE
from pcnotebooks.text import named


@cache
def environment() -> Environment:
    """Return where the package's templates are."""
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
    """Return a text for CSS to print, none of whose characters ends a string or a tag."""
    return "".join(each if each.isalnum() else f"\\{ord(each):x} " for each in text)


def charts_of(charts: Sequence[Chart], *, prefix: str, foot: bool = True) -> Markup:
    """Return charts next to each other, each with ids of its own that begin with the prefix.

    Three fit in a row as they are drawn for a phone. Others are drawn twice, and the style sheet
    shows the drawing for which there is room. Without feet, the page states the source.
    """
    three = len(charts) == 3
    drawn = []
    for place, chart in enumerate(charts):
        narrow = svg(chart, prefix=f"{prefix}-{place}", width=PHONE, foot=foot)
        if three:
            drawn.append(f"<div>{narrow}</div>")
        else:
            drawn.append(f'<div class="pcn-phone">{narrow}</div>')
            wide = svg(chart, prefix=f"{prefix}-{place}-desk", foot=foot)
            drawn.append(f'<div class="pcn-desk">{wide}</div>')
    kind = "pcn-charts pcn-three" if three else "pcn-charts"
    return Markup(  # noqa: S704 (drawings whose texts are escaped)
        f'<div class="pcn-charts-of"><div class="{kind}">{"".join(drawn)}</div></div>'
    )


def first_table(shown: Overview) -> Markup:
    """Return what a reader looks for first: notices, and a row for each account."""
    several, trends = len(shown.sources) > 1, bool(shown.earlier)
    table = _macro("first_table", shown.ranked, several, trends, sparkline)
    return _macro("first_notices", shown.notices) + table


def first_notices(shown: Overview) -> Markup:
    """Return what needs attention first; nothing of nothing."""
    return _macro("first_notices", shown.notices) if shown.notices else Markup()


def glances(shown: Overview) -> tuple[Markup, dict[tuple[str, str], Markup]]:
    """Return the head of the first table and its rows by currency and owner, one by one."""
    accounts = [account for section in shown.ranked for account in section.accounts]
    since = list(dict.fromkeys(filter(None, (each.glance.changed_since for each in accounts))))
    layout = {"several": len(shown.sources) > 1, "trends": bool(shown.earlier), "since": since}
    rows = {
        (section.currency, account.owner): _macro("glance", account, sparkline, **layout)
        for section in shown.ranked
        for account in section.accounts
    }
    return _macro("glance_head", **layout), rows


def figures_table(lines: Sequence[Line], currency: str) -> Markup:
    """Return the table that proves the charts of one currency."""
    several = len({line.partner for line in lines}) > 1
    return _macro("figures", lines, currency=currency, partners=several)


def headlines(account: Account, *, owners: bool) -> Markup:
    """Return what is said of an account, with its headline figures."""
    return _macro("headlines", [account], owners=owners)


def by_invoice(account: Account, currency: str) -> Markup:
    """Return the open invoices of an account, and what proves its balance."""
    return _macro("by_invoice", [account], currency)


def notes(sentences: Sequence[str]) -> Markup:
    """Return what a reader must know of the whole; nothing of nothing."""
    return _macro("notes", sentences) if sentences else Markup()


def assumed(sentences: Sequence[str]) -> Markup:
    """Return what was assumed of lists of invoices; nothing of nothing."""
    return _macro("assumed", sentences) if sentences else Markup()


def _macro(name: str, *arguments: Any, **options: Any) -> Markup:
    written: Markup = getattr(environment().get_template("figures.html.j2").module, name)(
        *arguments, **options
    )
    return written


def error_html(error: Exception) -> Markup:
    """Return what happened and what to do, with the ids that support asks for."""
    if not isinstance(error, PcNotebooksError):
        error = PcNotebooksError(
            f"{type(error).__name__}: {error}",
            remedy="Try again; if it stays so, report it with this line.",
        )
    # A code alone says no more than the message.
    ids = {"Code": error.code, "request id": error.request_id,
           "correlation id": error.correlation_id}  # fmt: skip
    known = error.request_id or error.correlation_id
    told = ", ".join(f"{name} {id_html(value)}" for name, value in ids.items() if value)
    return Markup(  # noqa: S704 (every text is escaped)
        f'<div role="alert"><p class="pcn-error"><strong>{escape(error.message)}</strong></p>'
        f"<p>{escape(error.remedy or '')}</p>{f'<p><small>{told}</small></p>' if known else ''}"
        "</div>"
    )


def id_html(value: str) -> str:
    """Return an id as HTML that is not broken at its hyphens."""
    return f'<span class="pcn-id">{escape(value)}</span>'


def wrapped(html: str) -> str:
    """Return HTML in the package's colours and type; nothing of nothing."""
    return f'<div class="pcn">{html}</div>' if html else ""
