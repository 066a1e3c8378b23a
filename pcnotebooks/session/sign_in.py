"""Sign in and out, and use cached sign-ins."""

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
    """Sign in a user, or an app without a user, and return the session.

    Waits until the sign-in is done, refused or too late. Settings that are not given come from
    the profile, else from the environment (``PCNOTEBOOKS_CLIENT_ID``, ``_TENANT``, ``_CLOUD``,
    ``_CACHE``, ``_METHOD``, ``_PROFILE``). The defaults are cloud "global", tenant
    "organizations", cache "memory" and method "device_code". If the cache holds a valid sign-in,
    the user is not prompted.

    Parameters
    ----------
    cloud
        Name of a cloud, or a :class:`Cloud`.
    profile
        Name of a table in ``profiles.toml``, which also labels the session's partner.
    client_id
        Application id of your app registration.
    tenant
        Directory id or domain of the partner.
    method
        "device_code", or "browser" for a browser on this machine. An app without a user, which
        can fetch only the list of invoices, signs in by "client_secret", "certificate" or
        "workload_identity": the guide *Run it unattended* shows where each is kept. The
        tokens of an app stay in memory.
    prompt
        Called with the :class:`DeviceCode`; by default, the instructions are printed.
    cache
        "memory", until this process ends; "encrypted", in the platform's keyring; "plain", a
        file that only its owner can read.
    timeout
        Seconds to wait for the user; by default, until the code expires.

    Raises
    ------
    ConfigurationError
        If there is no client id, or a setting or an app's secret is not valid; nothing was
        sent.
    SignInError
        If the sign-in is refused, declined or too late, or the login service cannot be
        reached; with ``code``, ids and remedy.

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
    """Return the cached session, or that of an app, without a prompt.

    Raises
    ------
    SignInError
        With the reason and its ``code``, which is None if there is no sign-in.
    """
    if settings.is_app:
        return app_session(settings)
    credential = MsalCredential(settings)
    if not credential.recall():
        credential.get_token(credential.scope)  # raises the reason
    return session_of(credential)


def unasked(cloud: str | None, profile: str | None) -> Session:
    """Return a profile's cached session, for commands that must not prompt.

    Raises
    ------
    SignInError
        With the reason; if there is no sign-in, the remedy is the command that signs in.
    """
    settings = resolve(cloud, profile=profile)
    try:
        return remembered(settings)
    except SignInError as error:
        if error.code:
            raise
    remedy = "Run: pcnotebooks sign-in" + (f" --profile {profile}" if profile else "")
    if settings.cache == "memory":
        remedy += ", and set PCNOTEBOOKS_CACHE=encrypted: the cache memory ends with its process."
    raise SignInError("No user is signed in, and snapshots never ask for a sign-in.", remedy=remedy)


def sign_out(session: Session | None = None) -> None:
    """Delete the cached sign-in of a session, or all cached sign-ins.

    Parameters
    ----------
    session
        A session from :func:`sign_in`; None for all cached sign-ins.

    Raises
    ------
    ConfigurationError
        If the session has another credential, or a keyring or file cannot be reached; all
        others are deleted first.
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
            f"The credential {type(session.credential).__name__} manages its own sign-in,"
            " which pcnotebooks cannot end.",
            remedy="End it with the tool that started it; sign_out() only deletes sign-ins that"
            " sign_in() has cached.",
        )
    session.credential.forget()
