"""What our own sidecar asks on a Unix socket: requests as frames, answered in any order, all of a turn in one write.

It runs no function; each request goes through the server as one over HTTP does.
"""

from __future__ import annotations

import asyncio
import struct
from functools import lru_cache
from typing import Any, Final, cast

from functions_framework import response
from functions_framework.connections.exchange import Exchange
from functions_framework.connections.site import Site
from functions_framework.pieces import Pieces
from functions_framework.request import Request
from functions_framework.response import Answer

# After HTTP/2's preface, where its first frame would stand.
OPENING: Final = b"OFN-BATCH/1\r\n"
# bytes that follow, number, lengths of method, target and header lines; then these, then the body
REQUEST: Final = struct.Struct("!IIBHI")
# bytes that follow, number, status, length of header lines; then these, then the body
REPLY: Final = struct.Struct("!IIHI")
LENGTH: Final = 4  # of the first field, which does not count itself
LEAVING: Final = 0  # the number of a reply to nobody: nothing more should be asked here
_SLACK: Final = 1 << 20  # what a frame may have beside its body
_TOO_LARGE: Final = response.plain(413, "The event is too large for this function.")


class Batches(asyncio.Protocol):
    """One connection; implements site.Kept, and exchange.Way for its exchanges."""

    def __init__(self, site: Site, opening: bytes) -> None:
        """Read after the opening, which is `opening` in full."""
        self._site = site
        self._skip = len(opening)
        self._coming = Pieces()
        self._out: list[bytes] = []
        self._numbers: dict[Exchange, int] = {}
        self._pieces: dict[Exchange, tuple[int, bytes, list[bytes]]] = {}
        self._transport: asyncio.Transport | None = None

    # site.Kept

    @property
    def is_idle(self) -> bool:
        """Nothing waits for its answer."""
        return not self._numbers

    def drain(self) -> None:
        """Ask for nothing new; what comes all the same is answered."""
        self._send(LEAVING, (503, b"", b""))

    def look(self, now: float) -> None:
        """The sidecar may be silent for as long as it likes."""

    def close(self) -> None:
        """Close after what has been written."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register with the site."""
        self._transport = cast("asyncio.Transport", transport)
        self._site.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """What runs is told, and its answer goes nowhere."""
        self._transport = None
        exchanges = list(self._numbers)
        self._numbers.clear()
        self._pieces.clear()
        for exchange in exchanges:
            if exchange.on_gone is not None:
                exchange.on_gone()
        self._site.left(self)

    def data_received(self, data: bytes) -> None:
        """Requests, or pieces of them; what is whole begins at once."""
        held = self._coming.and_then(data)
        at, self._skip = (self._skip, 0) if len(held) >= self._skip else (0, self._skip)
        whole = len(held) if not self._skip else 0
        while whole - at >= REQUEST.size:
            size, number, method, target, lines = REQUEST.unpack_from(held, at)
            begin, end = at + REQUEST.size, at + LENGTH + size
            if size > self._site.limits.max_body + _SLACK:
                return self.close()
            if end > whole:
                break
            first, second = begin + method, begin + method + target
            self._begin(number, Request(
                held[begin:first].decode(), bytes(held[first:second]), _fields(bytes(held[second : second + lines])),
                bytes(held[second + lines : end]), None,
            ))  # fmt: skip
            at = end
        self._coming.keep(held, at)
        return None

    def _begin(self, number: int, request: Request) -> None:
        exchange = Exchange(self, request, keep_alive=True, old=False)
        self._numbers[exchange] = number
        if len(request.body) > self._site.limits.max_body:
            exchange.send(_TOO_LARGE)
        else:
            self._site.begin(exchange)

    # exchange.Way

    def reply(self, exchange: Exchange, answer: Answer) -> None:
        """Send an answer with all others of this turn, the last one at once: the process may be about to end."""
        number = self._numbers.pop(exchange, None)
        if number is not None:
            self._send(number, answer)

    def begin_stream(self, exchange: Exchange, status: int, lines: bytes) -> None:
        """Keep the pieces: a frame is whole."""
        self._pieces[exchange] = (status, lines, [])

    async def write_stream(self, exchange: Exchange, chunk: bytes) -> None:
        """Take a piece."""
        if exchange not in self._pieces:
            raise ConnectionResetError("the sidecar has hung up")
        self._pieces[exchange][2].append(chunk)

    def end_stream(self, exchange: Exchange) -> None:
        """The answer is whole."""
        if (told := self._pieces.pop(exchange, None)) is not None:
            self.reply(exchange, (told[0], told[1], b"".join(told[2])))

    def break_stream(self, exchange: Exchange) -> None:
        """The answer is none."""
        self._pieces.pop(exchange, None)
        self.reply(exchange, response.plain(500, "The answer broke off."))

    def upgrade(self, exchange: Exchange) -> Any:  # noqa: ARG002  # Any: as Way has it
        """There is nothing to upgrade to."""
        return None

    def _send(self, number: int, answer: Answer) -> None:
        status, lines, body = answer
        if not self._out:
            self._site.loop.call_soon(self._flush)
        size = REPLY.size - LENGTH + len(lines) + len(body)
        self._out += (REPLY.pack(size, number, status, len(lines)), lines, body)
        if not self._numbers:
            self._flush()

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None and out:
            self._transport.write(b"".join(out))


@lru_cache(maxsize=64)
def _cut(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b": ")
    return name, value


def _fields(lines: bytes) -> list[tuple[bytes, bytes]]:
    return [_cut(line) for line in lines.split(b"\r\n") if line]
