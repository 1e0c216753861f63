"""The body of an answer that is sent in pieces over HTTP/1.

It decides nothing about the connection; http1.py does, before and after.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Protocol

from functions_framework import response

_RESET = struct.pack("ii", 1, 0)


def head(status: int, lines: bytes, *, chunked: bool, close: bool) -> bytes:
    """The head of an answer whose length is not known."""
    return b"%b%b%b%b\r\n" % (
        response.STATUS_LINES[status],
        lines,
        b"transfer-encoding: chunked\r\n" if chunked else b"",
        b"connection: close\r\n" if close else b"",
    )


class Stream:
    """A streamed answer between its head and its end."""

    __slots__ = ("_chunked", "_silent", "_waiter", "exchange", "last", "transport")

    def __init__(
        self, exchange: object, transport: asyncio.Transport, *, chunked: bool, silent: bool, last: bool
    ) -> None:
        self.exchange: object = exchange
        self.transport: asyncio.Transport = transport
        self.last: bool = last  # the connection ends with it
        self._chunked = chunked
        self._silent = silent  # an answer to HEAD, or of a status without body
        self._waiter: asyncio.Future[None] | None = None

    def put(self, chunk: bytes) -> None:
        """Write a piece; an empty one would be read as the end, so it is nothing."""
        if not chunk or self._silent:
            return
        self.transport.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._chunked else chunk)

    def finish(self) -> None:
        """Write the end."""
        if self._chunked and not self._silent:
            self.transport.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """End the connection without the end of the body."""
        if not self._chunked:
            _reset_at_close(self.transport.get_extra_info("socket"))  # a plain close would be the body's end
            self.transport.abort()
        self.transport.close()

    async def drained(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait until the client has read; raises ConnectionResetError when it leaves instead."""
        self._waiter = loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def resume(self) -> None:
        """The client has read."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def lose(self) -> None:
        """The client has left."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionResetError("the client is gone"))


class _Socket(Protocol):
    def setsockopt(self, level: int, option: int, value: bytes, /) -> None: ...


def _reset_at_close(own: _Socket | None) -> None:
    if own is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
