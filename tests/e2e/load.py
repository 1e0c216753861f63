"""A load generator: callers on kept and fresh connections, GET and POST, and who answered them.

Judges nothing; whoever starts it reads the counts. It retries nothing, so that each failure is seen.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from openfunction_py.lib.clock import Clock, SystemClock

REVISION = "x-ofn-revision"
UNNAMED = "(unnamed)"
FAILURES_KEPT = 20


@dataclass(frozen=True, slots=True)
class Caller:
    """One way to call: a kept connection or a fresh one per request, with a body (POST) or without (GET)."""

    kept: bool = True
    body: bytes | None = None

    @property
    def name(self) -> str:
        """How the way is called in a report."""
        return f"{'POST' if self.body is not None else 'GET'} {'kept' if self.kept else 'fresh'}"


FOUR_WAYS = (
    Caller(kept=True),
    Caller(kept=False),
    Caller(kept=True, body=b"x" * 1000),
    Caller(kept=False, body=b"y" * 1000),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: status, headers in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Seen:
    """What all callers saw; times are seconds of the clock that never goes back.

    `first` is when the first answer of a revision came, `last_sent` when the last request it answered was sent.
    """

    sent: int = 0
    answered: int = 0
    failed: int = 0
    cold: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    first: dict[str, float] = field(default_factory=dict)
    last_sent: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def note(self, caller: Caller, answer: Answer, *, sent: float, now: float) -> None:
        """Count an answer."""
        if answer.status != 200:
            self.fail(f"{caller.name}: {answer.status} {answer.body[:200]!r}")
            return
        revision = answer.headers.get(REVISION, UNNAMED)
        self.answered += 1
        self.counts[revision] += 1
        self.ways[caller.name] += 1
        self.cold += "x-ofn-cold-start" in answer.headers
        self.first.setdefault(revision, now)
        self.last_sent[revision] = max(sent, self.last_sent.get(revision, sent))

    def fail(self, sentence: str) -> None:
        """Count a failure; the first few are kept in words."""
        self.failed += 1
        if len(self.failures) < FAILURES_KEPT:
            self.failures.append(sentence)

    def overlap(self, old: str, new: str) -> float:
        """Return how long after the first answer of `new` a request was sent that `old` still answered."""
        return self.last_sent.get(old, 0.0) - self.first.get(new, 0.0)


class BrokenAnswerError(Exception):
    """The connection ended before its answer was complete."""


class Connection:
    """One HTTP/1.1 connection; small on purpose, so that the load costs less than what it loads."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.authority = parts.netloc
        self.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, caller: Caller) -> Answer:
        """Send one request and read its answer.

        Raises:
            OSError, BrokenAnswerError: there was none.
        """
        if self.streams is None:
            self.streams = await asyncio.open_connection(self.host, self.port)
        reader, writer = self.streams
        method = "GET" if caller.body is None else "POST"
        head = f"{method} {self.target} HTTP/1.1\r\nHost: {self.authority}\r\n"
        if caller.body is not None:
            head += f"Content-Length: {len(caller.body)}\r\nContent-Type: application/octet-stream\r\n"
        if not caller.kept:
            head += "Connection: close\r\n"
        writer.write(head.encode() + b"\r\n" + (caller.body or b""))
        try:
            answer = await read_answer(reader)
        except asyncio.IncompleteReadError as error:
            raise BrokenAnswerError(f"the connection ended after {len(error.partial)} bytes") from error
        if not caller.kept or answer.headers.get("connection", "").lower() == "close":
            await self.close()
        return answer

    async def close(self) -> None:
        """Close the connection, if one is open."""
        streams, self.streams = self.streams, None
        if streams is not None:
            streams[1].close()
            with contextlib.suppress(OSError):
                await streams[1].wait_closed()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Read one answer in any framing."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ", 2)[1])
    if 100 <= status < 200:
        return await read_answer(reader)
    pairs = (line.partition(":") for line in lines[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    if "chunked" in headers.get("transfer-encoding", ""):
        body = await read_chunks(reader)
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = b"" if status in {204, 304} else await reader.read()
    return Answer(status, headers, body)


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    """Read a body in chunks."""
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body


async def keep_calling(url: str, caller: Caller, seen: Seen, *, clock: Clock, timeout: float) -> None:
    """Call until cancelled; a connection that failed is opened anew for the next request."""
    connection = Connection(url)
    try:
        while True:
            sent = clock.monotonic()
            seen.sent += 1
            try:
                async with asyncio.timeout(timeout):
                    answer = await connection.call(caller)
            except (OSError, BrokenAnswerError, ValueError) as error:
                seen.fail(f"{caller.name}: {type(error).__name__}: {error}")
                await connection.close()
                continue
            seen.note(caller, answer, sent=sent, now=clock.monotonic())
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def calling(
    url: str, callers: tuple[Caller, ...] = FOUR_WAYS, *, clock: Clock | None = None, timeout: float = 60.0
) -> AsyncIterator[Seen]:
    """Call a URL in several ways at once while the context is open; yields what is seen."""
    seen, used = Seen(), clock or SystemClock()
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(keep_calling(url, caller, seen, clock=used, timeout=timeout))
            for caller in callers
        ]
        try:
            yield seen
        finally:
            for task in running:
                task.cancel()


async def until(true: Callable[[], bool], *, timeout: float, what: str) -> None:
    """Wait until something holds of what is seen.

    Raises:
        AssertionError: it did not in time.
    """
    try:
        async with asyncio.timeout(timeout):
            while not true():  # noqa: ASYNC110 # counts have no event of their own
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        raise AssertionError(f"not within {timeout:g} s: {what}") from error


async def answers_from(seen: Seen, revisions: int, answers: int, *, timeout: float = 120.0) -> None:
    """Wait until so many revisions have given so many answers each."""
    await until(
        lambda: sum(count >= answers for count in seen.counts.values()) >= revisions,
        timeout=timeout,
        what=f"{answers} answers from each of {revisions} revisions; seen {dict(seen.counts)}",
    )


async def burst(url: str, count: int, *, timeout: float = 60.0) -> list[Answer]:
    """Send so many requests at once, each on a fresh connection; returns their answers, raises what failed."""
    async with asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(one(url, timeout=timeout)) for _ in range(count)]
    return [call.result() for call in calls]


async def one(url: str, *, timeout: float) -> Answer:
    """Send one request on a fresh connection."""
    connection = Connection(url)
    try:
        async with asyncio.timeout(timeout):
            return await connection.call(Caller(kept=False))
    finally:
        await connection.close()
