"""Deployment controller: one ReplicaSet per template, moved between within the rolling update's bounds.

It never touches a Pod: counts of ReplicaSets alone decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from openfunction_py.api.upstream import apps
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types
from openfunction_py.kube import errors
from openfunction_py.providers.workloads import adoption, progress, rollout, templates

MANAGER = "openfunction-deployment"
HISTORY = 10


class Reconciler:
    """Drives one Deployment."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._clock = manager.clock
        self._deployments = manager.lister(apps.Deployment)
        self._sets = manager.lister(apps.ReplicaSet)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Make the newest ReplicaSet, move the scale one step, write the status once, drop old history."""
        current = self._deployments.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return types.Result()
        owned = await adoption.members(self._client, current, self._sets)
        sets = sorted((one for one in owned if not one.metadata.deletion_timestamp), key=_age)
        new = next((one for one in reversed(sets) if templates.same_template(current, one)), None)
        old = [one for one in sets if one is not new]
        policy = policy_of(current)
        made = (
            None
            if new or policy.paused
            else templates.make_replica_set(current, revision=_revision(sets) + 1)
        )
        await self._move(new or made, old, policy, create=made is not None)
        await self._renumber(new, old)
        counted = progress.tally(new or made, old)
        now = self._clock.now()
        status = progress.make_status(current, counted, policy, now=now)
        changed = apps.Deployment.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)
        await self._forget(current, old)
        return types.Result(requeue_after=_positive(progress.deadline_left(changed, now=now)))

    async def _move(
        self,
        new: apps.ReplicaSet | None,
        old: Sequence[apps.ReplicaSet],
        policy: rollout.Policy,
        *,
        create: bool,
    ) -> None:
        wanted = dict(
            rollout.plan(policy, new=_counts(new) if new else None, old=[_counts(one) for one in old])
        )
        if create and new:
            await self._create(new, replicas=wanted.pop(new.metadata.name, 0))
        await self._scale([*([new] if new else []), *old], wanted)

    async def _renumber(self, new: apps.ReplicaSet | None, old: Sequence[apps.ReplicaSet]) -> None:
        """A set that is taken up again is the newest revision, as `kubectl rollout history` counts."""
        if new is None or _revision([new]) > _revision(old) or not old:
            return
        change = {"metadata": {"annotations": {templates.REVISION: str(_revision(old) + 1)}}}
        await self._client.patch(apps.ReplicaSet, new.metadata.name, change, namespace=new.metadata.namespace)

    async def _create(self, made: apps.ReplicaSet, *, replicas: int) -> None:
        spec = made.spec.model_copy(update={"replicas": replicas})
        try:
            await self._client.create(made.model_copy(update={"spec": spec}))
        except errors.AlreadyExists:
            return  # made by an earlier look that this cache has not seen yet

    async def _scale(self, sets: Sequence[apps.ReplicaSet], wanted: Mapping[str, int]) -> None:
        moved = [one for one in sets if wanted.get(one.metadata.name, _replicas(one)) != _replicas(one)]
        async with asyncio.TaskGroup() as group:
            for one in moved:
                group.create_task(
                    self._client.patch(
                        apps.ReplicaSet,
                        one.metadata.name,
                        {"spec": {"replicas": wanted[one.metadata.name]}},
                        namespace=one.metadata.namespace,
                    )
                )

    async def _forget(self, current: apps.Deployment, old: Sequence[apps.ReplicaSet]) -> None:
        limit = (
            HISTORY if current.spec.revision_history_limit is None else current.spec.revision_history_limit
        )
        idle = [one for one in old if not _replicas(one) and not _existing(one)]
        for one in idle[: max(0, len(idle) - limit)]:
            await self._client.delete(
                apps.ReplicaSet, one.metadata.name, namespace=one.metadata.namespace, uid=one.metadata.uid
            )


def policy_of(deployment: apps.Deployment) -> rollout.Policy:
    """Scale and strategy of a Deployment, with Kubernetes' defaults, as counts."""
    spec = deployment.spec
    desired = 1 if spec.replicas is None else spec.replicas
    rolling = spec.strategy.rolling_update if spec.strategy else None
    surge, unavailable = rollout.resolve(
        desired,
        max_surge=rolling.max_surge if rolling else None,
        max_unavailable=rolling.max_unavailable if rolling else None,
    )
    recreate = spec.strategy is not None and spec.strategy.type == "Recreate"
    return rollout.Policy(
        desired=desired,
        max_surge=surge,
        max_unavailable=desired if recreate else unavailable,
        recreate=recreate,
        paused=bool(spec.paused),
    )


def _counts(replica_set: apps.ReplicaSet) -> rollout.Counts:
    status = replica_set.status
    return rollout.Counts(
        name=replica_set.metadata.name,
        wanted=_replicas(replica_set),
        existing=_existing(replica_set),
        available=(status.available_replicas or 0) if status else 0,
    )


def _replicas(replica_set: apps.ReplicaSet) -> int:
    return 1 if replica_set.spec.replicas is None else replica_set.spec.replicas


def _existing(replica_set: apps.ReplicaSet) -> int:
    return (replica_set.status.replicas or 0) if replica_set.status else 0


def _age(replica_set: apps.ReplicaSet) -> tuple[int, str]:
    return _revision([replica_set]), replica_set.metadata.creation_timestamp or ""


def _revision(sets: Sequence[apps.ReplicaSet]) -> int:
    texts = [(one.metadata.annotations or {}).get(templates.REVISION, "0") for one in sets]
    return max((int(text) for text in texts if text.isdigit()), default=0)


def _positive(seconds: float | None) -> float | None:
    return max(seconds, 0.1) if seconds is not None else None


def install(manager: managers.Manager) -> None:
    """Run the controller: a Deployment is looked at when it or one of its ReplicaSets changes."""
    watches = [
        managers.Watch(apps.Deployment, managers.by_self),
        managers.Watch(apps.ReplicaSet, managers.by_owner("Deployment")),
    ]
    manager.add("deployment", Reconciler(manager), watches=watches, workers=4)
