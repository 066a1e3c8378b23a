"""Save the data of a dashboard as files: payloads, report, CSV and Excel."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from itertools import chain, count
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from ipywidgets import Button, HBox, Output, VBox

from pcnotebooks.frame.ageing import invoice_ageing
from pcnotebooks.frame.invoices import invoice_frame
from pcnotebooks.frame.rows import latest_payloads
from pcnotebooks.overview.build import overview
from pcnotebooks.payload.decode import INVOICES
from pcnotebooks.payload.payload import Payload
from pcnotebooks.report.markup import error_html, wrapped
from pcnotebooks.report.page import write_page
from pcnotebooks.report.spreadsheet import write_csv
from pcnotebooks.report.workbook import write_workbook
from pcnotebooks.widgets.code import code_html
from pcnotebooks.widgets.work import started

# Each file with a template of the code that writes it from payloads, a name and a day, or "".
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


# The function of each button; it receives the payloads, the chosen day and notes on failures.
HANDED_ON = {
    "Save payload": _save_payloads,
    "Export report": _export_report,
    "Export CSV": _export_csv,
    "Export Excel": _export_excel,
}


@dataclass(frozen=True)
class Order:
    """The data to save, and the code that produces it."""

    payloads: Sequence[Payload]
    day: date | None  # None: each payload's day of retrieval
    notes: Sequence[str]  # on resources that could not be fetched
    source: str
    is_more: bool  # whether the data is more than the view shows


class HandOn(VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A button for each kind of file, and links to the written files."""

    def __init__(self, order: Callable[[], Order]) -> None:
        self._order = order
        self.writing: asyncio.Task[None] | None = None
        self._buttons = HBox([Button(description=name) for name in HANDED_ON])
        self._buttons.add_class("pcn-bar")
        # An Output, not HTML: only in an Output does JupyterLab turn a file name into a link.
        self._saved = Output()
        self._saved.add_class("pcn-saved")
        for button in self._buttons.children:
            button.on_click(self._on_click)
        super().__init__([self._buttons, self._saved])

    def clear(self) -> None:
        """Remove the links to earlier files."""
        self._saved.outputs = ()

    def _on_click(self, button: Button) -> None:
        self.writing = started(self.writing, lambda: self._write(button.description))

    async def _write(self, name: str) -> None:
        """Write files to the kernel's working directory, by default the notebook's folder."""
        self._say('<p role="status">Saving.</p>')
        for button in self._buttons.children:
            button.disabled = True
        try:
            order = self._order()
            written = await asyncio.to_thread(
                HANDED_ON[name], order.payloads, order.day, order.notes
            )
        except Exception as error:  # noqa: BLE001 (a task's exception is seen nowhere else)
            self._say(error_html(error))
        else:
            self._say(_saved_html(written, order))
        finally:
            for button in self._buttons.children:
                button.disabled = False

    def _say(self, html: str) -> None:
        bundle = {"text/html": wrapped(html), "text/plain": ""}
        self._saved.outputs = ({"output_type": "display_data", "data": bundle, "metadata": {}},)


def _saved_html(written: Written, order: Order) -> str:
    """Return links to files, and the code that writes the same files."""
    links = ", ".join(
        f'<a href="{quote(path.as_posix())}" target="_blank">{escape(path.name)}</a>'
        for path, _ in written
    )
    whole = ", with every currency and invoice type" if order.is_more else ""
    dated = f', as_of="{order.day}"' if order.day else ""
    lines = [code.format(order.source, repr(path.name), dated) for path, code in written]
    shown = [code_html(line) for line in lines if line and not line.startswith("*")]
    said = f"Saved {links} in {escape(str(Path.cwd()))}{whole}."
    return f'<p role="status">{said}</p>{"".join(shown)}'


def _free(payloads: Sequence[Payload], suffix: str, *, day: date | None) -> Path:
    """Return an unused file name that describes the contents."""
    balances = latest_payloads(payloads)
    newest = balances or latest_payloads(payloads, INVOICES)
    partners = {payload.partner for payload in newest}
    what = "invoice-summaries" if balances else "invoices"
    words = ["sample" if any(payload.is_sample for payload in newest) else "", what]
    # A file name has at most 255 bytes, and a letter may take four.
    words += [re.sub(r"\W+", "-", partner)[:40].strip("-") for partner in sorted(partners)[:1]]
    moment = max(payload.retrieved_at for payload in newest)
    words.append(f"{moment:%Y-%m-%dT%H%M%SZ}" if day is None else f"as-of-{day}")
    stem = "-".join(word for word in words if word)
    names = chain([f"{stem}{suffix}"], (f"{stem}-{number}{suffix}" for number in count(2)))
    return next(path for path in map(Path, names) if not path.exists())
