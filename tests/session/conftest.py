"""What tests of several ways to sign in share."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

import pytest

BROWSER = Path(__file__).parents[1] / "services" / "browser.py"


@pytest.fixture
def browser(monkeypatch, tmp_path):
    """Return a function that makes a command the browser of this machine."""
    for name in ("SSH_CONNECTION", "JUPYTERHUB_USER", "CODESPACES", "COLAB_RELEASE_TAG"):
        monkeypatch.delenv(name, raising=False)

    def install(press):
        script = tmp_path / "browser"
        # In the background, as a desktop opens one: webbrowser waits for the command to end.
        command = f'{sys.executable} {BROWSER} {press} "$1" &' if press else "true"
        script.write_text(f"#!/bin/sh\n{command}\n")
        script.chmod(0o700)
        monkeypatch.setenv("BROWSER", str(script))
        monkeypatch.setattr(webbrowser, "_tryorder", None)  # it looks at BROWSER only once
        monkeypatch.setattr(webbrowser, "_browsers", {})

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return install
