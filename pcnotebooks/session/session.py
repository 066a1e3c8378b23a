"""Signing in, and what comes of it: a session of a cloud with a credential that gives tokens."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol, Self, TypeVar

import msal

from pcnotebooks.clouds import CLOUDS, Cloud, get_cloud
from pcnotebooks.errors import ConfigurationError, PcNotebooksError, SignInError
from pcnotebooks.session.browser import Redirect
from pcnotebooks.session.refusals import no_answer, nobody, refusal, unanswered
from pcnotebooks.session.settings import CACHES, Settings, resolve
from pcnotebooks.session.token_cache import (
    caches_of,
    claims_of,
    delete_caches,
    renewing,
    tenant_id,
    token_cache,
)
from pcnotebooks.session.transport import Http
from pcnotebooks.text import hidden, one_line

_Error = TypeVar("_Error", bound=BaseException)

# Characters that an HTTP header can carry; RFC 6750 allows fewer still.
_TOKEN = re.compile(r"[\x21-\x7e]+")


class AccessToken(Protocol):
    """What a credential gives: a token, and when it expires."""

    @property
    def token(self) -> str:
        """The token, as it stands after "Bearer"."""
        ...

    @property
    def expires_on(self) -> int:
        """Seconds since 1970."""
        ...


class TokenCredential(Protocol):
    """Whatever gives access tokens; every credential of azure-identity does."""

    def get_token(self, *scopes: str) -> AccessToken:
        """Return a token for these scopes, from a cache or anew."""
        ...


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Session:
    """A signed-in user of one cloud. Its repr never shows a token.

    Parameters
    ----------
    cloud
        Name of a cloud, or a :class:`Cloud`.
    credential
        Anything with ``get_token(*scopes)`` that returns an object with ``token`` and
        ``expires_on``: every azure-identity credential of a user fits. It is asked at each call
        and keeps its tokens itself.
    partner
        Label of the partner in every payload and frame of this session.

    Raises
    ------
    ConfigurationError
        For an unknown cloud, the cloud of the sample data, or a credential without `get_token`.

    Examples
    --------
    >>> Session.from_token("global", "not-a-real-token", partner="Contoso")
    Session('global', partner='Contoso')
    """

    cloud: Cloud
    credential: TokenCredential
    partner: str | None

    def __init__(
        self, cloud: str | Cloud, credential: TokenCredential, *, partner: str | None = None
    ) -> None:
        if not callable(getattr(credential, "get_token", None)):
            kind = type(credential).__name__
            del credential  # perhaps a token, and a traceback may show the locals of its frames
            raise ConfigurationError(
                f"A credential has a method get_token; {kind!r} has none.",
                remedy="Pass a credential of azure-identity, or for a token of your own use"
                " Session.from_token(cloud, token).",
            )
        known = _cloud_to_ask(cloud)
        if isinstance(known, ConfigurationError):
            del cloud  # perhaps the token, in the wrong place
            raise bare(known)
        object.__setattr__(self, "cloud", known)
        object.__setattr__(self, "credential", credential)
        object.__setattr__(self, "partner", partner)

    def __repr__(self) -> str:
        if not vars(self):
            return "Session()"  # refused by __init__, and shown by a traceback
        return f"Session({self.cloud.name!r}, partner={self.partner!r})"

    @classmethod
    def from_token(cls, cloud: str | Cloud, token: str, *, partner: str | None = None) -> Self:
        """Return a session with an access token that another tool requested.

        The session serves until that token expires, an hour or so, and cannot be pickled.

        Parameters
        ----------
        cloud, partner
            As for :class:`Session`.
        token
            The token alone, without "Bearer". Its audience is the cloud's api.

        Raises
        ------
        ConfigurationError
            For an unknown cloud, or a text that is no token.
        """
        credential = _FixedToken(token)
        known = _cloud_to_ask(cloud)
        del token, cloud  # a traceback may show the locals of every frame that raises
        if isinstance(known, ConfigurationError):
            raise bare(known)
        if not _is_token(credential.token):
            raise ConfigurationError(
                "The access token is blank, or not one word of ASCII characters.",
                remedy="Pass the token alone, without 'Bearer' and without line breaks.",
            )
        return cls(known, credential, partner=partner)


def _cloud_to_ask(cloud: str | Cloud) -> Cloud | ConfigurationError:
    """Return a cloud that has an address, or the error to raise where it shows no argument."""
    try:
        found = get_cloud(cloud)
    except ConfigurationError as error:
        return error
    if found.api:
        return found
    return ConfigurationError(
        f"The cloud {found.name!r} has no api address to ask.",
        remedy="Sample data needs no session: use sample_payload().",
    )


def access_token(session: Session, *, refused: str | None = None) -> str:
    """Return a token for the session's cloud, as its credential gives it.

    Where one was refused, a credential that can is told to give another.

    Raises
    ------
    SignInError
        If the credential fails, or gives something else.
    """
    failure: BaseException
    try:
        if refused and hasattr(session.credential, "token_refused"):
            session.credential.token_refused(refused)
        del refused  # a traceback may show the locals of every frame that raises
        token = session.credential.get_token(session.cloud.scope).token
    except (PcNotebooksError, KeyboardInterrupt) as error:
        failure = error
    except Exception as error:  # noqa: BLE001  a credential may raise anything
        reason = f"{type(error).__name__}: {one_line(hidden(str(error)), 400)}"
        failure = _sign_in_error(session, f"gave no token: {reason}")
    else:
        if _is_token(token):
            return token
        del token
        failure = _sign_in_error(session, "gave a blank or malformed token.")
    raise bare(failure)


def tenant_of(token: str) -> str | None:
    """Return the tenant that an access token names; None for one that names none."""
    tenant = claims_of(token).get("tid")
    return tenant if isinstance(tenant, str) else None


def bare(error: _Error) -> _Error:
    """Return an error without the frames and causes below it, which may hold a token.

    To be raised outside the except block, or it gets its cause back.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _sign_in_error(session: Session, what: str) -> SignInError:
    whose = f" for {session.partner!r}" if session.partner else ""
    return SignInError(
        f"The credential {type(session.credential).__name__}{whose} {what}",
        remedy="Sign in again, and check that the credential is one of the cloud"
        f" {session.cloud.name!r}.",
    )


