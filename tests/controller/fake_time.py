"""An event loop whose time jumps to the next timer instead of passing.

For code that waits on timers alone; real sockets would be starved.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Skips the wait and says how long it would have been."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found and timeout:
            self.skipped += timeout
        return found


class FakeTimeLoop(asyncio.SelectorEventLoop):
    """A loop on fake time, starting at 0."""

    def __init__(self) -> None:
        """Take a selector that never waits."""
        self._fake = _Selector()
        super().__init__(self._fake)

    def time(self) -> float:
        """Seconds skipped so far."""
        return self._fake.skipped


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on fake time."""
    with asyncio.Runner(loop_factory=FakeTimeLoop) as runner:
        return runner.run(scenario)
