"""Pieces of HTML that show figures: charts and tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from pcnotebooks.chart.svg import PHONE, sparkline, svg
from pcnotebooks.overview.charts import Chart
from pcnotebooks.overview.model import Account, Line, Overview
from pcnotebooks.report.markup import environment


def charts_of(charts: Sequence[Chart], *, prefix: str, foot: bool = True) -> Markup:
    """Return charts side by side; the ids in each are unique and begin with the prefix.

    Three charts are drawn at phone width and fit in a row. Any other number is drawn in two
    widths, and the style sheet shows the one that fits. Without feet, the page states the source.
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
    """Return the notices, and a table with a row for each account."""
    several, trends = len(shown.sources) > 1, bool(shown.earlier)
    table = _macro("first_table", shown.ranked, several, trends, sparkline)
    return _macro("first_notices", shown.notices) + table


def first_notices(shown: Overview) -> Markup:
    """Return the notices, those that need attention first; empty if there are none."""
    return _macro("first_notices", shown.notices) if shown.notices else Markup()


def glances(shown: Overview) -> tuple[Markup, dict[tuple[str, str], Markup]]:
    """Return the head of the first table, and each of its rows by currency and owner."""
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
    """Return the sentences about an account, with its headline figures."""
    return _macro("headlines", [account], owners=owners)


def by_invoice(account: Account, currency: str) -> Markup:
    """Return the open invoices of an account, and the proof of its balance."""
    return _macro("by_invoice", [account], currency)


def notes(sentences: Sequence[str]) -> Markup:
    """Return the notes on the whole overview; empty if there are none."""
    return _macro("notes", sentences) if sentences else Markup()


def assumed(sentences: Sequence[str]) -> Markup:
    """Return the assumptions about lists of invoices; empty if there are none."""
    return _macro("assumed", sentences) if sentences else Markup()


def _macro(name: str, *arguments: Any, **options: Any) -> Markup:
    written: Markup = getattr(environment().get_template("figures.html.j2").module, name)(
        *arguments, **options
    )
    return written
