"""Controls for currency, invoice type, partner and day around charts and table, for a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from threading import RLock
from typing import Any

import pandas as pd
from ipywidgets import HTML, DatePicker, Dropdown, HBox, Layout, VBox

from pcnotebooks.clouds import CLOUDS, SAMPLE
from pcnotebooks.frame.schema import NOT_STATED
from pcnotebooks.frame.selection import invoice_types
from pcnotebooks.overview.build import overview, part
from pcnotebooks.overview.model import Choice, Overview, Section
from pcnotebooks.payload.payload import Payload
from pcnotebooks.report.fragments import (
    assumed,
    by_invoice,
    charts_of,
    error_html,
    figures_table,
    first_table,
    headlines,
    notes,
    style,
    wrapped,
)
from pcnotebooks.text import named

# A value of its own, since None would leave the control blank and ALL is Albania's currency.
_ALL = object()
_BANNER = '<p class="pcn-sample"><strong>Sample data</strong>, not an account</p>'
_NOTHING = "<p>No rows: none are stated, or none fit.</p>"


def cloud_picker() -> Dropdown:
    """Return a control to choose the cloud with; its ``value`` is a :class:`Cloud`.

    Sample data comes first: it needs no account. Nothing is signed in to or fetched by choosing.

    Examples
    --------
    >>> picker = cloud_picker()
    >>> [label for label, _ in picker.options][:2], picker.value.name
    (['Sample data', 'Partner Center'], 'sample')
    """
    clouds = [SAMPLE, *CLOUDS.values()]
    return Dropdown(
        options=[(cloud.label, cloud) for cloud in clouds],
        value=SAMPLE,
        description="Cloud",
        style={"description_width": "initial"},
    )


def explore(frame: pd.DataFrame | Payload | Iterable[Payload]) -> VBox:
    """Return controls for currency, invoice type, partner and as-of day around charts and table.

    Takes the latest payload of each partner and cloud. What goes wrong while drawing is said in
    the widget. Where no kernel runs (an exported notebook, a code host's preview) the widget
    shows the same charts and table of the choices last made.

    Parameters
    ----------
    frame
        As :func:`summary_frame` returns it, of any partners, clouds and currencies; or payloads.
        A frame has no stated totals. Payloads have, and with a list of invoices among them the
        open invoices, their ageing, and how far they explain the balance.

    Returns
    -------
    VBox
        To be shown by a notebook's cell.

    Examples
    --------
    >>> from pcnotebooks import summary_frame, sample_payload
    >>> box = explore(summary_frame(sample_payload()))
    >>> [control.description for control in box.children[0].children]
    ['Currency', 'Invoice type', 'As of']
    """
    explorer = Explorer()
    explorer.show(overview(frame))
    return explorer


class Explorer(VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The controls, and the part of an overview that they choose: currencies and the table."""

    def __init__(self) -> None:
        self.currency = _choice("Currency")
        self.invoice_type = _choice("Invoice type")
        self.partner = _choice("Partner")
        self.as_of = DatePicker(description="As of", style={"description_width": "initial"})
        self.controls = {
            "currency": self.currency,
            "invoice_type": self.invoice_type,
            "partner": self.partner,
            "as_of": self.as_of,
        }
        self._controls = HBox()
        self._banner, self._parts, self._table = HTML(), VBox(), HTML()
        # JupyterLab delivers events on two threads: what they change has one owner at a time.
        self._lock = RLock()
        for control in self.controls.values():
            control.observe(self._on_choice, "value")
        super().__init__(
            [self._controls, self._banner, self._parts, self._table], layout=Layout(width="100%")
        )
        for name in ("pcn", "pcn-explore"):
            self.add_class(name)
        self._controls.add_class("pcn-bar")

    def show(self, whole: Overview) -> None:
        """Show another overview; choices that it offers as well stay."""
        with self._lock:
            self._whole = self._shown = whole
            details = whole.frames.details
            seen = set(details["invoice_type"].dropna())
            types = [name for name in invoice_types(details) if name in seen]
            missing = [NOT_STATED] if details["invoice_type"].isna().any() else []
            offers = {
                "currency": [section.currency for section in whole.sections],
                "invoice_type": [*types, *missing],
                "partner": sorted({line.partner for line in whole.lines}),
            }
            for name, values in offers.items():
                self.controls[name].unobserve(self._on_choice, "value")
                _offer(self.controls[name], values)
                self.controls[name].observe(self._on_choice, "value")
            several = len(offers["partner"]) > 1
            self._controls.children = [
                control for name, control in self.controls.items() if several or name != "partner"
            ]
            self._on_choice()

    def choices(self) -> dict[str, str]:
        """Return what is chosen of currency, invoice type and partner, less what is at All."""
        return {
            name: control.value
            for name, control in self.controls.items()
            if name != "as_of" and control.value is not _ALL
        }

    def choose(self, choices: Mapping[str, Any]) -> None:
        """Choose what is offered of earlier values of the controls."""
        for name, control in self.controls.items():
            if name == "as_of" or choices.get(name) in [value for _, value in control.options]:
                control.value = choices.get(name)

    def text(self) -> str:
        """Return in words what is owed, of what is chosen."""
        return self._shown.text

    def html(self) -> str:
        """Return the view without its controls."""
        widgets = (self._banner, *self._parts.children, self._table)
        return "".join(widget.value for widget in widgets)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Add to the live widget what exporters show in its place."""
        bundle = super()._repr_mimebundle_(**options)
        if isinstance(bundle, dict):
            bundle["text/plain"], bundle["text/html"] = self.text(), self.html()
        return bundle

    def _on_choice(self, _: object = None) -> None:
        with self._lock:
            try:
                self._redraw()
            except Exception as error:  # noqa: BLE001 (a callback's exception is seen nowhere else)
                self._parts.children = []
                self._banner.value = style("widgets.css")
                self._table.value = wrapped(error_html(error))

    def _redraw(self) -> None:
        """Show the part that is chosen, in as many widgets as it has currencies."""
        self._shown = part(self._whole, Choice(**self.choices()), as_of=self.as_of.value)
        banner = _BANNER if self._shown.is_sample else ""
        head = f"{banner}{notes(self._shown.notes)}"
        if sum(len(section.accounts) for section in self._shown.sections) > 1:
            head = f"{head}{first_table(self._shown)}"
        self._banner.value = f"{style('widgets.css')}{wrapped(head)}"
        drawn = [wrapped(self._html_of(section)) for section in self._shown.sections]
        kept = self._parts.children[: len(drawn)]
        for widget in self._parts.children[len(drawn) :]:
            for each in (widget, widget.layout, widget.style):
                each.close()  # or the kernel keeps it for as long as it runs
        parts = [*kept, *(HTML() for _ in drawn[len(kept) :])]
        for widget, html in zip(parts, drawn, strict=True):
            widget.value = html
        self._parts.children = parts
        table = _NOTHING
        if self._shown.lines:
            table = (
                '<div class="pcn-table" tabindex="0" role="region" aria-label="Figures">'
                f"{figures_table(self._shown.lines)}</div>"
            )
        self._table.value = wrapped(f"{table}{assumed(self._shown.assumptions)}")

    def _html_of(self, section: Section) -> str:
        """Return a currency's headline figures, where totals are stated, and its charts."""
        several = len(self._whole.sources) > 1
        head = headlines(section, owners=several) if section.accounts else ""
        charts = charts_of(section.charts, prefix=f"pcn-{self.model_id}-{section.currency}")
        currency = escape(section.currency)
        return (
            f'<section aria-label="{currency}"><p class="pcn-currency">{currency}</p>{head}'
            f"{charts}{by_invoice(section)}</section>"
        )


def _choice(description: str) -> Dropdown:
    """Return a control whose value is one of several, or stands for all of them."""
    return Dropdown(
        options=[("All", _ALL)],
        value=_ALL,
        description=description,
        style={"description_width": "initial"},
    )


def _offer(control: Dropdown, values: Sequence[str]) -> None:
    """Offer other values; the one that is chosen stays where it is among them."""
    chosen = control.value
    control.options = [("All", _ALL), *((named(value), value) for value in values)]
    control.value = chosen if chosen in values else _ALL
