"""The clock of this distribution: the one module that reads the time.

It never sleeps; whoever waits does so on an event or a deadline.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


def monotonic() -> float:
    """Seconds from an arbitrary start that never go back."""
    return time.monotonic()


def wall() -> float:
    """Seconds since the epoch; what several processes agree on."""
    return time.time_ns() / 1e9


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC, to the millisecond, of seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
