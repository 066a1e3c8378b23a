"""Signing in by a browser, which a script stands in for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.service.fetch import fetch_invoice_summaries
from pcnotebooks.session.session import (
    access_token,
)
from tests.services.identity_provider import (
    TENANT,
    refusal,
    signing_key,
)
from tests.services.users import (
    never,
    refused,
    signed_in,
)


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
    error = refused(
        identity_provider, lambda: signed_in(identity_provider, method="browser", timeout=0.5)
    )
    assert error.code == "timeout"


def redirect_uri(provider):
    """Return where the browser is to come back, as soon as it has opened the page."""
    provider.asked_for("authorize")
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
