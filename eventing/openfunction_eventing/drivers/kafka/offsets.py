"""What of a partition is settled: the place before which nothing is open. Pure."""

from __future__ import annotations

from collections import deque


class Offsets:
    """Offsets of one partition in the order in which they were read."""

    def __init__(self) -> None:
        self._open: deque[int] = deque()
        self._done: set[int] = set()
        self._next: int | None = None

    def read(self, offset: int) -> None:
        """One was handed out."""
        self._open.append(offset)

    def settled(self, offset: int) -> bool:
        """One is done; whether the place to commit moved."""
        self._done.add(offset)
        moved = False
        while self._open and self._open[0] in self._done:
            self._next = self._open.popleft() + 1
            self._done.discard(self._next - 1)
            moved = True
        return moved

    @property
    def place(self) -> int | None:
        """Where the group goes on after this process; None before anything was settled."""
        return self._next

    def __len__(self) -> int:
        return len(self._open)
