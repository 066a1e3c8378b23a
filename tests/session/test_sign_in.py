"""Signing in with the real msal, against a real identity provider on loopback."""

from __future__ import annotations

import copy
import importlib.util
import json
import logging
import os
import pickle
import re
import signal
import stat
import subprocess
import sys
import threading
import time
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msal_extensions
import portalocker
import pytest
import requests
from azure.core.credentials import AccessToken
from azure.identity import AzureCliCredential, DeviceCodeCredential
from msal_extensions.persistence import PersistenceDecryptionError, PersistenceEncryptionError

from pcnotebooks.clouds import Cloud
from pcnotebooks.errors import ConfigurationError, ServiceError, SignInError
from pcnotebooks.service.fetch import fetch_invoice_summaries
from pcnotebooks.session.refusals import SIGN_IN_REMEDIES
from pcnotebooks.session.session import (
    Account,
    DeviceSignIn,
    Session,
    access_token,
    begin_sign_in,
    cached_accounts,
    sign_in,
    sign_out,
    tenant_of,
    username,
)
from pcnotebooks.session.settings import profiles_file, resolve
from tests.services.browser import visit
from tests.services.identity_provider import (
    CLIENT_ID,
    DOMAIN,
    EMPTY,
    GUEST_TENANT,
    HTML_PAGE,
    REFUSALS,
    TENANT,
    UNAVAILABLE,
    USERNAME,
    Answer,
    refusal,
    signing_key,
)
from tests.services.partner_center import Answer as ServiceAnswer
from tests.services.planted import shown

BROWSER = Path(__file__).parents[1] / "services" / "browser.py"
EXPIRING = 200  # seconds: msal renews a token under five minutes before its end


def approve(device_code):
    """Sign in as the user would, by the form of the page that the prompt names."""
    visit(device_code.url, "approve", user_code=device_code.code)


def decline(device_code):
    """Press the other button."""
    visit(device_code.url, "decline", user_code=device_code.code)


def ignore(device_code):
    """Leave the code alone."""


def never(device_code):
    """Stand where nobody is to be asked."""
    pytest.fail("somebody was asked to sign in")


def signed_in(provider, *, prompt=approve, api="https://127.0.0.1:9", **options):
    """Sign in to the provider with its app."""
    options.setdefault("client_id", CLIENT_ID)
    return sign_in(provider.cloud(api), prompt=prompt, **options)


def refused(provider, attempt, kind=SignInError):
    """Return the error of an attempt, which neither shows nor keeps anything secret."""
    with pytest.raises(kind) as caught:
        attempt()
    error = caught.value
    assert not provider.shown_in(shown(error))
    assert not provider.shown_in(str(pickle.dumps(error)))
    assert error.__cause__ is None
    assert error.__context__ is None
    return error


def files(folder):
    """Return every file under a folder."""
    return [path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]


# Signing in by device code


def test_a_user_signs_in_and_gets_the_summaries(identity_provider, partner_center, tls):
    """Approval by form post gives, in under two seconds, a token that the service accepts."""
    service = partner_center(tls=tls, key=signing_key())
    started = time.perf_counter()
    session = signed_in(identity_provider, api=service.url)
    took = time.perf_counter() - started
    payload = fetch_invoice_summaries(session)
    assert payload.body.startswith(b"{") or b"totalCount" in payload.body
    assert payload.partner == session.partner == TENANT
    assert identity_provider.count("devicecode") == 1
    assert took < 2


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


def test_without_a_client_id_nothing_is_sent(identity_provider):
    """What cannot work is refused before the first request."""
    with pytest.raises(ConfigurationError, match="client id"):
        sign_in(identity_provider.cloud())
    with pytest.raises(ConfigurationError, match="method"):
        signed_in(identity_provider, method="password")
    assert identity_provider.requests == []


def test_settings_come_from_a_profile_and_the_environment(identity_provider, monkeypatch):
    """A profile names cloud, app and partner; what it leaves out comes from the environment."""
    cloud = identity_provider.cloud()
    profiles_file().parent.mkdir(parents=True)
    profiles_file().write_text(
        f'[contoso]\nclient_id = "{CLIENT_ID}"\npartner = "Contoso"\n'
        f'cloud = {{name="own", authority="{cloud.authority}", api="{cloud.api}"}}\n'
    )
    monkeypatch.setenv("PCNOTEBOOKS_CLIENT_ID", "another")
    monkeypatch.setenv("PCNOTEBOOKS_TENANT", TENANT)
    codes = []
    session = sign_in(profile="contoso", prompt=lambda code: (codes.append(code), approve(code)))
    assert session.partner == "Contoso"
    assert session.cloud.name == "own"
    assert (codes[0].client_id, codes[0].tenant) == (CLIENT_ID, TENANT)


