"""A connection in memory: the server's side of a socket, whose other end parses what the server writes.

It opens nothing; the protocol behind it is the one that serves real connections.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, cast

import httptools

PEER = ("testclient", 50000)
_HIGH = 64 << 10  # bytes that nobody has read, above which the server is told to wait
_LOW = 16 << 10


class BrokenAnswerError(ConnectionResetError):
    """The server ended the connection before its answer was whole."""


class Wire(asyncio.Transport):
    """One request's connection, on the loop's thread; a raw one leaves the server's bytes to somebody else to parse."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol, *, head: bool, raw: bool = False
    ) -> None:
        super().__init__({"peername": PEER})
        self._loop = loop
        self._raw = raw
        self._protocol = protocol
        self._parser = httptools.HttpResponseParser(self)
        self._is_head = head
        self._pieces: deque[bytes] = deque()
        self._unread = 0
        self._paused = self._closing = False
        self._waiter: asyncio.Future[None] | None = None
        self.headers: list[tuple[str, str]] = []
        self.status: int = 0
        self.has_head: bool = False
        self.is_whole: bool = False

    # the server's side

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Parse what the server sends."""
        if self._closing or self.is_whole:
            return
        if self._raw:
            self.on_body(bytes(data))
        else:
            self._parser.feed_data(bytes(data))
        self._wake()
        if self._unread > _HIGH and not self._paused:
            self._paused = True
            self._protocol.pause_writing()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Somebody else speaks from here on."""
        self._protocol = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who speaks."""
        return self._protocol

    def can_write_eof(self) -> bool:
        """False: the end is told by close."""
        return False

    def get_write_buffer_size(self) -> int:
        """Bytes that nobody has read yet."""
        return self._unread

    def is_closing(self) -> bool:
        """True once it ends."""
        return self._closing

    def pause_reading(self) -> None:
        """Nothing comes: a request is given whole."""

    def resume_reading(self) -> None:
        """As pause_reading."""

    def close(self) -> None:
        """End the connection; an answer whose end is the connection's end is whole now."""
        if self._closing:
            return
        self._closing = True
        names = {name for name, _ in self.headers}
        if self.has_head and not names & {"content-length", "transfer-encoding"}:
            self.is_whole = True
        self._wake()
        self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """End the connection in the middle."""
        if not self._closing:
            self._closing = True
            self._wake()
            self._loop.call_soon(self._protocol.connection_lost, None)

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # Any: asyncio's signature
        """Where the request comes from."""
        return {"peername": PEER}.get(name, default)

    # the client's side

    def send(self, data: bytes) -> None:
        """What the client sends."""
        if not self._closing:
            self._protocol.data_received(data)

    def leave(self) -> None:
        """The client goes, whatever is still to come."""
        self.abort()

    async def head(self) -> None:
        """Wait for status and headers; raises BrokenAnswerError."""
        while not self.has_head:
            await self._more()

    async def piece(self) -> bytes:
        """The next piece of the body, empty at its end; of a raw connection what came. Raises BrokenAnswerError."""
        while not self._pieces and not self.is_whole and not (self._raw and self._closing):
            await self._more()
        if not self._pieces:
            return b""
        piece = self._pieces.popleft()
        self._unread -= len(piece)
        if self._paused and self._unread < _LOW:
            self._paused = False
            self._protocol.resume_writing()
        return piece

    async def _more(self) -> None:
        if self._closing:
            raise BrokenAnswerError("the server ended the connection before its answer was whole")
        self._waiter = self._loop.create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # httptools' callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field."""
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The head is there; that of an interim answer (1xx) is forgotten."""
        status = self._parser.get_status_code()
        if status < 200 and status != 101:
            self.headers.clear()
            return
        self.status = status
        self.has_head = True
        self.is_whole = self._is_head

    def on_body(self, piece: bytes) -> None:
        """A piece of the body: one chunk, where the answer is sent in chunks."""
        self._pieces.append(piece)
        self._unread += len(piece)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        self.is_whole = self.has_head
