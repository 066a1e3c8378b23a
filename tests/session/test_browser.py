"""Signing in by a browser, which a script stands in for."""

from __future__ import annotations

import json
import socket
import threading
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
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
from tests.services.identity_provider import Answer as ProviderAnswer
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


@contextmanager
def hanging_on(port, first, *, count):
    """Hold connections to a port: each sends its first bytes, and then a byte now and then."""
    over = threading.Event()

    def drip():
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as line:
            line.sendall(first)
            while not over.wait(0.1):
                line.sendall(b"a")

    threads = [threading.Thread(target=drip) for _ in range(count)]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join(15)
        assert not thread.is_alive()


DRIPS = [b"", b"POST / HTTP/1.1\r\nX: ", b"POST / HTTP/1.1\r\nContent-Length: 60000\r\n\r\nx="]


@pytest.mark.parametrize("first", DRIPS, ids=["line", "head", "body"])
@pytest.mark.parametrize("count", [1, 40])
def test_a_local_program_holds_up_neither_the_browser_nor_the_end(
    identity_provider, browser, first, count
):
    """Whatever it sends, and however many of them there are."""
    browser("approve")
    identity_provider.delays["authorize"] = 3
    with ThreadPoolExecutor() as pool:
        signing = pool.submit(
            refused,
            identity_provider,
            lambda: signed_in(identity_provider, method="browser", timeout=1.5),
        )
        port = int(redirect_uri(identity_provider).rsplit(":", 1)[1].rstrip("/"))
        with hanging_on(port, first, count=count):
            assert signing.result(timeout=30).code == "timeout"
    identity_provider.requests.clear()
    identity_provider.delays["authorize"] = 0.3
    with ThreadPoolExecutor() as pool:
        signing = pool.submit(lambda: signed_in(identity_provider, method="browser"))
        port = int(redirect_uri(identity_provider).rsplit(":", 1)[1].rstrip("/"))
        with hanging_on(port, first, count=count):
            assert access_token(signing.result(timeout=30))


@pytest.mark.parametrize(
    "length", ["x", "-1", "", "9" * 5000, "1e3", "\N{ARABIC-INDIC DIGIT ONE}", "100000"]
)
def test_a_length_that_is_none_is_refused_in_silence(identity_provider, browser, capfd, length):
    """Nothing is printed into the user's notebook, and the browser is awaited further."""
    browser("approve")
    identity_provider.delays["authorize"] = 0.5
    with ThreadPoolExecutor() as pool:
        signing = pool.submit(lambda: signed_in(identity_provider, method="browser"))
        port = int(redirect_uri(identity_provider).rsplit(":", 1)[1].rstrip("/"))
        with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
            line.sendall(f"POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\nx".encode())
            assert line.recv(100).startswith(b"HTTP/1.0 400")
        assert access_token(signing.result(timeout=30))
    printed = capfd.readouterr()
    assert "Traceback" not in printed.err + printed.out


@pytest.mark.parametrize(
    "page", ["file:///etc/passwd", "http://login.example/authorize", "javascript:alert(1)",
             "/usr/bin/xeyes", "https:/\u2028/x", "vscode://x", ""],
)  # fmt: skip
def test_a_page_that_is_not_https_is_not_opened(identity_provider, monkeypatch, browser, page):
    """What the login service names as its page is opened on the user's machine."""
    browser("approve")
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    here = f"{identity_provider.url}/{TENANT}"
    identity_provider.answers["discovery"] = ProviderAnswer(
        json.dumps(
            {
                "issuer": f"{here}/v2.0",
                "authorization_endpoint": page,
                "token_endpoint": f"{here}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{here}/oauth2/v2.0/devicecode",
                "jwks_uri": f"{here}/keys",
            }
        ).encode()
    )
    error = refused(
        identity_provider,
        lambda: signed_in(identity_provider, tenant=TENANT, method="browser", timeout=0.5),
    )
    assert error.code == "not_json"
    assert opened == []
