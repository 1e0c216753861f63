"""PodAutoscaler: load measured becomes the scale of a Deployment, to zero and back.

It decides nothing itself: `autoscaling` does, from what `measurements` holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps, autoscaling, core, knative
from openfunction_py.autoscaling import config, scale_to_zero, spec
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types
from openfunction_py.lib import clock
from openfunction_py.providers.knative import children, measurements, names, settings, verdicts
from openfunction_py.wire import messages

MANAGER = "openfunction-autoscaler"
ACTIVITIES = {"True": scale_to_zero.Activity.ACTIVE, "False": scale_to_zero.Activity.INACTIVE}
STATUSES = {
    scale_to_zero.Activity.ACTIVE: "True",
    scale_to_zero.Activity.INACTIVE: "False",
    scale_to_zero.Activity.ACTIVATING: "Unknown",
}

Loads = Callable[[], AsyncIterator[messages.Load]]


@dataclass(frozen=True, slots=True)
class Judged:
    """One look at a Revision's scale: what is wanted, what was found, what the condition says."""

    want: int
    ready: int
    active: scale_to_zero.Active
    mode: str


class Reconciler:
    """Drives one PodAutoscaler."""

    def __init__(self, manager: managers.Manager, measured: measurements.Measurements) -> None:
        """Read through the manager's caches and from the measurements, write through the client."""
        self._client = manager.client
        self._clock = manager.clock
        self._measured = measured
        self._settings = settings.Settings(manager)
        self._scalers = manager.lister(autoscaling.PodAutoscaler)
        self._deployments = manager.lister(apps.Deployment)
        self._serverless = manager.lister(knative.ServerlessService)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Decide, scale, then say so; the scale goes first because a request may be waiting for it."""
        current = self._scalers.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            self._measured.forget(request)
            return types.Result()
        deployment = self._deployments.get(request.namespace, current.spec.scale_target_ref.name)
        if deployment is None:
            return types.Result()
        try:
            wanted = self._settings.spec_of(current.metadata.annotations, current.spec.container_concurrency)
        except config.SettingsError:
            return types.Result()  # the Revision says so, and only a change of it can mend that
        return await self._scale(current, deployment, wanted)

    async def _scale(
        self, current: autoscaling.PodAutoscaler, deployment: apps.Deployment, wanted: spec.Spec
    ) -> types.Result:
        key = types.request_of(current)
        tracker, now = self._measured.of(key), self._clock.monotonic()
        serverless = self._serverless.get(*key)
        ready = deployment.status.ready_replicas
        reachable = current.spec.reachability != "Unreachable"
        decision = tracker.decide(wanted, ready=ready, reachable=reachable, now=now)
        situation = self._situation(current, serverless, tracker, reachable=reachable)
        outcome = scale_to_zero.apply(wanted, decision.desired, situation)
        active = scale_to_zero.active(wanted, situation, want=outcome.want, ready=ready)
        mode = scale_to_zero.mode(outcome.want, decision.excess_burst, active.activity)
        judged = Judged(want=outcome.want, ready=ready, active=active, mode=mode)
        async with asyncio.TaskGroup() as group:
            if outcome.replicas is not None and outcome.replicas != deployment.spec.replicas:
                group.create_task(self._write_scale(deployment, outcome.replicas))
            group.create_task(self._say(current, serverless, judged))
        tracker.lasted(active.activity, now=now, by_clock=0.0)
        replicas = deployment.spec.replicas if outcome.replicas is None else outcome.replicas
        return types.Result(
            requeue_after=_next_look(tracker, outcome, active, replicas=replicas or 0, now=now)
        )

    def _situation(
        self,
        current: autoscaling.PodAutoscaler,
        serverless: knative.ServerlessService | None,
        tracker: measurements.Tracker,
        *,
        reachable: bool,
    ) -> scale_to_zero.Situation:
        conditions = current.status.conditions
        active = meta.find_condition(conditions, "Active")
        activity = ACTIVITIES.get(active.status if active else "", scale_to_zero.Activity.ACTIVATING)
        now = self._clock.now()
        return scale_to_zero.Situation(
            activity=activity,
            lasted=tracker.lasted(activity, now=self._clock.monotonic(), by_clock=_age(active, now) or 0.0),
            proxied_for=_age(_proxied(serverless), now),
            initialized=meta.is_true(conditions, "ScaleTargetInitialized"),
            reachable=reachable,
        )

    async def _write_scale(self, deployment: apps.Deployment, replicas: int) -> None:
        await self._client.patch(
            apps.Deployment,
            deployment.metadata.name,
            {"spec": {"replicas": replicas}},
            namespace=deployment.metadata.namespace,
            subresource="scale",
        )

    async def _say(
        self,
        current: autoscaling.PodAutoscaler,
        serverless: knative.ServerlessService | None,
        judged: Judged,
    ) -> None:
        wanted = make_serverless(current, mode=judged.mode)
        if children.outdated(serverless, wanted):
            await self._client.apply(wanted, manager=MANAGER)
        status = make_status(current, serverless, judged, now=clock.timestamp(self._clock.now()))
        changed = autoscaling.PodAutoscaler.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)


def _proxied(serverless: knative.ServerlessService | None) -> meta.Condition | None:
    conditions = serverless.status.conditions if serverless else []
    found = meta.find_condition(conditions, "ActivatorEndpointsPopulated")
    return found if found and found.status == "True" else None


def _age(condition: meta.Condition | None, now: datetime) -> float | None:
    if condition is None or not condition.last_transition_time:
        return None
    return max(0.0, (now - clock.parse(condition.last_transition_time)).total_seconds())


def _next_look(
    tracker: measurements.Tracker,
    outcome: scale_to_zero.Outcome,
    active: scale_to_zero.Active,
    *,
    replicas: int,
    now: float,
) -> float | None:
    """Ticks go on while anything runs or is being started; a Revision at zero costs nothing."""
    waits = [] if outcome.requeue_after is None else [outcome.requeue_after]
    if replicas > 0 or active.activity is scale_to_zero.Activity.ACTIVATING:
        waits.append(tracker.next_tick(now))
    return min(waits, default=None)


def make_serverless(scaler: autoscaling.PodAutoscaler, *, mode: str) -> knative.ServerlessService:
    """The ServerlessService of a PodAutoscaler, in the mode that its capacity asks for."""
    return knative.ServerlessService.model_validate(
        {
            "metadata": {
                "name": scaler.metadata.name,
                "namespace": scaler.metadata.namespace,
                "labels": scaler.metadata.labels,
                "ownerReferences": [meta.owner_of(scaler).to_wire()],
            },
            "spec": {
                "mode": mode,
                "protocolType": scaler.spec.protocol_type or "http1",
                "objectRef": scaler.spec.scale_target_ref.to_wire(),
            },
        }
    )


def make_status(
    scaler: autoscaling.PodAutoscaler,
    serverless: knative.ServerlessService | None,
    judged: Judged,
    *,
    now: str,
) -> dict[str, Any]:
    """Scale and conditions of a PodAutoscaler."""
    active = verdicts.Verdict(
        "Active", STATUSES[judged.active.activity], judged.active.reason, judged.active.message
    )
    initialized = (
        verdicts.true("ScaleTargetInitialized")
        if judged.active.initialized
        else verdicts.Verdict("ScaleTargetInitialized")
    )
    served = meta.find_condition(serverless.status.conditions if serverless else [], "Ready")
    decided = [active, initialized, verdicts.copied("SKSReady", served)]
    desired = judged.want if judged.want >= 0 else scaler.status.desired_scale
    return {
        "observedGeneration": scaler.metadata.generation,
        "serviceName": scaler.metadata.name,
        "metricsServiceName": names.private_service(scaler.metadata.name),
        "actualScale": judged.ready,
        **({} if desired is None else {"desiredScale": desired}),
        "conditions": verdicts.write(scaler.status.conditions, decided, now=now),
    }


def everyone(manager: managers.Manager) -> Callable[[meta.Object], list[types.Request]]:
    """Map the settings' ConfigMap to every PodAutoscaler: they are in force at once."""
    scalers = manager.lister(autoscaling.PodAutoscaler)

    def to_requests(obj: meta.Object) -> list[types.Request]:
        if (obj.metadata.namespace, obj.metadata.name) != (settings.NAMESPACE, settings.NAME):
            return []
        return [types.request_of(one) for one in scalers.list()]

    return to_requests


