"""The project's own files: what is declared, shipped and kept out."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONDA_NAMES = {"matplotlib": "matplotlib-base"}  # where conda-forge's name is another


def _requirements(lines: list[str]) -> set[tuple[str, str]]:
    """Return name and bound of each requirement, names normalised."""
    found = set()
    for line in lines:
        name, bound = re.fullmatch(r"([A-Za-z0-9_.\-]+)(?:\[.*\])?(.*)", line).groups()
        found.add((re.sub(r"[-_.]+", "-", name).lower(), bound))
    return found


def test_environment_equals_pyproject():
    """The conda environment has the wheel's requirements, by conda-forge's names (make check)."""
    text = (ROOT / "environment.yml").read_text()
    listed = re.findall(r"^  - ([a-z0-9_\-]+[><=].*)$", text, flags=re.MULTILINE)
    wanted = _requirements(PROJECT["project"]["dependencies"])
    python = ("python", PROJECT["project"]["requires-python"])
    renamed = {(CONDA_NAMES.get(name, name), bound) for name, bound in wanted}
    assert _requirements(listed) == renamed | {python}


def _imported_libraries(folder: Path) -> set[str]:
    """Return the distributions that a folder's modules import, names normalised."""
    modules = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {each.name.split(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add(str(node.module).split(".")[0])
    foreign = modules - sys.stdlib_module_names - {"pcnotebooks"}
    known = packages_distributions()
    return {re.sub(r"[-_.]+", "-", known.get(each, [each])[0]).lower() for each in foreign}


def test_every_import_is_declared():
    """What the package imports itself is not left to another package's dependencies."""
    imported = _imported_libraries(ROOT / "pcnotebooks")
    extras = PROJECT["project"]["optional-dependencies"]
    core = {name for name, _ in _requirements(PROJECT["project"]["dependencies"])}
    optional = {
        name
        for extra in ("history", "delta", "excel", "pdf")
        for name, _ in _requirements(extras[extra])
    }
    assert imported - core - optional == set()
    # ipykernel runs the notebooks and is never imported; nothing else is declared without use.
    assert core - imported == {"ipykernel"}
    assert optional - imported == set()
    assert core & optional == set()


def test_version_is_one():
    """Package, metadata and changelog agree on the version."""
    import pcnotebooks  # noqa: PLC0415

    assert pcnotebooks.__version__ == version("pcnotebooks") == PROJECT["project"]["version"]
    assert f"## {pcnotebooks.__version__}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel as it would be published."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


def test_wheel_holds_what_the_package_needs(wheel: Path):
    """Notebooks, templates, data and types are in the wheel; tests are not."""
    names = zipfile.ZipFile(wheel).namelist()
    notebooks = {f"pcnotebooks/notebooks/{path.name}" for path in ROOT.glob("notebooks/*.ipynb")}
    assert len(notebooks) == 5
    assert notebooks <= set(names)
    for needed in (
        "py.typed",
        "__init__.pyi",
        "templates/report.html.j2",
        "templates/report.css",
        "data/invoice_summaries_example.json",
    ):
        assert f"pcnotebooks/{needed}" in names
    assert not [name for name in names if name.startswith(("tests", "docs"))]


def test_wheel_works_elsewhere(wheel: Path, tmp_path: Path):
    """Installed in another place and run from another folder, it writes the sample report."""
    place, work = tmp_path / "site", tmp_path / "work"
    work.mkdir()
    zipfile.ZipFile(wheel).extractall(place)  # as an installer does with a pure wheel
    script = (
        "import pcnotebooks, pcnotebooks.cli.main, sys; print(pcnotebooks.__file__);"
        "from pcnotebooks.report.notebook import bundled_notebooks;"
        "print([path.name for path in bundled_notebooks()]);"
        "sys.argv = ['pcnotebooks', 'report', '--sample', '-o', 'sample.html'];"
        "pcnotebooks.cli.main.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=work,
        env=os.environ | {"PYTHONPATH": str(place)},
        check=True,
        capture_output=True,
        text=True,
    )
    where, notebooks, written = done.stdout.splitlines()
    assert Path(where).is_relative_to(place)
    assert "05_report.ipynb" in notebooks
    assert "751,094.39" in (work / written).read_text(encoding="utf-8")


def test_no_file_names_a_registry_or_this_machine():
    """No address of a package index, no lock file and no absolute path is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 (whichever git there is)
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = [name for name in listed.stdout.split("\0") if name]
    assert not [name for name in names if name.endswith((".lock", "Pipfile.lock"))]
    for name in names:
        if name == "tests/test_project.py":
            continue
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
        for forbidden in ("pypi.org", "files.pythonhosted", "index-url", str(Path.home()) + "/"):
            assert forbidden not in text, name


@pytest.mark.parametrize("path", sorted(ROOT.glob("notebooks/*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_stripped_prose_with_calls(path: Path):
    """No outputs, no execution counts, no definitions, no private names; parameters come first."""
    book = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert code[0]["metadata"]["tags"] == ["parameters"]
    assert "widgets" not in book["metadata"]
    for cell in code:
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        assert "execution" not in cell["metadata"]
        source = "".join(cell["source"])
        assert not re.search(r"^\s*(def|try|class)\b|pcnotebooks\._|\._\w", source, re.MULTILINE)
