"""Endpoints controller: the Pods a Service selects, as EndpointSlices with their conditions.

A Pod being deleted is no ready endpoint from that moment on, whatever its probes say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import core, discovery
from openfunction_py.controller import cache, types
from openfunction_py.controller import manager as managers
from openfunction_py.lib import naming
from openfunction_py.providers.workloads import pods

MANAGER = "openfunction-endpointslice"
SERVICE_LABEL = "kubernetes.io/service-name"
MANAGED_LABEL = "endpointslice.kubernetes.io/managed-by"
# Kubernetes starts a new slice after this many (maxEndpointsPerSlice).
PER_SLICE = 100

Ports = tuple[tuple[str, int, str], ...]


class Reconciler:
    """Drives the EndpointSlices of one Service."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._services = manager.lister(core.Service)
        self._pods = manager.lister(core.Pod)
        self._slices = manager.lister(discovery.EndpointSlice)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Apply the slices that differ, delete those nothing belongs to."""
        service = self._services.get(request.namespace, request.name)
        if service is None or service.metadata.deletion_timestamp or not service.spec.selector:
            return types.Result()
        selected = self._pods.list(request.namespace, labels=service.spec.selector)
        present = {one.metadata.name: one for one in self._slices.owned_by(service.metadata.uid)}
        wanted = {one.metadata.name: one for one in make_slices(service, selected, before=present.values())}
        async with asyncio.TaskGroup() as group:
            for name, one in wanted.items():
                if name not in present or differs(present[name], one):
                    group.create_task(self._client.apply(one, manager=MANAGER))
            for name in present.keys() - wanted.keys():
                group.create_task(
                    self._client.delete(discovery.EndpointSlice, name, namespace=request.namespace)
                )
        return types.Result()


def differs(present: discovery.EndpointSlice, wanted: discovery.EndpointSlice) -> bool:
    """Whether a slice must be written again."""
    have, want = present.to_wire(), wanted.to_wire()
    labels = want["metadata"]["labels"].items() - (have["metadata"].get("labels") or {}).items()
    return bool(labels) or any(have.get(key) != want.get(key) for key in ("endpoints", "ports"))


def make_slices(
    service: core.Service, selected: Iterable[core.Pod], *, before: Iterable[discovery.EndpointSlice] = ()
) -> list[discovery.EndpointSlice]:
    """The slices of a Service: Pods with equal ports share one, at most a hundred each.

    Without a Pod a slice that was there stays, empty: going to zero and back writes it and makes no other.
    """
    groups: dict[Ports, list[core.Pod]] = {}
    for pod in sorted(selected, key=lambda one: one.metadata.name):
        if pods.has_address(pod) and not pods.is_finished(pod):
            groups.setdefault(resolve_ports(service, pod), []).append(pod)
    if not groups:
        groups[next(map(_ports_of, before), resolve_ports(service, None))] = []
    made = []
    for ports, members in groups.items():
        for start in range(0, max(1, len(members)), PER_SLICE):
            made.append(
                _make_slice(service, ports, members[start : start + PER_SLICE], part=start // PER_SLICE)
            )
    return made


def _ports_of(found: discovery.EndpointSlice) -> Ports:
    return tuple((one.name, one.port or 0, one.protocol) for one in found.ports)


def _make_slice(
    service: core.Service, ports: Ports, members: Sequence[core.Pod], *, part: int
) -> discovery.EndpointSlice:
    suffix = naming.digest_of([service.metadata.uid, ports, part], length=5)
    labels = {
        **(service.metadata.labels or {}),
        SERVICE_LABEL: service.metadata.name,
        MANAGED_LABEL: "endpointslice-controller.k8s.io",
    }
    return discovery.EndpointSlice.model_validate(
        {
            "metadata": {
                "name": naming.child_name(service.metadata.name, f"-{suffix}", limit=253),
                "namespace": service.metadata.namespace,
                "labels": labels,
                "ownerReferences": [meta.owner_of(service).to_wire()],
            },
            "addressType": "IPv4",
            "ports": [{"name": name, "port": port, "protocol": protocol} for name, port, protocol in ports],
            "endpoints": [make_endpoint(service, pod) for pod in members],
        }
    )


def make_endpoint(service: core.Service, pod: core.Pod) -> dict[str, Any]:
    """One Pod as an endpoint: it serves when ready, and is offered as ready only while it stays."""
    serving, terminating = pods.is_ready(pod), pods.is_terminating(pod)
    anyway = bool(service.spec.publish_not_ready_addresses)
    endpoint: dict[str, Any] = {
        "addresses": [pod.status.pod_ip if pod.status else ""],
        "conditions": {
            "ready": anyway or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "targetRef": {
            "kind": "Pod",
            "name": pod.metadata.name,
            "namespace": pod.metadata.namespace,
            "uid": pod.metadata.uid,
        },
    }
    if pod.spec.node_name:
        endpoint["nodeName"] = pod.spec.node_name
    return endpoint


def resolve_ports(service: core.Service, pod: core.Pod | None) -> Ports:
    """The Service's ports as this Pod offers them; a named target port is looked up in its containers."""
    resolved = []
    for port in service.spec.ports or []:
        target = port.target_port if port.target_port not in (None, 0, "") else port.port
        number = int(target) if str(target).isdigit() else _named(pod, str(target))
        if number:
            resolved.append((port.name or "", number, port.protocol or "TCP"))
    return tuple(resolved)


def _named(pod: core.Pod | None, name: str) -> int | None:
    containers = pod.spec.containers if pod else []
    return next(
        (port.container_port for one in containers for port in one.ports or [] if port.name == name), None
    )


def selecting(services: cache.Lister[core.Service]) -> types.ToRequests:
    """Map a Pod to the Services that select it."""

    def services_of(obj: meta.Object) -> Iterable[types.Request]:
        labels = obj.metadata.labels or {}
        for service in services.list(obj.metadata.namespace):
            if service.spec.selector and matches(service.spec.selector, labels):
                yield types.Request(service.metadata.namespace, service.metadata.name)

    return services_of


def matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy an equality selector."""
    return selector.items() <= labels.items()


def install(manager: managers.Manager) -> None:
    """Run the controller: a Service is looked at when it, its slices or a Pod it selects changes."""
    watches = [
        managers.Watch(core.Service, managers.by_self),
        managers.Watch(core.Pod, selecting(manager.lister(core.Service))),
        managers.Watch(discovery.EndpointSlice, managers.by_owner("Service")),
    ]
    manager.add("endpointslice", Reconciler(manager), watches=watches, workers=4)
