"""An open-loop client: requests leave at their times whether or not earlier ones were answered.

Latency counts from the time a request was due, so a server that stalls is charged for all that waited.
`python -m tests.bench.openloop PORT RATE SECONDS` prints one JSON list of latencies in milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import deque

import uvloop

_REQUEST = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
_CONNECTIONS = 50
_LINGER = 5.0


class _Line(asyncio.Protocol):
    """One kept connection; answers come in the order of the requests."""

    def __init__(self, loop: asyncio.AbstractEventLoop, latencies: list[float]) -> None:
        self._loop = loop
        self._latencies = latencies
        self._due: deque[float] = deque()
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._empty = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's are no asyncio.Transport by name

    def ask(self, due: float) -> None:
        """Send one request that was due at this time."""
        assert self._transport is not None
        self._due.append(due)
        self._empty.clear()
        self._transport.write(_REQUEST)

    def close(self) -> None:
        """Let the connection go."""
        assert self._transport is not None
        self._transport.close()

    @property
    def waiting(self) -> int:
        """Requests without an answer."""
        return len(self._due)

    def data_received(self, data: bytes) -> None:
        now = self._loop.time()
        data = self._rest + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            head = data[:end].lower()
            at = head.index(b"content-length:") + 15
            size = int(head[at : head.find(b"\r\n", at) if head.find(b"\r\n", at) > 0 else None])
            if len(data) < end + 4 + size:
                break
            assert head.startswith(b"http/1.1 200"), head
            data = data[end + 4 + size :]
            self._latencies.append((now - self._due.popleft()) * 1000)
        self._rest = data
        if not self._due:
            self._empty.set()

    async def drained(self) -> None:
        """Wait until every request has its answer."""
        if self._due:
            await self._empty.wait()

    def connection_lost(self, exc: Exception | None) -> None:
        assert not self._due, f"the server closed a connection with {len(self._due)} requests waiting: {exc}"


async def offered(port: int, rate: float, seconds: float) -> list[float]:
    """Offer requests at an even rate for so long; the latencies in milliseconds."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    lines = []
    for _ in range(_CONNECTIONS):
        _, line = await loop.create_connection(lambda: _Line(loop, latencies), "127.0.0.1", port)
        lines.append(line)
    begun, total = loop.time(), int(rate * seconds)
    for number in range(total):
        due = begun + number / rate
        if (early := due - loop.time()) > 0:
            await asyncio.sleep(early)
        min(lines, key=lambda line: line.waiting).ask(due)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER):
            for line in lines:
                await line.drained()
    for line in lines:
        line.close()
    return latencies + [_LINGER * 1000.0] * (total - len(latencies))


if __name__ == "__main__":
    print(json.dumps(uvloop.run(offered(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))))
