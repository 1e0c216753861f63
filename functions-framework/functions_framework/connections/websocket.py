"""A WebSocket as a function sees it, and the protocol below it. It needs the extra `websocket`.

Framing and handshake are the package wsproto's; the pace, the limits and the end are here.
"""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from functions_framework import errors, jsons, response
from functions_framework.connections.site import Site
from functions_framework.request import Request

Message = str | bytes
_QUEUE = 32  # messages that wait for the function before the client has to
_CLOSE_WITHIN = 5.0
_LINGER = 1.0
_VERSION, _KEY_SIZE = "13", 16
_PING_AFTER = 30.0
_SILENT = 90.0  # without a word, not even the answer to a ping
NORMAL, GOING_AWAY, TOO_LARGE, FAILED = 1000, 1001, 1009, 1011


class WebSocketClosed(errors.FrameworkError):  # an end, not always an error
    """The conversation is over; `code` is the close code (RFC 6455 §7.4), 1006 when the connection broke."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the WebSocket is closed: {code} {reason}".rstrip())
        self.code: int = code
        self.reason: str = reason


class VersionError(errors.HttpError):
    """The client speaks another version of the protocol: 426, and ours in a field (RFC 6455 §4.4)."""

    def __init__(self) -> None:
        super().__init__(426, f"Of the WebSocket protocol only version {_VERSION} is spoken.")

    @property
    def lines(self) -> bytes:
        """The version."""
        return b"sec-websocket-version: %b\r\nupgrade: websocket\r\n" % _VERSION.encode()


class WebSocket:
    """One conversation; `async for message in socket` gives str for text and bytes for binary messages.

    The first of `accept`, `receive` and `send` completes the handshake; a function that returns before has
    refused it with 403.

    Attributes:
        request: the request that asked for it, with path, headers and path variables.
    """

    def __init__(self, wire: Wire, request: Request) -> None:
        self._wire = wire
        self.request: Request = request

    @property
    def subprotocols(self) -> list[str]:
        """What the client offers, in its order."""
        offered = self.request.headers.get("sec-websocket-protocol", "")
        return [name.strip() for name in offered.split(",") if name.strip()]

    async def accept(self, subprotocol: str | None = None, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Complete the handshake; raises WebSocketClosed, or ValueError for a subprotocol that is not offered."""
        if subprotocol is not None and subprotocol not in self.subprotocols:
            raise ValueError(f"the client does not offer the subprotocol {subprotocol!r}")
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._wire.accept(subprotocol, fields)

    async def receive(self) -> Message:
        """The next message; raises WebSocketClosed after the last."""
        self._wire.accept(None, [])
        return await self._wire.next()

    async def receive_json(self) -> Any:  # Any: JSON is whatever the client sent
        """The next message as JSON; raises WebSocketClosed, or ValueError for a message that is none."""
        return jsons.loads(await self.receive())

    async def send(self, message: Message) -> None:
        """Send text or bytes, waiting while the client reads slowly; raises WebSocketClosed."""
        self._wire.accept(None, [])
        await self._wire.send(message)

    async def send_json(self, value: object) -> None:
        """Send a value as JSON text; raises WebSocketClosed, or TypeError for a value that has no JSON form."""
        await self.send(jsons.dumps(value).decode())

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """End the conversation and wait for the client's word, not for ever."""
        await self._wire.say_goodbye(code, reason)

    async def __aiter__(self) -> AsyncIterator[Message]:
        try:
            while True:
                yield await self.receive()
        except WebSocketClosed:
            return


