"""Sign in by device code: request a code, show it and wait until the user has typed it."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pcnotebooks.clouds import Cloud
from pcnotebooks.errors import SignInError
from pcnotebooks.session.credential import MsalCredential
from pcnotebooks.session.discreet import discreet, sealed
from pcnotebooks.session.refusals import no_answer, refusal
from pcnotebooks.session.session import Session, app_session, session_of
from pcnotebooks.session.settings import Settings
from pcnotebooks.session.transport import checked_timeout

# How often in a row an unreachable login service is polled again: with Entra's interval of 5
# seconds this takes 70 seconds, and msal itself waits a minute after an answer such as 503.
_AGAIN = 3


@dataclass(frozen=True)
class DeviceCode:
    """A code to sign in with, and the page to type it on. Its repr does not show the code.

    Parameters
    ----------
    url
        The page to open, as the login service returned it; it differs by cloud.
    code
        The code to type there.
    expires_at
        When the code expires; aware, in UTC.
    message
        The instructions in the login service's own words.
    cloud, tenant, client_id
        Cloud, tenant and app of the sign-in, for comparison with the page.

    Examples
    --------
    >>> def prompt(device_code):
    ...     print(f"Open {device_code.url} and type {device_code.code}.")
    >>> session = sign_in("global", client_id="...", prompt=prompt)  # doctest: +SKIP
    """

    url: str
    code: str = field(repr=False)
    expires_at: datetime
    message: str = field(repr=False)
    cloud: Cloud
    tenant: str
    client_id: str


class DeviceSignIn:
    """A sign-in that waits for a user to type its code."""

    def __init__(
        self, credential: MsalCredential, flow: dict[str, Any], timeout: float | None
    ) -> None:
        settings = credential.settings
        # The flow holds the device code, which any program can exchange for tokens.
        self._credential, self._flow = credential, sealed(flow)
        self._cancelled = threading.Event()
        try:
            # With an interval of 0, msal would poll without ever checking the time.
            flow["interval"] = max(1, int(flow.get("interval") or 5))
            datetime.fromtimestamp(flow["expires_at"], UTC)
        except (ValueError, TypeError, OverflowError, OSError):  # the service may state any number
            raise no_answer(settings) from None
        self._deadline = flow["expires_at"]
        if timeout is not None:
            self._deadline = min(self._deadline, time.time() + timeout)
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
        """Cancel the sign-in from any thread; `wait` ends within about a second."""
        self._cancelled.set()

    @discreet
    def wait(self) -> Session:
        """Return the session once a user has signed in.

        Raises
        ------
        SignInError
            If the sign-in is refused, declined, cancelled or too late.
        """
        settings = self._credential.settings
        if self._cancelled.is_set():  # msal would poll once before it checks
            raise refusal(settings, {"error": "cancelled"})
        late = "timeout" if self._deadline < self._flow()["expires_at"] else "expired_token"
        try:
            result = self._polled()
            # The last answer before the time ran out on this machine.
            ended = result.get("error") in ("authorization_pending", "slow_down")
        except SignInError as error:
            if error.code != "unreachable" or not self._ended():
                raise
            ended = True
        if ended:
            cancelled = self._cancelled.is_set()
            raise refusal(settings, {"error": "cancelled" if cancelled else late})
        self._credential.accept(result)
        return session_of(self._credential)

    def _polled(self) -> Any:
        """Return msal's last answer; a login service that fails temporarily is asked again.

        The code stays valid, so the user need not type another after one bad answer.
        """
        missed, answered = 0, None
        while True:
            try:
                return self._credential.ask(
                    lambda app: app.acquire_token_by_device_flow(
                        self._flow(),
                        # This replaces msal's own check of the time.
                        exit_condition=lambda _: self._ended(),
                    )
                )
            except SignInError as error:
                last = self._flow().get("latest_attempt_at")  # of the attempts that had an answer
                missed, answered = missed + 1 if last == answered else 1, last
                if error.code != "unreachable" or missed > _AGAIN:
                    raise
                pause = self._flow()["interval"] * 2**missed  # as in section 3.5 of RFC 8628
                self._cancelled.wait(min(pause, self._deadline - time.time()))
                if self._ended():
                    raise

    def _ended(self) -> bool:
        return self._cancelled.is_set() or time.time() > self._deadline


@discreet
def begin_sign_in(settings: Settings, *, timeout: float | None = None) -> Session | DeviceSignIn:
    """Return the cached session, else request one device code.

    An app without a user signs in at once.

    Raises
    ------
    ConfigurationError
        If the time-out is not valid; nothing was sent.
    SignInError
        If the login service issues no code.
    """
    if timeout is not None:
        timeout = checked_timeout(timeout, pair=False)
    if settings.is_app:
        return app_session(settings)
    credential = MsalCredential(settings, timeout)
    if credential.recall():
        return session_of(credential)
    flow = credential.ask(lambda app: app.initiate_device_flow([settings.cloud.scope]))
    # msal returns its errors here, and raises them elsewhere.
    if "user_code" not in flow:
        raise refusal(settings, flow)
    texts = [flow.get(name) for name in ("device_code", "user_code", "verification_uri")]
    usable = all(isinstance(text, str) and text.isprintable() for text in texts)
    if not usable or not texts[2].startswith("https://"):
        raise no_answer(settings)
    return DeviceSignIn(credential, flow, timeout)


def code_in_words(device_code: DeviceCode) -> str:
    """Return the sign-in instructions as plain text."""
    cloud, until = device_code.cloud, device_code.expires_at
    minutes = math.ceil((until - datetime.now(UTC)).total_seconds() / 60)
    # The kernel may be far from the reader, where its time zone means nothing.
    left = f"{minutes} minutes left" if minutes > 1 else "less than a minute left"
    # The last line warns of a common attack: a code that another person sent.
    return (
        f"To sign in, open {device_code.url} and type the code {device_code.code}\n"
        f"App {device_code.client_id}, cloud {cloud.label or cloud.name}, tenant"
        f" {device_code.tenant}; until {until.astimezone(UTC):%H:%M:%S} UTC ({left}).\n"
        "Type it only if it was you who started this sign-in."
    )
