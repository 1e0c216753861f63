"""Interrupts a function that blocks the loop, which no timer of the loop could do.

It is for `async def` functions that never yield; threads are the pool's. It needs the main thread and SIGALRM.
"""

from __future__ import annotations

import asyncio
import signal
from types import FrameType

from functions_framework import clock, errors, meter

_LONGEST = 1.0
_SHORTEST = 0.05


class BlockedError(errors.FrameworkError):
    """Raised inside the function that has blocked the loop for longer than a request may last."""


class Watchdog:
    """While requests are under way the loop beats; an alarm that finds no beat for `timeout` seconds raises."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, timeout: float, load: meter.Meter) -> None:
        self._loop = loop
        self._timeout = timeout
        self._meter = load
        self._period = max(_SHORTEST, min(_LONGEST, timeout / 4))
        self._last = 0.0
        self._installed = False
        self.watching = True  # until installed there is nothing to begin

    def install(self) -> None:
        """Take SIGALRM, unless somebody else has it."""
        if signal.getsignal(signal.SIGALRM) is signal.SIG_DFL:
            signal.signal(signal.SIGALRM, self._alarm)
            self._installed = True
            self.watching = False

    def remove(self) -> None:
        """Give SIGALRM back."""
        if self._installed:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            self._installed = False
            self.watching = True

    def watch(self) -> None:
        """A request begins and nobody watches yet."""
        self.watching = True
        self._last = clock.monotonic()
        signal.setitimer(signal.ITIMER_REAL, self._period, self._period)
        self._loop.call_later(self._period, self._beat)

    def _beat(self) -> None:
        self._last = clock.monotonic()
        if not self._installed:
            return
        if self._meter.in_flight:
            self._loop.call_later(self._period, self._beat)
        else:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.watching = False

    def _alarm(self, _number: int, _frame: FrameType | None) -> None:
        if clock.monotonic() - self._last > self._timeout:
            self._last = clock.monotonic()
            raise BlockedError(
                f"it blocked the loop for {self._timeout:g} seconds; await, or make it a `def` function"
            )
