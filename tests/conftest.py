"""What tests of several modules share."""

from __future__ import annotations

import logging
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme

from pcnotebooks.cli.main import main
from pcnotebooks.session.settings import profiles_file
from pcnotebooks.session.sign_in import sign_out
from tests.services.identity_provider import CLIENT_ID, TENANT, IdentityProvider, signing_key
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


@pytest.fixture(autouse=True)
def _nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the choices that an earlier test made in a dashboard: a kernel remembers them."""
    if module := sys.modules.get("pcnotebooks.widgets.dashboard"):
        monkeypatch.setattr(module, "_LAST", {})


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

        def start(*steps: Step, **options: Any) -> PartnerCenter:
            return running.enter_context(PartnerCenter(*steps, **options))

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
    """Return every record that is logged from now on, at level 1, but for the provider's own."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]  # all that a handler has to do
    handler.addFilter(lambda record: not record.name.startswith("authlib"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
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


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, which is also the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Return a function that runs a command and returns its exit code."""

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["pcnotebooks", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run


@pytest.fixture
def contoso(
    identity_provider: IdentityProvider,
    partner_center: Callable[..., PartnerCenter],
    tls: ssl.SSLContext,
) -> PartnerCenter:
    """Store a profile that leads to a Partner Center and an identity provider on loopback."""
    service = partner_center(tls=tls, key=signing_key())
    path = profiles_file()
    path.parent.mkdir(parents=True)
    path.write_text(
        f'[contoso]\nclient_id = "{CLIENT_ID}"\ntenant = "{TENANT}"\npartner = "Contoso"\n'
        f'cloud = {{name = "own", label = "Own", authority = "{identity_provider.url}",'
        f' api = "{service.cloud.api}"}}\n'
    )
    return service
