"""Apps without a user: the real msal, against a real identity provider on loopback."""

from __future__ import annotations

import json
import os
import pickle
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import keyring
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwt
from joserfc.jwk import RSAKey
from keyring.backend import KeyringBackend

from pcnotebooks.doctor import diagnose
from pcnotebooks.errors import ConfigurationError
from pcnotebooks.service.fetch import fetch_invoice_summaries, fetch_invoices
from pcnotebooks.service.fetch_many import fetch_all
from pcnotebooks.service.pdfs import save_invoice_pdfs
from pcnotebooks.service.refusals import NeedsUserError
from pcnotebooks.session import proofs
from pcnotebooks.session.app import AppCredential
from pcnotebooks.session.session import Session, access_token
from pcnotebooks.session.settings import profiles_file, resolve
from pcnotebooks.session.sign_in import sign_in, sign_out, unasked
from tests.builders import invoice, invoices
from tests.services.identity_provider import APP_ID, FEDERATED, TENANT, refusal, signing_key
from tests.services.partner_center import Answer
from tests.services.planted import TOKEN
from tests.services.users import EXPIRING, never, refused

SECRET = "Planted8Q~secret-of-an-app_0123456789.abcd"
HOW = ("client_secret", "certificate", "workload_identity")
ENCRYPTED = serialization.BestAvailableEncryption(b"open sesame")


