"""Run pip-audit on constraints.txt without a network: `python .ci/audit.py advisories.zip`.

The advisories are OSV records: a zip of JSON files as osv.dev exports them for PyPI, or a folder of
them. pip-audit asks a server for advisories, so this script answers it on this machine. Its exit
code is that of pip-audit: 0 if no pinned version has a known vulnerability.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).parents[1]
Advisory = dict[str, Any]


def records(source: Path) -> Iterator[Advisory]:
    """Return each advisory of a zip file or a folder."""
    if source.is_dir():
        yield from (json.loads(path.read_bytes()) for path in sorted(source.rglob("*.json")))
        return
    with zipfile.ZipFile(source) as archive:
        names = [name for name in archive.namelist() if name.endswith(".json")]
        yield from (json.loads(archive.read(name)) for name in names)


def by_package(advisories: Iterator[Advisory]) -> dict[str, list[Advisory]]:
    """Return the advisories of each Python package, by its normalised name."""
    found = defaultdict(list)
    for advisory in advisories:
        for affected in advisory.get("affected", []):
            package = affected.get("package", {})
            if package.get("ecosystem") == "PyPI":
                # pip-audit compares names as they are written.
                name = canonicalize_name(package["name"])
                one = affected | {"package": package | {"name": name}}
                found[name].append(advisory | {"affected": [one]})
    return found


def affects(advisory: Advisory, version: str) -> bool:
    """Return whether an advisory affects a version: listed, or inside a range."""
    affected = advisory["affected"][0]
    if version in affected.get("versions", []):
        return True
    ranges = [each for each in affected.get("ranges", []) if each["type"] == "ECOSYSTEM"]
    return any(_inside(each["events"], Version(version)) for each in ranges)


def _inside(events: list[dict[str, str]], version: Version) -> bool:
    inside = False
    for event in sorted(events, key=_moment):
        (kind, bound), *_ = event.items()
        at = _version(bound)
        if kind == "introduced" and version >= at:
            inside = True
        elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
            inside = False
    return inside


def _moment(event: dict[str, str]) -> Version:
    return _version(next(iter(event.values())))


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")


def main() -> int:
    """Answer pip-audit from the file that the arguments name."""
    known = by_package(records(Path(sys.argv[1])))
    if not known:
        sys.exit(f"{sys.argv[1]} holds no advisory for a Python package.")

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = canonicalize_name(asked["package"]["name"])
            vulns = [each for each in known[name] if affects(each, asked["version"])]
            body = json.dumps({"vulns": vulns} if vulns else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [
                *[sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip"],
                *["--cache-dir", cache, "--progress-spinner", "off"],
                *["--vulnerability-service", "osv"],
                *["--osv-url", f"http://127.0.0.1:{server.server_port}/v1/query"],
                *["--requirement", str(ROOT / "constraints.txt")],
            ],
            check=False,
        )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