class Listener:
    """Takes loads in; one that finds its Revision at zero wakes the controller instead of waiting for a tick."""

    def __init__(
        self,
        manager: managers.Manager,
        measured: measurements.Measurements,
        wake: Callable[[types.Request], None],
    ) -> None:
        """Record into the measurements, with the manager's clock."""
        self._clock = manager.clock
        self._measured = measured
        self._wake = wake
        self._scalers = manager.lister(autoscaling.PodAutoscaler)
        self._deployments = manager.lister(apps.Deployment)

    def take(self, load: messages.Load) -> None:
        """Record one report; of a Revision that nobody knows it is forgotten."""
        scaler = self._scalers.get(load.namespace, load.revision)
        if scaler is None:
            return
        self._measured.record(load, now=self._clock.monotonic())
        target = self._deployments.get(load.namespace, scaler.spec.scale_target_ref.name)
        if load.concurrency > 0 and target is not None and not target.spec.replicas:
            self._wake(types.request_of(scaler))


def install(manager: managers.Manager, *, loads: Loads) -> None:
    """Run the controller, and feed it with the loads that the node passes on."""
    measured = measurements.Measurements()
    watches = [
        managers.Watch(autoscaling.PodAutoscaler, managers.by_self),
        managers.Watch(apps.Deployment, managers.by_owner("Revision")),
        managers.Watch(knative.ServerlessService, managers.by_owner("PodAutoscaler")),
        managers.Watch(core.ConfigMap, everyone(manager)),
    ]
    controller = manager.add("autoscaler", Reconciler(manager, measured), watches=watches, workers=4)

    heard = Listener(manager, measured, controller.enqueue)

    async def listen() -> None:
        async for load in loads():
            heard.take(load)

    manager.add_runner("loads", listen)
