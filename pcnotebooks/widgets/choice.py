"""A control to choose one of several values: a row of buttons for few, a list for many."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from threading import RLock
from typing import Any

from ipywidgets import HTML, Dropdown, HBox, Layout, RadioButtons
from traitlets import Any as AnyTrait
from traitlets import observe, validate

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.text import named

# A list shows None as empty, and any string may be the name of a partner.
_ALL = object()


class Chooser(HBox):  # type: ignore[misc]  # ipywidgets has no types
    """A control whose ``value`` is one of several values, or None for all of them.

    Few values are shown as a row of buttons, many as a list. Values that match no rows are hidden.
    """

    value = AnyTrait(None, allow_none=True, help="The chosen value; None for all.")

    def __init__(self, description: str, *, every: str, few: int, lock: RLock) -> None:
        self.description, self.every = description, every
        self.impossible: tuple[str, ...] = ()
        self._few, self._lock = few, lock
        self._values: tuple[str, ...] = ()
        self._control: Any = None
        self._rule = HTML(layout=Layout(display="none"))
        super().__init__()
        for name in ("pcn-choice", f"pcn-choice-{self.model_id}"):
            self.add_class(name)
        self.offer([])

    @property
    def options(self) -> tuple[tuple[str, str | None], ...]:
        """The labels and values that can be chosen."""
        return ((self.every, None), *((named(value), value) for value in self._values))

    @property
    def label(self) -> str:
        """The label of the chosen value."""
        return next(label for label, value in self.options if value == self.value)

    @label.setter
    def label(self, label: str) -> None:
        self.value = dict(self.options).get(label, label)  # an unknown label is refused

    def offer(self, values: Sequence[str]) -> None:
        """Offer other values; the chosen value is kept if it is among them."""
        with self._lock:
            if self._control is not None and self._values == tuple(values):
                return
            self._values = tuple(values)
            if self.value not in self._values:
                self.value = None
            kind = RadioButtons if len(values) <= self._few else Dropdown
            before, self._control = (
                self._control,
                kind(
                    options=[
                        (label, _ALL if value is None else value) for label, value in self.options
                    ],
                    description=self.description,
                    style={"description_width": "initial"},
                ),
            )
            self._show()
            self._control.observe(self._on_control, "index")
            self.bar(())
            self.children = [self._control, self._rule]
            if before is not None:
                for each in (before, before.layout, before.style):
                    each.close()  # otherwise the kernel keeps it until it ends

    def bar(self, values: Collection[str]) -> None:
        """Hide these values for now, except the chosen value."""
        with self._lock:
            self.impossible = tuple(
                value for value in self._values if value in values and value != self.value
            )
            # Changing the options would change the meaning of the index in a pending click, so a
            # style sheet hides them. The first place is All.
            places = [f":nth-child({self._values.index(each) + 2})" for each in self.impossible]
            hidden = f":is(.widget-radio-box label, option):is({', '.join(places)})"
            self._rule.value = (
                f"<style>.pcn-choice-{self.model_id} {hidden} {{ display: none }}</style>"
                if places
                else ""
            )

    def require(self, value: object) -> None:
        """Raise ConfigurationError if a value is not offered."""
        if value is not None and value not in self._values:
            what = self.description.lower()
            raise ConfigurationError(
                f"The {what} {value!r} is not available.",
                remedy=f"Choose one of: {', '.join((*self._values, 'None (all)'))}.",
            )

    @validate("value")
    def _of_those_offered(self, proposal: Any) -> Any:
        self.require(proposal["value"])
        return proposal["value"]

    @observe("value")
    def _on_value(self, _: object) -> None:
        with self._lock:
            if self._control is not None:
                self._show()

    def _show(self) -> None:
        self._control.index = 0 if self.value is None else self._values.index(self.value) + 1

    def _on_control(self, change: Any) -> None:
        with self._lock:
            control = change["owner"]
            if control is self._control and control.index is not None:
                self.value = self.options[control.index][1]
