"""A connection to somebody who is asked much at once: what is sent in one turn of the loop leaves in one write.

It knows no protocol; who builds on it reads the answers.
"""

from __future__ import annotations

import asyncio
from typing import cast


class Turns(asyncio.Protocol):
    """The writing half of a connection; what is sent before it is open waits for that."""

    def __init__(self) -> None:
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        """Whether it takes requests."""
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def _send(self, data: bytes) -> None:
        """Send with everything else of this turn."""
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        if self._transport is not None and self._out:
            out, self._out = self._out, []
            self._transport.write(b"".join(out))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open: send what has waited."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none by name
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """It is over."""
        self._transport = None
        self._out.clear()
