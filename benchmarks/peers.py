"""The peers, in an environment of their own: they want other versions of pandas and matplotlib."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from benchmarks.paired import ROOT, Row

_PLACE = ROOT / ".bench" / "peers"
PYTHON = _PLACE / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
NAMES = ("msticpy", "quantstats", "ydata-profiling")


@cache
def refusal(name: str) -> str | None:
    """Install a peer; return why it cannot be, or None."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    try:
        if not PYTHON.exists():
            _run(uv, "venv", "--quiet", "--python", sys.executable, str(_PLACE))
        # ydata-profiling asks for pkg_resources without saying so.
        wanted = (name, "setuptools<81")
        _run(uv, "pip", "install", "--quiet", "--python", str(PYTHON), *wanted)
        _run(str(PYTHON), "-c", f"import {name.replace('-', '_')}")
    except OSError as error:
        return f"uv: {error}"
    except subprocess.CalledProcessError as error:
        return " ".join(error.stderr.split())[-200:]
    return None


def absent(row: str, name: str) -> Row | None:
    """Return the row that says why a peer is missing; None where it is there."""
    reason = refusal(name)
    return Row(row, [], name, note=f"{name} does not install: {reason}") if reason else None


def version(name: str) -> str:
    """Return a peer's version."""
    source = f"from importlib.metadata import version; print(version({name!r}), end='')"
    return _run(str(PYTHON), "-c", source)


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout
