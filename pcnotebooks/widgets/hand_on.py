"""What a dashboard hands on as files: payloads, report, CSV and Excel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from itertools import chain, count
from pathlib import Path

from pcnotebooks.frame.rows import latest_payloads
from pcnotebooks.payload.payload import Payload
from pcnotebooks.report.page import render_report
from pcnotebooks.report.spreadsheet import write_csv, write_excel


def _save_payloads(payloads: Sequence[Payload], _: date | None) -> list[Path]:
    return [
        payload.save(_free([payload], ".json", day=None)) for payload in latest_payloads(payloads)
    ]


def _export_report(payloads: Sequence[Payload], as_of: date | None) -> list[Path]:
    path = _free(payloads, ".html", day=as_of)
    render_report(payloads, path, as_of=as_of)
    return [path]


def _export_csv(payloads: Sequence[Payload], as_of: date | None) -> list[Path]:
    return [write_csv(_free(payloads, ".csv", day=as_of), *payloads, as_of=as_of)]


def _export_excel(payloads: Sequence[Payload], as_of: date | None) -> list[Path]:
    path = _free(payloads, ".xlsx", day=as_of)
    return [write_excel(path, *payloads, as_of=as_of)]


# What each button does, and the code that does the same: of payloads, a name and a day.
HANDED_ON = {
    "Save payload": (_save_payloads, "{0}.save({1})"),
    "Export report": (_export_report, "render_report([{0}], {1}{2})"),
    "Export CSV": (_export_csv, "write_csv({1}, {0}{2})"),
    "Export Excel": (_export_excel, "write_excel({1}, {0}{2})"),
}


def _free(payloads: Sequence[Payload], suffix: str, *, day: date | None) -> Path:
    """Return a file name that says what is in it, and is nobody's yet."""
    newest = latest_payloads(payloads)
    partners = {payload.partner for payload in newest}
    words = ["sample" if any(payload.is_sample for payload in newest) else "", "invoice-summaries"]
    # No name is longer than 255 bytes, and a letter may take four.
    words += [re.sub(r"\W+", "-", partner)[:40].strip("-") for partner in sorted(partners)[:1]]
    moment = max(payload.retrieved_at for payload in newest)
    words.append(f"{moment:%Y-%m-%dT%H%M%SZ}" if day is None else f"as-of-{day}")
    stem = "-".join(word for word in words if word)
    names = chain([f"{stem}{suffix}"], (f"{stem}-{number}{suffix}" for number in count(2)))
    return next(path for path in map(Path, names) if not path.exists())
