"""A streamed answer on its way from the function to the exchange: first piece, pace, end.

It frames nothing (http1.py); what goes wrong leaves `run` as an error, and dispatch.py says so.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from typing import Any, Protocol

from functions_framework import errors, jsons, response, sse
from functions_framework.calls import pool

_log = logging.getLogger("functions_framework")
_AHEAD = 64 << 10  # bytes that a plain generator may be ahead of its reader, beside one piece
_UNKNOWN_SIZE = 4 << 10
_EVENTS_TYPE = b"content-type: text/event-stream\r\ncache-control: no-cache\r\n"
_LINES_TYPE = b"content-type: application/x-ndjson\r\n"
_TEXT_TYPE = b"content-type: text/html; charset=utf-8\r\n"
_BYTES_TYPE = b"content-type: application/octet-stream\r\n"
_CLOSING = 30.0
_END = object()

Encode = Callable[[Any], bytes]  # Any: an item of the user's


class GoneError(errors.FrameworkError):
    """The client has left."""


class Exchange(Protocol):
    """The way to the client; connection.Exchange is one."""

    is_head: bool
    answered: bool

    def open(self, status: int, lines: bytes) -> None:
        """Send the head."""

    async def write(self, chunk: bytes) -> None:
        """Send a piece, waiting while the client reads slowly; raises ConnectionResetError when it is gone."""


class Encoder:
    """Makes bytes of items; the first item decides what the content is, where no header says it.

    Attributes:
        kind: the header lines of that content, once an item has come.
        rest: the same for the items after the first, only quicker.
    """

    def __init__(self, *, events: bool) -> None:
        self.kind: bytes = b""
        self.rest: Encode = sse.encode if events else encode
        self._events = events

    def __call__(self, item: object) -> bytes:
        """The bytes of an item; raises TypeError for what has no JSON form."""
        if not self.kind:
            self.kind = _kind(item, events=self._events)
            self.rest = sse.encode if self.kind is _EVENTS_TYPE else encode
        return self.rest(item)


def encode(item: object) -> bytes:
    """An item outside an event stream: bytes and text as they are, anything else as a line of JSON."""
    if isinstance(item, bytes):
        return item
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, bytearray | memoryview):
        return bytes(item)
    return item.encode() if isinstance(item, sse.Event) else jsons.dumps(item) + b"\n"


def _kind(item: object, *, events: bool) -> bytes:
    if events or isinstance(item, sse.Event):
        return _EVENTS_TYPE
    if isinstance(item, str):
        return _TEXT_TYPE
    return _BYTES_TYPE if isinstance(item, bytes | bytearray | memoryview) else _LINES_TYPE


async def run(
    stream: response.Stream, exchange: Exchange, *, threads: pool.Pool, inline: bool
) -> response.Answer | None:
    """Send the stream up to its end, which is the caller's to send; the answer instead when it is empty.

    Args:
        stream: what the function gave.
        exchange: where it goes; answered by somebody else before the first piece, the stream has hung.
        threads: runs a plain generator.
        inline: a plain generator never blocks and runs on the loop.

    Raises:
        GoneError: the client left.
        Exception: whatever the function raised; the exchange is open when that was after the first piece.
    """
    encoder = Encoder(events=stream.events)
    source = items(stream.chunks, encoder, threads=threads, inline=inline)
    opened = ended = False
    try:
        first = await anext(source, _END)
        if first is _END:
            ended = True
            return stream.status, stream.lines, b""
        piece = encoder(first)
        exchange.open(stream.status, _head(stream, encoder.kind))
        opened = True
        if not exchange.is_head:
            await _write_all(exchange, piece, source, encoder.rest)
            ended = True
        return None
    finally:
        if not ended:
            await close(source, hangs=exchange.answered and not opened)


def _head(stream: response.Stream, kind: bytes) -> bytes:
    if stream.bare:
        return stream.lines
    if b"content-type: " not in stream.lines:
        return stream.lines + kind
    no_cache = stream.events and b"cache-control: " not in stream.lines
    return stream.lines + b"cache-control: no-cache\r\n" if no_cache else stream.lines


async def _write_all(exchange: Exchange, first: bytes, source: AsyncIterator[Any], encode: Encode) -> None:
    try:
        await exchange.write(first)
    except ConnectionResetError as error:
        raise GoneError from error
    async for item in source:
        piece = encode(item)
        try:
            await exchange.write(piece)
        except ConnectionResetError as error:  # the exchange's, never the function's own
            raise GoneError from error


def items(
    chunks: AsyncIterable[Any] | Iterator[Any],
    encoder: Callable[[Any], Any] = lambda item: item,
    *,
    threads: pool.Pool,
    inline: bool,
) -> AsyncIterator[Any]:
    """What a function streams, read where it may be read: on the loop, or in threads and there encoded."""
    if isinstance(chunks, AsyncIterable):
        return aiter(chunks)
    return _stepped(chunks) if inline else Threaded(chunks, encoder, threads)


async def close(source: AsyncIterator[Any], *, hangs: bool = False) -> None:
    """End a stream before its end, so that the `finally` of its generator runs; one that hangs is left behind.

    Raises:
        TimeoutError: that took too long.
        Exception: what the generator raised.
    """
    if hangs and isinstance(source, Threaded):
        source.abandon()
    closing = getattr(source, "aclose", None)
    if closing is not None:
        async with asyncio.timeout(_CLOSING):
            await closing()


async def _stepped(items: Iterator[Any]) -> AsyncIterator[Any]:
    try:
        for item in items:
            yield item
    finally:
        _close(items)


class Threaded:
    """A plain iterator read in threads of the pool, a little ahead of its reader; no thread waits for the reader."""

    def __init__(self, items: Iterator[Any], encoder: Callable[[Any], Any], threads: pool.Pool) -> None:
        self._items = items
        self._encode = encoder
        self._pool = threads
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()  # one for the whole generator, whatever threads run it
        self._ready: deque[Any] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._call: pool.Call | None = None
        self._error: BaseException | None = None
        self._ended = self._closing = self._waking = False

    def __aiter__(self) -> Threaded:
        return self

    async def __anext__(self) -> Any:  # Any: what the encoder makes
        while not self._ready:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            if self._call is None:
                self._call = self._pool.submit(self._pull, None, self._pulled)
            self._waiter = self._loop.create_future()
            await self._waiter
        return self._ready.popleft()

    async def aclose(self) -> None:
        """End the generator, when its thread lets go of it."""
        self._closing = True
        if self._call is None:
            self._end()

    def abandon(self) -> None:
        """Leave the thread that runs it behind."""
        if self._call is not None:
            self._pool.abandon(self._call)

    def _pull(self, _: object) -> bool:
        """Read pieces until enough are ready; True at the end. In a thread."""
        return self._context.run(self._read)

    def _read(self) -> bool:
        room = _AHEAD
        while room > 0 and not self._closing:
            try:
                item = next(self._items)
            except StopIteration:
                return True
            piece = self._encode(item)
            room -= (len(piece) if isinstance(piece, bytes) else _UNKNOWN_SIZE) + 64
            self._ready.append(piece)
            if not self._waking:
                self._waking = True
                self._loop.call_soon_threadsafe(self._wake)
        return False

    def _pulled(self, call: pool.Call) -> None:
        self._call = None
        self._error = call.error
        self._ended = call.error is not None or bool(call.result)
        self._wake()
        if self._closing:
            self._end()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._pool.submit(self._close, None, _closed)

    def _close(self, _: object) -> None:
        """In a thread."""
        self._context.run(_close, self._items)

    def _wake(self) -> None:
        self._waking = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _close(items: Iterator[Any]) -> None:
    close = getattr(items, "close", None)
    if close is not None:
        close()


def _closed(call: pool.Call) -> None:
    if call.error is not None:
        _log.error("A generator of the function raised while it was closed", exc_info=call.error)