def _is_token(token: object) -> bool:
    return isinstance(token, str) and _TOKEN.fullmatch(token) is not None


class _Discreet(logging.Filter):
    """Hides secrets in what msal logs: it writes device codes and half answers as they are."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = hidden(record.getMessage()), ()
        record.exc_info = None  # a JSONDecodeError holds the whole answer
        return True


for _name in ("token_cache", "oauth2cli.oauth2", "oauth2cli.oidc", "oauth2cli.authcode"):
    logging.getLogger(f"msal.{_name}").addFilter(_Discreet())


class _FixedToken:
    """A credential that always gives the same token, and shows it to nobody else."""

    __slots__ = ("_token",)

    # When it expires stands inside the token, which is the service's to read.
    expires_on = 0

    def __init__(self, token: str) -> None:
        self._token = token.strip() if isinstance(token, str) else token

    @property
    def token(self) -> str:
        return self._token

    def get_token(self, *_scopes: str) -> Self:
        return self

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a session with a fixed token cannot be pickled: that would write the token;"
            " call Session.from_token where it is needed"
        )


@dataclass(frozen=True)
class DeviceCode:
    """What somebody needs to sign in: a code, and where to type it.

    Parameters
    ----------
    url
        The page to open, as the login service returned it; it differs by cloud.
    code
        What to type there.
    expires_at
        Until when; aware, in UTC.
    message
        The login service's own words.
    cloud, tenant, client_id
        Where the sign-in leads and for which app, to be compared with what that page shows.

    Examples
    --------
    >>> def prompt(device_code):
    ...     print(f"Open {device_code.url} and type {device_code.code}.")
    >>> session = sign_in("global", client_id="...", prompt=prompt)  # doctest: +SKIP
    """

    url: str
    code: str
    expires_at: datetime
    message: str
    cloud: Cloud
    tenant: str
    client_id: str


def sign_in(
    cloud: str | Cloud | None = None,
    *,
    profile: str | None = None,
    client_id: str | None = None,
    tenant: str | None = None,
    method: str = "device_code",
    prompt: Callable[[DeviceCode], None] | None = None,
    cache: str | None = None,
    timeout: float | None = None,
) -> Session:
    """Sign a user in and return the session; waits until it is done, refused or too late.

    Whatever is not given comes from the profile, else from the environment
    (``PCNOTEBOOKS_CLIENT_ID``, ``_TENANT``, ``_CLOUD``, ``_CACHE``, ``_PROFILE``), else it is
    cloud "global", tenant "organizations" and cache "memory". Where the cache holds a valid
    sign-in, nobody is asked.

    Parameters
    ----------
    cloud
        Name of a cloud, or a :class:`Cloud`.
    profile
        Name of a table in ``profiles.toml``; the session's partner is then the profile's.
    client_id
        Application id of an app registration of your own.
    tenant
        Directory id or domain of the partner.
    method
        "device_code", or "browser" for a browser on this machine.
    prompt
        Called with the :class:`DeviceCode`; printed unless given.
    cache
        "memory", until this process ends; "encrypted", in the platform's keyring; "plain", a
        file that only its owner can read.
    timeout
        Seconds until the sign-in is given up; else until the code expires.

    Raises
    ------
    ConfigurationError
        Without a client id, or for settings that cannot work; nothing was sent.
    SignInError
        If the sign-in is refused, declined, too late or out of reach; with ``code``, the ids and
        the remedy.

    Examples
    --------
    >>> from pcnotebooks import sign_in
    >>> session = sign_in("global", client_id="...", tenant="...")  # doctest: +SKIP
    """
    settings = resolve(cloud, profile=profile, client_id=client_id, tenant=tenant, cache=cache)
    if method == "browser":
        return _sign_in_by_browser(settings, timeout=timeout)
    if method != "device_code":
        raise ConfigurationError(
            f"There is no sign-in method {method!r}.",
            remedy="The methods are device_code and browser.",
        )
    started = begin_sign_in(settings, timeout=timeout)
    if isinstance(started, Session):
        return started
    (prompt or _print)(started.code)
    return started.wait()


def sign_out(session: Session | None = None) -> None:
    """Forget a session's account, or every account and every cache file.

    Parameters
    ----------
    session
        As :func:`sign_in` returned it; None for everything that was ever cached.

    Raises
    ------
    ConfigurationError
        For a session with a credential of your own, or once all else is forgotten, for a keyring
        or file out of reach.
    SignInError
        Where another process holds the cache.

    Examples
    --------
    >>> sign_out()
    """
    if session is None:
        delete_caches()
        return
    if not isinstance(session.credential, _MsalCredential):
        raise ConfigurationError(
            f"The credential {type(session.credential).__name__} keeps its sign-in itself:"
            " pcnotebooks cannot end it.",
            remedy="End it where it was made; sign_out() forgets what sign_in() has cached.",
        )
    session.credential.forget()


def username(session: Session) -> str:
    """Return who is signed in, as the login service names the user; empty where it is unknown."""
    credential = session.credential
    return credential.username if isinstance(credential, _MsalCredential) else ""


@dataclass(frozen=True)
class Account:
    """A cached sign-in."""

    username: str
    tenant: str
    authority: str
    cache: str


def cached_accounts() -> list[Account]:
    """Return the accounts that later sign-ins need not ask for, in whatever cache they are."""
    accounts, unreadable = readable_accounts()
    for error in unreadable.values():
        raise error
    return accounts


def readable_accounts() -> tuple[list[Account], dict[str, ConfigurationError]]:
    """Return the accounts of each cache that can be read, and why any other cannot."""
    accounts: list[Account] = []
    unreadable = {}
    for kind in CACHES:
        try:
            accounts += [
                Account(
                    entry["username"],
                    tenant_id(cache, entry) or entry["realm"],
                    entry["environment"],
                    kind,
                )
                for cache in caches_of(kind)
                for entry in cache.search(msal.TokenCache.CredentialType.ACCOUNT)
            ]
        except ConfigurationError as error:
            unreadable[kind] = error
    return accounts, unreadable


# How often in a row a login service that cannot be reached is polled again: with Entra's interval
# of 5 seconds that takes 70, and msal itself lets a minute pass after an answer such as 503.
_AGAIN = 3


class DeviceSignIn:
    """A sign-in that has been given a code and waits for somebody to type it."""

    def __init__(
        self, credential: _MsalCredential, flow: dict[str, Any], timeout: float | None
    ) -> None:
        settings = credential.settings
        self._credential, self._flow = credential, flow
        self._cancelled = threading.Event()
        self._deadline = flow["expires_at"]
        if timeout is not None:
            self._deadline = min(self._deadline, time.time() + timeout)
        # An interval of 0 would make msal poll without ever looking at the clock.
        flow["interval"] = max(1, int(flow.get("interval") or 5))
        self.code = DeviceCode(
            url=flow["verification_uri"],
            code=flow["user_code"],
            expires_at=datetime.fromtimestamp(self._deadline, UTC),
            message=flow.get("message", ""),
            cloud=settings.cloud,
            tenant=settings.tenant,
            client_id=settings.client_id,
        )

    def cancel(self) -> None:
        """Give the sign-in up, from any thread; `wait` ends within about a second."""
        self._cancelled.set()

    def wait(self) -> Session:
        """Return the session once somebody has signed in.

        Raises
        ------
        SignInError
            If that is refused, declined, cancelled or too late.
        """
        settings = self._credential.settings
        if self._cancelled.is_set():  # msal would ask once before it looks
            raise refusal(settings, {"error": "cancelled"})
        late = "timeout" if self._deadline < self._flow["expires_at"] else "expired_token"
        try:
            result = self._polled()
        except SignInError as error:
            ended = error.code == "unreachable" and self._ended()
            failure = error
        else:
            ended = result.get("error") in ("authorization_pending", "slow_down")
            if not ended:
                return self._credential.session(result)
            del result
        if ended:
            cancelled = self._cancelled.is_set()
            failure = refusal(settings, {"error": "cancelled" if cancelled else late})
        raise bare(failure)

    def _polled(self) -> Any:
        """Return msal's last answer; a login service that fails meanwhile is asked again."""
        missed, answered = 0, None
        while True:
            try:
                return self._credential.ask(
                    lambda app: app.acquire_token_by_device_flow(
                        self._flow,
                        # This replaces msal's own look at the clock.
                        exit_condition=lambda _: self._ended(),
                    )
                )
            except SignInError as error:
                failure = error
            last = self._flow.get("latest_attempt_at")  # of those that had an answer
            missed, answered = missed + 1 if last == answered else 1, last
            if failure.code != "unreachable" or missed > _AGAIN:
                raise failure
            pause = self._flow["interval"] * 2**missed  # as RFC 8628, 3.5, has it
            self._cancelled.wait(min(pause, self._deadline - time.time()))
            if self._ended():
                raise failure

    def _ended(self) -> bool:
        return self._cancelled.is_set() or time.time() > self._deadline


