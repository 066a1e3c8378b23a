"""The encrypted token cache, kept by a real keyring: the Secret Service of a bus of its own."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pcnotebooks.session.settings import profiles_file
from tests.services.browser import visit
from tests.services.identity_provider import CLIENT_ID, TENANT, USERNAME, IdentityProvider

# Debian's build of PyGObject serves every Python of its version.
GI = Path("/usr/lib/python3/dist-packages/gi")
PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")
CLI = (sys.executable, "-c", "from pcnotebooks.cli.main import main; main()")


@pytest.fixture
def keyring(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run an unlocked keyring that the commands of this test find."""
    bus_program, keyring_program = found = [shutil.which(name) for name in PROGRAMS]
    missing = [name for name, path in zip(PROGRAMS, found, strict=True) if not path]
    if not list(GI.glob(f"_gi.{sys.implementation.cache_tag}-*")):
        missing.append(f"gi for {sys.implementation.cache_tag}")
    if missing:
        pytest.skip(f"no keyring on this machine: {', '.join(missing)} missing")
    modules = home / "modules"
    modules.mkdir()
    (modules / "gi").symlink_to(GI)
    monkeypatch.setenv("PYTHONPATH", str(modules))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    bus = subprocess.Popen(
        [bus_program, "--session", "--nofork", "--print-address", f"--address=unix:dir={home}"],
        stdout=subprocess.PIPE,
        text=True,
    )
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.stdout.readline().strip())
    daemon = subprocess.Popen(
        [keyring_program, "--foreground", "--unlock", "--components=secrets"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    daemon.stdin.write(b"a password")
    daemon.stdin.close()
    yield
    for process in (daemon, bus):
        process.terminate()
        process.wait(10)
    bus.stdout.close()


@pytest.fixture
def command(
    keyring: None, identity_provider: IdentityProvider
) -> Callable[..., tuple[int, str, list[str]]]:
    """Return a function that runs a command; whoever it asks to sign in does."""
    path = profiles_file()
    path.parent.mkdir(parents=True)
    path.write_text(
        f'[contoso]\nclient_id = "{CLIENT_ID}"\ntenant = "{TENANT}"\ncache = "encrypted"\n'
        f'cloud = {{name = "own", label = "Own", authority = "{identity_provider.url}",'
        ' api = "https://127.0.0.1:9"}\n'
    )

    def run(*arguments: str) -> tuple[int, str, list[str]]:
        with subprocess.Popen(
            [*CLI, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        ) as process:
            said, asked = "", []
            for line in process.stdout:
                said += line
                found = re.search(r"open (\S+)\s.*type the code (\S+)", said, re.DOTALL)
                if found and not asked:
                    asked.append(found[2])
                    visit(found[1], "approve", user_code=found[2])
        return process.returncode, said, asked

    return run


def test_a_keyring_keeps_the_sign_in_from_one_process_to_the_next(command, identity_provider, home):
    """Asked once, silent until signed out; no token stands in any file outside the keyring."""
    code, said, asked = command("sign-in", "--profile", "contoso")
    assert (code, len(asked)) == (0, 1), said
    code, said, asked = command("sign-in", "--profile", "contoso")
    assert (code, said, asked) == (0, f"Signed in as {USERNAME} at Own.\n", [])
    assert USERNAME in command("accounts")[1]

    folder = home / ".data" / "pcnotebooks"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    kept = [path for path in home.rglob("*") if path.is_file() and not path.is_socket()]
    assert [path for path in kept if identity_provider.shown_in(path.read_text("latin-1"))] == []

    assert command("sign-out")[:2] == (0, "Signed out.\n")
    assert command("accounts")[1] == "No sign-in is cached.\n"
    assert len(command("sign-in", "--profile", "contoso")[2]) == 1
    command("sign-out")
