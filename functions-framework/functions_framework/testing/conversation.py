"""The client's side of a WebSocket: what a test says and hears.

Framing and handshake are the package wsproto's, which comes with the extra `websocket`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from functions_framework import errors, exits, jsons
from functions_framework.connections.websocket import Message, WebSocketClosed
from functions_framework.fields import Headers
from functions_framework.testing.answers import Answer
from functions_framework.testing.stage import Stage
from functions_framework.testing.wire import Wire

_HOST = "testserver"
_BROKEN = 1006


class RefusedError(errors.FrameworkError):
    """The function answered the handshake in another way.

    Attributes:
        answer: what it answered.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"the WebSocket was refused: {answer!r}")
        self.answer: Answer = answer


class Handshake:
    """The request that asks for a WebSocket, and the protocol that reads what comes back."""

    def __init__(self, target: str, subprotocols: Sequence[str], headers: Sequence[tuple[str, str]]) -> None:
        try:
            import wsproto  # noqa: PLC0415  # an extra
            from wsproto import events  # noqa: PLC0415
        except ImportError as error:
            raise exits.StartError(
                "OptionalMissing",
                "a WebSocket needs openfunction-functions-framework[websocket]; install it for your tests",
            ) from error
        self.events: Any = events  # Any: a module that need not be installed
        self.protocol: Any = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        asked = events.Request(_HOST, target, extra_headers=raw, subprotocols=list(subprotocols))
        self.request: bytes = self.protocol.send(asked)


class Conversation:
    """An open WebSocket; iterate it for what the function says, until it ends.

    Attributes:
        subprotocol: the one that the function chose; None for none.
        headers: what came with its acceptance.
    """

    def __init__(self, stage: Stage, wire: Wire, handshake: Handshake) -> None:
        self._stage = stage
        self._wire = wire
        self._events = handshake.events
        self._protocol = handshake.protocol
        self._messages: deque[Message] = deque()
        self._pieces: list[Any] = []  # Any: all of one message are text, or all are bytes
        self._refusal: list[bytes] = []
        self._ended: WebSocketClosed | None = None
        self._answer: Answer | None = None
        self._open = False
        self.subprotocol: str | None = None
        self.headers: Headers = Headers(())

    def open(self) -> None:
        """Wait for the acceptance; raises RefusedError."""
        while not self._open and self._answer is None and self._ended is None:
            self._read()
        if self._answer is not None:
            raise RefusedError(self._answer)
        if self._ended is not None:
            raise self._ended

    def send(self, message: Message) -> None:
        """Say text or bytes."""
        kind = self._events.TextMessage if isinstance(message, str) else self._events.BytesMessage
        self._say(kind(data=message))

    def send_json(self, value: Any) -> None:  # Any: whatever JSON holds
        """Say a value as JSON text."""
        self.send(jsons.dumps(value).decode())

    def receive(self) -> Message:
        """The next message; raises WebSocketClosed after the last."""
        while not self._messages:
            if self._ended is not None:
                raise self._ended
            self._read()
        return self._messages.popleft()

    def receive_json(self) -> Any:  # Any: as above
        """The next message as JSON."""
        return jsons.loads(self.receive())

    def close(self, code: int = 1000, reason: str = "") -> None:
        """End it, unless it has ended."""
        if self._ended is None:
            self._say(self._events.CloseConnection(code, reason))
            while self._ended is None:
                self._read()

    def __iter__(self) -> Conversation:
        return self

    def __next__(self) -> Message:
        try:
            return self.receive()
        except WebSocketClosed as error:
            raise StopIteration from error

    def _say(self, event: Any) -> None:
        self._stage.call_soon(self._wire.send, self._protocol.send(event))

    def _read(self) -> None:
        data = self._stage.run(self._wire.piece())
        if not data:
            self._ended = self._ended or WebSocketClosed(_BROKEN, "the connection broke")
            return
        self._protocol.receive_data(data)
        for event in self._protocol.events():
            self._hear(event)

    def _hear(self, event: Any) -> None:
        match type(event).__name__:
            case "AcceptConnection":
                self._open, self.subprotocol = True, event.subprotocol
                self.headers = Headers(tuple(event.extra_headers))
            case "RejectConnection":
                self._answer = Answer(event.status_code, Headers(tuple(event.headers)))
            case "RejectData" if self._answer is not None:
                self._refusal.append(bytes(event.data))
                self._answer = Answer(self._answer.status, self._answer.headers, tuple(self._refusal))
            case "TextMessage" | "BytesMessage":
                self._join(event)
            case "Ping":
                self._say(event.response())
            case "CloseConnection":
                self._ended = WebSocketClosed(event.code, event.reason or "")
                if self._protocol.state.name == "REMOTE_CLOSING":
                    self._say(event.response())

    def _join(self, event: Any) -> None:
        self._pieces.append(event.data)
        if event.message_finished:
            empty: Any = "" if isinstance(event.data, str) else b""  # Any: as the pieces
            self._messages.append(empty.join(self._pieces))
            self._pieces.clear()
