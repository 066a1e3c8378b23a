"""Sessions, and what they ask of a credential."""

from __future__ import annotations

import base64
import copy
import pickle
from dataclasses import FrozenInstanceError
from typing import NamedTuple

import pytest

from pcnotebooks.clouds import CLOUDS, SAMPLE, Cloud
from pcnotebooks.errors import ConfigurationError, NetworkError, SignInError
from pcnotebooks.session.session import Session, access_token, tenant_of
from tests.services.planted import TOKEN, assert_token_free


class Given(NamedTuple):
    """An access token as azure-core gives it: its repr shows the token."""

    token: str
    expires_on: int


class Credential:
    """Gives or raises what it was told to, and remembers the scopes."""

    def __init__(self, outcome):
        self.outcome = outcome
        self.scopes = []

    def __repr__(self):
        return "Credential()"

    def get_token(self, *scopes):
        """Give or raise it, from a frame that holds a token as a real credential's does."""
        refreshed = TOKEN
        self.scopes.append(scopes)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return Given(refreshed, 0) if self.outcome is ... else self.outcome


def refused(outcome, kind=SignInError):
    """Return the error of a session whose credential fails, which must not show the token."""
    session = Session("global", Credential(outcome))
    with pytest.raises(kind) as caught:
        access_token(session)
    del outcome  # what the test itself holds is not what is looked at
    assert caught.value.__context__ is None
    assert_token_free(caught.value)
    return caught.value


def test_a_session_takes_a_cloud_by_name():
    """A name becomes the Cloud, and credential and partner are readable."""
    credential = Credential(...)
    session = Session("china", credential, partner="Contoso")
    assert session.cloud is CLOUDS["china"]
    assert session.credential is credential
    assert session.partner == "Contoso"


def test_a_session_takes_a_cloud_of_ones_own():
    """A Cloud serves wherever a name does; no partner is None."""
    cloud = Cloud("own", "Own", "https://login.example", "https://api.example")
    session = Session(cloud, Credential(None))
    assert session.cloud is cloud
    assert session.partner is None


@pytest.mark.parametrize("name", ["cloud", "credential", "partner"])
def test_a_session_is_immutable(name):
    """No attribute can be set or deleted."""
    session = Session("global", Credential(None))
    with pytest.raises(FrozenInstanceError):
        setattr(session, name, None)
    with pytest.raises(FrozenInstanceError):
        delattr(session, name)


def test_a_session_is_itself_alone():
    """Sessions are told apart, and hold credentials that cannot be hashed or compared."""
    credential = Credential(...)
    credential.__class__ = type("Unhashable", (Credential,), {"__hash__": None})
    assert len({Session("global", credential), Session("global", credential)}) == 2


def test_unknown_cloud():
    """An unknown cloud is refused with the known ones."""
    with pytest.raises(ConfigurationError, match="'germany'"):
        Session("germany", Credential(None))


@pytest.mark.parametrize("cloud", ["sample", SAMPLE])
def test_the_cloud_of_the_sample_data(cloud):
    """Sample data has no api to ask, and the error says what serves instead."""
    with pytest.raises(ConfigurationError) as caught:
        Session(cloud, Credential(None))
    assert "sample_payload()" in caught.value.remedy


def test_a_token_is_no_credential():
    """A bare token in place of a credential is told by its kind alone, with the way out."""
    with pytest.raises(ConfigurationError, match="'str', which has no method") as caught:
        Session("global", TOKEN)
    assert "Session.from_token" in caught.value.remedy
    assert_token_free(caught.value)


def test_a_credential_of_the_users_own_is_asked_for_the_default_scope():
    """The Azure CLI and apps without a user accept no other scope of the cloud's api."""
    credential = Credential(...)
    assert access_token(Session("china", credential)) == TOKEN
    scope = "https://partner.partnercenterapi.microsoftonline.cn/.default"
    assert credential.scopes == [(scope,)]


def test_from_token_gives_the_token():
    """The token is given as it was, without the white space that copying adds."""
    assert access_token(Session.from_token("global", f" {TOKEN}\n")) == TOKEN


def test_from_token_keeps_cloud_and_partner():
    """Cloud and partner are those of any session, and stand in the repr."""
    session = Session.from_token("us_government", TOKEN, partner="Contoso")
    assert session.cloud is CLOUDS["us_government"]
    assert repr(session) == "Session('us_government', partner='Contoso')"


@pytest.mark.parametrize(
    "token", ["", " \n", f"Bearer {TOKEN}", f"{TOKEN[:9]}\n{TOKEN}", "tökèn", None, b"bytes"]
)
def test_from_token_refuses_what_is_no_token(token):
    """Blanks, several words and other types are refused, and not repeated."""
    with pytest.raises(ConfigurationError, match="blank, or not one word") as caught:
        Session.from_token("global", token)
    del token
    assert_token_free(caught.value.with_traceback(caught.tb.tb_next))


