"""Where a history is kept: every location is the place that it names, or is refused in words."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem

from pcnotebooks.errors import ConfigurationError, PayloadError, PcNotebooksError
from pcnotebooks.history.history import History
from pcnotebooks.history.store import open_store
from tests.builders import item, payload

ONE = payload(item("GBP", 5))


@pytest.mark.parametrize(
    "form",
    [
        Path.as_uri,
        lambda folder: f"file:{folder}",
        lambda folder: f"FILE://localhost{folder}",
        lambda folder: f"local://{folder}",
    ],
    ids=["Path.as_uri", "one slash", "localhost", "local"],
)
def test_a_file_uri_is_the_folder_that_it_names(tmp_path, form):
    """A browser and Path.as_uri write a blank as %20, and some programs write one slash."""
    folder = tmp_path / "my history"
    assert History(form(folder)).append(ONE)
    assert (folder / "payloads").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["my history"]


@pytest.mark.skipif(os.name == "nt", reason="there, these are folders")
@pytest.mark.parametrize(
    "location", [r"C:\Users\me\history", "d:/history", r"\\server\share", "~nobody-here/history"]
)
def test_a_folder_of_another_machine_is_refused(tmp_path, monkeypatch, location):
    """In WSL, C: would become a folder of that name, where Python happens to run."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="is not a folder on this machine"):
        History(location).append(ONE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "location",
    ["dbfs:/FileStore/history", "s3:/bucket/history", "abfss:/lake/history", "s3:bucket/history",
     "DefaultEndpointsProtocol=https;AccountName=lake;AccountKey=key==",
     Path("s3://bucket/history"), "file://server/share", "file:relative", "file://"],
)  # fmt: skip
def test_what_is_nearly_a_url_is_no_folder_of_that_name(tmp_path, monkeypatch, location):
    """It would be kept where Python happens to run, and looked for in the object store."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="The location") as told:
        History(location)
    assert "older" in told.value.remedy
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a:b", "2024:03", "it's 100 % @home?"])
def test_a_folder_may_have_any_name(tmp_path, monkeypatch, name):
    """With a colon it is told from a URL by a path in front of it."""
    monkeypatch.chdir(tmp_path)
    for location in (tmp_path / name, f"./{name}"):
        assert open_store(location).root == tmp_path / name


@pytest.mark.parametrize(
    "url",
    [
        "https://account.blob.example/lake?sv=2024-01-01&sig=SECRET%3D",
        "nonsense://lake@account.dfs.example/history?sig=SECRET",
        "sftp:/user:SECRET@host/x",
        "sftp:user:SECRET@host/x",
        "user:SECRET@host:/x",
        "ftp://user:SECRET#more@host/x",
        "BlobEndpoint=https://account.example/;SharedAccessSignature=sv=2024&sig=SECRET",
        "DefaultEndpointsProtocol=https;AccountName=me;AccountKey=SECRET==",
        "file://user:SECRET@host/x",
        "memory://user:pa/SECRET@host/x",
        "memory://SECRET@host/x",
        "memory://host/x?sig=SECRET",
    ],
)
def test_no_message_shows_a_secret_of_the_location(tmp_path, monkeypatch, url):
    """Neither an error that opening gives, nor the object, nor its location, nor a folder."""
    monkeypatch.chdir(tmp_path)
    said = []
    try:
        history = History(url)
        said += [repr(history), history.location]
    except PcNotebooksError as error:
        said += [str(error)]
    assert said
    assert "SECRET" not in "".join(said)


def test_a_stores_own_error_shows_no_secret(monkeypatch):
    """Nor does the chain of exceptions, which a notebook prints whole."""
    history = History("memory://host/x?sig=SECRET")
    raised: list[Exception] = [
        RuntimeError("GET https://host/x?sig=SECRET failed"),
        OSError("GET https://host/x?sig=SECRET failed"),
        OSError(errno.EIO, "failed", "https://host/x?sig=SECRET"),
    ]
    for error in raised:

        def fail(*_, error=error, **__):
            raise error

        monkeypatch.setattr(type(history._datasets.store.remote), "find", fail)
        with pytest.raises((PcNotebooksError, OSError)) as told:
            history.verify()
        assert "SECRET" not in str(told.value)
        assert told.value.__cause__ is None
        assert told.value is error or told.value.__suppress_context__


@pytest.mark.parametrize("url", ["memory://me:SECRET@host/x", "memory://host/x?token=SECRET"])
def test_a_stores_own_error_shows_no_part_of_a_secret(monkeypatch, url):
    """S3 quotes a bucket's name, others a path of their own; nor does the repr of what is open."""
    history = History(url)
    raised: list[Exception] = [
        RuntimeError('Invalid bucket name "me:SECRET@host"'),
        OSError("GET /repos/me/SECRET failed"),
        OSError(errno.EIO, "token SECRET is not known"),
        FileNotFoundError("token=SECRET"),
    ]
    for error in raised:

        def fail(*_, error=error, **__):
            raise error from RuntimeError("SECRET")

        monkeypatch.setattr(type(history._datasets.store.remote), "pipe_file", fail)
        with pytest.raises((PcNotebooksError, OSError)) as told:
            history.append(ONE)
        assert "SECRET" not in f"{told.value} {told.value!r} {history._datasets!r}"
        assert told.value.__suppress_context__
        assert told.value.__cause__ is None


