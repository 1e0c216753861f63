"""One HTTP/2 connection without TLS (h2c): many streams, each an exchange like HTTP/1's. It needs the extra `http2`.

The state machine and its rules are the package h2's; limits, order and answers are here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hyperframe.frame import GoAwayFrame

from functions_framework import response
from functions_framework.connections import exchange, head
from functions_framework.connections.http2stream import Body, Noise
from functions_framework.connections.site import Site
from functions_framework.request import Request
from functions_framework.response import Answer

_ANY_STREAM = 2**31 - 1
_WINDOW = 1 << 20  # of the connection and of each stream; a body is bounded by max_body
_LINGER = 0.5  # seconds for a client to read why the connection ends
_BODIES = 2  # times max_body may wait for their ends on one connection
_CONTINUE = [(b":status", b"100")]
_GONE = "the client is gone"
_Codes = h2.errors.ErrorCodes


class Exchange(exchange.Exchange):
    """A request on a stream."""

    __slots__ = ("stream",)

    def __init__(self, connection: Connection, request: Request, stream: int) -> None:
        super().__init__(connection, request, keep_alive=True, old=False)
        self.stream: int = stream


class Connection(asyncio.Protocol):
    """Implements site.Kept and exchange.Way; streams are answered as they are ready."""

    def __init__(self, site: Site) -> None:
        self._site = site
        config = h2.config.H2Configuration(client_side=False, header_encoding=None)
        self._h2 = h2.connection.H2Connection(config=config)
        self._h2.local_settings = _settings(site)
        self._arriving: dict[int, Body] = {}
        self._running: dict[int, Exchange] = {}
        self._unsent: dict[int, tuple[bytes, int]] = {}  # the rest of whole answers, and what had been sent
        self._waiting: dict[int, asyncio.Future[None]] = {}  # writers of streams
        self._waits_since: dict[int, float] = {}
        self._transport: asyncio.Transport | None = None
        self._peer: Any = None
        self._blocked = self._ending = False
        self._noise = Noise(site.loop.time())
        self._touched = site.loop.time()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the client."""
        self._attach(transport)
        self._h2.initiate_connection()
        self._widen()

    def upgraded(self, transport: asyncio.BaseTransport, settings: bytes, request: Request) -> None:
        """Greet a client that asked over HTTP/1.1; its request is stream 1. Raises ValueError for bad settings."""
        try:
            self._h2.initiate_upgrade_connection(settings)
        except h2.exceptions.ProtocolError as error:
            raise ValueError(f"HTTP2-Settings cannot be read: {error}") from error
        self._attach(transport)
        cast("asyncio.Transport", transport).write(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n"
        )
        self._widen()
        self._begin(Exchange(self, request, 1))

    def _attach(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._peer = transport.get_extra_info("peername")
        self._site.joined(self)

    def _widen(self) -> None:
        self._h2.increment_flow_control_window(_WINDOW - 65_535)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Tell what runs that nobody waits for it."""
        self._transport = None
        for stream in list(self._running):
            self._lose(stream)
        self._site.left(self)

    def eof_received(self) -> bool:
        """A client that sends no more has no use for HTTP/2's windows either."""
        return False

    def pause_writing(self) -> None:
        """The client reads slowly: take nothing more from it until it does."""
        self._blocked = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client has read."""
        self._blocked = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._send_on()

    def data_received(self, data: bytes) -> None:
        """Hand frames to the state machine and carry out what they mean."""
        if self._ending:
            return
        self._touched = self._site.loop.time()
        try:
            for event in self._h2.receive_data(data):
                self._handle(event)
        except h2.exceptions.ProtocolError:
            self._fail()  # h2 has the GOAWAY with the reason ready
            return
        if self._noise.too_loud(self._touched):
            self._refuse_all(_Codes.ENHANCE_YOUR_CALM)
            return
        self._flush()

    def _handle(self, event: h2.events.Event) -> None:
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)

    # requests

    def _on_request(self, event: h2.events.RequestReceived) -> None:
        stream = event.stream_id
        body = Body(event.headers, self._touched)
        self._arriving[stream] = body
        status = body.refusal(self._site.limits)
        if status:
            self._refuse(stream, status)
        elif body.expects and event.stream_ended is None:
            self._h2.send_headers(stream, _CONTINUE)

    def _on_data(self, event: h2.events.DataReceived) -> None:
        stream, size = event.stream_id, event.flow_controlled_length
        if size:
            self._h2.acknowledge_received_data(size, stream)
        if not event.data:
            self._noise.heard(self._touched)  # a frame that says nothing
            return
        body = self._arriving.get(stream)
        if body is None:
            return  # it was refused
        body.add(event.data)
        limit = self._site.limits.max_body
        if body.size > limit:
            self._refuse(stream, 413)
        elif sum(other.size for other in self._arriving.values()) > _BODIES * limit:
            del self._arriving[stream]
            self._h2.reset_stream(stream, _Codes.ENHANCE_YOUR_CALM)

    def _on_end(self, event: h2.events.StreamEnded) -> None:
        stream = event.stream_id
        body = self._arriving.pop(stream, None)
        if body is None:
            return
        self._noise.asked()
        request = body.request(self._peer)
        self._begin(Exchange(self, request, stream))

    def _begin(self, begun: Exchange) -> None:
        self._running[begun.stream] = begun
        fields = cast("list[tuple[bytes, bytes]]", begun.request.headers.raw)
        status = 0
        if not begun.request.full_target.startswith(b"/"):
            status, _ = head.path_form(begun.request.method, begun.request.full_target, list(fields))
            status = status or 400  # the absolute form is HTTP/1's
        if status == 204:
            begun.send(head.SERVER_OPTIONS)
        elif status:
            begun.send(response.plain(status, "This target is not served."))
        else:
            self._site.begin(begun)

    def _refuse(self, stream: int, status: int) -> None:
        """Answer before the request's end, and take no more of it."""
        body = self._arriving.pop(stream)
        refused = Exchange(self, body.request(self._peer), stream)
        self._running[stream] = refused
        refused.send(response.plain(status, head.REASONS[status]))
        if stream in self._h2.streams:
            self._quietly(self._h2.reset_stream, stream, _Codes.NO_ERROR)

    def _on_reset(self, event: h2.events.StreamReset) -> None:
        self._noise.heard(self._touched)
        stream = event.stream_id
        self._arriving.pop(stream, None)
        self._lose(stream)
        self._check_end()

    def _on_noise(self, event: h2.events.Event) -> None:  # noqa: ARG002  # as the other handlers
        self._noise.heard(self._touched)

    def _on_window(self, event: h2.events.Event) -> None:  # noqa: ARG002
        self._noise.heard(self._touched, weight=0.1)
        self._send_on()

    def _on_goodbye(self, event: h2.events.Event) -> None:  # noqa: ARG002
        self._check_end(leaving=True)

    def _lose(self, stream: int) -> None:
        self._unsent.pop(stream, None)
        waiter = self._waiting.get(stream)
        if waiter is not None and not waiter.done():
            waiter.set_exception(ConnectionResetError(_GONE))
        lost = self._running.pop(stream, None)
        if lost is not None and (told := lost.on_gone) is not None:
            lost.on_gone = None
            told()

    # answering, as exchange.Way

    def reply(self, answered: Exchange, answer: Answer) -> None:
        """Send a whole answer, as far as the client's windows allow; the rest follows."""
        status, lines, body = answer
        if answered.is_head or status in response.BODILESS:
            body, sized = b"", answer[2]
        else:
            sized = body
        fields = self._fields(status, lines)
        if status not in response.BODILESS:
            fields.append((b"content-length", b"%d" % len(sized)))
        if not self._quietly(self._h2.send_headers, answered.stream, fields, end_stream=not body):
            return
        if body:
            self._unsent[answered.stream] = (body, 0)
            self._send_rest(answered.stream)
        else:
            self._done(answered.stream)
        self._flush()

    def begin_stream(self, answered: Exchange, status: int, lines: bytes) -> None:
        """Send the head of an answer in pieces."""
        self._quietly(self._h2.send_headers, answered.stream, self._fields(status, lines))
        self._flush()

    async def write_stream(self, answered: Exchange, chunk: bytes) -> None:
        """Send a piece as the windows open; raises ConnectionResetError when the client is gone."""
        stream, sent = answered.stream, 0
        if answered.is_head:
            return
        while sent < len(chunk):
            if self._running.get(stream) is not answered or self._transport is None:
                raise ConnectionResetError(_GONE)
            room = 0 if self._blocked else self._room(stream)
            if room <= 0:
                await self._wait(stream)
                continue
            if not self._quietly(self._h2.send_data, stream, chunk[sent : sent + room]):
                raise ConnectionResetError(_GONE)
            sent += room
            self._flush()

    def end_stream(self, answered: Exchange) -> None:
        """The answer in pieces is whole."""
        if self._running.get(answered.stream) is answered:
            self._quietly(self._h2.end_stream, answered.stream)
            self._done(answered.stream)
            self._flush()

    def break_stream(self, answered: Exchange) -> None:
        """The answer in pieces is not whole: reset its stream."""
        if self._running.get(answered.stream) is answered:
            answered.on_gone = None
            self._quietly(self._h2.reset_stream, answered.stream, _Codes.INTERNAL_ERROR)
            self._done(answered.stream)
            self._flush()

    def upgrade(self, exchange: Exchange) -> None:  # the Way's signature
        """No WebSocket: RFC 8441 is not spoken here."""

    def _fields(self, status: int, lines: bytes) -> list[tuple[bytes, bytes]]:
        fields = [(b":status", b"%d" % status)]
        for line in (lines + self._site.common()).split(b"\r\n"):
            if line:
                name, _, value = line.partition(b": ")
                fields.append((name.lower(), value))
        return fields

    def _room(self, stream: int) -> int:
        try:
            window: int = self._h2.local_flow_control_window(stream)
        except h2.exceptions.ProtocolError:
            return 1  # the stream is closed, which sending will show
        return min(window, self._h2.max_outbound_frame_size)

    async def _wait(self, stream: int) -> None:
        waiter = self._waiting[stream] = self._site.loop.create_future()
        self._waits_since[stream] = self._site.loop.time()
        try:
            await waiter
        finally:
            self._waiting.pop(stream, None)
            self._waits_since.pop(stream, None)

    def _send_on(self) -> None:
        """Windows have opened, or the client has read."""
        for waiter in list(self._waiting.values()):
            if not waiter.done():
                waiter.set_result(None)
        for stream in list(self._unsent):
            self._send_rest(stream)
        self._flush()

    def _send_rest(self, stream: int) -> None:
        body, sent = self._unsent[stream]
        while not self._blocked and (room := self._room(stream)) > 0:
            piece = body[sent : sent + room]
            sent += len(piece)
            last = sent >= len(body)
            if not self._quietly(self._h2.send_data, stream, piece, end_stream=last) or last:
                self._unsent.pop(stream, None)
                self._waits_since.pop(stream, None)
                self._done(stream)
                return
            self._flush()
        self._unsent[stream] = (body, sent)
        self._waits_since[stream] = self._site.loop.time()

    def _done(self, stream: int) -> None:
        self._running.pop(stream, None)
        self._check_end()

    def _quietly(self, send: Callable[..., Any], *arguments: Any, **named: Any) -> bool:
        """Send; False when the stream or the connection has ended meanwhile."""
        try:
            send(*arguments, **named)
        except h2.exceptions.ProtocolError:
            return False
        return True

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    # the end

    def _check_end(self, *, leaving: bool = False) -> None:
        if (leaving or self._site.draining) and self.is_idle:
            self.close()

    def _fail(self) -> None:
        self._ending = True
        self._flush()
        for stream in list(self._running):
            self._lose(stream)
        self._leave()

    def _leave(self) -> None:
        """Send no more, and drop what still arrives: closing over unread bytes would reset away the GOAWAY."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if not transport.can_write_eof():
            transport.close()
            return
        transport.write_eof()
        transport.resume_reading()
        self._site.loop.call_later(_LINGER, transport.close)

    def _refuse_all(self, code: h2.errors.ErrorCodes) -> None:
        self._h2.close_connection(code)
        self._fail()

    # site.Kept

    @property
    def is_idle(self) -> bool:
        """True when no stream is under way."""
        return not (self._running or self._arriving or self._unsent)

    def drain(self) -> None:
        """Ask for no new streams; those on their way are still served (RFC 9113 §6.8)."""
        if self._transport is not None and not self._ending:
            # Not h2's: it takes a GOAWAY for the end of everything.
            self._transport.write(GoAwayFrame(0, last_stream_id=_ANY_STREAM).serialize())

    def close(self) -> None:
        """Say which stream was the last, and close after what has been written."""
        if not self._ending:
            self._h2.close_connection(_Codes.NO_ERROR)
            self._fail()

    def look(self, now: float) -> None:
        """End what takes too long: requests that arrive slowly, answers that are not read, no use at all."""
        limits = self._site.limits
        for stream, body in list(self._arriving.items()):
            if body.is_late(now, limits):
                self._refuse(stream, 408)
        for stream, since in list(self._waits_since.items()):
            if now - since > limits.send_seconds:
                self._quietly(self._h2.reset_stream, stream, _Codes.CANCEL)
                self._lose(stream)
        if self.is_idle and now - self._touched > limits.idle_seconds:
            self.close()
        else:
            self._flush()


def _settings(site: Site) -> h2.settings.Settings:
    codes = h2.settings.SettingCodes
    return h2.settings.Settings(
        client=False,
        initial_values={
            codes.MAX_CONCURRENT_STREAMS: site.limits.max_streams,
            codes.MAX_HEADER_LIST_SIZE: site.limits.max_head,
            codes.INITIAL_WINDOW_SIZE: _WINDOW,
        },
    )


_HANDLERS: dict[type[h2.events.Event], Callable[[Connection, Any], None]] = {
    h2.events.RequestReceived: Connection._on_request,  # noqa: SLF001  # its own table
    h2.events.DataReceived: Connection._on_data,  # noqa: SLF001
    h2.events.StreamEnded: Connection._on_end,  # noqa: SLF001
    h2.events.StreamReset: Connection._on_reset,  # noqa: SLF001
    h2.events.WindowUpdated: Connection._on_window,  # noqa: SLF001
    h2.events.PingReceived: Connection._on_noise,  # noqa: SLF001
    h2.events.PriorityUpdated: Connection._on_noise,  # noqa: SLF001
    h2.events.RemoteSettingsChanged: Connection._on_window,  # noqa: SLF001  # a new initial window opens streams
    h2.events.ConnectionTerminated: Connection._on_goodbye,  # noqa: SLF001
}
