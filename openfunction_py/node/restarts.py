"""Whether and when a container starts again, as the kubelet decides it.

Pure: no clock, no process.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackOff:
    """Pauses between restarts in seconds: none before the first, then `base` doubling up to `limit`.

    A run of `reset` seconds or more makes the next end count as the first one.
    """

    base: float = 10.0
    limit: float = 300.0
    reset: float = 600.0

    def delay(self, failures: int) -> float:
        """The pause after so many ends in a row, counted from 1."""
        if failures <= 1:
            return 0.0
        return float(min(self.base * 2 ** min(failures - 2, 32), self.limit))


def restarts(policy: str, exit_code: int) -> bool:
    """Whether a container that ended with this code starts again."""
    if policy == "Never":
        return False
    return policy != "OnFailure" or exit_code != 0
