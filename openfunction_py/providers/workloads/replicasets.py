"""ReplicaSet controller: keeps as many Pods as the set asks for, and says how many are ready.

It never looks at a Deployment: scale and template of the set alone decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from openfunction_py.api.upstream import apps, core
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types
from openfunction_py.kube import errors
from openfunction_py.providers.workloads import adoption, availability, pods, templates, victims

MANAGER = "openfunction-replicaset"
# Kubernetes' burst: more creations than this wait for the next look (replica_set.go BurstReplicas).
BURST = 500


class Reconciler:
    """Drives one ReplicaSet."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._clock = manager.clock
        self._sets = manager.lister(apps.ReplicaSet)
        self._pods = manager.lister(core.Pod)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Create what is missing, delete what is too much, then write the status once."""
        current = self._sets.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return types.Result()
        owned = await adoption.members(self._client, current, self._pods)
        active = [pod for pod in owned if pods.is_active(pod)]
        missing = wanted(current) - len(active)
        if missing > 0:
            await self._create(current, taken={pod.metadata.name for pod in owned}, count=min(missing, BURST))
        elif missing < 0:
            await self._delete(victims.choose(active, count=-missing))
        seen = availability.count(active, wait=current.spec.min_ready_seconds or 0, now=self._clock.now())
        await statuses.write_status(
            self._client, _with_status(current, seen, active), current, manager=MANAGER
        )
        return types.Result(requeue_after=seen.next_look)

    async def _create(self, owner: apps.ReplicaSet, *, taken: set[str], count: int) -> None:
        names = _free_places(owner, taken)
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(self._create_one(templates.make_pod(owner, ordinal=next(names))))

    async def _create_one(self, pod: core.Pod) -> None:
        try:
            await self._client.create(pod)
        except errors.AlreadyExists:
            return  # made by an earlier look that this cache has not seen yet

    async def _delete(self, chosen: Sequence[core.Pod]) -> None:
        async with asyncio.TaskGroup() as group:
            for pod in chosen:
                group.create_task(
                    self._client.delete(
                        core.Pod, pod.metadata.name, namespace=pod.metadata.namespace, uid=pod.metadata.uid
                    )
                )


def wanted(replica_set: apps.ReplicaSet) -> int:
    """Replicas asked for; one when the field is missing, as Kubernetes defaults it."""
    return 1 if replica_set.spec.replicas is None else replica_set.spec.replicas


def _free_places(owner: apps.ReplicaSet, taken: set[str]) -> Iterator[int]:
    ordinal = 0
    while True:
        if templates.pod_name(owner, ordinal) not in taken:
            yield ordinal
        ordinal += 1


def _with_status(
    current: apps.ReplicaSet, seen: availability.Seen, active: Sequence[core.Pod]
) -> apps.ReplicaSet:
    labels = current.spec.template.metadata.labels if current.spec.template.metadata else None
    status = {
        "replicas": len(active),
        "readyReplicas": seen.ready,
        "availableReplicas": seen.available,
        "fullyLabeledReplicas": sum(
            1 for pod in active if (labels or {}).items() <= (pod.metadata.labels or {}).items()
        ),
        "observedGeneration": current.metadata.generation,
    }
    return apps.ReplicaSet.model_validate({**current.to_wire(), "status": status})


def install(manager: managers.Manager) -> None:
    """Run the controller: a set is looked at when it or one of its Pods changes."""
    watches = [
        managers.Watch(apps.ReplicaSet, managers.by_self),
        managers.Watch(core.Pod, managers.by_owner("ReplicaSet")),
    ]
    manager.add("replicaset", Reconciler(manager), watches=watches, workers=4)
