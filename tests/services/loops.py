"""What a cell awaits, run by a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it in a thread of its own: Playwright keeps a loop running in the tests'."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def until(is_so: Callable[[], Any]) -> Any:
    """Return what a function gives as soon as it gives something, within ten seconds."""
    for _ in range(500):
        if found := is_so():
            return found
        await asyncio.sleep(0.02)
    pytest.fail("it did not come")
