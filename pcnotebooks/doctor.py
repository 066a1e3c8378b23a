"""What stands between a user and the first frame, checked one step after the other."""

from __future__ import annotations

import os
import queue
import socket
import ssl
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pcnotebooks.clouds import Cloud
from pcnotebooks.errors import ConfigurationError, PcNotebooksError, SignInError
from pcnotebooks.payload.decode import decode
from pcnotebooks.service.fetch import ask_once, reach, route
from pcnotebooks.session.session import (
    Session,
    access_token,
    readable_accounts,
    remembered,
    username,
)
from pcnotebooks.session.settings import Settings, load_profile, resolve
from pcnotebooks.session.token_cache import cache_file, claims_of, token_cache

_T = TypeVar("_T")

# What serves in place of settings that cannot, so that the checks without need of them go on.
_SPARES: tuple[dict[str, str], ...] = (
    {},
    {"client_id": "none"},
    {"client_id": "none", "tenant": "organizations", "cache": "memory"},
)
# Partner Center's own application: the audience of a token in Entra's format v2.
_PARTNER_CENTER = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"
_SIGN_IN = "Run: pcnotebooks sign-in"
_WITH_MFA = "Sign in again with multi-factor authentication: this token never becomes compliant."


@dataclass(frozen=True)
class Finding:
    """What one check came to: "pass", "warn" or "fail", in words and with the remedy, if any."""

    name: str
    state: str
    words: str
    remedy: str | None = None


# What later checks need of a check, and its findings.
_Outcome = tuple[_T | None, list[Finding]]


def line(finding: Finding) -> str:
    """Return a finding as plain text, its remedy on a line of its own.

    Control characters, which a stranger's certificate or answer may hold, are left out.

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
    """Check the way to Partner Center, and yield each finding as soon as it is known.

    Nobody is asked to sign in, and nothing raises. No finding holds a token, or the user name or
    password of a proxy. What needs a sign-in is skipped without one.

    Parameters
    ----------
    cloud, profile
        As for `sign_in`.
    timeout
        Seconds after which a check has failed; none takes longer.

    Examples
    --------
    >>> from pcnotebooks.doctor import diagnose, line
    >>> for finding in diagnose("global"):  # doctest: +SKIP
    ...     print(line(finding))
    """

    def checked(check: Callable[..., _Outcome[_T]], name: str, *given: Any) -> _Outcome[_T]:
        return _checked(name, partial(check, name, *given), timeout)

    yield from checked(_versions, "Versions")[1]
    settings, found = checked(_configuration, "Configuration", cloud, profile)
    yield from found
    if settings is None:
        return
    at, configured = settings.cloud, found[0].state == "pass"
    yield from checked(_network, "Proxy and CA", at)[1]
    skews = []
    for place, url in (("login", at.authority), ("api", at.api)):
        yield from checked(_dns, f"DNS of {place}", url)[1]
        skew, found = checked(_tls, f"TLS to {place}", url, timeout)
        yield from found
        skews.append(skew)
    yield _clock("Clock", skews)
    yield from checked(_cache, "Token cache", settings)[1]
    session = None
    if configured:
        session, found = checked(_signed_in, "Sign-in", settings)
        yield from found
    else:
        yield Finding("Sign-in", "warn", "skipped, not configured")
    if session is None:
        for name in ("Token", "Summaries"):
            yield Finding(name, "warn", "skipped, not signed in", _SIGN_IN)
        return
    yield from checked(_token, "Token", settings, session)[1]
    yield from checked(_summaries, "Summaries", session, timeout)[1]


def _checked(name: str, check: Callable[[], _Outcome[_T]], timeout: float) -> _Outcome[_T]:
    """Return a check's outcome; what it raises, and a time beyond patience, as a finding."""
    outcomes: queue.SimpleQueue[_Outcome[_T]] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcomes.put(check())
        except Exception as error:  # noqa: BLE001  told in words, which is what a doctor is for
            outcomes.put((None, [_failed(name, error)]))

    # Neither getaddrinfo nor a keyring takes a time limit: such a thread is left behind.
    threading.Thread(target=run, daemon=True).start()
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
    # Any other text may hold anything.
    return Finding(name, "fail", f"could not be checked ({type(error).__name__})")


