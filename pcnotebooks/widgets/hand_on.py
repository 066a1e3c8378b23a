"""What a dashboard hands on as files: payloads, report, CSV and Excel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from itertools import chain, count
from pathlib import Path
from typing import TypeAlias

from pcnotebooks.frame.ageing import invoice_ageing
from pcnotebooks.frame.invoices import invoice_frame
from pcnotebooks.frame.rows import latest_payloads
from pcnotebooks.overview.build import overview
from pcnotebooks.payload.decode import INVOICES
from pcnotebooks.payload.payload import Payload
from pcnotebooks.report.page import write_page
from pcnotebooks.report.spreadsheet import write_csv
from pcnotebooks.report.workbook import write_workbook

# A file, and the code that writes it again of payloads, a name and a day; if there is any.
Written: TypeAlias = list[tuple[Path, str]]


def _save_payloads(payloads: Sequence[Payload], _: date | None, __: Sequence[str]) -> Written:
    newest = [*latest_payloads(payloads), *latest_payloads(payloads, INVOICES)]
    code = "{0}.save({1})" if len(newest) == 1 else ""
    return [(payload.save(_free([payload], ".json", day=None)), code) for payload in newest]


def _export_report(
    payloads: Sequence[Payload], as_of: date | None, notes: Sequence[str]
) -> Written:
    shown = overview(payloads, as_of=as_of, notes=notes)
    path = write_page(shown, _free(payloads, ".html", day=as_of))
    return [(path, "render_report([{0}], {1}{2})")]


def _export_csv(payloads: Sequence[Payload], as_of: date | None, _: Sequence[str]) -> Written:
    written, lists = [], [each for each in payloads if each.resource == INVOICES]
    if len(lists) < len(payloads):
        path = write_csv(_free(payloads, ".csv", day=as_of), *payloads, as_of=as_of)
        written.append((path, "write_csv({1}, {0}{2})"))
    if lists:
        aged = invoice_ageing(invoice_frame(*lists, exact=True), as_of=as_of)
        path = write_csv(_free(lists, ".csv", day=as_of), aged)
        code = "write_csv({1}, invoice_ageing(invoice_frame({0}, exact=True){2}))"
        written.append((path, code))
    return written


def _export_excel(payloads: Sequence[Payload], as_of: date | None, notes: Sequence[str]) -> Written:
    shown = overview(payloads, as_of=as_of, notes=notes)
    path = write_workbook(shown, _free(payloads, ".xlsx", day=as_of))
    return [(path, "write_excel({1}, {0}{2})")]


# What each button does with payloads, the chosen day and what could not be fetched.
HANDED_ON = {
    "Save payload": _save_payloads,
    "Export report": _export_report,
    "Export CSV": _export_csv,
    "Export Excel": _export_excel,
}


def _free(payloads: Sequence[Payload], suffix: str, *, day: date | None) -> Path:
    """Return a file name that says what is in it, and is nobody's yet."""
    balances = latest_payloads(payloads)
    newest = balances or latest_payloads(payloads, INVOICES)
    partners = {payload.partner for payload in newest}
    what = "invoice-summaries" if balances else "invoices"
    words = ["sample" if any(payload.is_sample for payload in newest) else "", what]
    # No name is longer than 255 bytes, and a letter may take four.
    words += [re.sub(r"\W+", "-", partner)[:40].strip("-") for partner in sorted(partners)[:1]]
    moment = max(payload.retrieved_at for payload in newest)
    words.append(f"{moment:%Y-%m-%dT%H%M%SZ}" if day is None else f"as-of-{day}")
    stem = "-".join(word for word in words if word)
    names = chain([f"{stem}{suffix}"], (f"{stem}-{number}{suffix}" for number in count(2)))
    return next(path for path in map(Path, names) if not path.exists())
