"""A Job's next step and verdict, from the Pods it has made.

Pure: time is an argument. Rules of job_controller.go in kube-controller-manager.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from openfunction_py.api.upstream import batch, core
from openfunction_py.lib import clock
from openfunction_py.providers.workloads import pods

BACKOFF_LIMIT = 6
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 600.0


@dataclass(frozen=True, slots=True)
class Tally:
    """Pods of a Job by what became of them; failures count restarts of containers too."""

    active: Sequence[core.Pod]
    ready: int
    succeeded: int
    failed: int
    failures: int
    last_failure: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A Job that is over: the type of its condition, with the reason."""

    type: str
    reason: str
    message: str


def tally(job: batch.Job, owned: Sequence[core.Pod]) -> Tally:
    """Count; what a status said stays said when its Pods are deleted."""
    active = [pod for pod in owned if pods.is_active(pod)]
    ended = [pod for pod in owned if pods.is_finished(pod)]
    failed = [pod for pod in ended if pod.status.phase == "Failed"]
    restarts = sum(one.restart_count for pod in active for one in pod.status.container_statuses)
    moments = [when for when in map(_ended_at, failed) if when is not None]
    failures = max(job.status.failed, len(failed))
    return Tally(
        active=active,
        ready=sum(1 for pod in active if pods.is_ready(pod)),
        succeeded=max(job.status.succeeded, len(ended) - len(failed)),
        failed=failures,
        failures=failures + restarts,
        last_failure=max(moments, default=None),
    )


def _ended_at(pod: core.Pod) -> datetime | None:
    stamps = [
        one.state.terminated.finished_at
        for one in pod.status.container_statuses
        if one.state is not None and one.state.terminated is not None and one.state.terminated.finished_at
    ]
    return max(map(clock.parse, stamps), default=None)


def verdict(job: batch.Job, counted: Tally, *, now: datetime) -> Verdict | None:
    """Whether the Job is over, and how."""
    limit = BACKOFF_LIMIT if job.spec.backoff_limit is None else job.spec.backoff_limit
    if _complete(job, counted):
        return Verdict("Complete", "CompletionsReached", "Reached expected number of succeeded pods")
    if counted.failures > limit:
        return Verdict(
            "Failed",
            "BackoffLimitExceeded",
            f"its Pods failed {counted.failures} times; the limit is {limit}",
        )
    left = deadline_left(job, now=now)
    if left is not None and left <= 0:
        seconds = job.spec.active_deadline_seconds
        return Verdict("Failed", "DeadlineExceeded", f"it was active longer than its limit of {seconds} s")
    return None


def _complete(job: batch.Job, counted: Tally) -> bool:
    if job.spec.completions is None:
        return counted.succeeded > 0 and not counted.active
    return counted.succeeded >= job.spec.completions


def deadline_left(job: batch.Job, *, now: datetime) -> float | None:
    """Seconds until activeDeadlineSeconds; None without a limit or a start."""
    limit, began = job.spec.active_deadline_seconds, job.status.start_time
    if limit is None or not began or job.spec.suspend:
        return None
    return (clock.parse(began) + timedelta(seconds=limit) - now).total_seconds()


def wanted(job: batch.Job, counted: Tally) -> int:
    """How many Pods may be active now."""
    parallelism = 1 if job.spec.parallelism is None else job.spec.parallelism
    if job.spec.suspend:
        return 0
    if job.spec.completions is None:
        return len(counted.active) if counted.succeeded else parallelism
    return min(parallelism, job.spec.completions - counted.succeeded)


def pause_left(counted: Tally, *, now: datetime) -> float:
    """Seconds before another Pod may follow one that failed: 10 s, doubled with every failure."""
    if counted.last_failure is None:
        return 0.0
    pause = min(FIRST_PAUSE * 2 ** max(0, counted.failed - 1), LONGEST_PAUSE)
    return max(0.0, (counted.last_failure + timedelta(seconds=pause) - now).total_seconds())


def lifetime_left(job: batch.Job, *, now: datetime) -> float | None:
    """Seconds until ttlSecondsAfterFinished removes a Job that is over; None when nothing does."""
    ended = [
        one for one in job.status.conditions if one.status == "True" and one.type in ("Complete", "Failed")
    ]
    ttl = job.spec.ttl_seconds_after_finished
    if ttl is None or not ended or not ended[0].last_transition_time:
        return None
    return (clock.parse(ended[0].last_transition_time) + timedelta(seconds=ttl) - now).total_seconds()
