"""Exceptions, logs and copies that show no secret."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import logging
import pickle

import pytest

from pcnotebooks.errors import ServiceError
from pcnotebooks.service.fetch import fetch_invoice_summaries
from pcnotebooks.session.discreet import discreet
from pcnotebooks.session.session import (
    access_token,
)
from tests.services.identity_provider import (
    CLIENT_ID,
    Answer,
    signing_key,
)
from tests.services.partner_center import Answer as ServiceAnswer
from tests.services.planted import TOKEN, assert_token_free
from tests.services.users import (
    EXPIRING,
    refused,
    signed_in,
)

# The decorator


def failing(kind, secret):
    """Raise an error of a kind from one that holds a secret, in frames that hold it too."""
    try:
        raise OSError(secret)
    except OSError as error:
        raise kind("failed") from error


@discreet
def called(kind, *, secret):
    """Fail with a secret in arguments, locals, causes and contexts."""
    local = secret
    return failing(kind, local)


@discreet
async def awaited(kind, *, secret):
    """Fail so after having waited."""
    await asyncio.sleep(0)
    return failing(kind, secret)


KINDS = [ValueError, KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_exception_leaves_without_its_past(kind, asynchronous):
    """Of any kind: it has neither frames, causes nor contexts, and the secret is nowhere."""
    failure = None
    if asynchronous:
        step = awaited(kind, secret=TOKEN)
        step.send(None)  # up to its await: the wrapper must still be there afterwards
        try:
            step.send(None)
        except BaseException as error:  # noqa: BLE001  each kind in turn
            failure = error
    else:
        try:
            called(kind, secret=TOKEN)
        except BaseException as error:  # noqa: BLE001  each kind in turn
            failure = error
    assert type(failure) is kind
    assert failure.__cause__ is failure.__context__ is None
    frames = failure.__traceback__.tb_next
    assert frames.tb_next is None  # that of the wrapper alone
    assert_token_free(failure.with_traceback(frames))


def test_the_exception_stays_the_same_object():
    """Who waits for just this one, as asyncio does for a cancellation, still finds it."""
    error = ValueError("mine")

    @discreet
    def fail():
        raise error

    with pytest.raises(ValueError, match="mine") as caught:
        fail()
    assert caught.value is error


def test_a_decorated_function_is_the_same_to_its_callers():
    """Name, signature and result are its own."""
    assert called.__name__ == "called"
    assert list(inspect.signature(called).parameters) == ["kind", "secret"]
    assert discreet(sum)([1, 2], start=3) == 6
    assert asyncio.run(discreet(asyncio.sleep)(0, "done")) == "done"
    assert inspect.iscoroutinefunction(awaited)


# Sessions, logs and copies


@pytest.mark.parametrize("cache", ["memory", "plain"])
def test_a_session_shows_no_token(identity_provider, cache):
    """Neither repr nor format, of the session or what it consists of, has anything secret."""
    session = signed_in(identity_provider, cache=cache)
    given = session.credential.get_token(session.cloud.scope)
    looks = [session, session.credential, given, copy.copy(session), copy.deepcopy(session)]
    text = "\n".join(f"{look!r} {look}" for look in looks)
    assert given.token in identity_provider.secrets
    assert not identity_provider.shown_in(text)
    assert access_token(copy.deepcopy(session)) == given.token


@pytest.mark.parametrize("cache", ["memory", "plain"])
def test_a_session_is_not_pickled(identity_provider, cache):
    """A pickle would write the tokens to wherever it is kept."""
    session = signed_in(identity_provider, cache=cache)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(session)


def test_a_traceback_with_locals_shows_no_token(identity_provider, partner_center, tls):
    """An error of the service, below frames that hold a session, is safe to be shown whole."""
    service = partner_center(ServiceAnswer(b"", status=403), tls=tls, key=signing_key())
    session = signed_in(identity_provider, api=service.url)
    error = refused(identity_provider, lambda: fetch_invoice_summaries(session), ServiceError)
    assert error.status_code == 403


@pytest.mark.parametrize("method", ["device_code", "browser"])
def test_the_logs_at_debug_show_no_secret(identity_provider, browser, logged, method):
    """Tokens, device codes and authorization codes stand in no record, msal's own included."""
    browser("approve")
    identity_provider.token_lifetime = EXPIRING
    access_token(signed_in(identity_provider, method=method))
    records = [record for record in logged if record.name.startswith("msal")]
    text = "\n".join(f"{record.getMessage()} {vars(record)}" for record in records)
    assert CLIENT_ID in text, "msal logs at DEBUG, so this looks at something"
    assert not identity_provider.shown_in(text)


def test_a_token_answer_that_is_cut_is_not_logged(identity_provider):
    """The half of a token is a secret too, in an answer that is no JSON."""
    secret = identity_provider.sign(aud="https://127.0.0.1:9")
    identity_provider.answers["poll"] = Answer(f'{{"access_token": "{secret}"'.encode())
    error = refused(identity_provider, lambda: signed_in(identity_provider))
    assert error.code == "not_json"


def test_every_logger_of_msal_hides_what_it_is_given():
    """At level 1 too: msal.application writes the login service's words, with any token in them."""
    secret = "0.ARefreshToken1234567890.abcdefghijklmnop"
    names = [name for name in logging.root.manager.loggerDict if name.startswith("msal")]
    assert {"msal.application", "msal.authority", "msal_extensions.token_cache"} <= set(names)
    for name in names:
        logger = logging.getLogger(name)
        if "." not in name:
            continue  # a package's own is written to by nothing
        seen: list[logging.LogRecord] = []
        handler = logging.Handler(1)
        handler.emit = seen.append
        logger.addHandler(handler)
        level = logger.level
        logger.setLevel(1)
        try:
            logger.log(1, "Refresh failed: %s", secret)
        finally:
            logger.setLevel(level)
            logger.removeHandler(handler)
        assert "Refresh failed" in seen[0].getMessage()
        assert secret not in seen[0].getMessage() + repr(vars(seen[0]))


def test_a_login_service_that_repeats_a_refresh_token(identity_provider, caplog):
    """Neither the error nor any log at any level shows it."""
    caplog.set_level(1)
    for name in ("msal.application", "msal.oauth2cli.oauth2", "msal.token_cache"):
        caplog.set_level(1, logger=name)
    identity_provider.token_lifetime = EXPIRING
    session = signed_in(identity_provider)
    (refresh_token,) = identity_provider.grants
    words = f"AADSTS50173: The grant {refresh_token} has expired."
    body = {"error": "invalid_grant", "error_description": words, "error_codes": [50173]}
    identity_provider.answers["refresh"] = Answer(json.dumps(body).encode(), 400)
    error = refused(identity_provider, lambda: access_token(session))
    assert error.code == "50173"
    assert "The grant [...] has expired" in error.message
    logged = "".join(
        f"{record.getMessage()} {vars(record)}"
        for record in caplog.records
        if not record.name.startswith("authlib")  # the provider's own
    )
    assert "Refresh failed" in logged
    assert refresh_token not in logged
