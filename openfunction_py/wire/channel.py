"""One connection of the node's socket: framed messages over an asyncio stream.

It gives no message a meaning and never reconnects; a broken connection reads as its end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from functions_framework import control

READ_SIZE = 1 << 16
MAX_UNSENT = 1 << 20


class Channel:
    """Sends and receives messages in order; belongs to one task that reads."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take over both directions of a stream."""
        self._reader = reader
        self._writer = writer
        self._decoder = control.Decoder()
        self._received: list[dict[str, Any]] = []

    @property
    def closed(self) -> bool:
        """True once either side has ended the connection."""
        return self._writer.is_closing() or self._reader.at_eof()

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None when the connection is over. Raises control.FrameError for foreign bytes."""
        while not self._received:
            try:
                data = await self._reader.read(READ_SIZE)
            except ConnectionError:
                return None
            if not data:
                return None
            self._received = self._decoder.feed(data)
        return self._received.pop(0)

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send and wait until the other side takes it; raises ConnectionError."""
        self._writer.write(control.encode(message))
        await self._writer.drain()

    def post(self, message: Mapping[str, Any]) -> bool:
        """Send without waiting; False when the message was dropped because the other side does not read."""
        if self.closed or self._writer.transport.get_write_buffer_size() > MAX_UNSENT:
            return False
        self._writer.write(control.encode(message))
        return True

    async def close(self) -> None:
        """End the connection and wait until it is gone."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


async def tell_until_ended(link: Channel, telling: Coroutine[Any, Any, None]) -> None:
    """Run what writes to a channel until the other side, which has nothing to say, ends it.

    Raises:
        control.FrameError: a message is too long, or the other side sent foreign bytes.
        OSError: the channel broke.
    """
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_while_taken(telling))
            while await link.receive() is not None:
                continue
            task.cancel()
    except ExceptionGroup as errors:
        _, rest = errors.split((OSError, control.FrameError))
        if rest is not None:
            raise
        raise errors.exceptions[0] from errors  # callers know a line's failures by their types


async def _while_taken(telling: Coroutine[Any, Any, None]) -> None:
    with contextlib.suppress(ConnectionError):  # who reads the channel sees its end too
        await telling


async def connect(path: Path) -> Channel:
    """Open a channel to a Unix socket; raises OSError when nobody listens there."""
    reader, writer = await asyncio.open_unix_connection(path)
    return Channel(reader, writer)
