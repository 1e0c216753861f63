"""HTTP/1.1 to an app of our framework, in batches: what is asked in one turn of the loop is written at once.

Requests go to the least busy of a few connections; more than there are wait in a line, in order. It is cheap where
a general client is dear. The app is on the same machine, and its server answers pipelined requests.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import httptools

from functions_framework.turns import Turns
from openfunction_eventing.sidecar.channel import AppAway, Reply

_LINES = 64
Connect = Callable[[Callable[[], asyncio.Protocol]], Awaitable[object]]


def at_path(path: str) -> Connect:
    """Connects to a Unix socket."""

    async def connect(make: Callable[[], asyncio.Protocol]) -> object:
        return await asyncio.get_running_loop().create_unix_connection(make, path)

    return connect


class Line(Turns):
    """One connection: requests out, answers in, in the same order."""

    def __init__(self) -> None:
        super().__init__()
        self._due: deque[asyncio.Future[Reply]] = deque()
        self._begin()

    @property
    def load(self) -> int:
        """Answers that are due."""
        return len(self._due)

    def ask(self, request: bytes) -> asyncio.Future[Reply]:
        """Send a request with all others of this turn; gives its answer, or AppAway."""
        self._send(request)
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._due.append(answer)
        return answer

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []

    # asyncio's callbacks

    def data_received(self, data: bytes) -> None:
        """Answers, or pieces of one."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The app has hung up; what it did not answer is told so."""
        super().connection_lost(exc)
        while self._due:
            answer = self._due.popleft()
            if not answer.done():
                answer.set_exception(AppAway(f"the app hung up before it answered: {exc or 'end of stream'}"))

    # httptools' callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field."""
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """A whole answer; an interim one (1xx) is none."""
        status = self._parser.get_status_code()
        headers, body = self._headers, b"".join(self._body)
        self._headers, self._body = [], []
        if status < 200 or not self._due:
            return
        answer = self._due.popleft()
        if not answer.done():
            answer.set_result(Reply(status, tuple(headers), body))
        if not self._parser.should_keep_alive():
            self.close()


class Pipeline:
    """A few lines to one app; implements http.Asker."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._lines: list[Line] = []

    async def ask(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Ask; raises AppAway."""
        line = await self._line()
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers)
        head = f"{method} {target} HTTP/1.1\r\nhost: app\r\ncontent-length: {len(body)}\r\n{fields}\r\n"
        return await line.ask(head.encode("latin-1", "replace") + body)

    async def is_up(self) -> bool:
        """Whether a connection can be had."""
        try:
            await self._line()
        except AppAway:
            return False
        return True

    async def close(self) -> None:
        """Hang up."""
        for line in self._lines:
            line.close()
        self._lines.clear()

    async def _line(self) -> Line:
        self._lines = [one for one in self._lines if one.is_open]
        best = min(self._lines, key=lambda one: one.load, default=None)
        if best is not None and (best.load == 0 or len(self._lines) >= _LINES):
            return best
        made = Line()
        try:
            await self._connect(lambda: made)
        except OSError as error:
            raise AppAway(f"the app does not answer: {error}") from error
        self._lines.append(made)
        return made
