"""Get tokens from any credential, from a fixed token, or from a user's sign-in by msal."""

from __future__ import annotations

import logging
import pkgutil
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn, Protocol, Self

import msal
import msal_extensions

from pcnotebooks.clouds import CLOUDS
from pcnotebooks.errors import ConfigurationError, PcNotebooksError, SignInError
from pcnotebooks.session.discreet import discreet, sealed
from pcnotebooks.session.refusals import nobody, refusal, unanswered
from pcnotebooks.session.settings import Settings
from pcnotebooks.session.token_cache import renewing, tenant_id, token_cache
from pcnotebooks.session.transport import Http
from pcnotebooks.text import hidden

_log = logging.getLogger("pcnotebooks")
# Characters that an HTTP header can carry; RFC 6750 allows fewer still.
_TOKEN = re.compile(r"[\x21-\x7e]+")


class AccessToken(Protocol):
    """A token of a credential, and when it expires."""

    @property
    def token(self) -> str:
        """The token, without "Bearer"."""
        ...

    @property
    def expires_on(self) -> int:
        """Seconds since 1970."""
        ...


class TokenCredential(Protocol):
    """An object that returns access tokens, such as any credential of azure-identity."""

    def get_token(self, *scopes: str) -> AccessToken:
        """Return a token for these scopes, cached or new."""
        ...


def is_token(token: object) -> bool:
    """Return whether an object can be sent as a bearer token."""
    return isinstance(token, str) and _TOKEN.fullmatch(token) is not None


@dataclass(frozen=True, slots=True)
class Token:
    """A token and its expiry, as in `AccessToken`."""

    token: str = field(repr=False)
    expires_on: int


class FixedToken:
    """A credential that always returns the same token and never shows it otherwise."""

    __slots__ = ("_token",)

    def __init__(self, token: str) -> None:
        self._token = sealed(token)

    def get_token(self, *_scopes: str) -> Token:
        """Return the token for any scopes."""
        # The expiry is unknown: only the service reads the one that the token states.
        return Token(self._token(), 0)

    # copy and deepcopy would go through __reduce__, which refuses.
    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a session with a fixed token cannot be pickled: that would write the token;"
            " call Session.from_token in the process that needs it"
        )


