"""The one call to Partner Center: retried with patience, and refused in words."""

from __future__ import annotations

import json
import random
import re
import socket
import ssl
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import sleep
from types import MappingProxyType
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase
from urllib3 import Retry
from urllib3.exceptions import (
    InvalidHeader,
    ProtocolError,
    ProxyError,
    ProxySchemeUnknown,
    ReadTimeoutError,
)
from urllib3.util import parse_url

from pcnotebooks import __version__
from pcnotebooks.errors import NetworkError, PayloadError, PcNotebooksError, ServiceError
from pcnotebooks.payload.decode import BYTE_ORDER_MARK, require_json
from pcnotebooks.payload.payload import Payload
from pcnotebooks.session import transport
from pcnotebooks.session.session import Session, access_token, bare, tenant_of
from pcnotebooks.session.transport import Http, UnfinishedError
from pcnotebooks.text import one_line

_PATH = "/v1/invoices/summaries"
_RETRIES = 3
_REDIRECTS = 3
_LONGEST_WAIT = 60.0
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_REDIRECT = frozenset({301, 302, 303, 307, 308})

_ROLE = (
    "Sign in as a user with the role Global admin, Billing admin or Admin agent in this partner"
    " account."
)
_NOT_FOUND = "Check the cloud, and that the sign-in is one of this partner account."
_FAULT = (
    "The service failed: try again later, then give request id and correlation id to Microsoft's"
    " support."
)
_IN_BETWEEN = (
    "Ask whoever runs the network to let the api host through, or check the cloud's api address:"
    " a proxy or a sign-in page answers in its place."
)

# By the service's code, else by HTTP status, else by its first digit.
_REMEDIES: Mapping[str | None, str] = MappingProxyType(
    {
        "900420": "Request the token for the cloud's api host (its scope): the audience"
        " graph.windows.net is no longer accepted.",
        "900421": "Sign in again with multi-factor authentication: a token from a sign-in without"
        " it never becomes compliant.",
        "900329": "Sign in as a user: an app-only token does not serve for invoices.",
        "900150": _ROLE,
        "900308": _ROLE,
        "2032": _ROLE,
        "900309": "Ask the tenant's administrator: a Conditional Access policy refuses the call.",
        "900124": "A Global admin has to accept the Microsoft Partner Agreement in Partner Center.",
        "800039": "Activate the reseller programme for this account; indirect resellers have no"
        " API access at all.",
        "1000": _NOT_FOUND,
        "800003": _FAULT,
        "900192": _FAULT,
        "401": "Sign in again, and check the cloud: the token has expired or is one of another"
        " cloud.",
        "403": _ROLE,
        "404": _NOT_FOUND,
        "407": "Put the proxy's user name and password into HTTPS_PROXY.",
        "429": "Wait before asking again: every call counts against the limit.",
        # The service refuses in JSON, a firewall with a page of its own.
        "page": _IN_BETWEEN,
        "3xx": _IN_BETWEEN,
        "4xx": "Give request id and correlation id to Microsoft's support: the request itself was"
        " not accepted.",
        "5xx": _FAULT,
    }
)


@dataclass(frozen=True)
class _Kind:
    """A way in which no whole answer comes, told by an exception anywhere in the chain."""

    causes: tuple[type[BaseException], ...]
    what: str
    remedy: str
    transient: bool = True


