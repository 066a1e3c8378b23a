"""Check each step from the installation to the first call."""

from __future__ import annotations

import os
import queue
import socket
import ssl
import stat
import threading
import time
import warnings
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from platform import python_version
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pcnotebooks import __version__
from pcnotebooks.clouds import Cloud
from pcnotebooks.errors import (
    ConfigurationError,
    PcNotebooksError,
    PcNotebooksWarning,
    SignInError,
)
from pcnotebooks.payload.decode import decode
from pcnotebooks.payload.invoices import invoices_of
from pcnotebooks.service.client import USER_AGENT
from pcnotebooks.service.fetch import INVOICES, ask_once
from pcnotebooks.session.session import Session, access_token, is_of_app, username
from pcnotebooks.session.settings import Settings, load_profile, resolve
from pcnotebooks.session.sign_in import remembered
from pcnotebooks.session.token_cache import (
    cache_file,
    claims_of,
    readable_accounts,
    token_cache,
)
from pcnotebooks.session.transport import reach, route

_T = TypeVar("_T")

# Used in place of invalid settings, so that the checks that do not need them can continue.
_NO_CLIENT_ID = "none"
_SPARES: tuple[dict[str, str], ...] = (
    {},
    {"client_id": _NO_CLIENT_ID},
    {"client_id": _NO_CLIENT_ID, "tenant": "organizations", "cache": "memory"},
)
# Partner Center's own application: the audience of a token in Entra's format v2.
_PARTNER_CENTER = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"
_USUAL = ("method", "device_code")  # not shown: a cached sign-in has no method
_AS_USER = "For summaries and PDFs, sign in as a user."
_SIGN_IN = "Run: pcnotebooks sign-in"
_WITH_MFA = "Sign in again with multi-factor authentication: this token never becomes compliant."


@dataclass(frozen=True)
class Finding:
    """The result of a check: "pass", "warn" or "fail", with words and a remedy if there is one."""

    name: str
    state: str
    words: str
    remedy: str | None = None


# A check yields its findings, and returns the value that later checks need.
_Check = Generator[Finding, None, _T]


def line(finding: Finding) -> str:
    """Return a finding as plain text, with its remedy on a separate line.

    Control characters, which a foreign certificate or answer may hold, are left out.

    Examples
    --------
    >>> print(line(Finding("Sign-in", "warn", "not signed in", "Run: pcnotebooks sign-in")))
    warn  Sign-in         not signed in
                          Run: pcnotebooks sign-in
    """
    lines = [f"{finding.state}  {finding.name:14}  {finding.words}"]
    if finding.remedy:
        lines.append(f"{'':22}{finding.remedy}")
    return "\n".join("".join(filter(str.isprintable, text)) for text in lines)


def diagnose(
    cloud: str | Cloud | None = None, *, profile: str | None = None, timeout: float = 30
) -> Iterator[Finding]:
    """Check each step of a call to Partner Center, and yield each finding as soon as it is known.

    This never asks the user to sign in, and never raises. Findings never hold a token, or the user
    name or password of a proxy. Without a sign-in, the checks that need one are skipped.

    Parameters
    ----------
    cloud, profile
        As for `sign_in`.
    timeout
        Seconds after which a check fails.

    Examples
    --------
    >>> from pcnotebooks.doctor import diagnose, line
    >>> for finding in diagnose("global"):  # doctest: +SKIP
    ...     print(line(finding))
    """

    def run(name: str, check: _Check[_T]) -> Generator[Finding, None, _T | None]:
        value, findings = _finished(name, check, timeout)
        yield from findings
        return value

    yield from run("Versions", _versions())
    settings = yield from run("Configuration", _configuration(cloud, profile))
    if settings is None:
        return
    at = settings.cloud
    yield from run("Proxy and CA", _network(at))
    skews = []
    for place, url in (("login", at.authority), ("api", at.api)):
        yield from run(f"DNS of {place}", _dns(f"DNS of {place}", url))
        skews.append((yield from run(f"TLS to {place}", _tls(f"TLS to {place}", url, timeout))))
    yield _clock(skews)
    yield from run("Token cache", _cache(settings))
    session = None
    if settings.client_id == _NO_CLIENT_ID:
        yield Finding("Sign-in", "warn", "skipped, not configured")
    else:
        session = yield from run("Sign-in", _signed_in(settings))
    if session is None:
        for name in ("Token", "Summaries"):
            yield Finding(name, "warn", "skipped, not signed in", _SIGN_IN)
        return
    yield from run("Token", _token(settings, session))
    if is_of_app(session, access_token(session)):
        yield Finding("Summaries", "warn", "skipped, they need a user", _AS_USER)
        yield from run("Invoices", _invoices(session, timeout))
        return
    yield from run("Summaries", _summaries(session, timeout))


