"""Signing in from a cell, against a real identity provider; the looks are tested in a browser."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from ipywidgets import Button, Widget
from ipywidgets.widgets.widget import _instances
from traitlets.config import Config

from pcnotebooks.clouds import Cloud
from pcnotebooks.errors import ConfigurationError, SignInError
from pcnotebooks.session.session import Session
from pcnotebooks.widgets.sign_in import sign_in_async
from tests.services.browser import visit
from tests.services.identity_provider import (
    CLIENT_ID,
    TENANT,
    USERNAME,
    Answer,
    IdentityProvider,
    refusal,
)
from tests.services.loops import until
from tests.services.planted import shown

VIEW = "application/vnd.jupyter.widget-view+json"
LINE = f"Signed in as {USERNAME} at Stand-in, tenant {TENANT}."


@pytest.fixture
def outputs(home: Path) -> Iterator[list[dict[str, Any]]]:
    """Return the list to which a real IPython publishes what is displayed."""
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    shell.display_pub = CapturingDisplayPublisher()
    yield shell.display_pub.outputs
    InteractiveShell.clear_instance()


async def _asked(outputs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the bundle of the panel as soon as it is shown."""
    return await until(lambda: next((o["data"] for o in outputs if VIEW in o["data"]), None))


def _code(bundle: dict[str, Any]) -> str:
    return re.search(r"type the code (\S+)", bundle["text/plain"])[1]


def _widgets(bundle: dict[str, Any]) -> list[Widget]:
    """Return the panel's widgets, from the top."""
    found = [_instances[bundle[VIEW]["model_id"]]]  # the one way from an id to its widget
    for widget in found:
        found += getattr(widget, "children", ())
    return found


def _values(bundle: dict[str, Any]) -> str:
    return "\n".join(getattr(widget, "value", "") for widget in _widgets(bundle))


def _cancel(bundle: dict[str, Any]) -> None:
    next(widget for widget in _widgets(bundle) if isinstance(widget, Button)).click()


def _decide(provider: IdentityProvider, decision: str, bundle: dict[str, Any]) -> None:
    visit(f"{provider.url}/devicelogin", decision, user_code=_code(bundle))


def _sign_in(provider: IdentityProvider, **options: Any) -> Any:
    given = {"client_id": CLIENT_ID, "tenant": TENANT} | options
    return sign_in_async(provider.cloud(), **given)


def _refused(
    provider: IdentityProvider,
    outputs: list[dict[str, Any]],
    meanwhile: Callable[[dict[str, Any]], Any] | None = None,
    **options: Any,
) -> SignInError:
    """Return the error of a sign-in, which stands in the panel's place and shows no code."""
    codes: list[str] = []

    async def work() -> None:
        signing_in = asyncio.ensure_future(_sign_in(provider, **options))
        if meanwhile:
            bundle = await _asked(outputs)
            codes.append(_code(bundle))
            await asyncio.to_thread(meanwhile, bundle)
        await signing_in

    with pytest.raises(SignInError) as caught:
        asyncio.run(work())
    error = caught.value
    last = outputs[-1]["data"]
    assert last["text/plain"] == str(error)
    assert 'role="alert"' in last["text/html"]
    assert escape(error.remedy) in last["text/html"]
    _assert_forgotten(provider, last, *codes)
    frames = _own_frames(error)
    assert not any(code in frames for code in codes)
    return error


def _own_frames(error: BaseException) -> str:
    """Return what a traceback shows, without the frames of the test itself."""
    frames = error.__traceback__
    while frames.tb_frame.f_code is not sign_in_async.__code__:
        frames = frames.tb_next
    return shown(error.with_traceback(frames))


def _assert_forgotten(provider: IdentityProvider, last: dict[str, Any], *codes: str) -> None:
    """Assert that neither the cell's output nor any widget holds a code, its page or a token."""
    assert VIEW not in last
    left = json.dumps([last, Widget.get_manager_state(drop_defaults=False)])
    assert "devicelogin" not in left
    assert not any(code in left for code in codes)
    assert not provider.shown_in(left)


