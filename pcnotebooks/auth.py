"""A session: a cloud, and a credential that gives access tokens for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn, Protocol, Self, TypeVar

from pcnotebooks.clouds import Cloud, get_cloud
from pcnotebooks.errors import ConfigurationError, PcNotebooksError, SignInError

_Error = TypeVar("_Error", bound=BaseException)

# Characters that an HTTP header can carry; RFC 6750 allows fewer still.
_TOKEN = re.compile(r"[\x21-\x7e]+")
_OPAQUE = re.compile(r"[\w.~+/=-]{20,}")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


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
        cloud = get_cloud(cloud)
        if not cloud.api:
            raise ConfigurationError(
                f"The cloud {cloud.name!r} has no api address to ask.",
                remedy="Sample data needs no session: use sample_payload().",
            )
        object.__setattr__(self, "cloud", cloud)
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
        del token  # a traceback may show the locals of every frame that raises
        if not _is_token(credential.token):
            raise ConfigurationError(
                "The access token is blank, or not one word of ASCII characters.",
                remedy="Pass the token alone, without 'Bearer' and without line breaks.",
            )
        return cls(cloud, credential, partner=partner)


def access_token(session: Session) -> str:
    """Return a token for the session's cloud, as its credential gives it.

    Raises
    ------
    SignInError
        If the credential fails, or gives something else.
    """
    failure: BaseException
    try:
        token = session.credential.get_token(session.cloud.scope).token
    except (PcNotebooksError, KeyboardInterrupt) as error:
        failure = error
    except Exception as error:  # noqa: BLE001  a credential may raise anything
        reason = f"{type(error).__name__}: {_readable(error)}"
        failure = _sign_in_error(session, f"gave no token: {reason}")
    else:
        if _is_token(token):
            return token
        del token
        failure = _sign_in_error(session, "gave a blank or malformed token.")
    raise bare(failure)


def bare(error: _Error) -> _Error:
    """Return an error without the frames and causes below it, which may hold a token.

    To be raised outside the except block, or it gets its cause back.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _sign_in_error(session: Session, what: str) -> SignInError:
    return SignInError(
        f"The credential {type(session.credential).__name__} {what}",
        remedy="Sign in again, and check that the credential is one of the cloud"
        f" {session.cloud.name!r}.",
    )


def _is_token(token: object) -> bool:
    return isinstance(token, str) and _TOKEN.fullmatch(token) is not None


def _readable(error: Exception) -> str:
    """Return a message in one line, without any word long and odd enough to be a secret."""

    def hide(word: re.Match[str]) -> str:
        plain = len(word[0]) < 40 and not re.search(r"\d", word[0])
        return word[0] if plain or _GUID.fullmatch(word[0]) else "[...]"

    return _OPAQUE.sub(hide, " ".join(str(error).split()))[:400]


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
