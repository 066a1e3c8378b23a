"""Devices without an end and an environment of nonsense: one line in a shell, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pcnotebooks.payload.payload import Payload
from pcnotebooks.payload.sample import sample_payload

pytestmark = pytest.mark.skipif(not Path("/dev/zero").exists(), reason="it has no such devices")


def said(folder, *arguments, **environment):
    """Run a command; return the exit code and the lines of errors."""
    command = [sys.executable, "-m", "pcnotebooks", *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("zone", ["/dev/zero", "/etc/passwd", "x" * 5000])
def test_a_time_zone_that_is_none_is_said_in_words(tmp_path, zone):
    """It would be a traceback of the library that writes dates."""
    code, errors = said(tmp_path, "report", "--sample", TZ=zone)
    if code == 0:  # pytz, which pandas 2 brings, passes over a name that is too long
        assert (errors, len(zone)) == ([], 5000)
        return
    assert errors[0].startswith("Error: The environment variable TZ=")
    assert (code, len(errors)) == (2, 2)


@pytest.mark.parametrize(
    "arguments",
    [("report", "/dev/zero"), ("report", "--payload", "/dev/null"), ("render", "/dev/zero")],
)
def test_a_device_is_not_read(tmp_path, arguments):
    """It has no end, and would fill the memory."""
    code, errors = said(tmp_path, *arguments)
    assert (code, errors) == (2, [f"Error: {arguments[-1]}: is a device, not a file"])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_pipe_that_ends_is_a_file_like_any_other(tmp_path):
    """As a shell gives it: report <(command)."""
    payload = sample_payload()
    reading, writing = os.pipe()
    os.write(writing, payload.save(tmp_path / "p.json").read_bytes())
    os.close(writing)
    assert Payload.load(f"/dev/fd/{reading}") == payload
    os.close(reading)


@pytest.mark.parametrize("limit", [1000])
def test_a_pipe_without_an_end_is_refused(tmp_path, monkeypatch, limit):
    """More than any answer is."""
    monkeypatch.setattr("pcnotebooks.files._LONGEST_PIPE", limit)
    reading, writing = os.pipe()
    os.write(writing, b" " * (limit + 1))
    with pytest.raises(OSError, match="gives more than"):
        Payload.load(f"/dev/fd/{reading}")
    os.close(writing)
    os.close(reading)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000 + "]" * 5000,
        "[a]\nclient_id=" + "9" * 5000,
        "a" + ".a" * 5000 + "=1",
        '[a]\nclient_id="x"\n[a.cloud]\nname="o"\nauthority="https://[::1"\napi="https://["',
    ],
    ids=["nests", "digits", "dots", "IPv6"],
)
def test_profiles_of_nonsense_are_said_in_words(tmp_path, text):
    """What failed, and what to do, each in a line."""
    (tmp_path / "pcnotebooks").mkdir()
    (tmp_path / "pcnotebooks" / "profiles.toml").write_text(text)
    code, errors = said(tmp_path, "sign-in", "--profile", "a", XDG_CONFIG_HOME=str(tmp_path))
    assert code == 2
    assert errors[0].startswith("Error: ")
    assert len(errors) == 2
