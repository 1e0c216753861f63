"""Finds out whether a client that sends no more still reads.

The end of its sending looks the same when it only has no more to ask and when it has left. So after a while it
gets an interim answer (RFC 9110 §15.2: any client must be able to take one), and a client that has left resets.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Protocol

_QUIET = 0.5  # a short answer is not preceded by anything
_ROUND_TRIP = 0.25
_ROUNDS = 40
_INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"
_TCP_CLOSE = 7


class Asked(Protocol):
    """A connection whose client has ended its side."""

    @property
    def waiting(self) -> asyncio.Transport | None:
        """The transport, while the client waits for an answer of which nothing has been sent."""


def watch(asked: Asked, loop: asyncio.AbstractEventLoop) -> None:
    """Ask after a while."""
    loop.call_later(_QUIET, _ask, asked, loop)


def _ask(asked: Asked, loop: asyncio.AbstractEventLoop) -> None:
    transport = asked.waiting
    if transport is not None and not transport.is_closing():
        transport.write(_INTERIM)
        loop.call_later(_ROUND_TRIP, _look, asked, loop, _ROUNDS)


def _look(asked: Asked, loop: asyncio.AbstractEventLoop, rounds: int) -> None:
    """Abort the connection when the interim answer was reset."""
    transport = asked.waiting
    if transport is None or transport.is_closing():
        return
    if _is_reset(transport.get_extra_info("socket")):
        transport.abort()
    elif rounds:
        loop.call_later(_ROUND_TRIP, _look, asked, loop, rounds - 1)


def _is_reset(own: Any) -> bool:  # Any: uvloop's socket is none by type
    if own is None:
        return False
    if own.family == socket.AF_UNIX:
        return bool(own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    state = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) if hasattr(socket, "TCP_INFO") else b""
    return state[:1] == bytes([_TCP_CLOSE])