@pytest.fixture(autouse=True)
def _no_proof_of_this_machine(monkeypatch):
    names = (proofs.SECRET, proofs.SECRET_FILE, proofs.PASSPHRASE, proofs.TOKEN_FILE)
    for name in (*names, proofs.TOKEN_URL, proofs.TOKEN_BEARER, "PCNOTEBOOKS_CERTIFICATE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def provider(identity_provider):
    """Return the identity provider, which knows the app's secret."""
    identity_provider.client_secret = identity_provider.secret(SECRET)
    return identity_provider


def private(path: Path, content: str | bytes) -> Path:
    """Write a file that only its owner can read."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(0o600)
    return path


def pem(path: Path, key=None, encryption=None, *, of_another: bool = False) -> Path:
    """Write a certificate with its key."""
    key = key or rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "job")])
    now = datetime.now(UTC)
    signer = rsa.generate_private_key(65537, 2048) if of_another else key
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(signer.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(signer, hashes.SHA256())
    )
    written = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )
    return private(path, certificate.public_bytes(serialization.Encoding.PEM) + written)


def assertion(provider, **claims) -> str:
    """Return a token of the platform that runs the job."""
    facts = {**FEDERATED, "exp": int(time.time()) + 300, **claims}
    return provider.secret(jwt.encode({"alg": "RS256"}, facts, signing_key()))


def prepare(how, provider, home, monkeypatch) -> None:
    """Put the proof where a job has it."""
    if how == "client_secret":
        monkeypatch.setenv(proofs.SECRET, SECRET)
    elif how == "certificate":
        path = pem(home / "job.pem")
        public = x509.load_pem_x509_certificate(path.read_bytes()).public_key()
        provider.certificate = RSAKey.import_key(
            public.public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        monkeypatch.setenv("PCNOTEBOOKS_CERTIFICATE", str(path))
    else:
        monkeypatch.setenv(
            proofs.TOKEN_FILE, str(private(home / "token", assertion(provider) + "\n"))
        )


def app(provider, api="https://127.0.0.1:9", method="client_secret", **options):
    """Sign the app in."""
    options = {"client_id": APP_ID, "tenant": TENANT, "prompt": never} | options
    return sign_in(provider.cloud(api), method=method, **options)


@pytest.mark.parametrize("how", HOW)
def test_a_job_fetches_the_list(provider, partner_center, tls, home, monkeypatch, how):
    """By each proof; nobody is asked, and the partner is the tenant."""
    service = partner_center(tls=tls, key=signing_key())
    prepare(how, provider, home, monkeypatch)
    session = app(provider, service.url, how)
    assert fetch_invoices(session).partner == session.partner == TENANT
    assert fetch_invoices(session).resource == "invoices"
    assert provider.count("app") == 1
    (form,) = [form for place, form in provider.requests if place == "app"]
    assert form["scope"] == f"{service.url}/.default"
    assert ("client_secret" in form) == (how == "client_secret")


@pytest.mark.parametrize("how", HOW)
def test_a_token_is_renewed_and_forgotten(provider, home, monkeypatch, how):
    """Shortly before it expires, after a refusal, and after sign_out; no account is left."""
    prepare(how, provider, home, monkeypatch)
    provider.token_lifetime = EXPIRING
    session = app(provider, method=how)
    provider.token_lifetime = 3600
    renewed = access_token(session)
    assert access_token(session) == renewed
    assert provider.count("app") == 2
    assert access_token(session, refused=renewed) != renewed
    assert provider.count("app") == 3
    sign_out(session)
    access_token(session)
    assert provider.count("app") == 4
    sign_out()
    access_token(session)
    assert provider.count("app") == 5


@pytest.fixture
def job(provider, partner_center, tls, home):
    """Store two profiles of an app, and return the Partner Center that both lead to."""
    service = partner_center(tls=tls, key=signing_key())
    secret = private(home / "secret", f"{SECRET}\n")
    profiles_file().parent.mkdir(parents=True)
    with profiles_file().open("w") as file:
        for name, partner in (("job", "Contoso"), ("other", "Fabrikam")):
            file.write(
                f'[{name}]\nclient_id = "{APP_ID}"\ntenant = "{TENANT}"\npartner = "{partner}"\n'
                f'method = "client_secret"\nsecret = "file:{secret}"\n'
                f'cloud = {{name="own", authority="{provider.url}", api="{service.url}"}}\n'
            )
    return service


def test_a_profile_names_the_method(job):
    """A scheduler's command, and a notebook's cell, need nothing but the profile."""
    for session in (sign_in(profile="job", prompt=never), unasked(None, "job")):
        assert fetch_invoices(session).partner == "Contoso"


def test_a_snapshot_of_two_apps(job, shell, home, capsys):
    """The invoices are kept; why there are no balances is said once, and is no failure."""
    assert shell("snapshot", "--profile", "job", "--profile", "other", "--history", home / "h") == 0
    said = capsys.readouterr()
    assert said.err.count("need a user") == 1
    assert [line.split()[0] for line in said.out.splitlines()] == ["Contoso", "Fabrikam"]
    assert said.out.count("invoices only, kept") == 2
    assert not any("summaries" in request.path for request in job.requests)
    assert shell("report", "--profile", "job", "-o", home / "r.html") == 0
    assert "need a user" in capsys.readouterr().err


def test_the_doctor_says_which_calls_an_app_can_make(job, provider):
    """Nothing fails: the list is asked for, and the summaries are not."""
    findings = {finding.name: finding for finding in diagnose(profile="job")}
    assert "fail" not in {finding.state for finding in findings.values()}
    assert "method client_secret (profile)" in findings["Configuration"].words
    assert findings["Sign-in"].words == f"app {APP_ID} without a user, by client_secret"
    assert findings["Token calls"].words.startswith("app-only")
    assert findings["Invoices"].state == "pass"
    assert not provider.shown_in(repr(findings))


class Memory(KeyringBackend):
    """A keyring that is not the user's own."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.entries = {}

    def get_password(self, service, username):
        """Return what is kept under a name."""
        return self.entries.get((service, username))

    def set_password(self, service, username, password):
        """Keep a password."""
        self.entries[service, username] = password


def test_a_keyring_has_the_secret(provider, monkeypatch):
    """Under the client id if nothing names another place; a missing entry is told."""
    before = keyring.get_keyring()
    entries = Memory()
    keyring.set_keyring(entries)
    try:
        error = refused(provider, lambda: app(provider), ConfigurationError)
        assert f"keyring set pcnotebooks {APP_ID}" in error.remedy
        entries.set_password("pcnotebooks", APP_ID, SECRET)
        assert access_token(app(provider))
    finally:
        keyring.set_keyring(before)
    monkeypatch.setitem(sys.modules, "keyring", None)
    error = refused(provider, lambda: app(provider), ConfigurationError)
    assert "pcnotebooks[keyring]" in error.remedy


def test_a_call_that_needs_a_user_is_not_sent(provider, partner_center, tls, tmp_path, monkeypatch):
    """Not even a token is asked for; the list, which needs none, is fetched all the same."""
    service = partner_center(tls=tls, key=signing_key())
    prepare("client_secret", provider, tmp_path, monkeypatch)
    session = app(provider, service.url)
    sign_out(session)
    listed = replace(invoices(invoice("D1")), cloud=session.cloud.name)
    for call in (
        lambda: fetch_invoice_summaries(session),
        lambda: save_invoice_pdfs(session, listed, tmp_path / "pdfs"),
    ):
        error = refused(provider, call, NeedsUserError)
        assert "need a user" in error.message
        assert "only together with a user" in error.message
        assert "Sign in as a user" in error.remedy
    assert provider.count("app") == 1
    assert service.requests == []
    summaries, fetched = fetch_all([session], progress=False)
    assert isinstance(summaries, NeedsUserError)
    assert fetched.resource == "invoices"


@pytest.mark.parametrize(
    ("claims", "is_sent"),
    [
        ({"roles": ["Invoices.Read"]}, False),
        ({"sub": "one", "oid": "one"}, False),
        ({"scp": "user_impersonation", "roles": ["Admin"]}, True),
        ({"scp": "user_impersonation", "sub": "one", "oid": "one"}, True),
        ({}, True),
    ],
)
def test_a_foreign_token_tells_whose_it_is(provider, partner_center, tls, claims, is_sent):
    """What it claims is enough to refuse; of what claims nothing, only the service knows."""
    service = partner_center(tls=tls, key=signing_key())
    token = provider.sign(aud=service.url, **claims)
    session = Session.from_token(provider.cloud(service.url), token)
    if is_sent:
        fetch_invoice_summaries(session)
    else:
        refused(provider, lambda: fetch_invoice_summaries(session), NeedsUserError)
    assert len(service.requests) == is_sent
    fetch_invoices(session)


SOURCES = {
    "open": ("file:open", "Other users can read the client secret"),
    "missing": ("file:missing", "cannot be read from"),
    "folder": ("file:.", "cannot be read from"),
    "empty": ("file:empty", "blank, or not one line"),
    "two lines": ("file:two", "blank, or not one line"),
    "bytes": ("file:bytes", "blank, or not one line"),
    "not set": ("env:NOT_SET", "NOT_SET, which is not set"),
    "the secret itself": (SECRET, "does not say where its client secret is"),
    "a plain one": (f"plain:{SECRET}", "does not say where its client secret is"),
    "nothing": ("file:", "does not say where"),
}


def profile_of(provider, name: str) -> None:
    """Store a profile whose secret has one of the sources."""
    profiles_file().parent.mkdir(parents=True)
    profiles_file().write_text(
        f'[job]\nclient_id = "{APP_ID}"\ntenant = "{TENANT}"\nmethod = "client_secret"\n'
        f"secret = {json.dumps(SOURCES[name][0])}\n"
        f'cloud = {{name = "own", authority = "{provider.url}", api = "https://127.0.0.1:9"}}\n'
    )


@pytest.mark.parametrize("name", SOURCES)
def test_what_cannot_prove_anything_is_not_sent(provider, home, name):
    """Each fault of a place or file in words, without what is in it."""
    private(home / "open", SECRET).chmod(0o640)
    private(home / "empty", "\n")
    private(home / "two", f"{SECRET}\n{SECRET}")
    private(home / "bytes", b"\xff\xfe")
    profile_of(provider, name)
    error = refused(provider, lambda: sign_in(profile="job"), ConfigurationError)
    assert SOURCES[name][1] in error.message
    assert error.remedy
    assert provider.count("app") == 0


def test_a_pipe_and_a_secret_in_the_place_of_a_path(provider, home, monkeypatch):
    """The one is not waited for, and the other is not repeated."""
    os.mkfifo(home / "pipe", 0o600)
    prepare("client_secret", provider, home, monkeypatch)
    monkeypatch.delenv("PCNOTEBOOKS_CLIENT_SECRET", raising=False)
    for place, words in ((home / "pipe", "blank"), (SECRET, "cannot be read"),
                         (f"Se/{SECRET}", "cannot be read")):  # fmt: skip
        monkeypatch.setenv("PCNOTEBOOKS_CLIENT_SECRET_FILE", str(place))
        error = refused(provider, lambda: app(provider), ConfigurationError)
        assert words in error.message
        assert SECRET not in f"{error} {error!r}"
    for token, words in ((home / "pipe", "blank"), (home / "none", "cannot be read")):
        prepare("workload_identity", provider, home, monkeypatch)
        monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(token))
        error = refused(provider, lambda: app(provider, method="workload_identity"),
                        ConfigurationError)  # fmt: skip
        assert words in error.message