def test_from_token_with_an_unknown_cloud():
    """A wrong cloud beside a right token does not show the token."""
    with pytest.raises(ConfigurationError) as caught:
        Session.from_token("germany", TOKEN)
    assert_token_free(caught.value)


def test_a_fixed_token_shows_nowhere():
    """Neither repr nor vars of the session, its credential and what that gives show it."""
    session = Session.from_token("global", TOKEN, partner="Contoso")
    given = session.credential.get_token("scope")
    for shown in (session, vars(session), session.credential, given, given.expires_on):
        assert TOKEN not in repr(shown)
        assert TOKEN not in f"{shown} {shown!s}"
    with pytest.raises(TypeError):
        vars(session.credential)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies_hide_the_token_too(duplicate):
    """A copy is a session that serves as well, and shows as little."""
    session = duplicate(Session.from_token("global", TOKEN, partner="Contoso"))
    assert access_token(session) == TOKEN
    assert TOKEN not in f"{session!r} {vars(session)!r}"
    assert TOKEN not in f"{duplicate(session.credential)!r}"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_fixed_token_is_not_pickled(protocol):
    """Pickling fails with the reason, and writes no token."""
    session = Session.from_token("global", TOKEN)
    with pytest.raises(TypeError, match="would write the token") as caught:
        pickle.dumps(session, protocol)
    assert_token_free(caught.value)


def test_a_failing_credential_is_named_with_its_reason():
    """Kind of credential, kind of error, its words and the cloud are told."""
    error = refused(RuntimeError("AADSTS50076: use multi-factor authentication,\nthen retry."))
    assert error.message == (
        "The credential Credential gave no token: RuntimeError: AADSTS50076: use multi-factor"
        " authentication, then retry."
    )
    assert "'global'" in error.remedy


def test_a_credentials_reason_is_shown_without_secrets():
    """Long odd words are taken out, ids and host names that support asks for are not."""
    trace = "2b29ae49-7b02-4cf1-9b0e-6b3b5c8bd2a7"
    host = "login.partner.microsoftonline.cn"
    error = refused(ValueError(f"{TOKEN} at {host}, trace {trace}, {'key' * 14}"))
    assert error.message.endswith(f"ValueError: [...] at {host}, trace {trace}, [...]")


def test_a_credentials_cause_is_not_shown():
    """An error raised from one that holds the token does not bring it along."""
    cause, error = ValueError(TOKEN), RuntimeError("see the cause")
    error.__cause__ = cause
    del cause
    assert refused(error).__cause__ is None


def test_a_credentials_long_reason_is_cut():
    """A reason of many lines stays a message."""
    assert len(refused(RuntimeError("word " * 1000)).message) < 500


@pytest.mark.parametrize("error", [NetworkError("No network."), SignInError("Expired.")])
def test_errors_of_this_package_pass_unchanged(error):
    """A credential that explains itself is not explained again."""
    error.__cause__ = ValueError(TOKEN)
    assert refused(error, type(error)) is error


def test_an_interrupt_passes():
    """An interrupt stays one, without the frames of the credential."""
    refused(KeyboardInterrupt(), KeyboardInterrupt)


@pytest.mark.parametrize("token", ["", "  ", f"{TOKEN}\r\nX: y", None, 7])
def test_a_malformed_token_is_refused(token):
    """What cannot stand in a header is not sent, and not repeated."""
    error = refused(Given(token, 0))
    assert error.message == "The credential Credential gave a blank or malformed token."


def test_what_holds_no_token_is_refused():
    """None, or a coroutine of an asynchronous credential, is told by its kind."""
    assert "'NoneType' object has no attribute 'token'" in refused(None).message


def test_the_tenant_that_a_token_names():
    """It labels what has no label; a token that is no JWT names none."""
    claims = base64.urlsafe_b64encode(b'{"tid": "a-tenant"}').decode().rstrip("=")
    assert tenant_of(f"e30.{claims}.c2ln") == "a-tenant"
    for token in ("opaque", "a.b.c", "e30.W10.x", "e30.e30.x", "e30.eyJ0aWQiOjF9.x"):
        assert tenant_of(token) is None


@pytest.mark.parametrize(
    ("given", "kept"), [(" Contoso\n", "Contoso"), (" ", None), ("", None), (None, None)]
)
def test_blanks_around_a_partner_are_left_out(given, kept):
    """A label of blanks is none: the tenant of the token takes its place."""
    assert Session.from_token("global", "x" * 20, partner=given).partner == kept


@pytest.mark.parametrize("partner", [5, b"Contoso", ["Contoso"]])
def test_a_partner_that_is_not_a_text_is_refused(partner):
    """It would fail later, in a frame or a folder's name."""
    with pytest.raises(ConfigurationError, match="The partner is of type"):
        Session.from_token("global", "x" * 20, partner=partner)
