"""How every request is sent: one answer, within bounds of time and size, seen by nobody else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from pcnotebooks.errors import NetworkError
from pcnotebooks.session.faults import UnfinishedError, explained

# requests counts a time-out from byte to byte: a server that sends one now and then is always in
# time. So the whole answer has a time limit of its own.
GRACE = 60.0
LARGEST_BODY = 64 * 2**20


@dataclass(frozen=True)
class Answer:
    """An answer that came whole, whatever it says."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Bearer(AuthBase):
    """A token for the Authorization header.

    As requests' own kind of authentication it cannot be overridden by ~/.netrc.
    """

    token: str = field(repr=False)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header, as requests asks of an authentication."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class Http(requests.Session):
    """Follows no redirect, which would take along what was sent, and reads no body without end.

    Parameters
    ----------
    timeout
        Seconds to connect, and between the bytes of an answer, for requests without their own.
        The answer has to be whole a minute after both.
    retries
        How often a connection that breaks off is made again.
    """

    def __init__(
        self, *, timeout: float | tuple[float, float] = (10, 60), retries: int = 0
    ) -> None:
        super().__init__()
        self._timeout = timeout
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(max_retries=retries))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return none, so that requests neither follows one nor reads its whole body."""

    def ask(self, url: str, *, headers: Mapping[str, str], bearer: Bearer) -> Answer:
        """Return the answer to a request with a token.

        Raises
        ------
        OSError
            If none came whole; it holds the token, as all errors of requests do.
        """
        with self.get(url, headers=headers, auth=bearer, proxies=_proxies(url)) as response:
            return Answer(
                response.status_code, response.reason or "", response.headers, response.content
            )

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Return the answer; a body that is too large ends with the first byte beyond.

        Raises
        ------
        UnfinishedError
            If it is not whole in time.
        """
        timeout = options["timeout"] = options.get("timeout") or self._timeout
        if options.get("stream"):
            return super().send(request, **options)
        both = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        seconds = sum(both) + GRACE
        with _Deadline(seconds) as deadline:
            try:
                response = super().send(request, **options | {"stream": True})
                with response:
                    response._content = _beginning(response)  # noqa: SLF001  no other way
            except (OSError, HTTPError):
                if not deadline.is_over:
                    raise
            # An answer that ends with its connection looks whole where that was cut.
            if not deadline.is_over:
                return response
        raise UnfinishedError(f"no whole answer within {seconds:g} seconds")


def _beginning(response: requests.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(2**16):
        body += chunk
        if len(body) > LARGEST_BODY:
            break
    return bytes(body[: LARGEST_BODY + 1])


class _Deadline:
    """Ends the connections that are made or used meanwhile, once its time is over."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._lines: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def watch(self, line: socket.socket) -> None:
        # Of its own: the one given is wrapped in TLS, or closed while its answer is still read.
        own = socket.fromfd(line.fileno(), line.family, line.type)
        with self._lock:
            self._lines.append(own)

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
            for line in self._lines:
                try:
                    line.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it has ended by itself

    def __enter__(self) -> Self:
        self._before = _DEADLINE.set(self)
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        _DEADLINE.reset(self._before)
        with self._lock:
            while self._lines:
                self._lines.pop().close()


_DEADLINE: ContextVar[_Deadline] = ContextVar("deadline")


class _Watched(HTTPConnection):
    """A connection that a deadline ends, also while TLS or a proxy is still being spoken to."""

    # With http.client's own switch on, it prints every header, and a notebook keeps that.
    debuglevel = 0

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


def _proxies(url: str) -> dict[str, str] | None:
    """Keep plain http, which is for loopback, from any proxy: it would see the token."""
    parts = urlsplit(url)
    return {"no_proxy": parts.hostname or ""} if parts.scheme == "http" else None


def route(url: str) -> tuple[str, str | None]:
    """Return the proxy, as host and port, and the file of authorities that an address needs."""
    settings = Http().merge_environment_settings(url, _proxies(url) or {}, None, None, None)
    proxies, bundle = settings["proxies"], settings["verify"]
    proxy = proxies.get(urlsplit(url).scheme) or proxies.get("all") or ""
    # A user name and a password may precede the host.
    host = proxy.rpartition("://")[2].rpartition("@")[2].partition("/")[0]
    return host, bundle if isinstance(bundle, str) else None


@dataclass(frozen=True)
class Reached:
    """What an address answers to a request without a token."""

    date: str
    certificate: Mapping[str, Any]


def reach(url: str, *, headers: Mapping[str, str], timeout: float | tuple[float, float]) -> Reached:
    """Ask for the front page of an address, as every call would, but without a token.

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
                auth=lambda request: request,  # or the password that ~/.netrc has for the host
                timeout=timeout,
                stream=True,
                proxies=_proxies(url),
            ) as answer,
        ):
            raw: Any = answer.raw
            certificate = {}
            with suppress(AttributeError):  # of plain http
                # http.client lets go of the socket of an answer that is to be the last.
                certificate = (raw.connection.sock or raw._fp.fp.raw._sock).getpeercert()  # noqa: SLF001  no other way
            return Reached(answer.headers.get("Date", ""), certificate)
    except OSError as error:  # as all errors of requests are
        kind, what = explained(error, timeout)
        raise NetworkError(
            f"No answer from {urlsplit(url).hostname}: {what}.", remedy=kind.remedy
        ) from None
