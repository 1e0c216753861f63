"""What became of a version: the state with its reason, and whether what is there is what is wanted.

Pure: time is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from openfunction_py.api.servings import Serving
from openfunction_py.lib import clock, durations
from openfunction_py.resources import states


@dataclass(frozen=True, slots=True)
class Verdict:
    """State of a version, with why, and its Revision once there is one.

    `broken` is what its containers end of ("" when they run), to be remembered; None where nothing new is known.
    """

    state: str
    reason: str = ""
    message: str = ""
    revision: str = ""
    broken: str | None = None


def in_time(serving: Serving, verdict: Verdict, *, now: datetime) -> Verdict:
    """A version that is still starting after its timeout has failed."""
    left = _left(serving, now)
    if verdict.state != states.STARTING or left is None or left > 0:
        return verdict
    sentence = f"not running after {serving.spec.timeout}: {verdict.message}"
    return Verdict(states.TIMEOUT, "ServingTimeout", sentence, verdict.revision, verdict.broken)


def _left(serving: Serving, now: datetime) -> float | None:
    since = serving.metadata.creation_timestamp
    limit = durations.parse(serving.spec.timeout) if serving.spec.timeout else None
    return (clock.parse(since) + limit - now).total_seconds() if limit and since else None


def until_timeout(serving: Serving, verdict: Verdict, *, now: datetime) -> float | None:
    """Seconds until a version that is still starting has failed; None without a limit."""
    return _left(serving, now) if verdict.state == states.STARTING else None
