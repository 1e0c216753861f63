"""Averages of a measured value over the last seconds, and the sliding maximum behind a delayed scale-down.

Knows nothing of revisions or scaling; time is an argument in seconds and never read.
"""

import math
from dataclasses import dataclass
from typing import Literal, Self

PRECISION = 10**6
MIN_COEFFICIENT = 0.2
WEIGHT_PRECISION = 0.9999
SLOT_SECONDS = 2


class Window:
    """A ring of one-second buckets; values that land in one bucket are added (several gateways sum up).

    Formulas: Knative pkg/autoscaler/aggregation/bucketing.go.
    """

    def __init__(
        self, seconds: float, algorithm: Literal["linear", "weighted-exponential"] = "linear"
    ) -> None:
        self.size = max(1, math.ceil(seconds))
        self.algorithm = algorithm
        self.coefficient = max(1 - (1 - WEIGHT_PRECISION) ** (1 / self.size), MIN_COEFFICIENT)
        self.buckets = [0.0] * self.size
        self.first: int | None = None
        self.last: int | None = None

    def record(self, now: float, value: float) -> None:
        """Add a value to the bucket of its second; one older than the whole window is ignored."""
        second = math.floor(now)
        if self.last is None or self.first is None or second - self.last >= self.size:
            self.buckets = [0.0] * self.size
            self.first = self.last = second
        elif second > self.last:
            for skipped in range(self.last + 1, second + 1):
                self.buckets[skipped % self.size] = 0.0
            self.last = second
        elif second <= self.last - self.size:
            return
        self.first = min(self.first, second)
        self.buckets[second % self.size] += value

    def empty(self, now: float) -> bool:
        """Tell whether nothing was recorded for longer than the window."""
        return self.last is None or math.floor(now) - self.last > self.size

    def average(self, now: float) -> float:
        """Return the average at a time; a window seen only in part is averaged over what was seen."""
        if self.last is None or self.first is None:
            return 0.0
        idle = max(0, math.floor(now) - self.last)
        if self.algorithm == "weighted-exponential":
            return self.weighted(idle, self.last)
        if idle >= self.size:
            return 0.0
        kept = math.fsum(self.buckets[(self.last - back) % self.size] for back in range(self.size - idle))
        seen = min(self.last - self.first + 1, self.size - idle)
        return math.floor(kept / seen * PRECISION) / PRECISION

    def weighted(self, idle: int, last: int) -> float:
        """Return the exponentially weighted average with `idle` empty seconds at its head."""
        keep = 1 - self.coefficient
        return math.fsum(
            self.buckets[(last - back) % self.size] * self.coefficient * keep ** (idle + back)
            for back in range(self.size - idle)
        )

    def resize(self, seconds: float) -> None:
        """Change the length and keep what was recorded within it."""
        size = max(1, math.ceil(seconds))
        if size == self.size:
            return
        old, last = self.buckets, self.last
        kept = min(size, self.size)
        self.buckets = [0.0] * size
        if last is not None and self.first is not None:
            for back in range(kept):
                self.buckets[(last - back) % size] = old[(last - back) % self.size]
            self.first = max(self.first, last - kept + 1)
        self.size = size
        self.coefficient = max(1 - (1 - WEIGHT_PRECISION) ** (1 / size), MIN_COEFFICIENT)


class Measure:
    """The stable and the panic window over one measured value of one revision."""

    def __init__(
        self,
        *,
        stable_window: float,
        panic_window: float,
        algorithm: Literal["linear", "weighted-exponential"] = "linear",
    ) -> None:
        self.stable = Window(stable_window, algorithm)
        self.panic = Window(panic_window, algorithm)

    def record(self, now: float, value: float) -> None:
        """Add a value measured now."""
        self.stable.record(now, value)
        self.panic.record(now, value)

    def averages(self, now: float) -> tuple[float, float] | None:
        """Return (stable, panic), or None when nothing was measured for a stable window."""
        if self.stable.empty(now):
            return None
        return self.stable.average(now), self.panic.average(now)


@dataclass(frozen=True, slots=True)
class SlidingMax:
    """The largest count of the last slots of two seconds; a value, so that a decision stays pure.

    Knative pkg/autoscaler/aggregation/max: a descending deque of (slot, count).
    """

    slots: int
    entries: tuple[tuple[int, int], ...] = ()

    @classmethod
    def over(cls, seconds: float) -> Self:
        """Make the window of a delay in seconds (above 0)."""
        return cls(slots=max(1, math.ceil(seconds / SLOT_SECONDS)))

    def record(self, now: float, count: int) -> "SlidingMax":
        """Return the window with a count recorded; two in one slot keep the larger."""
        slot = math.floor(now) // SLOT_SECONDS
        kept = [entry for entry in self.entries if slot - self.slots < entry[0] and entry[1] > count]
        larger_now = bool(kept) and kept[-1][0] == slot
        return SlidingMax(self.slots, (*kept, *(() if larger_now else ((slot, count),))))

    @property
    def current(self) -> int:
        """The largest count recorded in the window, 0 without any."""
        return self.entries[0][1] if self.entries else 0