def begin_sign_in(settings: Settings, *, timeout: float | None = None) -> Session | DeviceSignIn:
    """Return a session where the cache has one, else request one device code."""
    credential = _MsalCredential(settings, timeout)
    if session := credential.remembered():
        return session
    flow = credential.ask(lambda app: app.initiate_device_flow([settings.cloud.scope]))
    if "user_code" not in flow:
        raise refusal(settings, flow)
    texts = [flow.get(name) for name in ("device_code", "user_code", "verification_uri")]
    if not all(isinstance(text, str) and text.isprintable() for text in texts) or not texts[
        2
    ].startswith("https://"):
        del texts, flow
        raise no_answer(settings)
    return DeviceSignIn(credential, flow, timeout)


def remembered(settings: Settings) -> Session:
    """Return the session that the cache holds, without asking anybody.

    Raises
    ------
    SignInError
        With the reason and its ``code``; with None as code where nobody is signed in.
    """
    credential = _MsalCredential(settings)
    session = credential.remembered()
    if session is None:
        credential.get_token(settings.cloud.scope)  # which says why
    return session or Session(settings.cloud, credential)


def code_in_words(device_code: DeviceCode) -> str:
    """Return what somebody has to do and know to sign in, where nothing but text is shown."""
    cloud, until = device_code.cloud, device_code.expires_at.astimezone()
    return (
        f"To sign in, open {device_code.url} and type the code {device_code.code}\n"
        f"App {device_code.client_id}, cloud {cloud.label or cloud.name}, tenant"
        f" {device_code.tenant}; until {until:%H:%M:%S}.\n"
        "Type it only if it was you who started this sign-in."
    )