@pytest.mark.parametrize("tenant", ["", f'tenant = "{TENANT}"\n'], ids=["none", "own"])
def test_a_sign_in_stands_under_its_own_partner_alone(identity_provider, tenant):
    """A profile that could get another's sign-in sends nothing; another's tenant has no label."""
    cloud = identity_provider.cloud()
    app = (
        f'client_id = "{CLIENT_ID}"\n'
        f'cloud = {{name="own", authority="{cloud.authority}", api="{cloud.api}"}}\n'
    )
    profiles_file().parent.mkdir(parents=True)
    profiles_file().write_text(
        f'[contoso]\npartner = "Contoso"\n{app}{tenant}[fabrikam]\npartner = "Fabrikam"\n{app}'
    )
    with pytest.raises(ConfigurationError, match="'fabrikam' and 'contoso'"):
        sign_in(profile="fabrikam", prompt=never)
    assert identity_provider.requests == []
    if tenant:
        assert sign_in(profile="contoso", prompt=approve).partner == "Contoso"
        guest = sign_in(profile="contoso", tenant=GUEST_TENANT, prompt=approve)
        assert guest.partner == GUEST_TENANT


def test_the_partner_is_the_tokens_tenant(identity_provider):
    """Without a profile, partners are told apart by the tenant that gave the token."""
    assert signed_in(identity_provider, tenant="organizations").partner == TENANT
    assert signed_in(identity_provider, tenant=TENANT).partner == TENANT


@pytest.mark.parametrize("cache", ["memory", "plain"])
@pytest.mark.parametrize(
    ("tenant", "known"),
    [(DOMAIN, TENANT), (GUEST_TENANT, GUEST_TENANT), (GUEST_TENANT.upper(), GUEST_TENANT)],
)
def test_a_tenant_may_be_a_domain_or_in_capitals(
    identity_provider, partner_center, tls, cache, tenant, known
):
    """Under any of its names its user is asked once, fetches, and can sign out."""
    service = partner_center(tls=tls, key=signing_key())
    options = {"api": service.url, "tenant": tenant, "cache": cache}
    session = signed_in(identity_provider, **options)
    assert fetch_invoice_summaries(session).partner == session.partner == known
    assert username(session) == USERNAME
    again = signed_in(identity_provider, prompt=never, **options)
    assert fetch_invoice_summaries(again).partner == again.partner == known
    sign_out(again)
    assert cached_accounts() == []
    refused(identity_provider, lambda: access_token(session))


@pytest.mark.parametrize("tenant", [TENANT, DOMAIN, "organizations"])
def test_any_name_of_a_tenant_finds_its_sign_in(identity_provider, tenant):
    """What was signed in by id, domain or as any organization serves the other names."""
    signed_in(identity_provider, tenant=tenant, cache="plain")
    for other in (TENANT, TENANT.upper(), DOMAIN, "organizations"):
        session = signed_in(identity_provider, tenant=other, cache="plain", prompt=never)
        assert tenant_of(access_token(session)) == session.partner == TENANT
    with pytest.raises(pytest.fail.Exception, match="was asked"):
        signed_in(identity_provider, tenant=GUEST_TENANT, cache="plain", prompt=never)


@pytest.mark.parametrize("cache", ["memory", "plain"])
def test_a_guest_of_two_tenants_is_asked_once_for_each(identity_provider, cache):
    """One user's sign-ins to two partners are kept side by side."""
    for prompt in (approve, never, never):
        for tenant in (TENANT, GUEST_TENANT):
            session = signed_in(identity_provider, tenant=tenant, cache=cache, prompt=prompt)
            assert tenant_of(access_token(session)) == session.partner == tenant
    assert sorted(account.tenant for account in cached_accounts()) == [TENANT, GUEST_TENANT]


