"""The control process: API server, reconcilers and providers on one loop.

It composes; what each part does stands in its own package.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import AsyncIterator
from typing import Any

from openfunction_py.api import admission, gateways, scheme
from openfunction_py.api import meta as api_meta
from openfunction_py.api.upstream import core
from openfunction_py.apiserver import dependencies, pki, server
from openfunction_py.apiserver import store as stores
from openfunction_py.controller import manager as managers
from openfunction_py.embedded import endpoint, settings
from openfunction_py.kube import client as clients
from openfunction_py.kube import errors
from openfunction_py.lib import clock, log
from openfunction_py.lib import home as homes
from openfunction_py.providers import dapr, keda, knative, names, shipwright, workloads
from openfunction_py.reconcilers import builder, eventbus, eventsource, function, gateway, serving, trigger
from openfunction_py.wire import client as wire_clients
from openfunction_py.wire import route_lines

NODE_NAME = "local"
FIELD_MANAGER = "openfunction-up"
RECONCILERS = (function, builder, gateway, eventbus, eventsource, trigger)

logger = log.get("control")


async def run(home: homes.Home) -> None:
    """Serve the API and run every controller until cancelled."""
    chosen = settings.load(home.config)
    node = wire_clients.NodeClient(home.node_socket)
    with stores.Store(home.store) as store:
        deps = dependencies.Dependencies(
            store=store,
            admission=functools.partial(admit, dapr_by=chosen.dapr),
            tokens=pki.users(home),
            pod_logs=NodeLogs(node),
            clock=clock.SystemClock(),
        )
        async with (
            server.listening(home, host=chosen.host, port=chosen.api_port, deps=deps),
            clients.Client(endpoint.of(home, "manager")) as client,
        ):
            await bootstrap(client, chosen)
            await _manage(client, node, chosen)


async def _manage(client: clients.Client, node: wire_clients.NodeClient, chosen: settings.Settings) -> None:
    manager = managers.Manager(client)
    for module in (*RECONCILERS, shipwright, workloads):
        module.install(manager)
    is_daprd = chosen.dapr == "daprd"
    serving.install(manager, daprd=is_daprd)
    dapr.install(manager, image=dapr.daprd.IMAGE if is_daprd else dapr.IMAGE)
    keda.install(manager, instances=node.instances)
    knative.install(manager, loads=node.loads, gateways_say=route_lines.Follower(node.path).routes)
    names.install(manager, gateway=f"{chosen.host}:{chosen.gateway_port}")
    await manager.run()


def admit(
    resource: scheme.Resource,
    operation: str,
    new: dict[str, Any],
    old: dict[str, Any] | None,
    *,
    dapr_by: settings.Sidecar = "ofn",
) -> admission.Admitted:
    """Admission of an embedded server: our kinds' rules, the one node every Pod runs on, and whose sidecar it gets."""
    admitted = admission.admit(resource, operation=operation, new=new, old=old)
    if resource.kind == "Pod" and operation == "CREATE":
        admitted.object.setdefault("spec", {}).setdefault("nodeName", NODE_NAME)
        make = dapr.daprd.container if dapr_by == "daprd" else None
        return dataclasses.replace(admitted, object=dapr.inject(admitted.object, make=make))
    return admitted


async def bootstrap(client: clients.Client, chosen: settings.Settings) -> None:
    """Make what every platform starts with: namespaces and the default Gateway, unless the user changed it."""
    for name in ("default", "openfunction", "knative-serving"):
        await _ensure(client, core.Namespace(metadata=api_meta.ObjectMeta(name=name)))
    await client.apply(default_gateway(chosen), manager=FIELD_MANAGER, force=False)


async def _ensure(client: clients.Client, obj: api_meta.Object) -> None:
    try:
        await client.create(obj)
    except errors.AlreadyExists:
        logger.debug("already there", kind=obj.kind, name=obj.metadata.name)


def default_gateway(chosen: settings.Settings) -> gateways.Gateway:
    """The Gateway openfunction/openfunction, whose addresses name this machine and the gateway's port."""
    return gateways.Gateway.model_validate(
        {
            "metadata": {"name": "openfunction", "namespace": "openfunction"},
            "spec": {
                "domain": "localhost",
                "hostTemplate": "{{.Name}}.{{.Namespace}}.{{.Domain}}",
                "pathTemplate": "{{.Namespace}}/{{.Name}}",
                "gatewayDef": {"gatewayClassName": "openfunction"},
                "gatewaySpec": {
                    "listeners": [{"name": "http", "protocol": "HTTP", "port": chosen.gateway_port}],
                },
            },
        }
    )


class NodeLogs:
    """Pod logs for the API server, read from the node."""

    def __init__(self, node: wire_clients.NodeClient) -> None:
        """Read through the given door."""
        self._node = node

    def stream(self, namespace: str, name: str, **options: Any) -> AsyncIterator[bytes]:
        """The log of one container; options are those of PodLogs."""
        return self._node.logs(namespace, name, **options)
