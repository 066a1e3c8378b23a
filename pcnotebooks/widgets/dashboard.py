"""The service's balances in one cell: choose the cloud, sign in, fetch, look, hand on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Button, Dropdown, HBox, Layout, VBox

from pcnotebooks.clouds import CLOUDS, SAMPLE, Cloud, get_cloud
from pcnotebooks.errors import PcNotebooksError, SignInError
from pcnotebooks.overview.build import overview
from pcnotebooks.overview.model import Overview
from pcnotebooks.overview.words import not_fetched
from pcnotebooks.payload.decode import INVOICES, SUMMARIES
from pcnotebooks.payload.payload import Payload
from pcnotebooks.payload.sample import sample_payload
from pcnotebooks.report.fragments import error_html, wrapped
from pcnotebooks.service.fetch_many import fetch_all
from pcnotebooks.session.session import Session
from pcnotebooks.session.settings import cloud_of, load_profile, load_profiles, resolve
from pcnotebooks.widgets.explore import Explorer, cloud_picker
from pcnotebooks.widgets.hand_on import HANDED_ON
from pcnotebooks.widgets.place import Place
from pcnotebooks.widgets.sign_in import sign_in_at, signed_in

if TYPE_CHECKING:
    from pcnotebooks.history.history import History

_RESOURCES = (SUMMARIES, INVOICES)
# The choices last made in this kernel, for a cell that is run again.
_LAST: dict[str, Any] = {}


def dashboard(
    *,
    cloud: str | Cloud | None = None,
    profile: str | None = None,
    client_id: str | None = None,
    tenant: str | None = None,
    history: History | str | os.PathLike[str] | None = None,
    payloads: Payload | Iterable[Payload] = (),
) -> VBox:
    """Return the whole way in one cell: cloud, sign-in, balances, invoices and hand-off.

    Shows the sample data, or what is given, until a cloud is chosen and signed in to; nothing is
    sent before a button is pressed. The balances and the list of invoices are fetched together;
    if one of them fails, the other is shown with the reason. Below the figures is the code that
    gives them.

    Parameters
    ----------
    cloud, profile, client_id, tenant
        Where to sign in and as whom, as for :func:`sign_in`; cloud and profile can be chosen in
        the dashboard, too.
    history
        A :class:`History` or its location. What it holds of the cloud gives trends, and what is
        fetched is kept in it.
    payloads
        Payloads to show from the start, of any partners, clouds and times.

    Returns
    -------
    VBox
        To be shown by a notebook's cell. A cell that is run again keeps the choices, but neither
        sign-ins nor figures: those last with a token cache and a history.

    Raises
    ------
    ConfigurationError
        For a cloud, a profile or a history that there is none of.
    PayloadError
        For a payload that is not what the service states invoice summaries in.

    See Also
    --------
    explore : The same controls around a frame of your own.

    Examples
    --------
    >>> box = dashboard()
    >>> "GBP 751,094.39 owed" in box.text().replace("\N{NO-BREAK SPACE}", " ")
    True
    """
    given = [payloads] if isinstance(payloads, Payload) else list(payloads)
    if isinstance(history, str | os.PathLike):
        from pcnotebooks.history.history import History  # noqa: PLC0415  pyarrow, for who has a history

        history = History(history)
    if profile is not None:
        load_profile(profile)  # which says if there is none
    elif _LAST.get("profile") in load_profiles():
        profile = _LAST["profile"]
    chosen = _first_cloud(cloud, profile, history, given)
    return _Dashboard(chosen, profile, {"client_id": client_id, "tenant": tenant}, history, given)


def _first_cloud(
    cloud: str | Cloud | None,
    profile: str | None,
    history: History | None,
    payloads: Sequence[Payload],
) -> Cloud:
    """Return the cloud to begin with: as told, last chosen, of what is given, or the sample's."""
    if cloud is not None:
        return SAMPLE if cloud == SAMPLE.name else get_cloud(cloud)
    if profile is not None and "cloud" not in _LAST:
        return cloud_of(profile)
    names = [payload.cloud for payload in payloads]
    if history is not None and not names and not history.is_empty:
        names = history.totals().sort_values("retrieved_at")["cloud"].tolist()
    last: Cloud | None = _LAST.get("cloud")
    if last is not None and (last.name in names or not names):
        return last
    name = names[-1] if names else SAMPLE.name
    return SAMPLE if name == SAMPLE.name else get_cloud(name)


