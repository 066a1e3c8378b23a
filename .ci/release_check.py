"""Build the packages and name everything that a release still lacks: `make release-check`."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

from pcnotebooks import __version__, links

ROOT = Path(__file__).parents[1]
IN_SDIST = ("conftest.py", "SECURITY.md", "README.md", "benchmarks/RESULTS.md", "docs/report.png")
PYROMA = 10


def missing(dist: Path) -> Iterator[str]:
    """Return each thing that is missing."""
    for name in ("SITE", "REPOSITORY"):
        if not getattr(links, name):
            yield f"pcnotebooks/links.py: {name} is not set."
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    if project["version"] != __version__:
        yield f"pyproject.toml has version {project['version']}, the package {__version__}."
    if f"version: {__version__}\n" not in (ROOT / "CITATION.cff").read_text(encoding="utf-8"):
        yield f"CITATION.cff does not have version {__version__}."
    if f"## {__version__} (unreleased)" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"):
        yield f"CHANGELOG.md: {__version__} has no day."
    yield from _packages(dist)


def _packages(dist: Path) -> Iterator[str]:
    _run("build", "--no-isolation", "--outdir", dist, ROOT)
    wheel, sdist = next(dist.glob("*.whl")), next(dist.glob("*.tar.gz"))
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    if "](docs/" in str(metadata.get_payload()):
        yield "The description has relative links, which break on a package index."
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    for name in IN_SDIST:
        if name not in names:
            yield f"The sdist lacks {name}."
    for tool in (("twine", "check", "--strict", wheel, sdist), ("pyroma", "-n", PYROMA, sdist)):
        done = _run(*tool, check=False)
        if done.returncode:
            yield f"{tool[0]}: {done.stdout}{done.stderr}"


def _run(*module: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *map(str, module)]
    return subprocess.run(command, check=check, capture_output=True, text=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        found = list(missing(Path(folder)))
    print("\n".join(found) or "Ready for a release.")
    sys.exit(bool(found))
