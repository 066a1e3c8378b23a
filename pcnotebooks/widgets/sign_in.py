"""Sign in from a notebook: a panel with the code, the time left and a Cancel button."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from html import escape
from typing import Any, Protocol

from IPython.core.getipython import get_ipython
from IPython.display import display
from ipywidgets import HTML, Button, HBox, VBox

from pcnotebooks.clouds import Cloud
from pcnotebooks.errors import PcNotebooksError
from pcnotebooks.report.markup import error_html, id_html, style
from pcnotebooks.session.device_code import (
    DeviceCode,
    DeviceSignIn,
    begin_sign_in,
    code_in_words,
)
from pcnotebooks.session.discreet import discreet
from pcnotebooks.session.refusals import refusal
from pcnotebooks.session.session import Session, username
from pcnotebooks.session.settings import Settings, resolve
from pcnotebooks.session.sign_in import remembered, sign_in

# How many seconds to wait for the answer of the login service after a cancellation.
_CANCELLED_WITHIN = 2.0
_NO_PANEL = (
    "This output shows a panel with the sign-in code until you have signed in. If you see no panel,"
    " interrupt the kernel and call sign_in, which prints the code."
)
# Not a widget's button: only the browser can use the clipboard, and the kernel may be on another
# machine. Unlike navigator.clipboard, execCommand also works on a plain http hub. If it fails, the
# code is at least selected.
_COPY = (
    "const field = this.parentElement.querySelector('input'); field.select();"
    " if (document.execCommand('copy')) this.nextElementSibling.textContent = 'Copied';"
)
# JupyterLab's one-letter shortcuts would intercept keys pressed in the field and on the buttons.
_KEYS = 'data-lm-suppress-shortcuts="true"'


async def sign_in_async(
    cloud: str | Cloud | None = None,
    *,
    profile: str | None = None,
    client_id: str | None = None,
    tenant: str | None = None,
    method: str | None = None,
    cache: str | None = None,
    timeout: float | None = None,  # noqa: ASYNC109  the time that the user has to type the code
) -> Session:
    """Sign a user in from a notebook cell; later cells wait until this is done.

    The cell shows a panel with the page to open, the code, the time left and a Cancel button, or
    text if the front end has no widgets. After the sign-in, one line replaces the panel; the code
    is not saved in the notebook.

    Parameters
    ----------
    cloud, profile, client_id, tenant, method, cache, timeout
        As for :func:`sign_in`.

    Raises
    ------
    ConfigurationError
        If there is no client id, or the settings cannot work. Nothing was sent.
    SignInError
        If the sign-in is refused, declined, cancelled or too late, or the login service cannot be
        reached. The error has ``code``, the ids and the remedy.

    Examples
    --------
    >>> from pcnotebooks import sign_in_async
    >>> session = await sign_in_async("global", client_id="...")  # doctest: +SKIP
    """
    settings = resolve(
        cloud, profile=profile, client_id=client_id, tenant=tenant, cache=cache, method=method
    )
    return await sign_in_at(_Output(), settings, timeout=timeout)


class Place(Protocol):
    """An area that shows a sign-in; each message replaces the previous one."""

    def ask(self, panel: VBox) -> None:
        """Show the panel with the sign-in instructions."""

    def say(self, text: str, html: str | None = None) -> None:
        """Show the status in one line."""

    def refuse(self, error: PcNotebooksError) -> None:
        """Show an error and its remedy."""


# The stack frames below hold the code: a verbose traceback would show it in the saved notebook.
@discreet
async def sign_in_at(
    place: Place,
    settings: Settings,
    *,
    timeout: float | None = None,  # noqa: ASYNC109  as above
) -> Session:
    """Sign a user in, and show the progress at the caller's place."""
    try:
        if settings.is_app:
            session = await asyncio.to_thread(remembered, settings)
        elif settings.method == "device_code":
            place.say(f"Signing in to {_name(settings.cloud)}.")
            session = await _by_code(settings, place, timeout)
        else:
            place.say(
                f"Signing in to {_name(settings.cloud)}: continue in the browser that opens on"
                " this machine. To cancel, interrupt the kernel."
            )
            session = await asyncio.to_thread(
                sign_in, settings.cloud, profile=settings.profile, client_id=settings.client_id,
                tenant=settings.tenant, method="browser", cache=settings.cache, timeout=timeout,
            )  # fmt: skip
    except PcNotebooksError as error:
        place.refuse(error)
        raise
    except (KeyboardInterrupt, asyncio.CancelledError):
        place.say("The sign-in was interrupted. Run the cell again to sign in.")
        raise
    except BaseException:
        place.say("The sign-in failed.")
        raise
    place.say(*signed_in(session, settings))
    return session


async def _by_code(settings: Settings, place: Place, seconds: float | None) -> Session:
    """Return the session of the user who types the code, or a cached session."""
    started = await asyncio.to_thread(begin_sign_in, settings, timeout=seconds)
    if isinstance(started, Session):
        return started
    panel = _Panel(started)
    waiting = asyncio.ensure_future(asyncio.to_thread(started.wait))
    # After a cancellation, nothing reads the result; reading it here avoids a warning.
    waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        place.ask(panel)
        while not waiting.done() and not panel.given_up:
            panel.tick()
            await asyncio.wait({waiting}, timeout=1)
        if waiting.done():
            return waiting.result()
    finally:
        started.cancel()
    raise refusal(settings, {"error": "cancelled"})


