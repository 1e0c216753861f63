"""A Unix socket that is served until cancelled, one conversation per connection.

It knows no message; a conversation that fails ends alone.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from functions_framework import control
from openfunction_py.lib import log
from openfunction_py.wire import channel, messages

BACKLOG = 512

logger = log.get("node.doors")

Converse = Callable[[channel.Channel, socket.socket], Awaitable[None]]


async def serve(path: Path, converse: Converse, *, mode: int) -> None:
    """Listen at `path`, replacing what an earlier node left there, until cancelled."""
    loop = asyncio.get_running_loop()
    with _listen(path, mode) as listener:
        async with asyncio.TaskGroup() as group:
            while True:
                connection, _ = await loop.sock_accept(listener)
                group.create_task(_hold(connection, converse))


def _listen(path: Path, mode: int) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)  # noqa: FBT003 - the socket module's signature
    listener.bind(str(path))
    path.chmod(mode)
    listener.listen(BACKLOG)
    return listener


async def _hold(connection: socket.socket, converse: Converse) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    link = channel.Channel(reader, writer)
    try:
        await converse(link, connection)
    except (control.FrameError, messages.MessageError, TimeoutError, ConnectionError) as error:
        logger.info("a conversation ended early", error=str(error) or type(error).__name__)
    except Exception:
        logger.exception("a conversation failed")
    finally:
        await link.close()
