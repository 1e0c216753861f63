"""Knative Route: traffic resolved to ready Revisions, its addresses, and the routing state of Revisions.

It forwards nothing: the gateway reads what stands in its status.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openfunction_py.api import gateways, meta
from openfunction_py.api.upstream import knative
from openfunction_py.controller import cache, types
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.lib import clock
from openfunction_py.providers.knative import addresses, ingress, names, traffic, verdicts

MANAGER = "openfunction-knative-route"


class Reconciler:
    """Drives one Route."""

    def __init__(self, manager: managers.Manager, said: ingress.Acknowledged | None) -> None:
        """Read through the manager's caches, write through its client; without gateways to ask, none is waited for."""
        self._said = said
        self._client = manager.client
        self._clock = manager.clock
        self._routes = manager.lister(knative.Route)
        self._configurations = manager.lister(knative.Configuration)
        self._revisions = manager.lister(knative.Revision)
        self._gateways = manager.lister(gateways.Gateway)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Resolve the traffic and write the status once."""
        current = self._routes.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return types.Result()
        domain = addresses.domain(self._gateways.get(addresses.NAMESPACE, addresses.GATEWAY))
        world = traffic.World(
            configuration=lambda name: self._configurations.get(request.namespace, name),
            revision=lambda name: self._revisions.get(request.namespace, name),
            tag_url=lambda tag: addresses.url(f"{tag}-{current.metadata.name}", request.namespace, domain),
        )
        resolved = traffic.resolve(current, world)
        status = make_status(
            current, resolved, self._said, domain=domain, now=clock.timestamp(self._clock.now())
        )
        changed = knative.Route.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)
        return types.Result()


def make_status(
    route: knative.Route,
    resolved: traffic.Resolved,
    said: ingress.Acknowledged | None,
    *,
    domain: addresses.Domain,
    now: str,
) -> dict[str, Any]:
    """Addresses, traffic and conditions; traffic that cannot be assigned leaves what was there."""
    published = resolved.targets if resolved.verdict.status == "True" else route.status.traffic
    programmed = verdicts.true(ingress.KIND)
    if not published:
        programmed = verdicts.Verdict(ingress.KIND, reason="NoTraffic")
    elif said is not None:
        programmed = said.verdict(route, published)
    decided = [resolved.verdict, verdicts.true("CertificateProvisioned"), programmed]
    return {
        "observedGeneration": route.metadata.generation,
        "url": addresses.url(route.metadata.name, route.metadata.namespace, domain),
        "address": {"url": addresses.internal(route.metadata.name, route.metadata.namespace)},
        "traffic": [one.to_wire() for one in published],
        "conditions": verdicts.write(route.status.conditions, decided, now=now),
    }


def naming(routes: cache.Lister[knative.Route]) -> types.ToRequests:
    """Map a Configuration or a Revision to the Routes that name it."""

    def routes_of(obj: meta.Object) -> Iterable[types.Request]:
        wanted = {obj.metadata.name, obj.metadata.labels.get(names.CONFIGURATION, obj.metadata.name)}
        for route in routes.list(obj.metadata.namespace):
            targets = {one.configuration_name or one.revision_name for one in route.spec.traffic}
            if targets & wanted:
                yield types.Request(route.metadata.namespace, route.metadata.name)

    return routes_of


def all_of(routes: cache.Lister[knative.Route]) -> types.ToRequests:
    """Map the platform's gateway to every Route: its port is in their addresses."""

    def routes_of(obj: meta.Object) -> Iterable[types.Request]:
        if (obj.metadata.namespace, obj.metadata.name) == (addresses.NAMESPACE, addresses.GATEWAY):
            for route in routes.list():
                yield types.Request(route.metadata.namespace, route.metadata.name)

    return routes_of


def install(manager: managers.Manager, *, gateways_say: ingress.Following | None) -> None:
    """Run the controller, and follow what the gateways say they route."""
    routes = manager.lister(knative.Route)
    said = ingress.Acknowledged() if gateways_say is not None else None
    watches = [
        managers.Watch(knative.Route, managers.by_self),
        managers.Watch(knative.Configuration, naming(routes)),
        managers.Watch(knative.Revision, naming(routes)),
        managers.Watch(gateways.Gateway, all_of(routes)),
    ]
    controller = manager.add("knative-route", Reconciler(manager, said), watches=watches)
    if gateways_say is None or said is None:
        return

    async def follow() -> None:
        async for message in gateways_say():
            said.take(message)
            for route in routes.list():
                if ingress.is_waiting(route):
                    controller.enqueue(types.request_of(route))

    manager.add_runner("routes", follow)
