"""The status of a Deployment, from its ReplicaSets.

Pure: time is an argument. Rules of deployment/util and progress.go in kube-controller-manager.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps
from openfunction_py.lib import clock
from openfunction_py.providers.workloads import rollout

DEFAULT_DEADLINE = 600
COMPLETE = "NewReplicaSetAvailable"
MOVING = "ReplicaSetUpdated"
TIMED_OUT = "ProgressDeadlineExceeded"


@dataclass(frozen=True, slots=True)
class Tally:
    """Replicas of a Deployment as its ReplicaSets count them."""

    total: int
    updated: int
    ready: int
    available: int
    newest: str = ""


def tally(new: apps.ReplicaSet | None, old: Sequence[apps.ReplicaSet]) -> Tally:
    """Add up what the sets of one Deployment report."""
    sets = [*([new] if new else []), *old]
    return Tally(
        total=sum(one.status.replicas for one in sets),
        updated=new.status.replicas if new else 0,
        ready=sum(one.status.ready_replicas for one in sets),
        available=sum(one.status.available_replicas for one in sets),
        newest=new.metadata.name if new else "",
    )


def make_status(
    deployment: apps.Deployment, counted: Tally, policy: rollout.Policy, *, now: datetime
) -> dict[str, Any]:
    """The whole status; a condition keeps its transition time while its status is unchanged."""
    available = counted.available >= policy.desired - policy.max_unavailable
    stamp = clock.timestamp(now)
    conditions = meta.set_condition(
        deployment.status.conditions,
        _condition(
            "Available",
            status="True" if available else "False",
            reason="MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable",
            message=f"{counted.available} of {policy.desired} replicas are available.",
        ),
        now=stamp,
    )
    progressing = _progressing(deployment, counted, policy, now=now)
    if progressing:
        moved = progressing.model_copy(update={"last_update_time": stamp})
        conditions = meta.set_condition(conditions, moved, now=stamp)
    return {
        "observedGeneration": deployment.metadata.generation,
        "replicas": counted.total,
        "updatedReplicas": counted.updated,
        "readyReplicas": counted.ready,
        "availableReplicas": counted.available,
        "unavailableReplicas": max(0, counted.total - counted.available),
        "conditions": [one.to_wire() for one in conditions],
    }


def _progressing(
    deployment: apps.Deployment, counted: Tally, policy: rollout.Policy, *, now: datetime
) -> apps.DeploymentCondition | None:
    """The Progressing condition, or None to leave it as it is: a finished rollout stays finished when scaled."""
    before, name = _before(deployment), counted.newest
    if before and before.reason == COMPLETE and counted.total == counted.updated and _names(before, name):
        return None
    if name and counted.updated == counted.total == counted.available == policy.desired:
        done = f'ReplicaSet "{name}" has successfully progressed.'
        return _condition("Progressing", status="True", reason=COMPLETE, message=done)
    if before is None or not _names(before, name) or _advanced(deployment, counted):
        moving = f'ReplicaSet "{name}" is progressing.'
        return _condition("Progressing", status="True", reason=MOVING, message=moving)
    left = deadline_left(deployment, now=now)
    if left is not None and left <= 0:
        late = f'ReplicaSet "{name}" has timed out progressing.'
        return _condition("Progressing", status="False", reason=TIMED_OUT, message=late)
    return None


def _before(deployment: apps.Deployment) -> apps.DeploymentCondition | None:
    return next((one for one in deployment.status.conditions if one.type == "Progressing"), None)


def _names(condition: meta.Condition, replica_set: str) -> bool:
    return f'"{replica_set}"' in condition.message


def _condition(kind: str, *, status: str, reason: str, message: str) -> apps.DeploymentCondition:
    return apps.DeploymentCondition(type=kind, status=status, reason=reason, message=message)


def _advanced(deployment: apps.Deployment, counted: Tally) -> bool:
    before = deployment.status
    return counted.updated > before.updated_replicas or counted.available > before.available_replicas


def deadline_left(deployment: apps.Deployment, *, now: datetime) -> float | None:
    """Seconds until a rollout that stands still has timed out; None when none is under way."""
    before = _before(deployment)
    since = (before.last_update_time or before.last_transition_time) if before else None
    if before is None or before.reason != MOVING or not since:
        return None
    allowed = deployment.spec.progress_deadline_seconds or DEFAULT_DEADLINE
    return (clock.parse(since) + timedelta(seconds=allowed) - now).total_seconds()
