"""Where tokens are kept: in memory, in the platform's keyring, or in a file when asked for."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import msal
import msal_extensions
import platformdirs
import portalocker

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.profiles import Settings

_MEMORY: dict[tuple[str, str], msal.SerializableTokenCache] = {}
_FILES = {"encrypted": "tokens.bin", "plain": "tokens.json"}
_RENEWING = "renewing.lock"


def token_cache(settings: Settings) -> msal.SerializableTokenCache:
    """Return the cache that the settings ask for, as it is.

    Raises
    ------
    ConfigurationError
        Where the platform has no keyring, or the file is another's or damaged.
    """
    if settings.cache == "memory":
        return _MEMORY.setdefault(
            (settings.authority, settings.client_id), msal.SerializableTokenCache()
        )
    return _persisted_cache(settings.cache)


def _persisted_cache(kind: str) -> msal_extensions.PersistedTokenCache:
    path = cache_file(kind)
    _private_folder(path.parent)
    if kind == "plain":
        persistence: Any = _PrivateFile(str(path))
        persistence.check()
    else:
        failure = None
        try:
            persistence = msal_extensions.build_encrypted_persistence(str(path))
        except (ImportError, RuntimeError, OSError, ValueError) as error:
            failure = type(error).__name__
        if failure:
            raise ConfigurationError(
                f"This machine has no keyring for an encrypted token cache ({failure}).",
                remedy="With the cache memory you sign in each time; a file that only you can read"
                " is the cache plain.",
            )
    return _FileCache(persistence)


def _private_folder(folder: Path) -> None:
    failure = None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_mine(folder):
            folder.chmod(0o700)
        else:
            failure = "it is another user's"
    except OSError as error:
        failure = error.strerror
    if failure:
        raise ConfigurationError(
            f"Tokens cannot be kept in {folder}: {failure}.",
            remedy="Give that folder to yourself, or use the cache memory.",
        )


def _is_mine(path: Path) -> bool:
    return not hasattr(os, "getuid") or path.lstat().st_uid == os.getuid()


class _FileCache(msal_extensions.PersistedTokenCache):  # type: ignore[misc]  # it has no types
    """Forgets its tokens with the file: msal's own would write them again after a sign-out."""

    def _reload_if_necessary(self) -> None:
        if not Path(self._persistence.get_location()).exists():
            self.deserialize("{}")
        super()._reload_if_necessary()


class _PrivateFile(msal_extensions.FilePersistence):  # type: ignore[misc]  # it has no types
    """A file that only its owner reads, replaced whole: msal's own is truncated in place."""

    def check(self) -> None:
        """Raise for a file that is another's, a link, or no token cache."""
        path = Path(self.get_location())
        wrong = None
        try:
            if path.is_symlink() or not _is_mine(path):
                wrong = "is not a file of yours"
            elif not _is_whole(json.loads(path.read_text(encoding="utf-8"))):
                wrong = "is damaged"
        except FileNotFoundError:
            return
        except (ValueError, OSError):
            wrong = "is damaged or cannot be read"
        if wrong:
            raise ConfigurationError(
                f"The token cache {path} {wrong}.",
                remedy="Delete it, or call sign_out(), and sign in again.",
            )

    def load(self) -> str:
        self.check()
        return str(super().load())

    def save(self, content: str) -> None:
        path = Path(self.get_location())
        handle, beside = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(content)
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise


# What msal reads of an entry without asking whether it is there.
_NEEDED = {
    "AccessToken": {"secret", "target", "expires_on"},
    "RefreshToken": {"secret"},
    "IdToken": {"secret"},
    "Account": {"username", "realm", "environment", "authority_type"},
}


def _is_whole(content: object) -> bool:
    return isinstance(content, dict) and all(
        isinstance(entries, dict)
        and all(
            isinstance(entry, dict) and _NEEDED.get(kind, set()) <= set(entry)
            for entry in entries.values()
        )
        for kind, entries in content.items()
    )


def tenant_id(cache: msal.TokenCache, account: Mapping[str, str]) -> str | None:
    """Return the tenant that gave an account its tokens: of "organizations", only they tell."""
    query = {name: account.get(name) for name in ("home_account_id", "environment", "realm")}
    for entry in cache.search(msal.TokenCache.CredentialType.ID_TOKEN, query=query):
        claims = entry["secret"].split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))).get("tid")
        return found if isinstance(found, str) else None
    return None


def cache_file(kind: str) -> Path:
    """Return where a cache of this kind is kept."""
    return platformdirs.user_data_path("pcnotebooks", appauthor=False) / _FILES[kind]


def _delete_cache(kind: str) -> None:
    path = cache_file(kind)
    if not path.parent.is_dir():
        return
    if kind == "encrypted" and path.exists():
        # The file only signals; the tokens lie in the keyring.
        _persisted_cache(kind)._persistence.save("{}")  # noqa: SLF001
    for file in (path, path.with_name(path.name + ".lockfile"), path.with_name(_RENEWING)):
        file.unlink(missing_ok=True)


def renewing(settings: Settings) -> AbstractContextManager[Any]:
    """Lock out other processes while a token is renewed: a refresh token may serve only once."""
    if settings.cache == "memory":
        return nullcontext()
    lock: AbstractContextManager[Any] = portalocker.Lock(
        cache_file(settings.cache).with_name(_RENEWING), timeout=60
    )
    return lock


def every_cache() -> list[tuple[str, msal.SerializableTokenCache]]:
    """Return each cache that there is, by its kind."""
    caches = [("memory", cache) for cache in _MEMORY.values()]
    kinds = [kind for kind in _FILES if cache_file(kind).exists()]
    return [*caches, *((kind, _persisted_cache(kind)) for kind in kinds)]


def delete_caches() -> None:
    """Forget every token in memory, and delete every file."""
    for cache in _MEMORY.values():
        cache.deserialize("{}")
    for kind in _FILES:
        _delete_cache(kind)
