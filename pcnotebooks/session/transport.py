"""Send requests: each gets one answer from one host, limited in time and size."""

from __future__ import annotations

import base64
import re
import socket
import threading
import time
from collections.abc import Mapping, MutableMapping
from concurrent.futures import Future, wait
from contextlib import suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPResponse, parse_headers, responses
from http.cookiejar import DefaultCookiePolicy
from io import BufferedReader, BytesIO
from numbers import Real
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.utils import get_auth_from_url, select_proxy
from urllib3.connection import HTTPConnection

from pcnotebooks.errors import ConfigurationError, NetworkError
from pcnotebooks.session.faults import ProxyLoginError, UnfinishedError, explained
from pcnotebooks.text import hidden, one_line, unwrapped

# The time-out of requests runs from byte to byte, so a server that trickles bytes is always in
# time: the whole answer has a separate limit.
GRACE = 60.0
LARGEST_BODY = 64 * 2**20
_LONGEST_TIMEOUT = 86_400


@dataclass(frozen=True)
class Answer:
    """A complete answer, of any status."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Bearer(AuthBase):
    """A token for the Authorization header.

    As an authentication object of requests, it cannot be overridden by ~/.netrc.
    """

    token: str = field(repr=False)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header to a request."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class Http(requests.Session):
    """A session of requests that follows no redirects and limits the size of bodies.

    A redirect would forward secrets. Passwords of ~/.netrc and cookies are never sent.

    Parameters
    ----------
    timeout
        Seconds to connect, and between the bytes of an answer, for requests that give no
        time-out. The answer has to be complete a minute after both.
    retries
        How often a broken connection is retried.
    """

    def __init__(
        self, *, timeout: float | tuple[float, float] = (10, 60), retries: int = 0
    ) -> None:
        super().__init__()
        self._timeout = timeout
        self.auth = lambda request: request  # without it, requests reads ~/.netrc
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(max_retries=retries))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None, so that requests neither follows a redirect nor reads its whole body."""

    def merge_environment_settings(
        self,
        url: str | bytes | None,
        proxies: MutableMapping[str, str] | None,
        stream: Any,
        verify: Any,
        cert: Any,
    ) -> Any:
        """Add the proxy and certificate authorities that the environment names, as requests does.

        Plain http, which is only for loopback, never uses a proxy, which would see the token.

        Raises
        ------
        InvalidProxyURL
            If the proxy's address is not valid; the error omits it, as it may hold a password.
        """
        settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
        scheme = urlsplit(str(url)).scheme
        proxy = select_proxy(str(url), settings["proxies"]) if scheme == "https" else None
        settings["proxies"] = {scheme: _usable(proxy)} if proxy else {}
        return settings

    def ask(self, url: str, *, headers: Mapping[str, str], bearer: Bearer) -> Answer:
        """Return the answer to a request with a token.

        Raises
        ------
        OSError
            If no complete answer came; the error holds the token, as all errors of requests do.
        """
        with self.get(url, headers=headers, auth=bearer) as response:
            return Answer(
                response.status_code, response.reason or "", response.headers, response.content
            )

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Return the answer; a body that is too large ends one byte beyond the limit.

        Raises
        ------
        UnfinishedError
            If it is not complete in time.
        """
        timeout = options["timeout"] = options.get("timeout") or self._timeout
        if options.get("stream"):
            return super().send(request, **options)
        both = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        seconds = sum(both) + GRACE
        end = time.monotonic() + seconds
        outcome: Future[requests.Response] = Future()
        deadline, send = _Deadline(), super().send

        def work(outcome: Future[requests.Response]) -> None:
            try:
                with deadline:
                    response = send(request, **options | {"stream": True})
                    with response:
                        response._content = _beginning(response)  # noqa: SLF001  no other way
            except BaseException as error:  # noqa: BLE001  raised in the thread that waits
                outcome.set_exception(error.with_traceback(None))  # its frames hold the token
            else:
                outcome.set_result(response)
            finally:
                # The error's causes refer to this frame: a cycle would keep sockets open.
                del outcome

        # Neither name resolution nor a list of dead addresses has a time limit: such a thread is
        # abandoned, and ends when it next checks the deadline.
        threading.Thread(
            target=copy_context().run, args=(work, outcome), name="pcnotebooks", daemon=True
        ).start()
        try:
            while not outcome.done() and (left := end - time.monotonic()) > 0:
                wait([outcome], min(left, 1))  # Windows handles Ctrl-C only between waits
        finally:
            deadline.end()
        if not outcome.done():
            raise UnfinishedError(f"no complete answer within {seconds:g} seconds")
        try:
            return outcome.result()
        finally:
            del outcome  # as above: the error refers to this frame


def _beginning(response: requests.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(2**16):
        body += chunk
        if len(body) > LARGEST_BODY:
            break
    return bytes(body[: LARGEST_BODY + 1])


class _Deadline:
    """Closes the connections that are opened or used within it, once the time is over."""

    def __init__(self) -> None:
        self._is_over = False
        self._lines: list[socket.socket] = []
        self._lock = threading.Lock()

    def watch(self, line: socket.socket) -> None:
        # A copy, because the original is wrapped in TLS, or closed while its answer is still read.
        own = socket.fromfd(line.fileno(), line.family, line.type)
        with self._lock:
            self._lines.append(own)
            is_over = self._is_over
        if is_over:  # connecting took longer than the call may take
            self.end()

    def end(self) -> None:
        with self._lock:
            self._is_over = True
            for line in self._lines:
                with suppress(OSError):  # already closed
                    line.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> None:
        _DEADLINE.set(self)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            while self._lines:
                self._lines.pop().close()


_DEADLINE: ContextVar[_Deadline] = ContextVar("deadline")


class _Response(HTTPResponse):
    """An answer without interim answers such as 103; http.client skips only 100."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200 or status == 101:
                return version, status, reason
            parse_headers(self.fp)


