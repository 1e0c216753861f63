"""What the gateway's tests stand on: a running gateway, instances of several tempers, raw exchanges.

Asserts nothing itself.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from openfunction_py.dataplane import server
from openfunction_py.dataplane.gateway import Gateway
from openfunction_py.dataplane.load import Sample
from openfunction_py.dataplane.route_table import Endpoint, Revision, RevisionKey, RouteTable, Target
from openfunction_py.dataplane.settings import Settings
from openfunction_py.lib.clock import SystemClock

KEY = RevisionKey("default", "hello-00001")
HOST = "hello.default.localhost"
LOCAL = "127.0.0.1"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def table(
    *endpoints: Endpoint, concurrency: int = 0, timeout: float = 300, key: RevisionKey = KEY
) -> RouteTable:
    """Return the table of one function with one Revision."""
    target = Target("default", "hello", ((key, 100.0),))
    revision = Revision(key, concurrency, timeout, tuple(endpoints))
    return RouteTable({HOST: target}, {"/default/hello": target}, {key: revision}, frozenset({"localhost"}))


@dataclass
class House:
    """A running gateway and what it reported."""

    gateway: Gateway
    port: int
    reports: list[tuple[RevisionKey, Sample]]
    reported: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """The path form's address of the function."""
        return f"http://{LOCAL}:{self.port}/default/hello"

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 # what is waited for has no event of its own
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def running(
    routes: RouteTable | None = None, settings: Settings | None = None, *, synced: bool = True
) -> AsyncIterator[House]:
    """Run a gateway on a free port."""
    reports: list[tuple[RevisionKey, Sample]] = []

    async def send(key: RevisionKey, sample: Sample) -> None:
        reports.append((key, sample))

    gateway = Gateway(settings=settings or Settings(drain=1.0), clock=SystemClock(), send=send)
    if synced:
        gateway.update(routes or RouteTable())
    async with asyncio.TaskGroup() as tasks:
        loop = tasks.create_task(gateway.run())
        async with server.listening(gateway, host=LOCAL, port=0) as port:
            yield House(gateway, port, reports)
        loop.cancel()


@contextlib.asynccontextmanager
async def instance(handler: Handler) -> AsyncIterator[Endpoint]:
    """Run an instance that treats each connection as the handler does."""

    writers: list[
        asyncio.StreamWriter
    ] = []  # from Python 3.12 on a server's end waits for every connection's

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await handler(reader, writer)
        writer.close()

    listening = await asyncio.start_server(guarded, LOCAL, 0)
    try:
        yield Endpoint(*listening.sockets[0].getsockname())
    finally:
        listening.close()
        for one in writers:
            one.close()
        await listening.wait_closed()


async def read_head(reader: asyncio.StreamReader) -> bytes:
    """Read one head."""
    return await reader.readuntil(b"\r\n\r\n")


def answering(
    answer: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", *, times: int = 10_000
) -> Handler:
    """Return a handler that answers requests without a body, so many times per connection."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(times):
            await read_head(reader)
            writer.write(answer)
            await writer.drain()

    return handler


def echoing() -> Handler:
    """Return a handler whose answer's body is the head it was sent."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await read_head(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(head), head))
            await writer.drain()

    return handler


async def raw(port: int, data: bytes) -> bytes:
    """Send bytes and return everything until the gateway closes."""
    reader, writer = await asyncio.open_connection(LOCAL, port)
    try:
        writer.write(data)
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()


def get(path: str = "/", *lines: str, host: str = HOST, method: str = "GET", close: bool = True) -> bytes:
    """Return a request without a body."""
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", *lines, *(["Connection: close"] if close else [])]
    return ("\r\n".join(head) + "\r\n\r\n").encode()
