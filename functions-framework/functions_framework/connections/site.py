"""What connections need of the server they belong to, and what it needs of them, whatever they speak.

It holds nothing; server.py and the protocols implement it.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from functions_framework.program import Second
from functions_framework.settings import Limits


class Kept(Protocol):
    """A connection as its server sees it."""

    @property
    def is_idle(self) -> bool:
        """True when no request is under way, waiting or arriving."""

    def drain(self) -> None:
        """The server begins to end: ask the client for nothing new, where the protocol has a word for that."""

    def look(self, now: float) -> None:
        """End what takes too long."""

    def close(self) -> None:
        """Close after what has been written."""


class Marks(Protocol):
    """Bytes that say what connections wait for (page.py), one store each."""

    def __setitem__(self, index: int, value: int, /) -> None: ...


class Site(Protocol):
    """What a connection needs of the server it belongs to."""

    limits: Limits
    draining: bool
    loop: asyncio.AbstractEventLoop
    second: Second | None
    marks: Marks

    def slot(self, transport: asyncio.Transport) -> int:
        """The place in `marks` of a new connection."""

    def begin(self, exchange: Any) -> None:  # Any: exchange.Exchange, or the like of another protocol
        """Answer this request, now or later."""

    def joined(self, connection: Kept) -> None:
        """A connection was made."""

    def left(self, connection: Kept) -> None:
        """A connection is gone."""

    def top(self, status: int, lines: bytes, length: int) -> bytes:
        """The head of a whole answer in HTTP/1.1, up to its empty line."""

    def common(self) -> bytes:
        """The header lines that every answer carries."""
