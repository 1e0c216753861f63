"""ScaledObject controller: zero or idle ↔ first replicas as KEDA's operator, above that as its HPA.

Both look on their own clocks, as there; word from a broker that something waits comes between.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps
from openfunction_py.api.upstream import keda as objects
from openfunction_py.autoscaling import hpa, keda
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types
from openfunction_py.lib import clock
from openfunction_py.providers.keda import composing, memories, outcome, specs
from openfunction_py.providers.keda.measuring import Measuring, environment
from openfunction_py.providers.keda.memories import Memory, Seen
from openfunction_py.providers.keda.parameters import Look, Sources
from openfunction_py.providers.keda.readers import Readers
from openfunction_py.providers.keda.wakes import Wakes

MANAGER = "openfunction-keda"
Target = apps.Deployment | apps.StatefulSet
KINDS: dict[str, type[Target]] = {"Deployment": apps.Deployment, "StatefulSet": apps.StatefulSet}


class Reconciler:
    """Drives one ScaledObject."""

    def __init__(self, manager: managers.Manager, measuring: Measuring, reading: Readers) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._clock = manager.clock
        self._objects = manager.lister(objects.ScaledObject)
        self._deployments = manager.lister(apps.Deployment)
        self._sets = manager.lister(apps.StatefulSet)
        self._measuring = measuring
        self.memories = memories.Memories()
        self.wakes = Wakes(reading.bells, self.memories.woken)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Look when it is time, write the scale, then the status once."""
        current = self._objects.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            self.memories.drop(request)
            self.wakes.want(request, ())
            return types.Result()
        now = self._clock.now()
        target = self._target(current)
        wrong = outcome.no_target(current) if target is None else specs.problem(current)
        if target is None or wrong:
            self.wakes.want(request, ())
            await self._write(current, outcome.unscalable(current, wrong, now=now))
            return types.Result()
        memory = self.memories.of(request)
        env = environment(
            target.spec.template.spec.containers, current.spec.scale_target_ref.env_source_container_name
        )
        looks = await self._measuring.looks(
            current.spec.triggers,
            namespace=request.namespace,
            env=env,
            selector=target.spec.selector.match_labels,
        )
        self._listen(request, target, looks)
        return await self._look(current, target, memory, looks, now=now)

    def _target(self, current: objects.ScaledObject) -> Target | None:
        reference = current.spec.scale_target_ref
        lister = self._sets if reference.kind == "StatefulSet" else self._deployments
        found = lister.get(current.metadata.namespace, reference.name)
        return found if (reference.kind or "Deployment") in KINDS else None

    def _listen(
        self, request: types.Request, target: Target, looks: Iterable[Look | tuple[str, str]]
    ) -> None:
        """At zero only: a message for a function that runs says nothing new."""
        self.wakes.want(request, () if replicas_of(target) else looks)

    async def _look(
        self,
        current: objects.ScaledObject,
        target: Target,
        memory: Memory,
        looks: list[Look | tuple[str, str]],
        *,
        now: datetime,
    ) -> types.Result:
        at, interval = now.timestamp(), specs.interval(current)
        if memory.saw_ready(target.status.ready_replicas):
            # whoever reads a topic for the first time makes what is measured
            memory.poked = memory.poked or any(memory.failures.values())
            # and whoever comes out of zero does not wait for the HPA's clock, which began before the backlog was known
            memory.synced = None
        polls = memory.poll_due(at, interval, current.metadata.generation)
        syncs = replicas_of(target) > 0 and memory.sync_due(at)
        if polls or syncs:
            seen = composing.compose(
                current, await self._measuring.see(looks, memory, now, polls=polls), memory
            )
            decision = self._decide(current, target, memory, seen, at=at) if polls else None
            wanted = decision.replicas if decision else None
            if wanted is None and syncs and not keda.pause(current.metadata.annotations).held:
                wanted = self._sync(current, target, memory, seen, at=at)
            memory.woken = memory.poked = False
            if wanted is not None and wanted != replicas_of(target):
                await self._scale(target, wanted)
            await self._write(current, outcome.make_status(current, target, memory, seen, decision, now=now))
        return types.Result(requeue_after=_next(memory, interval, at, running=replicas_of(target) > 0))

    def _decide(
        self, current: objects.ScaledObject, target: Target, memory: Memory, seen: Seen, *, at: float
    ) -> keda.Decision:
        memory.polled, memory.generation = at, current.metadata.generation
        annotations, status = current.metadata.annotations, current.status
        created = current.metadata.creation_timestamp
        observed = keda.Observed(
            replicas=replicas_of(target),
            active=seen.active or keda.is_forced(annotations),
            failed=seen.failed,
            last_active=clock.parse(status.last_active_time).timestamp() if status.last_active_time else None,
            created=clock.parse(created).timestamp() if created else at,
            pause=keda.pause(annotations),
        )
        return keda.decide(specs.bounds(current), observed, at)

    def _sync(
        self, current: objects.ScaledObject, target: Target, memory: Memory, seen: Seen, *, at: float
    ) -> int | None:
        memory.synced = at
        replicas, ready = replicas_of(target), target.status.ready_replicas
        spec, bound = specs.autoscaler(current), specs.bounds(current)
        targets = {name: one.target for name, one in seen.readings.items()}
        given = memories.metrics(
            seen, memory, bound.fallback, replicas=replicas, ready=ready, targets=targets
        )
        decision = hpa.decide(spec, given, memory.hpa, at, replicas=replicas, ready=ready)
        memory.hpa = decision.state
        held = keda.pause(current.metadata.annotations)
        stopped = (held.scale_in and decision.desired < replicas) or (
            held.scale_out and decision.desired > replicas
        )
        return None if stopped else decision.desired

    async def _scale(self, target: Target, wanted: int) -> None:
        about = target.metadata
        change = {"spec": {"replicas": wanted}}
        await self._client.patch(type(target), about.name, change, namespace=about.namespace)

    async def _write(self, current: objects.ScaledObject, status: dict[str, Any]) -> None:
        changed = objects.ScaledObject.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)


def replicas_of(target: Target) -> int:
    """Replicas a workload asks for; one when the field is missing, as Kubernetes defaults it."""
    return 1 if target.spec.replicas is None else target.spec.replicas


def _next(memory: Memory, interval: float, at: float, *, running: bool) -> float:
    """Seconds to the nearer of both clocks."""
    poll = (memory.polled if memory.polled is not None else at) + interval - at
    sync = (memory.synced if memory.synced is not None else at) + hpa.SYNC_PERIOD - at
    return max(0.01, min(poll, sync) if running else poll)


def install(manager: managers.Manager, *, reading: Readers, sources: Sources) -> None:
    """Run the controller: an object is looked at when it or its target changes, and on its clocks."""
    scaled = manager.lister(objects.ScaledObject)

    def of_target(kind: str) -> types.ToRequests:
        def find(obj: meta.Object) -> Iterable[types.Request]:
            for one in scaled.list(obj.metadata.namespace):
                reference = one.spec.scale_target_ref
                if (reference.name, reference.kind or "Deployment") == (obj.metadata.name, kind):
                    yield types.request_of(one)

        return find

    reconciler = Reconciler(manager, Measuring(reading, sources), reading)
    watches = [
        managers.Watch(objects.ScaledObject, managers.by_self),
        managers.Watch(apps.Deployment, of_target("Deployment")),
        managers.Watch(apps.StatefulSet, of_target("StatefulSet")),
    ]
    reconciler.memories.again = manager.add("scaledobject", reconciler, watches=watches, workers=4).enqueue
    manager.add_runner("keda-wakes", reconciler.wakes.run)