def test_a_cell_that_runs_again_asks_nobody(identity_provider):
    """In one process the memory cache serves the same sign-in again, for the same partner."""
    first = signed_in(identity_provider)
    second = signed_in(identity_provider, prompt=never)
    assert second.partner == first.partner
    assert access_token(second) == access_token(first)
    assert identity_provider.count("devicecode") == 1


# Refusals


@pytest.mark.parametrize("code", sorted(set(REFUSALS) - {70016, 50173, 70000}))
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
    started = time.monotonic()
    error = refused(identity_provider, lambda: signed_in(identity_provider, prompt=ignore))
    assert error.code == "expired_token"
    assert error.remedy == SIGN_IN_REMEDIES["expired_token"]
    assert time.monotonic() - started < 4
    assert identity_provider.count("devicecode") == 1


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


# The end of waiting


def test_a_timeout_ends_the_waiting(identity_provider):
    """The time given bounds the sign-in, though the code would be valid for longer."""
    identity_provider.expires_in = 5
    started = time.monotonic()
    error = refused(
        identity_provider, lambda: signed_in(identity_provider, prompt=ignore, timeout=0.5)
    )
    assert error.code == "timeout"
    assert error.remedy == SIGN_IN_REMEDIES["timeout"]
    assert 0.5 <= time.monotonic() - started < 2.5
    assert identity_provider.count("devicecode") == 1


@pytest.mark.parametrize("interval", [0, 1, 5])
def test_cancelling_ends_the_waiting_within_a_second(identity_provider, interval):
    """From another thread, at any interval, and no poll follows."""
    identity_provider.interval = interval
    started = begin_sign_in(resolve(identity_provider.cloud(), client_id=CLIENT_ID))
    assert isinstance(started, DeviceSignIn)
    timer = threading.Timer(0.3, started.cancel)
    timer.start()
    began = time.monotonic()
    error = refused(identity_provider, started.wait)
    assert error.code == "cancelled"
    assert time.monotonic() - began < 1.8
    polls = identity_provider.count("poll")
    timer.join()
    time.sleep(0.2)
    assert identity_provider.count("poll") == polls <= 2


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

    def interrupt(_):
        timer = threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT])
        timer.start()

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as caught:
        signed_in(identity_provider, prompt=interrupt)
    assert time.monotonic() - started < 1.5
    assert not identity_provider.shown_in(shown(caught.value))
    polls = identity_provider.count("poll")
    access_token(signed_in(identity_provider))
    assert identity_provider.count("poll") == polls + 1


def test_a_prompt_that_fails_ends_the_sign_in(identity_provider):
    """What a prompt of one's own raises goes up, and shows no device code."""

    def fail(_):
        raise OSError("no display")

    with pytest.raises(OSError, match="no display") as caught:
        signed_in(identity_provider, prompt=fail)
    assert not identity_provider.shown_in(shown(caught.value))
    assert identity_provider.count("poll") == 0


# Signing in by a browser


@pytest.fixture
def browser(monkeypatch, tmp_path):
    """Return a function that makes a command the browser of this machine."""
    for name in ("SSH_CONNECTION", "JUPYTERHUB_USER", "CODESPACES", "COLAB_RELEASE_TAG"):
        monkeypatch.delenv(name, raising=False)

    def install(press):
        script = tmp_path / "browser"
        # In the background, as a desktop opens one: webbrowser waits for the command to end.
        command = f'{sys.executable} {BROWSER} {press} "$1" &' if press else "true"
        script.write_text(f"#!/bin/sh\n{command}\n")
        script.chmod(0o700)
        monkeypatch.setenv("BROWSER", str(script))
        monkeypatch.setattr(webbrowser, "_tryorder", None)  # it looks at BROWSER only once
        monkeypatch.setattr(webbrowser, "_browsers", {})

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return install


def test_a_browser_signs_in(identity_provider, partner_center, tls, browser):
    """Form, loopback redirect and code with PKCE give a token that the service accepts."""
    browser("approve")
    service = partner_center(tls=tls, key=signing_key())
    session = signed_in(identity_provider, api=service.url, method="browser", prompt=never)
    assert fetch_invoice_summaries(session).partner == TENANT
    asked = next(form for place, form in identity_provider.requests if place == "authorize")
    assert asked["code_challenge_method"] == "S256"
    assert asked["response_mode"] == "form_post"
    assert asked["redirect_uri"].startswith("http://localhost:")
    assert identity_provider.count("redeem") == 1
    assert identity_provider.count("devicecode") == 0


