"""The storage of a history: a local folder, or a prefix in an object store."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias
from urllib.parse import unquote
from uuid import uuid4

from pcnotebooks.errors import ConfigurationError, PcNotebooksError
from pcnotebooks.text import without_password

if sys.platform != "win32":
    import fcntl

# A path relative to the location, with slashes, and the content of the file.
Content: TypeAlias = tuple[str, bytes]

# Outside the datasets: some engines try to read even hidden files.
_ASIDE = ".aside"
_ABANDONED_AFTER = 3600.0  # seconds; no write takes that long
# The form of a URL scheme or of an Azure connection string. A single letter before a colon is a
# Windows drive.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?::|=https?;)")
# SMB and NFS shares, Windows drives in WSL and some FUSE file systems cannot sync, and return one
# of these errors. On them a new name is as durable as the share makes it.
_CANNOT_SYNC = {
    errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EACCES,
    errno.EPERM,
}  # fmt: skip


class HalfWrittenError(PcNotebooksError):
    """The first of several files was written, but a later one was not."""


class Store(Protocol):
    """The storage that a history needs: files appear complete, or not at all."""

    def list_files(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder; none if the folder does not exist."""
        ...

    def read(self, paths: Sequence[str]) -> list[bytes]:
        """Return the contents of files; raise FileNotFoundError if one has been deleted."""
        ...

    def write(self, contents: Sequence[Content]) -> None:
        """Make the files appear in this order; the first survives a power failure.

        Raises HalfWrittenError if the first was written but a later one was not.
        """
        ...

    def alone(self, name: str) -> AbstractContextManager[bool]:
        """Hold the lock of a name; the value is False if the store has no locks."""
        ...

    def is_there(self, folder: str = "") -> bool:
        """Return whether the location exists, or a folder in it."""
        ...

    def open_to_others(self, path: str) -> str | None:
        """Return the first folder on the path of a file in which other users can change files."""
        ...

    def delete(self, paths: Iterable[str]) -> None:
        """Delete files, and ignore those that are already deleted."""
        ...

    def clean(self) -> None:
        """Delete the leftovers of killed processes."""
        ...


def open_store(location: str | os.PathLike[str]) -> Store:
    """Return the store for a folder or an fsspec URL.

    Raises
    ------
    ConfigurationError
        If fsspec cannot open the URL, if the text is neither a folder nor a URL, or if the folder
        is a file.
    """
    place = folder_of(os.fspath(location))
    if "://" not in place:
        try:
            if "\0" in place:
                raise RuntimeError("it contains the character NUL")
            folder = Path(place).expanduser().absolute()
        except RuntimeError as error:  # NUL, or ~name of an unknown user
            raise ConfigurationError(
                f"The history at {place!r} cannot be opened: {error}.", remedy="Give a folder."
            ) from None
        if folder.exists() and not folder.is_dir():
            raise ConfigurationError(
                f"The history at {folder} is a file.", remedy="Give the path of a folder."
            )
        return _Folder(folder)
    if place.casefold().startswith(("http://", "https://")):
        raise ConfigurationError(
            f"The history at {without_password(place)} cannot be written: web URLs are read-only.",
            remedy="Give the URL of the store itself: s3://bucket/path, abfss://container@account",
        )
    with _answering(place):
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415  only URLs need it

            remote, root = url_to_fs(place)
        except (ImportError, ValueError) as error:
            # An unusual password may be parsed as a port, which the error would then quote.
            quotes = "@" in place and not isinstance(error, ImportError)
            reason = "the URL cannot be parsed" if quotes else discreet(str(error), place)
            raise ConfigurationError(
                f"The history at {without_password(place)} cannot be opened: {reason}.",
                remedy='Install the extra (pip install "pcnotebooks[history]") and the package that'
                " fsspec needs for this URL: s3fs for s3://, adlfs for abfss://, gcsfs for gs://.",
            ) from None
    return _Bucket(remote, root.rstrip("/"), place)


def folder_of(place: str) -> str:
    """Return the folder that a ``file:`` URI names; return any other location unchanged.

    Browsers and ``Path.as_uri`` write a blank as ``%20``; fsspec treats ``local:`` like ``file:``.

    Raises
    ------
    ConfigurationError
        If the text looks like a URL but is not one: it would become a folder of that name in the
        current directory.
    """
    scheme, _, rest = place.partition(":")
    if scheme.casefold() in ("file", "local"):
        host = ""
        if rest.startswith("//"):
            host, slash, rest = rest[2:].partition("/")
            rest = slash + rest
        if host.casefold() in ("", "localhost") and rest.startswith("/"):
            folder = unquote(rest)
            # The URI of C:\books is file:///C:/books.
            return folder[1:] if re.match(r"/[A-Za-z]:", folder) and os.name == "nt" else folder
        raise _no_folder(place)
    foreign = os.name != "nt" and re.match(r"[A-Za-z]:[\\/]|\\\\", place)
    # The ~ remains if the user is unknown here.
    if foreign or os.path.expanduser(place).startswith("~"):  # noqa: PTH111
        raise _no_folder(place)
    if _SCHEME.match(place) and "://" not in place:
        raise ConfigurationError(
            f"The location {without_password(place)!r} is neither a folder nor a URL.",
            remedy="Write a URL with two slashes, such as s3://bucket/path, and as a string: a Path"
            " drops one. Write a folder with a colon as ./name:more, and dbfs:/folder of Databricks"
            " as /dbfs/folder.",
        )
    return place


