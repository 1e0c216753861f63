"""Knative Revision: its Deployment and PodAutoscaler, and whether it can serve.

It scales nothing: after its first replica count a Deployment's scale is the autoscaler's alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps, autoscaling, core, knative
from openfunction_py.autoscaling import config, spec
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types
from openfunction_py.kube import errors
from openfunction_py.lib import clock
from openfunction_py.providers.knative import children, health, names, resources, settings, verdicts

MANAGER = "openfunction-knative-revision"


class Reconciler:
    """Drives one Revision."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._clock = manager.clock
        self._recorder = manager.recorder
        self._settings = settings.Settings(manager)
        self._revisions = manager.lister(knative.Revision)
        self._deployments = manager.lister(apps.Deployment)
        self._scalers = manager.lister(autoscaling.PodAutoscaler)
        self._pods = manager.lister(core.Pod)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Make both children, judge them and the Pods, write the status once."""
        current = self._revisions.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return types.Result()
        try:
            scaling = self._settings.spec_of(current.metadata.annotations, current.spec.container_concurrency)
        except config.SettingsError as error:
            await self._write(current, [_refused(error)], None)
            return types.Result()
        if scaling.autoscaler_class != config.KPA:
            await self._write(current, [_unsupported(scaling)], None)
            return types.Result()
        deployment = self._deployments.get(request.namespace, names.deployment(request.name))
        scaler = self._scalers.get(request.namespace, request.name)
        refusal = await self._make(current, scaling, deployment, scaler)
        if refusal:
            await self._write(current, [refusal], scaler)
            return types.Result()
        pods = self._pods.list(request.namespace, labels={names.REVISION_UID: current.metadata.uid})
        judged = health.judge(deployment, scaler, pods, current.status.conditions)
        await self._write(current, judged, scaler)
        return types.Result()

    async def _make(
        self,
        current: knative.Revision,
        scaling: spec.Spec,
        deployment: apps.Deployment | None,
        scaler: autoscaling.PodAutoscaler | None,
    ) -> verdicts.Verdict | None:
        """Both children; why the server refuses the Deployment, which asking again does not change."""
        wanted = resources.make_pod_autoscaler(current, scaling)
        created = None
        async with asyncio.TaskGroup() as group:
            if deployment is None:
                created = group.create_task(self._create_deployment(current, scaling))
            if children.outdated(scaler, wanted):
                group.create_task(self._client.apply(wanted, manager=MANAGER))
        return created.result() if created else None

    async def _create_deployment(
        self, current: knative.Revision, scaling: spec.Spec
    ) -> verdicts.Verdict | None:
        """Create, never apply: an apply would own the replica count and fight the autoscaler."""
        replicas = max(scaling.initial_scale, scaling.min_scale)
        made = resources.make_deployment(current, replicas=replicas, deadline=scaling.progress_deadline)
        try:
            await self._client.create(made)
        except errors.AlreadyExists:
            return None  # made by an earlier look that this cache has not seen yet
        except errors.Invalid as error:
            return verdicts.Verdict("ResourcesAvailable", "False", "InvalidDeployment", str(error))
        return None

    async def _write(
        self,
        current: knative.Revision,
        judged: Sequence[verdicts.Verdict],
        scaler: autoscaling.PodAutoscaler | None,
    ) -> None:
        now = clock.timestamp(self._clock.now())
        status = make_status(current, judged, scaler, now=now)
        changed = knative.Revision.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)
        await self._tell(current, changed)

    async def _tell(self, before: knative.Revision, after: knative.Revision) -> None:
        """An Event when a Revision becomes unready: a condition shows the last word, Events show all."""
        was, now = (meta.find_condition(one.status.conditions, "Ready") for one in (before, after))
        if (
            now is None
            or now.status != "False"
            or (was and (was.status, was.reason) == ("False", now.reason))
        ):
            return
        await self._recorder.event(after, type="Warning", reason=now.reason, message=now.message)


def _refused(error: config.SettingsError) -> verdicts.Verdict:
    return verdicts.Verdict(
        "ResourcesAvailable", "False", "InvalidAutoscaling", f"Change the annotations: {error}"
    )


def _unsupported(scaling: spec.Spec) -> verdicts.Verdict:
    text = f"The class {scaling.autoscaler_class} needs a cluster; here {config.KPA} scales: take the annotation off."
    return verdicts.Verdict("ResourcesAvailable", "False", "AutoscalerUnsupported", text)


def make_status(
    revision: knative.Revision,
    judged: Iterable[verdicts.Verdict],
    scaler: autoscaling.PodAutoscaler | None,
    *,
    now: str,
) -> dict[str, Any]:
    """Conditions, replica counts and the images that run."""
    status: dict[str, Any] = {
        "observedGeneration": revision.metadata.generation,
        "conditions": verdicts.write(revision.status.conditions, list(judged), now=now),
        "containerStatuses": [
            {"name": one.name, "imageDigest": one.image}
            for one in revision.spec.containers
            if "@" in one.image
        ],
    }
    if scaler and scaler.status.desired_scale is not None:
        status["desiredReplicas"] = max(0, scaler.status.desired_scale)
    if scaler and scaler.status.actual_scale is not None:
        status["actualReplicas"] = scaler.status.actual_scale
    return status


def revision_of(obj: meta.Object) -> Iterable[types.Request]:
    """Map a Pod to the Revision in its labels."""
    name = obj.metadata.labels.get(names.REVISION)
    if name:
        yield types.Request(obj.metadata.namespace, name)


def install(manager: managers.Manager) -> None:
    """Run the controller."""
    watches = [
        managers.Watch(knative.Revision, managers.by_self),
        managers.Watch(apps.Deployment, managers.by_owner("Revision")),
        managers.Watch(autoscaling.PodAutoscaler, managers.by_owner("Revision")),
        managers.Watch(core.Pod, revision_of),
    ]
    manager.add("knative-revision", Reconciler(manager), watches=watches)