def _print(device_code: DeviceCode) -> None:
    print(code_in_words(device_code))  # noqa: T201  asking is what it is for


def _sign_in_by_browser(settings: Settings, *, timeout: float | None) -> Session:
    credential = _MsalCredential(settings)
    if session := credential.remembered():
        return session
    remote = [name for name in _REMOTE if os.environ.get(name)]
    try:
        webbrowser.get()
    except webbrowser.Error:
        remote.append("no browser")
    if remote:
        raise ConfigurationError(
            f"A browser cannot come back to this machine ({remote[0]}): it would have to run here.",
            remedy='Use sign_in(method="device_code"), or a credential of your own:'
            " Session(cloud, credential).",
        )

    def browse(app: Any) -> Any:
        flow = app.initiate_auth_code_flow(
            [settings.cloud.scope], redirect_uri=redirect.url, response_mode="form_post"
        )
        webbrowser.open(flow["auth_uri"])
        answer = redirect.wait(flow["state"], 300 if timeout is None else timeout)
        if "error" in answer:
            return answer
        return app.acquire_token_by_auth_code_flow(flow, answer)

    with Redirect() as redirect:
        result = credential.ask(browse)
    return credential.session(result)


# Set where the kernel runs on another machine than the browser.
_REMOTE = ("SSH_CONNECTION", "JUPYTERHUB_USER", "CODESPACES", "COLAB_RELEASE_TAG")


