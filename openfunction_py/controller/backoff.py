"""How long to wait before the next attempt.

Pure: it neither waits nor counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays in seconds that double from base up to cap; jitter is the share taken away at random."""

    base: float
    cap: float
    jitter: float = 0.0

    def delay(self, failures: int, *, random: Callable[[], float]) -> float:
        """The wait after so many failures in a row (1 for the first); random gives numbers in [0, 1)."""
        # 2**1024 is no float any more, so the exponent is bounded before it is used
        whole = min(self.cap, self.base * 2.0 ** min(max(failures - 1, 0), 64))
        return whole * (1.0 - self.jitter * random())
