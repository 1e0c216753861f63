"""How many Pods are ready, and how many have been ready for long enough.

Pure: time is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from openfunction_py.api.upstream import core
from openfunction_py.lib import clock
from openfunction_py.providers.workloads import pods


@dataclass(frozen=True, slots=True)
class Seen:
    """Ready and available Pods, and the seconds until another becomes available by waiting alone."""

    ready: int
    available: int
    next_look: float | None


def count(active: Iterable[core.Pod], *, wait: int, now: datetime) -> Seen:
    """Count the Pods that are ready, and those ready for ``wait`` seconds (minReadySeconds)."""
    left = [_left(pod, wait=wait, now=now) for pod in active if pods.is_ready(pod)]
    waiting = [seconds for seconds in left if seconds > 0]
    return Seen(ready=len(left), available=len(left) - len(waiting), next_look=min(waiting, default=None))


def _left(pod: core.Pod, *, wait: int, now: datetime) -> float:
    condition = pods.ready_condition(pod)
    if not wait or condition is None or not condition.last_transition_time:
        return 0.0
    since = clock.parse(condition.last_transition_time)
    return (since + timedelta(seconds=wait) - now).total_seconds()
