"""One Chromium and one JupyterLab for all tests of this folder."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.services.loops import answer_of

LOOPBACK = {"127.0.0.1", "localhost"}
ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "screenshots"
# Chromium looks its maker's hosts up whatever else it is told; these rules leave it none to find.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return a running Chromium; without one, skip on a user's machine and fail in CI."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        reason = "no Chromium on this machine: install it to run the browser tests"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    expect.set_options(timeout=30_000)  # a loaded machine is slow, not wrong
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a page; whatever it asks of another machine fails the test."""
    contexts = []
    strangers = []

    def open_(url: str, *, width: int = 1280, height: int = 900, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        strangers.append(watch_strangers(page))
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not any(strangers)


def watch_strangers(page: Page) -> list[str]:
    """Return a list that fills with every address beyond this machine that the page asks."""
    strangers: list[str] = []

    def note(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme.startswith(("http", "ws")) and parts.hostname not in LOOPBACK:
            strangers.append(url)

    page.on("request", lambda request: note(request.url))
    page.on("websocket", lambda socket: note(socket.url))
    return strangers


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    url: str
    token: str
    folder: Path


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Return a JupyterLab that shares no file with the user's, with the bundled notebooks."""
    with running_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@contextmanager
def running_lab(home: Path) -> Iterator[Lab]:
    """Run a JupyterLab whose files all lie in an empty folder."""
    folder = home / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns(".*"))
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
              "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "MPLCONFIGDIR")  # fmt: skip
    environment = os.environ | {name: str(home / name.lower()) for name in places}
    environment["HOME"] = str(home)
    quiet = ("@jupyterlab/apputils-extension:announcements",
             "@jupyterlab/extensionmanager-extension")  # fmt: skip
    page_config = home / "jupyter_config_dir" / "labconfig" / "page_config.json"
    page_config.parent.mkdir(parents=True)
    page_config.write_text(json.dumps({"disabledExtensions": dict.fromkeys(quiet, True)}))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    log = (home / "lab.log").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
         f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
         f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True",
         "--JupyterNotebookApp.expose_app_in_browser=True"],
        env=environment, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    running = Lab(f"http://127.0.0.1:{port}", token, folder)
    try:
        answer_of(f"{running.url}/api/status?token={token}", server, home / "lab.log")
        yield running
    finally:
        server.terminate()
        try:
            server.wait(timeout=60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Return the folder, kept out of the repository, where pictures to look at are put."""
    SCREENSHOTS.mkdir(exist_ok=True)
    return SCREENSHOTS


class LabPage:
    """A page of JupyterLab in which notebooks are opened, run and closed."""

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page, self.lab = page, lab
        self._evaluate(
            "window.jupyterapp.shell.leftCollapsed"
            " || window.jupyterapp.commands.execute('application:toggle-left-area')"
        )

    def write(self, *sources: str) -> Path:
        """Return a new notebook of these code cells."""
        return self.write_in(self.lab, *sources)

    @staticmethod
    def write_in(lab: Lab, *sources: str) -> Path:
        """Return a new notebook of these code cells, for whichever front end."""
        path = lab.folder / f"new-{secrets.token_hex(4)}.ipynb"
        # Without a kernel's name Lab asks for one.
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
        return path

    def open(self, name: str) -> None:
        """Open a notebook and wait for its kernel."""
        self._evaluate("window.jupyterapp.commands.execute('docmanager:open', {path})", path=name)
        self.page.wait_for_function(IDLE, timeout=60_000)

    def run_all(self, *, wait: bool = True) -> None:
        """Run all cells, and wait for the last where none waits for a user."""
        self.page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        if wait:
            self.page.wait_for_function(_DONE, timeout=120_000)

    def theme(self, name: str) -> None:
        """Change to the theme Light or Dark."""
        self._evaluate(
            "window.jupyterapp.commands.execute('apputils:change-theme', {theme})",
            theme=f"JupyterLab {name}",
        )
        self.page.wait_for_timeout(700)

    def save(self) -> None:
        """Save the open notebook."""
        self._evaluate("window.jupyterapp.shell.currentWidget.context.save()")

    def close(self) -> None:
        """End the kernel of the open notebook, save and close it."""
        self._evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.save()
        self._evaluate("window.jupyterapp.shell.currentWidget.dispose()")

    def _evaluate(self, work: str, **values: str) -> None:
        names = ", ".join(values)
        self.page.evaluate(f"async ({{{names}}}) => {{ await ({work}); }}", values)


# The indicator in the page says idle before there is a kernel; the application knows better.
IDLE = """() => {
    const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
    return kernel?.status === "idle";
}"""
_DONE = """() => {
    const notebook = window.jupyterapp.shell.currentWidget;
    const cells = notebook.content.widgets.filter(cell => cell.model.type === "code");
    return cells.every(cell => cell.model.executionCount !== null && !cell.promptNode
        .textContent.includes("*"))
        && notebook.sessionContext.session.kernel.status === "idle";
}"""


@contextmanager
def open_lab(browser: Browser, lab: Lab, *, width: int, height: int) -> Iterator[LabPage]:
    """Open JupyterLab in a window of that size; nothing in it may ask another machine."""
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    strangers = watch_strangers(page)
    page.goto(f"{lab.url}/lab/workspaces/{secrets.token_hex(4)}?token={lab.token}")
    page.wait_for_function("window.jupyterapp?.commands.hasCommand('docmanager:open')")
    page.evaluate("window.jupyterapp.restored.then(() => null)")
    yield LabPage(page, lab)
    context.close()
    assert strangers == []
