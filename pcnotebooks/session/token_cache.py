"""Cache tokens: in memory, in the platform's keyring, or on request in a plain file."""

from __future__ import annotations

import base64
import json
import os
import stat
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msal
import msal_extensions
import platformdirs
import portalocker

from pcnotebooks.errors import (
    ConfigurationError,
    PcNotebooksError,
    PcNotebooksWarning,
    SignInError,
)
from pcnotebooks.session.discreet import discreet
from pcnotebooks.session.settings import CACHES, Settings

_MEMORY: dict[tuple[str, str], msal.SerializableTokenCache] = {}
_FILES = {"encrypted": "tokens.bin", "plain": "tokens.json"}
_RENEWING = "renewing.lock"
_UNFINISHED = ".new"
# A renewal may send two requests, for the login service's aliases and for a token; each is
# abandoned after 95 seconds.
_RENEWED_WITHIN = 200


def token_cache(settings: Settings) -> msal.SerializableTokenCache:
    """Return the cache that the settings name.

    Raises
    ------
    ConfigurationError
        If the platform has no keyring, or the file is damaged or another user's.
    """
    if settings.cache == "memory":
        return _MEMORY.setdefault(
            (settings.authority, settings.client_id), msal.SerializableTokenCache()
        )
    return _persisted_cache(settings.cache)


def _persisted_cache(kind: str) -> msal_extensions.PersistedTokenCache:
    path = cache_file(kind)
    _private_folder(path.parent)
    _require_own(path)
    if kind == "plain":
        persistence: Any = _PrivateFile(str(path))
        persistence.check()
    else:
        try:
            persistence = msal_extensions.build_encrypted_persistence(str(path))
        except (ImportError, RuntimeError, OSError, ValueError) as error:
            raise ConfigurationError(
                "This machine has no keyring for an encrypted token cache"
                f" ({type(error).__name__}).",
                remedy="Use the cache memory and sign in each time, or the cache plain, a file"
                " that only you can read.",
            ) from None
    return _FileCache(persistence)


def _private_folder(folder: Path) -> None:
    failure = None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_mine(folder):
            folder.chmod(0o700)
        else:
            failure = "it belongs to another user"
    except OSError as error:
        failure = error.strerror
    if failure:
        raise ConfigurationError(
            f"Tokens cannot be kept in {folder}: {failure}.",
            remedy="Take ownership of that folder, or use the cache memory.",
        )


def _is_mine(path: Path) -> bool:
    return not hasattr(os, "getuid") or path.lstat().st_uid == os.getuid()


def _require_own(path: Path) -> None:
    """Refuse another user's file, and a link, whose target would be overwritten."""
    if path.is_symlink() or (path.exists() and not _is_mine(path)):
        raise ConfigurationError(
            f"{path} is a link, or belongs to another user.",
            remedy="Delete it, or call sign_out(), and sign in again.",
        )


class _FileCache(msal_extensions.PersistedTokenCache):  # type: ignore[misc]  # it has no types
    """Forgets its tokens when its file is deleted: msal's cache would write them again.

    Errors of the file or its keyring are reported as such, not as errors of the login service.
    """

    def _reload_if_necessary(self) -> None:
        path = Path(self._persistence.get_location())
        if not path.exists():
            self.deserialize("{}")
        try:
            super()._reload_if_necessary()
        except PcNotebooksError:
            raise
        except Exception as error:  # noqa: BLE001  each keyring has other errors
            raise ConfigurationError(
                f"The token cache {path} is damaged or cannot be read ({type(error).__name__}).",
                remedy="Call sign_out(), and sign in again.",
            ) from None

    def deserialize(self, state: str | None) -> None:
        if state and not _is_whole(json.loads(state)):
            raise ValueError("not a token cache")
        super().deserialize(state)

    def modify(self, *args: Any, **options: Any) -> None:
        _require_own(Path(self._lock_location))
        try:
            super().modify(*args, **options)
        except PcNotebooksError:
            raise
        except portalocker.LockException:
            raise _locked() from None
        except Exception as error:  # noqa: BLE001  as above
            raise ConfigurationError(
                f"The token cache {self._persistence.get_location()} cannot be written"
                f" ({type(error).__name__}).",
                remedy="Check the disk and the keyring, or use the cache memory.",
            ) from None


