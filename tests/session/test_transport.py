"""Faults on the wire: whatever is sent, a call ends in time, in words, and with the token unsaid.

The plain cases (refusals, retries, TLS, proxies) are those of service/test_fetch; here a server
does what no honest one does.
"""

from __future__ import annotations

import gzip
import http.client
import logging
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcnotebooks.clouds import Cloud
from pcnotebooks.errors import (
    ConfigurationError,
    NetworkError,
    PayloadError,
    PcNotebooksError,
    SignInError,
)
from pcnotebooks.payload.payload import Payload
from pcnotebooks.service import client
from pcnotebooks.service.fetch import fetch_invoice_summaries, fetch_invoices
from pcnotebooks.session import transport
from pcnotebooks.session.credential import Token
from pcnotebooks.session.session import Session
from pcnotebooks.session.sign_in import sign_in
from tests.services.identity_provider import CLIENT_ID, TENANT
from tests.services.partner_center import SUMMARIES, Answer, PartnerCenter
from tests.services.planted import TOKEN, assert_token_free
from tests.services.users import signed_in

QUICK = (0.5, 0.25)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(SUMMARIES) + SUMMARIES


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let neither a pause between attempts nor the patience with a slow answer take its time."""
    monkeypatch.setattr(client, "sleep", lambda seconds: None)
    monkeypatch.setattr(transport, "GRACE", 0.25)


@contextmanager
def raw_server(talk: Callable[[socket.socket], object]) -> Iterator[tuple[Cloud, list[bytes]]]:
    """Serve connections one by one with whatever bytes a function sends; note what was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line, suppress(OSError):
                    line.settimeout(10)
                    asked.append(line.recv(65536))
                    if not asked[-1]:
                        return
                    talk(line)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        yield Cloud("raw", "Raw", "https://localhost", f"http://127.0.0.1:{port}"), asked
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            pass  # ends the waiting for another connection
    thread.join(15)
    assert not thread.is_alive()


@contextmanager
def dripping(content: bytes, *, at_once: bytes = b"") -> Iterator[tuple[Cloud, list[bytes]]]:
    """Serve a byte now and then, so that no pause is as long as a time-out.

    Afterwards the client must have hung up before the last of them, which comes much later.
    """
    finished = threading.Event()

    def talk(line: socket.socket) -> None:
        line.sendall(at_once)
        for byte in content:
            line.sendall(bytes([byte]))
            time.sleep(0.05)
        finished.set()

    with raw_server(talk) as served:
        yield served
    assert not finished.is_set()


def outcome(where: Cloud | Session, **options: object) -> Payload | PcNotebooksError:
    """Return what a call comes to; an error must not show the token anywhere."""
    session = Session.from_token(where, TOKEN, partner="C") if isinstance(where, Cloud) else where
    try:
        return fetch_invoice_summaries(session, **{"timeout": QUICK} | options)
    except PcNotebooksError as error:
        failure = error
    frames = failure.__traceback__.tb_next  # below this one, in which a test holds its token
    assert_token_free(failure.with_traceback(frames))
    assert failure.__cause__ is failure.__context__ is None
    assert failure.remedy
    return failure


# --- time


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(WHOLE, id="from the first letter"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 99, id="one interim answer after another"),
        pytest.param(HEAD + b"X-A: b\r\n" * 99, id="head"),
    ],
)
def test_an_answer_that_drips_is_given_up(sent: bytes):
    """Each byte comes in time, and the whole never: it ends, once, and says so."""
    with dripping(sent) as (cloud, asked):
        error = outcome(cloud)
        assert isinstance(error, NetworkError)
        assert "so slow that it was abandoned" in error.message
        assert len(asked) == 1


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 4158\r\n", b"", b"Transfer-Encoding: chunked\r\n"]
)
def test_a_body_that_drips_is_given_up(framing: bytes):
    """However its end is told, also where it would end with the connection and so look whole."""
    head = HEAD + framing + b"\r\n" + (b"ffff\r\n" if framing.startswith(b"T") else b"")
    body = b'{"totalCount": 0, "items": []}' + b" " * 999
    with dripping(body, at_once=head) as (cloud, asked):
        error = outcome(cloud)
        assert isinstance(error, NetworkError)
        assert "so slow" in error.message
        assert len(asked) == 1


