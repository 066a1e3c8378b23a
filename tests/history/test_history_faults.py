"""Nothing is lost, doubled or silently wrong: killed, crowded, full, read-only, damaged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import warnings
from datetime import timedelta
from pathlib import Path

import pyarrow.dataset as ds
import pytest
from pandas.testing import assert_frame_equal

from pcnotebooks.errors import PayloadError, PcNotebooksError
from pcnotebooks.frame.build import summary_frame, totals_frame
from pcnotebooks.history.history import History
from tests.builders import AT, item, payload
from tests.services.history_workers import LATER, made

ROOT = Path(__file__).parents[2]
DERIVED = ("summaries", "totals")


def worked(*arguments):
    """Run the workers and return what they say."""
    command = [sys.executable, "-m", "tests.services.history_workers", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout)


def in_namespace(folder, script):
    """Run a shell script that may mount what nobody else sees."""
    if sys.platform != "linux":
        pytest.skip("mounting without asking takes Linux")
    command = ["unshare", "--map-root-user", "--mount", "sh", "-euc", script]
    environment = os.environ | {"FOLDER": str(folder), "PYTHON": sys.executable}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def files(folder, dataset="payloads"):
    """Return the files of a dataset."""
    return sorted(path for path in (Path(folder) / dataset).rglob("*") if path.is_file())


def rows(folder, dataset):
    """Return how many rows another engine finds."""
    return ds.dataset(folder / dataset, format="parquet").count_rows()


def whole(folder, payloads):
    """Assert that a history holds these payloads, and after mending every engine sees them once."""
    history = History(folder)
    assert list(history.payloads()) == payloads
    assert_frame_equal(history.summaries(), summary_frame(*payloads))
    assert_frame_equal(history.totals(), totals_frame(*payloads))
    history.compact(LATER)
    assert history.verify().empty
    assert list(history.payloads()) == payloads
    assert rows(folder, "payloads") == rows(folder, "totals") == len(payloads)
    assert rows(folder, "summaries") == 2 * len(payloads)


# Killed


def test_killed_while_appending(tmp_path):
    """Before each call of the system: that payload is whole or not there, the others are whole."""
    before = [made(number) for number in range(3)]
    for each in before:
        History(tmp_path / "history").append(each)
    times = worked("append", tmp_path / "history")
    assert times > 12
    outcomes = set()
    for number in range(times + 1):
        folder = tmp_path / f"history-{number}"
        is_kept = len(list(History(folder).payloads())) == 4
        outcomes.add(is_kept)
        whole(folder, [*before, made(100)] if is_kept else before)
        assert History(folder).append(made(100)) != is_kept
        whole(folder, [*before, made(100)])
    assert outcomes == {False, True}


@pytest.mark.parametrize("step", ["compact", "rebuild"])
def test_killed_while_compacting_or_rebuilding(tmp_path, step):
    """Before each call of the system: everything is there, and the next compacting mends it."""
    before = [made(number) for number in range(3)]
    history = History(tmp_path / "history")
    for each in before:
        history.append(each)
    files(tmp_path / "history", "summaries")[-1].unlink()
    times = worked(step, tmp_path / "history")
    assert times > 12
    for number in range(times + 1):
        whole(tmp_path / f"history-{number}", before)


def test_what_a_killed_process_left_is_cleaned_an_hour_later(tmp_path):
    """No reader ever sees it; what may still be written is left alone."""
    history = History(tmp_path)
    history.append(made(0))
    old, young, ahead = (tmp_path / ".aside" / name for name in ("old", "young", "ahead"))
    for path, age in ((old, 7200), (young, 60), (ahead, -7200)):
        path.write_bytes(b"half")
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    history.compact()
    assert not old.exists()
    assert young.exists()
    assert ahead.exists()
    assert history.verify().empty


# Crowded


@pytest.mark.parametrize(
    ("workers", "each"), [(2, 24), (8, 10), pytest.param(16, 60, marks=pytest.mark.soak)]
)
def test_processes_append_and_compact_at_once(tmp_path, workers, each):
    """Nothing is lost or doubled, and a reader sees every row once all the while."""
    assert worked("work", tmp_path, workers, each) > 1
    partners = [f"Partner {worker}" for worker in range(workers)] + ["Everybody"]
    expected = [made(number, partner=name) for name in partners for number in range(each)]
    whole(tmp_path, sorted(expected, key=lambda one: (one.retrieved_at, one.partner)))


SAME = """
import pathlib, sys, time
from dataclasses import replace
from pcnotebooks.history.history import History
from tests.services.history_workers import made
history, number = History(sys.argv[1]), int(sys.argv[2])
payloads = [replace(made(each), request_id=f"{number}-{each}") for each in range(40)]
pathlib.Path(sys.argv[3], str(number)).touch()
while len(list(pathlib.Path(sys.argv[3]).iterdir())) < 3:
    time.sleep(0.001)