class Wire(asyncio.Protocol):
    """The connection of one WebSocket; implements site.Kept."""

    def __init__(self, site: Site, request: Request) -> None:
        import wsproto  # noqa: PLC0415  # an extra, loaded with the first WebSocket
        from wsproto import events, utilities  # noqa: PLC0415

        self._events: Any = events  # Any: the module, which may be missing when this one is imported
        self._errors: Any = (utilities.RemoteProtocolError, utilities.LocalProtocolError)
        self._site = site
        _check(request)
        self._ws = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        try:
            self._ws.initiate_upgrade_connection(
                list(request.headers.raw), request.full_target.decode("latin-1")
            )
            next(iter(self._ws.events()))
        except self._errors as error:
            raise errors.BadRequest(f"This is no WebSocket handshake: {error}.") from error
        self._transport: asyncio.Transport | None = None
        self._messages: deque[Message] = deque()
        self._pieces: list[Message] = []
        self._size = 0
        self._arrived: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._blocked = self._reading_paused = False
        self._accepted = self._lingers = False
        self._early = b""  # what came before the handshake was complete
        self._ended: WebSocketClosed | None = None
        self._touched = self._pinged = site.loop.time()

    def attach(self, transport: asyncio.Transport) -> None:
        """Speak on this transport from here on."""
        self._transport = transport
        self._site.joined(self)

    # asyncio's side

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """The client is gone."""
        self._transport = None
        self._end(1006, "the connection broke")
        self._site.left(self)

    def pause_writing(self) -> None:
        """The client reads slowly."""
        self._blocked = True

    def resume_writing(self) -> None:
        """The client has read."""
        self._blocked = False
        _wake(self._drained)

    def data_received(self, data: bytes) -> None:
        """Take messages in; answer pings and closes."""
        self._touched = self._site.loop.time()
        if self._lingers:
            return
        if not self._accepted:
            self._keep(data)
            return
        try:
            self._ws.receive_data(data)
            for event in self._ws.events():
                self._handle(event)
        except self._errors as error:
            hint = getattr(error, "event_hint", None)
            self._give_up(hint if hint is not None else self._events.CloseConnection(1002), 1002, str(error))

    def _keep(self, data: bytes) -> None:
        self._early += data
        if len(self._early) > self._site.limits.max_message:
            self._finish(TOO_LARGE, "too much before the handshake was complete")

    def _handle(self, event: Any) -> None:  # Any: wsproto's events, loaded late
        kinds = self._events
        if isinstance(event, kinds.Message):
            self._take(event)
        elif isinstance(event, kinds.Ping):
            self._write(event.response())
        elif isinstance(event, kinds.CloseConnection):
            if self._ended is None:
                self._write(event.response())
            self._finish(event.code or 1005, event.reason or "")

    def _take(self, event: Any) -> None:  # Any: as above
        self._size += len(event.data)
        if self._size > self._site.limits.max_message:
            told = "message too large"
            self._give_up(self._events.CloseConnection(TOO_LARGE, told), TOO_LARGE, told)
            return
        self._pieces.append(event.data)
        if event.message_finished and self._ended is None:
            pieces, self._pieces, self._size = self._pieces, [], 0
            empty: Any = "" if isinstance(pieces[0], str) else b""
            self._messages.append(pieces[0] if len(pieces) == 1 else empty.join(pieces))
            _wake(self._arrived)
            if len(self._messages) >= _QUEUE and self._transport is not None:
                self._reading_paused = True
                self._transport.pause_reading()

    # the WebSocket's side

    def accept(self, subprotocol: str | None, fields: list[tuple[bytes, bytes]]) -> None:
        """Complete the handshake, once."""
        if self._ended is not None and not self._messages:
            raise self._ended
        if not self._accepted:
            self._accepted = True
            self._write(self._events.AcceptConnection(subprotocol=subprotocol, extra_headers=fields))
            early, self._early = self._early, b""
            if early:
                self.data_received(early)

    async def next(self) -> Message:
        """The next message; raises WebSocketClosed."""
        while not self._messages:
            if self._ended is not None:
                raise self._ended
            self._arrived = self._site.loop.create_future()
            await self._arrived
        message = self._messages.popleft()
        if self._reading_paused and len(self._messages) < _QUEUE // 2 and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()
        return message

    async def send(self, message: Message) -> None:
        """Send a message; raises WebSocketClosed."""
        if self._ended is not None:
            raise self._ended
        kind = self._events.TextMessage if isinstance(message, str) else self._events.BytesMessage
        self._write(kind(data=message if isinstance(message, str) else bytes(message)))
        while self._blocked and self._ended is None:
            self._drained = self._site.loop.create_future()
            await self._drained

    async def say_goodbye(self, code: int, reason: str) -> None:
        """Send a close and wait for the client's."""
        self.accept(None, []) if self._ended is None else None
        self._begin_close(code, reason)
        if self._transport is not None:
            try:
                async with asyncio.timeout(_CLOSE_WITHIN):
                    while self._transport is not None and not self._transport.is_closing():
                        self._arrived = self._site.loop.create_future()
                        await self._arrived
            except TimeoutError:
                self.close()

    def conclude(self, error: BaseException | None) -> None:
        """The function has ended: refuse a handshake it did not complete, else close."""
        if self._accepted:
            self._begin_close(NORMAL if error is None else FAILED, "")
            return
        answer = response.plain(403, "The function did not accept.")
        if isinstance(error, errors.HttpError):
            answer = response.plain(error.status, error.message, lines=error.lines)
        elif error is not None:
            answer = response.plain(500, "Internal Server Error")
        self._refuse(answer)

    def _refuse(self, answer: response.Answer) -> None:
        status, lines, body = answer
        if self._transport is not None:
            self._transport.write(
                b"%b%bcontent-length: %d\r\n%bconnection: close\r\n\r\n%b"
                % (response.STATUS_LINES[status], lines, len(body), self._site.common(), body)
            )
        self._finish(1006, "refused")

    def _begin_close(self, code: int, reason: str) -> None:
        if self._ended is None and self._transport is not None:
            self._write(self._events.CloseConnection(code, reason))
            self._end(code, reason)
            self._site.loop.call_later(_CLOSE_WITHIN, self.close)

    def _write(self, event: Any) -> None:  # Any: as above
        if self._transport is not None and not self._transport.is_closing():
            try:
                self._transport.write(self._ws.send(event))
            except self._errors:
                self._transport.close()  # it is closed already, by its own rules

    def _end(self, code: int, reason: str) -> None:
        if self._ended is None:
            self._ended = WebSocketClosed(code, reason)
        for waiter in (self._arrived, self._drained):
            _wake(waiter)

    def _give_up(self, event: Any, code: int, reason: str) -> None:  # Any: as above
        """Say why and close; what the client still sends is dropped, or it would see a reset in the place of that."""
        self._write(event)
        self._end(code, reason)
        if self._transport is not None and not self._transport.is_closing():
            self._lingers = True
            self._transport.write_eof()
            self._site.loop.call_later(_LINGER, self.close)

    def _finish(self, code: int, reason: str) -> None:
        self._end(code, reason)
        self.close()

    # site.Kept

    @property
    def is_idle(self) -> bool:
        """A conversation is never idle: it ends by its own goodbye."""
        return False

    def look(self, now: float) -> None:
        """Ask a silent client whether it is still there, and end what gives no answer."""
        if now - self._touched > _SILENT and self._transport is not None:
            self._transport.abort()
        elif self._accepted and now - max(self._touched, self._pinged) > _PING_AFTER:
            self._pinged = now
            self._write(self._events.Ping())

    def drain(self) -> None:
        """The server ends: say so; the client connects to another."""
        if self._accepted:
            self._begin_close(GOING_AWAY, "the server ends")

    def close(self) -> None:
        """Close after what has been written."""
        if self._transport is not None:
            self._transport.close()
        _wake(self._arrived)


def open_on(
    site: Site, hand_over: Callable[[asyncio.BaseProtocol], asyncio.Transport | None], request: Request
) -> WebSocket:
    """Begin a WebSocket in the place of an answer; raises BadRequest for a request that is no handshake."""
    wire = Wire(site, request)
    transport = hand_over(wire)
    if transport is not None:
        wire.attach(transport)
    else:
        wire.connection_lost(None)
    return WebSocket(wire, request)


def conclude(socket: WebSocket, error: BaseException | None) -> None:
    """The function of this WebSocket has ended."""
    socket._wire.conclude(error)  # noqa: SLF001  # one part in two classes


def _check(request: Request) -> None:
    """What RFC 6455 §4.2.1 asks of a handshake and the package does not; raises HttpError."""
    if (
        request.headers.get("sec-websocket-version", _VERSION) != _VERSION
    ):  # without one, the package complains
        raise VersionError
    try:
        key = base64.b64decode(request.headers.get("sec-websocket-key", ""), validate=True)
    except ValueError:  # also of text that is not ASCII
        key = b""
    if len(key) != _KEY_SIZE:
        raise errors.BadRequest("This is no WebSocket handshake: Sec-WebSocket-Key is no base64 of 16 bytes.")


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
