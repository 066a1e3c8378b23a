"""Where a history is kept: every location is the place that it names, or is refused in words."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from pcnotebooks.errors import ConfigurationError, PcNotebooksError
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
    with pytest.raises(ConfigurationError, match="names no folder of this machine"):
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
    with pytest.raises(ConfigurationError, match="history's location") as told:
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
