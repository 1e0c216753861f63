"""Knative Service: its Configuration and Route, and their state as its own.

It decides nothing about traffic or Revisions: those are the Route's and the Configuration's.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from openfunction_py.api import meta
from openfunction_py.api.upstream import knative
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types
from openfunction_py.lib import clock
from openfunction_py.providers.knative import children, names, verdicts

MANAGER = "openfunction-knative-service"

T = TypeVar("T", bound=meta.Object)


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
        # What was just applied counts as it came back, not as a cache remembers it: it has to look at its new spec.
        async with asyncio.TaskGroup() as group:
            configuring = group.create_task(
                self._applied(self._configurations.get(*request), make_configuration(current))
            )
            routing = group.create_task(self._applied(self._routes.get(*request), make_route(current)))
        configuration, route = configuring.result(), routing.result()
        status = make_status(current, configuration, route, now=clock.timestamp(self._clock.now()))
        changed = knative.KnativeService.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)
        return types.Result()

    async def _applied(self, present: T | None, wanted: T) -> T:
        """The child as it is on the server, applied if it is not as wanted."""
        if present is not None and not children.outdated(present, wanted):
            return present
        return await self._client.apply(wanted, manager=MANAGER)


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
    configuration: knative.Configuration,
    route: knative.Route,
    *,
    now: str,
) -> dict[str, Any]:
    """What the Service says: its Configuration's Revisions and its Route's address and traffic."""
    shown = {
        **_fields(configuration, "latestCreatedRevisionName", "latestReadyRevisionName"),
        **_fields(route, "url", "address", "traffic"),
    }
    configured = verdicts.copied("ConfigurationsReady", _fresh(configuration))
    routed = verdicts.copied("RoutesReady", _fresh(route))
    if routed.status == "True" and not _migrated(configuration, route):
        text = "Traffic is not yet migrated to the latest revision."
        routed = verdicts.Verdict("RoutesReady", "Unknown", "TrafficNotMigrated", text)
    return {
        "observedGeneration": service.metadata.generation,
        **shown,
        "conditions": verdicts.write(service.status.conditions, (configured, routed), now=now),
    }


def _fresh(child: knative.Configuration | knative.Route) -> meta.Condition | None:
    """A child's Ready, unless the child has not looked at its own spec yet."""
    if child.status.observed_generation != child.metadata.generation:
        text = f"The {child.kind} has not been looked at since it changed."
        return meta.Condition(type="Ready", status="Unknown", reason="OutOfDate", message=text)
    return meta.find_condition(child.status.conditions, "Ready")


def _migrated(configuration: knative.Configuration, route: knative.Route) -> bool:
    """Whether what follows the latest Revision has arrived at it."""
    latest = configuration.status.latest_ready_revision_name
    return all(one.revision_name == latest for one in route.status.traffic if one.latest_revision)


def _fields(child: knative.Configuration | knative.Route, *wanted: str) -> dict[str, Any]:
    status = child.to_wire().get("status") or {}
    return {key: status[key] for key in wanted if status.get(key)}


def install(manager: managers.Manager) -> None:
    """Run the controller."""
    watches = [
        managers.Watch(knative.KnativeService, managers.by_self),
        managers.Watch(knative.Configuration, managers.by_owner("Service")),
        managers.Watch(knative.Route, managers.by_owner("Service")),
    ]
    manager.add("knative-service", Reconciler(manager), watches=watches)