def test_a_user_signs_in(identity_provider, outputs):
    """The panel says where to type what, until when, for whom; then one line takes its place."""

    async def work() -> tuple[Session, dict[str, Any], str, str]:
        signing_in = asyncio.ensure_future(_sign_in(identity_provider))
        bundle = await _asked(outputs)
        first = _values(bundle)
        await until(lambda: _values(bundle) != first)  # the clock runs: buttons are alive too
        later = _values(bundle)
        await asyncio.to_thread(_decide, identity_provider, "approve", bundle)
        return await signing_in, bundle, first, later

    session, bundle, first, later = asyncio.run(work())
    assert session.partner == TENANT
    code, url = _code(bundle), f"{identity_provider.url}/devicelogin"
    for fact in (url, code, CLIENT_ID, "Stand-in", TENANT, "only if it was you who started"):
        assert fact in bundle["text/plain"]
        assert fact in first
    deadline = re.search(r"until (\d\d:\d\d:\d\d) UTC", bundle["text/plain"])[1]
    expected = datetime.now(UTC) + timedelta(seconds=identity_provider.expires_in)
    assert deadline in {f"{expected - timedelta(seconds=late):%H:%M:%S}" for late in range(8)}
    assert re.search(r'role="timer"[^>]*>1[45]:\d\d left', first)
    assert first.replace("\n", "").count('role="status"') == 2  # the state, and "Copied"
    assert re.sub(r"\d+:\d+ left", "", first) == re.sub(r"\d+:\d+ left", "", later)

    assert [output["update"] for output in outputs] == [False, True, True]
    assert len({output["transient"]["display_id"] for output in outputs}) == 1
    last = outputs[-1]["data"]
    assert last["text/plain"] == LINE
    assert f"<strong>{USERNAME}</strong>" in last["text/html"]
    _assert_forgotten(identity_provider, last, code)
    assert identity_provider.count("devicecode") == 1


def test_a_remembered_user_is_not_asked(identity_provider, outputs):
    """The second sign-in of a process shows the line alone and requests no code."""

    async def work() -> tuple[Session, Session]:
        signing_in = asyncio.ensure_future(_sign_in(identity_provider))
        await asyncio.to_thread(_decide, identity_provider, "approve", await _asked(outputs))
        first = await signing_in
        outputs.clear()
        return first, await _sign_in(identity_provider)

    first, second = asyncio.run(work())
    assert first is not second
    assert [output["data"]["text/plain"] for output in outputs] == ["Signing in to Stand-in.", LINE]
    assert identity_provider.count("devicecode") == 1


def test_any_tenant_is_told_by_the_one_that_it_was(identity_provider, outputs):
    """Where organizations was asked, the line names the user's own directory."""

    async def work() -> None:
        signing_in = asyncio.ensure_future(_sign_in(identity_provider, tenant=None))
        await asyncio.to_thread(_decide, identity_provider, "approve", await _asked(outputs))
        await signing_in

    asyncio.run(work())
    assert outputs[-1]["data"]["text/plain"] == LINE


def test_cancel_ends_the_cell_and_the_polling(identity_provider, outputs):
    """The cell ends before it would have polled twice more, and nobody polls any more."""
    polled = []

    def cancel(bundle: dict[str, Any]) -> None:
        polled.append(identity_provider.count("poll"))
        _cancel(bundle)
        assert "Cancelling." in _values(bundle)

    error = _refused(identity_provider, outputs, cancel)
    assert error.code == "cancelled"
    polls = identity_provider.count("poll")
    assert polls <= polled[0] + 1
    time.sleep(1.5)  # half as long again as the time between two polls
    assert identity_provider.count("poll") == polls
    assert "Code" not in outputs[-1]["data"]["text/html"]


def test_cancel_does_not_wait_for_a_silent_login_service(identity_provider, outputs):
    """An answer that is long in coming does not keep the cell from ending."""
    identity_provider.delays["poll"] = 600  # until the provider ends

    async def work() -> None:
        signing_in = asyncio.ensure_future(_sign_in(identity_provider))
        bundle = await _asked(outputs)
        await until(lambda: identity_provider.count("poll"))
        _cancel(bundle)
        with pytest.raises(SignInError) as caught:
            await signing_in
        assert caught.value.code == "cancelled"

    asyncio.run(work())
    assert "poll" not in identity_provider.answered


def test_a_declined_sign_in_is_told_with_its_ids(identity_provider, outputs):
    """What happened, what to do, and the code and ids that support asks for."""
    error = _refused(
        identity_provider,
        outputs,
        lambda bundle: _decide(identity_provider, "decline", bundle),
    )
    assert error.code == "authorization_declined"
    html = outputs[-1]["data"]["text/html"]
    for fact in (error.code, error.request_id, error.correlation_id):
        assert f">{fact}<" in html