print("".join(str(int(history.append(each))) for each in payloads))
"""


def test_processes_that_append_the_same_payload_are_told_once_that_it_is_new(tmp_path):
    """Whatever its request id; the others are told that it is there."""
    (tmp_path / "ready").mkdir()
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SAME, tmp_path / "history", str(number), tmp_path / "ready"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(3)
    ]  # fmt: skip
    said = [each.communicate() for each in running]
    assert [error for _, error in said] == [""] * 3
    new = [[int(each) for each in out.strip()] for out, _ in said]
    assert [sum(each) for each in zip(*new, strict=True)] == [1] * 40
    assert not list((tmp_path / "history" / ".aside").iterdir())


@pytest.mark.parametrize("dataset", ["payloads", *DERIVED])
def test_verify_tells_no_damage_that_is_half_a_step_of_others(tmp_path, dataset):
    """A payload whose tables are still being written, or tables whose payload was just merged."""
    history = History(tmp_path)
    for number in range(3):
        history.append(made(number))
    file = files(tmp_path, dataset)[1]
    aside = file.rename(tmp_path / "aside")
    other = threading.Timer(0.1, aside.rename, [file])
    other.start()
    told = history.verify()
    other.join()
    assert told.empty
    file.rename(aside)
    assert set(history.verify()["damage"]) == {
        "is derived from a payload that is not kept" if dataset == "payloads" else "is missing"
    }


# Full, and read-only

FILL = """
mount -t tmpfs -o size=256k,mode=700 tmpfs "$FOLDER"
"$PYTHON" - "$FOLDER" <<'END'
import sys
from pcnotebooks.history.history import History
from tests.services.history_workers import made
history, kept = History(sys.argv[1]), []
try:
    for number in range(500):
        kept.append(made(number))
        history.append(kept[-1])
except OSError as error:
    print(error.strerror, error.filename.startswith(sys.argv[1]))
history = History(sys.argv[1])
print(len(kept) > 3, list(history.payloads()) == kept[:-1], len(history.verify()))
print(len(history.summaries()) == 2 * len(kept) - 2)
END
"""


def test_a_full_disk_keeps_what_was_kept(tmp_path):
    """The payload that finds no room is refused with the file's name, and leaves nothing."""
    done = in_namespace(tmp_path, FILL)
    assert done.stdout.splitlines() == [
        "No space left on device True",
        "True True 0",
        "True",
    ], done.stderr


READ_ONLY = """
mount --bind "$FOLDER" "$FOLDER"
mount -o remount,bind,ro "$FOLDER"
"$PYTHON" - "$FOLDER" <<'END'
import sys
from pcnotebooks.history.history import History
from tests.services.history_workers import made
history = History(sys.argv[1])
print(list(history.payloads()) == [made(0)], len(history.summaries()), len(history.verify()))
try: history.append(made(1))
except OSError as error: print(error.strerror, error.filename.startswith(sys.argv[1]))
END
"""


def test_a_read_only_folder_is_read(tmp_path):
    """Reading writes nothing; appending says where it cannot."""
    History(tmp_path).append(made(0))
    done = in_namespace(tmp_path, READ_ONLY)
    assert done.stdout.splitlines() == ["True 2 0", "Read-only file system True"], done.stderr


# Damaged


