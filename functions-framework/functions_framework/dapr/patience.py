"""How long a sidecar that refuses connections is asked again, and how often."""

from __future__ import annotations

from collections.abc import Iterator

from functions_framework import clock

_FIRST = 0.05
_LONGEST = 1.0


def waits(patience: float) -> Iterator[float]:
    """Seconds to wait after each failed attempt, for about this many seconds in all; 0 after the last."""
    ends, wait = clock.monotonic() + patience, _FIRST
    while clock.monotonic() + wait < ends:
        yield wait
        wait = min(wait * 2, _LONGEST)
    yield 0.0