def test_a_proxy_that_drips_is_given_up(monkeypatch):
    """Before TLS begins, too."""
    with dripping(b"H" * 999) as (proxy, _):
        monkeypatch.setenv("HTTPS_PROXY", proxy.api)
        error = outcome(Cloud("own", "Own", "https://localhost", "https://api.partner.test"))
        assert isinstance(error, NetworkError)
        assert "so slow" in error.message


def test_a_handshake_that_drips_is_given_up():
    """TLS records that never end a handshake are no answer either."""
    hello = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc" + b"\x03" * 999
    with dripping(hello) as (cloud, asked):
        secure = Cloud("own", "Own", "https://localhost", cloud.api.replace("http:", "https:"))
        assert isinstance(outcome(secure), NetworkError)
        assert len(asked) <= 4


def test_a_slow_answer_within_its_time_is_whole(partner_center):
    """A minute of patience is more than the summaries need."""
    service = partner_center(Answer(chunks=1000, drip=0.1))
    assert outcome(service.cloud).body == SUMMARIES


def threads_end() -> None:
    """Wait for the threads of requests: each ends a moment after its answer or deadline."""
    for each in threading.enumerate():
        if each.name == "pcnotebooks":
            each.join(15)
            assert not each.is_alive()


def test_patience_leaves_neither_thread_nor_socket(partner_center):
    """What watches over an answer ends with it."""
    service = partner_center()
    with suppress(OSError):
        outcome(service.cloud)
    before = threading.active_count()
    for _ in range(20):
        outcome(service.cloud)
    threads_end()
    assert threading.active_count() <= before + 2  # the server's own


# --- lengths


def sends(*parts: bytes) -> Callable[[socket.socket], object]:
    """Return what sends these bytes and hangs up."""
    return lambda line: line.sendall(b"".join(parts))


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (HEAD + b"Content-Length: 9999\r\n\r\n" + SUMMARIES, "broke off"),
        (HEAD + b"Content-Length: 999999999999999999999\r\n\r\n" + SUMMARIES, "broke off"),
        (HEAD + b"Content-Length: 100\r\n\r\n" + SUMMARIES, "ends in the middle"),
        (HEAD + b"Content-Length: 0\r\n\r\n" + SUMMARIES, "empty"),
        (HEAD + b"Content-Length: 4158, 4159\r\n\r\n" + SUMMARIES, "failed"),
        (CHUNKED + b"zz\r\n" + SUMMARIES, "broke off"),
        (CHUNKED + b"-1\r\n" + SUMMARIES, None),
        (CHUNKED + b"ffffffffffffffffffff\r\n" + SUMMARIES, None),
        (CHUNKED + b"1000\r\n" + SUMMARIES[:4096] + b"\r\n", "broke off"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-%d: y\r\n" * 1 % 1 + b"X: " + b"y" * 70_000, "broke off"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n", "broke off"),
        (b"HTTP/1.1 999999 Odd\r\n\r\n", "broke off"),
        (b"220 mail.example ESMTP\r\n", "broke off"),
        (b"\x00" * 100_000, "broke off"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "empty"),
    ],
)  # fmt: skip
def test_an_answer_that_lies_about_itself(sent: bytes, told: str | None):
    """About its length, its chunks or what it is: a clear error, and no figures."""
    with raw_server(sends(sent)) as (cloud, asked):
        error = outcome(cloud)
    assert isinstance(error, NetworkError | PayloadError)
    assert told is None or told in error.message
    assert 1 <= len([each for each in asked if each]) <= 4