def test_an_expired_code_is_told(identity_provider, outputs):
    """The last minute is announced; then the panel gives way to what happened."""
    identity_provider.expires_in = 2
    announced = []

    def look(bundle: dict[str, Any]) -> None:
        announced.append(_values(bundle))

    error = _refused(identity_provider, outputs, look)
    assert error.code == "expired_token"
    assert "less than a minute is left" in announced[0]


def test_a_time_out_is_the_time_left(identity_provider, outputs):
    """What the caller allows is what the countdown shows, where it is less."""
    seen = []
    error = _refused(
        identity_provider, outputs, lambda bundle: seen.append(_values(bundle)), timeout=1.5
    )
    assert error.code == "timeout"
    assert re.search(r"0:0[01] left", seen[0])


@pytest.mark.parametrize("number", [53003, 700016])
def test_a_refused_request_for_a_code_is_told(identity_provider, outputs, number):
    """Without a code there is no panel: the refusal stands where it would have been."""
    identity_provider.answers["devicecode"] = refusal(number)
    error = _refused(identity_provider, outputs)
    assert error.code == str(number)
    assert error.correlation_id in outputs[-1]["data"]["text/html"]
    assert identity_provider.count("devicecode") == 1


def test_a_login_service_out_of_reach_is_told(identity_provider, outputs, monkeypatch):
    """A connection that is refused is an error with its remedy, and no traceback of msal's."""
    gone = Cloud("gone", "Gone", "https://localhost:9", "https://127.0.0.1:9")
    with pytest.raises(SignInError) as caught:
        asyncio.run(sign_in_async(gone, client_id=CLIENT_ID, tenant=TENANT))
    assert caught.value.code == "unreachable"
    assert "localhost:9 cannot be reached" in outputs[-1]["data"]["text/html"]


def test_whoever_cancels_the_task_ends_the_polling(identity_provider, outputs):
    """As an interrupted kernel does: the flow ends, and what is left shows no code."""
    codes = []

    async def work() -> None:
        signing_in = asyncio.ensure_future(_sign_in(identity_provider))
        codes.append(_code(await _asked(outputs)))
        signing_in.cancel()
        await signing_in

    with pytest.raises(asyncio.CancelledError) as caught:
        asyncio.run(work())
    assert "interrupted" in outputs[-1]["data"]["text/plain"]
    _assert_forgotten(identity_provider, outputs[-1]["data"], *codes)
    assert codes[0] not in _own_frames(caught.value)
    polls = identity_provider.count("poll")
    time.sleep(1.5)
    assert identity_provider.count("poll") == polls


def test_without_a_client_id_nothing_is_sent_or_shown(identity_provider, outputs):
    """The settings are looked at before anything else."""
    with pytest.raises(ConfigurationError, match="client id"):
        asyncio.run(_sign_in(identity_provider, client_id=None))
    assert identity_provider.requests == []
    assert outputs == []


def test_a_browser_of_this_machine_signs_in(identity_provider, outputs, monkeypatch, tmp_path):
    """The cell says where to go on, and ends with the same line; no code is asked for."""
    for name in ("SSH_CONNECTION", "JUPYTERHUB_USER", "CODESPACES", "COLAB_RELEASE_TAG"):
        monkeypatch.delenv(name, raising=False)
    root = Path(__file__).parents[2]
    script = tmp_path / "browser"
    script.write_text(
        f'#!/bin/sh\ncd "{root}" && "{sys.executable}" -m tests.services.browser approve "$1" &\n'
    )
    script.chmod(0o700)
    monkeypatch.setenv("BROWSER", str(script))
    monkeypatch.setattr(webbrowser, "_tryorder", None)  # it looks at BROWSER only once
    monkeypatch.setattr(webbrowser, "_browsers", {})
    asyncio.run(_sign_in(identity_provider, method="browser"))
    first, last = (output["data"]["text/plain"] for output in outputs)
    assert "continue in the browser" in first
    assert last == LINE
    assert identity_provider.count("devicecode") == 0


