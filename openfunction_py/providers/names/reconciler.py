"""The table of names as a ConfigMap of each namespace in which a Pod shows it.

One key per namespace: however much changes at once, each table is written once.
"""

from __future__ import annotations

from collections.abc import Iterable

from openfunction_eventing import documents
from openfunction_py.api import meta
from openfunction_py.api.upstream import apps, core, discovery
from openfunction_py.api.upstream.knative import KnativeService
from openfunction_py.controller import manager as managers
from openfunction_py.controller import types
from openfunction_py.providers.names import table
from openfunction_py.resources import cluster_names, labels, programs

MANAGER = "openfunction-names"
FILE = "hosts.json"


class Reconciler:
    """Drives the table of one namespace."""

    def __init__(self, manager: managers.Manager, gateway: str) -> None:
        """Read through the manager's caches; functions are at `gateway`, host:port."""
        self._client = manager.client
        self._gateway = gateway
        self._maps = manager.lister(core.ConfigMap)
        self._services = manager.lister(core.Service)
        self._slices = manager.lister(discovery.EndpointSlice)
        self._functions = manager.lister(KnativeService)
        self._pods = manager.lister(core.Pod)
        self._deployments = manager.lister(apps.Deployment)

    def shown(self) -> set[str]:
        """Namespaces in which something shows the table."""
        running = {one.metadata.namespace for one in self._pods.list() if table.shows(one.spec)}
        planned = self._deployments.list()
        return running | {one.metadata.namespace for one in planned if table.shows(one.spec.template.spec)}

    async def reconcile(self, request: types.Request) -> types.Result:
        """Write the table where it differs."""
        if request.namespace not in self.shown():
            return types.Result()
        text = programs.text_of(documents.to_json(documents.Hosts(self._hosts())))
        present = self._maps.get(request.namespace, programs.HOSTS)
        if present is None or present.data != {FILE: text}:
            await self._client.apply(self._made(request.namespace, text), manager=MANAGER)
        return types.Result()

    def _made(self, namespace: str, text: str) -> core.ConfigMap:
        about = {"name": programs.HOSTS, "namespace": namespace, "labels": {labels.MANAGED: "true"}}
        return core.ConfigMap.model_validate({"metadata": about, "data": {FILE: text}})

    def _hosts(self) -> dict[str, tuple[str, ...]]:
        near: dict[tuple[str, str], list[discovery.EndpointSlice]] = {}
        for one in self._slices.list():
            service = one.metadata.labels.get(cluster_names.SERVICE_LABEL, "")
            near.setdefault((one.metadata.namespace, service), []).append(one)
        functions = table.of_functions(self._functions.list(), self._gateway)
        return {**table.of_services(self._services.list(), near), **functions}


def install(manager: managers.Manager, *, gateway: str) -> None:
    """Run the controller; `gateway` is where functions are reached, host:port."""
    reconciler = Reconciler(manager, gateway)

    def everywhere(obj: meta.Object) -> Iterable[types.Request]:
        """A name of one namespace is used in all."""
        if table.REVISION in obj.metadata.labels:
            return ()
        return [types.Request(namespace, programs.HOSTS) for namespace in reconciler.shown()]

    def here(obj: meta.Object) -> Iterable[types.Request]:
        spec = (
            obj.spec
            if isinstance(obj, core.Pod)
            else obj.spec.template.spec
            if isinstance(obj, apps.Deployment)
            else None
        )
        shown = spec is not None and table.shows(spec)
        return (types.Request(obj.metadata.namespace, programs.HOSTS),) if shown else ()

    manager.add(
        "names",
        reconciler,
        watches=[
            managers.Watch(core.Service, everywhere),
            managers.Watch(discovery.EndpointSlice, everywhere),
            managers.Watch(KnativeService, everywhere),
            managers.Watch(apps.Deployment, here),
            managers.Watch(core.Pod, here),
        ],
        workers=1,
    )
