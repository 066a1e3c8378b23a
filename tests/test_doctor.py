"""What the doctor finds: each check passing, warning and failing, against real services."""

from __future__ import annotations

import base64
import importlib.metadata
import itertools
import re
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import trustme

from pcnotebooks import __version__, doctor
from pcnotebooks.clouds import SAMPLE, Cloud
from pcnotebooks.doctor import Finding, diagnose, line
from pcnotebooks.session.settings import profiles_file
from pcnotebooks.session.sign_in import sign_in
from tests.services.identity_provider import (
    CLIENT_ID,
    HTML_PAGE,
    TENANT,
    USERNAME,
    signing_key,
)
from tests.services.partner_center import Answer
from tests.services.users import approve

ORDER = [
    "Versions",
    "Configuration",
    "Proxy and CA",
    "DNS of login",
    "TLS to login",
    "DNS of api",
    "TLS to api",
    "Clock",
    "Token cache",
    "Sign-in",
]
SIGNED_IN = [
    *ORDER,
    "Token audience",
    "Token tenant",
    "Token expiry",
    "Token calls",
    "Token MFA",
    "Summaries",
    "MFA at service",
]
PASSWORD = "pass-w0rd/of@the:proxy"
# A name that RFC 6761 keeps from ever being resolved.
NOWHERE = Cloud("nowhere", "Nowhere", "https://login.invalid", "https://api.invalid")


def cloud_at(api, login="https://login.invalid"):
    """Return a cloud of these addresses."""
    return Cloud("own", "Own", login, api)


@pytest.fixture(autouse=True)
def _no_certificates_of_this_machine(monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)