def _no_folder(place: str) -> ConfigurationError:
    return ConfigurationError(
        f"The location {without_password(place)!r} is not a folder on this machine.",
        remedy="Give the path of a local folder, without file: in front of it. In WSL, C:\\ is"
        " /mnt/c.",
    )


def discreet(words: str, url: str) -> str:
    """Return an error message of a store without the secrets of its URL, or parts of them."""
    rest = url.partition("://")[2]
    query = re.split("[?#]", rest, maxsplit=1)[1:]
    texts = [rest.rpartition("@")[0], *query]
    parts = {part for text in texts for part in (text, *re.split("[:/@?#&=;,]", text))}
    for part in sorted(parts | set(map(unquote, parts)), key=len, reverse=True):
        if len(part) > 3:  # shorter parts are not secrets, and occur in ordinary words
            words = words.replace(part, "***")
    return without_password(words)


@contextmanager
def _answering(url: str) -> Iterator[None]:
    """Make the errors of an object store name the location, without its secrets."""
    place = without_password(url)
    try:
        yield
    except PcNotebooksError:
        raise
    except OSError as error:
        words = discreet(str(error), url) or type(error).__name__
        if error.errno is None:
            error.args = (f"{place}: {words}",)
        else:
            error.strerror = discreet(error.strerror or "", url) or words
            error.args = (error.errno, error.strerror)  # the repr shows them
            error.filename = without_password(str(error.filename or place))
        raise error from None  # the cause may contain the URL
    except Exception as error:  # noqa: BLE001  each store raises its own classes
        words = discreet(str(error), url) or type(error).__name__
        raise PcNotebooksError(
            f"The history at {place} cannot be reached: {words}",
            remedy="Check the URL, the network, and the credentials that the store's package (s3fs,"
            " adlfs, gcsfs) uses.",
        ) from None  # a traceback would show the whole URL with its signature


@contextmanager
def _later(place: int) -> Iterator[None]:
    """Raise HalfWrittenError in place of an error after the first file."""
    try:
        yield
    except (OSError, PcNotebooksError) as error:
        if not place:
            raise
        raise HalfWrittenError(str(error)) from None


