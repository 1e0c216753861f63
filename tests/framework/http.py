"""A small HTTP client that shows the bytes: one connection, requests as text, answers cut apart.

It follows no redirect and keeps no session.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    """One answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int, host: str = "127.0.0.1") -> Client:
        return cls(*await asyncio.open_connection(host, port))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, *, head: bool = False) -> Reply:
        """Read one answer; `head` when none has a body."""
        raw = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 20)
        lines = raw.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:-2])
        length = 0 if head else int(headers.get("content-length", 0))
        body = await asyncio.wait_for(self.reader.readexactly(length), 20)
        return Reply(int(lines[0].split()[1]), headers, body)

    async def ended(self) -> bool:
        """True when the server closed the connection and nothing was left."""
        return await asyncio.wait_for(self.reader.read(), 20) == b""

    async def ask(self, target: str, *, method: str = "GET", body: bytes = b"", headers: str = "") -> Reply:
        await self.send(request(target, method=method, body=body, headers=headers))
        return await self.reply(head=method == "HEAD")

    def close(self) -> None:
        self.writer.close()


def request(target: str, *, method: str = "GET", body: bytes = b"", headers: str = "") -> bytes:
    """A request; `headers` are whole lines."""
    size = f"content-length: {len(body)}\r\n" if body else ""
    return f"{method} {target} HTTP/1.1\r\nhost: test\r\n{size}{headers}\r\n".encode() + body
