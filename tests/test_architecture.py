"""What a contract of imports cannot say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pcnotebooks"
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix(): ast.parse(path.read_text("utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}
ROOMS = {name.split("/")[0] for name in MODULES} - {"__init__"}

# A library's home is a room, or a module of one where the rest of the room has no need of it.
HOMES = {
    "babel": {"amounts"},
    "bs4": {"report"},
    "cryptography": {"session/proofs"},
    "deltalake": {"history"},
    "fsspec": {"history"},
    "ipywidgets": {"widgets"},
    "jinja2": {"report"},
    "jupyterlab": {"cli"},
    "keyring": {"session/proofs"},
    "matplotlib": {"chart"},
    "msal": {"session"},
    "msal_extensions": {"session"},
    "msgspec": {"payload"},
    "nbclient": {"report"},
    "nbconvert": {"report"},
    "nbformat": {"report"},
    "nh3": {"report/allowed"},
    "openpyxl": {"report/workbook"},
    "platformdirs": {"session", "history"},
    "portalocker": {"session"},
    "pyarrow": {"history"},
    "requests": {"session", "service"},
    "tinycss2": {"report/allowed"},
    "tomlkit": {"session/profiles"},
    "typer": {"cli"},
    "urllib3": {"session", "service", "doctor"},
    "weasyprint": {"report"},
}


def imported(name: str) -> Iterator[str]:
    """Return the modules that a module imports, within functions as well."""
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "pcnotebooks":
            yield from (f"pcnotebooks.{each.name}" for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("library", HOMES)
def test_each_library_has_one_home(library: str):
    """A third-party library is imported where the design says, and nowhere else."""
    users = {
        name for name in MODULES if library in {module.split(".")[0] for module in imported(name)}
    }
    homes = HOMES[library]
    strangers = {user for user in users if not {user, user.split("/")[0]} & homes}
    assert not strangers


def test_no_module_is_longer_than_500_lines():
    """What is longer has two subjects; each file that is, with its lines."""
    lines = {
        name: len((PACKAGE / f"{name}.py").read_text("utf-8").splitlines()) for name in MODULES
    }
    assert {name: count for name, count in lines.items() if count > 500} == {}


def test_every_module_says_what_it_is():
    """A docstring comes first; a newcomer reads the folder by them."""
    assert [name for name, tree in MODULES.items() if not ast.get_docstring(tree)] == []


def test_a_room_says_what_it_is_for_and_nothing_else():
    """Its __init__.py has a docstring at most: names are imported from where they are defined."""
    rooms = {path.name for path in PACKAGE.iterdir() if list(path.glob("*.py"))}
    assert {room for room in rooms if f"{room}/__init__" not in MODULES} == set()
    bodies = {room: MODULES[f"{room}/__init__"].body for room in rooms}
    assert {room: len(body) for room, body in bodies.items() if len(body) > 1} == {}


def test_rooms_know_few_others():
    """At most 80 arrows between rooms: a change in one is felt in few."""
    arrows = {
        (name.split("/")[0], module.split(".")[1])
        for name in MODULES
        for module in imported(name)
        if module.startswith("pcnotebooks.")
    }
    between = sorted(
        f"{room} -> {other}" for room, other in arrows if room != other and other in ROOMS
    )
    assert between  # the names are read as they are written
    assert len(between) <= 80, "\n".join(between)
