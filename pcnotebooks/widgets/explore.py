"""Controls for currency, invoice type, partner and day around charts and table, for a notebook."""

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
    error_html,
    figures_table,
    first_notices,
    first_table,
    glances,
    headlines,
    notes,
    style,
    wrapped,
)
from pcnotebooks.widgets.choice import Chooser
from pcnotebooks.widgets.rows import Entry, Rows

_FEW = 8  # more buttons than these and All would fill several rows
_BANNER = '<p class="pcn-sample"><strong>Sample data</strong>, not an account{}</p>'
_WAYS_OUT = {
    "invoice_type": "All types",
    "partner": "All partners",
    "currency": "All currencies",
}


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


def explore(frame: pd.DataFrame | Payload | Iterable[Payload]) -> Explorer:
    """Return controls for currency, invoice type, partner and day around an overview.

    Shows a row for each account of the latest payload of each partner and cloud; a click on a
    row opens its charts and figures. An error while drawing is shown in the widget. Where no
    kernel runs (an exported notebook, a preview) the widget shows every account that is chosen.

    Parameters
    ----------
    frame
        A frame as :func:`summary_frame`, :func:`totals_frame` or :func:`invoice_frame` returns
        it, or payloads. A frame may have further columns. If it lacks a column, the widget names
        the view that is left out. Only payloads state totals, and with a list of invoices how
        far the open invoices explain the balance.

    Returns
    -------
    Explorer
        Show it as the last line of a cell. Its ``value`` (the choices) and its ``frame`` (the
        rows shown) can be observed and set.

    Raises
    ------
    ConfigurationError
        For a frame that lacks the columns of every view.
    PayloadError
        For a body that is not an answer of the service.

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
    """Controls around an overview: a row for each account, and the account of the open row.

    Made by :func:`explore`. The controls are ``currency``, ``invoice_type``, ``partner`` and
    ``as_of``. Each may be set in code; the first three are None for all.

    Attributes
    ----------
    value : dict
        What is chosen: ``currency``, ``invoice_type``, ``partner`` (None for all) and ``as_of``,
        the day from which days are counted (None if each payload has its own). To choose, set it:
        names that are left out stay as they are.
    frame : DataFrame
        The rows that are shown, as :func:`payment_recency` returns them; those of
        :func:`invoice_ageing` if only invoices were given. Set it to show another frame.

    Raises
    ------
    ConfigurationError
        For a value that is not offered, a day that is not a date, or a frame without any view.

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

    value = Dict(help="What is chosen.")
    frame = AnyTrait(help="The rows that are shown.")

    def __init__(self) -> None:
        # JupyterLab delivers events on two threads: what they change has one owner at a time.
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
        """Show another overview; choices that it offers as well stay."""
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
        """Choose what is offered of earlier choices; all else stays."""
        with self.lock, self.alone():
            for name, value in choices.items():
                control = self.controls.get(name)
                if isinstance(control, Chooser) and value in dict(control.options).values():
                    control.value = value
            self.as_of.value = choices.get("as_of") or self.as_of.value
            self._redraw()

    @property
    def chosen(self) -> dict[str, str]:
        """What is chosen of currency, invoice type and partner, less what is at all."""
        return {
            name: control.value
            for name, control in self._choosers.items()
            if control.value is not None
        }

    @property
    def day(self) -> date | None:
        """The day that was chosen; None for the day on which the payloads were retrieved."""
        return None if self.as_of.value == self._own_day else self.as_of.value

    @property
    def _own_day(self) -> date | None:
        """The day on which all that is shown was retrieved; None without any."""
        return self._whole.day if hasattr(self, "_whole") else None

    def text(self) -> str:
        """Return in words what is owed, of what is chosen."""
        return self._shown.text

    def html(self) -> str:
        """Return the view without its controls, with every account that is chosen."""
        shown = self._shown
        accounts = [account for section in shown.sections for account in section.accounts]
        table = first_table(shown) if len(accounts) > 1 else first_notices(shown)
        drawn = [entry.detail() for entry in self._entries() if entry.key is not None]
        nothing = "" if shown.sections else f"<p>{escape(shown.nothing)}</p>"
        return f"{self._banner()}{wrapped(f'{table}{nothing}')}{''.join(drawn)}{self._foot.value}"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Add to the live widget what exporters show in its place."""
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
        """Return a value with all its names; raise in words for a bad one."""
        if unknown := [name for name in value if name not in self.controls]:
            raise ConfigurationError(
                f"There is no choice named {unknown[0]!r}.",
                remedy=f"The choices are {', '.join(self.controls)}.",
            )
        for name in self._choosers.keys() & value:
            self._choosers[name].require(value[name])
        whole = self.now() | dict(value)
        day = whole["as_of"]
        return whole | {"as_of": self._own_day if day is None else as_of_day(day)}

    def now(self) -> dict[str, Any]:
        """Return what the controls choose."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def is_alone(self) -> bool:
        """Whether this thread changes several parts at once, and draws them in the end."""
        return self._owner == get_ident()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let what this thread changes meanwhile cause nothing by itself; needs the lock."""
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
        """Show the part that is chosen; tell all that observe."""
        if not hasattr(self, "_whole"):
            return  # nothing was fetched yet
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
        """Return the source of all charts, once, and the notes."""
        shown = self._shown
        when = f"etrieved {escape(shown.retrieved)}" if shown.retrieved else ""
        if shown.is_sample:
            source = _BANNER.format(f" · r{when}" if when else "")
        else:
            source = f'<p class="assumed">R{when}</p>' if when else ""
        return f"{style('widgets.css')}{wrapped(f'{source}{notes(shown.notes)}')}"

    def _entries(self) -> list[Entry]:
        """Return the rows, what needs attention first; without stated totals one a currency."""
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
        """Return an account's sentence, figures, charts, invoices and table."""
        currency = section.currency
        head = headlines(account, owners=len(self._whole.sources) > 1)
        charts = charts_of(
            account.charts, prefix=f"pcn-{self.model_id}-{currency}{account.number}", foot=False
        )
        return _detail(currency, f"{head}{charts}{by_invoice(account, currency)}", account.lines)

    def _section(self, section: Section) -> str:
        """Return the charts and the table of a currency whose totals are not stated."""
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