class MsalCredential:
    """A user's tokens, renewed without a prompt and sent only to the api."""

    __slots__ = ("_account", "_app", "_cache", "_lock", "_patience", "_refused", "settings")

    def __init__(self, settings: Settings, patience: float | None = None) -> None:
        if not settings.cloud.authority:
            raise ConfigurationError(
                f"The cloud {settings.cloud.name!r} has no login service.",
                remedy="Sample data needs no sign-in: use sample_payload().",
            )
        self.settings = settings
        self._patience = patience
        # No attribute of a session may lead to a token, which msal's objects hold in attributes.
        self._cache = sealed(token_cache(settings))
        self._lock = threading.RLock()
        # Created on first use, because msal's constructor already calls the login service.
        self._app: Callable[[], Any] | None = None
        self._account: dict[str, str] | None = None
        self._refused: Callable[[], str | None] = sealed(None)

    def __repr__(self) -> str:
        return f"<sign-in of {self.username or 'no user'}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signed-in credential cannot be pickled: that would write its tokens")

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    @property
    def username(self) -> str:
        """The user's name at the login service; empty if unknown."""
        return (self._account or {}).get("username", "")

    @property
    def scope(self) -> str:
        """The scope to request: the delegated permission of the app registration."""
        return self.settings.cloud.scope

    @discreet
    def get_token(self, *scopes: str) -> Token:
        """Return a valid token, renewed silently when it is about to expire.

        Raises
        ------
        SignInError
            If the login service refuses; without a ``code`` if there is no sign-in.
        """
        with self._lock, renewing(self.settings):
            result = self._silently(*scopes)
            # Another thread or kernel may have replaced the refused token meanwhile.
            if result and result.get("access_token") == self._refused() is not None:
                result = self._silently(*scopes, force_refresh=True)
        if not result:
            raise nobody(self.settings)
        return self.given(result)

    def given(self, result: dict[str, Any]) -> Token:
        """Return the token of an answer.

        Raises
        ------
        SignInError
            If the answer is a refusal.
        """
        if "access_token" not in result:
            raise refusal(self.settings, result)
        source = "the cache" if result.get("token_source") == "cache" else "the login service"
        _log.info("Token for %s from %s", self.settings.cloud.api, source)
        # OAuth only recommends stating it; like msal, assume an hour.
        lasts = int(result.get("expires_in", 3599))
        return Token(result["access_token"], int(time.time()) + lasts)

    def _silently(self, *scopes: str, force_refresh: bool = False) -> Any:
        # For a revoked sign-in this returns the reason, while acquire_token_silent returns None.
        return self.ask(
            lambda app: app.acquire_token_silent_with_error(
                list(scopes), self._account, force_refresh=force_refresh
            )
        )

    def token_refused(self, token: str) -> None:
        """Make `get_token` return another token, even if this one seems valid."""
        self._refused = sealed(token)

    def recall(self) -> bool:
        """Use the cached sign-in; return whether there is one that still works."""
        # If the cache is empty, the login service need not be asked.
        accounts = self._accounts() if self._cached() else []
        if len(accounts) != 1:
            return False
        self._account = accounts[0]
        try:
            self.get_token(self.scope)
        except SignInError as error:
            # A new sign-in would fail in the same way; it may solve any other refusal.
            if error.code in ("unreachable", "not_json", "locked"):
                raise
            return False
        self._label_partner()
        return True

    def accept(self, result: dict[str, Any]) -> None:
        """Use the sign-in that msal has just completed.

        Raises
        ------
        SignInError
            If the answer is a refusal.
        """
        if "access_token" not in result:
            raise refusal(self.settings, result)
        user = result.get("id_token_claims", {}).get("oid")
        found = (each for each in self._accounts() if each.get("local_account_id") == user)
        self._account = next(found, None)
        self._label_partner()

    def _label_partner(self) -> None:
        """Name the partner by its tenant unless the profile has a label; errors also name it."""
        account = {**(self._account or {}), "realm": self._authority().tenant}
        partner = self.settings.partner or tenant_id(self._cache(), account)
        self.settings = replace(self.settings, partner=partner)

    def _cached(self, **query: str) -> list[dict[str, Any]]:
        return list(self._cache().search(msal.TokenCache.CredentialType.ACCOUNT, query=query))

    def _accounts(self) -> list[dict[str, Any]]:
        """Return the accounts with tokens of this tenant.

        msal's get_accounts returns one entry for all the tenants of a user.
        """
        at = self._authority()
        known = self._cached(environment=at.instance)
        if own := [each for each in known if each["realm"].lower() == at.tenant.lower()]:
            return own
        if at.tenant in ("organizations", "common"):
            return list({each.get("home_account_id"): each for each in known}.values())
        return [each for each in known if tenant_id(self._cache(), each) == at.tenant.lower()]

    def _authority(self) -> Any:
        """Return msal's authority, which has the tenant's id even if a domain was given."""
        return self.ask(lambda app: app.authority)

    @discreet
    def forget(self) -> None:
        """Remove the account and its tokens from the cache."""
        with self._lock, renewing(self.settings):
            if self._account is not None:
                self.ask(lambda app: app.remove_account(self._account))
            self._account = None

    @discreet
    def ask(self, question: Callable[[Any], Any]) -> Any:
        """Return the result of a function that is called with msal's application.

        Raises
        ------
        SignInError
            If msal raises; its errors are not passed on, because they hold whole answers.
        """
        try:
            with self._lock:
                if self._app is None:
                    _log.debug("Signing in at %s", self.settings.authority)
                    self._app = sealed(self._application())
            return question(self._app())
        except PcNotebooksError:
            raise
        # msal passes on the errors of requests, json and its own checks, and fails in many ways on
        # an answer that is not a JSON object.
        except Exception as error:  # noqa: BLE001  as above
            raise unanswered(self.settings, error) from None

    def _application(self) -> Any:
        options = application_options(self.settings, self._cache(), self._patience)
        return msal.PublicClientApplication(**options)


def application_options(
    settings: Settings, cache: msal.TokenCache, patience: float | None
) -> dict[str, Any]:
    """Return the arguments of every msal application."""
    known = settings.cloud in CLOUDS.values()
    return {
        "client_id": settings.client_id,
        "authority": settings.authority,
        "token_cache": cache,
        # A plain session of requests would forward codes and refresh tokens on a redirect.
        "http_client": Http(timeout=(5, min(30, max(1, patience or 30))), retries=1),
        # Microsoft must not be asked about a custom login service.
        "instance_discovery": None if known else False,
    }


class _HidesSecrets(logging.Filter):
    """Hides secrets in msal's log records, which hold device codes and parts of answers."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = hidden(record.getMessage()), ()
        record.exc_info = None  # a JSONDecodeError holds the whole answer
        return True


# A filter applies to a single logger, and each module has its own, whether it is loaded yet or not.
for _package in (msal, msal_extensions):
    for _module in pkgutil.walk_packages(_package.__path__, f"{_package.__name__}."):
        logging.getLogger(_module.name).addFilter(_HidesSecrets())
