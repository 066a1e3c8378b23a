"""What the login service refuses, or answers in place of an answer, in words."""

from __future__ import annotations

import json

import pytest

from pcnotebooks.clouds import Cloud
from pcnotebooks.session.refusals import SIGN_IN_REMEDIES, UNKNOWN
from pcnotebooks.session.session import (
    access_token,
)
from pcnotebooks.session.sign_in import sign_in
from tests.services.identity_provider import (
    CLIENT_ID,
    EMPTY,
    HTML_PAGE,
    REFUSALS,
    UNAVAILABLE,
    Answer,
    refusal,
)
from tests.services.users import (
    decline,
    ignore,
    refused,
    signed_in,
)


@pytest.mark.parametrize("code", sorted(set(REFUSALS) - {70016, 50173, 70000, 99999}))
def test_a_refusal_of_the_token_is_told_once(identity_provider, code):
    """One device code is asked for, and the error has number, ids and its remedy."""
    answer = refusal(code)
    identity_provider.answers["poll"] = answer
    error = refused(identity_provider, lambda: signed_in(identity_provider))
    told = json.loads(answer.body)
    assert error.code == str(code)
    assert error.remedy == SIGN_IN_REMEDIES[str(code)]
    assert error.correlation_id == told["correlation_id"]
    assert error.request_id == told["trace_id"]
    assert REFUSALS[code][1].rstrip(".") in str(error)
    assert str(error).count(told["trace_id"]) == 1
    assert identity_provider.count("devicecode") == 1
    assert identity_provider.count("poll") == 1


def test_a_number_is_found_in_the_description_too(identity_provider):
    """Where an answer has no list of numbers, the one in its text counts."""
    body = json.loads(refusal(65001).body)
    del body["error_codes"]
    identity_provider.answers["poll"] = Answer(json.dumps(body).encode(), 400)
    assert refused(identity_provider, lambda: signed_in(identity_provider)).code == "65001"


def test_a_blocked_device_code_names_the_other_ways(identity_provider):
    """Many tenants block device code: the two other ways are in the remedy."""
    identity_provider.answers["poll"] = refusal(53003)
    remedy = refused(identity_provider, lambda: signed_in(identity_provider)).remedy
    assert "block" in remedy
    assert 'method="browser"' in remedy
    assert "Session(cloud, credential)" in remedy


@pytest.mark.parametrize("code", [50097, 53000, 53009, 530003, 530031, 530033])
def test_a_policy_on_devices_is_not_mended_by_signing_in_again(identity_provider, code):
    """A device code never states the device: the remedy is the one of a blocked device code."""
    identity_provider.answers["poll"] = refusal(code)
    error = refused(identity_provider, lambda: signed_in(identity_provider))
    assert error.remedy == SIGN_IN_REMEDIES["53003"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (500011, "Microsoft Partner Center"),
        (650052, "Microsoft Partner Center"),
        (650057, "API permissions"),
        (7000112, "enable it"),
    ],
)
def test_a_missing_app_or_permission_names_what_to_change(identity_provider, code, told):
    """Signing in again is refused again."""
    identity_provider.answers["poll"] = refusal(code)
    remedy = refused(identity_provider, lambda: signed_in(identity_provider)).remedy
    assert told in remedy
    assert "ign in again" not in remedy


@pytest.mark.parametrize(
    "answer",
    [
        refusal(99999),
        refusal(error="interaction_required"),
        Answer(b'{"error": "access_denied", "error_description": "AADSTS12345: No."}', 400),
        Answer(b'{"error": "invalid_grant", "error_codes": [77777]}', 400),
    ],
    ids=["number", "error", "declined by nobody", "number without words"],
)
def test_an_unknown_reason_is_not_guessed(identity_provider, answer):
    """A number that no table has is not explained by the vague error that comes with it."""
    identity_provider.answers["poll"] = answer
    error = refused(identity_provider, lambda: signed_in(identity_provider))
    assert error.remedy == UNKNOWN


