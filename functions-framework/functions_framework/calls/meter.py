"""Counts what an instance has under way: the concurrency integral and the requests of a period.

It is the arithmetic of Knative's queue-proxy (pkg/network/stats.go); it sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from functions_framework.record import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """Average concurrency over a period, requests that began in it, and those under way at its end."""

    concurrency: float
    requests: int
    in_flight: int

    @property
    def is_zero(self) -> bool:
        """True when nothing was under way in the whole period."""
        return not (self.concurrency or self.requests or self.in_flight)


class Meter:
    """Call `enter` and `leave` around each request; `take` once a period."""

    __slots__ = (
        "_changed",
        "_clock",
        "_integral",
        "_since",
        "in_flight",
        "on_idle",
        "on_wake",
        "requests",
        "watched",
    )

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._changed = self._since = clock()
        self._integral = 0.0
        self.in_flight: int = 0
        self.requests: int = 0
        # Somebody takes each period; else `on_wake` asks for it at the next request.
        self.watched: bool = True
        self.on_wake: Callable[[], None] | None = None
        self.on_idle: Callable[[], None] | None = None

    def enter(self) -> None:
        """A request begins."""
        now = self._clock()
        self._integral += self.in_flight * (now - self._changed)
        self._changed = now
        self.in_flight += 1
        self.requests += 1
        if not self.watched and self.on_wake is not None:
            self._since = now
            self.watched = True
            self.on_wake()

    def leave(self) -> None:
        """A request has been answered."""
        now = self._clock()
        self._integral += self.in_flight * (now - self._changed)
        self._changed = now
        self.in_flight -= 1
        if self.on_idle is not None and not self.in_flight:
            self.on_idle()

    def take(self) -> Load:
        """The load since the last take, and begin the next period."""
        now = self._clock()
        integral = self._integral + self.in_flight * (now - self._changed)
        elapsed = now - self._since
        load = Load(integral / elapsed if elapsed > 0 else 0.0, self.requests, self.in_flight)
        self._integral, self._changed, self._since, self.requests = 0.0, now, now, 0
        return load
