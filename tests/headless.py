"""Try an installation without Jupyter: `make test-headless` runs this in such an environment.

It needs nothing but the package, since pytest would bring libraries of its own.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory

import pcnotebooks as pc

# The library that each call lacks, and the command that installs it.
MISSING = {
    "plot_balances": ("matplotlib", "pcnotebooks"),
    "dashboard": ("ipywidgets", "pcnotebooks"),
    "explore": ("ipywidgets", "pcnotebooks"),
    "sign_in_async": ("IPython", "pcnotebooks"),
    "render_report": ("markupsafe", "pcnotebooks"),
    "render_notebook": ("nbformat", "pcnotebooks"),
    "write_excel": ("openpyxl", '"pcnotebooks[excel]"'),
}
COMMANDS = {
    "report --sample -o sample.html": ("markupsafe", "pcnotebooks"),
    "render 02_balances -o balances.html": ("nbformat", "pcnotebooks"),
    "lab folder": ("jupyterlab", "pcnotebooks"),
}


def what_works(folder: Path) -> None:
    """Load what fetches; compute frames, write CSV and keep a history."""
    payloads = pc.sample_history()
    frame = pc.summary_frame(*payloads)
    assert len(pc.payment_recency(frame, as_of="2025-12-05"))
    assert len(pc.invoice_ageing(pc.invoice_frame(*payloads)))
    assert len(pc.balance_changes(*payloads))
    assert pc.write_csv(folder / "balances.csv", payloads[0]).exists()
    history = pc.History(folder / "history")
    assert all(history.append(payload, sample=True) for payload in payloads[:4])
    history.compact()
    assert len(history.totals())
    assert history.verify().empty
    assert callable(pc.sign_in)
    assert callable(pc.fetch_all)
    for arguments in (
        "--help",
        "history list --history history",
        "snapshot --help",
        "balances --sample",
        "ageing --history history --json",
        "changes --history history --csv",
        "profile list",
        "history add --help",
    ):
        _run(arguments, folder, expected=(0,))


def what_says_what_is_missing(folder: Path) -> None:
    """Make each call and command without its library, and read the error."""
    inputs = {
        "render_notebook": ("02_balances", folder / "balances.html"),
        "write_excel": (folder / "balances.xlsx", pc.sample_payload()),
    }
    for name, (library, package) in MISSING.items():
        said = _error_of(name, inputs.get(name, ()))
        assert f"{name} needs {library}, which is not installed." in said, said
        assert said.endswith(f"Run: pip install {package}"), said
    for arguments, (library, package) in COMMANDS.items():
        said = _run(arguments, folder, expected=(1, 2))
        assert f"needs {library}, which is not installed." in said, said
        assert f"Run: pip install {package}" in said, said
        assert "Traceback" not in said, said


def _error_of(name: str, arguments: tuple[object, ...]) -> str:
    try:
        getattr(pc, name)(*arguments)
    except pc.ConfigurationError as error:
        return str(error)
    return "no error"


def _run(arguments: str, folder: Path, *, expected: tuple[int, ...]) -> str:
    command = [sys.executable, "-m", "pcnotebooks", *arguments.split()]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, text=True)
    assert done.returncode in expected, done
    return done.stdout + done.stderr


if __name__ == "__main__":
    with TemporaryDirectory() as place:
        what_works(Path(place))
        what_says_what_is_missing(Path(place))
    print(f"without Jupyter: {len(list(distributions())) - 1} packages, passed")
