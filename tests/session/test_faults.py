"""Why no answer came: each certificate and proxy that is refused has its own remedy."""

from __future__ import annotations

import base64
import functools
import ssl
from collections.abc import Callable

import pytest
import urllib3.connection
from urllib3.util.ssl_ import create_urllib3_context

from pcnotebooks.clouds import Cloud
from pcnotebooks.doctor import diagnose
from pcnotebooks.errors import NetworkError, PcNotebooksError, SignInError
from pcnotebooks.service import client
from pcnotebooks.service.fetch import fetch_invoice_summaries
from pcnotebooks.session.session import Session
from pcnotebooks.session.sign_in import sign_in
from pcnotebooks.session.transport import route
from tests.services.certificates import server_context
from tests.services.identity_provider import CLIENT_ID, IdentityProvider
from tests.services.partner_center import Answer
from tests.services.planted import TOKEN

FAULTS = {
    "not yet valid": ({"days": (2, 30)}, "Set this machine's clock"),
    "expired": ({"days": (-30, -2)}, "clock. If it is right"),
    "another host": ({"host": "guest.example"}, "Another server answers"),
    "no key identifier": ({"identified": False}, "Python 3.13 and newer"),
    "not critical": ({"critical": False}, "Python 3.13 and newer"),
}


@pytest.fixture
def certificate(home, tmp_path, monkeypatch):
    """Return a function that makes a server's context, whose authority is trusted."""

    def make(fault: dict[str, object]) -> ssl.SSLContext:
        context, authority = server_context(tmp_path, **fault)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
        # As Python 3.13 has it by itself.
        strict = functools.partial(create_urllib3_context, verify_flags=ssl.VERIFY_X509_STRICT)
        monkeypatch.setattr(urllib3.connection, "create_urllib3_context", strict)
        return context

    return make


def refused(attempt: Callable[[], object], kind: type[PcNotebooksError]) -> PcNotebooksError:
    """Return the error of an attempt."""
    with pytest.raises(kind) as caught:
        attempt()
    return caught.value


def test_a_certificate_without_fault_is_accepted(partner_center, certificate):
    """The strict rules refuse no good certificate."""
    port = partner_center(tls=certificate({})).port
    cloud = Cloud("own", "Own", "https://localhost", f"https://localhost:{port}")
    assert fetch_invoice_summaries(Session.from_token(cloud, TOKEN))


@pytest.mark.parametrize(("fault", "told"), FAULTS.values(), ids=FAULTS)
def test_each_fault_of_a_certificate_has_its_remedy(
    partner_center, certificate, monkeypatch, fault, told
):
    """In a call, in a sign-in, and in each line of doctor."""
    context = certificate(fault)
    service = partner_center(tls=context)
    with IdentityProvider(context) as provider:
        cloud = Cloud("own", "Own", provider.url, f"https://localhost:{service.port}")
        session = Session.from_token(cloud, TOKEN)
        call = refused(lambda: fetch_invoice_summaries(session), NetworkError)
        signing = refused(lambda: sign_in(cloud, client_id=CLIENT_ID), SignInError)
        monkeypatch.setenv("PCNOTEBOOKS_CLIENT_ID", CLIENT_ID)
        findings = {each.name: each for each in diagnose(cloud)}
        assert provider.requests == []
    assert service.requests == []
    lines = [findings[name] for name in ("TLS to login", "TLS to api", "Sign-in")]
    assert all(each.state == "fail" for each in lines)
    for remedy in (call.remedy, signing.remedy, *(each.remedy for each in lines)):
        assert told in remedy
        assert "REQUESTS_CA_BUNDLE" not in remedy  # the authority is there already
    assert "its certificate is not trusted (" in signing.message
    assert signing.code == "unreachable"


def proxied(monkeypatch, partner_center, *answers: Answer, login: str = ""):
    """Return a proxy that answers so, and a session whose calls go through it."""
    proxy = partner_center(*answers)
    monkeypatch.setenv("HTTPS_PROXY", f"http://{login}127.0.0.1:{proxy.port}")
    monkeypatch.setattr(client, "sleep", lambda seconds: None)
    cloud = Cloud("own", "Own", "https://login.partner.test", "https://api.partner.test")
    return proxy, Session.from_token(cloud, TOKEN)


