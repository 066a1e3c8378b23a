"""Controls for currency, invoice type, partner and day around charts and table, for a notebook."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import count
from typing import Any

import pandas as pd
from ipywidgets import HTML, DatePicker, Dropdown, HBox, Layout, VBox
from markupsafe import Markup

from pcnotebooks.chart.svg import svg
from pcnotebooks.clouds import CLOUDS, SAMPLE
from pcnotebooks.frame.build import (
    NOT_STATED,
    SUMMARY_COLUMNS,
    AsOf,
    invoice_types,
    latest,
    recency_of,
    require_frame,
    rows_with,
    split,
    totals_frame,
)
from pcnotebooks.overview.charts import balances_chart, recency_chart, trend_chart
from pcnotebooks.overview.model import (
    Section,
    balances_in_words,
    sections_of,
)
from pcnotebooks.payload.payload import Payload
from pcnotebooks.report.fragments import error_html, figures_table, headlines, style, wrapped

# A value of its own, since None would leave the control blank and ALL is Albania's currency.
_ALL = object()
_BANNER = '<p class="pcn-sample"><strong>Sample data</strong>, not an account</p>'
# More than a currency, type or day chosen back and forth needs; a chart is some 10 kB.
_KEPT = 200
_TO_COME = '<p class="pcn-to-come">Drawing</p>'
# Where the window is narrower than it, a trend is scrolled, by keyboard too.
_WIDE = ' class="pcn-wide" tabindex="0" role="group" aria-label="Trend"'
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


def explore(frame: pd.DataFrame) -> VBox:
    """Return controls for currency, invoice type, partner and as-of day around charts and table.

    Takes the latest payload of each partner and cloud. What goes wrong while drawing is said in
    the widget. Where no kernel runs (an exported notebook, a code host's preview) the widget
    shows the same charts and table of the choices last made.

    Parameters
    ----------
    frame
        As :func:`summary_frame` returns it, of any partners, clouds and currencies.

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
    require_frame(frame, SUMMARY_COLUMNS)
    explorer = Explorer()
    explorer.show(frame)
    return explorer


@dataclass(frozen=True)
class _Chart:
    """A chart to be drawn; the key begins with its kind and tells it from all others."""

    key: tuple[Any, ...]
    rows: pd.DataFrame
    as_of: AsOf | None = None

    @property
    def is_trend(self) -> bool:
        """Whether it takes the whole width."""
        return bool(self.key[0] == "trend")

    def svg(self, prefix: str) -> Markup:
        """Return it drawn; ids begin with the prefix."""
        if self.is_trend:
            return svg(trend_chart(self.rows), prefix=prefix, width=518)
        if self.key[0] == "balances":
            _, only = self.key[1][1:]
            return svg(balances_chart(self.rows, only=only), prefix=prefix)
        return svg(recency_chart(self.rows, as_of=self.as_of), prefix=prefix)


@dataclass(frozen=True)
class _Part:
    """What is shown of one currency."""

    currency: str
    words: str
    head: Markup
    charts: Sequence[_Chart]

    def html(self, drawn: Mapping[Any, Markup]) -> str:
        """Return it with those of its charts that are drawn."""
        charts = "".join(
            f"<div{_WIDE if each.is_trend else ''}>{drawn.get(each.key, _TO_COME)}</div>"
            for each in self.charts
        )
        currency = escape(self.currency)
        return (
            f'<section aria-label="{currency}"><p class="pcn-currency">{currency}</p>{self.head}'
            f'<div class="pcn-charts">{charts}</div></section>'
        )


class Explorer(VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The controls, and the view they drive: a part for each currency, and the table.

    Each chart is drawn once for the same figures. Where an event loop runs, as in a kernel, words
    and table are there at once and the charts follow one by one, so that nothing waits for them.
    """

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
        self._drawn: dict[tuple[Any, ...], Markup] = {}
        self._shown: list[_Part] = []
        self._drawing: asyncio.Task[None] | None = None
        self._choosing = False
        self._numbers = count()
        for control in self.controls.values():
            control.observe(self._redraw, "value")
        super().__init__(
            [self._controls, self._banner, self._parts, self._table], layout=Layout(width="100%")
        )
        for name in ("pcn", "pcn-explore"):
            self.add_class(name)
        self._controls.add_class("pcn-bar")

    def show(self, frame: pd.DataFrame, payloads: Sequence[Payload] = ()) -> None:
        """Show other figures; choices that these have, too, stay.

        With the payloads that the frame was made of, headline figures and trends are shown, too.
        """
        self._payloads = payloads
        self._now = latest(frame)
        self._history = split(totals_frame(*payloads), "currency")
        self._sections: dict[Any, list[Section]] = {}
        self._parts_made: dict[Any, _Part] = {}
        self._drawn.clear()
        seen = set(self._now["invoice_type"].dropna())
        types = [name for name in invoice_types(self._now) if name in seen]
        missing = [NOT_STATED] if self._now["invoice_type"].isna().any() else []
        self._choosing = True
        _offer(self.currency, sorted(set(self._now["currency"])))
        _offer(self.invoice_type, [*types, *missing])
        _offer(self.partner, sorted(set(self._now["partner"])))
        self._choosing = False
        controls = [self.currency, self.invoice_type, self.partner, self.as_of]
        if len(self.partner.options) <= 2:  # All, and the only one
            controls.remove(self.partner)
        self._controls.children = controls
        self._redraw()

    def choices(self) -> dict[str, str]:
        """Return what is chosen of currency, invoice type and partner, less what stands at All."""
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
        sample = "Sample data. " if SAMPLE.name in set(self._now["cloud"]) else ""
        nothing = "No balances are stated." if self._now.empty else "No balance fits the choices."
        return sample + (" ".join(part.words for part in self._shown) or nothing)

    def html(self) -> str:
        """Return the view without controls, every chart drawn."""
        self._draw_now()
        values = (widget.value for widget in (self._banner, *self._parts.children, self._table))
        return "".join(values)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Add to the live widget what exporters show in its place."""
        bundle = super()._repr_mimebundle_(**options)
        if isinstance(bundle, dict):
            bundle["text/plain"], bundle["text/html"] = self.text(), self.html()
        return bundle

    def _redraw(self, _: object = None) -> None:
        if self._choosing:
            return
        if self._drawing:
            self._drawing.cancel()
            self._drawing = None
        try:
            self._show_words()
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                self._draw_now()
            else:
                self._drawing = loop.create_task(self._draw_one_by_one())
        except Exception as error:  # noqa: BLE001 (a callback's exception is seen nowhere else)
            self._refuse(error)

    def _show_words(self) -> None:
        """Show what needs no drawing, with room where the charts will be."""
        chosen = recency_of(rows_with(self._now, **self.choices()), as_of=self.as_of.value)
        sample = SAMPLE.name in set(self._now["cloud"])
        self._banner.value = str(style("widgets.css")) + wrapped(_BANNER if sample else "")
        self._shown = [self._part(*each) for each in sorted(split(chosen, "currency").items())]
        parts = list(self._parts.children[: len(self._shown)])
        parts += [HTML() for _ in self._shown[len(parts) :]]
        for widget in self._parts.children[len(parts) :]:
            for each in (widget, widget.layout, widget.style):
                each.close()
        self._parts.children = parts
        self._fill()
        table = figures_table(chosen) if len(chosen) else None
        self._table.value = wrapped(
            f'<div class="pcn-table" tabindex="0" role="region" aria-label="Figures">{table}</div>'
            if table
            else _NOTHING
        )

    def _part(self, currency: str, rows: pd.DataFrame) -> _Part:
        """Return what is shown of one currency; where nothing else is chosen, as before."""
        partner, invoice_type = (self.choices().get(name) for name in ("partner", "invoice_type"))
        which, as_of = (currency, partner, invoice_type), self.as_of.value
        if (which, as_of) not in self._parts_made:
            history = rows_with(self._history.get(currency, rows[:0]), partner=partner)
            charts = [
                _Chart(("balances", which), rows),
                _Chart(("recency", which, as_of), rows, as_of),
            ]
            if len(set(history["retrieved_at"])) > 1:
                charts.append(_Chart(("trend", currency, partner), history))
            self._parts_made[which, as_of] = self._headed(currency, partner, rows, charts)
        return self._parts_made[which, as_of]

    def _headed(
        self, currency: str, partner: str | None, rows: pd.DataFrame, charts: Sequence[_Chart]
    ) -> _Part:
        """Return charts with the headline figures above, which the payloads state."""
        if not self._payloads:
            return _Part(currency, f"{balances_in_words(rows)}.", Markup(), charts)
        as_of = self.as_of.value
        if as_of not in self._sections:
            self._sections[as_of] = sections_of(self._payloads, as_of=as_of)
        section = next(each for each in self._sections[as_of] if each.currency == currency)
        sentences = " ".join(
            each.sentence for each in section.statements if partner in {None, each.partner}
        )
        return _Part(currency, sentences, headlines(section, partner=partner), charts)

    def _fill(self) -> None:
        """Show each part with the charts that are drawn."""
        for widget, part in zip(self._parts.children, self._shown, strict=True):
            html = wrapped(part.html(self._drawn))
            if widget.value != html:
                widget.value = html

    def _draw_now(self) -> None:
        for wanted in self._missing():
            self._draw(wanted)
        self._fill()

    async def _draw_one_by_one(self) -> None:
        try:
            for wanted in self._missing():
                self._draw(wanted)
                self._fill()
                await asyncio.sleep(0)  # whatever else the kernel was asked comes first
        except Exception as error:  # noqa: BLE001 (as in _redraw)
            self._refuse(error)

    def _missing(self) -> Iterator[_Chart]:
        for part in self._shown:
            yield from (wanted for wanted in part.charts if wanted.key not in self._drawn)

    def _draw(self, wanted: _Chart) -> None:
        while len(self._drawn) >= _KEPT:
            del self._drawn[next(iter(self._drawn))]
        self._drawn[wanted.key] = wanted.svg(f"pcn-{self.model_id}-{next(self._numbers)}")

    def _refuse(self, error: Exception) -> None:
        self._shown, self._parts.children = [], []
        self._banner.value = style("widgets.css")
        self._table.value = wrapped(error_html(error))


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
    control.options = [
        ("All", _ALL), *((value or "Partner not named", value) for value in values)
    ]  # fmt: skip
    control.value = chosen if chosen in values else _ALL
