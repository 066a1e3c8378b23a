"""A table whose rows open with a click, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import RLock

from ipywidgets import HTML, Button, HBox, VBox


@dataclass(frozen=True)
class Entry:
    """The content of a row; a row without a key cannot be opened."""

    key: tuple[str, str] | None  # currency and owner
    label: str
    html: str
    detail: Callable[[], str]  # called only if the row is open


class Rows(VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Rows that open by mouse and keyboard; a single row is open from the start."""

    def __init__(self, *, lock: RLock) -> None:
        self._lock = lock
        self._entries: Sequence[Entry] = ()
        self._chosen: tuple[str, str] | None = None
        self._closed = False
        super().__init__()
        self.add_class("pcn-rows")

    @property
    def opened(self) -> tuple[str, str] | None:
        """The currency and the owner of the open row; None if none is open."""
        keys = [entry.key for entry in self._entries if entry.key is not None]
        if self._chosen in keys:
            return self._chosen
        return keys[0] if len(keys) == 1 and not self._closed else None

    def show(self, entries: Sequence[Entry]) -> None:
        """Show other rows; the open row stays open if it is among them."""
        with self._lock:
            if [each.key for each in entries] != [each.key for each in self._entries]:
                self._closed = False
            self._entries = entries
            self._draw()

    def open_row(self, key: tuple[str, str] | None) -> None:
        """Open a row and close the others; None closes all."""
        with self._lock:
            self._chosen, self._closed = key, key is None
            self._draw()

    def _draw(self) -> None:
        """Update the rows that changed, and close those that are no longer shown."""
        shown: tuple[_Row, ...] = self.children  # type: ignore[has-type]
        kept = shown[: len(self._entries)]
        for row in shown[len(self._entries) :]:
            row.discard()
        rows = [*kept, *(_Row(self._on_click) for _ in self._entries[len(kept) :])]
        opened = self.opened
        for row, entry in zip(rows, self._entries, strict=True):
            row.show(entry, is_open=entry.key is not None and entry.key == opened)
        if len(rows) != len(shown):
            self.children = rows

    def _on_click(self, button: Button) -> None:
        with self._lock:
            rows = zip(self.children, self._entries, strict=True)
            keys = [entry.key for row, entry in rows if row.button is button]
            if keys:
                self.open_row(None if keys[0] == self.opened else keys[0])


class _Row(VBox):  # type: ignore[misc]  # as above
    def __init__(self, on_click: Callable[[Button], None]) -> None:
        self.button, self._cells, self._detail = Button(), HTML(), HTML()
        self.button.on_click(on_click)
        self._head = HBox([self.button, self._cells])
        self._head.add_class("pcn-row")
        super().__init__([self._head])

    def show(self, entry: Entry, *, is_open: bool) -> None:
        self.button.layout.visibility = "visible" if entry.key else "hidden"
        self.button.description = entry.label
        self.button.icon = "caret-down" if is_open else "caret-right"
        self.button.tooltip = f"{'Close' if is_open else 'Open'} {' · '.join(entry.key or ())}"
        self._cells.value = entry.html
        self._detail.value = entry.detail() if is_open else ""
        self.children = [self._head, self._detail] if is_open else [self._head]

    def discard(self) -> None:
        for each in (self, self._head, self.button, self._cells, self._detail):
            for part in (each, each.layout, getattr(each, "style", None)):
                if part is not None:
                    part.close()  # otherwise the kernel keeps it until it ends