def test_a_browser_sign_in_that_is_declined_is_told(identity_provider, browser):
    """What comes back by the redirect is decoded as any other refusal."""
    browser("decline")
    error = refused(identity_provider, lambda: signed_in(identity_provider, method="browser"))
    assert error.code in {"65004", "access_denied"}
    assert error.remedy
    assert identity_provider.count("redeem") == 0


def test_a_refused_redemption_is_told(identity_provider, browser):
    """A policy may refuse the code itself."""
    browser("approve")
    identity_provider.answers["redeem"] = refusal(53003)
    error = refused(identity_provider, lambda: signed_in(identity_provider, method="browser"))
    assert error.code == "53003"
    assert identity_provider.count("redeem") == 1


def test_a_browser_that_does_not_come_back_ends_by_timeout(identity_provider, browser):
    """The time given bounds this way too."""
    browser(None)
    started = time.monotonic()
    error = refused(
        identity_provider, lambda: signed_in(identity_provider, method="browser", timeout=0.5)
    )
    assert error.code == "timeout"
    assert time.monotonic() - started < 3


def redirect_uri(provider):
    """Return where the browser is to come back, as soon as it has opened the page."""
    while not provider.count("authorize"):
        time.sleep(0.02)
    return next(form for place, form in provider.requests if place == "authorize")["redirect_uri"]


def test_an_answer_to_another_sign_in_is_ignored(identity_provider, browser):
    """What somebody else posts to the port is not taken for the user's answer."""
    browser("approve")
    identity_provider.delays["authorize"] = 0.3
    forged = {"code": "forged", "state": "forged"}
    with ThreadPoolExecutor() as pool:
        post = pool.submit(
            lambda: requests.post(redirect_uri(identity_provider), data=forged, timeout=10)
        )
        session = signed_in(identity_provider, method="browser")
        post.result()
    assert access_token(session)
    assert [
        form["code"] != "forged" for place, form in identity_provider.requests if place == "redeem"
    ] == [True]


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux shows its listeners")
def test_the_redirect_is_received_on_loopback_alone(identity_provider, browser):
    """While the browser is awaited, no other machine can reach the port, in a container neither."""
    browser("approve")
    identity_provider.delays["authorize"] = 0.3

    def listening():
        port = int(redirect_uri(identity_provider).rsplit(":", 1)[1].rstrip("/"))
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        local = [fields[1].split(":") for fields in lines if fields[3] == "0A"]
        return [address for address, number in local if int(number, 16) == port]

    with ThreadPoolExecutor() as pool:
        heard = pool.submit(listening)
        signed_in(identity_provider, method="browser")
    assert heard.result() == ["0100007F"]


@pytest.mark.parametrize("variable", ["SSH_CONNECTION", "JUPYTERHUB_USER", "CODESPACES"])
def test_a_remote_kernel_refuses_the_browser(identity_provider, browser, monkeypatch, variable):
    """No browser can come back to a hub: it says so, names the ways that work, sends nothing."""
    browser("approve")
    monkeypatch.setenv(variable, "1")
    with pytest.raises(ConfigurationError, match=variable) as caught:
        signed_in(identity_provider, method="browser")
    assert 'method="device_code"' in caught.value.remedy
    assert "Session(cloud, credential)" in caught.value.remedy
    assert identity_provider.requests == []


def test_a_remote_kernel_needs_no_browser_for_a_cached_sign_in(
    identity_provider, browser, monkeypatch
):
    """The cache is looked into first."""
    browser("approve")
    signed_in(identity_provider, cache="plain")
    monkeypatch.setenv("SSH_CONNECTION", "1")
    session = signed_in(identity_provider, cache="plain", method="browser", prompt=never)
    assert access_token(session)


def test_a_machine_without_a_browser_says_so(identity_provider, browser, monkeypatch):
    """Where there is nothing to open, it is refused at once."""
    browser(None)
    monkeypatch.setenv("BROWSER", "")
    monkeypatch.setenv("PATH", "")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="browser"):
        signed_in(identity_provider, method="browser")
    assert identity_provider.requests == []


# Credentials of the user's own


