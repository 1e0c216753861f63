"""When calls that all have the same time are over: one timer for all of them, as the first to come is due first.

A timer of the loop costs as much as a short function does, and nearly every one is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

Thing = TypeVar("Thing")
_TICK = 0.001  # of the loop's clock


class Deadlines(Generic[Thing]):
    """Calls `expire` with what was added `seconds` ago and not discarded since; all on the loop's thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, seconds: float, expire: Callable[[Thing], None]
    ) -> None:
        self._loop = loop
        self._seconds = seconds
        self._expire = expire
        self._due: dict[Thing, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, thing: Thing) -> None:
        """Its time begins."""
        self._due[thing] = self._loop.time() + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._look)

    @property
    def pending(self) -> list[Thing]:
        """What has neither come to its end nor expired."""
        return list(self._due)

    def discard(self, thing: Thing) -> None:
        """It has come to its end, in time or not."""
        self._due.pop(thing, None)

    def _look(self) -> None:
        self._timer = None
        while self._due:
            thing, due = next(iter(self._due.items()))
            if due > self._loop.time() + _TICK:
                self._timer = self._loop.call_at(due, self._look)
                return
            del self._due[thing]
            self._expire(thing)