class _Panel(VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The instructions to sign in, with the time left and a Cancel button."""

    def __init__(self, started: DeviceSignIn) -> None:
        self._started = started
        self._cancelled_at: float | None = None
        self._code = HTML(_code_html(started.code))
        self._state = HTML()
        self._left = HTML()
        self._cancel = Button(description="Cancel", tooltip="Cancel this sign-in")
        self._cancel.on_click(self._give_up)
        self._foot = HBox([self._state, self._left, self._cancel])
        super().__init__([self._code, self._foot])
        self.add_class("pcn")
        self.add_class("pcn-sign-in")
        self._foot.add_class("pcn-foot")
        self._state.add_class("pcn-state")
        self.tick()

    @property
    def given_up(self) -> bool:
        """Whether it was cancelled and the login service did not answer in time."""
        return (
            self._cancelled_at is not None
            and time.monotonic() - self._cancelled_at > _CANCELLED_WITHIN
        )

    def in_words(self) -> str:
        """Return the instructions as text, for a front end without widgets."""
        return code_in_words(self._started.code)

    def tick(self) -> None:
        """Show the time left. Screen readers announce the state, so it changes rarely."""
        left = max(0, int((self._started.code.expires_at - datetime.now(UTC)).total_seconds()))
        words = "Waiting for you to sign in."
        if self._cancelled_at is not None:
            words = "Cancelling."
        elif left < 60:
            words = "Waiting for you to sign in: less than a minute is left."
        self._state.value = f'<span role="status">{words}</span>'
        self._left.value = (
            f'<span role="timer" aria-label="Time left">{left // 60}:{left % 60:02} left</span>'
        )

    def discard(self) -> None:
        """Remove the code from every widget, and the widgets from the saved notebook."""
        self._code.value = self._state.value = self._left.value = ""
        for widget in (self, self._foot, *self.children[:1], *self._foot.children):
            for part in (widget, widget.layout, getattr(widget, "style", None)):
                if part is not None:
                    part.close()

    def _give_up(self, _: object) -> None:
        self._cancelled_at = time.monotonic()
        self._cancel.disabled = True
        self._started.cancel()
        self.tick()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Add text to the live widget, without the code if a server may save the notebook."""
        bundle = super()._repr_mimebundle_(**options)
        if isinstance(bundle, dict):
            saved = "JPY_SESSION_NAME" in os.environ  # Jupyter servers set it for their kernels
            bundle["text/plain"] = _NO_PANEL if saved else self.in_words()
        return bundle


class _Output:
    """A place in the cell's output; each message replaces the previous one.

    Outside IPython there is no such place, and only the code is printed.
    """

    def __init__(self) -> None:
        self._handle: Any = None
        self._panel: _Panel | None = None

    def ask(self, panel: _Panel) -> None:
        self._panel = panel
        if get_ipython() is None:
            print(panel.in_words())  # noqa: T201  as sign_in does
        elif self._handle is not None:
            self._handle.update(panel)

    def say(self, text: str, html: str | None = None) -> None:
        self._show(text, f'<p role="status">{html or escape(text)}</p>')

    def refuse(self, error: PcNotebooksError) -> None:
        self._show(str(error), error_html(error))

    def _show(self, text: str, html: str) -> None:
        bundle = {
            "text/plain": text,
            "text/html": f'<div class="pcn pcn-line">{style("widgets.css")}{html}</div>',
        }
        if self._handle is not None:
            self._handle.update(bundle, raw=True)
        elif get_ipython() is not None:
            self._handle = display(bundle, raw=True, display_id=True)
        if self._panel is not None:
            self._panel.discard()
            self._panel = None


def _name(cloud: Cloud) -> str:
    return cloud.label or cloud.name


def signed_in(session: Session, settings: Settings) -> tuple[str, str]:
    """Return a sentence with the user, the cloud and the tenant, as text and as HTML."""
    tenant: str | None = settings.tenant
    if tenant in ("organizations", "common"):
        # These names mean any tenant; the real one is the partner's label unless that was given.
        tenant = session.partner if settings.partner is None else None
    user = username(session)
    place = _name(session.cloud)
    text = f"Signed in{f' as {user}' if user else ''} at {place}"
    html = f"Signed in{f' as <strong>{escape(user)}</strong>' if user else ''} at {escape(place)}"
    if tenant:
        text, html = f"{text}, tenant {tenant}", f"{html}, tenant {id_html(tenant)}"
    return f"{text}.", f"{html}."


def _code_html(code: DeviceCode) -> str:
    name, url = escape(_name(code.cloud)), escape(code.url)
    page = f'<a href="{url}" target="_blank" rel="noopener noreferrer" {_KEYS}>{url}</a>'
    return (
        f'<div class="pcn" role="group" aria-label="Sign in to {name}">{style("widgets.css")}'
        f'<p class="pcn-heading">Sign in to {name}</p>'
        f"<p>Open {page} in any browser and type this code:</p>"
        f'<p class="pcn-code"><input readonly aria-label="Code" value="{escape(code.code)}"'
        f' size="{len(code.code) + 1}" autocomplete="off" spellcheck="false"'
        f' onfocus="this.select()" {_KEYS}>'
        f'<button type="button" onclick="{_COPY}" {_KEYS}>Copy</button>'
        '<span role="status"></span></p>'
        "<p><strong>Type it only if it was you who started this sign-in</strong><br>"
        f"for app {id_html(code.client_id)}, at {name}, tenant {id_html(code.tenant)}.</p></div>"
    )