# The first that fits is told: the particular ones stand before those that wrap them.
_KINDS = (
    _Kind(
        (ssl.SSLCertVerificationError,),
        "its certificate is not trusted",
        "If the network inspects TLS, save its certificate authority as a PEM file and name that"
        " file in the environment variable REQUESTS_CA_BUNDLE.",
        transient=False,
    ),
    _Kind(
        # The address is http or https: a scheme that requests cannot serve is the proxy's.
        (
            requests.exceptions.InvalidSchema,
            requests.exceptions.InvalidProxyURL,
            ProxySchemeUnknown,
        ),
        "the proxy that the environment names cannot be used",
        "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY; a SOCKS proxy needs requests[socks].",
        transient=False,
    ),
    _Kind(
        (ProxyError, requests.exceptions.ProxyError),
        "the proxy cannot be reached or refused to connect",
        "Check HTTPS_PROXY, with user name and password if the proxy wants them, and NO_PROXY.",
    ),
    _Kind(
        (socket.gaierror,),
        "its name could not be resolved",
        "Check the network connection and the cloud's api address; behind a proxy, set"
        " HTTPS_PROXY.",
    ),
    _Kind(
        (requests.exceptions.ConnectTimeout,),
        "connecting timed out with timeout={timeout}",
        "Check the network and its firewall; behind a proxy, set HTTPS_PROXY.",
    ),
    _Kind(
        (UnfinishedError,),
        "the answer came so slowly that it was given up",
        "Try again later, or allow more seconds: timeout=(connect, read). If it stays so, a proxy"
        " holds the answer back.",
        transient=False,
    ),
    _Kind(
        (requests.exceptions.ReadTimeout, ReadTimeoutError),
        "reading timed out with timeout={timeout}",
        "Try again later, or allow more seconds: timeout=(connect, read).",
    ),
    _Kind(
        (ConnectionRefusedError,),
        "the connection was refused",
        "Check the cloud's api address, and that the network lets it through.",
    ),
    _Kind(
        (requests.exceptions.ContentDecodingError,),
        "the answer could not be decompressed",
        "Try again; if it stays so, a proxy damages the answer.",
    ),
    _Kind(
        (ProtocolError, ssl.SSLEOFError),
        "the connection broke off",
        "Try again; if it stays so, a proxy or firewall cuts the connection.",
    ),
    _Kind(
        (ssl.SSLError, requests.exceptions.SSLError),
        "TLS could not be set up",
        "Check the file that REQUESTS_CA_BUNDLE names, and that the api address speaks https.",
        transient=False,
    ),
    _Kind(
        (requests.exceptions.ConnectionError,),
        "the connection failed",
        "Check the network connection.",
    ),
    _Kind(
        (Exception,),
        "the request failed",
        "Check the environment variables REQUESTS_CA_BUNDLE and HTTPS_PROXY.",
        transient=False,
    ),
)


def fetch_invoice_summaries(
    session: Session, *, timeout: float | tuple[float, float] = (10, 60)
) -> Payload:
    """Fetch the invoice summaries of a session's partner: one call, no paging.

    Connection errors, broken answers and the statuses 429, 500, 502, 503 and 504 are retried up
    to three times, after the time that the service asks for if that is at most 60 seconds. After
    a 401 the credential is asked once more.

    Parameters
    ----------
    session
        Whose summaries, and of which cloud.
    timeout
        Seconds to wait for a connection and between bytes of the answer; one number for both. The
        answer has to be whole a minute after both.

    Returns
    -------
    Payload
        The answer's bytes, unchanged, with the ids of the call and the session's partner.

    Raises
    ------
    SignInError
        If the credential gives no token.
    NetworkError
        If no whole answer came.
    ServiceError
        If Partner Center refused; with ``status_code``, ``code``, and ``retry_after`` in seconds
        where it states one.
    PayloadError
        If the answer is not JSON, or larger than 64 MiB.

    Notes
    -----
    Source: ``GET /v1/invoices/summaries``. The token goes to the cloud's api host alone;
    redirects elsewhere are refused. Proxies and ``REQUESTS_CA_BUNDLE`` are honoured.

    Examples
    --------
    >>> session = Session.from_token("global", "the-access-token", partner="Contoso")
    >>> payload = fetch_invoice_summaries(session)  # doctest: +SKIP
    >>> payload.save("contoso.json")  # doctest: +SKIP
    """
    call = _Call(session, timeout)
    renewed = False
    retries = 0
    with Http() as http:
        bearer = _Bearer(access_token(session))
        while True:
            outcome = _attempt(http, call, bearer)
            if isinstance(outcome, Payload):
                return outcome
            if outcome.error.status_code == 401 and not renewed:
                renewed = True
                refused, bearer = bearer, _Bearer(access_token(session, refused=bearer.token))
                if bearer != refused:
                    continue
            # Where 0 seconds are stated, or a past date, three retries would be spent at once.
            wait = outcome.error.retry_after or _backoff(retries)
            if not outcome.transient or retries == _RETRIES or wait > _LONGEST_WAIT:
                raise outcome.error
            retries += 1
            sleep(wait)