def _versions(name: str) -> _Outcome[None]:
    found, missing = [f"Python {python_version()}"], []
    for package in ("pcnotebooks", "pandas", "msal", "requests"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    if missing:
        words = f"{', '.join(found)}; not installed: {', '.join(missing)}"
        return None, [Finding(name, "fail", words, "Install pcnotebooks again, with pip.")]
    return None, [Finding(name, "pass", ", ".join(found))]


def _configuration(name: str, cloud: str | Cloud | None, profile: str | None) -> _Outcome[Settings]:
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
        raise ConfigurationError("Sample data has no cloud to ask, and needs none.")
    given = {"profile": profile, "cloud": cloud}
    words = ", ".join(_origins(settings, given, without=set(spare)))
    if not problems:
        return settings, [Finding(name, "pass", words)]
    told = " ".join(dict.fromkeys(problem.message for problem in problems))
    remedy = " ".join(dict.fromkeys(problem.remedy or "" for problem in problems))
    return settings, [Finding(name, "fail", f"{told} The rest: {words}", remedy)]


def _origins(settings: Settings, given: dict[str, Any], *, without: set[str]) -> Iterator[str]:
    """Yield each setting and where it comes from, in the order in which `resolve` looks."""
    values = {**vars(settings), "cloud": settings.cloud.name}
    stored = load_profile(settings.profile) if settings.profile else {}
    for key in ("profile", "cloud", "tenant", "client_id", "cache"):
        if values[key] is None or key in without:
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


def _network(name: str, cloud: Cloud) -> _Outcome[None]:
    (login, bundle), (api, _) = route(cloud.authority), route(cloud.api)
    words = "; ".join(
        f"{place} through the proxy {proxy}" if proxy else f"{place} without a proxy"
        for place, proxy in (("login", login), ("api", api))
    )
    words += f"; certificate authorities: {bundle or 'those that came with requests'}"
    state, remedy = "pass", None
    if bundle:
        place = "capath" if Path(bundle).is_dir() else "cafile"
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(**{place: bundle})
        except OSError as error:
            state, words = "fail", f"{words}, not readable ({error.strerror or 'no PEM file'})"
            remedy = "Name a PEM file in REQUESTS_CA_BUNDLE, or unset it and CURL_CA_BUNDLE."
    elif os.environ.get("SSL_CERT_FILE"):
        state, words = "warn", f"{words}, not SSL_CERT_FILE"
        remedy = "If the network inspects TLS, name that file in REQUESTS_CA_BUNDLE as well."
    return None, [Finding(name, state, words, remedy)]


def _dns(name: str, url: str) -> _Outcome[None]:
    proxy, _ = route(url)
    # Behind a proxy it is the proxy that resolves the other names.
    host = urlsplit(f"//{proxy}" if proxy else url).hostname or ""
    whose = "the proxy " if proxy else ""
    try:
        addresses = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no host name"
        remedy = "Check the network and its name server; behind a proxy, set HTTPS_PROXY."
        words = f"{whose}{host} could not be resolved ({reason})"
        return None, [Finding(name, "fail", words, remedy)]
    return None, [Finding(name, "pass", f"{whose}{host} is {', '.join(sorted(addresses))}")]


def _tls(name: str, url: str, timeout: float) -> _Outcome[float]:
    """Ask for the front page, without a token; the outcome is how far this clock is ahead."""
    host = urlsplit(url).hostname
    reached = reach(url, timeout=(timeout / 3, timeout / 2))
    now, secured = time.time(), reached.certificate
    try:
        skew = now - parsedate_to_datetime(reached.date).timestamp()
    except ValueError:
        skew = None
    if not secured:
        return skew, [Finding(name, "pass", f"{host} is this machine, in plain http")]
    subject, issuer = (
        {key: value for part in secured[whose] for key, value in part}
        for whose in ("subject", "issuer")
    )
    holder = subject.get("commonName") or secured["subjectAltName"][0][1]
    by = issuer.get("organizationName") or issuer.get("commonName")
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(secured["notAfter"]), UTC)
    days = (ends.timestamp() - now) / 86400
    words = f"{host} has a trusted certificate of {holder} by {by}, until {ends:%Y-%m-%d}"
    if days < 14:
        return skew, [Finding(name, "warn", f"{words}: in {days:.0f} days", "Its owner renews it.")]
    return skew, [Finding(name, "pass", words)]