@pytest.fixture
def folder_sync(monkeypatch):
    """Have the system refuse to sync folders, with the error that is put into the list."""
    refused, sync = [errno.EINVAL], os.fsync

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(refused[0], os.strerror(refused[0]))
        return sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return refused


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_share_that_cannot_sync_files_keeps_payloads(tmp_path, monkeypatch, code):
    """As some of FUSE: a new file is as durable as the share makes it."""

    def fsync(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fsync)
    assert History(tmp_path / "history").append(ONE)
    assert list(History(tmp_path / "history").payloads()) == [ONE]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF])
def test_a_share_whose_folders_cannot_be_synced_keeps_payloads(tmp_path, folder_sync, code):
    """Network shares and the drives of Windows in WSL: the payload is kept, and append says so."""
    folder_sync[0] = code
    history = History(tmp_path / "history")
    assert history.append(ONE)
    assert not history.append(ONE)
    assert list(history.payloads()) == [ONE]
    assert history.verify().empty


def test_a_disk_that_fails_is_told(tmp_path, folder_sync):
    """An error of the device is not taken for a share that cannot sync."""
    folder_sync[0] = errno.EIO
    with pytest.raises(OSError, match="Input/output error") as told:
        History(tmp_path / "history").append(ONE)
    assert told.value.filename.startswith(str(tmp_path))


# Kept, but its tables could not be written


class Failing(MemoryFileSystem):
    """An object store whose second put gets no answer."""

    protocol = "failing"
    cachable = False
    store: ClassVar[dict] = {}
    puts = fails_at = 0
    find = AbstractFileSystem.find

    def pipe_file(self, path, value, **options):
        """Put an object."""
        Failing.puts += 1
        if Failing.puts == Failing.fails_at:
            raise OSError("503 SlowDown")
        return super().pipe_file(path, value, **options)


@pytest.mark.parametrize("put", [1, 2, 3])
def test_a_payload_that_is_kept_is_never_told_as_lost(put):
    """The first put keeps it; a later one that fails is a warning, and the figures are right."""
    fsspec.register_implementation("failing", Failing, clobber=True)
    Failing.puts, Failing.fails_at = 0, put
    history = History(f"failing://bucket/{put}")
    if put == 1:
        with pytest.raises(OSError, match="503 SlowDown"):
            history.append(ONE)
        assert history.is_empty
        return
    with pytest.warns(UserWarning, match="tables could not be written: .*503 SlowDown"):
        assert history.append(ONE)
    assert not history.append(ONE)
    assert list(history.payloads()) == [ONE]
    assert len(history.totals()) == 1
    history.compact()
    assert history.verify().empty


def test_a_folder_of_tables_that_cannot_be_written_loses_no_payload(tmp_path):
    """A file is in the way; once that is gone, the tables are derived."""
    (tmp_path / "summaries").write_text("in the way")
    history = History(tmp_path)
    with pytest.warns(UserWarning, match="tables could not be written: .*summaries"):
        assert history.append(ONE)
    (tmp_path / "summaries").unlink()
    assert list(history.payloads()) == [ONE]
    history.compact()
    assert history.verify().empty


