"""The clock of this distribution: the one module that reads it.

The time of day never gets into an image.
"""

from __future__ import annotations

import time


def monotonic() -> float:
    """Seconds from an arbitrary start that never go back."""
    return time.monotonic()


def wall() -> float:
    """Seconds since the epoch, to compare with the modification times of files."""
    return time.time()
