"""What tests of several modules share."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from joserfc.jwk import RSAKey

from pcnotebooks.session.sign_in import sign_out
from tests.services.identity_provider import IdentityProvider
from tests.services.partner_center import PartnerCenter, Step
from tests.services.planted import shown


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's proxies, certificate bundles and netrc out of the tests."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return a certificate authority that nobody trusts by themselves."""
    return trustme.CA()


@pytest.fixture(scope="session")
def authority_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file to name in REQUESTS_CA_BUNDLE."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="session")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """Return a server's context for this machine and for api.partner.test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost", "api.partner.test").configure_cert(context)
    return context


@pytest.fixture
def partner_center() -> Iterator[Callable[..., PartnerCenter]]:
    """Return a function that starts a Partner Center on loopback, from its steps."""
    with ExitStack() as running:

        def start(
            *steps: Step, tls: ssl.SSLContext | None = None, key: RSAKey | None = None
        ) -> PartnerCenter:
            return running.enter_context(PartnerCenter(*steps, tls=tls, key=key))

        yield start


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home, which is also the working directory, of a user without settings."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / ".data"))
    for name in ("CLIENT_ID", "TENANT", "CLOUD", "PROFILE", "CACHE"):
        monkeypatch.delenv(f"PCNOTEBOOKS_{name}", raising=False)
    return home


@pytest.fixture
def logged() -> Iterator[list[logging.LogRecord]]:
    """Return every record that is logged from now on, at DEBUG, but for the provider's own."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]  # all that a handler has to do
    handler.addFilter(lambda record: not record.name.startswith("authlib"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield records
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def identity_provider(
    home: Path,
    tls: ssl.SSLContext,
    authority_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    logged: list[logging.LogRecord],
) -> Iterator[IdentityProvider]:
    """Return a running identity provider, none of whose secrets stands in any log afterwards."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority_file))
    with IdentityProvider(tls) as provider:
        yield provider
    sign_out()  # the next provider may get the same port
    for record in logged:
        assert not provider.shown_in(f"{record.getMessage()} {vars(record)}")
        if record.exc_info and record.exc_info[1]:
            assert not provider.shown_in(shown(record.exc_info[1]))