@dataclass(frozen=True)
class _Folder:
    """A local folder or network share that only its owner can access."""

    root: Path

    def list_files(self, folder: str) -> list[str]:
        start = len(str(self.root / "_")) - 1
        found = _files_below(str(self.root / _spelt(folder)))
        return [_spelt(path[start:].replace(os.sep, "/")) for path in found]

    def read(self, paths: Sequence[str]) -> list[bytes]:
        return [(self.root / path).read_bytes() for path in paths]

    def write(self, contents: Sequence[Content]) -> None:
        for name, _ in contents:
            _spelt(name)
        with ExitStack() as staged:
            # Write all files aside first, so that a full disk leaves nothing unfinished.
            pairs = [
                (staged.enter_context(self._aside(content, sync=not place)), self.root / path)
                for place, (path, content) in enumerate(contents)
            ]
            for place, (aside, path) in enumerate(pairs):
                with _later(place), _named(path):
                    _make_private(path.parent)
                    aside.replace(path)
                    if not place:
                        _sync_folder(path.parent)

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Wait for a lock; the system releases it if its holder is killed."""
        path = self.root / _ASIDE / f"{name}.lock"
        with _named(path.parent):
            _make_private(path.parent)
            handle = _locked(path)
        try:
            yield handle is not None
        finally:
            if handle is not None:
                path.unlink(missing_ok=True)
                os.close(handle)

    @contextmanager
    def _aside(self, content: bytes, *, sync: bool) -> Iterator[Path]:
        """Write a file that readers ignore; delete it later unless it was moved away."""
        folder = self.root / _ASIDE
        path = folder / uuid4().hex
        try:
            with _named(folder):
                _make_private(folder)
                with open(path, "xb", opener=_private) as file:
                    file.write(content)
                    file.flush()
                    if sync:
                        _sync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    def delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            (self.root / path).unlink(missing_ok=True)

    def is_there(self, folder: str = "") -> bool:
        try:
            return stat.S_ISDIR((self.root / folder).stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def open_to_others(self, path: str) -> str | None:
        if os.name != "posix":
            return None
        folders = [self.root, *reversed((self.root / path).parents)]
        for folder in dict.fromkeys(each for each in folders if each.is_relative_to(self.root)):
            if folder.is_dir() and folder.stat().st_mode & 0o022:
                return str(folder)
        return None

    def clean(self) -> None:
        for path in (self.root / _ASIDE).glob("*"):
            with suppress(FileNotFoundError):  # moved into place, or deleted by another process
                if path.stat().st_mtime < time.time() - _ABANDONED_AFTER:
                    path.unlink()


def _locked(path: Path) -> int | None:
    """Return the handle of a locked file; None if the file system has no locks."""
    if sys.platform == "win32":
        return None
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            # The last holder deleted it, so a new file may have this name.
            if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except FileNotFoundError:
            pass
        except OSError:
            os.close(handle)
            return None
        os.close(handle)


def _files_below(folder: str) -> Iterator[str]:
    """Yield every file, even one whose name is not text, which would end pyarrow's listing.

    A link to a folder above it is yielded as a file, so that verify reports it.
    """
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            if _leads_down(entry) if entry.is_symlink() else entry.is_dir():
                yield from _files_below(entry.path)
            elif entry.is_symlink() or entry.is_file():
                yield entry.path


def _leads_down(link: os.DirEntry[str]) -> bool:
    """Return whether a symbolic link points to a folder that is not above it."""
    try:
        there = link.stat()
    except OSError:  # the link is broken, or points to itself
        return False
    above = (os.stat(folder) for folder in Path(link.path).parents)  # noqa: PTH116  (may not be text)
    return stat.S_ISDIR(there.st_mode) and not any(os.path.samestat(there, one) for one in above)


def _spelt(path: str) -> str:
    """Return a path, if it is ASCII or the system encodes file names in UTF-8.

    Raises
    ------
    ConfigurationError
        For any other encoding: rows of a partner would be missed, or kept in a second folder.
    """
    if not path.isascii() and (encoding := sys.getfilesystemencoding()) != "utf-8":
        name = path.encode("ascii", "backslashreplace").decode()
        raise ConfigurationError(
            f"The encoding of file names is {encoding}, which cannot represent {name} of the"
            " history.",
            remedy="Set PYTHONUTF8=1, or a UTF-8 locale such as LC_ALL=C.UTF-8.",
        )
    return path


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Add the file to errors of the operating system that lack it, such as a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def _make_private(folder: Path) -> None:
    """Create a folder and its parents with mode 0700; existing folders keep their mode."""
    if folder.is_dir():
        return
    _make_private(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return  # another process was faster
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder survive a power failure, if the file system can.

    Windows does this itself. If a folder cannot be synced, the file exists nevertheless, and an
    error would wrongly say that nothing was kept.
    """
    if os.name != "posix":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        _sync(handle)
    finally:
        os.close(handle)


def _sync(handle: int) -> None:
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


@dataclass(frozen=True)
class _Bucket:
    """A prefix in an object store. Its writes are atomic, so files are never renamed."""

    # Not in the repr, because each may contain a password.
    remote: Any = field(repr=False)
    root: str = field(repr=False)
    url: str = field(repr=False)

    def list_files(self, folder: str) -> list[str]:
        with _answering(self.url):
            self.remote.invalidate_cache()  # other processes also write
            place = f"{self.root}/{folder}"
            # The find of fsspec skips folders that cannot be listed; stores that list by prefix
            # override it.
            walks = self.remote.find.__module__ in ("fsspec.spec", "fsspec.asyn")
            try:
                found = list(self._below(place)) if walks else self.remote.find(place)
            except FileNotFoundError:  # some stores raise it for a folder without objects
                if self.is_there(folder):
                    raise  # a file in it was deleted during the listing
                return []
            return [path.removeprefix(f"{self.root}/") for path in found]

    def _below(self, place: str) -> Iterator[str]:
        for entry in self.remote.ls(place, detail=True):
            if entry["type"] == "directory":
                yield from self._below(entry["name"])
            else:
                yield entry["name"]

    def is_there(self, folder: str = "") -> bool:
        with _answering(self.url):
            try:
                self.remote.info(f"{self.root}/{folder}".rstrip("/"))
            except FileNotFoundError:
                return False
            return True

    def open_to_others(self, path: str) -> None:
        """Return None: the store has its own access rules."""

    def read(self, paths: Sequence[str]) -> list[bytes]:
        places = [f"{self.root}/{path}" for path in paths]
        with _answering(self.url):
            # All at once, if the store can; cat would treat the root as a pattern.
            contents = self.remote.cat_ranges(places, None, None) if places else []
            for content in contents:
                if isinstance(content, Exception):
                    raise content
            return list(contents)

    def write(self, contents: Sequence[Content]) -> None:
        for place, (path, content) in enumerate(contents):
            with _later(place), _answering(self.url):
                self.remote.pipe_file(f"{self.root}/{path}", content)

    def alone(self, name: str) -> AbstractContextManager[bool]:  # noqa: ARG002
        """Return immediately: an object store has no locks."""
        return nullcontext(enter_result=False)

    def delete(self, paths: Iterable[str]) -> None:
        with _answering(self.url):
            for path in paths:
                with suppress(FileNotFoundError):
                    self.remote.rm_file(f"{self.root}/{path}")

    def clean(self) -> None:
        """Do nothing: an interrupted upload leaves no object."""
