"""For all tests, those in docstrings too, which no other conftest reaches."""

from __future__ import annotations

import os
import signal
import sys
from asyncio import events
from collections.abc import Iterator

import pytest

collect_ignore = ["docs/conf.py"]


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    """Close what an example or a test has left to pyplot, which would keep it for ever."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(autouse=True)
def _no_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hide the event loop that Playwright leaves running from tests that need no browser."""
    running = None if "browser" in request.path.parts else events._get_running_loop()
    if running is not None:
        events._set_running_loop(None)
    yield
    if running is not None:
        events._set_running_loop(running)


def pytest_configure() -> None:
    """Let Ctrl-C reach the tests of it: a job in a shell's background starts without."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the browser's tests to one of the processes, with one Chromium and one JupyterLab."""
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.xdist_group("browser"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was skipped where nothing may be."""
    if os.environ.get("CI"):
        for report in terminalreporter.stats.get("skipped", ()):
            terminalreporter.write_line(f"skipped, which fails under CI: {report.nodeid}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a skip fail under CI: there every test is meant to run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
