"""Write files completely or not at all, and read only files that end."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from pathlib import Path

_LONGEST_PIPE = 2**28
_PRIVATE, _SHARED = 0o600, 0o666  # reduced by the umask, as for any file


def read_file(path: Path) -> bytes:
    """Return the content of a file or a pipe; devices such as ``/dev/zero`` never end.

    Raises
    ------
    OSError
        With the path as its filename; also for a device, or a pipe that does not end.
    """
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise OSError(errno.EINVAL, "is a device, not a file", str(path))
        content = file.read() if stat.S_ISREG(mode) else file.read(_LONGEST_PIPE + 1)
    if len(content) > _LONGEST_PIPE and not stat.S_ISREG(mode):
        raise OSError(errno.EFBIG, "gives more than 256 MiB", str(path))
    return content


def write_whole(path: str | os.PathLike[str], content: bytes, *, private: bool = False) -> Path:
    """Write a file completely or not at all, and return its path.

    The content is written to a temporary file in the same folder, synced and renamed. A symbolic
    link to a file is followed; one without a target is replaced, because its target is not
    trusted. Pipes and devices such as ``/dev/stdout`` cannot be replaced and are written to.

    Parameters
    ----------
    path
        The path of the file, in an existing folder.
    content
        The whole content.
    private
        Whether only its owner can read the file. Otherwise the umask applies to a new file, and a
        replaced file keeps its permissions.

    Raises
    ------
    OSError
        With the path as its filename.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    try:
        there = path.exists()
        target = path.resolve() if there else path
        if there and not target.is_file():
            target.write_bytes(content)
            return path
        if there and not private:
            target.open("r+b").close()  # raises for a read-only file, which must not be replaced
        aside = target.with_name(f".pcnotebooks-{secrets.token_hex(8)}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        handle = os.open(aside, flags, _PRIVATE if private else _SHARED)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if there and not private:
                shutil.copymode(target, aside)
            aside.replace(target)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    except OSError as error:
        # The system names the temporary file, or on a full disk no file.
        raise OSError(error.errno, error.strerror, str(path)) from None
    return path
