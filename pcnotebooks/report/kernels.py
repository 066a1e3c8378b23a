"""Kernels run by nbclient, with two fixes: no endless wait, and interrupts that stop the run."""

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
    """A channel that notices a reply that arrives during a send.

    ZeroMQ signals each arrival once, and a send consumes the signal. nbclient sends a message when
    an output goes into a widget, and then waited forever for a reply that had already arrived.
    """

    def send(self, msg: dict[str, Any]) -> None:
        """Send a message, and check for replies that arrived meanwhile."""
        super().send(msg)
        self.socket.get(zmq.EVENTS)


class _Client(AsyncKernelClient):
    shell_channel_class = Type(_ShellChannel)


class Manager(AsyncKernelManager):
    """Starts a kernel, none of whose replies is missed."""

    client_class = "pcnotebooks.report.kernels._Client"
    client_factory = Type(_Client)


class Client(NotebookClient):
    """Runs a notebook to its end, or until a signal stops the notebook and the kernel.

    nbclient stops only the kernel at a signal, and continues until one of its assertions fails.
    """

    _stopped_by: int | None = None

    def run(self) -> None:
        """Run the notebook; a signal stops it like any other Python program."""
        try:
            self.execute()
        except (Exception, asyncio.CancelledError):
            if self._stopped_by is None:
                raise
            if self._stopped_by == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise SystemExit(128 + self._stopped_by) from None

    async def async_start_new_kernel(self, **options: Any) -> None:
        """Start the kernel, and replace the signal handlers that nbclient has set before."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        signals = (signal.SIGINT, signal.SIGTERM)

        def stop(number: int) -> None:
            self._stopped_by = number
            self.shutdown_kernel = "immediate"  # a graceful stop prints the kernel's own traceback
            if task:
                task.cancel()

        # Windows, and threads other than the main thread, have no such handlers.
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