def damages(content):
    """Yield a file cut off and with single bits flipped, at many places."""
    size = len(content)
    for end in (0, 4, size // 2, size - 9, size - 1):
        yield content[:end]
    for place in range(0, size, size // 40):
        flipped = content[place] ^ (1 << place % 8)
        yield content[:place] + bytes([flipped]) + content[place + 1 :]


@pytest.fixture(params=[False, True], ids=["as appended", "compacted"])
def pair(request, tmp_path):
    """Return a history of two payloads."""
    history = History(tmp_path)
    history.append(made(0))
    history.append(made(1))
    if request.param:
        history.compact(LATER)
    return history


@pytest.mark.parametrize("dataset", DERIVED)
def test_damage_to_a_derived_table_is_told_and_costs_nothing(tmp_path, pair, dataset):
    """The rows are read from the payloads, with a warning; rebuilding mends it."""
    read = pair.summaries if dataset == "summaries" else pair.totals
    expected = read()
    file = files(tmp_path, dataset)[0]
    for content in damages(file.read_bytes()):
        file.write_bytes(content)
        with pytest.warns(UserWarning, match="read from the payloads") as told:
            assert_frame_equal(read(), expected)
        assert Path(told[0].filename).samefile(__file__)
    if dataset == "totals":
        with pytest.warns(UserWarning, match="read from the payloads") as told:
            pair.changes()
        assert Path(told[0].filename).samefile(__file__)
    (row,) = pair.verify().itertuples()
    assert (row.file, row.damage) == (str(file.relative_to(tmp_path)), "was changed or truncated")
    pair.rebuild()
    assert pair.verify().empty
    assert_frame_equal(read(), expected)


def test_damage_to_a_payload_is_never_read_over(tmp_path, pair):
    """It raises with the file's name and the remedy; frames do not need it."""
    expected = pair.summaries()
    file = files(tmp_path)[0]
    name = str(file.relative_to(tmp_path))
    good = file.read_bytes()
    for content in damages(good):
        file.write_bytes(content)
        with pytest.raises(PayloadError, match="changed or truncated") as caught:
            list(pair.payloads())
        assert name in caught.value.message
        assert "backup" in caught.value.remedy
        assert_frame_equal(pair.summaries(), expected)
    with pytest.raises(PayloadError, match="changed or truncated"):
        pair.summaries(at="2030-01-01")
    ((_, damaged, damage, remedy),) = pair.verify().itertuples()
    assert (damaged, damage) == (name, "was changed or truncated")
    assert remedy.startswith("Restore it from a backup")
    pair.rebuild()
    pair.compact(LATER)
    assert_frame_equal(pair.summaries(), expected)
    file.write_bytes(good)
    assert pair.verify().empty


def test_a_whole_file_in_the_place_of_another_is_told(tmp_path):
    """Its bytes are right, and its payloads are not those of its name."""
    history = History(tmp_path)
    history.append(made(0))
    history.append(made(0, partner="Fabrikam"))
    one, other = files(tmp_path)
    shutil.copy(one, other.with_name(other.name[:56] + one.name[56:]))
    damage = history.verify()["damage"].tolist()
    assert damage == ["does not hold the payloads that its name states"]


def test_files_of_others_are_left_alone_and_told(tmp_path):
    """A README, a Parquet file of somebody's, a desktop's droppings."""
    history = History(tmp_path)
    every = [made(number) for number in range(3)]
    for each in every:
        history.append(each)
    folder = files(tmp_path)[0].parent
    for name in ("README.txt", "part-0.parquet", ".DS_Store", "_SUCCESS"):
        (folder / name).write_text("not ours")
    (tmp_path / "notes.txt").write_text("not ours")
    (tmp_path / "payloads" / "cloud=x").write_text("not ours")
    assert list(history.payloads()) == every
    assert history.compact(LATER) == 3
    assert_frame_equal(history.summaries(), summary_frame(*every))
    told = history.verify()
    assert [Path(name).name for name in told["file"]] == ["cloud=x", "README.txt", "part-0.parquet"]
    assert (folder / "README.txt").read_text() == "not ours"
    assert not history.append(every[0])


def test_a_name_that_is_no_text_is_a_strangers(tmp_path):
    """Some other program's, in another encoding; verify writes it with escapes."""
    history = History(tmp_path)
    history.append(made(0))
    kept = files(tmp_path)[0]
    odd = os.fsdecode(b"\xff")
    folder = tmp_path / "payloads" / "in_cloud=global" / f"account={odd}" / "month=2020-01"
    try:
        folder.mkdir(parents=True)
    except OSError:
        pytest.skip("this file system has names in UTF-8 alone")
    shutil.copy(kept, folder)
    (tmp_path / "payloads" / f"{odd}.txt").write_text("not ours")
    assert list(history.payloads()) == [made(0)]
    assert_frame_equal(history.summaries(), summary_frame(made(0)))
    assert history.append(made(1))
    assert history.compact(LATER) == 2
    assert [name for name in history.verify()["file"] if "udcff" not in name] == []
    assert "payloads/\\udcff.txt" in set(history.verify()["file"])


@pytest.mark.parametrize("month", ["2031-01", "\u0662\u0660\u0662\u0660-\u0660\u0661"])
def test_a_copy_in_another_months_folder_is_read_once(tmp_path, pair, month):
    """Whoever tidied up: the payload counts where it belongs, and verify tells the copy."""
    (kept, *_) = files(tmp_path)
    copy = kept.parents[1] / f"month={month}" / kept.name
    copy.parent.mkdir()
    shutil.copy(kept, copy)
    for _ in range(2):
        assert list(pair.payloads()) == [made(0), made(1)]
        assert_frame_equal(pair.summaries(), summary_frame(made(0), made(1)))
        assert str(copy.relative_to(tmp_path)) in set(pair.verify()["file"])
        late = made(4 * 12 * 11)
        pair.append(late)
        pair.compact(LATER)
        assert list(pair.payloads(until="2030-01-01")) == [made(0), made(1)]
        assert list(pair.payloads(since="2030-01-01")) == [late]
        for file in files(tmp_path):
            if file.parent.name == "month=2031-01" and file != copy:
                file.unlink()
        pair.compact(LATER)


def test_a_history_whose_files_keep_disappearing_is_given_up_in_words(tmp_path, monkeypatch):
    """What lists a file that is never there has no end otherwise."""
    history = History(tmp_path)
    history.append(payload(item("GBP", 1), at=AT + timedelta(days=1)))
    listed = history._datasets.store.list_files("payloads")
    shutil.rmtree(tmp_path)
    monkeypatch.setattr(
        type(history._datasets.store),
        "list_files",
        lambda _, name: listed if name == "payloads" else [],
    )
    for read in (history.summaries, lambda: list(history.payloads())):
        with pytest.raises(PcNotebooksError, match="kept disappearing"):
            read()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert history.compact(LATER) == 0
        assert history.verify().empty