def test_a_static_credential_serves(identity_provider, partner_center, tls):
    """Whatever has get_token, and gives azure-core's AccessToken, is enough."""
    service = partner_center(tls=tls, key=signing_key())

    class Static:
        def get_token(self, *scopes, **_):
            assert scopes == (f"{service.url}/user_impersonation",)
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


def test_the_azure_cli_without_az_is_told(identity_provider, monkeypatch):
    """Its own words are kept, as a SignInError."""
    monkeypatch.setenv("PATH", "")
    session = Session(identity_provider.cloud(), AzureCliCredential(), partner="Contoso")
    error = refused(identity_provider, lambda: access_token(session))
    assert "AzureCliCredential for 'Contoso'" in str(error)
    assert "Azure CLI not found" in str(error)


# Renewal


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


KERNEL = """
import sys
from pcnotebooks.session.session import access_token, sign_in
from pcnotebooks.clouds import Cloud

def never(_):
    sys.exit("somebody was asked to sign in")

session = sign_in(
    Cloud("stand-in", "Stand-in", sys.argv[1], "https://127.0.0.1:9"),
    client_id=sys.argv[2], cache="plain", prompt=never,
)
for _ in range(2):
    access_token(session)
print(session.partner)
"""


def test_two_kernels_renew_at_once(identity_provider):
    """Also with refresh tokens that serve once, both go on without a prompt."""
    identity_provider.token_lifetime = EXPIRING
    identity_provider.one_time_refresh_tokens = True
    session = signed_in(identity_provider, cache="plain")
    identity_provider.delays["refresh"] = 0.2
    command = [sys.executable, "-c", KERNEL, identity_provider.url, CLIENT_ID]
    kernels = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ends = [kernel.communicate(timeout=30) for kernel in kernels]
    assert [kernel.returncode for kernel in kernels] == [0, 0], ends
    assert [out.strip() for out, _ in ends] == [TENANT, TENANT]
    assert access_token(session)
    assert identity_provider.count("devicecode") == 1


def test_a_cache_that_another_process_holds_is_told(identity_provider, home, monkeypatch):
    """Who waits longer than a renewal may take is told to try again, and nobody is asked."""
    session = signed_in(identity_provider, cache="plain")
    access_token(session)
    monkeypatch.setattr("pcnotebooks.session.token_cache._RENEWED_WITHIN", 0.3, raising=False)
    with portalocker.Lock(next(home.rglob("renewing.lock"))):
        for attempt in (
            lambda: access_token(session),
            lambda: signed_in(identity_provider, cache="plain", prompt=never),
            lambda: sign_out(session),
        ):
            error = refused(identity_provider, attempt)
            assert error.code == "locked"
            assert "Another process" in error.message
            assert "Try again" in error.remedy
    assert identity_provider.count("devicecode") == 1
    assert identity_provider.count("refresh") == 0
    sign_out(session)


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


# Caches


def test_memory_leaves_no_file(identity_provider, home, partner_center, tls):
    """By default nothing is written, in the working directory or elsewhere."""
    service = partner_center(tls=tls, key=signing_key())
    session = signed_in(identity_provider, api=service.url)
    fetch_invoice_summaries(session)
    sign_out(session)
    assert files(home) == []


@pytest.mark.skipif(
    sys.platform != "linux" or importlib.util.find_spec("gi") is not None,
    reason="this platform has a keyring",
)
def test_encrypted_without_a_keyring_says_so(identity_provider, home):
    """Tokens are never silently written in the clear instead, and nothing is sent."""
    with pytest.raises(ConfigurationError, match="keyring") as caught:
        signed_in(identity_provider, cache="encrypted")
    assert "memory" in caught.value.remedy
    assert "plain" in caught.value.remedy
    assert caught.value.__context__ is None
    assert identity_provider.requests == []
    assert [path for path in files(home) if path.stat().st_size] == []


def test_plain_is_for_its_owner_alone(identity_provider, home):
    """Folder 0700 and what holds tokens 0600, whatever the umask, also after a renewal."""
    folder = home / ".data" / "pcnotebooks"
    folder.mkdir(parents=True, mode=0o755)
    identity_provider.token_lifetime = EXPIRING
    before = os.umask(0)
    try:
        session = signed_in(identity_provider, cache="plain")
        access_token(session)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.parent for path in files(home)} == {folder}
    held = [path for path in files(home) if identity_provider.shown_in(path.read_text())]
    assert [stat.S_IMODE(path.stat().st_mode) for path in held] == [0o600]


