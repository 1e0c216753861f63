"""Components and Subscriptions of a namespace as the documents that its sidecars read.

Names of Services in settings become addresses: a sidecar here has no cluster DNS.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import core, dapr, discovery
from openfunction_py.controller import manager as managers
from openfunction_py.controller import types
from openfunction_py.providers.dapr import daprd, injection
from openfunction_py.resources import cluster_names, labels, programs

MANAGER = "openfunction-dapr"
FILE = "resources.yaml"  # daprd reads this suffix alone; JSON is YAML


class Reconciler:
    """Drives the documents of one namespace."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read through the manager's caches, write through its client."""
        self._client = manager.client
        self._components = manager.lister(dapr.Component)
        self._subscriptions = manager.lister(dapr.Subscription)
        self._maps = manager.lister(core.ConfigMap)
        self._services = manager.lister(core.Service)
        self._slices = manager.lister(discovery.EndpointSlice)
        self._pods = manager.lister(core.Pod)

    def namespaces(self) -> set[str]:
        """Where there are components, or sidecars that read of none."""
        shown = {one.metadata.namespace for one in self._pods.list() if has_sidecar(one)}
        return shown | {one.metadata.namespace for one in self._components.list()}

    async def reconcile(self, request: types.Request) -> types.Result:
        """Write the documents where they differ."""
        namespace = request.namespace
        if namespace not in self.namespaces():
            return types.Result()
        found: list[meta.Object] = [*self._components.list(namespace), *self._subscriptions.list(namespace)]
        text = "---\n".join(programs.text_of(self._document(one)) + "\n" for one in found)
        data = {FILE: text, daprd.CONFIG: programs.text_of(daprd.configuration())}
        present = self._maps.get(namespace, injection.RESOURCES)
        if present is None or present.data != data:
            about = {"name": injection.RESOURCES, "namespace": namespace, "labels": {labels.MANAGED: "true"}}
            made = core.ConfigMap.model_validate({"metadata": about, "data": data})
            await self._client.apply(made, manager=MANAGER)
        return types.Result()

    def _document(self, one: meta.Object) -> dict[str, Any]:
        wire = one.to_wire()
        about = {"name": one.metadata.name, "namespace": one.metadata.namespace}
        placed = {**wire, "metadata": about}
        if one.kind == "Component":
            items = [
                self._placed(item, one.metadata.namespace) for item in wire["spec"].get("metadata") or []
            ]
            placed["spec"] = {**wire["spec"], "metadata": items}
        return placed

    def _placed(self, item: dict[str, Any], namespace: str) -> dict[str, Any]:
        value = item.get("value")
        if not isinstance(value, str):
            return item
        return {**item, "value": cluster_names.placed(value, namespace=namespace, find=self._addresses)}

    def _addresses(self, name: cluster_names.Name, port: int) -> list[tuple[str, int]]:
        service = self._services.get(name.namespace, name.service)
        near = self._slices.list(name.namespace, labels={cluster_names.SERVICE_LABEL: name.service})
        return cluster_names.addresses(name, port, service=service, slices=near)


def has_sidecar(pod: core.Pod) -> bool:
    """Whether a sidecar was put into a Pod."""
    return any(one.name == injection.CONTAINER for one in pod.spec.containers)


def install(manager: managers.Manager) -> None:
    """Run the controller; one key per namespace."""
    reconciler = Reconciler(manager)

    def here(obj: meta.Object) -> Iterable[types.Request]:
        if isinstance(obj, core.Pod) and not has_sidecar(obj):
            return ()
        return (types.Request(obj.metadata.namespace, injection.RESOURCES),)

    def everywhere(obj: meta.Object) -> Iterable[types.Request]:
        """A Service of one namespace may be named in all."""
        if "serving.knative.dev/revision" in obj.metadata.labels:
            return ()
        return [types.Request(one, injection.RESOURCES) for one in reconciler.namespaces()]

    manager.add(
        "dapr",
        reconciler,
        watches=[
            managers.Watch(dapr.Component, here),
            managers.Watch(dapr.Subscription, here),
            managers.Watch(core.Pod, here),
            managers.Watch(discovery.EndpointSlice, everywhere),
        ],
        workers=1,
    )
