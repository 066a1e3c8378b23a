"""Call Partner Center with requests that share ids, are retried, and explain refusals."""

from __future__ import annotations

import logging
import random
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import sleep
from types import MappingProxyType
from urllib.parse import urljoin, urlsplit

from urllib3.util import parse_url

from pcnotebooks import __version__
from pcnotebooks.errors import PayloadError
from pcnotebooks.payload.decode import in_words
from pcnotebooks.service.progress import say_in_notebook
from pcnotebooks.service.refusals import Call, Failure, NeedsUserError, no_answer, refusal
from pcnotebooks.session import transport
from pcnotebooks.session.session import Session, access_token, is_of_app, tenant_of
from pcnotebooks.session.transport import Answer, Bearer, Http, checked_timeout
from pcnotebooks.text import hidden, one_line, without

_log = logging.getLogger("pcnotebooks")
USER_AGENT = f"pcnotebooks/{__version__}"
_RETRIES = 3
# Redirects and retries together: a request is sent at most four times.
_SPARE = 3
_LONGEST_WAIT = 60.0
_SILENT = 2.0  # a longer pause needs an explanation
_REDIRECT = frozenset({301, 302, 303, 307, 308})
_NOTHING: Mapping[str, str] = MappingProxyType({})
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


@dataclass(frozen=True)
class Resource:
    """A resource of Partner Center.

    Parameters
    ----------
    name
        As in `Payload.resource`.
    uri
        Relative to ``{api}/v1``, as in the service's own links.
    headers
        Headers in addition to those of every request.
    remedies
        Remedies for refusals, by code or status, that differ from those of most resources.
    needs_user
        Whether Partner Center refuses it to an app without a user.
    """

    name: str
    uri: str
    headers: Mapping[str, str] = field(default_factory=dict)
    remedies: Mapping[str, str] = field(default_factory=dict)
    needs_user: bool = False


