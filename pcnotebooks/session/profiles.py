"""Profiles written to ``profiles.toml``, with the user's comments and order kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tomlkit

from pcnotebooks.errors import ConfigurationError
from pcnotebooks.files import read_file, write_whole
from pcnotebooks.session.settings import (
    load_profile,
    load_profiles,
    profiles_file,
    require_settings,
)


def add(name: str, **values: str) -> Path:
    """Add a profile; return the file.

    Parameters
    ----------
    name
        A name that no profile has.
    **values
        ``client_id``, ``tenant``, ``cloud``, ``partner``, ``cache`` and ``method``, as in the
        file.

    Raises
    ------
    ConfigurationError
        For a name that is taken or blank, a value that cannot be, or a file that is not TOML.
    OSError
        If the file cannot be written.
    """
    if not name.strip() or not name.isprintable():
        raise ConfigurationError(
            f"{name!r} is not a name of a profile.", remedy="Give a short name in one line."
        )
    if name in load_profiles():
        raise ConfigurationError(
            f"There is a profile {name!r} already.",
            remedy=f"Give another name, or remove that one: pcnotebooks profile remove {name}",
        )
    require_settings(values)
    table = tomlkit.table()
    table.update(values)

    def append(document: tomlkit.TOMLDocument) -> None:
        if document.body and not document.as_string().endswith("\n\n"):
            document.add(tomlkit.nl())
        document.append(name, table)

    return _edit(append)


def remove(name: str) -> Path:
    """Remove a profile; return the file.

    Raises
    ------
    ConfigurationError
        For a name that no profile has, or a file that is not TOML.
    OSError
        If the file cannot be written.
    """
    load_profile(name)
    return _edit(lambda document: document.remove(name))


def _edit(change: Callable[[tomlkit.TOMLDocument], object]) -> Path:
    """Change the file, whole, in the line ends that it has; the profiles stay readable."""
    path = profiles_file()
    try:
        text = read_file(path).decode("utf-8-sig")
    except FileNotFoundError:
        text = ""
        path.parent.mkdir(parents=True, exist_ok=True)
    ends = "\r\n" if "\r\n" in text else "\n"
    text = text.replace("\r\n", "\n")
    if text and not text.endswith("\n"):
        text += "\n"
    document = tomlkit.parse(text)
    change(document)
    return write_whole(path, tomlkit.dumps(document).replace("\n", ends).encode())
