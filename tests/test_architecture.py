"""What a contract of imports cannot say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pcnotebooks"
HOMES = {
    "requests": {"session/transport", "session/faults"},
    "msgspec": {"payload/payload", "payload/decode", "payload/invoices", "payload/paging"},
    "matplotlib": {"chart/axes"},
    "babel": {"amounts"},
    "ipywidgets": {"widgets/sign_in", "widgets/explore", "widgets/dashboard"},
    "jinja2": {"report/fragments"},
    "typer": {"cli"},
    "msal": {"session/credential", "session/token_cache"},
    "msal_extensions": {"session/token_cache"},
    "portalocker": {"session/token_cache"},
    "platformdirs": {"session/settings", "session/token_cache", "history/history"},
    "pyarrow": {"history/history", "history/store", "history/tables"},
    "openpyxl": {"report/spreadsheet"},
    "nbformat": {"report/notebook"},
    "nbclient": {"report/notebook"},
    "nbconvert": {"report/notebook", "report/static"},
    "bs4": {"report/static"},
}


def modules() -> list[Path]:
    """Return every module of the package but the bundled notebooks' own."""
    return sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("library", HOMES)
def test_each_library_has_one_home(library: str):
    """A third-party library is imported where the design says, and nowhere else."""
    users = {
        path.relative_to(PACKAGE).with_suffix("").as_posix()
        for path in modules()
        if re.search(rf"^\s*(?:from|import) {library}\b", path.read_text(), re.MULTILINE)
    }
    assert users <= HOMES[library]


def test_every_module_says_what_it_is_and_stays_readable():
    """A docstring of one noun, and no module longer than one sitting takes."""
    for path in modules():
        lines = path.read_text().splitlines()
        assert lines[0].startswith('"""'), path.name
        assert len(lines) <= 800, path.name
