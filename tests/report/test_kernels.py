"""What a kernel replies is heard, whatever is sent to it meanwhile."""

from __future__ import annotations

import asyncio
import time

import zmq
import zmq.asyncio
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.session import Session

from pcnotebooks.report.kernels import Manager, _ShellChannel


async def heard(channel_class: type[AsyncZMQSocketChannel]) -> bool:
    """Return whether a reply is heard that came just before something was sent."""
    context = zmq.asyncio.Context()
    session = Session(key=b"a key")
    with zmq.Context() as far, far.socket(zmq.ROUTER) as kernel:
        port = kernel.bind_to_random_port("tcp://127.0.0.1")
        socket = context.socket(zmq.DEALER)
        socket.connect(f"tcp://127.0.0.1:{port}")
        channel = channel_class(socket, session)
        channel.send(session.msg("execute_request"))
        route, *_ = kernel.recv_multipart()
        reply = asyncio.ensure_future(channel.get_msg(timeout=5))
        await asyncio.sleep(0.05)
        session.send(kernel, session.msg("execute_reply"), ident=route)
        time.sleep(0.2)  # noqa: ASYNC251  the loop is busy while the reply arrives
        channel.send(session.msg("comm_msg"))
        done, _ = await asyncio.wait([reply], timeout=1)
        reply.cancel()
        await asyncio.wait([reply])
        context.destroy(linger=0)
    return bool(done)


def test_a_reply_that_comes_while_something_is_sent_is_heard():
    """With jupyter_client's own channel, of 8.10, it is not."""
    assert asyncio.run(heard(_ShellChannel))


def test_the_managers_client_has_that_channel():
    """As nbclient asks for it."""
    assert Manager().client().shell_channel_class is _ShellChannel