@pytest.fixture
def trusting(home, authority_file, monkeypatch):
    """Trust the certificates of the tests."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority_file))


@pytest.fixture
def app(home, monkeypatch):
    """Configure the provider's app and tenant in the environment."""
    monkeypatch.setenv("PCNOTEBOOKS_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("PCNOTEBOOKS_TENANT", TENANT)


@pytest.fixture
def service(partner_center, tls):
    """Return a Partner Center over TLS that wants the provider's tokens."""
    return partner_center(tls=tls, key=signing_key())


@pytest.fixture
def signed_in(identity_provider, service, app):
    """Return a function that signs in with these claims, or this token, and diagnoses."""

    def sign(token=None, **claims):
        usual = identity_provider.sign

        def access_token(**given):
            if "amr" not in given:
                return usual(**given)
            return identity_provider.secret(token) if token else usual(**given | claims)

        identity_provider.sign = access_token
        cloud = identity_provider.cloud(service.url)
        sign_in(cloud, prompt=approve)
        return found(cloud, secret=identity_provider)

    return sign


def found(cloud=None, *, secret=None, **options):
    """Return the findings by name, in their order, none of which shows a secret."""
    findings = list(diagnose(cloud, **options))
    text = "\n".join(map(line, findings)) + repr(findings)
    assert PASSWORD not in text
    assert secret is None or not secret.shown_in(text)
    for finding in findings:
        assert finding.state in {"pass", "warn", "fail"}
        assert len(finding.name) <= 14
        assert "\n" not in finding.words
    assert len({finding.name for finding in findings}) == len(findings)
    return {finding.name: finding for finding in findings}


def states(findings):
    """Return the states by name."""
    return {name: finding.state for name, finding in findings.items()}


# A line


def test_a_line_is_aligned_and_its_remedy_is_below():
    """The words of every line, and the remedies, begin in the same column."""
    lines = [
        line(Finding("Clock", "pass", "WORDS")),
        *line(Finding("A longer name.", "warn", "WORDS", "WORDS")).split("\n"),
    ]
    assert {text.index("WORDS") for text in lines} == {22}
    assert lines[0].startswith("pass  Clock ")


def test_a_line_holds_no_control_characters():
    """A stranger's certificate cannot move the terminal's cursor or begin a line."""
    text = line(Finding("TLS", "pass", "for \x1b[2Jnobody\r\npass  All\u202e", "a\nb"))
    assert text.count("\n") == 1
    assert not any(character in text for character in "\x1b\r\u202e")


# The whole


def test_everything_passes_for_a_user_who_has_signed_in(signed_in, service):
    """Every check passes, in its order, and the service was asked once with the token."""
    compliant = {"isMfaCompliant": "true", "Date": format_datetime(datetime.now(UTC))}
    service.steps.append(Answer(headers=compliant))
    findings = signed_in()
    assert list(findings) == SIGNED_IN
    assert states(findings) == dict.fromkeys(SIGNED_IN, "pass")
    assert not any(finding.remedy for finding in findings.values())
    authorized = [request for request in service.requests if request.headers["Authorization"]]
    assert [request.path for request in authorized] == ["/v1/invoices/summaries"]
    request_id = authorized[0].headers["MS-RequestId"]
    told = rf"3 currencies in [\d.]+ seconds \(request id {request_id}\)"
    assert re.fullmatch(told, findings["Summaries"].words)
    assert findings["Sign-in"].words.startswith(USERNAME)
    assert f"{USERNAME} (tenant {TENANT})" in findings["Token cache"].words


def test_without_a_sign_in_nobody_is_asked(identity_provider, service, app):
    """What needs a token is skipped with the remedy; no code is requested, no call made."""
    findings = found(identity_provider.cloud(service.url), secret=identity_provider)
    assert list(findings) == [*ORDER, "Token", "Summaries"]
    assert {name for name, state in states(findings).items() if state != "pass"} == {
        "Sign-in",
        "Token",
        "Summaries",
    }
    assert findings["Sign-in"].words == "not signed in"
    assert "pcnotebooks sign-in, and set PCNOTEBOOKS_CACHE" in findings["Sign-in"].remedy
    for name in ("Token", "Summaries"):
        words, remedy = "skipped, not signed in", "Run: pcnotebooks sign-in"
        assert findings[name] == Finding(name, "warn", words, remedy)
    assert not identity_provider.count("devicecode")
    assert not any(request.headers["Authorization"] for request in service.requests)


def test_findings_come_one_by_one(identity_provider, app):
    """A finding is given before the next check begins: nothing is sent for the first three."""
    findings = diagnose(identity_provider.cloud())
    for _ in itertools.islice(findings, 4):
        pass
    assert not identity_provider.requests
    assert next(findings).name == "TLS to login"
    assert identity_provider.requests


# Versions


def test_versions_are_those_installed(home):
    """Python, pcnotebooks and what it needs are told with their versions."""
    finding = next(diagnose(NOWHERE))
    assert finding.state == "pass"
    for package in ("pandas", "msal", "requests"):
        assert f"{package} {importlib.metadata.version(package)}" in finding.words
    assert __version__ in finding.words


def test_a_missing_package_fails(home, monkeypatch):
    """A package without metadata is named; it is missing if its code is not there either."""
    known = importlib.metadata.version

    def version(name):
        if name == "pandas":
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(doctor, "version", version)
    assert next(diagnose(NOWHERE)).state == "pass"
    monkeypatch.setattr(doctor, "find_spec", lambda _: None)
    finding = next(diagnose(NOWHERE))
    assert finding.state == "fail"
    assert finding.words.endswith("not installed: pandas")


# Configuration


def configuration(*arguments, **options):
    """Return the second finding alone."""
    return list(itertools.islice(diagnose(*arguments, **options), 2))[1]


def write_profiles(text):
    """Write the user's profiles.toml."""
    path = profiles_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_each_setting_names_its_origin(home, monkeypatch):
    """Argument, profile, environment and default are told apart, in the order of sign_in."""
    write_profiles(f'[contoso]\nclient_id = "{CLIENT_ID}"\ncloud = "china"\ncache = "plain"')
    monkeypatch.setenv("PCNOTEBOOKS_CLIENT_ID", "overruled")
    monkeypatch.setenv("PCNOTEBOOKS_TENANT", "contoso.example")
    finding = configuration("us_government", profile="contoso")
    assert finding.state == "pass"
    assert finding.words == (
        "profile contoso (argument), cloud us_government (argument), tenant contoso.example"
        f" (PCNOTEBOOKS_TENANT), client id {CLIENT_ID} (profile), cache plain (profile)"
    )
    monkeypatch.setenv("PCNOTEBOOKS_PROFILE", "contoso")
    words = configuration().words
    assert words.startswith("profile contoso (PCNOTEBOOKS_PROFILE), cloud china (profile),")


def test_defaults_are_told_as_such(home, monkeypatch):
    """Without any setting but the client id, the rest are defaults."""
    monkeypatch.setenv("PCNOTEBOOKS_CLIENT_ID", CLIENT_ID)
    assert configuration().words == (
        "cloud global (default), tenant organizations (default), client id"
        f" {CLIENT_ID} (PCNOTEBOOKS_CLIENT_ID), cache memory (default)"
    )


def test_without_a_client_id_the_rest_goes_on(identity_provider, service):
    """It fails with the steps to get one; network and cache are checked all the same."""
    findings = found(identity_provider.cloud(service.url))
    assert findings["Configuration"].state == "fail"
    assert "client id" in findings["Configuration"].words
    assert "client id none" not in findings["Configuration"].words
    assert "Register an app" in findings["Configuration"].remedy
    assert findings["TLS to api"].state == "pass"
    assert findings["Token cache"].state == "pass"
    assert findings["Sign-in"].words == "skipped, not configured"
    assert findings["Sign-in"].remedy is None
    assert findings["Summaries"].state == "warn"


def test_several_wrong_settings_are_all_told(home, monkeypatch):
    """A missing client id does not hide a wrong tenant, and the cloud is checked nevertheless."""
    monkeypatch.setenv("PCNOTEBOOKS_TENANT", "my tenant")
    findings = found(NOWHERE)
    finding = findings["Configuration"]
    assert "client id" in finding.words
    assert "'my tenant' is not a tenant" in finding.words
    assert finding.words.endswith("The rest: cloud nowhere (argument)")
    assert "Register an app" in finding.remedy
    assert "directory (tenant) id" in finding.remedy
    assert findings["DNS of login"].state == "fail"


@pytest.mark.parametrize(
    ("cloud", "profile", "words"),
    [
        ("germany", None, "There is no cloud 'germany'."),
        (None, "absent", "There is no profile 'absent'."),
        (SAMPLE, None, "Sample data has no login service and no api to check."),
    ],
)
def test_without_a_cloud_it_ends(home, cloud, profile, words):
    """Where it is unknown whom to ask, that is the last finding."""
    findings = found(cloud, profile=profile)
    assert states(findings) == {"Versions": "pass", "Configuration": "fail"}
    assert findings["Configuration"].words == words


def test_profiles_that_cannot_be_read(home):
    """A system error is told with its file, and raises nothing."""
    profiles_file().mkdir(parents=True)
    finding = found(NOWHERE, profile="contoso")["Configuration"]
    assert finding.state == "fail"
    assert str(profiles_file()) in finding.words


# Proxy and certificates


def test_a_proxy_is_named_without_its_password(partner_center, tls, trusting, monkeypatch):
    """The proxy is told by host and port, is the one resolved, and TLS goes through it."""
    proxy = partner_center(tls=tls)
    quoted = PASSWORD.replace("/", "%2F").replace("@", "%40").replace(":", "%3A")
    for address in (f"http://me:{quoted}@127.0.0.1:{proxy.port}/", f"127.0.0.1:{proxy.port}"):
        monkeypatch.setenv("HTTPS_PROXY", address)
        cloud = cloud_at("https://api.partner.test", "https://api.partner.test")
        findings = found(cloud)
        place = f"through the proxy 127.0.0.1:{proxy.port}"
        assert findings["Proxy and CA"].words.startswith(f"login {place}; api {place}; ")
        assert not any(quoted in line(finding) for finding in findings.values())
        assert findings["DNS of login"].words == "the proxy 127.0.0.1 is 127.0.0.1"
        assert findings["TLS to login"].state == findings["TLS to api"].state == "pass"
    assert [request.method for request in proxy.requests] == ["CONNECT", "GET"] * 4


def test_a_proxy_that_refuses(home, partner_center, monkeypatch):
    """The refusal is told with its status and remedy, without the password."""
    proxy = partner_center(*[Answer(b"", 407, "Proxy Authentication Required")] * 2)
    monkeypatch.setenv("ALL_PROXY", f"http://me:{PASSWORD[:9]}@127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", "login.invalid")
    findings = found(NOWHERE)
    assert findings["Proxy and CA"].words.startswith(
        f"login without a proxy; api through the proxy 127.0.0.1:{proxy.port};"
    )
    assert "407" in findings["TLS to api"].words
    assert "HTTPS_PROXY" in findings["TLS to api"].remedy
    assert not any(PASSWORD[:9] in line(finding) for finding in findings.values())


PLAIN = "login without a proxy; api without a proxy; certificate authorities: "


@pytest.mark.parametrize(
    ("variable", "file", "state", "words"),
    [
        (None, None, "pass", "those of requests"),
        ("REQUESTS_CA_BUNDLE", "", "pass", "{file}"),  # a folder, as requests allows
        ("CURL_CA_BUNDLE", "absent.pem", "fail", "{file}, not readable (No such file"),
        ("REQUESTS_CA_BUNDLE", "no.pem", "fail", "{file}, not readable ("),
        ("SSL_CERT_FILE", "no.pem", "warn", "those of requests, not SSL_CERT_FILE"),
    ],
)
def test_the_certificate_authorities(home, monkeypatch, variable, file, state, words):
    """The file that requests reads is named, with what is wrong with it."""
    (home / "no.pem").write_text("no certificate")
    if variable:
        monkeypatch.setenv(variable, str(home / file))
    finding = found(NOWHERE)["Proxy and CA"]
    assert finding.state == state
    assert finding.words.startswith(PLAIN + words.format(file=home / (file or "")))
    assert (finding.remedy is None) is (state == "pass")
    assert finding.remedy is None or "REQUESTS_CA_BUNDLE" in finding.remedy


# DNS and TLS


def test_a_name_that_is_not_resolved(home):
    """DNS fails with the host, and TLS says the same; both are told for login and api."""
    findings = found(NOWHERE)
    for place, host in (("login", "login.invalid"), ("api", "api.invalid")):
        assert findings[f"DNS of {place}"].state == findings[f"TLS to {place}"].state == "fail"
        assert findings[f"DNS of {place}"].words.startswith(f"{host} could not be resolved")
        assert findings[f"TLS to {place}"].words.startswith(
            f"No answer from {host}: its name could not"
        )
    assert findings["Clock"].state == "warn"


def test_a_name_that_cannot_be_one(home):
    """A label of more than 63 characters is refused before anybody is asked."""
    long = f"https://{'a' * 64}.example"
    assert found(cloud_at(long, long))["DNS of api"].state == "fail"


def test_a_certificate_is_told(identity_provider, service):
    """Holder, issuer and the day on which it ends."""
    findings = found(identity_provider.cloud(service.url))
    # The one keeps its connections open, the other closes each.
    for name, host in (("TLS to api", "127.0.0.1"), ("TLS to login", "localhost")):
        words = findings[name].words
        assert words.startswith(f"{host} has a trusted certificate of 127.0.0.1 by trustme v")
        assert words.endswith(", until 3000-01-01")


@pytest.mark.parametrize(
    ("days", "trusted", "state", "told"),
    [
        (5, True, "warn", ["trusted certificate of soon.example by", "in 5 days"]),
        (-5, True, "fail", ["certificate is not trusted", "expired"]),
        (5, False, "fail", ["certificate is not trusted", "local issuer"]),
    ],
)
def test_a_certificate_with_a_fault(
    partner_center, authority, trusting, days, trusted, state, told
):
    """One that ends within two weeks is a warning; ended, or of an unknown authority, it fails."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (authority if trusted else trustme.CA()).issue_cert(
        "127.0.0.1",
        common_name="soon.example",
        not_after=datetime.now(UTC) + timedelta(days=days, hours=1),
    ).configure_cert(context)
    finding = found(cloud_at(partner_center(tls=context).url))["TLS to api"]
    assert finding.state == state
    for words in told:
        assert words in finding.words


def test_a_port_that_nobody_listens_on(home):
    """A refused connection is told as such."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{unused.getsockname()[1]}"
        findings = found(cloud_at(url, url))
    assert findings["DNS of api"].state == "pass"
    assert "the connection was refused" in findings["TLS to api"].words


def test_plain_http_on_loopback(home, partner_center, monkeypatch):
    """It needs no certificate, and goes past any proxy."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    service = partner_center()
    findings = found(cloud_at(service.url))
    assert findings["TLS to api"].words == "127.0.0.1 is this machine, in plain http"
    assert "api without a proxy" in findings["Proxy and CA"].words


def test_a_password_of_netrc_is_not_sent(home, partner_center):
    """What the user's ~/.netrc has for the host stays there."""
    (home / ".netrc").write_text(f"default login me password {PASSWORD}")
    service = partner_center()
    found(cloud_at(service.url))
    assert [request.headers["Authorization"] for request in service.requests] == [None]


# Clock


def dated(seconds):
    """Return an answer whose clock is so many seconds ahead of this machine's."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return Answer(headers={"Date": format_datetime(moment, usegmt=True)})


@pytest.mark.parametrize(
    ("ahead", "state", "words"),
    [
        (0, "pass", "within "),
        (-280, "pass", "within 28"),
        (280, "pass", "within 2"),
        (320, "warn", "5 minutes behind"),
        (3600, "warn", "60 minutes behind"),
        (-3600, "warn", "60 minutes ahead of"),
    ],
)
def test_the_clock(trusting, partner_center, tls, ahead, state, words):
    """Up to five minutes are nothing; beyond, it says by how much and in which direction."""
    login, api = partner_center(dated(ahead), tls=tls), partner_center(dated(0))
    finding = found(cloud_at(api.url, login.url))["Clock"]
    assert finding.state == state
    assert finding.words.startswith(words)
    assert (finding.remedy is None) is (state == "pass")


@pytest.mark.parametrize("login", ["https://login.invalid", None])
def test_the_clock_of_the_api_serves_too(trusting, partner_center, tls, login):
    """Where the login service gives no legible time the api's serves."""
    login = login or partner_center(Answer(headers={"Date": "soon"}), tls=tls).url
    finding = found(cloud_at(partner_center(dated(3600)).url, login))["Clock"]
    assert finding.words.startswith("60 minutes behind")


def test_without_any_time_there_is_no_clock(home, partner_center):
    """Nothing is made up."""
    finding = found(cloud_at(partner_center().url))["Clock"]
    assert finding == Finding("Clock", "warn", "skipped, no answer stated the time")


# Token cache


def sign_in_to(provider, service, **options):
    """Sign in by device code."""
    return sign_in(provider.cloud(service.url), prompt=approve, **options)


@pytest.fixture
def plain(app, monkeypatch):
    """Keep sign-ins in a plain file."""
    monkeypatch.setenv("PCNOTEBOOKS_CACHE", "plain")


@pytest.mark.parametrize(("mode", "state"), [(0o600, "pass"), (0o644, "fail")])
def test_a_plain_cache_and_its_file(identity_provider, service, plain, home, mode, state):
    """File, mode and account are told; if others can read it, the command that ends that."""
    sign_in_to(identity_provider, service)
    (file,) = home.rglob("tokens.json")
    file.chmod(mode)
    findings = found(identity_provider.cloud(service.url), secret=identity_provider)
    finding = findings["Token cache"]
    assert finding.state == state
    assert f"tokens.json, mode {mode:04o}" in finding.words
    assert USERNAME in finding.words
    if state == "pass":
        assert findings["Summaries"].state == "pass"
    else:
        assert f"chmod 600 '{file}'" in finding.remedy


def test_an_account_in_another_cache_is_told(identity_provider, service, app):
    """Signed in with one cache and configured for another: both are named."""
    sign_in_to(identity_provider, service, cache="plain")
    findings = found(identity_provider.cloud(service.url), secret=identity_provider)
    words = "memory; no account, but in the cache plain"
    remedy = "To use it, set PCNOTEBOOKS_CACHE=plain, or cache in the profile."
    assert findings["Token cache"] == Finding("Token cache", "warn", words, remedy)
    assert findings["Sign-in"].state == "warn"


def test_an_empty_plain_cache(plain):
    """No file yet is no failure."""
    finding = found(NOWHERE)["Token cache"]
    assert finding.state == "pass"
    assert finding.words.endswith("tokens.json; no account")


def test_a_damaged_cache(plain, home):
    """It fails with the file and what to do."""
    file = home / ".data" / "pcnotebooks" / "tokens.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    findings = found(NOWHERE)
    assert findings["Token cache"].state == findings["Sign-in"].state == "fail"
    assert str(file) in findings["Token cache"].words


# Sign-in


def test_a_revoked_sign_in_says_why(identity_provider, service, plain):
    """A revoked refresh token fails with Entra's words; nobody is asked."""
    identity_provider.token_lifetime = 200  # msal renews what has less than five minutes
    sign_in_to(identity_provider, service)
    identity_provider.revoke_refresh_tokens()
    findings = found(identity_provider.cloud(service.url), secret=identity_provider)
    assert findings["Sign-in"].state == "fail"
    assert "revoked" in findings["Sign-in"].words
    assert "correlation id" in findings["Sign-in"].words
    assert findings["Sign-in"].remedy
    assert findings["Token"].state == "warn"
    assert identity_provider.count("devicecode") == 1


def test_a_login_service_that_answers_a_page(identity_provider, service, app):
    """A page in the provider's place is told by what signing in says of it."""
    identity_provider.token_lifetime = 200
    sign_in_to(identity_provider, service)
    identity_provider.answers["refresh"] = HTML_PAGE
    finding = found(identity_provider.cloud(service.url), secret=identity_provider)["Sign-in"]
    assert finding.state == "fail"


def test_not_signed_in_with_a_cache_that_lasts(identity_provider, service, plain):
    """The remedy names the command alone."""
    finding = found(identity_provider.cloud(service.url))["Sign-in"]
    assert finding == Finding("Sign-in", "warn", "not signed in", "Run: pcnotebooks sign-in")


# The token


AUDIENCES = ["https://graph.windows.net", "https://graph.microsoft.com/", None, ["a", "b"]]
OTHER = "22222222-3333-4444-8555-666666666666"


@pytest.mark.parametrize(
    ("claims", "claim", "state", "told"),
    [
        *[({"aud": it}, "audience", "fail", f"{it}, but stand-in wants ") for it in AUDIENCES],
        # Partner Center's own application id, in tokens of Entra's format v2.
        ({"aud": "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"}, "audience", "pass", "fa3d9a0c-"),
        ({"tid": OTHER}, "tenant", "fail", f"{OTHER}, but {TENANT} is configured"),
        ({"exp": int(time.time()) - 600}, "expiry", "fail", " minutes: it has expired"),
        ({"amr": ["pwd", "mfa"]}, "MFA", "pass", "signed in by pwd, mfa"),
        ({"amr": ["rsa", "ngcmfa"]}, "MFA", "pass", "signed in by rsa, ngcmfa"),
        ({"amr": ["pwd"]}, "MFA", "fail", "signed in by pwd, without a second factor"),
        ({"amr": []}, "MFA", "fail", ", without a second factor"),
        ({"amr": [{}]}, "MFA", "fail", ", without a second factor"),
        ({"amr": None}, "MFA", "warn", "not stated (no amr)"),
        ({"amr": "mfa"}, "MFA", "warn", "not stated (no amr)"),
    ],
)
def test_what_a_token_claims(signed_in, claims, claim, state, told):
    """Each claim is judged by itself; what fails has a remedy."""
    finding = signed_in(**claims)[f"Token {claim}"]
    assert finding.state == state
    assert told in finding.words
    assert (finding.remedy is not None) is (state == "fail")


@pytest.mark.parametrize("roles", [None, ["Invoices.Read"]])
def test_an_app_without_a_user(signed_in, roles):
    """Without scp it is told which calls the token can make; the MFA rule is for users."""
    findings = signed_in(scp=None, roles=roles, amr=None)
    calls = findings["Token calls"]
    assert calls.state == "warn"
    assert calls.words.startswith("app-only (no scp): only the list of invoices")
    assert "sign in as a user" in calls.remedy
    assert findings["Token MFA"].state == "pass"
    if roles:
        assert findings["Summaries"].words == "skipped, they need a user"
        assert findings["Invoices"].words.startswith("3 on the first page")


def test_an_audience_that_is_not_the_clouds_api(signed_in, service):
    """It names the right one; the service refuses it as well, with the ids for support."""
    findings = signed_in(aud=AUDIENCES[0])
    assert findings["Token audience"].words.endswith(f"wants {service.url}")
    summaries = findings["Summaries"]
    assert summaries.state == "fail"
    for words in ("answered 401", "request id", "correlation id"):
        assert words in summaries.words
    assert "Sign in again" in summaries.remedy


def test_a_tenant_that_cannot_be_compared(signed_in, monkeypatch):
    """For "organizations" the token's tenant is told and passes."""
    monkeypatch.setenv("PCNOTEBOOKS_TENANT", "organizations")
    assert signed_in()["Token tenant"] == Finding("Token tenant", "pass", TENANT)


def jwt_of(claims):
    """Return an unsigned token with these bytes in the place of its claims."""
    return f"a-header.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.a-signature"


@pytest.mark.parametrize(
    "token",
    [
        "opaque-and-without-dots",
        "a-header.b.a-signature",
        jwt_of(b"[]"),
        jwt_of(b'{"aud": "https://api.example"}'),
        jwt_of(b'{"exp": "soon"}'),
        jwt_of(b'{"exp": null}'),
        jwt_of(b"\xff\xff"),
        jwt_of(b"[" * 20_000),
    ],
)
def test_a_token_that_cannot_be_read(signed_in, service, token):
    """An opaque token is a warning, and the service is asked nevertheless."""
    findings = signed_in(token)
    assert list(findings) == [*ORDER, "Token", "Summaries", "MFA at service"]
    assert findings["Token"].state == "warn"
    assert "cannot be read" in findings["Token"].words
    assert any(request.headers["Authorization"] for request in service.requests)


# The service


@pytest.mark.parametrize(
    ("headers", "state", "words"),
    [
        ({"isMfaCompliant": "true"}, "pass", "isMfaCompliant: true"),
        ({"isMfaCompliant": "False"}, "fail", "isMfaCompliant: False"),
        ({}, "warn", "isMfaCompliant: not stated"),
    ],
)
def test_what_the_service_says_of_mfa(signed_in, service, headers, state, words):
    """The answer's header is told; where it says no, with the remedy."""
    service.steps.append(Answer(headers=headers))
    finding = signed_in()["MFA at service"]
    assert (finding.state, finding.words) == (state, words)
    assert (finding.remedy is not None) is (state == "fail")


def test_a_refusal_for_want_of_mfa(signed_in, service):
    """The service's code, ids and remedy are told; the header is read of a refusal too."""
    body = b'{"code": "900421", "description": "MFA required"}'
    refused = Answer(body, 401, headers={"isMfaCompliant": "false"})
    service.steps.extend([refused, refused])
    findings = signed_in()
    assert "code 900421" in findings["Summaries"].words
    assert "multi-factor" in findings["Summaries"].remedy
    assert findings["MFA at service"].state == "fail"


def test_a_refused_token_is_renewed_once(signed_in, service, identity_provider):
    """As in the real call, one 401 has the credential get another token."""
    service.steps.append(Answer(b"", 401))
    assert signed_in()["Summaries"].state == "pass"
    assert identity_provider.count("refresh") == 1


def test_a_call_that_breaks_off(signed_in, service):
    """No answer is told with the ids of the request, and is not retried."""
    service.steps.append(Answer(reset=True))
    findings = signed_in()
    assert findings["Summaries"].state == "fail"
    assert "the connection broke off" in findings["Summaries"].words
    assert findings["MFA at service"].words == "isMfaCompliant: not stated"
    assert len([at for at in service.requests if at.headers["Authorization"]]) == 1


def test_an_answer_that_is_no_invoice_summaries(signed_in, service):
    """A body of another shape fails with its path."""
    service.steps.append(Answer(b'{"items": 5}'))
    finding = signed_in()["Summaries"]
    assert finding.state == "fail"
    assert "items" in finding.words


# Time


def test_a_slow_service_takes_no_longer_than_allowed(identity_provider, service, app):
    """Each check ends within the time given, and the next ones go on."""
    identity_provider.delays["discovery"] = 30
    findings = found(identity_provider.cloud(service.url), timeout=0.5)
    assert "discovery" not in identity_provider.answered
    assert findings["Sign-in"].state == "fail"
    assert findings["Sign-in"].words == "no result within 0.5 seconds"
    assert findings["Sign-in"].remedy
    assert findings["Summaries"].state == "warn"


def test_a_service_that_stalls_is_told_as_such(identity_provider, service, app):
    """What can be given a time says what it waited for, before the check is given up."""
    service.steps.append(Answer(delay=30))
    sign_in_to(identity_provider, service)
    findings = found(identity_provider.cloud(service.url), secret=identity_provider, timeout=3)
    assert "reading timed out" in findings["Summaries"].words
    assert findings["MFA at service"].words == "isMfaCompliant: not stated"


def test_a_name_server_that_does_not_answer(home, monkeypatch):
    """Name resolution cannot be given a time, and holds up nothing beyond the check's."""
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait())
    findings = found(NOWHERE, timeout=0.2)
    answered.set()
    for name in ("DNS of login", "TLS to login", "DNS of api", "TLS to api"):
        assert findings[name].words == "no result within 0.2 seconds"


def test_what_nobody_foresaw_is_a_finding(home, monkeypatch):
    """An error of no known kind is told by its kind alone: its text may hold anything."""

    def readable_accounts():
        raise ZeroDivisionError(PASSWORD)

    monkeypatch.setattr(doctor, "readable_accounts", readable_accounts)
    finding = found(NOWHERE)["Token cache"]
    assert finding.state == "fail"
    assert finding.words == "could not be checked (ZeroDivisionError)"
