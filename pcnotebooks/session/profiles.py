"""Write profiles to ``profiles.toml``, and keep the user's comments and order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import portalocker
import tomlkit

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.files import read_file, write_whole
from pcnotebooks.session.settings import (
    load_profile,
    load_profiles,
    profiles_file,
    require_settings,
)

_WITHIN = 10.0  # seconds; a change takes milliseconds


def add(name: str, **values: str) -> Path:
    """Add a profile; return the file.

    Parameters
    ----------
    name
        A name that no profile has yet.
    **values
        ``client_id``, ``tenant``, ``cloud``, ``partner``, ``cache`` and ``method``, as in the
        file.

    Raises
    ------
    ConfigurationError
        If the name is taken or blank, a value is not valid, or the file is not TOML.
    OSError
        If the file cannot be written.
    """
    if not name.strip() or not name.isprintable():
        raise ConfigurationError(
            f"{name!r} cannot be the name of a profile.", remedy="Give a short name in one line."
        )
    require_settings(values)
    table = tomlkit.table()
    table.update(values)

    def append(document: tomlkit.TOMLDocument) -> None:
        if document.body and not document.as_string().endswith("\n\n"):
            document.add(tomlkit.nl())
        document.append(name, table)

    with _alone():
        if name in load_profiles():
            raise ConfigurationError(
                f"There is already a profile {name!r}.",
                remedy=f"Give another name, or remove that one: pcnotebooks profile remove {name}",
            )
        return _edit(append)


def remove(name: str) -> Path:
    """Remove a profile; return the file.

    Raises
    ------
    ConfigurationError
        If no profile has the name, or the file is not TOML.
    OSError
        If the file cannot be written.
    """
    with _alone():
        load_profile(name)
        return _edit(lambda document: document.remove(name))


@contextmanager
def _alone() -> Iterator[None]:
    """Lock out other processes: of two changes to the same file, the later would undo the other."""
    path = profiles_file().with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        raise ConfigurationError(f"{path} is a link.", remedy="Delete it.")
    lock = portalocker.Lock(path, timeout=_WITHIN)
    try:
        lock.acquire()
    except portalocker.LockException:
        raise ConfigurationError(
            "Another process is changing the profiles.", remedy="Try again once it has finished."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _edit(change: Callable[[tomlkit.TOMLDocument], object]) -> Path:
    """Replace the file as a whole, with its line endings, so that it can be read at any time."""
    path = profiles_file()
    try:
        text = read_file(path).decode("utf-8-sig")
    except FileNotFoundError:
        text = ""
    ends = "\r\n" if "\r\n" in text else "\n"
    text = text.replace("\r\n", "\n")
    if text and not text.endswith("\n"):
        text += "\n"
    document = tomlkit.parse(text)
    change(document)
    return write_whole(path, tomlkit.dumps(document).replace("\n", ends).encode())
