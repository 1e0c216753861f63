"""State words of openfunction.md 1.3, and what they mean as a condition.

Words and one table; nothing here decides.
"""

from __future__ import annotations

from openfunction_py.api.meta import Condition

CREATED = "Created"
BUILDING = "Building"
STARTING = "Starting"
RUNNING = "Running"
SUCCEEDED = "Succeeded"
FAILED = "Failed"
SKIPPED = "Skipped"
TIMEOUT = "Timeout"
CANCELED = "Canceled"

BUILD_PHASE = "Build"
SERVING_PHASE = "Serving"

GOOD = frozenset({SUCCEEDED, SKIPPED, RUNNING})
BAD = frozenset({FAILED, TIMEOUT, CANCELED})
FINISHED = frozenset({SUCCEEDED, FAILED, SKIPPED, TIMEOUT, CANCELED})


def condition(
    kind: str, state: str, *, reason: str = "", message: str = "", generation: int = 0
) -> Condition:
    """The condition a state stands for; a state that is neither good nor bad is not decided yet."""
    status = "True" if state in GOOD else "False" if state in BAD else "Unknown"
    return Condition(
        type=kind,
        status=status,
        reason=reason or state or "Pending",
        message=message,
        observed_generation=generation,
    )
