"""Waiting for what a task or a process does."""

from __future__ import annotations

import asyncio
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


async def until(is_so: Callable[[], Any]) -> Any:
    """Return what a function gives as soon as it gives something, within ten seconds."""
    for _ in range(500):
        if found := is_so():
            return found
        await asyncio.sleep(0.02)
    pytest.fail("it did not come")


def answer_of(url: str, server: subprocess.Popen[bytes], log: Path) -> bytes:
    """Return what a server that is starting gives, within a minute."""
    for _ in range(300):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                content: bytes = answer.read()
                return content
        except OSError:  # nobody listens yet
            time.sleep(0.2)
    return pytest.fail(f"it did not start:\n{log.read_text()}")