class _ProxyResponse(_Response):
    """A proxy's answer to CONNECT, in standard words, since its own may repeat the password."""

    def _read_status(self) -> tuple[str, int, str]:
        version, status, _ = super()._read_status()
        if status == 407:
            stated = parse_headers(self.fp).get_all("Proxy-Authenticate") or []
            listed = re.sub(r'"[^"]*"', "", ",".join(stated))
            # Each method is one word, followed by its parameters: name=value, ...
            methods = re.findall(r"(?:^|,)\s*([A-Za-z][\w-]*)(?=\s|,|$)(?!\s*=)", listed, re.ASCII)
            if methods and "basic" not in map(str.lower, methods):
                raise ProxyLoginError(f"407: it accepts {', '.join(methods)}")
            # Python 3.13 and newer read the headers next, but they have already been read.
            self.fp.close()
            self.fp = BufferedReader(BytesIO(b"\r\n"))
        return version, status, responses.get(status, "")


class _Watched(HTTPConnection):
    """A connection that a deadline closes, even during a handshake with TLS or a proxy."""

    # Overrides http.client's debug switch, with which every header would be printed and kept.
    debuglevel = 0
    response_class = _Response

    def _tunnel(self) -> None:
        self.response_class = _ProxyResponse
        try:
            super()._tunnel()
        finally:
            del self.response_class

    def _new_conn(self) -> socket.socket:
        line = super()._new_conn()
        _watch(line)
        return line

    def request(self, *args: Any, **options: Any) -> None:
        if self.sock is not None:  # from an earlier request
            _watch(self.sock)
        super().request(*args, **options)


def _watch(line: socket.socket) -> None:
    deadline = _DEADLINE.get(None)
    if deadline is not None:
        deadline.watch(line)


@cache
def _watched(kind: type[HTTPConnection]) -> type[HTTPConnection]:
    return type(kind.__name__, (_Watched, kind), {})


