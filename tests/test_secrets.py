"""Secrets stay where they belong: in memory, on the way to their service, in the cache asked for.

What each module does of itself its own tests say; here every public name, a real kernel with its
most talkative tracebacks, and whatever writes objects out go after one planted token.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import io
import json
import logging
import os
import pickle
import pprint
import re
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.lib.pretty import pretty
from traitlets.config import Config

import pcnotebooks
from pcnotebooks import Payload, PcNotebooksError, Session, sample_payload, sign_in
from pcnotebooks.service.fetch import fetch_invoice_summaries
from pcnotebooks.session.device_code import begin_sign_in
from pcnotebooks.session.settings import resolve
from pcnotebooks.widgets.sign_in import _Panel
from tests.services.browser import visit
from tests.services.identity_provider import CLIENT_ID, TENANT, signing_key
from tests.services.partner_center import Answer
from tests.services.planted import TOKEN, chain, shown

NAMES = sorted(name for name in pcnotebooks.__all__ if callable(getattr(pcnotebooks, name)))


def looks(value: Any) -> str:
    """Return all that shows of a value without asking for its credential by name."""
    seen = [repr(value), str(value), f"{value}", pretty(value), pprint.pformat(value)]
    if hasattr(value, "__dict__"):
        seen += [repr(vars(value)), json.dumps(vars(value), default=repr)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        seen += [repr(dataclasses.asdict(value)), repr(dataclasses.astuple(value))]
    for duplicate in (copy.copy, copy.deepcopy):
        seen.append(repr(vars(duplicate(value))) if hasattr(value, "__dict__") else "")
    return "\n".join(seen)


def laid_open(error: BaseException) -> str:
    """Return what an error says, and every local of the frames below the test's own."""
    seen = []
    for link in chain(error):
        seen += [str(link), repr(vars(link)), *getattr(link, "__notes__", ())]
        for frame, _ in list(traceback.walk_tb(link.__traceback__))[1:]:
            for value in list(frame.f_locals.values()):
                with suppress(Exception):  # half of a path, in pathlib's own frames
                    seen.append(repr(value))
    return "\n".join(seen)


# --- every public name


class _TalkativeError(Exception):
    """What a careless credential raises."""


class _Careless:
    """Raises its token, in every place where an exception has room for it."""

    def get_token(self, *_scopes: str) -> Any:
        error = _TalkativeError(f"could not use {TOKEN}", {"Authorization": TOKEN})
        error.token = TOKEN  # type: ignore[attr-defined]
        error.add_note(TOKEN)
        raise error from ValueError(TOKEN)


def _misuse(name: str, stray: object) -> BaseException | None:
    """Return what a public name raises when given something else in every place in turn."""
    function = getattr(pcnotebooks, name)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    needed = [
        each for each in parameters
        if each.default is each.empty and each.kind in {each.POSITIONAL_ONLY,
                                                        each.POSITIONAL_OR_KEYWORD}
    ]  # fmt: skip
    variadic = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    given = [stray] * (len(needed) + variadic)
    try:
        done = function(*given)
        if inspect.iscoroutine(done):
            done.close()
    except Exception as error:  # noqa: BLE001  whatever it is
        return error
    return None


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"sign_out", "dashboard"}])
def test_no_public_name_repeats_a_session(name: str, home: Path, monkeypatch):
    """A session in the wrong place is refused without its token, by frames and messages alike."""
    monkeypatch.setattr("pcnotebooks.service.client.sleep", lambda seconds: None)
    nobody = pcnotebooks.Cloud("own", "Own", "https://127.0.0.1:9", "https://127.0.0.1:9")
    error = _misuse(name, Session.from_token(nobody, TOKEN, partner="Contoso"))
    if error is not None:
        assert TOKEN not in laid_open(error)


