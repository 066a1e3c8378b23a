"""Find the proof of identity of an app without a user.

A proof is a client secret, a certificate or a token of the platform that runs the job. Arguments
and profiles never hold one, because they end up in notebooks, shell histories and backups.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlsplit

from pcnotebooks.clouds import is_loopback
from pcnotebooks.errors import ConfigurationError, SignInError
from pcnotebooks.links import page
from pcnotebooks.session.discreet import discreet
from pcnotebooks.session.faults import explained
from pcnotebooks.session.settings import Settings
from pcnotebooks.session.transport import Bearer, Http
from pcnotebooks.text import hidden, one_line

SECRET, SECRET_FILE = "PCNOTEBOOKS_CLIENT_SECRET", "PCNOTEBOOKS_CLIENT_SECRET_FILE"
PASSPHRASE = "PCNOTEBOOKS_CERTIFICATE_PASSPHRASE"  # noqa: S105  a name
# Kubernetes, Azure Pipelines and others renew a file; GitHub has an address to ask.
TOKEN_FILE = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105  a name
TOKEN_URL, TOKEN_BEARER = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
# The audience that Entra recommends for an external token, by login service.
_AUDIENCES: Mapping[str, str] = MappingProxyType(
    {
        "https://login.microsoftonline.us": "api://AzureADTokenExchangeUSGov",
        "https://login.chinacloudapi.cn": "api://AzureADTokenExchangeChina",
    }
)
_AUDIENCE = "api://AzureADTokenExchange"
_LARGEST = 2**20
_KEY = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL | re.ASCII)
_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL | re.ASCII
)
_SOURCES = (
    "Name its place: env:NAME for an environment variable, file:PATH for a file that only its"
    " owner can read, or keyring:NAME for an entry of the keyring (service pcnotebooks)."
)


@discreet
def proof_of(settings: Settings) -> Any:
    """Return the proof of an app as msal takes it.

    Raises
    ------
    ConfigurationError
        If there is no proof in the place that the settings name, or it cannot be used.
    """
    if settings.method == "client_secret":
        return _read(_source_of_secret(settings), "client secret")
    if settings.method == "certificate":
        return _certificate(settings)
    return {"client_assertion": _assertion(settings)}


def _source_of_secret(settings: Settings) -> str:
    if settings.secret:
        return settings.secret
    if os.environ.get(SECRET):
        return f"env:{SECRET}"
    if path := os.environ.get(SECRET_FILE):
        return f"file:{path}"
    return f"keyring:{settings.client_id}"


def _read(source: str, what: str) -> str:
    """Return a secret from its source.

    Raises
    ------
    ConfigurationError
        If there is no secret, or other users can read it.
    """
    kind, _, name = source.partition(":")
    readers = {"env": _from_environment, "file": _from_file, "keyring": _from_keyring}
    if kind not in readers or not name:
        # The value may be the secret itself, so it is not repeated.
        raise ConfigurationError(f"The profile does not say where its {what} is.", remedy=_SOURCES)
    value = readers[kind](name, what).strip()
    if not value or not value.isprintable():
        raise ConfigurationError(
            f"The {what} of {kind} {name!r} is blank, or not one line of text.",
            remedy="Store only the secret's value, which Entra shows once.",
        )
    return value


def _from_environment(name: str, what: str) -> str:
    if name in os.environ:
        return os.environ[name]
    raise ConfigurationError(
        f"The {what} should be in the environment variable {hidden(name)}, which is not set.",
        remedy="Set it for the job, from the scheduler's secret store.",
    )


def _from_file(name: str, what: str) -> str:
    return _private_file(Path(name).expanduser(), what)


def _from_keyring(name: str, what: str) -> str:
    try:
        import keyring  # noqa: PLC0415  an extra, which most users do not need
        import keyring.errors  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            f"No {what} is named, and the keyring cannot be read without the package keyring.",
            remedy=f'Set {SECRET} or {SECRET_FILE}, or run: pip install "pcnotebooks[keyring]".',
        ) from None
    try:
        value = keyring.get_password("pcnotebooks", name)
    except keyring.errors.KeyringError as error:
        raise ConfigurationError(
            f"The {what} cannot be read from the keyring ({type(error).__name__}).",
            remedy=f"Unlock the keyring, or set {SECRET} or {SECRET_FILE}.",
        ) from None
    if value:
        return value
    raise ConfigurationError(
        f"The keyring has no {what} under {hidden(name)!r} for the service pcnotebooks.",
        remedy=f"Run: keyring set pcnotebooks {hidden(name)}; or set {SECRET} or {SECRET_FILE}.",
    )


def _private_file(path: Path, what: str) -> str:
    """Return the text of a file that only its owner can read.

    Raises
    ------
    ConfigurationError
        If there is no file, or other users can read it.
    """
    content, found = _content(path, f"The {what}")
    mode = stat.S_IMODE(found)
    if os.name == "posix" and mode & 0o077:
        raise ConfigurationError(
            f"Other users can read the {what} in {path} (mode {mode:04o}), so it was not used.",
            remedy=f"Run: chmod 600 '{path}'. If other people use this machine, create a new one.",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ""


def _content(path: Path, what: str) -> tuple[bytes, int]:
    """Return the bytes and the mode of a file; no bytes for a pipe, which may have no end.

    Raises
    ------
    ConfigurationError
        If there is no file, or it cannot be read.
    """
    try:
        # Do not wait for a pipe; Windows has no pipes among its files.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:  # noqa: PTH123
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_LARGEST + 1) if stat.S_ISREG(mode) else b""
    except (OSError, ValueError) as error:
        # A secret may be given instead of its path, so only an existing place is shown.
        place = str(path) if os.path.lexists(path.parent) and len(path.parts) > 1 else "its file"
        why = getattr(error, "strerror", None) or "it is not a path"
        raise ConfigurationError(
            f"{what} cannot be read from {hidden(place)}: {why}.",
            remedy="Check the path, and that the job's user owns the file.",
        ) from None
    return (content if len(content) <= _LARGEST else b""), mode


def _certificate(settings: Settings) -> dict[str, str]:
    """Return certificate, private key and passphrase for msal, which signs with them."""
    if not settings.certificate:
        raise ConfigurationError(
            "No certificate is named.",
            remedy="Give the path of a PEM file with certificate and private key: set certificate"
            " in the profile, or the environment variable PCNOTEBOOKS_CERTIFICATE.",
        )
    path = Path(settings.certificate).expanduser()
    text = _private_file(path, "certificate's key")
    source = settings.passphrase or (f"env:{PASSPHRASE}" if os.environ.get(PASSPHRASE) else None)
    passphrase = _read(source, "passphrase") if source else ""
    found = {"private_key": _KEY.search(text), "public_certificate": _CERTIFICATE.search(text)}
    proof = {name: match[0] for name, match in found.items() if match}
    if fault := _fault(proof, passphrase):
        raise ConfigurationError(
            f"The file {path} {fault}.",
            remedy="Put the certificate and its private key into one PEM file. Name a passphrase"
            f" in the profile, or set {PASSPHRASE}.",
        )
    return proof | ({"passphrase": passphrase} if passphrase else {})


def _fault(proof: Mapping[str, str], passphrase: str) -> str | None:
    """Return why msal could not sign with a certificate; None if it can."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    if len(proof) < 2:
        missing = "certificate" if "private_key" in proof else "private key"
        return f"has no {missing} in PEM form"
    try:
        key = load_pem_private_key(
            proof["private_key"].encode(), passphrase.encode() if passphrase else None
        )
        holder = load_pem_x509_certificate(proof["public_certificate"].encode()).public_key()
    except TypeError:
        return "has a key without a passphrase" if passphrase else "has a key with a passphrase"
    except ValueError:  # also for a wrong passphrase
        return "cannot be read, or has another passphrase"
    if not isinstance(key, RSAPrivateKey):
        return "has a key that is not RSA, and Entra accepts no other"
    return None if key.public_key() == holder else "has a key that does not match its certificate"


