"""Frames to an app of our framework on a Unix socket: what is asked in one turn of the loop is written at once.

One connection carries everything, answers come in any order; the frames are functions_framework.connections.batches'.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from functools import lru_cache
from typing import Final

from functions_framework.connections.batches import LEAVING, LENGTH, OPENING, REPLY, REQUEST
from functions_framework.connections.takeover import PREFACE
from functions_framework.pieces import Pieces
from functions_framework.turns import Turns
from openfunction_eventing.errors import EventingError
from openfunction_eventing.sidecar.channel import AppAway, Reply

_HEAD: Final = REQUEST.size - LENGTH


class Foreign(EventingError):  # noqa: N818 - what it is, not that it is an error
    """The app answered in HTTP, so it knows no frames; it did nothing of what it was asked."""


class Line(Turns):
    """One connection."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._due: dict[int, asyncio.Future[Reply]] = {}
        self._count = LEAVING
        self._out.append(PREFACE + OPENING)
        self._pieces = Pieces()
        self._leaving = False

    @property
    def is_open(self) -> bool:
        """Whether it takes requests."""
        transport = self._transport
        return transport is not None and not self._leaving and not transport.is_closing()

    def ask(self, method: str, target: str, lines: bytes, body: bytes) -> asyncio.Future[Reply]:
        """Send a request with all others of this turn; gives its answer, or AppAway."""
        self._count = self._count % 0xFFFFFFFF + 1
        verb, where = method.encode(), target.encode("latin-1", "replace")
        size = _HEAD + len(verb) + len(where) + len(lines) + len(body)
        head = REQUEST.pack(size, self._count, len(verb), len(where), len(lines))
        self._send(b"".join((head, verb, where, lines, body)))
        answer: asyncio.Future[Reply] = self._loop.create_future()
        self._due[self._count] = answer
        return answer

    # asyncio's callbacks

    def data_received(self, data: bytes) -> None:
        """Answers, or pieces of them."""
        held = self._pieces.and_then(data)
        if held.startswith(b"HTTP/"):
            return self._end(Foreign("the app knows no frames"))
        at, whole = 0, len(held)
        while whole - at >= REPLY.size:
            size, number, status, lines = REPLY.unpack_from(held, at)
            begin, end = at + REPLY.size, at + LENGTH + size
            if end > whole:
                break
            if number == LEAVING:
                self._leaving = True
            waiting = self._due.pop(number, None)
            if waiting is not None and not waiting.done():
                headers = _headers(bytes(held[begin : begin + lines]))
                waiting.set_result(Reply(status, headers, bytes(held[begin + lines : end])))
            at = end
        self._pieces.keep(held, at)
        # What was given up meanwhile holds no line open that leaves.
        if self._leaving and all(answer.done() for answer in self._due.values()):
            self.close()
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """The app has hung up; what it did not answer is told so."""
        self._end(AppAway(f"the app hung up before it answered: {exc or 'end of stream'}"))
        super().connection_lost(exc)

    def _end(self, why: EventingError) -> None:
        due, self._due = self._due, {}
        for answer in due.values():
            if not answer.done():
                answer.set_exception(why)
        self.close()


class Frames:
    """The line to one app; implements http.Asker."""

    def __init__(self, path: str) -> None:
        """Nothing is opened before the first request."""
        self._path = path
        self._line: Line | None = None
        self._opening: asyncio.Task[Line] | None = None

    def ask(
        self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> Awaitable[Reply]:
        """Ask; who waits for the answer is raised AppAway."""
        fields = "".join([f"{name}: {value}\r\n" for name, value in headers]).encode("latin-1", "replace")
        line = self._line
        if line is not None and line.is_open:
            return line.ask(method, target, fields, body)
        return self._ask_first(method, target, fields, body)

    async def _ask_first(self, method: str, target: str, fields: bytes, body: bytes) -> Reply:
        line = await self._opened()
        return await line.ask(method, target, fields, body)

    async def is_up(self) -> bool:
        """Whether a connection can be had."""
        try:
            await self._opened()
        except AppAway:
            return False
        return True

    async def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.close()

    async def _opened(self) -> Line:
        """The line, opened once by all who wait for it."""
        if self._line is not None and self._line.is_open:
            return self._line
        if self._opening is None or self._opening.done():
            self._opening = asyncio.get_running_loop().create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> Line:
        made = Line()
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: made, self._path)
        except OSError as error:
            raise AppAway(f"the app does not answer: {error}") from error
        self._line = made
        return made


@lru_cache(maxsize=64)
def _headers(lines: bytes) -> tuple[tuple[str, str], ...]:
    cut = (line.partition(":") for line in lines.decode("latin-1").split("\r\n") if line)
    return tuple((name.lower(), value.strip()) for name, _, value in cut)
