"""Credentials: the user's own, and the renewal of a signed-in user's token."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.core.credentials import AccessToken
from azure.identity import AzureCliCredential, AzurePowerShellCredential, DeviceCodeCredential

from pcnotebooks.errors import ServiceError
from pcnotebooks.service.fetch import fetch_invoice_summaries
from pcnotebooks.session.session import (
    Session,
    access_token,
)
from pcnotebooks.session.settings import profiles_file
from pcnotebooks.session.sign_in import sign_in, sign_out
from tests.services.browser import visit
from tests.services.identity_provider import (
    CLIENT_ID,
    EMPTY,
    HTML_PAGE,
    TENANT,
    UNAVAILABLE,
    refusal,
    signing_key,
)
from tests.services.partner_center import Answer as ServiceAnswer
from tests.services.users import (
    EXPIRING,
    approve,
    refused,
    signed_in,
)


def test_a_static_credential_serves(identity_provider, partner_center, tls):
    """Whatever has get_token, and gives azure-core's AccessToken, is enough."""
    service = partner_center(tls=tls, key=signing_key())

    class Static:
        def get_token(self, *scopes, **_):
            assert scopes == (f"{service.url}/.default",)
            return AccessToken(identity_provider.sign(aud=service.url), int(time.time()) + 3600)

    session = Session(identity_provider.cloud(service.url), Static(), partner="Contoso")
    assert fetch_invoice_summaries(session).partner == "Contoso"


def test_a_device_code_credential_of_azure_identity_serves(identity_provider, partner_center, tls):
    """azure-identity's own sign-in fits as it is."""
    service = partner_center(tls=tls, key=signing_key())
    with DeviceCodeCredential(
        CLIENT_ID,
        authority=identity_provider.url,
        tenant_id=TENANT,
        disable_instance_discovery=True,
        prompt_callback=lambda url, code, _: visit(url, "approve", user_code=code),
    ) as credential:
        session = Session(identity_provider.cloud(service.url), credential)
        assert fetch_invoice_summaries(session).body


