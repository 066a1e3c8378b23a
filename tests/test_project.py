"""The project's own files: what is declared, shipped and kept out."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
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
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
                modules |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    foreign = modules - sys.stdlib_module_names - {"pcnotebooks"}
    known = packages_distributions()
    return {re.sub(r"[-_.]+", "-", known.get(each, [each])[0]).lower() for each in foreign}


def test_every_import_is_declared():
    """What the package imports itself is not left to another package's dependencies."""
    imported = _imported_libraries(ROOT / "pcnotebooks")
    extras = PROJECT["project"]["optional-dependencies"]
    core = {name for name, _ in _requirements(PROJECT["project"]["dependencies"])}
    offered = re.search(r"\[(.*)\]", extras["all"][0])[1].split(",")
    optional = {name for extra in offered for name, _ in _requirements(extras[extra])}
    assert imported - core - optional == set()
    # ipykernel runs the notebooks and is never imported; nothing else is declared without use.
    assert core - imported == {"ipykernel"}
    assert optional - imported == set()
    assert core & optional == set()


def test_headless_is_a_part_of_the_dependencies():
    """The group for installations without Jupyter has the same bounds, and no other library."""
    headless = _requirements(PROJECT["dependency-groups"]["headless"])
    extras = PROJECT["project"]["optional-dependencies"]
    assert headless <= _requirements(PROJECT["project"]["dependencies"] + extras["history"])


def test_recipe_equals_environment():
    """The recipe for conda-forge requires what environment.yml requires."""
    recipe = (ROOT / "packaging" / "conda-forge" / "recipe.yaml").read_text()
    run = recipe.partition("  run:\n")[2].partition("\ntests:")[0]
    listed = re.findall(r"^    - ([a-z0-9_\-]+ [><=].*)$", run, flags=re.MULTILINE)
    found = {tuple(line.split()) for line in listed} - {("python", ">=${{", "python_min", "}}")}
    text = (ROOT / "environment.yml").read_text()
    wanted = re.findall(r"^  - ([a-z0-9_\-]+)([><=].*)$", text, flags=re.MULTILINE)
    assert found == set(wanted) - {("python", ">=3.11")}


def test_version_is_one():
    """Package, metadata, changelog, citation and recipe agree on the version."""
    import pcnotebooks  # noqa: PLC0415

    own = pcnotebooks.__version__
    assert own == version("pcnotebooks") == PROJECT["project"]["version"]
    assert f"## {own}" in (ROOT / "CHANGELOG.md").read_text()
    assert f"version: {own}\n" in (ROOT / "CITATION.cff").read_text()
    recipe = (ROOT / "packaging" / "conda-forge" / "recipe.yaml").read_text()
    assert f'version: "{own}"' in recipe


def test_addresses_complete_the_metadata():
    """Once the addresses are set, no link of the description is relative; until then all stay."""
    from hatch_build import absolute, urls  # noqa: PLC0415

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert absolute(readme, "") == readme
    whole = absolute(readme, "https://example.org/r")
    links = re.findall(r"\]\(([^)]+)\)", whole)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert "](https://example.org/r/raw/main/docs/report.png)" in whole
    assert urls("", "") == {}
    assert set(urls("https://e.org", "https://e.org/r")) == {
        "Changelog",
        "Documentation",
        "Issues",
        "Source",
    }


def test_issue_forms_ask_for_ids_and_for_no_payload():
    """A form has a field for each id, none for a file, and a promise to confirm."""
    forms = ROOT / ".github" / "ISSUE_TEMPLATE"
    problem = (forms / "problem.yml").read_text(encoding="utf-8")
    assert {"request", "correlation", "code"} <= set(
        re.findall(r"^    id: (\w+)", problem, re.MULTILINE)
    )
    assert "Do not attach a payload" in problem
    assert "blank_issues_enabled: false" in (forms / "config.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the unpacked sdist as it would be published."""
    folder = tmp_path_factory.mktemp("sdist")
    subprocess.run(
        [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    shutil.unpack_archive(next(folder.glob("*.tar.gz")), folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel as it would be published, built from the sdist."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, sdist],
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


def test_tests_run_from_the_sdist(sdist: Path):
    """It holds all that the tests need, so a distribution can run them: tried with a few."""
    kept = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 (whichever git there is)
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    ).stdout.split("\0")
    left_out = {name for name in kept if name and not (sdist / name).exists()}
    assert {name for name in left_out if not name.startswith(".git")} == set()
    done = subprocess.run(
        [
            *[sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"],
            *["tests/test_docs.py", "tests/test_amounts.py"],
        ],
        cwd=sdist,
        env=os.environ | {"PYTHONPATH": str(sdist)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout


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
        assert not re.search("^(?:<{7}|>{7}) ", text, re.MULTILINE), f"{name}: an unfinished merge"
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
