"""The memory that a worker shares with its guard: what each connection waits for, and until when the worker is alive.

One byte is stored at the begin and one at the end of a request; nothing here waits or locks.
"""

from __future__ import annotations

import mmap

# What a connection waits for.
NOTHING, ANSWER, REST, END = (
    0,
    1,
    2,
    3,
)  # no request; its answer; the request's rest; the end of what was begun

SLOTS = 1 << 16
_PULSE = SLOTS + 64


class Page:
    """Made by the guard before it forks the worker."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _PULSE + 64)
        self._pulse = memoryview(self._memory)[_PULSE : _PULSE + 8].cast("d")

    @property
    def marks(self) -> mmap.mmap:
        """A byte for each descriptor below SLOTS, and one that nobody reads."""
        return self._memory

    @property
    def alive_until(self) -> float:
        """Monotonic seconds after which the worker counts as hung; 0.0 while nothing is under way."""
        return self._pulse[0]

    def beat(self, until: float) -> None:
        """The worker says until when it counts as alive."""
        self._pulse[0] = until


def slot(descriptor: int) -> int:
    """The byte of a descriptor."""
    return descriptor if 0 <= descriptor < SLOTS else SLOTS
