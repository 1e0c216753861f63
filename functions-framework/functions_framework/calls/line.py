"""Calls that wait for a thread, and the threads that sleep until one comes.

To wake a thread, and to wait for the interpreter lock, costs more than a short function does. So calls that come in
one turn of the loop wake one thread, which takes them one after the other. While calls wait there is always a thread
on its way that takes the next one, so they wait no longer when the first one blocks.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Generic, TypeVar

Waiting = TypeVar("Waiting")


def bed() -> threading.Lock:
    """What one thread sleeps on: a lock that is held until the thread is woken."""
    made = threading.Lock()
    made.acquire()
    return made


class Line(Generic[Waiting]):
    """First come, first served; `take` is called in the threads, everything else on the loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Waiting | None] = deque()  # whoever takes one out has it alone
        self._asleep: list[threading.Lock] = []
        self._coming = False  # a thread has been woken and is not here yet
        self._ringing = False

    def put(self, one: Waiting) -> None:
        """Have a thread take this."""
        self._waiting.append(one)
        if not self._ringing:
            # Not at once: a thread that is awake takes the interpreter lock between two callbacks of the loop.
            self._ringing = True
            self._loop.call_soon(self._ring)

    def end(self, threads: int) -> None:
        """Have so many threads take None, which ends them."""
        self._waiting.extend([None] * threads)
        self._ring()

    def withdraw(self, one: Waiting) -> bool:
        """Take this back; False when a thread has taken it."""
        try:
            self._waiting.remove(one)
        except ValueError:
            return False
        return True

    def take(self, bed: threading.Lock) -> Waiting | None:
        """What waits longest; sleeps until there is something."""
        while True:
            try:
                one = self._waiting.popleft()
            except IndexError:
                self._sleep(bed)
            else:
                if self._waiting:
                    self._wake()
                return one

    def _ring(self) -> None:
        self._ringing = False
        if self._waiting:
            self._wake()

    def _wake(self) -> None:
        """Wake the thread that sleeps shortest, unless one is coming: it wakes the next if it leaves something."""
        if self._coming:
            return
        try:
            bed = self._asleep.pop()
        except IndexError:
            return  # all are awake, and none sleeps before it has looked
        self._coming = True
        bed.release()

    def _sleep(self, bed: threading.Lock) -> None:
        self._asleep.append(bed)
        if self._waiting:  # it came before the bed could be seen
            try:
                self._asleep.remove(bed)
            except ValueError:
                pass  # somebody has woken us since
            else:
                return
        bed.acquire()
        self._coming = False
