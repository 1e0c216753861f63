"""ScaledJob controller: Jobs for a backlog, as many as the strategy says, and no more of the finished than are kept.

A Job is never changed: with the rollout `gradual` what runs ends by itself, else a new version ends it, as in KEDA.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from openfunction_py.api import meta
from openfunction_py.api.upstream import batch, core
from openfunction_py.api.upstream import keda as objects
from openfunction_py.autoscaling import scaled_job
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types
from openfunction_py.kube import errors
from openfunction_py.lib import clock, naming
from openfunction_py.providers.keda import memories, specs
from openfunction_py.providers.keda.measuring import Measuring, environment
from openfunction_py.providers.keda.memories import Memory, Seen
from openfunction_py.providers.keda.parameters import Look, Sources
from openfunction_py.providers.keda.readers import Readers
from openfunction_py.providers.keda.wakes import Wakes

MANAGER = "openfunction-keda"
LABEL = "scaledjob.keda.sh/name"
GENERATION = "scaledjob.keda.sh/generation"
PAUSED = "autoscaling.keda.sh/paused"
OVER = ("Complete", "Failed")


class Reconciler:
    """Drives one ScaledJob."""

    def __init__(self, manager: managers.Manager, measuring: Measuring, reading: Readers) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._clock = manager.clock
        self._objects = manager.lister(objects.ScaledJob)
        self._jobs = manager.lister(batch.Job)
        self._pods = manager.lister(core.Pod)
        self._measuring = measuring
        self.memories = memories.Memories()
        self.wakes = Wakes(reading.bells, self.memories.woken)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Make Jobs when it is time to look, remove old ones, then the status once."""
        current = self._objects.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            self.memories.drop(request)
            self.wakes.want(request, ())
            return types.Result()
        memory = self.memories.of(request)
        owned = await self._roll_out(current, self._jobs.owned_by(current.metadata.uid))
        memory.made -= {one.metadata.name for one in owned}
        if memory.lost_some(sum(1 for one in owned if not is_over(one))):
            memory.poked = True  # whoever ended makes room: what waits for it need not wait for a poll
        now, interval = self._clock.now(), specs.interval(current)
        env = environment(
            current.spec.job_target_ref.template.spec.containers, current.spec.env_source_container_name
        )
        looks = await self._measuring.looks(current.spec.triggers, namespace=request.namespace, env=env)
        self.wakes.want(request, looks)
        if memory.poll_due(now.timestamp(), interval, current.metadata.generation):
            await self._look(current, memory, looks, owned, now=now)
        await self._forget(current, owned)
        left = (memory.polled or 0.0) + interval - now.timestamp()
        return types.Result(requeue_after=max(0.01, left))

    async def _roll_out(self, current: objects.ScaledJob, owned: Sequence[batch.Job]) -> Sequence[batch.Job]:
        """End what an earlier version started, unless it may end by itself; what is left."""
        rollout = current.spec.rollout
        if rollout is not None and rollout.strategy == "gradual":
            return owned
        generation = str(current.metadata.generation)
        old = [
            one
            for one in owned
            if not is_over(one) and one.metadata.annotations.get(GENERATION, generation) != generation
        ]
        how = ((rollout.propagation_policy if rollout else None) or "background").capitalize()
        for one in old:
            about = one.metadata
            await self._client.delete(
                batch.Job, about.name, namespace=about.namespace, propagation=how, uid=about.uid
            )
        return [one for one in owned if one not in old]

    async def _look(
        self,
        current: objects.ScaledJob,
        memory: Memory,
        looks: Sequence[Look | tuple[str, str]],
        owned: Sequence[batch.Job],
        *,
        now: datetime,
    ) -> None:
        memory.polled, memory.generation = now.timestamp(), current.metadata.generation
        seen = await self._measuring.see(looks, memory, now)
        memory.woken = memory.poked = False
        spec = specs.jobs(current)
        found = scaled_job.backlog(
            spec, [scaled_job.Metric(one.value, one.target, one.active) for one in seen.readings.values()]
        )
        paused = current.metadata.annotations.get(PAUSED, "false").lower() not in ("false", "0", "f")
        count = 0 if paused else scaled_job.decide(spec, found, self._counts(current, owned, memory))
        await self._create(current, memory, count, at=now)
        await self._write(current, seen, active=found.active, now=now)

    def _counts(
        self, current: objects.ScaledJob, owned: Sequence[batch.Job], memory: Memory
    ) -> scaled_job.Jobs:
        running = [one for one in owned if not is_over(one)]
        strategy = current.spec.scaling_strategy
        wanted = strategy.pending_pod_conditions if strategy else []
        pending = [one for one in running if self._is_pending(one, wanted)]
        return scaled_job.Jobs(len(running) + len(memory.made), len(pending) + len(memory.made))

    def _is_pending(self, job: batch.Job, conditions: Sequence[str]) -> bool:
        """A Job with no Pod that began; with conditions given, with no Pod that has them all."""
        pods = self._pods.owned_by(job.metadata.uid)
        if conditions:
            return not any(
                all(meta.is_true(pod.status.conditions, one) for one in conditions) for pod in pods
            )
        return not any(pod.status.phase in ("Running", "Succeeded") for pod in pods)

    async def _create(self, current: objects.ScaledJob, memory: Memory, count: int, *, at: datetime) -> None:
        made = [make_job(current, seed=[at.timestamp(), place]) for place in range(count)]
        memory.made |= {one.metadata.name for one in made}
        async with asyncio.TaskGroup() as group:
            for one in made:
                group.create_task(self._create_one(memory, one))

    async def _create_one(self, memory: Memory, job: batch.Job) -> None:
        try:
            await self._client.create(job)
        except errors.ApiError:
            memory.made.discard(job.metadata.name)
            raise

    async def _forget(self, current: objects.ScaledJob, owned: Sequence[batch.Job]) -> None:
        spec = current.spec
        for kind, limit in (
            ("Complete", spec.successful_jobs_history_limit),
            ("Failed", spec.failed_jobs_history_limit),
        ):
            ended = sorted(
                (one for one in owned if meta.is_true(one.status.conditions, kind)),
                key=lambda one: one.metadata.creation_timestamp or "",
            )
            kept = scaled_job.HISTORY if limit is None else limit
            for one in ended[: max(0, len(ended) - kept)]:
                about = one.metadata
                await self._client.delete(
                    batch.Job, about.name, namespace=about.namespace, propagation="Background", uid=about.uid
                )

    async def _write(self, current: objects.ScaledJob, seen: Seen, *, active: bool, now: datetime) -> None:
        stamp = clock.timestamp(now)
        conditions: list[meta.Condition] = list(current.status.conditions)
        for one in _facts(seen, active=active):
            conditions = meta.set_condition(conditions, one, now=stamp)
        status = dict(current.to_wire().get("status") or {})
        status["conditions"] = [one.to_wire() for one in conditions]
        if active:
            status["lastActiveTime"] = stamp
        changed = objects.ScaledJob.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)


