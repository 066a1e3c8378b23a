"""Signing in by device code: the code, the waiting for it, and each way in which that ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pcnotebooks.clouds import CLOUDS
from pcnotebooks.session.device_code import (
    DeviceCode,
    DeviceSignIn,
    begin_sign_in,
    code_in_words,
)
from pcnotebooks.session.refusals import SIGN_IN_REMEDIES
from pcnotebooks.session.session import (
    access_token,
)
from pcnotebooks.session.settings import resolve
from tests.services.identity_provider import (
    CLIENT_ID,
    TENANT,
    UNAVAILABLE,
    Answer,
    refusal,
)
from tests.services.planted import shown
from tests.services.users import (
    approve,
    cached_accounts,
    decline,
    ignore,
    never,
    refused,
    signed_in,
)


def test_the_scope_is_the_clouds_own(identity_provider):
    """The token is asked for the cloud's api, and no other permission is."""
    signed_in(identity_provider, api="https://api.partner.example")
    asked = next(form for place, form in identity_provider.requests if place == "devicecode")
    own = {"openid", "profile", "offline_access"}  # msal's, for the account and its renewal
    assert set(asked["scope"].split()) - own == {"https://api.partner.example/user_impersonation"}
    assert asked["client_id"] == CLIENT_ID


def test_the_prompt_is_printed(identity_provider, capsys):
    """By itself the prompt states page, code, app, cloud, tenant and deadline."""
    settings = resolve(identity_provider.cloud(), client_id=CLIENT_ID, tenant=TENANT)
    started = begin_sign_in(settings)
    started.cancel()
    refused(identity_provider, started.wait)
    capsys.readouterr()

    identity_provider.expires_in = 1
    refused(identity_provider, lambda: signed_in(identity_provider, tenant=TENANT, prompt=None))
    printed = capsys.readouterr().out
    user_code = list(identity_provider.device_codes.values())[-1]["user_code"]
    for part in (f"{identity_provider.url}/devicelogin", user_code, CLIENT_ID, "Stand-in", TENANT):
        assert part in printed
    deadline = datetime.now().astimezone()
    close = {f"{deadline - timedelta(seconds=ago):%H:%M:%S}" for ago in range(5)}
    assert any(moment in printed for moment in close)
    assert not identity_provider.shown_in(printed)


def test_the_device_code_says_where_it_leads(identity_provider):
    """A prompt of one's own gets the page as returned, the code, an aware deadline and the app."""
    seen = []
    refused(
        identity_provider,
        lambda: signed_in(identity_provider, tenant=TENANT, prompt=seen.append, timeout=0.2),
    )
    identity_provider.expires_in = 600
    started = begin_sign_in(resolve(identity_provider.cloud(), client_id=CLIENT_ID, tenant=TENANT))
    code = started.code
    assert code.url == f"{identity_provider.url}/devicelogin"
    assert code.code in code.message
    assert (code.cloud, code.tenant, code.client_id) == (
        identity_provider.cloud(),
        TENANT,
        CLIENT_ID,
    )
    assert code.expires_at.tzinfo is UTC
    assert timedelta(seconds=590) < code.expires_at - datetime.now(UTC) <= timedelta(seconds=600)
    assert seen[0].expires_at < datetime.now(UTC) + timedelta(seconds=5)
    assert not identity_provider.shown_in(repr(code) + repr(started))


@pytest.mark.parametrize("code", [53003, 700016, 7000218, 90002, 50194])
def test_a_refusal_of_the_device_code_is_told_once(identity_provider, code):
    """A refusal that comes first is told as well, and nobody is asked."""
    identity_provider.answers["devicecode"] = refusal(code)
    error = refused(identity_provider, lambda: signed_in(identity_provider, prompt=never))
    assert error.code == str(code)
    assert error.remedy == SIGN_IN_REMEDIES[str(code)]
    assert error.correlation_id
    assert identity_provider.count("devicecode") == 1
    assert identity_provider.count("poll") == 0


@pytest.mark.parametrize("spelling", ["authorization_declined", "access_denied"])
def test_a_declined_sign_in_is_told_once(identity_provider, spelling):
    """Entra's word and RFC 8628's are the same refusal."""
    identity_provider.declined_as = spelling
    error = refused(identity_provider, lambda: signed_in(identity_provider, prompt=decline))
    assert error.code == spelling
    assert "declined" in str(error)
    assert error.remedy == SIGN_IN_REMEDIES[spelling]
    assert identity_provider.count("devicecode") == identity_provider.count("poll") == 1


def test_a_code_that_the_provider_let_expire_is_told_once(identity_provider):
    """The provider's own expired_token ends the sign-in."""
    error = refused(
        identity_provider,
        lambda: signed_in(
            identity_provider, prompt=lambda _: identity_provider.expire_device_codes()
        ),
    )
    assert error.code == "70020"
    assert "expired" in str(error)
    assert identity_provider.count("devicecode") == 1


def test_a_code_that_expires_by_this_clock_is_told_once(identity_provider):
    """Where the provider only ever says pending, the stated lifetime ends the sign-in."""
    identity_provider.expires_in = 1
    error = refused(identity_provider, lambda: signed_in(identity_provider, prompt=ignore))
    assert error.code == "expired_token"
    assert error.remedy == SIGN_IN_REMEDIES["expired_token"]
    assert identity_provider.count("poll") <= 2
    assert identity_provider.count("devicecode") == 1


def test_a_timeout_ends_the_waiting(identity_provider):
    """The time given bounds the sign-in, though the code would be valid for longer."""
    identity_provider.interval = 60
    error = refused(
        identity_provider, lambda: signed_in(identity_provider, prompt=ignore, timeout=0.5)
    )
    assert error.code == "timeout"
    assert error.remedy == SIGN_IN_REMEDIES["timeout"]
    assert identity_provider.count("devicecode") == identity_provider.count("poll") == 1