def test_what_follows_the_stated_length_is_not_read():
    """A second answer smuggled behind the first is nobody's."""
    with raw_server(sends(WHOLE, WHOLE.replace(b"GBP", b"USD"))) as (cloud, _):
        for _ in range(2):
            assert outcome(cloud).body == SUMMARIES


def test_chunks_count_more_than_a_length():
    """Stated both ways, the body is what its chunks are, as HTTP has it."""
    sent = CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 7\r\n\r\n")
    sent += b"%x\r\n%s\r\n0\r\n\r\n" % (len(SUMMARIES), SUMMARIES)
    with raw_server(sends(sent)) as (cloud, _):
        assert outcome(cloud).body == SUMMARIES


# --- size


def bomb(layers: int, mebibytes: int) -> bytes:
    """Return zeros compressed once or over and over, made piece by piece."""
    packer = zlib.compressobj(9, wbits=31)
    piece = bytes(2**20)
    body = b"".join(packer.compress(piece) for _ in range(mebibytes)) + packer.flush()
    for _ in range(layers - 1):
        body = gzip.compress(body, 9, mtime=0)
    return body


@pytest.mark.parametrize(("layers", "status"), [(1, 200), (2, 200), (3, 200), (2, 403)])
def test_a_bomb_is_left_at_the_limit(partner_center, monkeypatch, layers, status):
    """Whatever it would become, memory stays within four times the limit."""
    monkeypatch.setattr(transport, "LARGEST_BODY", 8 * 2**20)
    headers = {"Content-Encoding": ", ".join(["gzip"] * layers)}
    service = partner_center(Answer(bomb(layers, 256), status, headers=headers))
    tracemalloc.start()
    try:
        error = outcome(service.cloud, timeout=(5, 30))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(error, PcNotebooksError)
    assert len(str(error)) < 1000
    assert peak < 4 * transport.LARGEST_BODY
    assert len(service.requests) == 1


# --- words


@pytest.mark.parametrize(
    "kind",
    ["text/html; charset=utf-16", "application/octet-stream", "image/png", "", None, "x" * 5000,
     "application/json; charset=latin-1", "text/event-stream", "multipart/byteranges"],
)  # fmt: skip
def test_the_bytes_say_what_they_are(partner_center, kind):
    """A wrong content type neither hides the summaries nor makes a page into them."""
    service = partner_center(
        Answer(headers={"Content-Type": kind}), Answer(b"<p>no", headers={"Content-Type": kind})
    )
    assert outcome(service.cloud).body == SUMMARIES
    assert "HTML" in outcome(service.cloud).message


@pytest.mark.parametrize(
    ("stated", "low", "high"),
    [
        ("5", 5, 5),
        ("005", 5, 5),
        ("\t5 ", 5, 5),
        ("5, 10", 0.5, 1),
        ("+5", 0.5, 5),
        ("0x10", 0.5, 1),
        ("1e2", 0.5, 1),
        ("NaN", 0.5, 1),
        ("Infinity", 0.5, 1),
        ("\u0665", 0.5, 5),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.5, 1),
        ("Thu, 32 Foo 2026 99:99:99 GMT", 0.5, 1),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_every_form_of_retry_after(partner_center, monkeypatch, status, stated, low, high):
    """Seconds are waited for; what is neither seconds nor a date to come is as if not said."""
    assert low <= wait_for(partner_center, monkeypatch, status, stated) <= high


@pytest.mark.parametrize(
    "form",
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y",
     "%a, %d %b %Y %H:%M:%S %z"],
)  # fmt: skip
@pytest.mark.parametrize("status", [429, 503])
def test_every_date_of_retry_after(partner_center, monkeypatch, status, form):
    """The three forms of an HTTP date are waited for, and one with an offset from UTC."""
    zone = timezone(timedelta(hours=5)) if form.endswith("%z") else UTC
    stated = (datetime.now(zone) + timedelta(seconds=30)).strftime(form)
    assert 1 <= wait_for(partner_center, monkeypatch, status, stated) <= 30