def test_an_unknown_method_is_refused(identity_provider, outputs):
    """It is named with those that there are."""
    with pytest.raises(ConfigurationError, match="'carrier_pigeon'") as caught:
        asyncio.run(_sign_in(identity_provider, method="carrier_pigeon"))
    assert "device_code" in caught.value.remedy
    assert outputs == []
    assert identity_provider.requests == []


def test_outside_ipython_the_code_is_printed(identity_provider, home, capsys):
    """In a script the coroutine asks as sign_in does, and displays nothing."""

    async def work() -> Session:
        signing_in = asyncio.ensure_future(_sign_in(identity_provider))
        said = await until(lambda: capsys.readouterr().out)
        bundle = {"text/plain": said}
        await asyncio.to_thread(_decide, identity_provider, "approve", bundle)
        return await signing_in

    assert asyncio.run(work()).partner == TENANT
    assert capsys.readouterr().out == ""


def test_nothing_that_the_login_service_says_is_markup(identity_provider, outputs):
    """Code and page are text; what would lead elsewhere than to a page of the web is refused."""
    body = {
        "user_code": '"><script>alert(1)</script>',
        "device_code": "d" * 40,
        "verification_uri": 'https://localhost/\'><b>" onclick="x',
        "expires_in": 900,
        "interval": 1,
        "message": "<i>",
    }
    identity_provider.answers["devicecode"] = Answer(json.dumps(body).encode())
    seen = []

    async def work() -> None:
        signing_in = asyncio.ensure_future(_sign_in(identity_provider))
        bundle = await _asked(outputs)
        seen.append(_values(bundle))
        _cancel(bundle)
        await signing_in

    with pytest.raises(SignInError):
        asyncio.run(work())
    body["verification_uri"] = "javascript:alert(1)"
    identity_provider.answers["devicecode"] = Answer(json.dumps(body).encode())
    assert _refused(identity_provider, outputs).code == "not_json"
    assert "<script" not in seen[0]
    assert "<b>" not in seen[0]
    assert "&quot; onclick=&quot;x" in seen[0]
    assert "&quot;&gt;&lt;script&gt;" in seen[0]


SOURCE = """\
%xmode Verbose
from pcnotebooks import Cloud
from pcnotebooks.widgets.sign_in import sign_in_async
cloud = Cloud("stand-in", "Stand-in", "{url}", "https://127.0.0.1:9")
session = await sign_in_async(cloud, client_id="{client}", tenant="{tenant}")
"""


def _run_notebook(
    provider: IdentityProvider, meanwhile: Callable[[nbclient.NotebookClient, str], Any]
) -> tuple[Any, str]:
    """Return a notebook run in a real kernel, where something happens once a code is out."""
    source = SOURCE.format(url=provider.url, client=CLIENT_ID, tenant=TENANT)
    cells = [nbformat.v4.new_code_cell(source), nbformat.v4.new_code_cell("session.partner")]
    book = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(book, kernel_name="python3", timeout=60, allow_errors=True)
    codes = []

    def wait() -> None:
        provider.asked_for("poll")
        codes.extend(code.get_user_code() for code in provider.device_codes.values())
        meanwhile(client, codes[0])

    beside = threading.Thread(target=wait)
    beside.start()
    client.execute()
    beside.join()
    text = nbformat.writes(book)
    assert codes[0] not in text
    assert "devicelogin" not in text
    assert not provider.shown_in(text)
    return book, text


def test_the_saved_notebook_holds_the_line_alone(identity_provider):
    """Run top to bottom the next cell waits; outputs and widget state hold no code or token."""
    book, _ = _run_notebook(
        identity_provider,
        lambda _, code: visit(f"{identity_provider.url}/devicelogin", "approve", user_code=code),
    )
    first, second = (cell.outputs for cell in book.cells)
    assert [o.data["text/plain"] for o in first if o.output_type == "display_data"] == [LINE]
    assert second[0].data["text/plain"] == repr(TENANT)


def test_an_interrupted_kernel_ends_the_sign_in(identity_provider):
    """Interrupting ends the cell; not even a verbose traceback shows the code."""
    book, text = _run_notebook(
        identity_provider, lambda client, _: asyncio.run(client.km.interrupt_kernel())
    )
    kinds = [output.output_type for output in book.cells[0].outputs]
    assert kinds[-1] == "error"
    assert "The sign-in was interrupted." in text
    polls = identity_provider.count("poll")
    time.sleep(1.5)
    assert identity_provider.count("poll") == polls
