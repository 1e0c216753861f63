"""Job controller: Pods that run to their end, as many as are wanted, tried again with a pause.

Completion mode Indexed is not offered: every Pod of a Job is alike.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import batch, core
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types
from openfunction_py.kube import errors
from openfunction_py.lib import clock, naming
from openfunction_py.providers.workloads import attempts

MANAGER = "openfunction-job"
NAME_LABEL = "batch.kubernetes.io/job-name"
UID_LABEL = "batch.kubernetes.io/controller-uid"


class Reconciler:
    """Drives one Job."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._clock = manager.clock
        self._jobs = manager.lister(batch.Job)
        self._pods = manager.lister(core.Pod)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Make and end Pods, write the status once; remove the Job when its time is over."""
        current = self._jobs.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return types.Result()
        now = self._clock.now()
        if is_over(current):
            return await self._outlive(current, now=now)
        owned = self._pods.owned_by(current.metadata.uid)
        counted = attempts.tally(current, owned)
        verdict = attempts.verdict(current, counted, now=now)
        wanted = 0 if verdict is not None else attempts.wanted(current, counted)
        pause = attempts.pause_left(counted, now=now)
        missing = wanted - len(counted.active)
        if missing > 0 and not pause:
            await self._create(current, taken={pod.metadata.name for pod in owned}, count=missing)
        elif missing < 0:
            await self._delete(counted, count=-missing)
        status = make_status(current, counted, verdict, now=now)
        changed = batch.Job.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)
        left = attempts.deadline_left(changed, now=now)
        looks = [*([pause] if missing > 0 and pause else []), *([left] if left and left > 0 else [])]
        return types.Result(requeue_after=min(looks, default=None))

    async def _outlive(self, job: batch.Job, *, now: datetime) -> types.Result:
        left = attempts.lifetime_left(job, now=now)
        if left is None or left > 0:
            return types.Result(requeue_after=left)
        about = job.metadata
        await self._client.delete(
            batch.Job, about.name, namespace=about.namespace, propagation="Foreground", uid=about.uid
        )
        return types.Result()

    async def _create(self, job: batch.Job, *, taken: set[str], count: int) -> None:
        names = (name for place in range(len(taken) + count) if (name := pod_name(job, place)) not in taken)
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(self._create_one(make_pod(job, name=next(names))))

    async def _create_one(self, pod: core.Pod) -> None:
        try:
            await self._client.create(pod)
        except errors.AlreadyExists:
            return  # made by an earlier look that this cache has not seen yet

    async def _delete(self, counted: attempts.Tally, *, count: int) -> None:
        async with asyncio.TaskGroup() as group:
            for pod in counted.active[:count]:
                about = pod.metadata
                group.create_task(
                    self._client.delete(core.Pod, about.name, namespace=about.namespace, uid=about.uid)
                )


def is_over(job: batch.Job) -> bool:
    """Whether nothing of it will run again."""
    return any(meta.is_true(job.status.conditions, kind) for kind in ("Complete", "Failed"))


def pod_name(job: batch.Job, place: int) -> str:
    """Name of one Pod of the Job; asked for twice through a lagging cache it is one Pod."""
    seed = [job.metadata.uid, place]
    return naming.child_name(job.metadata.name, f"-{naming.digest_of(seed, length=5)}", limit=253)


def make_pod(job: batch.Job, *, name: str) -> core.Pod:
    """One Pod of the Job."""
    template = job.to_wire()["spec"].get("template") or {}
    metadata = template.get("metadata") or {}
    marks = {NAME_LABEL: job.metadata.name, UID_LABEL: job.metadata.uid, "job-name": job.metadata.name}
    return core.Pod.model_validate(
        {
            "metadata": {
                "name": name,
                "namespace": job.metadata.namespace,
                "labels": {**(metadata.get("labels") or {}), **marks},
                "annotations": metadata.get("annotations") or {},
                "ownerReferences": [meta.owner_of(job).to_wire()],
            },
            "spec": {"restartPolicy": "OnFailure", **(template.get("spec") or {})},
        }
    )


def make_status(
    job: batch.Job, counted: attempts.Tally, verdict: attempts.Verdict | None, *, now: datetime
) -> dict[str, Any]:
    """The whole status."""
    stamp = clock.timestamp(now)
    conditions: list[meta.Condition] = list(job.status.conditions)
    if verdict is not None:
        made = batch.JobCondition(
            type=verdict.type, status="True", reason=verdict.reason, message=verdict.message
        )
        conditions = meta.set_condition(conditions, made, now=stamp)
    fields: dict[str, Any] = {
        "conditions": [one.to_wire() for one in conditions],
        "active": 0 if verdict is not None else len(counted.active),
        "ready": counted.ready,
        "succeeded": counted.succeeded,
        "failed": counted.failed,
    }
    began = job.status.start_time or (None if job.spec.suspend else stamp)
    if began:
        fields["startTime"] = began
    if verdict is not None and verdict.type == "Complete":
        fields["completionTime"] = stamp
    return fields


def install(manager: managers.Manager) -> None:
    """Run the controller: a Job is looked at when it or one of its Pods changes."""
    watches = [
        managers.Watch(batch.Job, managers.by_self),
        managers.Watch(core.Pod, managers.by_owner("Job")),
    ]
    manager.add("job", Reconciler(manager), watches=watches, workers=2)