def _clock(name: str, skews: list[float | None]) -> Finding:
    skew = next((skew for skew in skews if skew is not None), None)
    if skew is None:
        return Finding(name, "warn", "skipped, no answer stated the time")
    if abs(skew) <= 300:
        return Finding(name, "pass", f"within {abs(skew) + 1:.0f} seconds of the service's")
    words = f"{abs(skew) / 60:.0f} minutes {'ahead of' if skew > 0 else 'behind'} the service's"
    return Finding(name, "warn", words, "Set this machine's clock: tokens are judged by it.")


def _cache(name: str, settings: Settings) -> _Outcome[None]:
    kind = settings.cache
    state, words, remedy = "pass", kind, None
    if kind != "memory":
        token_cache(settings)  # raises where it cannot serve
        file = cache_file(kind)
        words += f", {file}"
        if file.exists():
            mode = stat.S_IMODE(file.stat().st_mode)
            words += f", mode {mode:04o}"
            if kind == "plain" and mode & 0o077 and os.name == "posix":
                state = "fail"
                remedy = f"Others may have read it. Run: chmod 600 '{file}'; and sign in anew."
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
    return None, [Finding(name, state, words, remedy)]


def _signed_in(name: str, settings: Settings) -> _Outcome[Session]:
    try:
        session = remembered(settings)
        who = username(session) or "a user"
        return session, [Finding(name, "pass", f"{who}, without being asked")]
    except SignInError as error:
        if error.code:
            raise
    remedy = _SIGN_IN
    if settings.cache == "memory":
        remedy += ", and set PCNOTEBOOKS_CACHE=encrypted: memory ends with its process."
    return None, [Finding(name, "warn", "not signed in", remedy)]


def _token(name: str, settings: Settings, session: Session) -> _Outcome[None]:
    """Read what the token claims. Nobody here needs to verify it: the service does."""
    claims = claims_of(access_token(session))
    try:
        minutes = (float(claims["exp"]) - time.time()) / 60
    except (ValueError, TypeError, LookupError):
        return None, [Finding(name, "warn", "its claims cannot be read: it is no JWT of Entra")]
    cloud, wanted = settings.cloud, settings.tenant
    audience, tenant, methods = (claims.get(claim) for claim in ("aud", "tid", "amr"))
    told = methods if isinstance(methods, list) else []
    # What, whether it is well, what it is, what is wrong with it, and the remedy.
    rows = (
        (
            "audience",
            audience in (cloud.api, f"{cloud.api}/", _PARTNER_CENTER),
            str(audience),
            f", but {cloud.name} wants {cloud.api}",
            "Check the cloud, and sign in again.",
        ),
        (
            "tenant",
            # A domain cannot be compared.
            wanted in ("organizations", "common") or "." in wanted or tenant == wanted.lower(),
            str(tenant),
            f", but {wanted} is configured",
            "Check the tenant, and sign in again.",
        ),
        (
            "expiry",
            minutes > 0,
            f"in {minutes:.0f} minutes",
            ": it has expired",
            "Check this machine's clock, and sign in again.",
        ),
        (
            "MFA",
            "mfa" in told or "ngcmfa" in told,
            f"signed in by {', '.join(map(str, told))}",
            ", without a second factor",
            _WITH_MFA,
        ),
    )
    found = [
        Finding(f"{name} {what}", "pass", is_)
        if good
        else Finding(f"{name} {what}", "fail", f"{is_}{wrong}", remedy)
        for what, good, is_, wrong, remedy in rows
    ]
    if not isinstance(methods, list):
        words = "not stated (no amr): see what the service says"
        found[-1] = Finding(f"{name} MFA", "warn", words)
    return None, found


def _summaries(name: str, session: Session, timeout: float) -> _Outcome[None]:
    started = time.monotonic()
    outcome, compliant = ask_once(session, timeout=(timeout / 4, timeout / 3))
    try:
        if isinstance(outcome, PcNotebooksError):
            raise outcome
        number, seconds = len(decode(outcome)), time.monotonic() - started
        words = f"{number} currencies in {seconds:.1f} seconds (request id {outcome.request_id})"
        summaries = Finding(name, "pass", words)
    except PcNotebooksError as error:
        summaries = _failed(name, error)
    state = {"true": "pass", "false": "fail"}.get(str(compliant).lower(), "warn")
    words = f"isMfaCompliant: {compliant or 'not stated'}"
    return None, [
        summaries,
        Finding("MFA at service", state, words, _WITH_MFA if state == "fail" else None),
    ]
