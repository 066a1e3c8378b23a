"""Kernels as nbclient runs them, less a wait without end and an interrupt that is an error."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import Any

import zmq
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from traitlets import Type


class _ShellChannel(AsyncZMQSocketChannel):
    """Tells of a reply that came while something was sent.

    ZeroMQ tells once that something came, and whoever sends hears it, too. nbclient sends when an
    output goes into a widget; without this it then waited for a reply that was long there.
    """

    def send(self, msg: dict[str, Any]) -> None:
        """Send a message, and look what came meanwhile."""
        super().send(msg)
        self.socket.get(zmq.EVENTS)


class _Client(AsyncKernelClient):
    shell_channel_class = Type(_ShellChannel)


class Manager(AsyncKernelManager):
    """Starts a kernel whose replies are all heard."""

    client_class = "pcnotebooks.report.kernels._Client"
    client_factory = Type(_Client)


class Client(NotebookClient):
    """Runs a notebook until it ends, or until an interrupt or a termination ends both.

    nbclient stops the kernel at a signal and goes on until one of its assertions fails.
    """

    _stopped_by: int | None = None

    def run(self) -> None:
        """Run the notebook; a signal ends it as it ends any other Python program."""
        try:
            self.execute()
        except (Exception, asyncio.CancelledError):
            if self._stopped_by is None:
                raise
            if self._stopped_by == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise SystemExit(128 + self._stopped_by) from None

    async def async_start_new_kernel(self, **options: Any) -> None:
        """Start the kernel, once nbclient has set the handlers that are replaced here."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        signals = (signal.SIGINT, signal.SIGTERM)

        def stop(number: int) -> None:
            self._stopped_by = number
            self.shutdown_kernel = "immediate"  # asked to end, it prints a traceback of its own
            if task:
                task.cancel()

        # Windows, and any thread but the main one, has no such handlers.
        with suppress(RuntimeError):
            for each in signals:
                loop.add_signal_handler(each, stop, each)
        try:
            await super().async_start_new_kernel(**options)
        except BaseException:
            with suppress(RuntimeError):
                for each in signals:
                    loop.remove_signal_handler(each)
            raise