# Both programs are asked for a resource: the scope without its last part.
PROGRAMS = {
    "az": (
        AzureCliCredential,
        """echo "$@" >> {asked}
echo '{{"accessToken": "{token}", "expires_on": 4102444800, "tokenType": "Bearer"}}'
""",
    ),
    "pwsh": (
        AzurePowerShellCredential,
        """for last in "$@"; do :; done
echo "$last" | base64 -d | tr -d '\\000' >> {asked}
echo 'azsdk%{token}%4102444800'
""",
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_programs_of_azure_are_asked_for_the_api(
    identity_provider, partner_center, tls, home, monkeypatch, program
):
    """They take the part before the permission for the name of a resource."""
    service = partner_center(tls=tls, key=signing_key())
    kind, script = PROGRAMS[program]
    token = identity_provider.sign(aud=service.url, scp="user_impersonation")
    path = home / "bin" / program
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n" + script.format(token=token, asked=home / "asked"))
    path.chmod(0o700)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
    session = Session(identity_provider.cloud(service.url), kind(), partner="Contoso")
    assert fetch_invoice_summaries(session).partner == "Contoso"
    asked = (home / "asked").read_text()
    assert service.url in asked
    assert "user_impersonation" not in asked


def test_the_azure_cli_without_az_is_told(identity_provider, monkeypatch):
    """Its own words are kept, as a SignInError."""
    monkeypatch.setenv("PATH", "")
    session = Session(identity_provider.cloud(), AzureCliCredential(), partner="Contoso")
    error = refused(identity_provider, lambda: access_token(session))
    assert "AzureCliCredential for 'Contoso'" in str(error)
    assert "Azure CLI not found" in str(error)


def test_a_valid_token_is_not_renewed(identity_provider):
    """Until five minutes before its end the same token serves, without a request."""
    session = signed_in(identity_provider)
    asked = len(identity_provider.requests)
    assert access_token(session) == access_token(session)
    assert len(identity_provider.requests) == asked


def test_a_token_is_renewed_shortly_before_it_expires(identity_provider, partner_center, tls):
    """A fresh one comes without a prompt, and the service accepts it."""
    identity_provider.token_lifetime = EXPIRING
    service = partner_center(tls=tls, key=signing_key())
    session = signed_in(identity_provider, api=service.url)
    identity_provider.token_lifetime = 3600
    old = access_token(session)
    renewals = identity_provider.count("refresh")
    fetch_invoice_summaries(session)
    assert renewals == identity_provider.count("refresh") == 1
    assert service.requests[0].headers["Authorization"] == f"Bearer {old}"
    assert identity_provider.count("devicecode") == 1


def test_a_token_is_renewed_once_after_a_401(identity_provider, partner_center, tls):
    """A service that refuses once gets another token, and nobody is asked."""
    service = partner_center(ServiceAnswer(b"", status=401), tls=tls, key=signing_key())
    session = signed_in(identity_provider, api=service.url)
    fetch_invoice_summaries(session)
    first, second = (request.headers["Authorization"] for request in service.requests)
    assert first != second
    assert identity_provider.count("refresh") == 1
    fetch_invoice_summaries(session)
    assert service.requests[2].headers["Authorization"] == second
    assert identity_provider.count("refresh") == 1


def test_a_second_401_is_the_services_last_word(identity_provider, partner_center, tls):
    """A service that refuses the fresh token too is not asked a third time."""
    refusing = ServiceAnswer(b"", status=401)
    service = partner_center(refusing, refusing, tls=tls, key=signing_key())
    session = signed_in(identity_provider, api=service.url)
    error = refused(identity_provider, lambda: fetch_invoice_summaries(session), ServiceError)
    assert error.status_code == 401
    assert len(service.requests) == 2
    assert identity_provider.count("refresh") == 1


@pytest.mark.parametrize("code", [None, 700082, 50076, 53003])
def test_a_refresh_token_that_no_longer_serves_asks_for_a_new_sign_in(identity_provider, code):
    """Revoked, unused for too long, or overtaken by a policy: told in words, nobody prompted."""
    identity_provider.token_lifetime = EXPIRING
    session = signed_in(identity_provider)
    if code:
        identity_provider.answers["refresh"] = refusal(code)
    else:
        identity_provider.revoke_refresh_tokens()
    error = refused(identity_provider, lambda: access_token(session))
    assert error.code == str(code or 50173)
    assert error.correlation_id
    assert error.remedy
    if code in {None, 700082}:
        assert "sign in again" in error.remedy.lower()
    assert identity_provider.count("devicecode") == 1


@pytest.mark.parametrize("partner", ["Contoso", None])
def test_the_error_of_a_session_names_its_partner(identity_provider, partner):
    """Of several partners it is said whose sign-in no longer serves: the label, or the tenant."""
    identity_provider.token_lifetime = EXPIRING
    cloud = identity_provider.cloud()
    profiles_file().parent.mkdir(parents=True)
    profiles_file().write_text(
        f'[contoso]\nclient_id = "{CLIENT_ID}"\ntenant = "{TENANT}"\n'
        + (f'partner = "{partner}"\n' if partner else "")
        + f'cloud = {{name="own", authority="{cloud.authority}", api="{cloud.api}"}}\n'
    )
    session = sign_in(profile="contoso", prompt=approve)
    identity_provider.revoke_refresh_tokens()
    revoked = refused(identity_provider, lambda: access_token(session))
    sign_out(session)
    gone = refused(identity_provider, lambda: access_token(session))
    for error in (revoked, gone):
        assert f"for {partner or TENANT!r}" in error.message


def test_a_revoked_sign_in_can_be_repeated(identity_provider):
    """A new sign-in asks, and its session serves."""
    identity_provider.token_lifetime = EXPIRING
    signed_in(identity_provider)
    identity_provider.revoke_refresh_tokens()
    assert access_token(signed_in(identity_provider))
    assert identity_provider.count("devicecode") == 2


@pytest.mark.parametrize("answer", [HTML_PAGE, EMPTY, UNAVAILABLE], ids=["html", "empty", "503"])
def test_a_provider_that_fails_to_renew_is_told(identity_provider, answer):
    """The session survives: as soon as the provider works, so does it."""
    identity_provider.token_lifetime = EXPIRING
    session = signed_in(identity_provider)
    identity_provider.answers["refresh"] = answer
    error = refused(identity_provider, lambda: access_token(session))
    assert error.code in {"unreachable", "not_json"}
    assert "localhost" in str(error)
    del identity_provider.answers["refresh"]
    if answer is not UNAVAILABLE:  # msal keeps from asking for a minute after a 5xx
        assert access_token(session)


def test_sixteen_threads_share_a_session(identity_provider, partner_center, tls):
    """All renew at once with a one-time refresh token, and every call is accepted."""
    identity_provider.one_time_refresh_tokens = True
    identity_provider.token_lifetime = EXPIRING
    service = partner_center(tls=tls, key=signing_key())
    session = signed_in(identity_provider, api=service.url)
    identity_provider.token_lifetime = 3600
    together = threading.Barrier(16)

    def fetch(_):
        together.wait(10)
        return fetch_invoice_summaries(session)

    with ThreadPoolExecutor(16) as pool:
        payloads = list(pool.map(fetch, range(16)))
    assert {payload.partner for payload in payloads} == {TENANT}
    assert identity_provider.count("refresh") == 1
    assert identity_provider.count("devicecode") == 1


def test_sixteen_threads_whose_token_is_refused_all_go_on(identity_provider, partner_center, tls):
    """A token that the service no longer takes is replaced once, and no call is lost."""
    identity_provider.one_time_refresh_tokens = True
    withdrawn = []

    def answer(request):
        bearer = request.headers["Authorization"]
        return ServiceAnswer(b"", status=401) if bearer in withdrawn else ServiceAnswer()

    service = partner_center(*[answer] * 48, tls=tls, key=signing_key())
    session = signed_in(identity_provider, api=service.url)
    withdrawn.append(f"Bearer {access_token(session)}")
    with ThreadPoolExecutor(16) as pool:
        payloads = list(pool.map(lambda _: fetch_invoice_summaries(session), range(16)))
    assert len(payloads) == 16
    assert identity_provider.count("refresh") == 1


@pytest.mark.parametrize("offset", [-3600, 3600], ids=["behind", "ahead"])
def test_a_clock_that_is_an_hour_off_does_not_matter(identity_provider, logged, offset):
    """Lifetimes count from when an answer comes: neither refused nor renewed too soon."""
    identity_provider.clock_offset = offset
    session = signed_in(identity_provider)
    assert access_token(session) == access_token(session)
    assert identity_provider.count("refresh") == 0
    assert [record for record in logged if record.levelno >= logging.WARNING] == []
