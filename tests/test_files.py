"""A file appears whole or not at all, whatever fails; no link leads it elsewhere."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import nbformat
import pytest

from pcnotebooks import (
    render_notebook,
    render_report,
    sample_payload,
    write_csv,
    write_excel,
)
from pcnotebooks.files import write_whole

POSIX = pytest.mark.skipif(os.name == "nt", reason="permissions, links and pipes of POSIX")
# What a full disk does to a process, done by a limit: a write ends with an error in the middle.
FULL_DISK = """
import signal, sys, resource
from pathlib import Path
import pcnotebooks as pc
given = pc.sample_payload()
writers = {
    "html": lambda path: pc.render_report(given, path),
    "pdf": lambda path: pc.render_report(given, path),
    "csv": lambda path: pc.write_csv(path, given),
    "xlsx": lambda path: pc.write_excel(path, given),
    "json": given.save,
}
for ending, write in writers.items():  # what is imported late is cached in files as well
    write(Path(f"made.{ending}"))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
for ending, write in writers.items():
    path = Path(f"last.{ending}")
    path.write_text("last good")
    try:
        write(path)
    except OSError as error:
        print(error.filename, path.read_text())
"""


def _notebook(path: Path) -> Path:
    source = path.with_name("source.ipynb")
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("Words")]), source)
    return render_notebook(source, path)


WRITERS: dict[str, Callable[[Path], Any]] = {
    "last.html": lambda path: render_report(sample_payload(), path),
    "last.pdf": lambda path: render_report(sample_payload(), path),
    "last.csv": lambda path: write_csv(path, sample_payload()),
    "last.xlsx": lambda path: write_excel(path, sample_payload()),
    "last.json": lambda path: sample_payload().save(path),
    "notebook.html": _notebook,
}


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_full_disk_costs_no_earlier_file(tmp_path: Path):
    """The last good file stays, the error names it, and nothing is left over."""
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK], capture_output=True, text=True, check=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    endings = ("html", "pdf", "csv", "xlsx", "json")
    assert run.stdout.splitlines() == [f"last.{ending} last good" for ending in endings]
    assert {path.stem for path in tmp_path.iterdir()} == {"made", "last"}


@POSIX
@pytest.mark.parametrize("name", WRITERS)
def test_a_link_that_leads_nowhere_is_not_written_through(name: str, tmp_path: Path):
    """It is replaced: only who made it knows where it would have written."""
    path, elsewhere = tmp_path / name, tmp_path / "elsewhere"
    path.symlink_to(elsewhere)
    WRITERS[name](path)
    assert not elsewhere.exists()
    assert not path.is_symlink()
    assert path.stat().st_size > 0


@POSIX
def test_a_link_to_a_file_stays_a_link(tmp_path: Path):
    """A page that is published under another name is replaced where it is."""
    published, link = tmp_path / "folder" / "page", tmp_path / "link"
    published.parent.mkdir()
    published.write_bytes(b"last")
    link.symlink_to(published)
    assert write_whole(link, b"new") == link
    assert (link.is_symlink(), published.read_bytes()) == (True, b"new")
    assert sorted(tmp_path.rglob("*")) == [published.parent, published, link]


@POSIX
def test_permissions(tmp_path: Path):
    """A new file is as the umask says, one that is replaced as it was, a private one private."""

    def mode(name: str) -> int:
        return stat.S_IMODE((tmp_path / name).stat().st_mode)

    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "new", b"1")
        write_whole(tmp_path / "private", b"1", private=True)
        (tmp_path / "kept").touch(0o604)
        (tmp_path / "kept").chmod(0o604)
        write_whole(tmp_path / "kept", b"1")
        (tmp_path / "open").touch()
        write_whole(tmp_path / "open", b"1", private=True)
    finally:
        os.umask(before)
    assert [oct(mode(name)) for name in ("new", "private", "kept", "open")] == [
        "0o640", "0o600", "0o604", "0o600",
    ]  # fmt: skip


@POSIX
def test_a_pipe_is_written_to(tmp_path: Path):
    """As /dev/stdout, which must not be replaced by a file."""
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"through")
    reader.join()
    assert read == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("name", ["folder", "missing/name", "n" * 300])
def test_what_cannot_be_written_is_named(name: str, tmp_path: Path):
    """A folder, a place in none, a name that is too long."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"folder|missing|nnn") as caught:
        write_whole(tmp_path / name, b"1")
    assert str(caught.value.filename).startswith(str(tmp_path))
    assert not list(tmp_path.rglob(".pcnotebooks-*"))