@pytest.mark.parametrize(
    "call",
    [
        pcnotebooks.get_cloud,
        lambda token: Session(token, _Careless()),
        lambda token: Session("global", token),
        lambda token: Session.from_token(token, "x"),
        lambda token: Session.from_token("global", f"Bearer {token}"),
        lambda token: Session.from_token("global", token.encode()),  # type: ignore[arg-type]
    ],
    ids=["cloud", "its cloud", "its credential", "swapped", "with Bearer", "as bytes"],
)
def test_a_token_in_the_wrong_place_is_not_repeated(call: Any):
    """Arguments get swapped: the message, the notes and the frames below leave it out."""
    with pytest.raises(PcNotebooksError) as caught:
        call(TOKEN)
    error = caught.value
    frames = error.__traceback__.tb_next.tb_next  # the test's own hold it
    assert TOKEN not in shown(error.with_traceback(frames))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(),
        Answer(b"", 401),
        Answer(b"", 500),
        Answer(reset=True),
        Answer(b"", 302, headers={"Location": f"https://x.example/{TOKEN}"}),
        Answer(json.dumps({"code": TOKEN, "description": TOKEN}).encode(), 400),
        Answer(f'{{"items": "{TOKEN}"}}'.encode()),
    ],
    ids=["fine", "refused", "broken", "reset", "sent on", "repeated", "in the body"],
)
@pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING])
def test_a_session_can_be_used_shown_and_logged(
    partner_center, monkeypatch, caplog, capfd, answer, level
):
    """At any level, with the session, its error and its payload written into the log, too."""
    monkeypatch.setattr("pcnotebooks.service.client.sleep", lambda seconds: None)
    caplog.set_level(level)
    session = Session.from_token(partner_center(*[answer] * 4).cloud, TOKEN, partner="Contoso")
    log = logging.getLogger("a notebook's own")
    came: Any = None
    try:
        came = fetch_invoice_summaries(session)
    except PcNotebooksError as error:
        came = error.with_traceback(error.__traceback__.tb_next)
        log.exception("failed with %s", session, exc_info=came)
    log.warning("%s %r %s", session, came, vars(session))
    written = "".join(
        f"{each.getMessage()} {each.exc_text} {vars(each)}" for each in caplog.records
    )
    said = capfd.readouterr()
    for text in (written, said.out, said.err, looks(session), looks(came), pickled(came)):
        assert TOKEN not in text


def pickled(value: object) -> str:
    """Return the bytes that another process would get, as text."""
    return pickle.dumps(value).decode("latin-1")


def test_a_careless_credential_is_told_without_what_it_says():
    """Neither text, arguments, attributes, notes nor causes of what it raises come out."""
    with pytest.raises(pcnotebooks.SignInError) as caught:
        fetch_invoice_summaries(Session("global", _Careless()))
    assert "_TalkativeError" in caught.value.message
    assert TOKEN not in shown(caught.value)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_what_is_pickled_holds_no_token():
    """A payload goes to other processes, a session with a token to none."""
    assert pickle.loads(pickle.dumps(sample_payload())) == sample_payload()  # noqa: S301  our own
    session = Session.from_token("global", TOKEN)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        written = io.BytesIO()
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.Pickler(written, protocol).dump([sample_payload(), session])
        assert TOKEN.encode() not in written.getvalue()


# --- signing in


def test_a_sign_in_leaves_nothing_but_the_cache_asked_for(
    identity_provider, partner_center, tls, home, capfd, logged
):
    """Sign in, fetch, save, report: codes and tokens stand in one file, which is asked for."""
    service = partner_center(tls=tls, key=signing_key())
    codes = []

    def prompt(device_code: Any) -> None:
        codes.append(device_code.code)
        visit(f"{identity_provider.url}/devicelogin", "approve", user_code=device_code.code)

    session = sign_in(
        identity_provider.cloud(service.cloud.api), client_id=CLIENT_ID, tenant=TENANT,
        cache="plain", prompt=prompt,
    )  # fmt: skip
    payload = fetch_invoice_summaries(session)
    payload.save("contoso.json")
    pcnotebooks.render_report(payload, "contoso.html")
    pcnotebooks.write_csv("contoso.csv", payload)
    pcnotebooks.write_excel("contoso.xlsx", payload)
    pcnotebooks.History("history").append(payload)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(session)
    said = capfd.readouterr()
    shown_to_all = [looks(session), looks(payload), pickled(payload), said.out, said.err]
    found = []
    for path in filter(Path.is_file, home.rglob("*")):
        text = path.read_bytes().decode("latin-1")
        if identity_provider.shown_in(text):
            found.append(path)
        assert codes[0] not in text
    assert [path.name for path in found] == ["tokens.json"]
    assert found[0].stat().st_mode & 0o077 == 0
    for text in shown_to_all:
        assert not identity_provider.shown_in(text)
        assert codes[0] not in text
    # The provider's fixture looks through every log record.