class _MsalCredential:
    """A user's tokens: renewed without a prompt, and shown to nobody but the api."""

    __slots__ = ("_account", "_app", "_cache", "_lock", "_patience", "_refused", "settings")

    def __init__(self, settings: Settings, patience: float | None = None) -> None:
        if not settings.cloud.authority:
            raise ConfigurationError(
                f"The cloud {settings.cloud.name!r} has no login service.",
                remedy="Sample data needs no sign-in: use sample_payload().",
            )
        self.settings = settings
        self._patience = patience
        self._cache = token_cache(settings)
        self._lock = threading.RLock()
        self._app: Any = None
        self._account: dict[str, str] | None = None
        self._refused: str | None = None

    def __repr__(self) -> str:
        return f"<sign-in of {self.username or 'nobody'}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signed-in credential cannot be pickled: that would write its tokens")

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    @property
    def username(self) -> str:
        return (self._account or {}).get("username", "")

    def get_token(self, *scopes: str) -> _Token:
        """Return a valid token, renewed silently where it is about to expire."""
        with self._lock, renewing(self.settings):
            result = self._silently(*scopes)
            # Another thread or kernel may have replaced the refused one meanwhile.
            if result and result.get("access_token") == self._refused is not None:
                result = self._silently(*scopes, force_refresh=True)
        if not result:
            raise nobody(self.settings)
        if "access_token" not in result:
            raise refusal(self.settings, result)
        return _Token(result["access_token"], int(time.time()) + int(result["expires_in"]))

    def _silently(self, *scopes: str, force_refresh: bool = False) -> Any:
        return self.ask(
            lambda app: app.acquire_token_silent_with_error(
                list(scopes), self._account, force_refresh=force_refresh
            )
        )

    def token_refused(self, token: str) -> None:
        """Have `get_token` give another than this, though this one seems valid."""
        self._refused = token

    def remembered(self) -> Session | None:
        """Return the session that the cache still holds; None where somebody has to be asked."""
        # Without any, nothing is asked of the login service.
        accounts = self._accounts() if self._cached() else []
        if len(accounts) != 1:
            return None
        self._account = accounts[0]
        try:
            self.get_token(self.settings.cloud.scope)
        except SignInError as error:
            if error.code in ("unreachable", "not_json", "locked"):
                raise
            return None
        return self._session()

    def session(self, result: dict[str, Any]) -> Session:
        """Return the session of a sign-in that has just been answered."""
        if "access_token" not in result:
            raise refusal(self.settings, result)
        user = result.get("id_token_claims", {}).get("oid")
        found = (each for each in self._accounts() if each.get("local_account_id") == user)
        self._account = next(found, None)
        return self._session()

    def _cached(self, **query: str) -> list[dict[str, Any]]:
        return list(self._cache.search(msal.TokenCache.CredentialType.ACCOUNT, query=query))

    def _accounts(self) -> list[dict[str, Any]]:
        """Return the accounts whose tokens are of this tenant.

        Not by get_accounts: that gives one entry for all the tenants of a user.
        """
        at = self._authority()
        known = self._cached(environment=at.instance)
        if own := [each for each in known if each["realm"].lower() == at.tenant.lower()]:
            return own
        if at.tenant in ("organizations", "common"):
            return list({each.get("home_account_id"): each for each in known}.values())
        return [each for each in known if tenant_id(self._cache, each) == at.tenant.lower()]

    def _authority(self) -> Any:
        """Return the login service as it describes itself, of a domain with the tenant's id."""
        return self.ask(lambda app: app.authority)

    def forget(self) -> None:
        """Remove the account and its tokens from the cache."""
        with self._lock, renewing(self.settings):
            if self._account is not None:
                self.ask(lambda app: app.remove_account(self._account))
            self._account = None

    def ask(self, question: Callable[[Any], Any]) -> Any:
        """Return what msal answers; what it raises is told in words, without its frames."""
        failure: BaseException
        try:
            with self._lock:
                if self._app is None:
                    self._app = _application(self.settings, self._cache, self._patience)
            return question(self._app)
        except (PcNotebooksError, KeyboardInterrupt) as error:
            failure = error
        # msal lets through what requests, json and its own checks raise, and fails in many ways
        # on an answer that is no JSON object.
        except Exception as error:  # noqa: BLE001  as above
            failure = unanswered(self.settings, error)
        raise bare(failure)

    def _session(self) -> Session:
        account = {**(self._account or {}), "realm": self._authority().tenant}
        partner = self.settings.partner or tenant_id(self._cache, account)
        self.settings = replace(self.settings, partner=partner)  # for errors to name
        return Session(self.settings.cloud, self, partner=partner)


def _application(settings: Settings, cache: msal.TokenCache, patience: float | None) -> Any:
    known = settings.cloud in CLOUDS.values()
    return msal.PublicClientApplication(
        settings.client_id,
        authority=settings.authority,
        token_cache=cache,
        # A redirect would take codes and refresh tokens along.
        http_client=Http(timeout=(5, min(30, max(1, patience or 30))), retries=1),
        # A login service of the user's own is not to be asked about at Microsoft's.
        instance_discovery=None if known else False,
    )


@dataclass(frozen=True)
class _Token:
    token: str = field(repr=False)
    expires_on: int
