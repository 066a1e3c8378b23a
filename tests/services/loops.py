"""Waiting for what a task does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest


async def until(is_so: Callable[[], Any]) -> Any:
    """Return what a function gives as soon as it gives something, within ten seconds."""
    for _ in range(500):
        if found := is_so():
            return found
        await asyncio.sleep(0.02)
    pytest.fail("it did not come")
