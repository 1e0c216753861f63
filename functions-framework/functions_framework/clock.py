"""The framework's clock: monotonic seconds for measuring, wall time for the date header.

Nothing else in the distribution reads the time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

monotonic: Callable[[], float] = time.monotonic
cpu_seconds: Callable[[], float] = time.process_time
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def wall_second() -> int:
    """Whole seconds since the epoch."""
    return int(time.time())


def http_date(second: int) -> str:
    """RFC 9110 IMF-fixdate of a second since the epoch, whatever the locale."""
    at = time.gmtime(second)
    return (
        f"{_DAYS[at.tm_wday]}, {at.tm_mday:02d} {_MONTHS[at.tm_mon - 1]} {at.tm_year} "
        f"{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d} GMT"
    )


def wall_milliseconds() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def wall_nanoseconds() -> int:
    """Nanoseconds since the epoch."""
    return time.time_ns()


def process_age() -> float | None:
    """Seconds since this process was started or forked, to a hundredth; None where Linux's /proc is missing."""
    try:
        with open("/proc/self/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return None
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