class _Adapter(HTTPAdapter):
    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        if not issubclass(pool.ConnectionCls, _Watched):
            pool.ConnectionCls = _watched(pool.ConnectionCls)
        return pool

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """Return the user name and password in UTF-8, since requests supports only Latin-1."""
        user, password = get_auth_from_url(proxy)
        if not user:
            return {}
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Proxy-Authorization": f"Basic {login}"}


def _usable(proxy: str) -> str:
    """Return the address of a proxy with user name and password percent-encoded.

    They end at the last ``@``, and often contain an unencoded ``#``, ``/`` or ``@``.
    """
    scheme, separator, rest = unwrapped(proxy).partition("://")
    if not separator:
        scheme, rest = "http", scheme
    login, at, place = rest.rpartition("@")
    # A percent sign that begins no encoded character is part of the password.
    login = quote(re.sub(r"%(?![0-9a-fA-F]{2})", "%25", login), safe="%:")
    place = place.partition("/")[0]
    try:
        parts = urlsplit(f"http://{place}")
        is_place = bool(parts.hostname) and parts.port != 0 and place.isprintable()
    except ValueError:  # a port that is not a number: the host is missing
        is_place = False
    if not is_place:
        raise requests.exceptions.InvalidProxyURL
    return f"{scheme}://{login}{at}{place}"


def checked_timeout(timeout: Any, *, pair: bool = True) -> Any:
    """Return a valid time-out; NumPy's numbers become floats.

    Raises
    ------
    ConfigurationError
        Unless it is a positive number of seconds, or a pair of them, of at most a day.
    """
    is_pair = pair and isinstance(timeout, tuple) and len(timeout) == 2
    numbers = timeout if is_pair else (timeout,)
    if not all(
        issubclass(type(each), Real) and type(each) is not bool and 0 < each <= _LONGEST_TIMEOUT
        for each in numbers
    ):
        raise ConfigurationError(
            f"timeout={hidden(one_line(repr(timeout), 60))} is not a valid time-out.",
            remedy=f"Give seconds, more than 0 and at most {_LONGEST_TIMEOUT:,}"
            + (": one number, or (connect, read)." if pair else "."),
        )
    plain = tuple(each if isinstance(each, int) else float(each) for each in numbers)
    return plain if is_pair else plain[0]


def route(url: str) -> tuple[str, str | None]:
    """Return the proxy, as host and port, and the file of certificate authorities for an address.

    Raises
    ------
    NetworkError
        If the proxy cannot be used.
    """
    try:
        settings = Http().merge_environment_settings(url, {}, None, None, None)
    except OSError as error:
        kind, what = explained(error)
        raise NetworkError(f"{what[0].upper()}{what[1:]}.", remedy=kind.remedy) from None
    proxy, bundle = settings["proxies"].get("https", ""), settings["verify"]
    return urlsplit(proxy).netloc.rpartition("@")[2], bundle if isinstance(bundle, str) else None


@dataclass(frozen=True)
class Reached:
    """The answer of an address to a request without a token."""

    date: str
    certificate: Mapping[str, Any]


def reach(url: str, *, headers: Mapping[str, str], timeout: float | tuple[float, float]) -> Reached:
    """Request the root page of an address, as every call would, but without a token.

    Raises
    ------
    NetworkError
        If no answer came.
    """
    try:
        with (
            Http() as http,
            http.get(
                url,
                headers=headers,
                timeout=timeout,
                stream=True,
            ) as answer,
        ):
            raw: Any = answer.raw
            certificate = {}
            with suppress(AttributeError):  # plain http has none
                # http.client releases the socket of a connection's last answer.
                certificate = (raw.connection.sock or raw._fp.fp.raw._sock).getpeercert()  # noqa: SLF001  no other way
            return Reached(answer.headers.get("Date", ""), certificate)
    except OSError as error:  # as all errors of requests are
        kind, what = explained(error, timeout)
        raise NetworkError(
            f"No answer from {urlsplit(url).hostname}: {what}.", remedy=kind.remedy
        ) from None