def wait_for(partner_center, monkeypatch, status, stated):
    """Give the seconds waited after one refusal with that Retry-After."""
    waits: list[float] = []
    monkeypatch.setattr(client, "sleep", waits.append)
    monkeypatch.setattr(client, "_backoff", lambda retries: 0.75)
    # http.server writes headers in Latin-1; what it cannot is sent as UTF-8.
    header = stated.encode().decode("latin-1")
    service = partner_center(Answer(status=status, headers={"Retry-After": header}))
    assert outcome(service.cloud).body == SUMMARIES
    (wait,) = waits
    return wait


# --- all at once


FAULTS = {
    "fine": Answer(),
    "reset": Answer(reset=True),
    "half": Answer(stop_after=1000),
    "busy": Answer(b"", 429, headers={"Retry-After": "7"}),
    "busy for hours": Answer(b"", 429, headers={"Retry-After": "9999"}),
    "broken": Answer(b"<html>", 502),
    "unavailable": Answer(b"\xff\x00", 503),
    "unauthorised": Answer(b"", 401),
    "refused": Answer(b'{"code": "2032"}', 403),
    "onward": Answer(b"", 307, headers={"Location": "/v1/onward"}),
    "elsewhere": Answer(b"", 302, headers={"Location": "http://127.0.0.2:{elsewhere}/"}),
    "in the clear": Answer(b"", 302, headers={"Location": "http://localhost:{elsewhere}/"}),
    "page": Answer(b"<html><title>Guest network</title>", headers={"Content-Type": "text/html"}),
    "no gzip": Answer(headers={"Content-Encoding": "gzip"}),
    "cut": Answer(SUMMARIES[:-9]),
}


class _Rotating:
    """Gives another token each time, all of which are planted."""

    def __init__(self) -> None:
        self.given = 0

    def get_token(self, *_scopes: str) -> _Rotating:
        self.given += 1
        self.token = f"{TOKEN}{self.given}"
        return self

    def __repr__(self) -> str:
        return "_Rotating()"


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(names=st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=8))
def test_any_sequence_of_faults(names: list[str]):
    """Ends in a payload or an error in words, after few requests with one id, sent to one host."""
    with PartnerCenter() as elsewhere:
        steps = []
        for name in names:
            answer = FAULTS[name]
            headers = {
                key: (value or "").format(elsewhere=elsewhere.port)
                for key, value in answer.headers.items()
            }
            steps.append(Answer(answer.body, answer.status, headers=headers, reset=answer.reset,
                                stop_after=answer.stop_after))  # fmt: skip
        with PartnerCenter(*steps) as service:
            credential = _Rotating()
            came = outcome(Session(service.cloud, credential, partner="Contoso"))
            assert came.request_id
            assert came.correlation_id
            assert getattr(came, "body", SUMMARIES) == SUMMARIES
            requests_made = service.requests
            assert 1 <= len(requests_made) <= (1 + 3 + 1) * (1 + 3)
            for name in ("MS-RequestId", "MS-CorrelationId"):
                assert len({each.headers[name] for each in requests_made}) == 1
            assert {each.headers["Authorization"] for each in requests_made} <= {
                f"Bearer {TOKEN}1",
                f"Bearer {TOKEN}2",
            }
            assert credential.given <= 2
        assert elsewhere.requests == []


# --- what others print


