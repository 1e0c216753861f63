"""Shipwright BuildRun: one Pod, its result as the run's status, stopped at its deadline or when cancelled.

It builds nothing: the node runs the Pod like any program.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from openfunction_builder import result as results
from openfunction_py.api import meta
from openfunction_py.api.upstream import core, shipwright
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types
from openfunction_py.kube import errors
from openfunction_py.lib import clock, durations
from openfunction_py.providers.shipwright import builds, outcome, resources

MANAGER = "openfunction-shipwright-buildrun"
CANCELED = "BuildRunCanceled"
TIMED_OUT = "BuildRunTimeout"
# The node stops a Pod at its deadline and keeps it; one still there after this is deleted.
PATIENCE = timedelta(seconds=3)


class Reconciler:
    """Drives one BuildRun."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._clock = manager.clock
        self._recorder = manager.recorder
        self._runs = manager.lister(shipwright.BuildRun)
        self._builds = manager.lister(shipwright.Build)
        self._pods = manager.lister(core.Pod)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Start the Pod, follow it, and write the status once; a finished run stays as it is."""
        current = self._runs.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp or current.status.completion_time:
            return types.Result()
        spec = await self._spec(current)
        pod = await self._pod(current)
        found = await self._follow(current, spec, pod)
        now = self._clock.now()
        if found.finished and pod and found.reason in {CANCELED, TIMED_OUT}:
            await self._stop(pod)
        status = make_status(current, pod, found, now=now)
        changed = shipwright.BuildRun.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)
        if found.finished or spec is None:
            await self._tell(current, found)
            return types.Result()
        return types.Result(requeue_after=_seconds_left(current, spec, pod, now=now))

    async def _spec(self, current: shipwright.BuildRun) -> shipwright.BuildSpec | None:
        """What to build; a Build that the cache lacks is asked of the server before it counts as missing."""
        if current.spec.build.spec:
            return current.spec.build.spec
        name = current.spec.build.name
        if not name:
            return None
        cached = self._builds.get(current.metadata.namespace, name)
        try:
            found = cached or await self._client.get(
                shipwright.Build, name, namespace=current.metadata.namespace
            )
        except errors.NotFound:
            return None
        return found.spec

    async def _pod(self, current: shipwright.BuildRun) -> core.Pod | None:
        name = resources.pod_name(current)
        cached = self._pods.get(current.metadata.namespace, name)
        if cached is not None or not current.status.start_time:
            return cached
        try:
            return await self._client.get(core.Pod, name, namespace=current.metadata.namespace)
        except errors.NotFound:
            return None

    async def _follow(
        self, current: shipwright.BuildRun, spec: shipwright.BuildSpec | None, pod: core.Pod | None
    ) -> outcome.Outcome:
        if current.spec.state == CANCELED:
            return outcome.failed(CANCELED, "The build was canceled by request.", condition=CANCELED)
        refused = _refusal(current, spec)
        if refused or spec is None:
            return refused or _no_build(current)
        if pod is None and current.status.start_time:
            return outcome.failed(
                "PodEvicted", "The build's Pod was deleted while it ran; start another build."
            )
        if pod is None:
            return await self._start(current, spec)
        found = outcome.of_pod(pod)
        limit = resources.timeout_of(current, spec)
        late = not found.finished and self._clock.now() >= _deadline(pod, limit) + PATIENCE
        if late or found.reason == TIMED_OUT:
            text = f"The build did not finish within {durations.format(limit)} and was stopped; allow it more time."
            return outcome.failed(TIMED_OUT, text, condition=TIMED_OUT)
        return found

    async def _start(self, current: shipwright.BuildRun, spec: shipwright.BuildSpec) -> outcome.Outcome:
        try:
            await self._client.create(resources.make_pod(current, spec))
        except errors.AlreadyExists:
            message = "The build's Pod exists already."
        else:
            message = "The build's Pod is about to start."
        return outcome.Outcome("Unknown", "Pending", message)

    async def _tell(self, current: shipwright.BuildRun, found: outcome.Outcome) -> None:
        if found.failure:
            reason, message = found.failure
            await self._recorder.event(current, type="Warning", reason=reason, message=message)

    async def _stop(self, pod: core.Pod) -> None:
        await self._client.delete(
            core.Pod, pod.metadata.name, namespace=pod.metadata.namespace, uid=pod.metadata.uid
        )


def _no_build(current: shipwright.BuildRun) -> outcome.Outcome:
    name = current.spec.build.name or ""
    return outcome.failed("BuildNotFound", f'There is no Build "{name}" to run.', condition="BuildNotFound")


def _refusal(current: shipwright.BuildRun, spec: shipwright.BuildSpec | None) -> outcome.Outcome | None:
    if spec is None:
        return _no_build(current)
    own = {"timeout": current.spec.timeout} if current.spec.timeout else {}
    found = builds.refusal(spec.model_copy(update=own))
    return outcome.failed(found.reason, found.message, condition=found.reason) if found else None


def _deadline(pod: core.Pod, limit: timedelta) -> datetime:
    return clock.parse(pod.metadata.creation_timestamp or clock.timestamp(clock.EPOCH)) + limit


def _seconds_left(
    current: shipwright.BuildRun, spec: shipwright.BuildSpec, pod: core.Pod | None, *, now: datetime
) -> float:
    limit = resources.timeout_of(current, spec)
    left = (_deadline(pod, limit) - now) if pod else limit
    return max(0.1, (left + PATIENCE).total_seconds())


def make_status(
    current: shipwright.BuildRun, pod: core.Pod | None, found: outcome.Outcome, *, now: datetime
) -> dict[str, Any]:
    """The whole status of a run."""
    stamp = clock.timestamp(now)
    condition = meta.Condition(
        type="Succeeded", status=found.status, reason=found.reason, message=found.message
    )
    conditions = meta.set_condition(current.status.conditions, condition, now=stamp)
    status: dict[str, Any] = {"conditions": [one.to_wire() for one in conditions]}
    started = current.status.start_time or (pod.metadata.creation_timestamp if pod else None)
    if started:
        status["startTime"] = started
    if found.finished:
        status["completionTime"] = stamp
    if found.failure:
        reason, message = found.failure
        status["failureDetails"] = {
            "reason": reason,
            "message": message,
            "location": {"pod": resources.pod_name(current), "container": resources.CONTAINER},
        }
    return status | _produced(found.result)


def _produced(result: results.BuildResult) -> dict[str, Any]:
    """What the builder made, as Shipwright's fields."""
    produced: dict[str, Any] = {}
    if result.digest:
        produced["output"] = {"digest": result.digest, "size": result.size}
    if result.sources:
        produced["sources"] = list(result.sources)
    if result.lock:
        produced["lock"] = result.lock
    return produced


def install(manager: managers.Manager) -> None:
    """Run the controller."""
    watches = [
        managers.Watch(shipwright.BuildRun, managers.by_self),
        managers.Watch(core.Pod, managers.by_owner("BuildRun")),
    ]
    manager.add("shipwright-buildrun", Reconciler(manager), watches=watches)
