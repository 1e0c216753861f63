"""One HTTP/1.1 connection: an asyncio Protocol on httptools that turns bytes into exchanges and back.

It runs no function and keeps no server state; both are its Site's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, cast

import httptools

from functions_framework import response
from functions_framework.connections import head, heading, page, presence, streaming, takeover
from functions_framework.connections.exchange import Exchange
from functions_framework.connections.site import Site
from functions_framework.request import Request
from functions_framework.response import Answer

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_JOIN_BELOW = 64 << 10
_ONE_READ = 256 << 10
_LINGER = 1.0
_CHUNK_OVERHEAD = 8  # bytes around each byte of a body in chunks; more is an attack by extensions


class Connection(heading.Heading, asyncio.Protocol):
    """Keeps the order of pipelined requests: one is worked on, the others wait in a queue."""

    __slots__ = (
        "_again", "_blocked", "_body", "_body_size", "_current", "_ended", "_left", "_marks", "_old", "_other",
        "_paused", "_peer", "_pumping", "_queue", "_refused", "_site", "_slot", "_stream", "_transport", "_unsent",
        "in_message", "since", "touched",
    )  # fmt: skip

    def __init__(self, site: Site) -> None:
        self._site = site
        self._limits = site.limits
        self._marks = site.marks
        self._slot = 0
        self._left = site.limits.kept_requests
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[Exchange] = deque()
        self._current: Exchange | None = None
        self._again = b""  # the head of a request to be read again
        self._other: asyncio.Protocol | None = None
        self._stream: streaming.Stream | None = None
        self._transport: asyncio.Transport | None = None
        self._peer: Any = None
        self._blocked = self._paused = self._pumping = self._refused = self._ended = False
        self.in_message: bool = False
        self._unsent = (0, 0.0)  # bytes that wait for a slow reader, and since when that many
        self._came = 0
        self.touched: float = 0.0
        self.since: float = 0.0  # when bytes came last, and when this request began to come
        self.on_message_begin()
        self.in_message = False

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register with the site."""
        self._transport = cast("asyncio.Transport", transport)
        self._peer = transport.get_extra_info("peername")
        self._slot = self._site.slot(self._transport)
        self.touched = self.since = self._site.loop.time()
        self._site.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Forget what waits; what runs is told, and its answer goes nowhere."""
        self._transport = None
        self._marks[self._slot] = page.NOTHING
        self._queue.clear()
        self._gone()
        self._site.left(self)

    def eof_received(self) -> bool:
        """The client sends no more; stay open while it waits for an answer."""
        self._ended = True
        if self.in_message:
            self._refuse(400)  # cut off in the middle
        if self._stream is not None:
            return False  # a client that watches a stream and closes has left, not just stopped asking
        if self._current is not None:
            presence.watch(self, self._site.loop)
        return self._current is not None or bool(self._queue)

    def pause_writing(self) -> None:
        """The client reads slowly: begin nothing new."""
        self._blocked = True

    def resume_writing(self) -> None:
        """The client has read: go on."""
        self._blocked = False
        if self._stream is not None:
            self._stream.resume()
        self._pump()

    def data_received(self, data: bytes) -> None:
        """Parse; what is complete begins at once."""
        if self._refused:
            return  # lingering: read and drop, so that the client sees the refusal and not a reset
        self.touched = self._site.loop.time()
        self._came = len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            if self._parser.get_method() == b"PRI" and self._is_second(data):
                return
            if not self._got_headers:
                self._look_at_fields()  # what is wrong with them came first
            self._refuse(400)
        if self.in_message:
            if self._current is None:
                self._marks[self._slot] = page.REST
            self._count(len(data))

    def _is_second(self, data: bytes) -> bool:
        """HTTP/2 opens the connection, or our own sidecar, and somebody can speak it."""
        opening = takeover.PREFACE[: self._fed] + data
        if not opening.startswith(takeover.PREFACE) or self._left != self._limits.kept_requests:
            return False
        other = takeover.second(self._site, opening, self._transport)
        if other is None or (transport := self.hand_over(other)) is None:
            return False
        other.connection_made(transport)
        cast("asyncio.Protocol", other).data_received(opening)
        return True

    def hand_over(self, other: asyncio.BaseProtocol) -> asyncio.Transport | None:
        """Let another protocol speak on this connection from here on; its transport, or None when it is gone."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return None
        self._other, self._transport, self.in_message = cast("asyncio.Protocol", other), None, False
        self._marks[self._slot] = page.END
        transport.set_protocol(other)
        self._site.left(self)
        return transport

    def upgrade(self, exchange: Exchange) -> Any:  # Any: sockets.WebSocket, loaded late
        """Go on as a WebSocket; None where the request asks for none or the extra is missing."""
        if exchange.old:  # RFC 9110 §7.8: of an old client it is ignored
            return None
        socket = takeover.websocket(self._site, self.hand_over, exchange.request)
        exchange.answered = socket is not None
        return socket

    def _goes_on_in_http2(self, exchange: Exchange) -> bool:
        """The request asks for HTTP/2 and gets its answer there."""
        if self._current is not None or self._queue or self._site.second is not None:
            return False
        found = takeover.h2c(self._site, exchange.request)
        if found is None or self._transport is None:
            return False
        transport, (other, settings) = self._transport, found
        try:
            other.upgraded(transport, settings, exchange.request)
        except ValueError:
            return False
        self.hand_over(other)
        return True

    def _upgraded(self, rest: bytes) -> None:
        """The parser stopped at an upgrade; nobody took it (RFC 9110 §7.8 allows that), so HTTP/1.1 goes on."""
        if self._other is not None:
            if rest:
                self._other.data_received(rest)
            return
        self._parser = httptools.HttpRequestParser(self)
        if self._again:
            rest, self._again = self._again + rest, b""
        if rest:
            self.data_received(rest)

    def _count(self, size: int) -> None:
        """A field or a chunk extension without end reaches no callback, so what was fed counts too."""
        self._fed += size
        slack = self._limits.max_head + _ONE_READ
        if not self._got_headers:
            self._look_at_fields()
            if self._fed > slack:
                self._refuse(self._what_is_too_large())
        elif len(self._fields) > self._looked and self._is_head_too_large():
            self._refuse(431)  # trailers without end
        elif self._fed - self._body_size > slack + self._body_size * _CHUNK_OVERHEAD:
            self._refuse(400)

    # httptools' side

    def on_message_begin(self) -> None:
        """A request line begins."""
        self.in_message = True
        self.since = self.touched
        self._target = b""
        self._fields = []
        self._body: list[bytes] = []
        self._looked = self._body_size = self._fed = 0
        self._got_headers = self._has_host = self._continue = self._old = self._wants = False

    def on_url(self, part: bytes) -> None:
        """A piece of the request target."""
        self._target += part

    def on_headers_complete(self) -> None:
        """Refuse what lacks a host; let a waiting client send its body."""
        self._got_headers = True
        self._look_at_fields()
        self._fed = 0
        if self._refused:
            return
        version = self._parser.get_http_version()
        if version != "1.1":
            self._old = True
            self._continue = False  # RFC 9110 §10.1.1: of an old client it is ignored
            if version != "1.0":
                self._refuse(505)
        elif not self._has_host:
            self._refuse(400)
        if len(self._fields) > self._limits.max_fields:
            self._refuse(431)
        elif self._continue and self._current is None:
            self._invite()

    def on_body(self, part: bytes) -> None:
        """A piece of the body."""
        self._continue = False  # it comes unasked
        self._body_size += len(part)
        if self._body_size > self._limits.max_body:
            self._refuse(413)
        elif not self._refused:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """The request is whole: begin it, or queue it behind the one under way."""
        self.in_message = False
        if len(self._fields) > self._looked:
            self._drop_trailers()
        if self._refused or self._transport is None or self._transport.is_closing():
            return
        parser, body = self._parser, self._body
        if self._wants and parser.should_upgrade() and head.has_body(self._fields):
            # The parser takes the body for the other protocol's; a second one reads it, told of no upgrade.
            self._again = head.without_upgrade(parser.get_method(), self._target, self._fields)
            return
        method, target, status = parser.get_method().decode("latin-1"), self._target, 0
        if target[:1] != b"/":
            status, target = head.path_form(method, target, self._fields)
            if status >= 400:
                self._refuse(status)
                return
        self._left -= 1
        exchange = Exchange(
            self,
            Request(
                method,
                target,
                self._fields,
                (body[0] if len(body) == 1 else b"".join(body)) if body else b"",
                self._peer,
            ),
            keep_alive=parser.should_keep_alive() and self._left != 0,
            old=self._old,
        )
        if status:
            exchange.ready = head.SERVER_OPTIONS
        elif self._wants and self._goes_on_in_http2(exchange):
            return
        if self._current is None and not self._queue and not self._blocked:
            self._begin(exchange)
        else:
            self._queue.append(exchange)
            self._pause()

    # answering

    def reply(self, exchange: Exchange, answer: Answer) -> None:
        """Write one answer and go on with the next request."""
        self._current = None
        self._marks[self._slot] = page.NOTHING
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        status, lines, body = answer
        close = not exchange.keep_alive or self._last_of_all()
        top = self._site.top(status, lines, len(body))
        if close or exchange.old:
            top = top[:-2] + (b"connection: close\r\n\r\n" if close else b"connection: keep-alive\r\n\r\n")
        if exchange.is_head or not body:
            transport.write(top)
        elif len(body) < _JOIN_BELOW:
            transport.write(top + body)
        else:
            transport.write(top)  # not writelines, which in some releases of asyncio never pauses us
            transport.write(body)
        self._go_on(transport, close=close)

    def _go_on(self, transport: asyncio.Transport, *, close: bool) -> None:
        if close:
            self._queue.clear()
            transport.close()
        elif self._queue:
            self._pump()
        elif self._continue and self._got_headers and self.in_message:
            self._invite()

    def begin_stream(self, exchange: Exchange, status: int, lines: bytes) -> None:
        """Write the head of an answer in pieces."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._marks[self._slot] = page.END
        close = exchange.old or not exchange.keep_alive or self._last_of_all()
        bodiless = status in response.BODILESS
        chunked = not (exchange.old or bodiless)
        self._stream = streaming.Stream(
            exchange, transport, chunked=chunked, silent=exchange.is_head or bodiless, last=close
        )
        lines += self._site.common()
        transport.write(streaming.head(status, lines, chunked=chunked, close=close))

    async def write_stream(self, exchange: Exchange, chunk: bytes) -> None:
        """Write a piece of the streamed answer of this exchange."""
        stream = self._stream
        if stream is None or stream.exchange is not exchange or stream.transport.is_closing():
            raise ConnectionResetError("the client is gone")
        stream.put(chunk)
        if self._blocked:
            await stream.drained(self._site.loop)

    def end_stream(self, exchange: Exchange) -> None:
        """End the streamed answer of this exchange and go on with the next request."""
        stream = self._stream
        if stream is None or stream.exchange is not exchange:
            return
        self._stream = self._current = None
        self._marks[self._slot] = page.NOTHING
        stream.finish()
        self._go_on(stream.transport, close=stream.last or self._last_of_all())

    def break_stream(self, exchange: Exchange) -> None:
        """Cut the connection in the middle of the streamed answer of this exchange."""
        stream = self._stream
        if stream is None or stream.exchange is not exchange:
            return
        exchange.on_gone = None
        stream.cut()

    def _last_of_all(self) -> bool:
        """True when this answer ends the connection: the site drains or the client has ended, and nothing follows."""
        return (self._site.draining or self._ended) and not self._queue and not self.in_message

    def _begin(self, exchange: Exchange) -> None:
        self._current = exchange
        self._marks[self._slot] = page.ANSWER
        if exchange.refusal:
            self._send_refusal(exchange)
        elif exchange.ready is not None:
            exchange.send(exchange.ready)
        else:
            self._site.begin(exchange)

    def _pump(self) -> None:
        """Begin waiting requests in order; a loop, so that a thousand quick ones do not nest."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._queue and self._current is None and not self._blocked:
                self._begin(self._queue.popleft())
        finally:
            self._pumping = False
        if not self._queue:
            self._unpause()

    def _invite(self) -> None:
        self._continue = False
        if self._transport is not None:
            self._transport.write(_CONTINUE)

    def _gone(self) -> None:
        """Tell the exchange under way, once, that nobody waits for it."""
        current, stream = self._current, self._stream
        self._stream = None
        if stream is not None:
            stream.lose()
        if current is not None and (told := current.on_gone) is not None:
            current.on_gone = None
            told()

    # refusing

    def _refuse(self, status: int) -> None:
        """Answer an error in this request's turn, then close."""
        if self._refused:
            return
        self._refused = True
        self.in_message = False
        exchange = Exchange(self, Request("", b"", (), b""), keep_alive=False, old=False)
        exchange.refusal = status
        if self._current is None and not self._queue:
            self._begin(exchange)
        else:
            self._queue.append(exchange)

    def _send_refusal(self, exchange: Exchange) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(head.refusal(exchange.refusal, self._site.common()))
        self._unpause()
        if self._ended or not transport.can_write_eof():
            transport.close()
            return
        transport.write_eof()
        self._site.loop.call_later(_LINGER, transport.close)

    # the site's side

    @property
    def waiting(self) -> asyncio.Transport | None:
        """The transport of a client that waits for an answer of which nothing is sent, else None."""
        current = self._current
        waits = current is not None and self._stream is None and not current.old and not current.refusal
        return self._transport if waits else None

    @property
    def is_idle(self) -> bool:
        """True when no request is under way, waiting or arriving."""
        return self._current is None and not self._queue and not self.in_message

    def look(self, now: float) -> None:
        """End what takes too long: a request that arrives slowly, an answer that is not read, no use at all."""
        limits = self._limits
        if self._blocked and self._transport is not None:
            unsent = self._transport.get_write_buffer_size()
            if unsent != self._unsent[0]:
                self._unsent = (unsent, now)
            elif now - self._unsent[1] > limits.send_seconds:
                self.abort()
        elif self.in_message and self._current is None:
            seconds = limits.head_seconds
            if self._got_headers and limits.body_rate:
                seconds += self._body_size / limits.body_rate
            if now - self.since > seconds or now - self.touched > limits.stall_seconds:
                self._refuse(408)
        elif self.is_idle and now - self.touched > limits.idle_seconds:
            self.close()

    def drain(self) -> None:
        """Nothing: the next answer says that it is the last."""

    def close(self) -> None:
        """Close after what has been written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _unpause(self) -> None:
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self.since = self._site.loop.time()  # what comes now was kept waiting by us
            self._transport.resume_reading()