def test_the_switch_that_prints_headers_prints_no_token(partner_center, monkeypatch, capfd):
    """http.client's debuglevel, as half the web's advice sets it, prints into a notebook."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    requests.get(partner_center().url, headers={"Authorization": TOKEN}, timeout=5)
    assert TOKEN in capfd.readouterr().out  # so it would
    assert outcome(partner_center(Answer(status=503)).cloud).body == SUMMARIES
    said = capfd.readouterr()
    assert TOKEN not in said.out + said.err
    assert "Bearer" not in said.out + said.err


@pytest.mark.parametrize("name", ["urllib3", "requests", "http.client", "msal", ""])
def test_the_logs_at_debug_hold_no_token(partner_center, caplog, name):
    """Of the libraries below, too, for a call that fails, is redirected, retried and refused."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger=name)
    for fault in FAULTS.values():
        outcome(partner_center(fault, Answer(status=500)).cloud)
    logged = "".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "/v1/invoices/summaries" in logged
    assert TOKEN not in logged


# --- the login service


def test_nothing_is_sent_on_by_a_login_service(
    tls, authority_file, partner_center, monkeypatch, home
):
    """A redirect with 307 would carry codes and refresh tokens elsewhere: none is followed."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority_file))
    elsewhere = partner_center()
    login = partner_center(
        *[Answer(b"", 307, headers={"Location": f"{elsewhere.url}/token"})] * 4, tls=tls
    )
    cloud = Cloud("own", "Own", login.url, "https://127.0.0.1:9")
    with pytest.raises(SignInError) as caught:
        sign_in(cloud, client_id=CLIENT_ID, tenant=TENANT)
    assert "Own" in caught.value.message
    assert elsewhere.requests == []
    assert login.requests


# --- what goes out, and what comes back


INTERIM = (
    b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 199 Odd\r\nSet-Cookie: a=b\r\n\r\n",
)


@pytest.mark.parametrize("before", [*INTERIM, b"".join(INTERIM), INTERIM[0] * 50])
def test_interim_answers_are_not_the_answer(before: bytes):
    """The whole answer follows them."""
    with raw_server(sends(before, WHOLE)) as (cloud, asked):
        assert outcome(cloud).body == SUMMARIES
        assert len(asked) == 1


@pytest.mark.parametrize("after", [b"", b"HTTP/1.1 103 Early"])
def test_an_interim_answer_alone_is_none(after: bytes):
    """What breaks off behind it has broken off."""
    with raw_server(sends(INTERIM[0], after)) as (cloud, _):
        assert "broke off" in outcome(cloud).message


def test_interim_answers_of_a_proxy_are_skipped(monkeypatch):
    """A proxy may send them before it refuses."""
    with raw_server(sends(INTERIM[0], b"HTTP/1.1 407 No\r\n\r\n")) as (proxy, _):
        monkeypatch.setenv("HTTPS_PROXY", proxy.api)
        error = outcome(Cloud("own", "Own", "https://localhost", "https://api.partner.test"))
        assert "407 Proxy Authentication Required" in error.message


def test_no_cookie_goes_with_a_later_request(partner_center):
    """Neither with a retry nor after a redirect, nor with another call of the session."""
    cookie = {"Set-Cookie": "track=me; Path=/"}
    service = partner_center(
        Answer(b"", 503, headers=cookie),
        Answer(b"", 307, headers={**cookie, "Location": "/onward"}),
        Answer(headers=cookie),
        Answer(headers=cookie),
    )
    session = Session.from_token(service.cloud, TOKEN)
    for _ in range(2):
        outcome(session)
    assert len(service.requests) == 4
    assert not any(request.headers["Cookie"] for request in service.requests)


@pytest.mark.parametrize("entry", ["default", "machine localhost"])
def test_a_password_of_netrc_goes_to_no_login_service(
    identity_provider, tls, monkeypatch, tmp_path, entry
):
    """In no request of a sign-in; none keeps a cookie either."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"{entry} login bob password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert signed_in(identity_provider)
    own = ("discovery", "devicecode", "poll")  # the others are asked by the user's browser
    sent = [headers for place, headers in identity_provider.headers if place in own]
    assert len(sent) > 2
    assert not any("Authorization" in each or "Cookie" in each for each in sent)


