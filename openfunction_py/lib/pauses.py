"""Pauses between tries: longer each time, until one was of use."""

from __future__ import annotations

import asyncio


class Pauses:
    """The pauses of one loop that tries again, in seconds."""

    def __init__(self, first: float, longest: float) -> None:
        """Begin with the first; each is twice the one before, up to the longest."""
        self._first, self._longest = first, longest
        self._next = first

    def reset(self) -> None:
        """The try was of use."""
        self._next = self._first

    async def wait(self) -> None:
        """Wait before the next try."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        await asyncio.sleep(pause)