def _facts(seen: Seen, *, active: bool) -> list[meta.Condition]:
    # As long as one trigger asks for Jobs the others do not make the whole thing wrong.
    broken = ("Unknown", "PartialTriggerError") if active else ("False", "TriggerError")
    status, reason = broken if seen.failed else ("True", "ScaledJobReady")
    ready = meta.Condition(
        type="Ready",
        status=status,
        reason=reason,
        message=seen.sentence or "every trigger can be read",
    )
    found = meta.Condition(
        type="Active",
        status="True" if active else "False",
        reason="ScalerActive" if active else "ScalerNotActive",
        message="triggers ask for Jobs" if active else "no trigger asks for Jobs",
    )
    return [ready, found]


def is_over(job: batch.Job) -> bool:
    """Whether nothing of a Job will run again."""
    return any(meta.is_true(job.status.conditions, kind) for kind in OVER)


def make_job(current: objects.ScaledJob, *, seed: object) -> batch.Job:
    """One Job for a piece of work; no other has its name."""
    about = current.metadata
    spec = current.to_wire()["spec"]["jobTargetRef"]
    template = spec.get("template") or {}
    marks = {LABEL: about.name, "app.kubernetes.io/managed-by": "keda-operator"}
    metadata = template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), **marks}
    return batch.Job.model_validate(
        {
            "metadata": {
                "name": naming.child_name(about.name, f"-{naming.digest_of([about.uid, seed], length=5)}"),
                "namespace": about.namespace,
                "labels": {**about.labels, **marks},
                "annotations": {GENERATION: str(about.generation)},
                "ownerReferences": [meta.owner_of(current).to_wire()],
            },
            "spec": {**spec, "template": {**template, "metadata": {**metadata, "labels": labels}}},
        }
    )


def install(manager: managers.Manager, *, reading: Readers, sources: Sources) -> None:
    """Run the controller: an object is looked at when it or one of its Jobs changes, and on its clock."""
    reconciler = Reconciler(manager, Measuring(reading, sources), reading)
    watches = [
        managers.Watch(objects.ScaledJob, managers.by_self),
        managers.Watch(batch.Job, managers.by_owner("ScaledJob")),
    ]
    reconciler.memories.again = manager.add("scaledjob", reconciler, watches=watches).enqueue
    manager.add_runner("keda-job-wakes", reconciler.wakes.run)
