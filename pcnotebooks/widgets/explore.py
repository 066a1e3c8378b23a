"""A notebook widget with charts, tables and controls for currency, type, partner and day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial
from html import escape
from threading import RLock, get_ident
from typing import Any

import pandas as pd
from ipywidgets import HTML, Button, DatePicker, Dropdown, HBox, Layout, VBox
from traitlets import Any as AnyTrait
from traitlets import Dict, observe, validate

from pcnotebooks.clouds import CLOUDS, SAMPLE
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.frame.schema import NOT_STATED, ONE_TIME, RECURRING
from pcnotebooks.frame.selection import as_of_day
from pcnotebooks.overview.build import overview, part
from pcnotebooks.overview.model import Account, Choice, Line, Overview, Section
from pcnotebooks.payload.payload import Payload
from pcnotebooks.report.fragments import (
    assumed,
    by_invoice,
    charts_of,
    figures_table,
    first_notices,
    first_table,
    glances,
    headlines,
    notes,
)
from pcnotebooks.report.markup import error_html, style, wrapped
from pcnotebooks.widgets.choice import Chooser
from pcnotebooks.widgets.rows import Entry, Rows

_FEW = 8  # more buttons, together with All, would need several rows
_WAYS_OUT = {
    "invoice_type": "All types",
    "partner": "All partners",
    "currency": "All currencies",
}


def cloud_picker() -> Dropdown:
    """Return a control to choose a cloud; its ``value`` is a :class:`Cloud`.

    The first option is the sample data, which needs no account. Choosing neither signs in nor
    fetches.

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


def explore(frame: pd.DataFrame | Payload | Iterable[Payload]) -> Explorer:
    """Return an overview with controls for currency, invoice type, partner and day.

    The overview has a row for each account in the latest payload of each partner and cloud. Click
    a row to open its charts and figures. If drawing fails, the widget shows the error. Without a
    kernel, as in an exported notebook or a preview, the widget shows every chosen account.

    Parameters
    ----------
    frame
        A result of :func:`summary_frame`, :func:`totals_frame` or :func:`invoice_frame`, or
        payloads. A frame may have more columns. If it lacks a column, the widget names the view
        that it omits. Totals need payloads; payloads that include a list of invoices also show how
        much of the balance the open invoices explain.

    Returns
    -------
    Explorer
        Put it in the last line of a cell to show it. Its ``value`` (the choices) and its ``frame``
        (the rows shown) can be observed and set.

    Raises
    ------
    ConfigurationError
        If the frame lacks the columns of every view.
    PayloadError
        If a body is not an answer of the service.

    Examples
    --------
    >>> from pcnotebooks import summary_frame, sample_payload
    >>> box = explore(summary_frame(sample_payload()))
    >>> box.value = {"currency": "GBP", "invoice_type": "OneTime"}
    >>> box.frame["balance_amount"].item()
    548138.52
    """
    explorer = Explorer()
    explorer.show(overview(frame))
    return explorer


