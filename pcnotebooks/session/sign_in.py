"""Signing in and out, and the sign-ins that a cache still holds."""

from __future__ import annotations

from collections.abc import Callable

from pcnotebooks.clouds import Cloud
from pcnotebooks.errors import ConfigurationError, SignInError
from pcnotebooks.session.browser import sign_in_by_browser
from pcnotebooks.session.credential import MsalCredential
from pcnotebooks.session.device_code import DeviceCode, begin_sign_in, code_in_words
from pcnotebooks.session.discreet import discreet
from pcnotebooks.session.session import Session, app_session, session_of
from pcnotebooks.session.settings import Settings, resolve
from pcnotebooks.session.token_cache import delete_caches


def sign_in(
    cloud: str | Cloud | None = None,
    *,
    profile: str | None = None,
    client_id: str | None = None,
    tenant: str | None = None,
    method: str | None = None,
    prompt: Callable[[DeviceCode], None] | None = None,
    cache: str | None = None,
    timeout: float | None = None,
) -> Session:
    """Sign a user, or an app without a user, in; return the session.

    Waits until the sign-in is done, refused or too late. Settings that are not given come from
    the profile, else from the environment (``PCNOTEBOOKS_CLIENT_ID``, ``_TENANT``, ``_CLOUD``,
    ``_CACHE``, ``_METHOD``, ``_PROFILE``), else they are cloud "global", tenant "organizations",
    cache "memory" and method "device_code". If the cache holds a valid sign-in, the user is not
    asked.

    Parameters
    ----------
    cloud
        Name of a cloud, or a :class:`Cloud`.
    profile
        Name of a table in ``profiles.toml``; the session's partner is then the profile's.
    client_id
        Application id of your app registration.
    tenant
        Directory id or domain of the partner.
    method
        "device_code", or "browser" for a browser on this machine. An app without a user, which
        can fetch only the list of invoices, signs in by "client_secret", "certificate" or
        "workload_identity": the guide *Run it unattended* says where each is kept. Its tokens
        stay in memory.
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
        Without a client id, or for settings or an app's secret that cannot work; nothing was
        sent.
    SignInError
        If the sign-in is refused, declined, late or out of reach; with ``code``, the ids and
        the remedy.

    Examples
    --------
    >>> from pcnotebooks import sign_in
    >>> session = sign_in("global", client_id="...", tenant="...")  # doctest: +SKIP
    """
    settings = resolve(
        cloud,
        profile=profile,
        client_id=client_id,
        tenant=tenant,
        cache=cache,
        method=method,
    )
    if settings.method == "browser":
        return sign_in_by_browser(settings, timeout=timeout)
    started = begin_sign_in(settings, timeout=timeout)
    if isinstance(started, Session):
        return started
    (prompt or _print)(started.code)
    return started.wait()


@discreet
def _print(device_code: DeviceCode) -> None:
    print(code_in_words(device_code))  # noqa: T201  it has to ask the user


@discreet
def remembered(settings: Settings) -> Session:
    """Return the session that the cache holds, or that of an app, without a question.

    Raises
    ------
    SignInError
        With the reason and its ``code``; with None as code if there is no sign-in.
    """
    if settings.is_app:
        return app_session(settings)
    credential = MsalCredential(settings)
    if not credential.recall():
        credential.get_token(credential.scope)  # raises the reason
    return session_of(credential)


def unasked(cloud: str | None, profile: str | None) -> Session:
    """Return the session that the cache of a profile holds, for a command without questions.

    Raises
    ------
    SignInError
        With the reason; without a sign-in, the command that signs in is the remedy.
    """
    settings = resolve(cloud, profile=profile)
    try:
        return remembered(settings)
    except SignInError as error:
        if error.code:
            raise
    remedy = "Run: pcnotebooks sign-in" + (f" --profile {profile}" if profile else "")
    if settings.cache == "memory":
        remedy += ", and set PCNOTEBOOKS_CACHE=encrypted: memory ends with its process."
    raise SignInError("Nobody is signed in, and a snapshot asks nobody.", remedy=remedy)


def sign_out(session: Session | None = None) -> None:
    """Forget a session's account, or every account and every cache file.

    Parameters
    ----------
    session
        As :func:`sign_in` returned it; None for everything that was ever cached.

    Raises
    ------
    ConfigurationError
        For a session with another credential, or once all else is forgotten, for a keyring
        or file out of reach.
    SignInError
        If another process holds the cache.

    Examples
    --------
    >>> sign_out()
    """
    if session is None:
        delete_caches()
        return
    if not isinstance(session.credential, MsalCredential):
        raise ConfigurationError(
            f"The credential {type(session.credential).__name__} keeps its sign-in itself:"
            " pcnotebooks cannot end it.",
            remedy="End it where it was made; sign_out() forgets what sign_in() has cached.",
        )
    session.credential.forget()