def test_the_method_given_wins(provider, home, monkeypatch):
    """Over that of a profile, which wins over the environment."""
    profile_of(provider, next(iter(SOURCES)))
    monkeypatch.setenv("PCNOTEBOOKS_METHOD", "certificate")
    given = resolve(profile="job", method="device_code")
    assert (given.method, given.is_app) == ("device_code", False)
    assert resolve(profile="job").method == "client_secret"


def test_certificates_that_cannot_sign(provider, home, monkeypatch):
    """Without key, with another's, not RSA, open to others, with a wrong passphrase."""
    whole = pem(home / "whole.pem").read_text()
    locked = pem(home / "locked.pem", encryption=ENCRYPTED)
    key = whole[whole.index("-----BEGIN PRIVATE") :]
    cases = [
        (private(home / "key.pem", key), None, "has no certificate in PEM"),
        (private(home / "cert.pem", whole.replace(key, "")), None, "has no private key in PEM"),
        (private(home / "text.pem", "secret"), None, "has no private key in PEM"),
        (pem(home / "other.pem", of_another=True), None, "does not match its certificate"),
        (pem(home / "ec.pem", ec.generate_private_key(ec.SECP256R1())), None, "not RSA"),
        (locked, None, "has a key with a passphrase"),
        (locked, "another", "has another passphrase"),
        (home / "whole.pem", "needless", "has a key without a passphrase"),
        (home / "missing.pem", None, "cannot be read from"),
    ]
    for path, passphrase, words in cases:
        monkeypatch.setenv("PCNOTEBOOKS_CERTIFICATE", str(path))
        monkeypatch.setenv(proofs.PASSPHRASE, passphrase or "")
        error = refused(provider, lambda: app(provider, method="certificate"), ConfigurationError)
        assert words in error.message, error.message
    monkeypatch.delenv("PCNOTEBOOKS_CERTIFICATE")
    error = refused(provider, lambda: app(provider, method="certificate"), ConfigurationError)
    assert "No certificate is named" in error.message
    assert provider.count("app") == 0


