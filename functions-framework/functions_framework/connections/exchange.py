"""One request and the way back to its client; HTTP/1 and HTTP/2 give the ways.

It holds no bytes and knows no framing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from functions_framework.request import Request
from functions_framework.response import Answer


class Way(Protocol):
    """A connection as its exchanges use it."""

    def reply(self, exchange: Any, answer: Answer) -> None:  # Any: HTTP/2 adds a stream to an exchange
        """Write a whole answer."""

    def begin_stream(self, exchange: Any, status: int, lines: bytes) -> None:
        """Write the head of an answer in pieces."""

    async def write_stream(self, exchange: Any, chunk: bytes) -> None:
        """Write a piece; raises ConnectionResetError."""

    def end_stream(self, exchange: Any) -> None:
        """Write the end."""

    def break_stream(self, exchange: Any) -> None:
        """End without the end."""

    def upgrade(self, exchange: Any) -> Any:  # Any: a sockets.WebSocket, loaded late
        """Go on as a WebSocket; None where the request asks for none or nobody speaks it."""


class Exchange:
    """One request and the way back to its connection; with `refusal` set, an error to be sent in its turn."""

    __slots__ = (
        "answered",
        "connection",
        "is_head",
        "keep_alive",
        "old",
        "on_gone",
        "ready",
        "refusal",
        "request",
    )

    def __init__(self, connection: Way, request: Request, *, keep_alive: bool, old: bool) -> None:
        self.connection: Way = connection
        self.request: Request = request
        self.keep_alive: bool = keep_alive
        self.old: bool = old  # HTTP/1.0, where keeping the connection must be said
        self.is_head: bool = request.method == "HEAD"
        self.answered: bool = False
        self.refusal: int = 0
        self.ready: Answer | None = None  # the framework's own answer, whose turn has not come
        self.on_gone: Callable[[], None] | None = (
            None  # called once when the client leaves before its answer ends
        )

    def send(self, answer: Answer) -> None:
        """Write the answer; the first one counts."""
        if not self.answered:
            self.answered = True
            self.connection.reply(self, answer)

    def open(self, status: int, lines: bytes) -> None:
        """Begin an answer whose body comes in pieces; nothing happens when it has been answered."""
        if not self.answered:
            self.answered = True
            self.connection.begin_stream(self, status, lines)

    async def write(self, chunk: bytes) -> None:
        """Send a piece, waiting while the client reads slowly; raises ConnectionResetError when it is gone."""
        await self.connection.write_stream(self, chunk)

    def close(self) -> None:
        """End a streamed answer: its body is whole."""
        self.connection.end_stream(self)

    def abort(self) -> None:
        """Break a streamed answer off, so that the client sees that its body is not whole."""
        self.connection.break_stream(self)

    def upgrade(self) -> Any:  # Any: as above
        """Go on as a WebSocket, in the place of an answer.

        Returns:
            The WebSocket, or None where this request asks for none or the extra is missing.

        Raises:
            BadRequest: the handshake is malformed.
        """
        return self.connection.upgrade(self)
