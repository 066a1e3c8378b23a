"""What a contract of imports cannot say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pcnotebooks"
HOMES = {
    "requests": {"api", "wire"},
    "msgspec": {"payloads"},
    "matplotlib": {"charts"},
    "babel": {"amounts"},
    "ipywidgets": {"panel", "explorer", "dashboards"},
    "jinja2": {"pages"},
    "typer": {"cli"},
    "msal": {"auth", "caches"},
    "msal_extensions": {"caches"},
    "portalocker": {"caches"},
    "platformdirs": {"profiles", "caches", "history"},
    "pyarrow": {"history", "stores", "tables"},
    "openpyxl": {"export"},
    "nbformat": {"notebook"},
    "nbclient": {"notebook"},
    "nbconvert": {"notebook", "outputs"},
    "bs4": {"outputs"},
}


@pytest.mark.parametrize("library", HOMES)
def test_each_library_has_one_home(library: str):
    """A third-party library is imported where the design says, and nowhere else."""
    users = {
        path.stem
        for path in PACKAGE.glob("*.py")
        if re.search(rf"^\s*(?:from|import) {library}\b", path.read_text(), re.MULTILINE)
    }
    if library == "matplotlib":
        users -= {"report"}  # for the type of the axes in a signature
    assert users <= HOMES[library]


def test_every_module_says_what_it_is_and_stays_readable():
    """A docstring of one noun, and no module longer than one sitting takes."""
    for path in PACKAGE.glob("*.py"):
        lines = path.read_text().splitlines()
        assert lines[0].startswith('"""'), path.name
        assert len(lines) <= 800, path.name
