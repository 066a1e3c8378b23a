"""Ctrl-C and a termination: the command ends soon, in a line at most."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import nbformat
import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals")

ASKED = """
import sys, pcnotebooks as pc
cloud = pc.Cloud("own", "Own", "https://localhost", f"http://127.0.0.1:{sys.argv[1]}")
pc.fetch_all([pc.Session.from_token(cloud, "token-0123456789")])
"""


def ended(process, number):
    """Send a signal; return the exit code and what was said."""
    process.send_signal(number)
    try:
        _, said = process.communicate(timeout=25)
    finally:
        process.kill()
    return process.returncode, said


def test_fetching_ends_with_an_interrupt():
    """A call that is under way would try on for minutes; nobody waits for it."""
    came = threading.Event()
    held = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            held.append(server.accept())  # and never answers
            came.set()

        threading.Thread(target=accept, daemon=True).start()
        command = [sys.executable, "-c", ASKED, str(server.getsockname()[1])]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert came.wait(60)
        code, said = ended(process, signal.SIGINT)
    for connection, _ in held:
        connection.close()
    assert code in (130, -signal.SIGINT, 1)
    assert said.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_rendering_ends_without_a_traceback(tmp_path, number):
    """The kernel is stopped, and no file is written."""
    cell = nbformat.v4.new_code_cell("open('started', 'w').close(); import time; time.sleep(60)")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "slow.ipynb")
    command = [sys.executable, "-m", "pcnotebooks", "render", "slow.ipynb"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    for _ in range(600):
        if (tmp_path / "started").exists():
            break
        time.sleep(0.1)
    code, said = ended(process, number)
    assert code in ((130, 1) if number == signal.SIGINT else (143,))
    assert "Traceback" not in said
    assert not (tmp_path / "slow.html").exists()


@pytest.mark.parametrize("after", [0.25, 0.5, 0.8, 1.2])
def test_an_interrupt_of_the_imports_shows_no_traceback(after):
    """Typer, pandas and the rest are loaded for a second or more."""
    command = [sys.executable, "-m", "pcnotebooks", "history", "list", "--history", "memory://x"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    time.sleep(after)
    _, said = ended(process, signal.SIGINT)
    assert "Traceback" not in said