class _PrivateFile(msal_extensions.FilePersistence):  # type: ignore[misc]  # it has no types
    """A file that only its owner can read, replaced as a whole; msal truncates it in place."""

    def check(self) -> None:
        """Raise for another user's file, a link or a damaged cache; revoke other users' rights."""
        path = Path(self.get_location())
        _require_own(path)
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            is_whole = _is_whole(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return
        except (ValueError, OSError):
            is_whole = False
        if not is_whole:
            raise ConfigurationError(
                f"The token cache {path} is damaged or cannot be read.",
                remedy="Delete it, or call sign_out(), and sign in again.",
            )
        if os.name == "posix" and mode & 0o077:
            path.chmod(0o600)
            warnings.warn(
                f"Other users could read the token cache {path} (mode {mode:04o}); now only you"
                " can. If other people use this machine, call sign_out() and sign in again.",
                PcNotebooksWarning,
                stacklevel=2,
            )

    def load(self) -> str:
        self.check()
        return str(super().load())

    def save(self, content: str) -> None:
        path = Path(self.get_location())
        unfinished = path.with_name(path.name + _UNFINISHED)
        # Such a file was left by a killed process: the lock keeps other processes away.
        unfinished.unlink(missing_ok=True)
        try:
            handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(content)
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise


# Fields of an entry that msal reads without asking whether they exist.
_NEEDED = {
    "AccessToken": {"secret", "target", "expires_on"},
    "RefreshToken": {"secret"},
    "IdToken": {"secret"},
    "Account": {"username", "realm", "environment", "authority_type"},
}


_TOKENS = ("AccessToken", "RefreshToken", "IdToken")


def _is_whole(content: object) -> bool:
    return isinstance(content, dict) and all(
        isinstance(entries, dict)
        and all(
            isinstance(entry, dict)
            and all(isinstance(entry.get(name), str) for name in _NEEDED.get(kind, ()))
            and all(
                str(entry.get(name, 0)).lstrip("-").isdecimal()
                for name in ("expires_on", "refresh_on")
            )
            for entry in entries.values()
        )
        for kind, entries in content.items()
    )


def tenant_id(cache: msal.TokenCache, account: Mapping[str, str]) -> str | None:
    """Return the tenant of an account; for "organizations", only its tokens name one."""
    query = {name: account.get(name) for name in ("home_account_id", "environment", "realm")}
    for entry in cache.search(msal.TokenCache.CredentialType.ID_TOKEN, query=query):
        found = claims_of(entry["secret"]).get("tid")
        return found if isinstance(found, str) else None
    return None


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a token, unverified, because the service verifies them.

    Empty for a token that is not a JWT.
    """
    try:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    except (ValueError, LookupError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def cache_file(kind: str) -> Path:
    """Return the path of a cache of this kind."""
    return platformdirs.user_data_path("pcnotebooks", appauthor=False) / _FILES[kind]


@contextmanager
def renewing(settings: Settings) -> Iterator[None]:
    """Lock out other processes while a token is renewed: a refresh token may work only once.

    Raises
    ------
    SignInError
        If another process does not finish.
    ConfigurationError
        If the lock file is a link, or belongs to another user.
    """
    if settings.cache == "memory":
        yield
        return
    path = cache_file(settings.cache).with_name(_RENEWING)
    _require_own(path)
    lock = portalocker.Lock(path, timeout=_RENEWED_WITHIN)
    try:
        lock.acquire()
    except portalocker.LockException:
        raise _locked() from None
    try:
        yield
    finally:
        lock.release()


def _locked() -> SignInError:
    return SignInError(
        "Another process holds the token cache: it is signing in, or renewing a sign-in.",
        code="locked",
        remedy="Wait until that process has finished, or end that process, then try again.",
    )


def caches_of(kind: str) -> list[msal.SerializableTokenCache]:
    """Return the existing caches of a kind.

    Raises
    ------
    ConfigurationError
        As `token_cache`.
    """
    if kind == "memory":
        return list(_MEMORY.values())
    return [_persisted_cache(kind)] if cache_file(kind).exists() else []


@dataclass(frozen=True)
class Account:
    """A cached sign-in."""

    username: str
    tenant: str
    authority: str
    cache: str


def readable_accounts() -> tuple[list[Account], dict[str, ConfigurationError]]:
    """Return the accounts of every readable cache, and the errors of the others."""
    accounts: list[Account] = []
    unreadable = {}
    for kind in CACHES:
        try:
            accounts += _accounts(kind)
        except ConfigurationError as error:
            unreadable[kind] = error
    return accounts, unreadable


@discreet
def _accounts(kind: str) -> list[Account]:
    return [
        Account(
            entry["username"], tenant_id(cache, entry) or entry["realm"], entry["environment"], kind
        )
        for cache in caches_of(kind)
        for entry in cache.search(msal.TokenCache.CredentialType.ACCOUNT)
    ]


@discreet
def cached_tokens() -> list[str]:
    """Return the tokens of every readable cache, so that a page can be searched for them."""
    tokens: list[str] = []
    for kind in CACHES:
        with suppress(ConfigurationError):  # an unreadable cache must not prevent a page
            tokens += [
                entry["secret"]
                for cache in caches_of(kind)
                for credential in _TOKENS
                for entry in cache.search(credential)
            ]
    return tokens


@discreet
def delete_caches() -> None:
    """Delete every token in memory, and every file.

    Raises
    ------
    ConfigurationError
        If a cache cannot be reached; all others are deleted first.
    """
    for cache in _MEMORY.values():
        cache.deserialize("{}")
    failures = [failure for kind in ("plain", "encrypted") for failure in _deleted(kind)]
    if failures:
        raise ConfigurationError(
            f"Not every sign-in could be deleted: {'; '.join(failures)}.",
            remedy="Sign out again once the cache can be reached. An administrator can also revoke"
            " the user's sessions.",
        )


def _deleted(kind: str) -> Iterator[str]:
    """Delete a cache, and yield a reason for each part that could not be deleted."""
    path = cache_file(kind)
    if not path.parent.is_dir():
        return
    names = (path.name, path.name + _UNFINISHED, path.name + ".lockfile", _RENEWING)
    files = [path.with_name(name) for name in names]
    if kind == "encrypted" and path.exists():
        try:
            # Except on Windows the file only signals changes; the tokens are in the keyring.
            msal_extensions.build_encrypted_persistence(str(path)).save("{}")
        except Exception as error:  # noqa: BLE001  each keyring has other errors
            if not path.stat().st_size:
                # The file stays, so that the next sign-out tries again.
                files.remove(path)
                yield (
                    f"the keyring cannot be reached ({type(error).__name__}); if this machine"
                    f" no longer has one, delete {path}"
                )
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            yield f"{file} cannot be deleted ({error.strerror})"