def ask_once(
    session: Session, *, timeout: float | tuple[float, float]
) -> tuple[Payload | PcNotebooksError, str | None]:
    """Return what one call comes to, and what its answer says in isMfaCompliant.

    Nothing is retried, but that after a 401 the credential is asked once more.
    """
    told: list[str | None] = []
    with Http() as http:
        http.hooks["response"].append(
            lambda answer, **_: told.append(answer.headers.get("isMfaCompliant"))
        )
        bearer = None
        for _ in range(2):
            bearer = _Bearer(access_token(session, refused=bearer.token if bearer else None))
            outcome = _attempt(http, _Call(session, timeout), bearer)
            if isinstance(outcome, Payload) or outcome.error.status_code != 401:
                break
    result = outcome if isinstance(outcome, Payload) else outcome.error
    return result, told[-1] if told else None


@dataclass(frozen=True)
class Reached:
    """What an address answers to a request without a token."""

    date: str
    certificate: Mapping[str, Any]


def reach(url: str, *, timeout: float | tuple[float, float]) -> Reached:
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
                headers={"User-Agent": f"pcnotebooks/{__version__}"},
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
        kind, what = _in_words(error, timeout)
    raise NetworkError(f"No answer from {urlsplit(url).hostname}: {what}.", remedy=kind.remedy)


def route(url: str) -> tuple[str, str | None]:
    """Return the proxy, as host and port, and the file of authorities that serve an address."""
    settings = Http().merge_environment_settings(url, _proxies(url) or {}, None, None, None)
    proxies, bundle = settings["proxies"], settings["verify"]
    proxy = proxies.get(urlsplit(url).scheme) or proxies.get("all") or ""
    # Before the host may stand a user name and a password.
    host = proxy.rpartition("://")[2].rpartition("@")[2].partition("/")[0]
    return host, bundle if isinstance(bundle, str) else None


@dataclass(frozen=True)
class _Call:
    """What stays the same over all attempts."""

    session: Session
    timeout: float | tuple[float, float]
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    correlation_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def host(self) -> str:
        return urlsplit(self.session.cloud.api).hostname or ""

    @property
    def whose(self) -> str:
        return f" for {self.session.partner!r}" if self.session.partner else ""

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Accept": "application/json",
            "MS-Contract-Version": "v1",
            "MS-RequestId": self.request_id,
            "MS-CorrelationId": self.correlation_id,
            "MS-PartnerCenter-Application": "pcnotebooks",
            "User-Agent": f"pcnotebooks/{__version__}",
            "ValidateMfa": "true",
            "X-Locale": "en-US",
        }


@dataclass(frozen=True)
class _Bearer(AuthBase):
    """The token, for the Authorization header alone.

    As requests' own kind of authentication it cannot be overridden by ~/.netrc.
    """

    token: str = field(repr=False)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def hide_in(self, text: str) -> str:
        """Return a text of the answer without the token that it may repeat."""
        return text.replace(self.token, "[token]")


@dataclass(frozen=True)
class _Answer:
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    request_id: str
    correlation_id: str

    @property
    def is_page(self) -> bool:
        return self.body.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"<")


@dataclass(frozen=True)
class _Failure:
    error: PcNotebooksError
    transient: bool = False


def _attempt(http: Http, call: _Call, bearer: _Bearer) -> Payload | _Failure:
    """Ask once, following redirects on the same host."""
    url = call.session.cloud.api + _PATH
    followed = 0
    while True:
        answer = _get(http, call, url, bearer)
        if isinstance(answer, _Failure):
            return answer
        location = answer.headers.get("Location")
        if answer.status not in _REDIRECT or location is None:
            return _read(call, answer, bearer)
        if followed == _REDIRECTS:
            return _refusal(call, answer, bearer, f"more than {_REDIRECTS} redirects")
        followed += 1
        stays, url = _redirect(url, bearer.hide_in(location))
        if not stays:
            return _refusal(call, answer, bearer, f"a redirect to {url}, which was not followed")