def _finished(name: str, check: _Check[_T], timeout: float) -> tuple[_T | None, list[Finding]]:
    """Run a check to its end; an exception or a time-out becomes a finding."""
    outcomes: queue.SimpleQueue[tuple[_T | None, list[Finding]]] = queue.SimpleQueue()

    def work() -> None:
        findings, value = [], None
        try:
            while True:
                findings.append(next(check))
        except StopIteration as end:
            value = end.value
        except Exception as error:  # noqa: BLE001  every error becomes a finding
            findings.append(_failed(name, error))
        outcomes.put((value, findings))

    # Neither getaddrinfo nor a keyring has a time limit: such a thread is abandoned.
    threading.Thread(target=work, daemon=True).start()
    try:
        return outcomes.get(timeout=timeout)
    except queue.Empty:
        words = f"no result within {timeout:g} seconds"
        remedy = "Check the network, and any proxy or firewall in between."
        return None, [Finding(name, "fail", words, remedy)]


def _failed(name: str, error: Exception) -> Finding:
    if isinstance(error, PcNotebooksError):
        words = f"{error.message} ({error.ids})" if error.ids else error.message
        return Finding(name, "fail", words, error.remedy)
    if isinstance(error, OSError) and error.filename:
        return Finding(name, "fail", f"{error.filename}: {error.strerror}")
    # Any other message may hold a secret.
    return Finding(name, "fail", f"could not be checked ({type(error).__name__})")


def _versions() -> _Check[None]:
    found = [f"Python {python_version()}", f"pcnotebooks {__version__}"]
    missing: list[str] = []
    for package in ("pandas", "msal", "requests"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            # A zip or an installer may have the code without the metadata that pip writes.
            (found if find_spec(package) else missing).append(package)
    words = ", ".join(found)
    if missing:
        words += f"; not installed: {', '.join(missing)}"
        yield Finding("Versions", "fail", words, "Install pcnotebooks again, with pip.")
    else:
        yield Finding("Versions", "pass", words)


def _configuration(cloud: str | Cloud | None, profile: str | None) -> _Check[Settings]:
    problems = []
    for spare in _SPARES:
        try:
            settings = resolve(cloud, profile=profile, **spare)
        except ConfigurationError as error:
            problems.append(error)
        else:
            break
    else:
        raise problems[-1]
    if not settings.cloud.api:
        raise ConfigurationError("Sample data has no login service and no api to check.")
    given = {"profile": profile, "cloud": cloud}
    words = ", ".join(_origins(settings, given, without=set(spare)))
    if problems:
        told = " ".join(dict.fromkeys(problem.message for problem in problems))
        remedy = " ".join(dict.fromkeys(problem.remedy or "" for problem in problems))
        yield Finding("Configuration", "fail", f"{told} The rest: {words}", remedy)
    else:
        yield Finding("Configuration", "pass", words)
    return settings


def _origins(settings: Settings, given: dict[str, Any], *, without: set[str]) -> Iterator[str]:
    """Yield each setting and its origin, in the order of `resolve`."""
    values = {**vars(settings), "cloud": settings.cloud.name}
    stored = load_profile(settings.profile) if settings.profile else {}
    for key in ("profile", "cloud", "tenant", "client_id", "cache", "method"):
        if values[key] is None or key in without or (key, values[key]) == _USUAL:
            continue
        variable = f"PCNOTEBOOKS_{key.upper()}"
        origins = {
            "argument": given.get(key),
            "profile": stored.get(key),
            variable: os.environ.get(variable),
            "default": True,
        }
        origin = next(origin for origin, there in origins.items() if there)
        yield f"{key.replace('_', ' ')} {values[key]} ({origin})"


def _network(cloud: Cloud) -> _Check[None]:
    ways = []
    for place, url in (("login", cloud.authority), ("api", cloud.api)):
        proxy, bundle = route(url)
        ways.append(f"{place} {f'through the proxy {proxy}' if proxy else 'without a proxy'}")
    words = f"{'; '.join(ways)}; certificate authorities: "
    words += bundle or "those of requests"
    state, remedy = "pass", None
    if bundle:
        place = "capath" if Path(bundle).is_dir() else "cafile"
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(**{place: bundle})
        except OSError as error:
            state, words = "fail", f"{words}, not readable ({error.strerror or 'not a PEM file'})"
            remedy = "Name a PEM file in REQUESTS_CA_BUNDLE, or unset it and CURL_CA_BUNDLE."
    elif os.environ.get("SSL_CERT_FILE"):
        # curl and OpenSSL read this variable, so an administrator may have set only this one.
        state, words = "warn", f"{words}, not SSL_CERT_FILE"
        remedy = "If the network inspects TLS, also name that file in REQUESTS_CA_BUNDLE."
    yield Finding("Proxy and CA", state, words, remedy)


def _dns(name: str, url: str) -> _Check[None]:
    proxy, _ = route(url)
    # Behind a proxy, the proxy resolves the other names.
    host = urlsplit(f"//{proxy}" if proxy else url).hostname or ""
    whose = "the proxy " if proxy else ""
    try:
        addresses = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a host name"
        remedy = "Check the network and its name server; behind a proxy, set HTTPS_PROXY."
        yield Finding(name, "fail", f"{whose}{host} could not be resolved ({reason})", remedy)
    else:
        yield Finding(name, "pass", f"{whose}{host} is {', '.join(sorted(addresses))}")


def _tls(name: str, url: str, timeout: float) -> _Check[float | None]:
    """Request the root page without a token; return the lead of this machine's clock in seconds."""
    host = urlsplit(url).hostname
    agent = {"User-Agent": USER_AGENT}
    reached = reach(url, headers=agent, timeout=(timeout / 3, timeout / 2))
    now, secured = time.time(), reached.certificate
    if secured:
        subject, issuer = (
            {key: value for part in secured[whose] for key, value in part}
            for whose in ("subject", "issuer")
        )
        holder = subject.get("commonName") or secured["subjectAltName"][0][1]
        by = issuer.get("organizationName") or issuer.get("commonName")
        ends = ssl.cert_time_to_seconds(secured["notAfter"])
        words = f"{host} has a trusted certificate of {holder} by {by}, until "
        words += f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d}"
        days = (ends - now) / 86400
        if days < 14:
            words += f": in {days:.0f} days"
            yield Finding(name, "warn", words, "Ask its owner to renew it.")
        else:
            yield Finding(name, "pass", words)
    else:
        yield Finding(name, "pass", f"{host} is this machine, in plain http")
    try:
        return now - parsedate_to_datetime(reached.date).timestamp()
    except ValueError:
        return None