@pytest.mark.parametrize(
    ("stated", "methods"),
    [
        ("NTLM", "NTLM"),
        ("Negotiate, NTLM", "Negotiate, NTLM"),
        ('Digest realm="Basic, or not", nonce="x"', "Digest"),
        ("negotiate", "negotiate"),
    ],
)
def test_a_proxy_without_passwords_names_a_relay(
    home, monkeypatch, partner_center, stated, methods
):
    """A user name and password in HTTPS_PROXY never help there; nothing is retried."""
    refusal = Answer(b"", 407, headers={"Proxy-Authenticate": stated})
    proxy, session = proxied(monkeypatch, partner_center, *[refusal] * 9)
    call = refused(lambda: fetch_invoice_summaries(session), NetworkError)
    assert f"(407: it accepts {methods})" in call.message
    assert len(proxy.requests) == 1
    signing = refused(lambda: sign_in(session.cloud, client_id=CLIENT_ID), SignInError)
    findings = {each.name: each for each in diagnose(session.cloud)}
    for remedy in (call.remedy, signing.remedy, findings["TLS to api"].remedy):
        assert "px" in remedy
        assert "cntlm" in remedy


@pytest.mark.parametrize("stated", [None, 'Basic realm="NTLM"', 'NTLM, Basic realm="x"', ""])
def test_a_proxy_that_takes_passwords_asks_for_one(monkeypatch, partner_center, stated):
    """Where a password helps, no relay is needed."""
    refusal = Answer(b"", 407, headers={"Proxy-Authenticate": stated})
    _, session = proxied(monkeypatch, partner_center, *[refusal] * 9)
    error = refused(lambda: fetch_invoice_summaries(session), NetworkError)
    assert "Tunnel connection failed: 407 Proxy Authentication Required" in error.message
    assert "user name and password" in error.remedy


@pytest.mark.parametrize(
    "password", ["p@ss", "a/b", "a#b?c", "100%", "пароль", "p%40ss", "a:b", "a b", "://"]
)
def test_a_password_with_special_characters_reaches_the_proxy(
    home, monkeypatch, partner_center, password
):
    """However it is written, and it is shown nowhere, not even if the proxy repeats it."""
    plain = password.replace("%40", "@")
    refusal = Answer(b"", 407, f"No {password}")
    if not password.isascii():
        refusal = Answer(b"", 407, "No")
    proxy, session = proxied(monkeypatch, partner_center, *[refusal] * 99, login=f"me:{password}@")
    error = refused(lambda: fetch_invoice_summaries(session), NetworkError)
    sent = proxy.requests[0].headers["Proxy-Authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == f"me:{plain}"
    findings = "".join(map(str, diagnose(session.cloud)))
    assert f"through the proxy 127.0.0.1:{proxy.port}" in findings
    if len(password) > 3:
        assert password not in str(error) + findings


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("proxy.example:8080", "proxy.example:8080"),
        (' "http://proxy.example:8080"\n', "proxy.example:8080"),
        ("http://u:a@b@proxy.example:9/path", "proxy.example:9"),
        ("https://u:p@[::1]:3128", "[::1]:3128"),
        ("socks5h://u:p@proxy.example:1080", "proxy.example:1080"),
    ],
)
def test_a_proxy_is_shown_by_host_and_port_alone(home, monkeypatch, address, host):
    """However its address is written."""
    monkeypatch.setenv("HTTPS_PROXY", address)
    assert route("https://api.partner.test/v1") == (host, None)
    assert route("http://localhost:1/v1") == ("", None)


@pytest.mark.parametrize(
    "address",
    [
        "http://user:s3cretpw",
        "http://user:s3cretpw@",
        "user:s3cretpw@proxy:x",
        "http://",
        "ftp://user:s3cretpw@127.0.0.1:9",
    ],
)
def test_a_proxy_without_a_host_is_told_without_its_password(
    home, monkeypatch, partner_center, address
):
    """A forgotten host leaves the password where the port would be."""
    monkeypatch.setenv("HTTPS_PROXY", address)
    cloud = Cloud("own", "Own", "https://login.partner.test", "https://api.partner.test")
    session = Session.from_token(cloud, TOKEN)
    call = refused(lambda: fetch_invoice_summaries(session), NetworkError)
    signing = refused(lambda: sign_in(cloud, client_id=CLIENT_ID), SignInError)
    findings = list(diagnose(cloud))
    told = str(call) + str(signing) + "".join(map(str, findings))
    assert "s3cretpw" not in told
    assert "the proxy that the environment names cannot be used" in call.message
    assert "HTTPS_PROXY" in call.remedy
    assert "HTTPS_PROXY" in signing.remedy
    (network,) = (each for each in findings if each.name == "Proxy and CA")
    if not address.startswith("ftp"):  # requests alone knows which schemes it speaks
        assert network.state == "fail"
        assert "HTTPS_PROXY" in network.remedy
