"""A dashboard in one cell: choose a cloud, sign in, fetch, view and export."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Button, HBox, Layout, VBox
from traitlets import Any as AnyTrait
from traitlets import Dict, validate

from pcnotebooks.clouds import SAMPLE, Cloud, get_cloud
from pcnotebooks.errors import ConfigurationError, PcNotebooksError, SignInError
from pcnotebooks.overview.build import overview
from pcnotebooks.overview.model import Overview
from pcnotebooks.overview.words import not_fetched
from pcnotebooks.payload.decode import INVOICES, SUMMARIES
from pcnotebooks.payload.payload import Payload
from pcnotebooks.payload.sample import sample_payload
from pcnotebooks.report.markup import wrapped
from pcnotebooks.service.fetch_many import fetch_all
from pcnotebooks.session.session import Session
from pcnotebooks.session.settings import (
    client_id_of,
    cloud_of,
    load_profile,
    load_profiles,
    resolve,
)
from pcnotebooks.widgets.code import Origin, code_html, lines_of
from pcnotebooks.widgets.explore import Explorer, cloud_picker
from pcnotebooks.widgets.hand_on import HandOn, Order
from pcnotebooks.widgets.place import Place
from pcnotebooks.widgets.sign_in import sign_in_at, signed_in
from pcnotebooks.widgets.where import AppFields, profile_picker
from pcnotebooks.widgets.work import started

if TYPE_CHECKING:
    from pcnotebooks.history.history import History

_RESOURCES = (SUMMARIES, INVOICES)
_WHERE = ("cloud", "profile")
# The latest choices in this kernel, restored if the cell is run again.
_LAST: dict[str, Any] = {}


def dashboard(
    *,
    cloud: str | Cloud | None = None,
    profile: str | None = None,
    client_id: str | None = None,
    tenant: str | None = None,
    history: History | str | os.PathLike[str] | None = None,
    payloads: Payload | Iterable[Payload] = (),
) -> Dashboard:
    """Return a dashboard: choose a cloud, sign in, fetch balances and invoices, and export files.

    The dashboard shows the sample data, or the given payloads, until you choose a cloud and sign
    in. Nothing is sent before you press a button. The balances and the list of invoices are
    fetched together; if one of them fails, the other is shown with the reason. The code that
    produces the figures is shown below them.

    Parameters
    ----------
    cloud, profile, client_id, tenant
        As for :func:`sign_in`. Cloud and profile can also be chosen in the dashboard. If no client
        id is known, the dashboard has fields for client id and tenant.
    history
        A :class:`History` or its location. Its payloads of the cloud are shown as trends, and
        fetched payloads are appended to it.
    payloads
        Payloads to show from the start, of any partners, clouds and times.

    Returns
    -------
    Dashboard
        Put it in the last line of a cell to show it. Its ``value`` (the choices) and its ``frame``
        (the rows shown) can be observed. If the cell is run again, the choices are kept, but
        sign-ins and figures are not: to keep those, use a token cache and a history.

    Raises
    ------
    ConfigurationError
        If the cloud or the profile is unknown, or the history cannot be opened.
    PayloadError
        If a payload does not contain invoice summaries as the service states them.

    See Also
    --------
    explore : The same controls for any frame.

    Examples
    --------
    >>> box = dashboard()
    >>> "GBP 751,094.39 owed" in box.text().replace("\N{NO-BREAK SPACE}", " ")
    True
    """
    given = [payloads] if isinstance(payloads, Payload) else list(payloads)
    if isinstance(history, str | os.PathLike):
        from pcnotebooks.history.history import History  # noqa: PLC0415  needs the optional pyarrow

        history = History(history)
    if profile is not None:
        load_profile(profile)  # raises if the profile is unknown
    elif _LAST.get("profile") in load_profiles():
        profile = _LAST["profile"]
    chosen = _first_cloud(cloud, profile, history, given)
    return Dashboard(chosen, profile, {"client_id": client_id, "tenant": tenant}, history, given)


def _first_cloud(
    cloud: str | Cloud | None,
    profile: str | None,
    history: History | None,
    payloads: Sequence[Payload],
) -> Cloud:
    """Return the first cloud: as given, as last chosen, of the payloads, or of the sample."""
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


class Dashboard(VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Controls to fetch payloads, an overview of them, and buttons to export files.

    Create it with :func:`dashboard`. The controls are ``cloud``, ``profile``, ``client_id`` and
    ``tenant`` (shown if no client id is known), and those of an :class:`Explorer`: ``currency``,
    ``invoice_type``, ``partner`` and ``as_of``.

    Attributes
    ----------
    value : dict
        The choices: the name of the ``cloud``, the ``profile`` or None, and the choices of
        :class:`Explorer`. Set it to change the choices; names that you omit keep their values.
    frame : DataFrame or None
        The rows shown, as :func:`payment_recency` returns them; None until there are any. It can
        be observed, but not set: to show another frame, use :func:`explore`.

    Raises
    ------
    ConfigurationError
        If a value is not offered.

    Examples
    --------
    >>> box = dashboard()
    >>> box.value = {"currency": "GBP"}
    >>> box.frame[["invoice_type", "balance_amount"]]
      invoice_type  balance_amount
    0    Recurring       202955.87
    1      OneTime       548138.52
    >>> box.as_of.value.isoformat()
    '2018-03-16'
    """

    value = Dict(help="The choices.")
    frame = AnyTrait(None, allow_none=True, help="The rows shown.")

    def __init__(
        self,
        cloud: Cloud,
        profile: str | None,
        named: Mapping[str, str | None],
        history: History | None,
        payloads: Sequence[Payload],
    ) -> None:
        self._history, self._given = history, payloads
        self._fetched: dict[tuple[Cloud, str | None], list[Payload]] = {}
        self._missing: dict[tuple[Cloud, str | None], list[tuple[str, str]]] = {}
        self._kept: dict[str, list[Payload]] = {}
        self._sessions: dict[tuple[Cloud, str | None], Session] = {}
        self._working: asyncio.Task[None] | None = None
        self._overview: Overview | None = None

        self.cloud, self.profile = cloud_picker(), profile_picker(profile)
        self._offer(cloud)
        self._fetch = Button(layout=Layout(width="auto"))
        self._state = HTML()
        self._place = Place(try_again=self._on_fetch, cancel=self._on_cancel)
        self._explorer = Explorer()
        self.currency, self.invoice_type = self._explorer.currency, self._explorer.invoice_type
        self.partner, self.as_of = self._explorer.partner, self._explorer.as_of
        self._app = AppFields(named)
        self.client_id, self.tenant = self._app.client_id, self._app.tenant
        self._line = HTML()
        self._later: dict[str, Any] = {}
        self._hand_on = HandOn(self._order)
        self._shown = VBox([self._explorer, self._line, self._hand_on])

        self.cloud.observe(self._on_cloud, "value")
        self.profile.observe(self._on_profile, "value")
        self._fetch.on_click(self._on_fetch)
        self._explorer.observe(self._on_choice, "value")
        pickers = [self.cloud, *([self.profile] if len(self.profile.options) > 1 else [])]
        top = HBox([*pickers, self._fetch, self._state])
        super().__init__([top, self._app, self._place, self._shown], layout=Layout(width="100%"))
        self.children[0].add_class("pcn-bar")
        for name in ("pcn", "pcn-dashboard"):
            self.add_class(name)
        last = dict(_LAST)  # _show changes it
        self._show()
        self._explorer.choose(last)

    # Content

    def _payloads(self) -> list[Payload]:
        """Return the given, kept and fetched payloads of the chosen cloud and profile."""
        name = self.cloud.value.name
        if self._must_read():
            self._kept[name] = self._read(name)
        given = [payload for payload in self._given if payload.cloud == name]
        fetched = [payload for key in self._keys() for payload in self._fetched[key]]
        found = list(dict.fromkeys([*self._kept.get(name, ()), *given, *fetched]))
        return found or ([sample_payload()] if name == SAMPLE.name else [])

    def _keys(self) -> list[tuple[Cloud, str | None]]:
        """Return the cloud and profile of each fetch to be shown."""
        cloud, profile = self.cloud.value, self.profile.value
        every = self._history is not None or profile is None  # a history is of all partners
        return [
            key
            for key, payloads in self._fetched.items()
            if payloads and key[0] == cloud and (every or key[1] == profile)
        ]

    def _notes(self, partner: str | None = None) -> list[str]:
        """Return notes on failed fetches, of one partner or of all."""
        missing = [each for key in self._keys() for each in self._missing.get(key, ())]
        return [note for owner, note in missing if partner in (None, owner)]

    def _must_read(self) -> bool:
        return self._history is not None and self.cloud.value.name not in self._kept

    def _read(self, name: str) -> list[Payload]:
        """Return the payloads of a cloud in the history."""
        if self._history is None or self._history.is_empty:  # the first fetch creates it
            return []
        return list(self._history.payloads(cloud=name))

    def _show(self) -> None:
        """Show the payloads of the cloud, or the way to fetch them."""
        payloads = self._payloads()
        self._overview = overview(payloads, notes=self._notes()) if payloads else None
        # First, because a button pressed during the rest may already report a saved file.
        self._hand_on.clear()
        key = self.cloud.value, self.profile.value
        live = self.cloud.value != SAMPLE
        self._app.show(needed=live and client_id_of(key[1]) is None)
        self._fetch.layout.display = None if live else "none"
        self._fetch.description = "Refresh" if key in self._sessions else "Sign in and fetch"
        self._shown.layout.display = None if self._overview else "none"
        self._state.value = wrapped(escape(self._overview.whose)) if self._overview else ""
        if self._overview:
            self._explorer.show(self._overview)
        self._on_choice()

    def text(self) -> str:
        """Return the content as text."""
        if self._overview is None:
            return f"Nothing has been fetched from {self.cloud.value.label} yet."
        return self._explorer.text()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Add text and HTML to the live widget, for views without a kernel."""
        bundle = super()._repr_mimebundle_(**options)
        if isinstance(bundle, dict):
            bundle["text/plain"] = self.text()
            bundle["text/html"] = wrapped(f"<p>{escape(self.text())}</p>")
            if self._overview is not None:
                bundle["text/html"] = f"{self._explorer.html()}{self._line.value}"
        return bundle

    # Reactions to the user

    def _on_cloud(self, _: object) -> None:
        _LAST["cloud"] = self.cloud.value
        self._place.clear()
        if self._must_read():
            self._working = started(self._working, self._read_history)
            return
        try:
            self._show()
        except Exception as error:  # noqa: BLE001 (a callback's exception is seen nowhere else)
            self._place.refuse(error)

    def _on_profile(self, _: object) -> None:
        _LAST["profile"] = self.profile.value
        try:
            cloud = cloud_of(self.profile.value) if self.profile.value else None
        except PcNotebooksError as error:
            self._place.refuse(error)
            return
        if cloud is not None and cloud != self.cloud.value:
            self._offer(cloud)  # shows it
        else:
            self._on_cloud(None)

    def _on_choice(self, _: object = None) -> None:
        explorer = self._explorer
        with explorer.lock, explorer.alone():
            if self._overview is not None:
                _LAST.update(explorer.now() | {"as_of": explorer.day})
            self._line.value = wrapped("".join(map(code_html, self._code())))
            self.value = self._now()
            self.frame = None if self._overview is None else explorer.frame

    def _now(self) -> dict[str, Any]:
        cloud, profile = self.cloud.value.name, self.profile.value
        return {"cloud": cloud, "profile": profile, **self._explorer.now()}

    def _code(self) -> list[str]:
        """Return the code that produces the rows shown."""
        if self._overview is None:
            return []
        explorer = self._explorer
        return lines_of(self._overview, self._origin().source(), explorer.chosen, explorer.day)

    def _origin(self) -> Origin:
        name = self.cloud.value.name
        return Origin(
            cloud=self.cloud.value,
            is_given=any(each.cloud == name for each in self._given),
            history=None if self._history is None else self._history.location,
            fetched={key: self._fetched[key] for key in self._keys()},
            named=self._app.ids(),
        )

    @validate("value")
    def _of_choices(self, proposal: Any) -> dict[str, Any]:
        given: dict[str, Any] = proposal["value"]
        if self._explorer.is_alone:
            return given
        self._choose(given)
        return self._now()

    @validate("frame")
    def _only_shown(self, proposal: Any) -> Any:
        if not self._explorer.is_alone:
            raise ConfigurationError(
                "The frame of a dashboard cannot be set: it is built from its payloads.",
                remedy="Set value to choose rows, or use explore(frame) to show another frame.",
            )
        return proposal["value"]

    def _choose(self, value: Mapping[str, Any]) -> None:
        """Apply choices as a user would; raise ConfigurationError if one is not offered."""
        choices = {name: each for name, each in value.items() if name not in _WHERE}
        cloud = profile = None
        if value.get("profile") is not None:
            load_profile(value["profile"])  # raises if the profile is unknown
        if "cloud" in value:
            offered = {each.name: each for _, each in self.cloud.options}
            cloud = offered.get(value["cloud"]) or get_cloud(value["cloud"])
        if "profile" in value:
            self.profile.value = profile = value["profile"]
        if cloud is not None and (profile is None or cloud != self.cloud.value):
            self._offer(cloud)
        if self._working is not None and not self._working.done():
            self._later = choices  # applied when the history of the cloud has been read
        elif choices:
            self._explorer.value = choices

    def _on_fetch(self, _: object = None) -> None:
        self._working = started(self._working, self._refresh)

    def _on_cancel(self, _: object = None) -> None:
        if self._working is not None:
            self._working.cancel()

    async def _read_history(self) -> None:
        """Read the payloads of the cloud from the history in the background, and show them."""
        name = self.cloud.value.name
        self._shown.layout.display = "none"
        with self._busy():
            self._place.wait("Reading the history.")
            try:
                self._kept[name] = await asyncio.to_thread(self._read, name)
                self._place.clear()
                self._show()
                self._explorer.choose(self._later)
            except asyncio.CancelledError:
                self._place.say("Cancelled.")
            except Exception as error:  # noqa: BLE001 (as in _refresh)
                self._place.refuse(error)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """Disable the controls for the source of the figures during a block."""
        controls = (self.cloud, self.profile, self._fetch)
        for control in controls:
            control.disabled = True
        try:
            yield
        finally:
            for control in controls:
                control.disabled = False

    async def _refresh(self) -> None:
        """Sign in if needed, fetch, and show; a failure leaves the figures unchanged."""
        key = cloud, profile = self.cloud.value, self.profile.value
        with self._busy():
            try:
                settings = resolve(cloud, profile=profile, **self._app.ids())
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
        """Show and keep the fetched payloads, with notes on failed resources.

        A failed fetch of balances is raised. Payloads that cannot be read or kept replace nothing.
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
        """Show the date of the old balances after a failed refresh."""
        if self._overview is not None and self._overview.balances:
            whose = escape(self._overview.whose)
            self._state.value = wrapped(
                f'<strong class="pcn-attention">Not refreshed: {whose}</strong>'
            )

    def _order(self) -> Order:
        """Return the data to save: all payloads of the chosen partner."""
        choices = self._explorer.chosen
        partner = choices.get("partner")
        return Order(
            payloads=[each for each in self._payloads() if partner in (None, each.partner)],
            day=self._explorer.day,
            notes=self._notes(partner),
            source=self._origin().source(partner=partner),
            is_more=bool(set(choices) - {"partner"}),
        )

    def _offer(self, cloud: Cloud) -> None:
        """Choose a cloud, and add a custom cloud to the options."""
        offered = [value for _, value in self.cloud.options]
        if cloud not in offered:
            self.cloud.options = [*self.cloud.options, (cloud.label or cloud.name, cloud)]
        self.cloud.value = cloud
