"""Sends a row and reads what comes back, of any server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from tests.conformance.http11.table import Row

_PROBE = b"GET /probe HTTP/1.1\r\nhost: x\r\n\r\n"
_PATIENCE = 1.0


@dataclass
class Seen:
    """What a server did with a row."""

    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)  # of the final answers
    open: bool = False


async def play(port: int, row: Row) -> Seen:
    """Send a row, read its answers, then see whether another request is answered; silence is no answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(row.sent)
        if row.cut:
            writer.write_eof()
        seen = Seen()
        for number in range(len(row.statuses)):
            if not await _answer(reader, seen, silent=number in row.silent):
                return seen
        seen.open = not row.cut and await _is_open(reader, writer)
        return seen
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader, seen: Seen, *, silent: bool) -> bool:
    try:
        raw = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _PATIENCE)
    except (asyncio.IncompleteReadError, ConnectionResetError, TimeoutError):
        return False
    lines = raw.decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1])
    seen.statuses.append(status)
    if status < 200:
        return True
    fields = dict(line.lower().split(": ", 1) for line in lines[1:-2])
    if silent or status == 204:
        seen.bodies.append(b"")
    elif "content-length" in fields:
        seen.bodies.append(await reader.readexactly(int(fields["content-length"])))
    else:
        seen.bodies.append(await _chunks(reader))
    return True


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body


async def _is_open(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    try:
        writer.write(_PROBE)
        await writer.drain()
        got = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _PATIENCE)
    except (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError, TimeoutError):
        return False
    return got.startswith(b"HTTP/1.1 200")