def test_a_key_with_a_passphrase(provider, home, monkeypatch):
    """The passphrase is in the environment; the key that msal signs with is the right one."""
    prepare("certificate", provider, home, monkeypatch)
    key = serialization.load_pem_private_key((home / "job.pem").read_bytes(), None)
    pem(home / "job.pem", key, ENCRYPTED)
    monkeypatch.setenv(proofs.PASSPHRASE, provider.secret("open sesame"))
    assert access_token(app(provider, method="certificate"))


def test_a_refused_proof(provider, home, monkeypatch):
    """Entra's number, its remedy, and nothing secret."""
    monkeypatch.setenv(proofs.SECRET, provider.secret(f"{SECRET}-of-last-year"))
    error = refused(provider, lambda: app(provider))
    assert (error.code, "AADSTS7000215" in error.message) == ("7000215", True)
    assert "secret" in error.remedy
    prepare("workload_identity", provider, home, monkeypatch)
    (home / "token").write_text(assertion(provider, sub="repo:fabrikam/billing"))
    assert refused(provider, lambda: app(provider, method="workload_identity")).code == "700027"
    provider.answers["app"] = refusal(7000222)
    assert "expired" in refused(provider, lambda: app(provider)).remedy


def test_the_tenant_has_to_be_named(provider, monkeypatch):
    """An app without a user signs in to one tenant."""
    monkeypatch.setenv(proofs.SECRET, SECRET)
    error = refused(provider, lambda: app(provider, tenant=None), ConfigurationError)
    assert "needs a single tenant" in error.message
    assert provider.requests == []