def _get(http: Http, call: _Call, url: str, bearer: _Bearer) -> _Answer | _Failure:
    # What requests raises holds the token, in its request and in the locals of its frames:
    # none of that leaves this function.
    unforeseen: BaseException
    try:
        with http.get(
            url,
            headers=call.headers,
            auth=bearer,
            timeout=call.timeout,
            allow_redirects=False,
            proxies=_proxies(url),
        ) as response:
            return _Answer(
                response.status_code,
                response.reason or "",
                response.headers,
                response.content,
                _echoed(response, "MS-RequestId") or call.request_id,
                _echoed(response, "MS-CorrelationId") or call.correlation_id,
            )
    except OSError as error:  # as all errors of requests are
        return _network_failure(call, error)
    except BaseException as error:  # noqa: BLE001  raised again, below, without its frames
        unforeseen = error
    raise bare(unforeseen)


def _proxies(url: str) -> dict[str, str] | None:
    """Keep plain http, which is for loopback, from any proxy: it would see the token."""
    parts = urlsplit(url)
    return {"no_proxy": parts.hostname or ""} if parts.scheme == "http" else None


def _echoed(response: requests.Response, name: str) -> str | None:
    value = response.headers.get(name, "")
    return value if re.fullmatch(r"[0-9a-fA-F-]{8,64}", value) else None


def _redirect(url: str, location: str) -> tuple[bool, str]:
    """Return whether a redirect stays on the host of `url`, and its address or else its host.

    Of an address that stays, scheme, host and port are those of `url` itself: another parser
    may read another host out of the same location.
    """
    here = parse_url(url)
    try:
        there = parse_url(urljoin(url, location))
    except ValueError:
        return False, "a malformed address"
    ports = {"http": 80, "https": 443}
    origins = {(at.scheme, at.host, at.port or ports.get(at.scheme or "")) for at in (here, there)}
    if len(origins) > 1:
        return False, one_line(f"{there.scheme}://{there.netloc}", 200)
    return True, f"{here.scheme}://{here.netloc}{there.request_uri}"


def _read(call: _Call, answer: _Answer, bearer: _Bearer) -> Payload | _Failure:
    if not 200 <= answer.status < 300:
        return _refusal(call, answer, bearer)
    ids: dict[str, Any] = {
        "request_id": answer.request_id,
        "correlation_id": answer.correlation_id,
    }
    if len(answer.body) > transport.LARGEST_BODY:
        return _Failure(
            PayloadError(
                f"{call.host} sent more than {transport.LARGEST_BODY // 2**20} MiB{call.whose}.",
                remedy="Invoice summaries are a few kilobytes: check the cloud's api address.",
                **ids,
            )
        )
    # Payloads are written to files that are passed on. A few letters would stand in any body.
    if len(bearer.token) >= 8 and bearer.token.encode() in answer.body:
        return _Failure(
            PayloadError(
                f"{call.host} repeats the access token in its answer{call.whose}.",
                remedy="Partner Center does not do so: check the cloud's api address and proxy.",
                **ids,
            )
        )
    session = call.session
    now = datetime.now(UTC)
    partner = session.partner or tenant_of(bearer.token) or ""
    payload = Payload(answer.body, session.cloud.name, partner, now, **ids)
    try:
        require_json(payload)
    except PayloadError as error:
        return _Failure(bare(error))
    return payload


def _refusal(
    call: _Call, answer: _Answer, bearer: _Bearer, description: str | None = None
) -> _Failure:
    """Return what an answer that is no success says, or the description in its place."""
    reason = one_line(bearer.hide_in(answer.reason), 200)
    body = answer.body.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "replace")
    code, stated = _stated(answer, bearer.hide_in(body))
    description = description or stated
    message = f"{call.host} answered {answer.status} {reason}".rstrip() + call.whose
    if code:
        message += f", code {code}"
    if description:
        message += f": {description}"
    retry_after = _retry_after(answer, description)
    if retry_after and f"{retry_after:.0f} seconds" not in description:
        message += f" (asks to wait {retry_after:,.0f} seconds)"
    error = ServiceError(
        message if message.endswith(".") else f"{message}.",
        status_code=answer.status,
        code=code,
        request_id=answer.request_id,
        correlation_id=answer.correlation_id,
        retry_after=retry_after,
        remedy=_remedy(answer, code, f"{reason} {description}"),
    )
    return _Failure(error, transient=answer.status in _TRANSIENT)