@dataclass(frozen=True)
class Reply:
    """A successful answer: its bytes, unchanged, and the ids by which support finds it."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    ids: Mapping[str, str]


class Client:
    """A client for one or more calls to Partner Center; it has to be closed.

    Its errors hold the token in their frames and causes: use it only in `discreet` functions.

    All requests of a call have the same ids, so that Microsoft's support finds them as one call.

    Parameters
    ----------
    session
        The partner's session; it also determines the cloud.
    resource
        The resource to ask for.
    timeout
        Seconds to connect and between bytes of an answer; one number for both.
    retries
        How often a request is repeated after a temporary failure.
    """

    def __init__(
        self,
        session: Session,
        resource: Resource,
        timeout: float | tuple[float, float],
        *,
        retries: int = _RETRIES,
    ) -> None:
        timeout = checked_timeout(timeout)
        self.session, self.resource = session, resource
        self.mfa_compliant: str | None = None  # as the latest answer stated it
        host = urlsplit(session.cloud.api).hostname or ""
        self.call = Call(host, session.partner, *_ids())
        self._timeout, self._retries = timeout, retries
        self._require_user()  # the package's own apps are refused before a token is requested
        self._bearer = Bearer(access_token(session))
        self._require_user(self._bearer.token)
        self._http = Http(timeout=timeout)

    @property
    def partner(self) -> str:
        """The session's label, else the tenant that the token names."""
        return self.session.partner or tenant_of(self._bearer.token) or ""

    def _require_user(self, token: str = "") -> None:
        if self.resource.needs_user and is_of_app(self.session, token):
            name = in_words(self.resource.name)
            raise NeedsUserError(
                f"{name[0].upper()}{name[1:]} need a user, and this session is for"
                " an app without a user. They were not requested, because Partner Center"
                f" accepts GET /v1{self.resource.uri} from an app only together with a user.",
                remedy="Sign in as a user. An app alone can fetch the list of invoices"
                " (fetch_invoices).",
            )

    def begin(self) -> None:
        """Begin another call, with new ids, over the same connections."""
        request_id, correlation_id = _ids()
        self.call = replace(self.call, request_id=request_id, correlation_id=correlation_id)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, uri: str, headers: Mapping[str, str] = _NOTHING, *, part: str = "") -> Reply:
        """Return the answer to a request, retried if necessary.

        Parameters
        ----------
        uri
            Relative to ``{api}/v1``, or on the same host.
        headers
            Headers of the link that the uri comes from; they never replace those of the call.
        part
            Which part of the resource this is, for errors to name.

        Raises
        ------
        NetworkError, ServiceError, PayloadError, SignInError
            As `fetch_invoice_summaries`.
        """
        self.call = replace(self.call, part=part)
        url = self._address(uri)
        renewed, retries = False, 0
        self._spare = _SPARE
        while True:
            outcome = self._attempt(url, headers)
            if isinstance(outcome, Reply):
                return outcome
            error = outcome.error
            if error.status_code == 401 and not renewed:
                renewed = True
                _log.info("The token was refused: the credential is asked for another")
                refused = self._bearer
                self._bearer = Bearer(access_token(self.session, refused=refused.token))
                # The same token would be refused again.
                if self._bearer != refused:
                    continue
            # If 0 seconds or a past date is stated, three retries would be spent at once.
            wait = error.retry_after or _backoff(retries)
            if not outcome.transient or retries == self._retries or wait > _LONGEST_WAIT:
                raise error
            if not self._spare:
                raise error
            retries += 1
            self._spare -= 1
            # The service's message may quote a token of another call.
            said = f"{hidden(error.message)} Retrying in {wait:.1f} seconds"
            said += f" ({retries} of {self._retries})."
            _log.info("%s %s", said, error.ids)
            if wait > _SILENT:
                say_in_notebook(said)
            sleep(wait)

    def _address(self, uri: str) -> str:
        api = self.session.cloud.api
        if not _ABSOLUTE.match(uri):
            return f"{api}/v1/{uri.removeprefix('/').removeprefix('v1/')}"
        stays, url = _redirect(f"{api}/v1/", self._hide_in(uri))
        if not stays:
            raise PayloadError(
                f"{self.call.host} links to {url}{self.call.whose}, which was not requested.",
                remedy="Partner Center never does this: check the cloud's api address and proxy.",
                request_id=self.call.request_id,
                correlation_id=self.call.correlation_id,
            )
        return url

    def _attempt(self, url: str, headers: Mapping[str, str]) -> Reply | Failure:
        """Send a request once, following redirects on the same host."""
        while True:
            try:
                answer = self._http.ask(url, headers=self._headers(headers), bearer=self._bearer)
            except OSError as error:  # as all errors of requests are
                return no_answer(self.call, error, self._timeout)
            self.mfa_compliant = self._hide_in(answer.headers.get("isMfaCompliant", "")) or None
            call = self._echoed(answer)
            _log.info(
                "GET %s%s: %d, %d bytes (request id %s, correlation id %s)",
                one_line(self._hide_in(urlsplit(url).path), 200),
                call.whose,
                answer.status,
                len(answer.body),
                call.request_id,
                call.correlation_id,
            )
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECT or location is None:
                return self._read(call, answer)
            if not self._spare:
                told = f"more than {_SPARE} redirects and retries"
                return self._refusal(call, answer, told)
            self._spare -= 1
            stays, url = _redirect(url, self._hide_in(location))
            _log.debug("Redirected%s", "" if stays else " to another host: not followed")
            if not stays:
                told = f"a redirect to {url}, which was not followed"
                return self._refusal(call, answer, told)

    def _headers(self, stated: Mapping[str, str]) -> dict[str, str]:
        own = {
            "Accept": "application/json",
            "MS-Contract-Version": "v1",
            "MS-RequestId": self.call.request_id,
            "MS-CorrelationId": self.call.correlation_id,
            "MS-PartnerCenter-Application": "pcnotebooks",
            "User-Agent": USER_AGENT,
            "X-Locale": "en-US",
            **self.resource.headers,
        }
        reserved = {name.lower() for name in own}
        return own | {name: it for name, it in stated.items() if name.lower() not in reserved}

    def _echoed(self, answer: Answer) -> Call:
        """Return the call with the ids that the answer states, by which support finds it."""
        stated = {
            "request_id": answer.headers.get("MS-RequestId", ""),
            "correlation_id": answer.headers.get("MS-CorrelationId", ""),
        }
        ids = {key: id_ for key, id_ in stated.items() if re.fullmatch(r"[0-9a-fA-F-]{8,64}", id_)}
        return replace(self.call, **ids)

    def _hide_in(self, text: str) -> str:
        """Return a text of an answer without the token that it may repeat."""
        return without(self._bearer.token, text)

    def _is_repeated_in(self, body: bytes) -> bool:
        if self._bearer.token.encode() in body:
            return True
        text = body.decode("latin-1") if b"\\" in body else ""  # a token is ASCII
        return self._hide_in(text) != text

    def _refusal(self, call: Call, answer: Answer, description: str = "") -> Failure:
        return refusal(call, answer, self._hide_in, description, self.resource.remedies)

    def _read(self, call: Call, answer: Answer) -> Reply | Failure:
        if not 200 <= answer.status < 300:
            return self._refusal(call, answer)
        if len(answer.body) > transport.LARGEST_BODY:
            mebibytes = transport.LARGEST_BODY // 2**20
            message = f"{call.host} sent more than {mebibytes} MiB{call.whose}."
            remedy = "Partner Center's answers are smaller: check the cloud's api address."
            return Failure(PayloadError(message, **call.ids, remedy=remedy))
        # Payloads are saved in files that users share. A token of a few letters, as in tests, can
        # be in any body by chance.
        if len(self._bearer.token) >= 8 and self._is_repeated_in(answer.body):
            message = f"{call.host} repeats the access token in its answer{call.whose}."
            remedy = "Partner Center never does this: check the cloud's api address and proxy."
            return Failure(PayloadError(message, **call.ids, remedy=remedy))
        return Reply(answer.body, answer.headers, call.ids)


def _ids() -> tuple[str, str]:
    return str(uuid.uuid4()), str(uuid.uuid4())


def _redirect(url: str, location: str) -> tuple[bool, str]:
    """Return whether a redirect stays on the host of `url`, and its address or else its host.

    If it stays, scheme, host and port are those of `url` itself, because another parser may read
    another host from the same location.
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


def _backoff(retries: int) -> float:
    """Return 1, 2, 4, ... seconds minus up to half, so that callers do not retry all at once."""
    return float(2**retries * random.uniform(0.5, 1))  # noqa: S311  not a secret
