"""No chain of attributes leads from a public object to a token.

IPython's verbose tracebacks evaluate the attributes in the lines that they show, the user's own
lines included, and a notebook keeps what they show.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import pytest
from traitlets import HasTraits

from pcnotebooks import Cloud, Session, dashboard, fetch_invoice_summaries
from pcnotebooks.session.device_code import DeviceSignIn, begin_sign_in
from pcnotebooks.session.session import access_token
from pcnotebooks.session.settings import resolve
from tests.services.browser import visit
from tests.services.callers import Rotating
from tests.services.identity_provider import APP_ID, CLIENT_ID, TENANT, signing_key
from tests.services.loops import until
from tests.services.partner_center import Answer
from tests.services.planted import TOKEN
from tests.services.users import approve, ignore, signed_in

# What leads everywhere, or to the machinery of others.
_ENDS = (ModuleType, FunctionType, MethodType, BuiltinFunctionType, type)
_OTHERS = (
    "pandas", "numpy", "traitlets", "comm", "logging", "threading", "weakref", "IPython",
    "ipywidgets.widgets.widget_layout", "pcnotebooks.overview", "pcnotebooks.frame",
)  # fmt: skip
_DEEPEST, _MOST = 8, 60_000


def reached(*things: object) -> Iterator[tuple[str, object]]:
    """Yield each value that attributes and items lead to, with the way to it."""
    seen: dict[int, object] = {}
    queue = [(type(thing).__name__, thing, 0) for thing in things]
    for way, value, depth in queue:
        if id(value) in seen or isinstance(value, _ENDS):
            continue
        seen[id(value)] = value
        assert len(seen) < _MOST, way
        yield way, value
        if depth < _DEEPEST and not type(value).__module__.startswith(_OTHERS):
            queue += [(f"{way}{name}", each, depth + 1) for name, each in inside(value)]


def inside(value: object) -> Iterator[tuple[str, object]]:
    """Yield the attributes and the items of a value."""
    # A widget's attributes are its traits, which are in its dictionary; all else is ipywidgets'.
    for name in vars(value) if isinstance(value, HasTraits) else dir(value):
        if not name.startswith("__") or name == "__dict__":
            with suppress(Exception):  # an attribute that cannot be had is none
                yield f".{name}", getattr(value, name)
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", each) for key, each in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from (("[...]", each) for each in value)


def assert_out_of_reach(secrets: set[str], *things: object) -> None:
    """Assert that nothing that can be reached shows a secret."""
    assert secrets
    count = 0
    for way, value in reached(*things):
        count += 1
        text = value.decode("latin-1") if isinstance(value, bytes) else _shown(value)
        for secret in secrets:
            assert secret[: max(9, len(secret) // 2)] not in text, way
    assert count > 9  # a session of a token in hand is that small


def _shown(value: object) -> str:
    if isinstance(value, Mapping | list | tuple | set | frozenset | HasTraits):
        return ""  # what is inside is reached by itself
    try:
        return value if isinstance(value, str) else repr(value)
    except Exception:  # noqa: BLE001  it shows nothing
        return ""


@pytest.mark.parametrize("cache", ["memory", "plain"])
def test_a_user_who_signed_in(identity_provider, partner_center, tls, cache):
    """Also after the service has refused a token, and another was asked for."""
    service = partner_center(Answer(b"", 401), Answer(), tls=tls, key=signing_key())
    session = signed_in(identity_provider, api=service.url, cache=cache, tenant=TENANT)
    fetch_invoice_summaries(session)
    assert len(service.requests) == 2
    assert_out_of_reach(identity_provider.secrets, session, session.credential)
    assert access_token(session) in identity_provider.secrets


def test_an_app_without_a_user(identity_provider, monkeypatch):
    """Neither its secret nor its token."""
    monkeypatch.setenv("PCNOTEBOOKS_CLIENT_SECRET", identity_provider.secret(TOKEN))
    identity_provider.client_secret = TOKEN
    options = {"client_id": APP_ID, "tenant": TENANT, "method": "client_secret"}
    session = signed_in(identity_provider, prompt=ignore, **options)
    assert_out_of_reach(identity_provider.secrets, session)


@pytest.mark.parametrize("given", [TOKEN, f" {TOKEN}\n"])
def test_a_token_of_another_tool(given):
    """Of Session.from_token."""
    session = Session.from_token("global", given, partner="Contoso")
    assert access_token(session) == TOKEN
    assert_out_of_reach({TOKEN}, session)


def test_a_code_that_is_waited_for(identity_provider):
    """The device code, which any program can exchange for tokens; then the tokens."""
    settings = resolve(identity_provider.cloud(), client_id=CLIENT_ID, tenant=TENANT)
    started = begin_sign_in(settings)
    assert isinstance(started, DeviceSignIn)
    (device_code,) = identity_provider.device_codes
    assert_out_of_reach({device_code}, started)
    approve(started.code)
    session = started.wait()
    assert_out_of_reach(identity_provider.secrets | {device_code}, started, session)


def test_a_dashboard(identity_provider, partner_center, tls):
    """While it waits for a user, and after the sign-in."""
    service = partner_center(Answer(), tls=tls, key=signing_key())
    cloud = Cloud("stand-in", "Stand-in", identity_provider.url, service.url)
    box = dashboard(cloud=cloud, client_id=CLIENT_ID, tenant=TENANT)

    async def sign_in() -> None:
        box._fetch.click()
        await until(lambda: box._place._panel is not None)
        device_codes = set(identity_provider.device_codes)
        assert_out_of_reach(device_codes, box, box._place._panel)
        code: Any = box._place._panel._started.code
        await asyncio.to_thread(visit, code.url, "approve", user_code=code.code)
        await until(box._working.done)

    asyncio.run(sign_in())
    assert box._sessions
    assert_out_of_reach(identity_provider.secrets, box, *box._sessions.values())


def test_the_walk_finds_what_another_credential_keeps():
    """A credential that the user hands in keeps its tokens by its own rules."""
    session = Session("global", Rotating(TOKEN))
    ways = [way for way, value in reached(session) if value == TOKEN]
    assert "Session.credential.tokens[...]" in ways