def _stated(answer: _Answer, text: str) -> tuple[str | None, str]:
    """Return the code and the description of an error body, whichever of its shapes it has."""
    if answer.is_page:
        title = re.search(r"<title[^>]{0,200}>([^<]{0,2000})", text, re.IGNORECASE)
        return None, "an HTML page" + (f" titled {one_line(title[1], 200)!r}" if title else "")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return None, one_line(text, 200)
    code = document.get("code")
    description = document.get("description") or document.get("message")
    if not (code or description):
        description = text
    return one_line(str(code), 200) if code else None, one_line(str(description or ""), 200)


def _remedy(answer: _Answer, code: str | None, told: str) -> str | None:
    without_mfa = answer.headers.get("isMfaCompliant", "").lower() == "false"
    if code not in _REMEDIES and (
        "mfa required" in told.lower() or (answer.status == 401 and without_mfa)
    ):
        code = "900421"
    status = str(answer.status)
    if answer.is_page and status in ("403", "404"):
        status = "page"
    keys = (code, status, f"{status[0]}xx")
    return next((_REMEDIES[key] for key in keys if key in _REMEDIES), None)


def _retry_after(answer: _Answer, description: str) -> float | None:
    """Return the seconds that an answer asks to wait; None where it does not, or not legibly."""
    stated = answer.headers.get("Retry-After")
    if stated is None:
        told = re.search(r"try again in (\d{1,6}) seconds", description, re.IGNORECASE)
        return float(told[1]) if told else None
    with suppress(KeyError, TypeError, ValueError, OverflowError):
        # A date is one by the clock of who states it; this machine's may be wrong.
        until, now = map(parsedate_to_datetime, (stated, answer.headers["Date"]))
        return max((until - now).total_seconds(), 0.0)
    try:
        # By itself urllib3 would make six hours of whatever is longer.
        return float(Retry(retry_after_max=10**9).parse_retry_after(stated))
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _backoff(retries: int) -> float:
    """Return 1, 2, 4, ... seconds less up to half, so that many callers do not come at once."""
    return float(2**retries * random.uniform(0.5, 1))  # noqa: S311  no secret is made of it


def _network_failure(call: _Call, error: Exception) -> _Failure:
    kind, what = _in_words(error, call.timeout)
    return _Failure(
        NetworkError(
            f"No answer from {call.host}{call.whose}: {what}.",
            request_id=call.request_id,
            correlation_id=call.correlation_id,
            remedy=kind.remedy,
        ),
        kind.transient,
    )


def _in_words(error: Exception, timeout: object) -> tuple[_Kind, str]:
    causes = _causes(error)
    kind = next(kind for kind in _KINDS if any(isinstance(at, kind.causes) for at in causes))
    what = kind.what.format(timeout=timeout)
    detail = _detail(causes) or (type(error).__name__ if kind is _KINDS[-1] else "")
    return kind, f"{what} ({detail})" if detail else what


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and those inside it: requests and urllib3 nest them in three ways."""
    found: list[BaseException] = []
    queue: list[object] = [error]
    for candidate in queue:
        if isinstance(candidate, BaseException) and candidate not in found:
            found.append(candidate)
            reason = getattr(candidate, "reason", None)
            queue += [*candidate.args, reason, candidate.__cause__]
    return found


def _detail(causes: list[BaseException]) -> str:
    """Return the system's own word for it, which never holds a header."""
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return one_line(cause.verify_message, 200)
        if isinstance(cause, OSError) and cause.strerror:
            return one_line(cause.strerror, 200)
        if type(cause) is OSError:
            # "Tunnel connection failed: 407 ...", or a certificate bundle that does not exist.
            return one_line(str(cause), 200)
    return ""