def test_github_gives_a_token_for_each_sign_in(provider, partner_center, home, monkeypatch):
    """Asked for at its address, for the audience of the cloud; nowhere in the clear."""
    runner = partner_center(
        *[lambda _: Answer(json.dumps({"value": assertion(provider)}).encode())] * 2,
        Answer(b"{}"), Answer(b"no", 403), Answer(reset=True), Answer(reset=True),
    )  # fmt: skip
    monkeypatch.setenv(proofs.TOKEN_URL, f"{runner.url}/token?api-version=2.0")
    monkeypatch.setenv(proofs.TOKEN_BEARER, provider.secret(TOKEN))
    assert access_token(app(provider, method="workload_identity"))
    (request,) = runner.requests
    assert request.path.endswith("?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    sign_out()
    assert access_token(app(provider, method="workload_identity"))
    for words in ("without a token", "answered 403", "the connection"):
        sign_out()
        error = refused(provider, lambda: app(provider, method="workload_identity"))
        assert words in error.message
        assert "id-token: write" in error.remedy
    monkeypatch.setenv(proofs.TOKEN_URL, "http://runner.example/token")
    error = refused(provider, lambda: app(provider, method="workload_identity"), ConfigurationError)
    assert "https" in error.message


def test_without_a_workload_identity(provider, home, monkeypatch):
    """Neither file nor address, or a file that is gone."""
    error = refused(provider, lambda: app(provider, method="workload_identity"), ConfigurationError)
    assert "no workload identity" in error.message
    monkeypatch.setenv(proofs.TOKEN_FILE, str(home / "gone"))
    error = refused(provider, lambda: app(provider, method="workload_identity"), ConfigurationError)
    assert "cannot be read from" in error.message


@pytest.mark.parametrize("cloud", ["global", "us_government", "china"])
def test_national_clouds(cloud, home, monkeypatch):
    """The login service and the scope are the cloud's own."""
    settings = resolve(cloud, client_id=APP_ID, tenant=TENANT, method="client_secret")
    credential = AppCredential(settings)
    assert credential.scope == f"{settings.cloud.api}/.default"
    assert settings.authority == f"{settings.cloud.authority}/{TENANT}"


def test_no_proof_is_shown(provider, home, monkeypatch):
    """Neither by the session nor by a copy of it; it cannot be pickled."""
    prepare("client_secret", provider, home, monkeypatch)
    session = app(provider)
    credential = session.credential
    looks = map(repr, (session, vars(session), credential, credential.settings))
    assert not provider.shown_in("".join(looks))
    assert APP_ID in repr(session.credential)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(session)
    assert not list(home.rglob("tokens*"))
