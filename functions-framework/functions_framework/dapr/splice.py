"""A connection that another server in this process answers: bytes go to its socket and come back, unread."""

from __future__ import annotations

import asyncio
from typing import cast

_ENOUGH = 1 << 20  # bytes that may wait for the other side


class Splice(asyncio.Protocol):
    """The outer side; one per connection."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._outer: asyncio.Transport | None = None
        self._inner: asyncio.Transport | None = None
        self._waiting: list[bytes] = []
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect to the other server."""
        self._outer = cast("asyncio.Transport", transport)
        self._outer.set_write_buffer_limits(high=_ENOUGH)
        self._task = asyncio.get_running_loop().create_task(self._connect())

    def close(self) -> None:
        """End both sides, after what has been written."""
        for side in (self._outer, self._inner):
            if side is not None:
                side.close()

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        if self._inner is None:
            self._waiting.append(data)
        else:
            self._inner.write(data)

    def pause_writing(self) -> None:
        """The client reads slowly."""
        if self._inner is not None:
            self._inner.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._inner is not None:
            self._inner.resume_reading()

    def eof_received(self) -> bool:
        """The client sends no more, so nothing more will come of it."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """The client has left."""
        if self._task is not None:
            self._task.cancel()
        if self._inner is not None:
            self._inner.close()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        outer = self._outer
        if outer is None:
            return
        try:
            transport, _ = await loop.create_unix_connection(lambda: _Inner(outer), self._path)
        except OSError:
            outer.abort()  # the other server has stopped; the client connects again, to whom is there then
            return
        self._inner = transport
        for data in self._waiting:
            transport.write(data)
        self._waiting.clear()


class _Inner(asyncio.Protocol):
    """The side of the other server."""

    def __init__(self, outer: asyncio.Transport) -> None:
        self._outer = outer
        self._own: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back for slow servers."""
        self._own = cast("asyncio.Transport", transport)
        self._own.set_write_buffer_limits(high=_ENOUGH)

    def data_received(self, data: bytes) -> None:
        """Pass bytes back."""
        self._outer.write(data)

    def pause_writing(self) -> None:
        """The server reads slowly."""
        self._outer.pause_reading()

    def resume_writing(self) -> None:
        """The server reads again."""
        self._outer.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """The server has closed."""
        self._outer.close()