# --- a call ends


def test_a_name_that_resolves_after_the_deadline(monkeypatch):
    """The call ends, though nothing can end the look-up; what comes after it is given up."""
    slow, real = threading.Event(), socket.getaddrinfo

    def look_up(*args: object, **options: object) -> object:
        slow.wait(20)
        return real(*args, **options)

    with dripping(WHOLE) as (cloud, asked):
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        error = outcome(cloud)
        assert "abandoned" in error.message
        assert asked == []  # so it had ended before the name was known
        slow.set()
        threads_end()


def test_many_dead_addresses_end_with_the_call(monkeypatch):
    """Each address may take as long as the time-out; all of them no longer than the call."""
    ended = threading.Event()

    def look_up(*args: object, **options: object) -> object:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))] * 50

    def connect(self: socket.socket, address: object) -> None:
        ended.wait(0.2)
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", connect)
    cloud = Cloud("own", "Own", "https://localhost", "https://api.partner.test")
    error = outcome(cloud)
    ended.set()
    threads_end()  # before connections are real again
    assert "abandoned" in error.message


# --- four requests


@pytest.mark.parametrize(
    ("names", "count"),
    [
        ("rrr5rrr5rrr5rrr5", 4),
        ("5r5r5", 4),
        ("r5r5", 4),
        ("rr5", 4),
        ("555", 4),
        ("rrr", 4),
        ("r4r", 4),  # a refused token is renewed once more
        ("rrr4rrr", 5),
    ],
)
def test_redirects_and_retries_have_one_budget(partner_center, names, count):
    """At most four requests, and one more after a 401."""
    answers = {
        "r": Answer(b"", 307, headers={"Location": "/onward"}),
        "5": Answer(b"", 503),
        "4": Answer(b"", 401),
    }
    service = partner_center(*(answers[name] for name in names))
    tokens = iter([TOKEN, f"{TOKEN}2", f"{TOKEN}3"])

    class Renewing:
        def get_token(self, *_: str) -> object:
            return Token(next(tokens), 0)

    outcome(Session(service.cloud, Renewing()))
    assert len(service.requests) == count


# --- arguments


@pytest.mark.parametrize(
    "timeout",
    [-1, 0, float("nan"), float("inf"), "5", True, None, (1, 2, 3), (None, None), (1, -1), 1e12,
     (1,), [1, 2], (1, "2"), (float("nan"), 1), 10**400, TOKEN],
)  # fmt: skip
def test_a_time_that_is_none_is_refused_before_anything_is_sent(partner_center, timeout):
    """In words, for each call."""
    service = partner_center()
    session = Session.from_token(service.cloud, "x" * 20)
    for fetch in (fetch_invoice_summaries, fetch_invoices):
        with pytest.raises(ConfigurationError, match="timeout=") as caught:
            fetch(session, timeout=timeout)
        assert TOKEN not in str(caught.value)
        assert "seconds" in caught.value.remedy
    assert service.requests == []


@pytest.mark.parametrize("timeout", [5, 0.5, (1, 2.5), np.float32(3), np.int64(4), 86_400])
def test_a_time_of_any_kind_of_number(partner_center, timeout):
    """One number or two, NumPy's too."""
    service = partner_center()
    session = Session.from_token(service.cloud, TOKEN)
    assert fetch_invoice_summaries(session, timeout=timeout).body == SUMMARIES


@pytest.mark.parametrize("timeout", [-1, 0, float("nan"), "5", True, (1, 2), 1e12])
@pytest.mark.parametrize("method", ["device_code", "browser"])
def test_a_sign_in_refuses_such_a_time_too(identity_provider, method, timeout):
    """Nothing is sent."""
    with pytest.raises(ConfigurationError, match="timeout="):
        signed_in(identity_provider, method=method, timeout=timeout)
    assert identity_provider.requests == []
