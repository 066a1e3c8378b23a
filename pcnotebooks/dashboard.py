"""Controls around the charts, for a notebook."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd
from ipywidgets import HTML, DatePicker, Dropdown, HBox, Layout, VBox

from pcnotebooks.charts import plot_balances, plot_payment_recency
from pcnotebooks.clouds import CLOUDS, SAMPLE
from pcnotebooks.errors import PcNotebooksError
from pcnotebooks.frames import (
    INVOICE_COLUMNS,
    NOT_STATED,
    invoice_types,
    latest,
    recency_of,
    require_frame,
    rows_with,
)
from pcnotebooks.report import (
    balances_in_words,
    chart,
    figures_table,
    recency_in_words,
    style,
)

# A value of its own, since None would leave the control blank and ALL is Albania's currency.
_ALL = object()
_BANNER = '<p class="pcn-sample"><strong>Sample data</strong>, not an account</p>'


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
        options=[(cloud.label, cloud) for cloud in clouds], value=SAMPLE, description="Cloud"
    )


def explore(frame: pd.DataFrame) -> VBox:
    """Return controls for currency, invoice type, partner and as-of day around charts and table.

    Takes the latest payload of each partner and cloud. What goes wrong while drawing is said in
    the widget. Where no kernel runs (an exported notebook, a code host's preview) the widget
    shows the same charts and table of the choices last made.

    Parameters
    ----------
    frame
        As :func:`invoice_frame` returns it, of any partners, clouds and currencies.

    Returns
    -------
    VBox
        To be shown by a notebook's cell.

    Examples
    --------
    >>> from pcnotebooks import invoice_frame, sample_payload
    >>> box = explore(invoice_frame(sample_payload()))
    >>> [control.description for control in box.children[0].children]
    ['Currency', 'Invoice type', 'As of']
    """
    return _Explorer(frame)


class _Explorer(VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The controls, the view they drive, and the view without a kernel."""

    def __init__(self, frame: pd.DataFrame) -> None:
        require_frame(frame, INVOICE_COLUMNS)
        self._now = latest(frame)
        self._currency = _choice("Currency", sorted(set(self._now["currency"])))
        seen = set(self._now["invoice_type"].dropna())
        types = [name for name in invoice_types(self._now) if name in seen]
        missing = [NOT_STATED] if self._now["invoice_type"].isna().any() else []
        self._invoice_type = _choice("Invoice type", [*types, *missing])
        self._partner = _choice("Partner", sorted(set(self._now["partner"])))
        self._as_of = DatePicker(description="As of")
        self._view = HTML()
        controls = [self._currency, self._invoice_type, self._partner, self._as_of]
        if len(self._partner.options) <= 2:  # All, and the only one
            controls.remove(self._partner)
        for control in controls:
            control.observe(self._redraw, "value")
        super().__init__(
            [HBox(controls, layout=Layout(flex_flow="row wrap")), self._view],
            layout=Layout(width="100%"),
        )
        self.add_class("pcn-explore")
        self._redraw()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Add to the live widget what exporters show in its place."""
        bundle = super()._repr_mimebundle_(**options)
        if isinstance(bundle, dict):
            bundle["text/html"] = self._view.value
        return bundle

    def _redraw(self, _: object = None) -> None:
        try:
            self._view.value = self._html()
        except PcNotebooksError as error:
            self._view.value = _error_html(error.message, error.remedy or "")
        except Exception as error:  # noqa: BLE001 (a callback's exception is seen nowhere else)
            remedy = "Run the cell again; if it stays so, report it with this line."
            self._view.value = _error_html(f"{type(error).__name__}: {error}", remedy)

    def _html(self) -> str:
        chosen = rows_with(
            self._now,
            currency=_chosen(self._currency),
            partner=_chosen(self._partner),
            invoice_type=_chosen(self._invoice_type),
        )
        as_of = self._as_of.value
        prefix = f"pcn-{self.model_id}"
        recency = recency_of(chosen, as_of=as_of)
        charts = []
        for currency in sorted(set(chosen["currency"])):
            rows = rows_with(chosen, currency=currency)
            words = balances_in_words(rows)
            charts.append(
                chart(plot_balances, rows, words, prefix=f"{prefix}-{currency}", width=4.6)
            )
        words = recency_in_words(recency)
        charts.append(
            chart(plot_payment_recency, chosen, words, prefix=prefix, width=4.6, as_of=as_of)
        )
        sample = SAMPLE.name in set(chosen["cloud"])
        return (
            f'<div class="pcn">{style("explore.css")}{_BANNER if sample else ""}'
            f'<div class="pcn-charts">{"".join(charts)}</div>'
            '<div class="pcn-table" tabindex="0" role="region" aria-label="Figures">'
            f"{figures_table(recency)}</div></div>"
        )


def _choice(description: str, values: list[str]) -> Dropdown:
    """Return a control whose value is one of the values, or stands for all of them."""
    options = [("All", _ALL), *((value or "Partner not named", value) for value in values)]
    return Dropdown(options=options, value=_ALL, description=description)


def _chosen(control: Dropdown) -> str | None:
    return None if control.value is _ALL else control.value


def _error_html(message: str, remedy: str) -> str:
    return (
        f'<div class="pcn">{style("explore.css")}<p class="pcn-error" role="alert">'
        f"<strong>{escape(message)}</strong><br>{escape(remedy)}</p></div>"
    )