def _clock(skews: list[float | None]) -> Finding:
    skew = next((skew for skew in skews if skew is not None), None)
    if skew is None:
        return Finding("Clock", "warn", "skipped, no answer stated the time")
    if abs(skew) <= 300:  # the usual tolerance of services for the times of a token
        return Finding("Clock", "pass", f"within {abs(skew) + 1:.0f} seconds of the service's")
    words = f"{abs(skew) / 60:.0f} minutes {'ahead of' if skew > 0 else 'behind'} the service's"
    return Finding(
        "Clock", "warn", words, "Set this machine's clock: the validity of tokens is checked by it."
    )


def _cache(settings: Settings) -> _Check[None]:
    kind = settings.cache
    state, words, remedy = "pass", kind, None
    if kind != "memory":
        file = cache_file(kind)
        mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else None
        with warnings.catch_warnings(action="ignore", category=PcNotebooksWarning):
            token_cache(settings)  # raises if it cannot be used; makes the file private
        words += f", {file}"
        if mode is not None:
            words += f", mode {mode:04o}"
            if kind == "plain" and mode & 0o077 and os.name == "posix":
                state = "fail"
                remedy = (
                    f"Other users may have read it. Run: chmod 600 '{file}'; then pcnotebooks"
                    " sign-out, and sign in again."
                )
    accounts, unreadable = readable_accounts()
    own = [f"{at.username} (tenant {at.tenant})" for at in accounts if at.cache == kind]
    words += f"; {', '.join(own) or 'no account'}"
    others = sorted({at.cache for at in accounts} - {kind})
    if others and not own:
        state, words = "warn", f"{words}, but in the cache {others[0]}"
        remedy = f"To use it, set PCNOTEBOOKS_CACHE={others[0]}, or cache in the profile."
    for unread, error in unreadable.items():
        state = "fail" if unread == kind or state == "fail" else "warn"
        words, remedy = f"{words}; {error.message.rstrip('.')}", remedy or error.remedy
    yield Finding("Token cache", state, words, remedy)