def test_plain_serves_a_later_notebook(identity_provider):
    """Another process starts without a prompt."""
    signed_in(identity_provider, cache="plain")
    command = [sys.executable, "-c", KERNEL, identity_provider.url, CLIENT_ID]
    later = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (later.returncode, later.stdout.strip()) == (0, TENANT), later.stderr
    assert identity_provider.count("devicecode") == 1


def plain_file(home):
    """Return the file that a plain cache is, once there is one."""
    return next(path for path in files(home) if path.suffix == ".json")


DAMAGED = {
    "empty": b"",
    "cut": b'{"AccessToken": {"a": {"sec',
    "binary": b"\xff\xfe\x00\x01",
    "list": b"[]",
    "null": b"null",
    "numbers": b'{"Account": 5, "AccessToken": 5, "RefreshToken": 5}',
    "lists": b'{"Account": [1], "AccessToken": [1], "RefreshToken": [1]}',
    "moments": b'{"AccessToken": {"a": {"secret": "", "target": "", "expires_on": "soon"}}}',
    "entries": b'{"Account": {"a": 5}, "AccessToken": {"a": {}}, "RefreshToken": {"a": null}}',
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_cache_is_told(identity_provider, home, content):
    """It names the file before anything is sent, is left as it is, and sign_out() helps."""
    signed_in(identity_provider, cache="plain")
    path = plain_file(home)
    path.write_bytes(content)
    asked = len(identity_provider.requests)
    with pytest.raises(ConfigurationError, match=re.escape(str(path))) as caught:
        signed_in(identity_provider, cache="plain", prompt=never)
    assert "sign_out()" in caught.value.remedy
    with pytest.raises(ConfigurationError, match=re.escape(str(path))):
        cached_accounts()
    assert path.read_bytes() == content
    assert len(identity_provider.requests) == asked
    sign_out()
    assert access_token(signed_in(identity_provider, cache="plain"))


@pytest.mark.parametrize("secret", ["damaged", "a.b.c", "a.%%%%.c", "a.W10.c", None, 5])
def test_a_damaged_id_token_is_told_or_does_not_matter(identity_provider, home, secret):
    """It is no traceback: the cache is named, or the sign-in serves as it is."""
    signed_in(identity_provider, cache="plain")
    path = plain_file(home)
    content = json.loads(path.read_text())
    for entry in content["IdToken"].values():
        entry["secret"] = secret
    path.write_text(json.dumps(content))
    if isinstance(secret, str):
        session = signed_in(identity_provider, cache="plain", prompt=never)
        assert tenant_of(access_token(session)) == TENANT
        assert [account.username for account in cached_accounts()] == [USERNAME]
    else:
        for look in (lambda: signed_in(identity_provider, cache="plain"), cached_accounts):
            with pytest.raises(ConfigurationError, match=re.escape(str(path))):
                look()


class Keyring(msal_extensions.FilePersistence):
    """A keyring that can be out of order; what it holds lies beside the file that signals."""

    failure: Exception | None = None
    damaged = False

    def __init__(self, location):
        super().__init__(location)
        self._held = Path(location).with_suffix(".keyring")

    def load(self):
        """Return what is kept."""
        if Keyring.failure:
            raise Keyring.failure
        return "}{" if Keyring.damaged else self._held.read_text()

    def save(self, content):
        """Keep a content, and signal it."""
        if Keyring.failure:
            raise Keyring.failure
        self._held.write_text(content)
        self.touch()


@pytest.fixture
def keyring(monkeypatch):
    """Make the platform's keyring one that the test can put out of order."""
    monkeypatch.setattr(msal_extensions, "build_encrypted_persistence", Keyring)
    yield Keyring
    Keyring.failure, Keyring.damaged = None, False
    sign_out()


@pytest.mark.parametrize("fault", ["out of order", "damaged"])
def test_an_encrypted_cache_that_cannot_be_read_is_told(identity_provider, home, keyring, fault):
    """The cache is named and not the login service, nothing is sent, and signing out helps."""
    session = signed_in(identity_provider, cache="encrypted")
    if fault == "damaged":
        keyring.damaged = True
    else:
        keyring.failure = PersistenceDecryptionError(message="Decryption failed.")
    asked = len(identity_provider.requests)
    later = time.time() + 5
    os.utime(next(home.rglob("tokens.bin")), (later, later))
    for look in (
        lambda: signed_in(identity_provider, cache="encrypted", prompt=never),
        lambda: access_token(session),
        cached_accounts,
    ):
        error = refused(identity_provider, look, ConfigurationError)
        assert "tokens.bin is damaged or cannot be read" in error.message
        assert "sign_out()" in error.remedy
    assert len(identity_provider.requests) == asked
    keyring.failure = None
    sign_out()
    keyring.damaged = False
    assert access_token(signed_in(identity_provider, cache="encrypted"))


def test_a_cache_that_cannot_be_written_is_told(identity_provider, keyring):
    """A sign-in that cannot be kept names the cache, and not the login service."""
    keyring.failure = PersistenceEncryptionError(message="Encryption failed.")
    error = refused(
        identity_provider,
        lambda: signed_in(identity_provider, cache="encrypted"),
        ConfigurationError,
    )
    assert "tokens.bin cannot be written" in error.message


def test_signing_out_where_the_keyring_is_out_of_reach(identity_provider, home, keyring):
    """Everything else is forgotten first; what stays is told, and a later sign-out reaches it."""
    memory = signed_in(identity_provider)
    signed_in(identity_provider, cache="plain")
    signed_in(identity_provider, cache="encrypted")
    keyring.failure = OSError("locked")
    error = refused(identity_provider, sign_out, ConfigurationError)
    assert "keyring" in error.message
    assert "OSError" in error.message
    assert "Sign out again" in error.remedy
    refused(identity_provider, lambda: access_token(memory))
    assert {path.name for path in files(home)} == {"tokens.bin", "tokens.keyring"}
    keyring.failure = None
    sign_out()
    assert {path.read_text() for path in files(home)} == {"{}"}


def test_a_cache_that_is_damaged_while_in_use_is_told(identity_provider, home):
    """The running session names the file, and not the login service."""
    session = signed_in(identity_provider, cache="plain")
    path = plain_file(home)
    path.write_text('{"AccessToken": {')
    os.utime(path, (time.time() + 5, time.time() + 5))
    error = refused(
        identity_provider, lambda: access_token(session), (ConfigurationError, SignInError)
    )
    assert str(path) in str(error)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may chown")
def test_a_cache_of_another_user_is_refused(identity_provider, home):
    """A file that somebody else owns is neither read nor written."""
    signed_in(identity_provider, cache="plain")
    path = plain_file(home)
    before = path.read_bytes()
    os.chown(path, 12345, 12345)
    asked = len(identity_provider.requests)
    with pytest.raises(ConfigurationError, match="not a file of yours"):
        signed_in(identity_provider, cache="plain", prompt=never)
    assert path.read_bytes() == before
    assert len(identity_provider.requests) == asked


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may chown")
def test_a_cache_folder_of_another_user_is_refused(identity_provider, home):
    """Whoever owns the folder could replace the file in it."""
    folder = home / ".data" / "pcnotebooks"
    folder.mkdir(parents=True)
    os.chown(folder, 12345, 12345)
    with pytest.raises(ConfigurationError, match="pcnotebooks"):
        signed_in(identity_provider, cache="plain", prompt=never)
    assert files(home) == []


@pytest.mark.parametrize("exists", [True, False], ids=["to a file", "to nothing"])
def test_a_cache_that_is_a_link_is_refused(identity_provider, home, tmp_path, exists):
    """Tokens are not written to where a link leads, and sign_out() removes only the link."""
    elsewhere = tmp_path / "elsewhere"
    if exists:
        elsewhere.write_text("{}")
    signed_in(identity_provider, cache="plain")
    path = plain_file(home)
    path.unlink()
    path.symlink_to(elsewhere)
    with pytest.raises(ConfigurationError, match="not a file of yours"):
        signed_in(identity_provider, cache="plain", prompt=never)
    sign_out()
    assert not path.is_symlink()
    assert elsewhere.exists() is exists
    if exists:
        assert elsewhere.read_text() == "{}"


def test_a_cache_folder_that_cannot_be_made_is_told(identity_provider, home):
    """A file where the folder should be is a ConfigurationError."""
    (home / ".data").write_text("")
    with pytest.raises(ConfigurationError, match="pcnotebooks"):
        signed_in(identity_provider, cache="plain", prompt=never)


@pytest.mark.parametrize("cache", ["memory", "plain"])
def test_accounts_are_listed(identity_provider, cache):
    """Each cached sign-in has user, tenant, login service and cache."""
    assert cached_accounts() == []
    signed_in(identity_provider, cache=cache)
    assert cached_accounts() == [Account(USERNAME, TENANT, "localhost", cache)]


@pytest.mark.parametrize("cache", ["memory", "plain"])
def test_signing_out_a_session_forgets_its_account(identity_provider, home, cache):
    """The session no longer serves, its tokens are in no file, and the next sign-in asks."""
    session = signed_in(identity_provider, cache=cache)
    sign_out(session)
    error = refused(identity_provider, lambda: access_token(session))
    assert "sign in again" in error.remedy.lower()
    assert cached_accounts() == []
    assert not any(identity_provider.shown_in(path.read_text()) for path in files(home))
    signed_in(identity_provider, cache=cache)
    assert identity_provider.count("devicecode") == 2


@pytest.mark.parametrize("cache", ["memory", "plain"])
def test_signing_out_of_everything_removes_accounts_and_files(identity_provider, home, cache):
    """Nothing is left on disk, and no session goes on."""
    session = signed_in(identity_provider, cache=cache)
    sign_out()
    assert files(home) == []
    assert cached_accounts() == []
    refused(identity_provider, lambda: access_token(session))


def test_a_credential_of_ones_own_cannot_be_signed_out(identity_provider):
    """What pcnotebooks does not keep it cannot forget: it says so."""
    session = Session(identity_provider.cloud(), AzureCliCredential())
    with pytest.raises(ConfigurationError, match="AzureCliCredential") as caught:
        sign_out(session)
    assert "where it was made" in caught.value.remedy


def test_signing_out_without_anything_is_fine(home):
    """It may be called at any time, and creates nothing."""
    sign_out()
    assert files(home) == []


# Nothing secret is shown


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


# A provider that misbehaves

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


@pytest.mark.parametrize(
    "answer",
    [replace(UNAVAILABLE, retry_after=1), ANSWERS["cut in transfer"]],
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
    began = time.monotonic()
    assert refused(identity_provider, started.wait).code == end
    assert time.monotonic() - began < 4
    assert identity_provider.count("poll") == 1


def test_a_token_answer_that_is_cut_is_not_logged(identity_provider):
    """The half of a token is a secret too, in an answer that is no JSON."""
    secret = identity_provider.sign(aud="https://127.0.0.1:9")
    identity_provider.answers["poll"] = Answer(f'{{"access_token": "{secret}"'.encode())
    error = refused(identity_provider, lambda: signed_in(identity_provider))
    assert error.code == "not_json"


def test_a_slow_provider_is_waited_for(identity_provider):
    """Slow is not gone."""
    for place in ("discovery", "devicecode", "poll"):
        identity_provider.delays[place] = 0.4
    assert access_token(signed_in(identity_provider))


def test_a_timeout_bounds_a_slow_provider_too(identity_provider):
    """Whoever gave two seconds does not wait for a provider that takes five."""
    identity_provider.delays["poll"] = 5
    started = time.monotonic()
    error = refused(
        identity_provider, lambda: signed_in(identity_provider, prompt=ignore, timeout=1)
    )
    assert error.code == "timeout"
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("offset", [-3600, 3600], ids=["behind", "ahead"])
def test_a_clock_that_is_an_hour_off_does_not_matter(identity_provider, logged, offset):
    """Lifetimes count from when an answer comes: neither refused nor renewed too soon."""
    identity_provider.clock_offset = offset
    session = signed_in(identity_provider)
    assert access_token(session) == access_token(session)
    assert identity_provider.count("refresh") == 0
    assert [record for record in logged if record.levelno >= logging.WARNING] == []


def test_a_provider_that_is_gone_is_told(identity_provider):
    """A refused connection is a SignInError that names the host, at once."""
    gone = Cloud("gone", "Gone", "https://localhost:9", "https://127.0.0.1:9")
    started = time.monotonic()
    error = refused(identity_provider, lambda: sign_in(gone, client_id=CLIENT_ID))
    assert error.code == "unreachable"
    assert "localhost:9" in str(error)
    assert error.remedy == SIGN_IN_REMEDIES["unreachable"]
    assert time.monotonic() - started < 5


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