# Absence, and rights


def test_a_listing_that_fails_half_way_is_an_error(monkeypatch):
    """The walk of fsspec would leave out the folder that it cannot list."""
    fsspec.register_implementation("failing", Failing, clobber=True)
    Failing.fails_at = 0
    history = History("failing://lagging/h")
    assert history.append(ONE)
    listed = Failing.ls

    def ls(self, path, **options):
        if "month=" in path:
            raise OSError("503 SlowDown")
        return listed(self, path, **options)

    monkeypatch.setattr(Failing, "ls", ls)
    for read in (history.summaries, lambda: list(history.payloads()), history.verify):
        with pytest.raises(OSError, match="503 SlowDown"):
            read()


@pytest.mark.parametrize("place", ["memory://without-payloads/h", None])
def test_tables_without_any_payloads_are_an_error(tmp_path, place):
    """The folder of the payloads is gone, or not yet listed."""
    history = History(place or tmp_path / "h")
    assert history.append(ONE)
    remote = history._datasets.store
    remote.delete(remote.list_files("payloads"))
    if place is None:
        shutil.rmtree(tmp_path / "h" / "payloads")
    with pytest.raises(PayloadError, match="no folder payloads"):
        history.totals()


def test_names_that_the_locale_cannot_hold_are_an_error(tmp_path):
    """Rows of such a partner were left out in silence."""
    folder = tmp_path / "h"
    assert History(folder).append(payload(item("GBP", 5), partner="Société"))
    code = (
        "import sys; from pcnotebooks.history.history import History\n"
        "from tests.builders import *; h = History(sys.argv[1])\n"
        "for f in (h.totals, h.index, lambda: h.append(payload(partner='\\u0141'))):\n"
        "    try: print(len(f()))\n"
        "    except Exception as error: print(error.message, error.remedy)"
    )
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(
        command, env=os.environ | plain, capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    for line in lines:
        assert "which cannot represent" in line
        assert "PYTHONUTF8=1" in line


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
@pytest.mark.parametrize("below", ["", "payloads", "payloads/in_cloud=global"])
def test_a_folder_that_others_can_change_is_named(tmp_path, mode, below):
    """With what its owner can do; the payload is kept, and after it nothing is said."""
    folder = tmp_path / "h" / below
    folder.mkdir(parents=True)
    (tmp_path / "h").chmod(0o755)
    folder.chmod(mode)
    history = History(tmp_path / "h")
    with pytest.warns(UserWarning, match="Other users can change") as told:
        assert history.append(ONE)
    assert f"chmod go-w {folder}" in str(told[0].message)
    assert told[0].filename == __file__
    folder.chmod(mode & ~0o022)
    assert history.append(payload(item("GBP", 5), at=ONE.retrieved_at.replace(year=2020)))


@pytest.mark.parametrize("target", [".", "..", "../..", "loop", "nowhere"])
def test_a_symbolic_link_loop_is_named(tmp_path, target):
    """It is followed no second time, and the rows are read once."""
    history = History(tmp_path)
    assert history.append(ONE)
    (tmp_path / "payloads" / "in_cloud=global" / "loop").symlink_to(target)
    assert len(history.totals()) == 1
    (damaged,) = history.verify().itertuples()
    assert damaged.file == "payloads/in_cloud=global/loop"


def test_a_month_may_be_a_link_to_another_disk(tmp_path):
    """A link that leads down is followed."""
    history = History(tmp_path / "h")
    assert history.append(ONE)
    (tmp_path / "h" / "payloads" / "in_cloud=global").rename(tmp_path / "disk")
    (tmp_path / "h" / "payloads" / "in_cloud=global").symlink_to(tmp_path / "disk")
    assert list(history.payloads()) == [ONE]
    assert history.verify().empty


@pytest.mark.parametrize("location", ["~nosuchuser/x", "a\0b"])
def test_a_folder_that_cannot_be_is_refused_in_words(location):
    """A name of no user, or a character that no name has."""
    with pytest.raises(ConfigurationError, match=r"cannot be opened|is not a folder") as told:
        History(location)
    assert told.value.remedy