def _assertion(settings: Settings) -> Callable[[], str]:
    """Return a function that returns the platform's current token, which is valid for minutes."""
    if path := os.environ.get(TOKEN_FILE):
        return lambda: _token_in_file(Path(path))
    url, bearer = os.environ.get(TOKEN_URL), os.environ.get(TOKEN_BEARER)
    if url and bearer:
        return lambda: _token_of_github(settings)
    raise ConfigurationError(
        f"This machine has no workload identity: neither {TOKEN_FILE} nor {TOKEN_URL} is set.",
        remedy="On GitHub Actions give the job the permission id-token: write; on Kubernetes"
        f" enable workload identity for the pod. See {page('guides/unattended')}.",
    )


def _token_in_file(path: Path) -> str:
    what = "The token of the workload identity"
    token = _content(path, what)[0].decode(errors="replace").strip()
    if token.isascii() and token.isprintable() and token:
        return token
    raise ConfigurationError(
        f"{what} cannot be read from {path}: it is blank, or not one line of text.",
        remedy=f"Check {TOKEN_FILE}, and that the job's user can read the file.",
    )


@discreet
def _token_of_github(settings: Settings) -> str:
    """Return a token of this GitHub Actions run, issued for Entra."""
    url = os.environ[TOKEN_URL]
    parts = urlsplit(url)
    host = one_line(parts.hostname or "", 100)
    if parts.scheme != "https" and not is_loopback(parts.hostname):
        raise ConfigurationError(
            f"{TOKEN_URL} is not an https address.", remedy="Leave it as GitHub Actions sets it."
        )
    audience = _AUDIENCES.get(settings.cloud.authority, _AUDIENCE)
    asked = f"{url}{'&' if parts.query else '?'}audience={quote(audience, safe='')}"
    try:
        with Http() as http:
            bearer = Bearer(os.environ[TOKEN_BEARER])
            answer = http.ask(asked, headers={"Accept": "application/json"}, bearer=bearer)
        if answer.status == 200:
            return str(json.loads(answer.body)["value"])
        what = f"answered {answer.status}"
    except OSError as error:
        what = explained(error)[1]
    except (ValueError, LookupError, TypeError):
        what = "gave an answer without a token"
    raise SignInError(
        f"GitHub Actions gave no token for the job: {host} {what}.",
        code="unreachable",
        remedy="Give the job the permission id-token: write, and run it again.",
    )
