"""The clock: the only module of the control plane that reads the time.

It never sleeps; whoever waits does so on an event or in the queue.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Wall time for what is written, monotonic time for what is measured."""

    def now(self) -> datetime:
        """Aware wall time in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Aware wall time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class FakeClock:
    """A clock that moves only when told; for tests and replays."""

    def __init__(self, start: datetime | None = None) -> None:
        """Start at `start`, or at the beginning of 2024."""
        self._now = start or EPOCH
        self._monotonic = 0.0

    def now(self) -> datetime:
        """Aware wall time in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both times forward."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


def timestamp(moment: datetime) -> str:
    """RFC 3339 to the second with Z, as Kubernetes writes metav1.Time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro(moment: datetime) -> str:
    """RFC 3339 to the microsecond with Z, as Kubernetes writes metav1.MicroTime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> datetime:
    """The moment an RFC 3339 text names.

    Raises:
        ValueError: the text is no RFC 3339 time with a zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it like 2024-01-01T00:00:00Z")
    return moment.astimezone(UTC)