def test_an_unknown_tenant_is_told(identity_provider):
    """Entra refuses already the first look at the tenant, and so no code is asked for."""
    error = refused(
        identity_provider, lambda: signed_in(identity_provider, tenant="tailspin.example")
    )
    assert error.code == "90002"
    assert error.remedy == SIGN_IN_REMEDIES["90002"]
    assert identity_provider.count("devicecode") == 0


def test_an_unknown_app_is_told(identity_provider):
    """The provider itself does not know the client id."""
    error = refused(identity_provider, lambda: signed_in(identity_provider, client_id="another"))
    assert error.code == "700016"
    assert identity_provider.count("devicecode") == 1


def test_a_refused_sign_in_may_be_repeated(identity_provider):
    """A refusal leaves nothing behind that stands in the way of the next attempt."""
    refused(identity_provider, lambda: signed_in(identity_provider, prompt=decline))
    assert access_token(signed_in(identity_provider))
    assert identity_provider.count("devicecode") == 2


ANSWERS = {
    "html": HTML_PAGE,
    "empty": EMPTY,
    "unavailable": UNAVAILABLE,
    "cut in transfer": Answer(b'{"a": "', missing=50),
    "cut json": Answer(b'{"error": "authoriz'),
    "list": Answer(b"[]"),
    "text": Answer(b'"text"'),
    "null": Answer(b"null"),
    "number": Answer(b"5"),
    "nothing in it": Answer(b"{}"),
    "other types": Answer(
        b'{"error": 5, "error_description": ["x"], "error_codes": 5, "trace_id": 5}', 400
    ),
    "a bare user_code": Answer(b'{"user_code": "ABCD-EFGH", "interval": "x"}'),
    "numbers for codes": Answer(b'{"user_code": 5, "verification_uri": 5, "device_code": 5}'),
    "a bare token": Answer(b'{"access_token": 5, "expires_in": "soon"}'),
}


@pytest.mark.parametrize("place", ["discovery", "devicecode", "poll"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_provider_that_misbehaves_is_told(identity_provider, place, answer):
    """Whatever comes in place of an answer is one SignInError, after at most one device code."""
    identity_provider.answers[place] = answer
    error = refused(identity_provider, lambda: signed_in(identity_provider, prompt=ignore))
    assert error.code
    assert error.remedy
    assert len(str(error)) < 600
    assert identity_provider.count("devicecode") <= 1


def test_a_provider_that_is_gone_is_told(identity_provider):
    """A refused connection is a SignInError that names the host."""
    gone = Cloud("gone", "Gone", "https://localhost:9", "https://127.0.0.1:9")
    error = refused(identity_provider, lambda: sign_in(gone, client_id=CLIENT_ID))
    assert error.code == "unreachable"
    assert "localhost:9" in str(error)
    assert error.remedy == SIGN_IN_REMEDIES["unreachable"]


def test_a_provider_that_nobody_certifies_is_told(identity_provider, monkeypatch):
    """The variable that names a certificate authority stands in the remedy."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    error = refused(identity_provider, lambda: signed_in(identity_provider))
    assert "certificate" in str(error)
    assert "REQUESTS_CA_BUNDLE" in error.remedy
    assert identity_provider.requests == []


def test_hostile_words_of_a_provider_stay_in_one_line(identity_provider):
    """A description cannot fill a page, nor move the cursor of a terminal."""
    body = {"error": "x" * 5000, "error_description": "\x1b[2J\r\nfoo\n" * 500, "trace_id": "<b>"}
    identity_provider.answers["poll"] = Answer(json.dumps(body).encode(), 400)
    error = refused(identity_provider, lambda: signed_in(identity_provider))
    assert error.message.isprintable()
    assert len(str(error)) < 600
    assert len(error.code) < 100
    assert error.request_id is None
