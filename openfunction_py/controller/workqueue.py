"""The set of keys to reconcile: de-duplicating, delayed, rate-limited, with client-go's semantics.

Never hands one key to two workers at once, and loses no key that was added meanwhile.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random

from openfunction_py.controller.backoff import Backoff
from openfunction_py.controller.types import Request

# workqueue.DefaultTypedControllerRateLimiter: 5 ms doubling up to 1000 s for each key
RETRY = Backoff(base=0.005, cap=1000.0)


class WorkQueue:
    """Keys wait here until a worker takes them; made and used inside one event loop."""

    def __init__(self, *, retry: Backoff = RETRY) -> None:
        """Hold nothing."""
        self._retry = retry
        self._ready: asyncio.Queue[Request] = asyncio.Queue()
        self._dirty: set[Request] = set()
        self._active: set[Request] = set()
        self._failures: dict[Request, int] = {}
        self._due: dict[Request, float] = {}
        self._heap: list[tuple[float, int, Request]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many keys are ready to be taken."""
        return self._ready.qsize()

    def add(self, key: Request) -> None:
        """Make a key ready; if a worker has it, as soon as that worker is done."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._active:
            self._ready.put_nowait(key)

    def add_after(self, key: Request, seconds: float) -> None:
        """Make a key ready later; of several times for one key the earliest counts."""
        if seconds <= 0:
            self.add(key)
            return
        when = asyncio.get_running_loop().time() + seconds
        if self._due.get(key, when + 1) <= when:
            return
        self._due[key] = when
        heapq.heappush(self._heap, (when, next(self._order), key))
        self._arm()

    def add_rate_limited(self, key: Request) -> float:
        """Make a key ready after the back-off of its failures in a row; returns that delay."""
        self._failures[key] = self._failures.get(key, 0) + 1
        delay = self._retry.delay(self._failures[key], random=random.random)
        self.add_after(key, delay)
        return delay

    def failures(self, key: Request) -> int:
        """How often the key failed in a row."""
        return self._failures.get(key, 0)

    def forget(self, key: Request) -> None:
        """End the key's row of failures."""
        self._failures.pop(key, None)

    async def get(self) -> Request:
        """Take the next key; `done` must follow."""
        key = await self._ready.get()
        self._active.add(key)
        self._dirty.discard(key)
        return key

    def done(self, key: Request) -> None:
        """Give a key back; it is ready again if it was added meanwhile."""
        self._active.discard(key)
        if key in self._dirty:
            self._ready.put_nowait(key)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            self._timer = asyncio.get_running_loop().call_at(self._heap[0][0], self._fire)

    def _fire(self) -> None:
        # the loop may call a hair early; what it called for is due
        self._timer = None
        when = self._heap[0][0]
        while self._heap and self._heap[0][0] <= when:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key)
        self._arm()
