"""No secret in IPython's verbose tracebacks, wherever a call fails or is interrupted.

Verbose tracebacks show the arguments of each frame, and evaluate the names and attributes of the
lines that they show.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import IPython
import nbformat
import pytest
import stack_data
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import pcnotebooks
from pcnotebooks import Session, sample_payload, save_invoice_pdfs, sign_in, sign_in_async
from pcnotebooks.doctor import diagnose
from pcnotebooks.report.leaks import refuse_secrets
from pcnotebooks.report.notebook import rendered
from pcnotebooks.service.fetch import fetch_invoice_summaries, fetch_invoices
from pcnotebooks.service.fetch_many import fetch_all
from pcnotebooks.session.token_cache import cache_file
from tests.services.callers import Rotating
from tests.services.identity_provider import APP_ID, CLIENT_ID, TENANT, Answer, refusal
from tests.services.partner_center import Answer as ServiceAnswer
from tests.services.planted import TOKEN, chain
from tests.services.users import EXPIRING, approve, ignore, signed_in

# A connection that an interrupt leaves is closed when it is collected, in whatever test that is.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

# Every so many places are enough for one run: each is a whole call.
_EACH = 4
PACKAGE = str(Path(pcnotebooks.__file__).parent)
_OUTSIDE = (str(Path(__file__).parent), str(Path(IPython.__file__).parent))
# Renewals that a login service may answer with; the first is the only one that RFC 6749 allows.
LIFETIMES = [None, 10**15, -(10**15), -1, "a text", "3599", 1e308, True, [], float("inf")]


@pytest.fixture
def talkative(capsys) -> Iterator[Callable[[Callable[[], Any]], str]]:
    """Return a function that calls another in a verbose IPython, and returns what is shown."""
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    shell.run_line_magic("xmode", "Verbose")
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)

    def run(call: Callable[[], Any]) -> str:
        shell.user_ns["call"] = call
        outcome = shell.run_cell("call()")
        error = outcome.error_in_exec
        said = capsys.readouterr()
        return f"{said.out}{said.err}{laid_open(error) if error else ''}"

    yield run
    signal.signal(signal.SIGINT, handler)
    InteractiveShell.clear_instance()


def laid_open(error: BaseException) -> str:
    """Return every name and attribute of the whole functions below the test's own."""
    seen = []
    for link in chain(error):
        traceback = link.__traceback__
        while traceback is not None:
            if not traceback.tb_frame.f_code.co_filename.startswith(_OUTSIDE):
                seen += [f"{each.name} = {_safe(each.value)}" for each in _evaluated(traceback)]
                seen += [_safe(value) for value in list(traceback.tb_frame.f_locals.values())]
            traceback = traceback.tb_next
    return "\n".join(seen)


def _evaluated(traceback: Any) -> list[Any]:
    try:
        return list(stack_data.FrameInfo(traceback).variables)
    except OSError:  # no source, as of a dataclass's own methods
        return []


