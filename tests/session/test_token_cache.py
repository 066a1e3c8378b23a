"""Where tokens are kept: memory, keyring, file; shared, damaged, foreign, signed out of."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import msal_extensions
import portalocker
import pytest
from msal_extensions.persistence import PersistenceDecryptionError, PersistenceEncryptionError

from pcnotebooks.errors import ConfigurationError, PcNotebooksWarning, SignInError
from pcnotebooks.service.fetch import fetch_invoice_summaries
from pcnotebooks.session.session import (
    access_token,
    tenant_of,
)
from pcnotebooks.session.sign_in import sign_out
from pcnotebooks.session.token_cache import Account
from tests.services.identity_provider import (
    CLIENT_ID,
    TENANT,
    USERNAME,
    signing_key,
)
from tests.services.users import (
    EXPIRING,
    cached_accounts,
    files,
    never,
    refused,
    signed_in,
)


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


KERNEL = """
import sys
from pcnotebooks.session.session import access_token
from pcnotebooks.session.sign_in import sign_in
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
            assert "try again" in error.remedy
    assert identity_provider.count("devicecode") == 1
    assert identity_provider.count("refresh") == 0
    sign_out(session)


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
    with pytest.raises(ConfigurationError, match="is a link, or belongs to another user"):
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
    with pytest.raises(ConfigurationError, match="is a link, or belongs to another user"):
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


def test_signing_out_without_anything_is_fine(home):
    """It may be called at any time, and creates nothing."""
    sign_out()
    assert files(home) == []


KILLED = """
import os, pathlib, signal
from pcnotebooks.session import token_cache
pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
file = token_cache._PrivateFile(str(token_cache.cache_file("plain")))
file.save('{"RefreshToken": {"a": "LEFT"}}')
"""


def killed_while_writing(home):
    """Leave what a process leaves that is killed between writing and renaming; return the files."""
    subprocess.run([sys.executable, "-c", KILLED], check=False, timeout=60)
    return [path for path in files(home) if "LEFT" in path.read_text()]


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
@pytest.mark.parametrize("everything", [True, False], ids=["sign_out()", "sign_out(session)"])
def test_a_copy_of_a_killed_process_is_deleted(identity_provider, home, everything):
    """Signing out leaves no token in any file, however a process before it ended."""
    session = signed_in(identity_provider, cache="plain")
    (left,) = killed_while_writing(home)
    assert stat.S_IMODE(left.stat().st_mode) == 0o600
    sign_out(None if everything else session)
    assert not any("LEFT" in path.read_text() for path in files(home))


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such rights")
@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604, 0o777])
def test_a_cache_that_others_can_read_is_told_and_closed(identity_provider, home, mode):
    """A file from a backup or another program is the user's alone from its first use on."""
    signed_in(identity_provider, cache="plain")
    path = plain_file(home)
    path.chmod(mode)
    with pytest.warns(PcNotebooksWarning, match=f"mode {mode:04o}") as caught:
        signed_in(identity_provider, cache="plain", prompt=never)
    assert len(caught) == 1
    assert "sign_out()" in str(caught[0].message)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    signed_in(identity_provider, cache="plain", prompt=never)  # and is not told again


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
@pytest.mark.parametrize("name", ["renewing.lock", "tokens.json.lockfile"])
@pytest.mark.parametrize("exists", [True, False], ids=["to a file", "to nothing"])
def test_a_lock_that_is_a_link_is_refused(identity_provider, home, tmp_path, name, exists):
    """A lock is opened for writing: what it leads to would be emptied, or made."""
    elsewhere = tmp_path / "elsewhere"
    if exists:
        elsewhere.write_text("precious")
    folder = home / ".data" / "pcnotebooks"
    folder.mkdir(parents=True)
    (folder / name).symlink_to(elsewhere)
    error = refused(
        identity_provider,
        lambda: access_token(signed_in(identity_provider, cache="plain")),
        ConfigurationError,
    )
    assert f"{name} is a link, or belongs to another user" in error.message
    assert elsewhere.exists() is exists
    assert not exists or elsewhere.read_text() == "precious"
    sign_out()
    assert not (folder / name).is_symlink()
    assert access_token(signed_in(identity_provider, cache="plain"))


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_signal_of_the_keyring_that_is_a_link_is_refused(
    identity_provider, home, tmp_path, keyring
):
    """The file that signals changes of the keyring is written to as well."""
    elsewhere = tmp_path / "elsewhere"
    folder = home / ".data" / "pcnotebooks"
    folder.mkdir(parents=True)
    (folder / "tokens.bin").symlink_to(elsewhere)
    with pytest.raises(ConfigurationError, match=r"tokens\.bin is a link, or belongs"):
        signed_in(identity_provider, cache="encrypted", prompt=never)
    assert not elsewhere.exists()