def test_no_code_stands_in_a_notebook_that_a_server_saves(identity_provider, monkeypatch, home):
    """What the cell's output keeps while the panel waits; elsewhere the text has the code."""
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    shell.display_pub = CapturingDisplayPublisher()
    try:
        started = begin_sign_in(
            resolve(identity_provider.cloud(), client_id=CLIENT_ID, tenant=TENANT)
        )
        panel = _Panel(started)
        monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
        assert started.code.code in panel._repr_mimebundle_()["text/plain"]
        monkeypatch.setenv("JPY_SESSION_NAME", str(home / "mine.ipynb"))
        saved = json.dumps(panel._repr_mimebundle_())
        for secret in (started.code.code, started.code.url, "devicelogin"):
            assert secret not in saved
        assert "call sign_in" in saved
        panel.discard()
    finally:
        started.cancel()
        InteractiveShell.clear_instance()


# --- a real kernel


CELLS = (
    # Read in a function of its own: what a user's own variable holds is the user's to show.
    """
    import logging, os, sys, http.client
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
    http.client.HTTPConnection.debuglevel = 1
    import pcnotebooks as pc
    from pathlib import Path
    def session(place="fine"):
        cloud = pc.Cloud("own", "Own", "https://localhost", {url!r})
        return pc.Session.from_token(cloud, Path({token!r}).read_text(), partner="Contoso")
    """,
    "%xmode Verbose",
    "pc.fetch_invoice_summaries(session())",
    "pc.fetch_invoice_summaries(session())",
    "pc.invoice_summaries(session())",
    "pc.fetch_all([session(), session()])",
    "s = session(); s",
    "display(s, vars(s), s.credential, dict(s=s))",
    "s.credential.nonsense",
    "import pickle; pickle.dumps(s)",
    "pc.summary_frame(s)",
    "pc.render_report(s)",
    "pc.explore(s)",
    "pc.dashboard(cloud=s)",
    "pc.History('here').append(s)",
    "import asyncio; asyncio.run(pc.fetch_invoice_summaries(s))",
    "%whos",
    "%tb Verbose",
    "%debug -c",
    "%xmode Context",
    "pc.fetch_invoice_summaries(s)",
    "import traceback; traceback.print_last()" if os.name == "nt" else "1 / 0",
)


def test_the_most_talkative_kernel_shows_no_token(partner_center, tmp_path):
    """Verbose tracebacks with every local, debug logs and header dumps, saved as a notebook is."""
    planted = tmp_path / "token"
    planted.write_text(TOKEN)
    service = partner_center(
        *[Answer(b"", 403), Answer(stop_after=0, status=204), Answer(b"{", 200)],
        *[Answer(b"", 401), Answer(b"", 400)],
    )
    book = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(inspect.cleandoc(cell).replace("{url!r}", repr(service.url))
                                      .replace("{token!r}", repr(str(planted))))
            for cell in CELLS
        ]
    )  # fmt: skip
    client = nbclient.NotebookClient(
        book, timeout=60, allow_errors=True, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    errors = [out for cell in book.cells for out in cell.outputs if out.output_type == "error"]
    written = re.sub(r"\\u001b\[[\d;]*m", "", nbformat.writes(book))
    assert {"ServiceError", "AttributeError", "TypeError"} <= {error.ename for error in errors}
    assert "Starting new HTTP connection" in written  # the logs do stand in it
    assert "fetch_invoice_summaries" in written
    assert TOKEN not in written
    assert "Bearer" not in written
    assert not [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and path != planted and TOKEN.encode() in path.read_bytes()
    ]
    assert isinstance(sample_payload(), Payload)
