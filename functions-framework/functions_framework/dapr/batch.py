"""Publishing to our own sidecar over its Unix socket: what is asked in one turn of the loop goes in one write.

A frame is a question or an answer, each with a number; answers come in any order. Threads hand what they publish to
the loop that serves the function. Everything else that a sidecar is asked, and every question while the socket is not
there, goes over HTTP.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any, Final, TypeVar

from functions_framework.dapr import port
from functions_framework.dapr.errors import SidecarUnavailable
from functions_framework.dapr.handing import Desk, NotTaken
from functions_framework.dapr.port import Ask, Port, Reply
from functions_framework.dapr.settings import Sidecar
from functions_framework.pieces import Pieces
from functions_framework.turns import Turns

T = TypeVar("T")
# bytes that follow, number, length of the target, length of the content type; then both, then the body
QUESTION: Final = struct.Struct("!IIHH")
# bytes that follow, number, status; then the body
ANSWER: Final = struct.Struct("!IIH")
LENGTH: Final = 4  # of the first field, which does not count itself
HELLO: Final = 0  # the number of a connection's first question, whose body is the token
_SWEEP = 1.0


class Lost(Exception):  # noqa: N818  # it leaves this module as SidecarUnavailable
    """No answer will come."""


class Line(Turns):
    """One connection."""

    def __init__(self, token: str, timeout: float) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout
        self._due: dict[int, tuple[asyncio.Future[Reply], float]] = {}
        self._count = HELLO
        self._out.append(_question(HELLO, "", "", token.encode()))
        self._pieces = Pieces()
        self._sweeper: asyncio.TimerHandle | None = None

    def ask(self, target: str, content_type: str, body: bytes) -> asyncio.Future[Reply]:
        """Send a question with all others of this turn; gives its answer, or raises Lost."""
        self._count = self._count % 0xFFFFFFFF + 1
        self._send(_question(self._count, target, content_type, body))
        answer: asyncio.Future[Reply] = self._loop.create_future()
        self._due[self._count] = (answer, self._loop.time() + self._timeout)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP, self._sweep)
        return answer

    def _sweep(self) -> None:
        """Give up what waits for too long."""
        now = self._loop.time()
        for number, (answer, due) in list(self._due.items()):
            if due > now:
                break
            del self._due[number]
            if not answer.done():
                answer.set_exception(Lost(_late(self._timeout)))
        self._sweeper = self._loop.call_later(_SWEEP, self._sweep) if self._due else None

    # asyncio's callbacks

    def data_received(self, data: bytes) -> None:
        """Answers, or pieces of them."""
        held = self._pieces.and_then(data)
        at, whole = 0, len(held)
        while whole - at >= ANSWER.size:
            size, number, status = ANSWER.unpack_from(held, at)
            end = at + LENGTH + size
            if end > whole:
                break
            waiting = self._due.pop(number, None)
            if waiting is not None and not waiting[0].done():
                waiting[0].set_result(Reply(status, {}, bytes(held[at + ANSWER.size : end])))
            at = end
        self._pieces.keep(held, at)

    def connection_lost(self, exc: Exception | None) -> None:
        """The sidecar has hung up; what it did not answer is told so."""
        super().connection_lost(exc)
        due, self._due = self._due, {}
        for answer, _ in due.values():
            if not answer.done():
                answer.set_exception(Lost(f"it hung up before it answered: {exc or 'end of stream'}"))


class BatchClient:
    """Implements port.Port."""

    def __init__(self, sidecar: Sidecar, http: Port, *, lost: Callable[[str], None] | None = None) -> None:
        """Publish at `sidecar.socket`, ask everything else of `http`; `lost` is told when answers do not come."""
        self._sidecar = sidecar
        self._http = http
        self._told = lost
        self._line: Line | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[Line | None] | None = None
        self._desk = Desk()
        self._closed = False

    def serve_threads(self) -> None:
        """Take what threads publish on the running loop; until then, and without it, they publish over HTTP."""
        self._desk.settle()

    def call(self, ask: Ask[T]) -> T:
        """Ask and wait; raises SidecarUnavailable or DaprError."""
        if ask.operation != "publish":
            return self._http.call(ask)
        kind, body = _content(ask)
        timeout = self._sidecar.timeout + 2 * _SWEEP  # the line gives up before
        try:
            reply = self._desk.ask(lambda: self._begin(ask.target, kind, body), timeout)
        except NotTaken:
            return self._http.call(ask)
        except Lost as error:
            raise self._unavailable(ask, error) from error
        except TimeoutError as error:
            why = str(error) or _late(self._sidecar.timeout)
            raise self._unavailable(ask, Lost(why)) from error
        return port.result(ask, reply)

    def _begin(self, target: str, kind: str, body: bytes) -> asyncio.Future[Reply]:
        """Ask on the running loop; the answer may be Lost, or NotTaken where nobody listens."""
        line = self._ready()
        if line is not None:
            return line.ask(target, kind, body)
        return asyncio.get_running_loop().create_task(self._asked(target, kind, body))

    async def _asked(self, target: str, kind: str, body: bytes) -> Reply:
        line = await self._opened()
        if line is None:
            raise NotTaken("nobody listens")
        return await line.ask(target, kind, body)

    async def acall(self, ask: Ask[T]) -> T:
        """The same on a loop."""
        if ask.operation != "publish":
            return await self._http.acall(ask)
        line = self._ready() or await self._opened()
        if line is None:
            return await self._http.acall(ask)
        kind, body = _content(ask)
        try:
            return port.result(ask, await line.ask(ask.target, kind, body))
        except Lost as error:
            raise self._unavailable(ask, error) from error

    def _ready(self) -> Line | None:
        """The line of this loop, where it is open."""
        line = self._line
        is_ours = line is not None and line.is_open and self._loop is asyncio.get_running_loop()
        return line if is_ours else None

    async def _opened(self) -> Line | None:
        """A line of this loop, opened once by all who ask for it; None where nobody listens."""
        loop = asyncio.get_running_loop()
        if self._closed or (self._loop not in (None, loop) and self._line is not None and self._line.is_open):
            return None
        if self._opening is None or self._opening.done() or self._opening.get_loop() is not loop:
            self._opening = loop.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> Line | None:
        loop = asyncio.get_running_loop()
        made = Line(self._sidecar.token, self._sidecar.timeout)
        try:
            await loop.create_unix_connection(lambda: made, self._sidecar.socket)
        except OSError:
            return None
        self._line, self._loop = made, loop
        return made

    def _unavailable(self, ask: Ask[Any], error: Lost) -> SidecarUnavailable:
        reason = (
            f"the sidecar at {self._sidecar.socket} does not answer: {error} (it may have been carried out)"
        )
        if self._told is not None:
            self._told(reason)
        return SidecarUnavailable(ask.operation, ask.component, answer=reason)

    def close(self) -> None:
        """Hang up; on the loop that asks."""
        self._closed = True
        self._desk.leave()
        if self._line is not None and self._loop is not None and not self._loop.is_closed():
            self._line.close()


def _content(ask: Ask[Any]) -> tuple[str, bytes]:
    return ask.headers.get("content-type", ""), ask.body() if callable(ask.body) else ask.body


def _late(seconds: float) -> str:
    return f"it did not answer in {seconds:g} seconds"


def _question(number: int, target: str, content_type: str, body: bytes) -> bytes:
    where, kind = target.encode(), content_type.encode()
    size = QUESTION.size - LENGTH + len(where) + len(kind) + len(body)
    return b"".join((QUESTION.pack(size, number, len(where), len(kind)), where, kind, body))
