"""ServerlessService: the two Services of a Revision, public by name and private by Pods.

It routes nothing: its mode is told to whoever asks, and the gateway is always in the path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import core, discovery, knative
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller import types
from openfunction_py.lib import clock
from openfunction_py.providers.knative import children, names, verdicts

MANAGER = "openfunction-knative-serverless"


class Reconciler:
    """Drives one ServerlessService."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._clock = manager.clock
        self._serverless = manager.lister(knative.ServerlessService)
        self._services = manager.lister(core.Service)
        self._slices = manager.lister(discovery.EndpointSlice)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Apply both Services where they differ, then write the status once."""
        current = self._serverless.get(request.namespace, request.name)
        if current is None or current.metadata.deletion_timestamp:
            return types.Result()
        wanted = [make_service(current, private=False), make_service(current, private=True)]
        present = {one.metadata.name: one for one in self._services.owned_by(current.metadata.uid)}
        async with asyncio.TaskGroup() as group:
            for one in wanted:
                if children.outdated(present.get(one.metadata.name), one):
                    group.create_task(self._client.apply(one, manager=MANAGER))
        slices = self._slices.list(
            request.namespace, labels={"kubernetes.io/service-name": names.private_service(request.name)}
        )
        made = all(one.metadata.name in present for one in wanted)
        status = make_status(current, slices, made=made, now=clock.timestamp(self._clock.now()))
        changed = knative.ServerlessService.model_validate({**current.to_wire(), "status": status})
        await statuses.write_status(self._client, changed, current, manager=MANAGER)
        return types.Result()


def make_service(owner: knative.ServerlessService, *, private: bool) -> core.Service:
    """One of the two Services; only the private one selects Pods."""
    name = owner.metadata.name
    labels = {
        **owner.metadata.labels,
        names.SKS: name,
        names.SERVICE_TYPE: "Private" if private else "Public",
    }
    spec: dict[str, Any] = {
        "ports": [
            {"name": "http", "port": 80, "protocol": "TCP", "targetPort": "user-port" if private else 8012}
        ]
    }
    if private:
        spec["selector"] = {names.REVISION_UID: owner.metadata.labels.get(names.REVISION_UID, "")}
    return core.Service.model_validate(
        {
            "metadata": {
                "name": names.private_service(name) if private else name,
                "namespace": owner.metadata.namespace,
                "labels": labels,
                "ownerReferences": [meta.owner_of(owner).to_wire()],
            },
            "spec": spec,
        }
    )


def make_status(
    owner: knative.ServerlessService, slices: Iterable[discovery.EndpointSlice], *, made: bool, now: str
) -> dict[str, Any]:
    """Names of both Services, and whether anything answers behind the private one."""
    populated = any(point.conditions.ready for one in slices for point in one.endpoints)
    endpoints = (
        verdicts.true("EndpointsPopulated")
        if populated or owner.spec.mode == "Proxy"
        else verdicts.Verdict(
            "EndpointsPopulated", reason="NoHealthyBackends", message="No instance is ready."
        )
    )
    activator = (
        verdicts.true("ActivatorEndpointsPopulated", decides=False)
        if owner.spec.mode == "Proxy"
        else verdicts.Verdict("ActivatorEndpointsPopulated", reason="Serving", decides=False)
    )
    services = (
        verdicts.true("ServicesCreated", decides=False) if made else verdicts.Verdict("ServicesCreated")
    )
    return {
        "observedGeneration": owner.metadata.generation,
        "serviceName": owner.metadata.name,
        "privateServiceName": names.private_service(owner.metadata.name),
        "conditions": verdicts.write(owner.status.conditions, [endpoints, activator, services], now=now),
    }


def of_slice(obj: meta.Object) -> Iterable[types.Request]:
    """Map an EndpointSlice to the ServerlessService in its labels."""
    name = obj.metadata.labels.get(names.SKS)
    if name:
        yield types.Request(obj.metadata.namespace, name)


def install(manager: managers.Manager) -> None:
    """Run the controller."""
    watches = [
        managers.Watch(knative.ServerlessService, managers.by_self),
        managers.Watch(core.Service, managers.by_owner("ServerlessService")),
        managers.Watch(discovery.EndpointSlice, of_slice),
    ]
    manager.add("knative-serverless", Reconciler(manager), watches=watches)
