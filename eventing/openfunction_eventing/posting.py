"""HTTP/1.1 posts on kept connections, written and read without a general client: a request is one write.

For plain http and bodies that fit one write; a connection carries one request at a time. It decides nothing about
an answer.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol, cast
from urllib.parse import quote, urlsplit

import httptools

from functions_framework.fields import Headers

_IDLE: Final = 15.0
_SWEEP: Final = 5.0
_NO_FIELD: Final = re.compile(r"[\r\n\0]")
_IN_TARGET: Final = "/!$&'()*+,:;=@~%?"


class Broken(Exception):  # noqa: N818 - it becomes a sentence of who posts
    """The connection ended before a whole answer."""


class TooLarge(Exception):  # noqa: N818 - as above
    """An answer has more bytes than are taken."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads: host and port to connect to, the Host field, and the request target."""

    host: str
    port: int
    authority: str
    target: str


@dataclass(slots=True)
class Answer:
    """An answer: status, fields and body."""

    status: int = 0
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    _headers: Headers | None = None

    @property
    def headers(self) -> Headers:
        """The fields by name, whatever its case; asked for once all of them are there."""
        if self._headers is None:
            self._headers = Headers(self.fields)
        return self._headers


# Bytes of a body that are of interest, given its head; None for all of it.
Interest = Callable[[Answer], int | None]


class Names(Protocol):
    """Who knows addresses."""

    async def places(self, host: str, port: int) -> list[tuple[str, int]]:
        """Address and port of each that answers to a name; raises OSError when there is none."""


@lru_cache(maxsize=4096)
def place(url: str) -> Place | None:
    """The place of a plain URL; None for what a general client has to read."""
    try:
        told = urlsplit(url)
        host, port = told.hostname or "", told.port or 80
    except ValueError:
        return None
    fits = told.scheme == "http" and host.isascii() and "@" not in told.netloc and "%" not in told.netloc
    if not fits or not host or _NO_FIELD.search(url) or not told.netloc.isprintable():
        return None
    target = quote(told.path or "/", safe=_IN_TARGET) + (
        f"?{quote(told.query, safe=_IN_TARGET)}" if told.query else ""
    )
    return Place(host, port, told.netloc, target)


class Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._wanted: int | None = None
        self.is_done = False
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self.since = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it can carry a request."""
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, request: bytes, interest: Interest) -> asyncio.Future[Answer]:
        """Send a request; gives as much of its answer as is of interest, or raises Broken or TooLarge."""
        self._interest = interest
        waiter: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiter, self._answer, self.is_done = waiter, Answer(), False
        self._parser = httptools.HttpResponseParser(self)
        if self._transport is None:
            waiter.set_exception(Broken("it is closed"))
        else:
            self._transport.write(request)
        return waiter

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """An answer, or a piece of it; bytes that nobody waits for end the connection."""
        if self._waiter is None or self._waiter.done():
            return self.close()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(Broken(f"its answer is no HTTP: {error}"))
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """The sink has hung up; an answer without a length ends here."""
        self._transport = None
        names = {name.lower() for name, _ in self._answer.fields} if self._waiter is not None else set()
        if (
            self._waiter is not None
            and self._answer.status
            and not names & {b"content-length", b"transfer-encoding"}
        ):
            self._settle()
        self._fail(Broken(str(exc) if exc else "the connection ended"))

    # httptools' callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header field."""
        self._answer.fields.append((name, value))

    def on_headers_complete(self) -> None:
        """The status is known; that may be all there is to know."""
        self._answer.status = self._parser.get_status_code()
        if self._answer.status >= 200:
            self._wanted = self._interest(self._answer)
            self._enough()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._answer.body += body
        self._enough()

    def on_message_complete(self) -> None:
        """The whole answer is there; an interim one (1xx) is none."""
        if self._answer.status < 200:
            self._answer = Answer()
            return
        if not self._parser.should_keep_alive() and self._transport is not None:
            self._transport.close()
        self.is_done = True
        self._settle()

    def _enough(self) -> None:
        if self._wanted is not None and len(self._answer.body) >= self._wanted:
            self._settle()
        elif len(self._answer.body) > self._most:
            self._fail(TooLarge())

    def _settle(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(self._answer)

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
            self.close()


class Lines:
    """Kept connections by place."""

    def __init__(self, names: Names, *, most: int) -> None:
        """Connect to what `names` says; a body of which all is of interest has at most so many bytes."""
        self._names = names
        self._most = most
        self._idle: defaultdict[tuple[str, int], deque[Line]] = defaultdict(deque)
        self._sweeper: asyncio.TimerHandle | None = None

    async def post(self, where: Place, headers: Mapping[str, str], body: bytes, interest: Interest) -> Answer:
        """Post a body; `interest` says how much of the answer's is read.

        Raises:
            OSError: nobody listens.
            Broken, TooLarge: there is no answer that counts.
            ValueError: a header field cannot be in HTTP.
        """
        request = _written(where, headers, body)
        line = self._kept(where) or await self._made(where)
        try:
            answer = await line.ask(request, interest)
        except asyncio.CancelledError:
            line.close()  # its answer may come late, and would be taken for the next one's
            raise
        if not line.is_done:
            line.close()  # the rest of its body is of no interest
        elif line.is_open:
            line.since = asyncio.get_running_loop().time()
            self._idle[where.host, where.port].append(line)
            if self._sweeper is None:
                self._sweeper = asyncio.get_running_loop().call_later(_SWEEP, self._sweep)
        return answer

    def _kept(self, where: Place) -> Line | None:
        idle = self._idle.get((where.host, where.port))
        while idle:
            line = idle.pop()
            if line.is_open:
                return line
        return None

    async def _made(self, where: Place) -> Line:
        loop, refused = asyncio.get_running_loop(), OSError("it has no address")
        for address, port in await self._names.places(where.host, where.port):
            try:
                _, line = await loop.create_connection(lambda: Line(self._most), address, port)
            except OSError as error:
                refused = error
            else:
                return line
        raise refused

    def _sweep(self) -> None:
        """Close what nobody has used for a while."""
        loop = asyncio.get_running_loop()
        old = loop.time() - _IDLE
        for key, idle in list(self._idle.items()):
            while idle and (idle[0].since < old or not idle[0].is_open):
                idle.popleft().close()
            if not idle:
                del self._idle[key]
        self._sweeper = loop.call_later(_SWEEP, self._sweep) if self._idle else None

    def close(self) -> None:
        """Hang up everywhere."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for idle in self._idle.values():
            for line in idle:
                line.close()
        self._idle.clear()


def _written(where: Place, headers: Mapping[str, str], body: bytes) -> bytes:
    for name, value in headers.items():
        if _NO_FIELD.search(value) or _NO_FIELD.search(name):
            raise ValueError(f"the header {name} would hold a line break")
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    head = f"POST {where.target} HTTP/1.1\r\nHost: {where.authority}\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
    return head.encode() + body