def _signed_in(settings: Settings) -> _Check[Session | None]:
    try:
        session = remembered(settings)
    except SignInError as error:
        if error.code:
            raise
        remedy = _SIGN_IN
        if settings.cache == "memory":
            remedy += (
                ", and set PCNOTEBOOKS_CACHE=encrypted: the cache memory ends with its process."
            )
        yield Finding("Sign-in", "warn", "not signed in", remedy)
        return None
    words = f"{username(session) or 'a user'}, without being asked"
    if settings.is_app:
        words = f"app {settings.client_id} without a user, by {settings.method}"
    yield Finding("Sign-in", "pass", words)
    return session


def _token(settings: Settings, session: Session) -> _Check[None]:
    """Check the token's claims, unverified, because the service verifies them."""
    claims = claims_of(access_token(session))
    try:
        minutes = (float(claims["exp"]) - time.time()) / 60
    except (ValueError, TypeError, LookupError):
        yield Finding("Token", "warn", "its claims cannot be read: it is not a JWT of Entra")
        return
    cloud, wanted = settings.cloud, settings.tenant
    audience, tenant, methods = (claims.get(claim) for claim in ("aud", "tid", "amr"))

    def judged(claim: str, words: str, wrong: str | None, remedy: str) -> Finding:
        if not wrong:
            return Finding(f"Token {claim}", "pass", words)
        return Finding(f"Token {claim}", "fail", f"{words}{wrong}", remedy)

    wrong = None
    if audience not in (cloud.api, f"{cloud.api}/", _PARTNER_CENTER):
        wrong = f", but {cloud.name} wants {cloud.api}"
    yield judged("audience", str(audience), wrong, "Check the cloud, and sign in again.")
    wrong = None
    # A domain cannot be compared, because the token has the tenant's id.
    named = wanted not in ("organizations", "common") and "." not in wanted
    if named and tenant != wanted.lower():
        wrong = f", but {wanted} is configured"
    yield judged("tenant", str(tenant), wrong, "Check the tenant, and sign in again.")
    wrong = None if minutes > 0 else ": it has expired"
    remedy = "Check this machine's clock, and sign in again."
    yield judged("expiry", f"in {minutes:.0f} minutes", wrong, remedy)
    # Only a user's token has the claim scp; an app's token has roles, or neither.
    if not claims.get("scp"):
        words = "app-only (no scp): only the list of invoices, not summaries and PDFs"
        yield Finding("Token calls", "warn", words, _AS_USER)
        yield Finding("Token MFA", "pass", "not needed: no user has signed in")
        return
    yield Finding("Token calls", "pass", "a user's (scp): summaries, list of invoices, PDFs")
    if not isinstance(methods, list):
        words = "not stated (no amr): see the service's answer below"
        yield Finding("Token MFA", "warn", words)
        return
    wrong = None if "mfa" in methods or "ngcmfa" in methods else ", without a second factor"
    words = f"signed in by {', '.join(map(str, methods))}"
    yield judged("MFA", words, wrong, _WITH_MFA)


def _invoices(session: Session, timeout: float) -> _Check[None]:
    started = time.monotonic()
    outcome, _ = ask_once(session, INVOICES, timeout=(timeout / 4, timeout / 3))
    if isinstance(outcome, PcNotebooksError):
        yield _failed("Invoices", outcome)
        return
    number, seconds = len(invoices_of(outcome)), time.monotonic() - started
    words = f"{number} on the first page in {seconds:.1f} seconds (request id {outcome.request_id})"
    yield Finding("Invoices", "pass", words)


def _summaries(session: Session, timeout: float) -> _Check[None]:
    started = time.monotonic()
    outcome, compliant = ask_once(session, timeout=(timeout / 4, timeout / 3))
    try:
        if isinstance(outcome, PcNotebooksError):
            raise outcome
        number, seconds = len(decode(outcome)), time.monotonic() - started
        words = f"{number} currencies in {seconds:.1f} seconds (request id {outcome.request_id})"
        yield Finding("Summaries", "pass", words)
    except PcNotebooksError as error:
        yield _failed("Summaries", error)
    # The service's verdict on the token, which counts more than the token's claim.
    state = {"true": "pass", "false": "fail"}.get(str(compliant).lower(), "warn")
    words = f"isMfaCompliant: {compliant or 'not stated'}"
    yield Finding("MFA at service", state, words, _WITH_MFA if state == "fail" else None)
