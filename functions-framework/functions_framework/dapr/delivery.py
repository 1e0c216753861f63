"""A request that no connection carried: it goes through the server, and its answer comes back whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from functions_framework import response
from functions_framework.request import Request
from functions_framework.response import Answer

_BROKEN = response.plain(500, "The answer broke off.")


class Delivery:
    """An exchange (dispatch.Exchange) whose answer is a future."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.answered: bool = False
        self.is_head: bool = request.method == "HEAD"
        self.on_gone: Callable[[], None] | None = None
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._status = 0
        self._lines = b""
        self._pieces: list[bytes] = []

    def send(self, answer: Answer) -> None:
        """Take the answer; the first one counts."""
        self.answered = True
        if not self.answer.done():
            self.answer.set_result(answer)

    def open(self, status: int, lines: bytes) -> None:
        """Begin an answer in pieces."""
        self.answered = True
        self._status, self._lines = status, lines

    async def write(self, chunk: bytes) -> None:
        """Take a piece."""
        self._pieces.append(chunk)

    def close(self) -> None:
        """The answer in pieces is whole."""
        self.send((self._status, self._lines, b"".join(self._pieces)))

    def abort(self) -> None:
        """The answer in pieces broke off."""
        self.send(_BROKEN)

    def upgrade(self) -> None:
        """There is no connection that could go on as a WebSocket."""


async def ask(request: Request, begin: Callable[[Any], None]) -> Answer:
    """Have a server answer a request; who cancels this has left, and the function is told."""
    made = Delivery(request)
    # The server starts functions where no Task runs, as its own connections do; this is one.
    asyncio.get_running_loop().call_soon(begin, made)
    try:
        return await made.answer
    except asyncio.CancelledError:
        if made.on_gone is not None:
            made.on_gone()
        raise
