"""Knative Service: its Configuration and Route, and their state as its own.

It decides nothing about traffic or Revisions: those are the Route's and the Configuration's.
"""

from __future__ import annotations

import asyncio
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import knative
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types
from openfunction_py.lib import clock
from openfunction_py.providers.knative import children, names, verdicts

MANAGER = "openfunction-knative-service"


class Reconciler:
    """Drives one Knative Service."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._clock = manager.clock
        self._services = manager.lister(knative.KnativeService)
        self._configurations = manager.lister(knative.Configuration)
        self._routes = manager.lister(knative.Route)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Apply both children where they differ, then write the status once."""
        current = self._services.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return types.Result()
        configuration = self._configurations.get(request.namespace, request.name)
        route = self._routes.get(request.namespace, request.name)
        wanted: tuple[tuple[meta.Object | None, meta.Object], ...] = (
            (configuration, make_configuration(current)),
            (route, make_route(current)),
        )
        async with asyncio.TaskGroup() as group:
            for present, child in wanted:
                if children.outdated(present, child):
                    group.create_task(self._client.apply(child, manager=MANAGER))
        status = make_status(current, configuration, route, now=clock.timestamp(self._clock.now()))
        changed = knative.KnativeService.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)
        return types.Result()


def make_configuration(service: knative.KnativeService) -> knative.Configuration:
    """The Configuration of a Service: its template."""
    spec = service.to_wire()["spec"]
    labels = {names.SERVICE: service.metadata.name, names.SERVICE_UID: service.metadata.uid or ""}
    return knative.Configuration.model_validate(
        {"metadata": _metadata(service, labels), "spec": {"template": spec["template"]}}
    )


def make_route(service: knative.KnativeService) -> knative.Route:
    """The Route of a Service: its traffic, all to the latest ready Revision unless it says otherwise."""
    traffic = service.to_wire()["spec"].get("traffic") or [{"latestRevision": True, "percent": 100}]
    targets = []
    for target in traffic:
        named = bool(target.get("revisionName"))
        where = {} if named else {"configurationName": service.metadata.name}
        targets.append({**target, "latestRevision": not named, **where})
    labels = {names.SERVICE: service.metadata.name}
    return knative.Route.model_validate(
        {"metadata": _metadata(service, labels), "spec": {"traffic": targets}}
    )


def _metadata(service: knative.KnativeService, labels: dict[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": service.metadata.name,
        "namespace": service.metadata.namespace,
        "labels": {**(service.metadata.labels or {}), **labels},
        "ownerReferences": [meta.owner_of(service).to_wire()],
    }
    annotations = {
        key: value
        for key, value in (service.metadata.annotations or {}).items()
        if not key.startswith("kubectl.kubernetes.io/")
    }
    return {**made, "annotations": annotations} if annotations else made


def make_status(
    service: knative.KnativeService,
    configuration: knative.Configuration | None,
    route: knative.Route | None,
    *,
    now: str,
) -> dict[str, Any]:
    """What the Service says: its Configuration's Revisions and its Route's address and traffic."""
    configured = _fresh(configuration)
    routed = _fresh(route)
    shown = {
        **_fields(configuration, "latestCreatedRevisionName", "latestReadyRevisionName"),
        **_fields(route, "url", "address", "traffic"),
    }
    before = service.status.conditions if service.status else None
    decided = (
        verdicts.copied("ConfigurationsReady", configured),
        verdicts.copied("RoutesReady", routed),
    )
    return {
        "observedGeneration": service.metadata.generation,
        **shown,
        "conditions": verdicts.write(before, decided, now=now),
    }


def _fresh(child: knative.Configuration | knative.Route | None) -> meta.Condition | None:
    """A child's Ready, unless the child has not looked at its own spec yet."""
    if child is None or child.status is None:
        return None
    if child.status.observed_generation != child.metadata.generation:
        return meta.Condition(
            type="Ready", status="Unknown", reason="OutOfDate", message="It is being looked at."
        )
    return meta.find_condition(child.status.conditions or [], "Ready")


def _fields(child: knative.Configuration | knative.Route | None, *wanted: str) -> dict[str, Any]:
    status = child.to_wire().get("status", {}) if child else {}
    return {key: status[key] for key in wanted if status.get(key)}


def install(manager: managers.Manager) -> None:
    """Run the controller."""
    watches = [
        managers.Watch(knative.KnativeService, managers.by_self),
        managers.Watch(knative.Configuration, managers.by_owner("Service")),
        managers.Watch(knative.Route, managers.by_owner("Service")),
    ]
    manager.add("knative-service", Reconciler(manager), watches=watches)