def _safe(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  half made, when it was interrupted
        return ""


def secrets_of(provider: Any) -> set[str]:
    """Return what a provider has given out, sign-in codes included."""
    return provider.secrets | {code["user_code"] for code in provider.device_codes.values()}


def shown_of(provider: Any, text: str) -> set[str]:
    """Return which of them a text shows."""
    return {each for each in secrets_of(provider) if each[: max(9, len(each) // 2)] in text}


def ctrl_c(waited_for: Callable[[], object]) -> Callable[[], None]:
    """Return what begins to wait for something, and then interrupts the main thread."""

    def interrupt() -> None:
        waited_for()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    return threading.Thread(target=interrupt, daemon=True).start


# Calls of the service


def _token() -> str:
    """Return the planted token without its name in the line of a caller."""
    return TOKEN


def _session(cloud: Any) -> Session:
    return Session.from_token(cloud, _token(), partner="Contoso")


CALLS = {
    "summaries": fetch_invoice_summaries,
    "invoices": fetch_invoices,
    "frame": pcnotebooks.invoices,
    "all": lambda session: fetch_all([session], progress=False),
    "pdfs": lambda session: save_invoice_pdfs(
        session, replace(sample_payload("invoices"), cloud=session.cloud.name), "pdfs"
    ),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("during", ["answer", "body", "pause"])
def test_an_interrupted_call(partner_center, talkative, empty_folder, name, during):
    """Ctrl-C while an answer, its body, or the next try is waited for."""
    asked = threading.Event()
    answer = {
        "answer": ServiceAnswer(before=lambda: (asked.set(), threading.Event().wait(3))),
        "body": ServiceAnswer(before=asked.set, delay=3),
        "pause": ServiceAnswer(b"", 503, before=asked.set, headers={"Retry-After": "9"}),
    }[during]
    service = partner_center(answer, answer)
    session = _session(service.cloud)
    ctrl_c(lambda: asked.wait(20) and threading.Event().wait(0.3))()
    text = talkative(lambda: CALLS[name](session))
    assert "KeyboardInterrupt" in text
    assert TOKEN[:20] not in text


@pytest.mark.parametrize("name", ["summaries", "invoices", "frame"])
@pytest.mark.parametrize("second", [RuntimeError("revoked"), KeyboardInterrupt(), "blank token"])
def test_a_refused_token_whose_renewal_fails(partner_center, talkative, name, second):
    """A 401, and then the credential fails, is interrupted, or gives no token."""
    service = partner_center(ServiceAnswer(b"", 401))

    class Renewing(Rotating):
        def get_token(self, *scopes: str) -> Any:
            if self.asked and isinstance(second, BaseException):
                raise second
            return super().get_token(*scopes)

    session = Session(service.cloud, Renewing(_token(), str(second)))
    text = talkative(lambda: CALLS[name](session))
    assert "SignInError" in text or "KeyboardInterrupt" in text
    assert TOKEN[:20] not in text


# Python reports an interrupt of a weak reference's callback, and goes on.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("at", ["lines", "calls"])
def test_an_interrupt_at_any_line_of_a_call(partner_center, monkeypatch, at):
    """Ctrl-C may come between any two lines: after a 401, a renewal, a 503 and a redirect."""
    monkeypatch.setattr("pcnotebooks.service.client.sleep", lambda _: None)
    answers = [
        ServiceAnswer(b"", 401),
        ServiceAnswer(b"", 503),
        ServiceAnswer(b"", 307, headers={"Location": "/v1/invoices/summaries"}),
        ServiceAnswer(),
    ]
    service = partner_center()

    def call() -> None:
        service.steps.clear()
        service.steps.extend(answers)
        credential = Rotating(_token(), f"{_token()}.renewed")
        fetch_invoice_summaries(Session(service.cloud, credential, partner="Contoso"))

    interrupted = swept(call, by_line=at == "lines")
    assert len(interrupted) > 20
    for place, error in interrupted.items():
        assert TOKEN[:20] not in verbose(error), place


def swept(call: Callable[[], object], *, by_line: bool) -> dict[Any, BaseException]:
    """Return the error of a call interrupted at each line, or call, of the package in turn."""
    places: dict[Any, None] = {}
    traced(call, by_line=by_line, at=lambda place: places.setdefault(place) or False)
    failures = {}
    for place in list(places)[:: _EACH if by_line else 1]:
        error = traced(call, by_line=by_line, at=lambda reached, it=place: reached == it)
        if error is not None:
            failures[place] = error
    return failures


def traced(
    call: Callable[[], object], *, by_line: bool, at: Callable[[Any], bool]
) -> BaseException | None:
    """Return what a call ends with when it is interrupted once, at a place."""
    is_done = []

    def interrupt(place: tuple[str, int, CodeType]) -> None:
        if not is_done and at(place):
            is_done.append(place)
            raise KeyboardInterrupt

    def on_line(frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            interrupt((frame.f_code.co_filename, frame.f_lineno, frame.f_code))
        return on_line

    def on_call(frame: FrameType, _: str, __: object) -> Any:
        caller, inside = frame.f_back, frame.f_code.co_filename.startswith(PACKAGE)
        if by_line:
            # The decorator's own few lines are all that remains.
            own = frame.f_code.co_filename.endswith("discreet.py")
            return on_line if inside and not own else None
        if caller is not None and (inside or caller.f_code.co_filename.startswith(PACKAGE)):
            interrupt((caller.f_code.co_filename, caller.f_lineno, frame.f_code))
        return None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        call()
    except BaseException as error:  # noqa: BLE001  whatever it is
        return error
    finally:
        sys.settrace(before)
    return None


def verbose(error: BaseException) -> str:
    """Return what a verbose traceback may show: the arguments, and all that is evaluated."""
    return f"{error!r} {laid_open(error)}"


# Signing in


@pytest.mark.parametrize("wait", ["discovery", "devicecode", "poll", "between"])
def test_an_interrupted_sign_in(identity_provider, talkative, wait):
    """Ctrl-C in each wait of a sign-in by device code."""
    if wait == "between":
        identity_provider.interval = 60
    else:
        identity_provider.delays[wait] = 5
    place = "poll" if wait == "between" else wait
    ctrl_c(lambda: (identity_provider.asked_for(place), threading.Event().wait(0.3)))()
    text = talkative(lambda: signed_in(identity_provider, prompt=ignore))
    assert "KeyboardInterrupt" in text
    assert not shown_of(identity_provider, text)


def test_an_interrupted_prompt(identity_provider, talkative):
    """The user's own prompt is interrupted: its argument is shown without the code."""
    codes = []

    def prompt(device_code: Any) -> None:
        codes.append(device_code.code)
        raise KeyboardInterrupt

    text = talkative(lambda: signed_in(identity_provider, prompt=prompt))
    assert "DeviceCode(url=" in text
    assert codes[0] not in text
    assert not shown_of(identity_provider, text)


def test_an_interrupted_sign_in_by_browser(identity_provider, talkative, monkeypatch):
    """Ctrl-C while the browser's answer is waited for."""
    for name in ("SSH_CONNECTION", "JUPYTERHUB_USER", "CODESPACES", "COLAB_RELEASE_TAG"):
        monkeypatch.delenv(name, raising=False)
    opened, addresses = threading.Event(), []
    monkeypatch.setattr("webbrowser.get", lambda *_: None)
    monkeypatch.setattr("webbrowser.open", lambda url: (addresses.append(url), opened.set()))
    ctrl_c(lambda: opened.wait(20) and threading.Event().wait(0.3))()
    text = talkative(lambda: signed_in(identity_provider, method="browser"))
    assert "KeyboardInterrupt" in text
    state = parse_qs(urlsplit(addresses[0]).query)["state"][0]
    assert state not in text
    assert not shown_of(identity_provider, text)


_STRANGE = [10**15, -1, "a text", float("nan"), 1e308, [], None]


@pytest.mark.parametrize(
    ("field", "lifetime"),
    # An interval of 10**15 is a pause until the code expires, which is the service's right.
    [("expires_in", each) for each in _STRANGE] + [("interval", each) for each in _STRANGE[1:]],
)
def test_a_device_code_with_a_strange_lifetime(identity_provider, talkative, field, lifetime):
    """It is used, or refused in words; the codes are shown in neither case."""
    flow = {
        "device_code": identity_provider.secret("Planted-device-code-0123456789"),
        "user_code": identity_provider.secret("PLANTED99CODE"),
        "verification_uri": f"{identity_provider.url}/devicelogin",
        "expires_in": 900,
        "interval": 1,
        field: lifetime,
    }
    identity_provider.answers["devicecode"] = Answer(json.dumps(flow).encode())
    identity_provider.answers["poll"] = refusal(error="authorization_declined")
    text = talkative(lambda: signed_in(identity_provider, prompt=ignore))
    assert "SignInError" in text
    assert not shown_of(identity_provider, text)


def test_an_interrupted_panel(identity_provider, talkative):
    """Ctrl-C while sign_in_async waits."""
    ctrl_c(lambda: identity_provider.asked_for("poll"))()
    waiting = sign_in_async(identity_provider.cloud(), client_id=CLIENT_ID)
    text = talkative(lambda: asyncio.run(waiting))
    assert "KeyboardInterrupt" in text
    assert not shown_of(identity_provider, text.partition("Type it only")[2])


# Renewing


def _expired(provider: Any) -> Session:
    """Return a session of a kept sign-in whose token has to be renewed."""
    provider.token_lifetime = EXPIRING
    return signed_in(provider, cache="plain", tenant=TENANT, prompt=approve)


def _renewal(provider: Any, **fields: Any) -> Answer:
    body = {
        "token_type": "Bearer",
        "access_token": provider.secret("Planted-new-access-0123456789abcdef"),
        "refresh_token": provider.secret("Planted-new-refresh-0123456789abcdef"),
        **fields,
    }
    return Answer(json.dumps(body).encode())


def _calls(provider: Any, session: Session) -> list[Callable[[], Any]]:
    again = {
        "client_id": CLIENT_ID,
        "tenant": TENANT,
        "cache": "plain",
        "prompt": ignore,
        "timeout": 2,
    }
    return [
        lambda: session.credential.get_token(session.cloud.scope).expires_on,
        lambda: fetch_invoice_summaries(session),
        lambda: sign_in(session.cloud, **again),
    ]


@pytest.mark.parametrize("lifetime", LIFETIMES, ids=repr)
def test_a_renewal_with_a_strange_lifetime(identity_provider, talkative, lifetime):
    """It is used, or refused in words; never a raw error, nor a token."""
    session = _expired(identity_provider)
    fields = {} if lifetime is None else {"expires_in": lifetime}
    identity_provider.answers["refresh"] = _renewal(identity_provider, **fields)
    for call in _calls(identity_provider, session)[:2]:
        text = talkative(call)
        assert not shown_of(identity_provider, text)
        for raw in ("KeyError", "ValueError", "TypeError", "OverflowError", "ConfigurationError"):
            assert raw not in text


def test_a_renewal_without_a_lifetime_is_used(identity_provider):
    """OAuth only recommends expires_in: the token is good for an hour, as msal takes it."""
    session = _expired(identity_provider)
    identity_provider.answers["refresh"] = _renewal(identity_provider)
    given = session.credential.get_token(session.cloud.scope)
    assert given.token.startswith("Planted-new-access")


@pytest.mark.parametrize("answer", [refusal(700082), Answer(b"{"), Answer(b"[]"), Answer(b"", 500)])
def test_a_renewal_that_fails(identity_provider, talkative, answer):
    """Each call shows why, without the tokens that it worked with."""
    session = _expired(identity_provider)
    identity_provider.answers["refresh"] = answer
    for call in _calls(identity_provider, session):
        text = talkative(call)
        assert "SignInError" in text or "Planted" not in text
        assert not shown_of(identity_provider, text)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_interrupted_renewal(identity_provider, talkative, number):
    """Ctrl-C while the login service is waited for."""
    session = _expired(identity_provider)
    identity_provider.delays["refresh"] = 5
    asked = identity_provider.count("refresh")
    ctrl_c(lambda: _until(lambda: identity_provider.count("refresh") > asked))()
    text = talkative(_calls(identity_provider, session)[number])
    assert "KeyboardInterrupt" in text
    assert not shown_of(identity_provider, text)


def _until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        threading.Event().wait(0.05)


@pytest.mark.parametrize("ends", ["refused", "interrupted", "not JSON"])
def test_an_app_that_signs_in(identity_provider, talkative, monkeypatch, ends):
    """Its secret is in no frame: refused, interrupted, or answered by something else."""
    identity_provider.client_secret = "another"
    monkeypatch.setenv("PCNOTEBOOKS_CLIENT_SECRET", identity_provider.secret(TOKEN))
    if ends == "interrupted":
        identity_provider.delays["app"] = 5
        ctrl_c(lambda: identity_provider.asked_for("app"))()
    elif ends == "not JSON":
        identity_provider.answers["app"] = Answer(b"{")
    cloud = identity_provider.cloud()
    options = {"client_id": APP_ID, "tenant": TENANT, "method": "client_secret"}
    text = talkative(lambda: sign_in(cloud, **options))
    assert ("KeyboardInterrupt" if ends == "interrupted" else "SignInError") in text
    assert not shown_of(identity_provider, text)


def test_a_damaged_cache(identity_provider, talkative):
    """A token cache that is cut in the middle: its text is shown nowhere."""
    session = _expired(identity_provider)
    file = cache_file("plain")
    file.write_text(file.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    calls = [*_calls(identity_provider, session), lambda: pcnotebooks.sign_out(session)]
    for call in calls:
        text = talkative(call)
        assert "ConfigurationError" in text
        assert not shown_of(identity_provider, text)


# The doctor, and notebooks that are rendered


def test_an_interrupted_doctor(contoso, identity_provider, talkative, monkeypatch):
    """Ctrl-C while the login service is waited for."""
    identity_provider.token_lifetime = EXPIRING
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")
    sign_in(profile="contoso", prompt=approve)
    identity_provider.delays["refresh"] = 5
    ctrl_c(lambda: identity_provider.asked_for("refresh"))()
    text = talkative(lambda: list(diagnose(profile="contoso")))
    assert "KeyboardInterrupt" in text
    assert not shown_of(identity_provider, text)


def test_a_refused_notebook(home):
    """The secrets that are looked for are not shown by the traceback of what finds them."""
    cell = nbformat.v4.new_markdown_cell(f"It is {TOKEN}.")
    book = nbformat.v4.new_notebook(cells=[cell])
    nbformat.write(book, "mine.ipynb")
    secrets = [_token(), "another"]
    calls = (
        lambda: refuse_secrets(book, secrets),
        lambda: rendered("mine.ipynb", "mine.html", secrets=secrets),
    )
    for call in calls:
        error = failure_of(call)
        assert "a secret of this sign-in" in str(error)
        assert TOKEN not in "".join(_headers(error))


def failure_of(call: Callable[[], Any]) -> BaseException:
    """Return what a call raises."""
    with pytest.raises(pcnotebooks.ReportError) as caught:
        call()
    return caught.value


def _headers(error: BaseException) -> Iterator[str]:
    """Yield the arguments and variables of the frames of notebooks being checked."""
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_filename.startswith(PACKAGE):
            yield from (repr(v) for name, v in frame.f_locals.items() if name != "book")
        traceback = traceback.tb_next
