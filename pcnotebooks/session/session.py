"""Define sessions: a cloud with a credential that returns tokens for it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Self

from pcnotebooks.clouds import Cloud, get_cloud
from pcnotebooks.errors import ConfigurationError, PcNotebooksError, SignInError
from pcnotebooks.session.app import AppCredential
from pcnotebooks.session.credential import FixedToken, MsalCredential, TokenCredential, is_token
from pcnotebooks.session.discreet import discreet
from pcnotebooks.session.settings import Settings
from pcnotebooks.session.token_cache import claims_of
from pcnotebooks.text import facts_html, hidden, one_line

_log = logging.getLogger("pcnotebooks")


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Session:
    """A sign-in to one cloud, of a user or an app. Its repr never shows a token.

    Parameters
    ----------
    cloud
        Name of a cloud, or a :class:`Cloud`.
    credential
        An object whose ``get_token(*scopes)`` returns an object with ``token`` and
        ``expires_on``, such as any azure-identity credential; with one for an app without a user,
        only the list of invoices can be fetched. It is called for each request, with the scope
        ``{api}/.default``, and caches its tokens itself.
    partner
        Label of the partner in every payload and frame of this session.

    Raises
    ------
    ConfigurationError
        For an unknown cloud, the cloud of the sample data, a credential without `get_token`, or a
        partner that is not a text.

    Examples
    --------
    >>> Session.from_token("global", "not-a-real-token", partner="Contoso")
    Session('global', partner='Contoso')
    """

    cloud: Cloud
    credential: TokenCredential
    partner: str | None

    # Users swap arguments: either of the first two may be a token by mistake.
    @discreet
    def __init__(
        self, cloud: str | Cloud, credential: TokenCredential, *, partner: str | None = None
    ) -> None:
        if not callable(getattr(credential, "get_token", None)):
            raise ConfigurationError(
                f"The credential is of type {type(credential).__name__!r}, which has no method"
                " get_token.",
                remedy="Pass a credential of azure-identity. If you have a token, use"
                " Session.from_token(cloud, token).",
            )
        found = get_cloud(cloud)
        if not found.api:
            raise ConfigurationError(
                f"The cloud {found.name!r} has no api address.",
                remedy="Sample data needs no session: use sample_payload().",
            )
        if not isinstance(partner, str | None):
            raise ConfigurationError(
                f"The partner is of type {type(partner).__name__}, not a text.",
                remedy="Give partner as a text, in quotes.",
            )
        object.__setattr__(self, "cloud", found)
        object.__setattr__(self, "credential", credential)
        object.__setattr__(self, "partner", (partner or "").strip() or None)

    def __repr__(self) -> str:
        if not vars(self):
            return "Session()"  # refused by __init__, and shown by a traceback
        return f"Session({self.cloud.name!r}, partner={self.partner!r})"

    def _repr_html_(self) -> str:
        """Return cloud, service, partner and credential for a notebook, without tokens."""
        if not vars(self):
            return facts_html("Session", {})
        facts = {
            "Cloud": self.cloud.label or self.cloud.name,
            "Service": self.cloud.api,
            "Partner": self.partner or "the tenant that the token names",
            "Credential": type(self.credential).__name__,
        }
        return facts_html("Session", facts)

    @classmethod
    @discreet
    def from_token(cls, cloud: str | Cloud, token: str, *, partner: str | None = None) -> Self:
        """Return a session with an access token that another tool requested.

        The session works until the token expires, usually after an hour, and cannot be pickled.

        Parameters
        ----------
        cloud, partner
            As for :class:`Session`.
        token
            Only the token, without "Bearer". Its audience must be the cloud's api.

        Raises
        ------
        ConfigurationError
            For an unknown cloud, or a text that is not a token.
        """
        token = token.strip() if isinstance(token, str) else token
        if not is_token(token):
            raise ConfigurationError(
                "The access token is blank, or not one word of ASCII characters.",
                remedy="Pass only the token, without 'Bearer' and without line breaks.",
            )
        return cls(cloud, FixedToken(token), partner=partner)


def session_of(credential: MsalCredential) -> Session:
    """Return the session of a user, or an app, that has signed in."""
    settings = credential.settings
    return Session(settings.cloud, credential, partner=settings.partner)


def username(session: Session) -> str:
    """Return the user's name at the login service; empty if unknown."""
    credential = session.credential
    return credential.username if isinstance(credential, MsalCredential) else ""


@discreet
def access_token(session: Session, *, refused: str | None = None) -> str:
    """Return a token for the session's cloud from its credential.

    If the service refused a token, the credential has to return another one.

    Raises
    ------
    SignInError
        If the credential fails, or returns something else.
    """
    credential = session.credential
    # Only /.default suits every credential: AzureCliCredential reads all text before the
    # permission as the resource, and an app without a user has no permission to name.
    scope = f"{session.cloud.api}/.default"
    if isinstance(credential, MsalCredential):
        scope = credential.scope
    try:
        _log.debug("Asking %s for a token for %s", type(credential).__name__, scope)
        if refused and hasattr(credential, "token_refused"):
            credential.token_refused(refused)
        token = credential.get_token(scope).token
    except PcNotebooksError:
        raise
    except Exception as error:  # noqa: BLE001  a credential may raise anything
        reason = f"{type(error).__name__}: {one_line(hidden(str(error)), 400)}"
        raise _failed(session, f"gave no token: {reason}") from None
    if not is_token(token):
        raise _failed(session, "gave a blank or malformed token.")
    return token


def app_session(settings: Settings) -> Session:
    """Return the session of an app without a user.

    Raises
    ------
    SignInError, ConfigurationError
        As `AppCredential.sign_in`.
    """
    credential = AppCredential(settings)
    credential.sign_in()
    return session_of(credential)


def is_of_app(session: Session, token: str = "") -> bool:
    """Return whether a session is known to be one of an app without a user.

    The credential shows it, or the claims of a token: an app's token has roles and no scp, or its
    subject is the app itself. For any other token, only the service knows.
    """
    claims = claims_of(token)
    by_claims = "roles" in claims or claims.get("oid", 0) == claims.get("sub", 1)
    return isinstance(session.credential, AppCredential) or (by_claims and not claims.get("scp"))


def _failed(session: Session, what: str) -> SignInError:
    whose = f" for {session.partner!r}" if session.partner else ""
    return SignInError(
        f"The credential {type(session.credential).__name__}{whose} {what}",
        remedy="Sign in again, and check that the credential is for the cloud"
        f" {session.cloud.name!r}.",
    )


def tenant_of(token: str) -> str | None:
    """Return the tenant that an access token names; None if it names none."""
    tenant = claims_of(token).get("tid")
    return tenant if isinstance(tenant, str) else None