class _Dashboard(VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Where payloads come from, the explorer that shows them, and where they go."""

    def __init__(
        self,
        cloud: Cloud,
        profile: str | None,
        named: Mapping[str, str | None],
        history: History | None,
        payloads: Sequence[Payload],
    ) -> None:
        self._named, self._history, self._given = named, history, payloads
        self._fetched: dict[tuple[Cloud, str | None], list[Payload]] = {}
        self._missing: dict[tuple[Cloud, str | None], list[tuple[str, str]]] = {}
        self._kept: dict[str, list[Payload]] = {}
        self._sessions: dict[tuple[Cloud, str | None], Session] = {}
        self._working: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._overview: Overview | None = None

        self._cloud, self._profile = cloud_picker(), _profile_picker(profile)
        self._offer(cloud)
        self._fetch = Button(layout=Layout(width="auto"))
        self._state = HTML()
        self._place = Place(try_again=self._on_fetch, cancel=self._on_cancel)
        self._explorer = Explorer()
        self._line, self._saved = HTML(), HTML()
        self._hand_on = HBox([Button(description=name) for name in HANDED_ON])
        self._shown = VBox([self._explorer, self._line, self._hand_on, self._saved])

        self._cloud.observe(self._on_cloud, "value")
        self._profile.observe(self._on_profile, "value")
        self._fetch.on_click(self._on_fetch)
        for control in self._explorer.controls.values():
            control.observe(self._on_choice, "value")
        for button in self._hand_on.children:
            button.on_click(self._on_hand_on)
        pickers = [self._cloud, *([self._profile] if len(self._profile.options) > 1 else [])]
        super().__init__(
            [
                HBox([*pickers, self._fetch, self._state]),
                self._place,
                self._shown,
            ],
            layout=Layout(width="100%"),
        )
        for widget in (self.children[0], self._hand_on):
            widget.add_class("pcn-bar")
        for name in ("pcn", "pcn-dashboard"):
            self.add_class(name)
        last = dict(_LAST)  # showing writes to it
        self._show()
        self._explorer.choose(last)

    # What is shown

    def _payloads(self) -> list[Payload]:
        """Return what is given, kept and fetched of the cloud; fetched for the chosen profile."""
        name = self._cloud.value.name
        if self._must_read():
            self._kept[name] = self._read(name)
        given = [payload for payload in self._given if payload.cloud == name]
        fetched = [payload for key in self._keys() for payload in self._fetched[key]]
        found = list(dict.fromkeys([*self._kept.get(name, ()), *given, *fetched]))
        return found or ([sample_payload()] if name == SAMPLE.name else [])

    def _keys(self) -> list[tuple[Cloud, str | None]]:
        """Return the cloud and profile of what was fetched and is to be shown."""
        cloud, profile = self._cloud.value, self._profile.value
        every = self._history is not None or profile is None  # a history holds every partner's
        return [
            key
            for key, payloads in self._fetched.items()
            if payloads and key[0] == cloud and (every or key[1] == profile)
        ]

    def _notes(self, partner: str | None = None) -> list[str]:
        """Return what could not be fetched of what is shown, of one partner or of all."""
        missing = [each for key in self._keys() for each in self._missing.get(key, ())]
        return [note for owner, note in missing if partner in (None, owner)]

    def _must_read(self) -> bool:
        return self._history is not None and self._cloud.value.name not in self._kept

    def _read(self, name: str) -> list[Payload]:
        """Return what the history holds of a cloud."""
        if self._history is None or self._history.is_empty:  # the first fetch makes a new one
            return []
        return list(self._history.payloads(cloud=name))

    def _show(self) -> None:
        """Show what there is of the cloud, or how to get it."""
        payloads = self._payloads()
        self._overview = overview(payloads, notes=self._notes()) if payloads else None
        # First, for a button pressed while the rest is shown may say at once what it saved.
        self._saved.value = ""
        key = self._cloud.value, self._profile.value
        live = self._cloud.value != SAMPLE
        self._fetch.layout.display = None if live else "none"
        self._fetch.description = "Refresh" if key in self._sessions else "Sign in and fetch"
        self._shown.layout.display = None if self._overview else "none"
        self._state.value = wrapped(escape(self._overview.whose)) if self._overview else ""
        if self._overview:
            self._explorer.show(self._overview)
            self._on_choice()

    def text(self) -> str:
        """Return in words what is shown."""
        if self._overview is None:
            return f"Nothing is fetched from {self._cloud.value.label} yet."
        return self._explorer.text()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Add to the live widget what is shown where no kernel runs."""
        bundle = super()._repr_mimebundle_(**options)
        if isinstance(bundle, dict):
            bundle["text/plain"] = self.text()
            bundle["text/html"] = wrapped(f"<p>{escape(self.text())}</p>")
            if self._overview is not None:
                bundle["text/html"] = f"{self._explorer.html()}{self._line.value}"
        return bundle

    def _code(self) -> list[str]:
        """Return the code that gives the table, and with a list of invoices the code of those."""
        as_of = self._explorer.as_of.value
        dated = f', as_of="{as_of}"' if as_of else ""
        source, chosen = self._source(), self._explorer.choices()
        lines = []
        if self._overview is not None and self._overview.balances:
            lines.append((f"payment_recency(summary_frame({source}){dated})", chosen))
        if self._overview is not None and self._overview.lists:
            # All of an account's invoices are shown, whatever type its balances are chosen by.
            own = {name: value for name, value in chosen.items() if name != "invoice_type"}
            lines.append((f"invoice_ageing(invoice_frame({source}){dated})", own))
        choices = [
            "".join(f", {name}={value!r}" for name, value in own.items()) for _, own in lines
        ]
        return [
            f"select({line}{own})" if own else line
            for (line, _), own in zip(lines, choices, strict=True)
        ]

    def _source(self, *, partner: str | None = None) -> str:
        """Return the code that gives the payloads, of one partner or of all."""
        if partner is not None:
            return f"*[each for each in [{self._source()}] if each.partner == {partner!r}]"
        cloud = self._cloud.value
        given = ["*payloads"] if any(each.cloud == cloud.name for each in self._given) else []
        fetched = [self._fetch_code(key) for key in self._keys()]
        if self._history is not None:
            kept = f"*History({self._history.location!r}).payloads(cloud={cloud.name!r})"
            return ", ".join([*given, kept])
        return ", ".join([*given, *fetched]) or "sample_payload()"

    def _fetch_code(self, key: tuple[Cloud, str | None]) -> str:
        """Return the code that fetches what came."""
        session = f"sign_in({self._sign_in_code(*key)})"
        resources = {payload.resource for payload in self._fetched[key]}
        if len(resources) > 1:
            return f"*fetch_all([{session}])"
        return f"fetch_{resources.pop()}({session})"

    def _sign_in_code(self, cloud: Cloud, profile: str | None) -> str:
        named = {"profile": profile, **self._named}
        words = [f"{name}={value!r}" for name, value in named.items() if value]
        own = "cloud" if cloud.name not in CLOUDS else repr(cloud.name)
        return ", ".join([own, *words])

    # What the user does

    def _on_cloud(self, _: object) -> None:
        _LAST["cloud"] = self._cloud.value
        self._place.clear()
        if self._must_read():
            self._working = _started(self._working, self._read_history)
            return
        try:
            self._show()
        except Exception as error:  # noqa: BLE001 (a callback's exception is seen nowhere else)
            self._place.refuse(error)

    def _on_profile(self, _: object) -> None:
        _LAST["profile"] = self._profile.value
        try:
            cloud = cloud_of(self._profile.value) if self._profile.value else None
        except PcNotebooksError as error:
            self._place.refuse(error)
            return
        if cloud is not None and cloud != self._cloud.value:
            self._offer(cloud)  # shows it
        else:
            self._on_cloud(None)

    def _on_choice(self, _: object = None) -> None:
        for name, control in self._explorer.controls.items():
            _LAST[name] = control.value
        self._line.value = wrapped("".join(map(_code_line, self._code())))

    def _on_fetch(self, _: object = None) -> None:
        self._working = _started(self._working, self._refresh)

    def _on_cancel(self, _: object = None) -> None:
        if self._working is not None:
            self._working.cancel()

    def _on_hand_on(self, button: Button) -> None:
        self._writing = _started(self._writing, lambda: self._write(button.description))

    async def _read_history(self) -> None:
        """Read what is kept of the cloud beside the kernel's other work, and show it."""
        name = self._cloud.value.name
        self._shown.layout.display = "none"
        with self._busy():
            self._place.wait("Reading the history.")
            try:
                self._kept[name] = await asyncio.to_thread(self._read, name)
                self._place.clear()
                self._show()
            except asyncio.CancelledError:
                self._place.say("Cancelled.")
            except Exception as error:  # noqa: BLE001 (as in _refresh)
                self._place.refuse(error)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """Let nothing else be chosen meanwhile of what decides where the figures come from."""
        controls = (self._cloud, self._profile, self._fetch)
        for control in controls:
            control.disabled = True
        try:
            yield
        finally:
            for control in controls:
                control.disabled = False

    async def _refresh(self) -> None:
        """Sign in where need be, fetch, and show; what fails leaves the figures as they are."""
        key = cloud, profile = self._cloud.value, self._profile.value
        with self._busy():
            try:
                settings = resolve(cloud, profile=profile, **self._named)
                if key not in self._sessions:
                    self._sessions[key] = await sign_in_at(self._place, settings)
                session = self._sessions[key]
                where = cloud.label or cloud.name
                self._place.wait(f"Fetching balances and invoices from {where}.")
                answers = await asyncio.to_thread(
                    fetch_all, [session], resources=_RESOURCES, progress=False
                )
                await self._take(key, answers)
                self._place.say(*signed_in(session, settings))
            except asyncio.CancelledError:
                self._place.say("Cancelled.")
                self._mark_kept()
            except Exception as error:  # noqa: BLE001 (a task's exception is seen nowhere else)
                if isinstance(error, SignInError):
                    self._sessions.pop(key, None)
                    self._fetch.description = "Sign in and fetch"
                self._place.refuse(error)
                self._mark_kept()

    async def _take(
        self, key: tuple[Cloud, str | None], answers: Sequence[Payload | PcNotebooksError]
    ) -> None:
        """Show and keep what came, and why the rest did not; without balances raise their error.

        What cannot be read or kept replaces nothing.
        """
        came = [each for each in answers if isinstance(each, Payload)]
        failed = {
            resource: each
            for resource, each in zip(_RESOURCES, answers, strict=True)
            if isinstance(each, PcNotebooksError)
        }
        if any(isinstance(error, SignInError) for error in failed.values()):
            self._sessions.pop(key, None)
        if came:
            partner = came[0].partner
            before = self._fetched.get(key, []), self._missing.get(key, [])
            self._fetched[key] = [*before[0], *came]
            self._missing[key] = [
                (partner, not_fetched(partner, key[0].name, resource, error))
                for resource, error in failed.items()
            ]
            try:
                for payload in came:
                    if self._history is not None:
                        await asyncio.to_thread(self._history.append, payload)
                self._show()
            except BaseException:
                self._fetched[key], self._missing[key] = before
                raise
        if SUMMARIES in failed:
            raise failed[SUMMARIES]

    def _mark_kept(self) -> None:
        """Say of when the balances are that a failure has left."""
        if self._overview is not None and self._overview.balances:
            whose = escape(self._overview.whose)
            self._state.value = wrapped(
                f'<strong class="pcn-attention">Not refreshed: {whose}</strong>'
            )

    async def _write(self, name: str) -> None:
        """Write the payloads of the chosen partner to a file beside the notebook."""
        self._saved.value = wrapped('<p role="status">Writing.</p>')
        choices = self._explorer.choices()
        partner = choices.get("partner")
        payloads = [each for each in self._payloads() if partner in (None, each.partner)]
        for button in self._hand_on.children:
            button.disabled = True
        try:
            day = self._explorer.as_of.value
            notes = self._notes(partner)
            written = await asyncio.to_thread(HANDED_ON[name], payloads, day, notes)
        except Exception as error:  # noqa: BLE001 (as in _refresh)
            self._saved.value = wrapped(error_html(error))
        else:
            names = ", ".join(escape(path.name) for path, _ in written)
            whole = ", with every currency and invoice type" if set(choices) - {"partner"} else ""
            dated = f', as_of="{day}"' if day else ""
            source = self._source(partner=partner)
            lines = [code.format(source, repr(path.name), dated) for path, code in written]
            shown = [_code_line(line) for line in lines if line and not line.startswith("*")]
            self._saved.value = wrapped(
                f'<p role="status">Saved <strong>{names}</strong> in {escape(str(Path.cwd()))}'
                f"{whole}.</p>{''.join(shown)}"
            )
        finally:
            for button in self._hand_on.children:
                button.disabled = False

    def _offer(self, cloud: Cloud) -> None:
        """Choose a cloud; one of the user's own is offered from now on."""
        offered = [value for _, value in self._cloud.options]
        if cloud not in offered:
            self._cloud.options = [*self._cloud.options, (cloud.label or cloud.name, cloud)]
        self._cloud.value = cloud


def _started(
    now: asyncio.Task[None] | None, work: Callable[[], Coroutine[Any, Any, None]]
) -> asyncio.Task[None] | None:
    """Do what takes its time beside the kernel's other work, unless it is being done."""
    if now is not None and not now.done():
        return now
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # no kernel
        asyncio.run(work())
        return None
    return loop.create_task(work())


def _code_line(code: str) -> str:
    return (
        '<pre class="pcn-code-line" tabindex="0" aria-label="The same in code">'
        f"<code>{escape(code)}</code></pre>"
    )


def _profile_picker(profile: str | None) -> Dropdown:
    names = list(load_profiles())
    options = [("None", None), *((name, name) for name in names)]
    return Dropdown(
        options=options,
        value=profile,
        description="Profile",
        style={"description_width": "initial"},
    )