@pytest.mark.parametrize("interval", [0, 60])
def test_cancelling_ends_the_waiting_between_two_polls(identity_provider, interval):
    """From another thread, at any interval, and no poll follows."""
    identity_provider.interval = interval
    started = begin_sign_in(resolve(identity_provider.cloud(), client_id=CLIENT_ID))
    assert isinstance(started, DeviceSignIn)
    canceller = threading.Thread(
        target=lambda: (identity_provider.asked_for("poll"), started.cancel())
    )
    canceller.start()
    error = refused(identity_provider, started.wait)
    canceller.join()
    assert error.code == "cancelled"
    # Between two polls at least a second passes, in which msal looks at the cancellation.
    assert identity_provider.count("poll") == 1


def test_cancelling_before_waiting_asks_for_no_token(identity_provider):
    """Whoever cancelled gets no session, whatever was approved meanwhile."""
    started = begin_sign_in(resolve(identity_provider.cloud(), client_id=CLIENT_ID))
    started.cancel()
    approve(started.code)
    assert refused(identity_provider, started.wait).code == "cancelled"
    assert cached_accounts() == []


def test_an_interval_of_zero_does_not_poll_without_end(identity_provider):
    """At least a second lies between two polls."""
    identity_provider.interval = 0
    end = threading.Timer(4, identity_provider.expire_device_codes)  # or msal would never end
    end.start()
    refused(identity_provider, lambda: signed_in(identity_provider, prompt=ignore, timeout=1.2))
    end.cancel()
    assert 1 <= identity_provider.count("poll") <= 3


def test_a_keyboard_interrupt_ends_it_cleanly(identity_provider):
    """Ctrl-C while waiting goes up as it is, shows no code, and the next sign-in works."""

    def interrupt():
        identity_provider.asked_for("poll")
        os.kill(os.getpid(), signal.SIGINT)

    identity_provider.interval = 60
    with pytest.raises(KeyboardInterrupt) as caught:
        signed_in(identity_provider, prompt=lambda _: threading.Thread(target=interrupt).start())
    assert not identity_provider.shown_in(shown(caught.value))
    assert identity_provider.count("poll") == 1
    access_token(signed_in(identity_provider))
    assert identity_provider.count("poll") == 2


def test_a_prompt_that_fails_ends_the_sign_in(identity_provider):
    """What a prompt of one's own raises goes up, and shows no device code."""

    def fail(_):
        raise OSError("no display")

    with pytest.raises(OSError, match="no display") as caught:
        signed_in(identity_provider, prompt=fail)
    assert not identity_provider.shown_in(shown(caught.value))
    assert identity_provider.count("poll") == 0


@pytest.mark.parametrize(
    "answer",
    [replace(UNAVAILABLE, retry_after=1), Answer(b'{"a": "', missing=50)],
    ids=["503", "cut in transfer"],
)
def test_a_provider_that_fails_while_polled_is_asked_again(identity_provider, answer):
    """The code stays good: for one bad answer nobody has to type another."""
    identity_provider.answers["poll"] = answer

    def later(device_code):
        approve(device_code)
        threading.Timer(1.5, identity_provider.answers.pop, ["poll"]).start()

    assert access_token(signed_in(identity_provider, prompt=later))
    assert identity_provider.count("devicecode") == 1


@pytest.mark.parametrize("end", ["cancelled", "timeout"])
def test_between_two_polls_of_a_failing_provider_the_sign_in_can_end(identity_provider, end):
    """Who cancels or has no more time does not wait for the next poll, and none follows."""
    identity_provider.interval = 5
    identity_provider.answers["poll"] = UNAVAILABLE
    settings = resolve(identity_provider.cloud(), client_id=CLIENT_ID)
    started = begin_sign_in(settings, timeout=1.5 if end == "timeout" else None)
    assert isinstance(started, DeviceSignIn)
    if end == "cancelled":
        threading.Timer(1, started.cancel).start()
    assert refused(identity_provider, started.wait).code == end
    assert identity_provider.count("poll") == 1


def test_a_slow_provider_is_waited_for(identity_provider):
    """Slow is not gone."""
    for place in ("discovery", "devicecode", "poll"):
        identity_provider.delays[place] = 0.4
    assert access_token(signed_in(identity_provider))


def test_a_timeout_bounds_a_slow_provider_too(identity_provider):
    """A provider that would take a minute is left after the second that was given."""
    identity_provider.delays["poll"] = 60
    error = refused(
        identity_provider, lambda: signed_in(identity_provider, prompt=ignore, timeout=1)
    )
    assert error.code == "timeout"
    assert "poll" not in identity_provider.answered


def test_a_provider_that_goes_while_waiting_is_told(identity_provider):
    """So is one that is gone at the second poll."""
    error = refused(
        identity_provider,
        lambda: signed_in(
            identity_provider,
            prompt=lambda _: identity_provider.answers.update(poll=Answer(b'{"a"', missing=9)),
        ),
    )
    assert error.code == "unreachable"


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Kathmandu"])
@pytest.mark.parametrize(
    ("seconds", "left"),
    [(900, "15 minutes left"), (61, "2 minutes left"), (59, "less than a minute left"),
     (-5, "less than a minute left")],
)  # fmt: skip
def test_the_end_of_a_code_is_told_in_utc(monkeypatch, zone, seconds, left):
    """The kernel may be on another continent than its user."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    code = DeviceCode("https://x.example", "ABCD", end, "", CLOUDS["global"], "t", "c")
    try:
        assert f"until {end:%H:%M:%S} UTC ({left})" in code_in_words(code)
    finally:
        monkeypatch.undo()
        time.tzset()
