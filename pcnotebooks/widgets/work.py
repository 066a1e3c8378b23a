"""Long-running work that is started by a control."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


def started(
    now: asyncio.Task[None] | None, work: Callable[[], Coroutine[Any, Any, None]]
) -> asyncio.Task[None] | None:
    """Start work in the kernel's event loop, unless earlier work is still running."""
    if now is not None and not now.done():
        return now
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # no kernel
        asyncio.run(work())
        return None
    return loop.create_task(work())
