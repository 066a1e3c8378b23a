"""The area of a dashboard that shows sign-in, progress and errors."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from ipywidgets import HTML, Button, Layout, VBox

from pcnotebooks.report.markup import error_html


class Place(VBox):  # type: ignore[misc]  # ipywidgets has no types
    """An area that shows a sign-in, progress or an error; each replaces the previous one."""

    def __init__(
        self, *, try_again: Callable[[object], None], cancel: Callable[[object], None]
    ) -> None:
        super().__init__(layout=Layout(width="100%"))
        self._html = HTML()
        self._try_again, self._cancel = (
            Button(description=name, layout=Layout(align_self="flex-start", flex="0 0 auto"))
            for name in ("Try again", "Cancel")
        )
        self._try_again.on_click(try_again)
        self._cancel.on_click(cancel)
        self._panel: Any = None

    def clear(self) -> None:
        """Show nothing."""
        self._show("")

    def ask(self, panel: VBox) -> None:
        """Show the panel of a sign-in."""
        self._panel = panel
        self.children = [panel]

    def say(self, text: str, html: str | None = None) -> None:
        """Show a line of text."""
        self._show(f'<p role="status">{html or escape(text)}</p>')

    def wait(self, text: str) -> None:
        """Show that work of unknown duration is in progress."""
        self._show(
            f'<p role="status">{escape(text)}</p><progress aria-label="In progress"></progress>',
            self._cancel,
        )

    def refuse(self, error: Exception) -> None:
        """Show an error, and a button to try again."""
        self._show(error_html(error), self._try_again)

    def _show(self, html: str, *more: Any) -> None:
        self._html.value = f'<div class="pcn pcn-line">{html}</div>'
        self.children = [self._html, *more]
        if self._panel is not None:
            self._panel.discard()
            self._panel = None