class Explorer(VBox):  # type: ignore[misc]  # ipywidgets has no types
    """An overview with controls: a row for each account, and details of the open row.

    Create it with :func:`explore`. The controls are ``currency``, ``invoice_type``, ``partner`` and
    ``as_of``. Each can be set in code; None in the first three means all.

    Attributes
    ----------
    value : dict
        The choices: ``currency``, ``invoice_type``, ``partner`` (None for all) and ``as_of``, the
        day for computing days (None if each payload uses its own). Set it to change the choices;
        names that you omit keep their values.
    frame : DataFrame
        The rows shown, as :func:`payment_recency` returns them, or as :func:`invoice_ageing` does
        if only invoices were given. Set it to show another frame.

    Raises
    ------
    ConfigurationError
        If a value is not offered, a day is not a date, or a frame has no view.

    Examples
    --------
    >>> from pcnotebooks import sample_payload
    >>> box = explore(sample_payload())
    >>> box.observe(lambda change: print(len(change["new"]), "rows"), "frame")
    >>> box.value = {"currency": "GBP"}
    2 rows
    >>> box.invoice_type.value = "Recurring"
    1 rows
    >>> box.value["as_of"].isoformat()
    '2018-03-16'
    """

    value = Dict(help="The choices.")
    frame = AnyTrait(help="The rows shown.")

    def __init__(self) -> None:
        # JupyterLab delivers events on two threads: only one of them may change state at a time.
        self.lock = RLock()
        self._owner: int | None = None
        self.currency = Chooser("Currency", every="All", few=_FEW, lock=self.lock)
        self.invoice_type = Chooser("Invoice type", every="All types", few=_FEW, lock=self.lock)
        self.partner = Chooser("Partner", every="All", few=0, lock=self.lock)
        self.as_of = DatePicker(description="As of", style={"description_width": "initial"})
        self._choosers = {
            "currency": self.currency,
            "invoice_type": self.invoice_type,
            "partner": self.partner,
        }
        self.controls = {**self._choosers, "as_of": self.as_of}
        self._bar, self._head, self._columns = HBox(), HTML(), HTML()
        self._rows = Rows(lock=self.lock)
        self._foot = HTML()
        self._ways_out = {name: Button(description=label) for name, label in _WAYS_OUT.items()}
        self._way_out = HBox()
        for control in self.controls.values():
            control.observe(self._on_choice, "value")
        for button in self._ways_out.values():
            button.on_click(self._on_way_out)
        super().__init__(
            [self._bar, self._head, self._columns, self._rows, self._way_out, self._foot],
            layout=Layout(width="100%"),
        )
        for name in ("pcn", "pcn-explore"):
            self.add_class(name)
        for bar in (self._bar, self._way_out):
            bar.add_class("pcn-bar")

    def show(self, whole: Overview) -> None:
        """Show another overview, and keep the choices that it also offers."""
        with self.lock, self.alone():
            kept = self.day
            self._whole = self._shown = whole
            stated = whole.combinations
            self.currency.offer([section.currency for section in whole.sections])
            self.invoice_type.offer(_in_order({each.invoice_type for each in stated}))
            self.partner.offer(
                sorted({each.partner for each in stated if each.partner is not None})
            )
            several = len(self.partner.options) > 2
            self._bar.children = [
                control for name, control in self.controls.items() if several or name != "partner"
            ]
            self.as_of.value = kept or whole.day
            self._redraw()

    def choose(self, choices: Mapping[str, Any]) -> None:
        """Apply those earlier choices that are offered; keep all others."""
        with self.lock, self.alone():
            for name, value in choices.items():
                control = self.controls.get(name)
                if isinstance(control, Chooser) and value in dict(control.options).values():
                    control.value = value
            self.as_of.value = choices.get("as_of") or self.as_of.value
            self._redraw()

    @property
    def chosen(self) -> dict[str, str]:
        """The chosen currency, invoice type and partner, without those that are all."""
        return {
            name: control.value
            for name, control in self._choosers.items()
            if control.value is not None
        }

    @property
    def day(self) -> date | None:
        """The chosen day; None for the day on which the payloads were retrieved."""
        return None if self.as_of.value == self._own_day else self.as_of.value

    @property
    def _own_day(self) -> date | None:
        """The day on which all payloads were retrieved; None if there is no such day."""
        return self._whole.day if hasattr(self, "_whole") else None

    def text(self) -> str:
        """Return the amounts owed, for the current choices, as text."""
        return self._shown.text

    def html(self) -> str:
        """Return the view without its controls, with every chosen account."""
        shown = self._shown
        accounts = [account for section in shown.sections for account in section.accounts]
        table = first_table(shown) if len(accounts) > 1 else first_notices(shown)
        drawn = [entry.detail() for entry in self._entries() if entry.key is not None]
        nothing = "" if shown.sections else f"<p>{escape(shown.nothing)}</p>"
        return f"{self._banner()}{wrapped(f'{table}{nothing}')}{''.join(drawn)}{self._foot.value}"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Add text and HTML to the live widget, for exporters."""
        bundle = super()._repr_mimebundle_(**options)
        if isinstance(bundle, dict):
            bundle["text/plain"], bundle["text/html"] = self.text(), self.html()
        return bundle

    @validate("value")
    def _of_choices(self, proposal: Any) -> dict[str, Any]:
        given: dict[str, Any] = proposal["value"]
        return given if self.is_alone else self.checked(given)

    @observe("value")
    def _on_value(self, change: Any) -> None:
        with self.lock:
            if not self.is_alone:
                with self.alone():
                    for name, value in change["new"].items():
                        self.controls[name].value = value
                    self._redraw()

    @validate("frame")
    def _to_show(self, proposal: Any) -> Any:
        if self.is_alone:
            return proposal["value"]
        self.show(overview(proposal["value"]))
        return self._shown.rows_shown

    def checked(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return a complete value; raise ConfigurationError if a part of it is invalid."""
        if unknown := [name for name in value if name not in self.controls]:
            raise ConfigurationError(
                f"The choice {unknown[0]!r} is unknown.",
                remedy=f"Set one or more of {', '.join(self.controls)}.",
            )
        for name in self._choosers.keys() & value:
            self._choosers[name].require(value[name])
        whole = self.now() | dict(value)
        day = whole["as_of"]
        return whole | {"as_of": self._own_day if day is None else as_of_day(day)}

    def now(self) -> dict[str, Any]:
        """Return the current choices of the controls."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def is_alone(self) -> bool:
        """Whether this thread is changing several parts and will draw them at the end."""
        return self._owner == get_ident()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Suppress redrawing for changes by this thread; the caller must hold the lock."""
        before, self._owner = self._owner, get_ident()
        try:
            yield
        finally:
            self._owner = before

    def _on_choice(self, _: object) -> None:
        with self.lock:
            if not self.is_alone:
                with self.alone():
                    self._redraw()

    def _on_way_out(self, button: Button) -> None:
        for name, label in _WAYS_OUT.items():
            if label == button.description:
                self._choosers[name].value = None

    def _redraw(self) -> None:
        """Show the chosen part, and notify observers."""
        if not hasattr(self, "_whole"):
            return  # nothing has been fetched yet
        if self.as_of.value is None:
            self.as_of.value = self._own_day
        try:
            self._draw()
        except Exception as error:  # noqa: BLE001 (a callback's exception is seen nowhere else)
            self._head.value = f"{style('widgets.css')}{wrapped(error_html(error))}"
            self._columns.value = self._foot.value = ""
            self._way_out.children = []
            self._rows.show([])
            return
        self.value = self.now()
        rows = self._shown.rows_shown
        if self.frame is None or not rows.equals(self.frame):
            self.frame = rows

    def _draw(self) -> None:
        choice = Choice(**self.chosen)
        self._shown = shown = part(self._whole, choice, as_of=self.day)
        fitting = {name: self._whole.fitting(choice, name) for name in self._choosers}
        for name, control in self._choosers.items():
            values = [value for _, value in control.options if value is not None]
            control.bar([value for value in values if value not in fitting[name]])
        entries = self._entries()
        head = first_notices(shown) if len(entries) > 1 else ""
        nothing = "" if shown.sections else f"<p>{escape(shown.nothing)}</p>"
        self._head.value = f"{self._banner()}{wrapped(f'{head}{nothing}')}"
        self._columns.value = wrapped(glances(shown)[0]) if shown.ranked else ""
        self._rows.show(entries)
        chosen = [name for name in _WAYS_OUT if name in self.chosen]
        ways = [name for name in chosen if fitting[name]] or chosen
        self._way_out.children = [] if shown.sections else [self._ways_out[name] for name in ways]
        self._foot.value = wrapped(assumed(shown.assumptions))

    def _banner(self) -> str:
        """Return the source of all charts, stated once, and the notes."""
        source, foot = "", self._shown.foot
        if foot is not None:
            kind = "pcn-sample" if self._shown.is_sample else "assumed"
            source = f'<p class="{kind}">{escape(foot.words)}</p>'
        return f"{style('widgets.css')}{wrapped(f'{source}{notes(self._shown.notes)}')}"

    def _entries(self) -> list[Entry]:
        """Return the rows, those that need attention first; without totals, one per currency."""
        shown = self._shown
        _, cells = glances(shown)
        found = []
        for section in shown.ranked:
            for account in section.ranked:
                key = section.currency, account.owner
                html, drawn = wrapped(cells[key]), partial(self._account, section, account)
                found.append(Entry(key, section.currency, html, drawn))
            if len(section.accounts) > 1:
                html = wrapped(f'<p class="pcn-together">{escape(section.together)}</p>')
                found.append(Entry(None, "", html, str))
        for section in shown.sections:
            if not section.accounts:
                titles = " · ".join(chart.title for chart in section.charts)
                html, drawn = wrapped(f"<p>{escape(titles)}</p>"), partial(self._section, section)
                found.append(Entry((section.currency, ""), section.currency, html, drawn))
        return found

    def _account(self, section: Section, account: Account) -> str:
        """Return the sentence, figures, charts, invoices and table of an account."""
        currency = section.currency
        head = headlines(account, owners=len(self._whole.sources) > 1)
        charts = charts_of(
            account.charts, prefix=f"pcn-{self.model_id}-{currency}{account.number}", foot=False
        )
        return _detail(currency, f"{head}{charts}{by_invoice(account, currency)}", account.lines)

    def _section(self, section: Section) -> str:
        """Return the charts and the table of a currency without stated totals."""
        currency = section.currency
        charts = charts_of(section.charts, prefix=f"pcn-{self.model_id}-{currency}", foot=False)
        lines = [line for line in self._shown.lines if line.currency == currency]
        return _detail(currency, charts, lines)


def _detail(currency: str, html: str, lines: Sequence[Line]) -> str:
    table = ""
    if lines:
        table = (
            f'<div class="pcn-table" tabindex="0" role="region" aria-label="Figures, {currency}">'
            f"{figures_table(lines, currency)}</div>"
        )
    return wrapped(f'<section aria-label="{escape(currency)}">{html}{table}</section>')


def _in_order(types: set[str | None]) -> list[str]:
    """Return Recurring, OneTime, the other invoice types, and Not stated."""
    ends = [RECURRING, ONE_TIME], [NOT_STATED]
    others = sorted({name for name in types if name} - {*ends[0], *ends[1]})
    return [name for name in (*ends[0], *others, *ends[1]) if name in types]
