"""Interrupts a function that blocks the loop, which no timer of the loop could do.

It is for code on the loop that never yields; threads are the pool's. It needs the main thread and SIGALRM.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType

from functions_framework import clock, errors
from functions_framework.calls import meter

_LONGEST = 1.0
_SHORTEST = 0.05
_LEAST_LEASH = 0.002
_ON_TIME = 0.98  # of two clocks, one may be a little late
_HERE = os.path.dirname(os.path.dirname(__file__))
_PYTHONS = os.path.dirname(signal.__file__)
_PACKAGES = "-packages/"  # site-packages and dist-packages lie below Python's own
# Code that runs the loop or is run by it; an error raised there would end the process.
_LOOPS = (os.path.dirname(asyncio.__file__), f"{_HERE}/serving/instance.py")


class BlockedError(errors.FrameworkError):
    """Raised inside the function that has blocked the loop for longer than a request may last."""


class Watchdog:
    """While requests are under way the loop beats; an alarm that finds no beat for `timeout` seconds raises.

    Requests that came while the loop was blocked have waited as long as a request may last. So for a while after
    an interrupt a call may block for only a moment, the leash: the others of its kind are answered soon as well,
    and what does not block is served as ever.

    Attributes:
        pulse: told until when this process counts as alive, 0.0 for always; for whoever can act when the interpreter
            lock is never released and no handler here runs.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, timeout: float, load: meter.Meter) -> None:
        self._loop = loop
        self._timeout = timeout
        self._meter = load
        self._period = max(_SHORTEST, min(_LONGEST, timeout / 8))
        self._leash = max(_LEAST_LEASH, timeout / 512)
        self._turn = 0.0  # when the loop last came round
        self._last = 0.0  # when it did, or a request began, or a call was interrupted
        self._hurried = 0.0  # calls are on the leash until then
        self._begun = False  # nothing but a request's begin happened since `_last`
        self._seen: FrameType | None = None
        self._installed = False
        self.pulse: Callable[[float], None] = _nobody
        self.watching: bool = True  # until installed there is nothing to begin

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
            self.pulse(0.0)
            self._installed = False
            self.watching = True

    def watch(self) -> None:
        """A request begins and nobody watches yet, or calls are on the leash."""
        now = self._last = clock.monotonic()
        if now < self._hurried:
            self._begun = True
            signal.setitimer(signal.ITIMER_REAL, self._leash, self._leash)
            return
        self.watching = True
        self._turn = now
        self.pulse(now + self._timeout + 2 * self._period)
        self._arm()
        self._loop.call_later(self._period, self._beat)

    def _arm(self) -> None:
        """The alarm rings only when the loop does not come round in time: it also cuts system calls short."""
        signal.setitimer(signal.ITIMER_REAL, self._timeout, self._period)

    def _beat(self) -> None:
        now = self._last = self._turn = clock.monotonic()
        self._begun = False
        if not self._installed:
            return
        if self._hurried:
            self._hurry(now)
        elif self._meter.in_flight:
            self.pulse(now + self._timeout + 2 * self._period)
            self._arm()
            self._loop.call_later(self._period, self._beat)
        else:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.pulse(0.0)
            self.watching = False

    def _hurry(self, now: float) -> None:
        """Beat in time with the leash, until it is taken off."""
        self.pulse(now + self._timeout + 2 * self._period)
        if now < self._hurried:
            self._loop.call_later(self._leash / 2, self._beat)
            return
        self._hurried, self._seen, self.watching = 0.0, None, True
        self._arm()
        self._loop.call_later(self._period, self._beat)

    def _alarm(self, _number: int, frame: FrameType | None) -> None:
        now = clock.monotonic()
        # That this runs shows that the lock is free, only the loop is late; more than that is for who listens.
        self.pulse(min(now + self._timeout / 4, self._turn + 1.5 * self._timeout))
        if now - self._last < (self._leash if self._hurried else self._timeout) * _ON_TIME:
            return
        root = _users_root(frame)
        if root is None:
            return
        if self._hurried and not self._begun and root is not self._seen:
            self._seen = root  # raised the next time, if it still blocks
            return
        self._interrupt(now)

    def _interrupt(self, now: float) -> None:
        self._last = now
        if not self._hurried:
            self.watching = False  # so that each request begins a leash of its own
            signal.setitimer(signal.ITIMER_REAL, self._leash, self._leash)
        self._seen = None
        self._hurried = now + self._timeout / 4
        raise BlockedError(
            f"it blocked the loop for {self._timeout:g} seconds; await, or make it a `def` function"
        )


def _users_root(frame: FrameType | None) -> FrameType | None:
    """The outermost frame of what the loop runs, when code of others than the framework runs below it."""
    root, is_users = None, False
    while frame is not None and not frame.f_code.co_filename.startswith(_LOOPS):
        root = frame
        is_users = is_users or _is_users(frame.f_code.co_filename)
        frame = frame.f_back
    return root if is_users else None


def _is_users(file: str) -> bool:
    """Code that is neither the framework's nor Python's own."""
    return not file.startswith((_HERE, "<frozen")) and (not file.startswith(_PYTHONS) or _PACKAGES in file)


def _nobody(_until: float) -> None:
    """Nobody listens to the pulse."""
