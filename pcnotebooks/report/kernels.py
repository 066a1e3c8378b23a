"""Kernels as nbclient runs them, less a wait without end."""

from __future__ import annotations

from typing import Any

import zmq
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.manager import AsyncKernelManager
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
