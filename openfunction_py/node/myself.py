"""The Node object of this node: made once, with what it is and that it is ready.

It sends no heartbeat: on one machine the node's door is its sign of life.
"""

from __future__ import annotations

import os
import platform

from openfunction_py.api import meta
from openfunction_py.api.upstream import core
from openfunction_py.kube import errors
from openfunction_py.kube.client import Client
from openfunction_py.lib import clock as clocks
from openfunction_py.lib import log
from openfunction_py.lib.clock import Clock
from openfunction_py.lib.pauses import Pauses
from openfunction_py.node import processes
from openfunction_py.node.sandbox import Level

LEVEL_ANNOTATION = "openfunction.io/sandbox"

logger = log.get("node.myself")


async def present(client: Client, name: str, *, clock: Clock, level: Level) -> None:
    """Write the object, as often as it takes."""
    pauses = Pauses(0.1, 5.0)
    while True:
        try:
            await _write(client, name, clock=clock, level=level)
            return
        except errors.ApiError as error:
            logger.info("the Node object cannot be written now", error=str(error))
            await pauses.wait()


async def _write(client: Client, name: str, *, clock: Clock, level: Level) -> None:
    try:
        await client.create(
            core.Node(
                metadata=meta.ObjectMeta(
                    name=name,
                    labels={"kubernetes.io/hostname": name, "kubernetes.io/os": platform.system().lower()},
                    annotations={LEVEL_ANNOTATION: level.value},
                )
            )
        )
    except errors.AlreadyExists:
        logger.debug("the Node object is there", name=name)
    await client.patch(core.Node, name, {"status": _status(clock).to_wire()}, subresource="status")


def _status(clock: Clock) -> core.NodeStatus:
    now = clocks.timestamp(clock.now())
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    capacity = {"cpu": str(os.cpu_count() or 1), "memory": f"{pages * size >> 10}Ki", "pods": "1000"}
    return core.NodeStatus(
        capacity=capacity,
        allocatable=capacity,
        conditions=[
            core.NodeCondition(
                type="Ready",
                status="True",
                reason="NodeReady",
                message="the node starts instances",
                last_heartbeat_time=now,
                last_transition_time=now,
            )
        ],
        addresses=[core.NodeAddress(type="InternalIP", address="127.0.0.1")],
        node_info=core.NodeInfo(
            boot_id=processes.boot_id(),
            kernel_version=platform.release(),
            os_image=platform.platform(),
            container_runtime_version="openfunction://0.1.0",
            kubelet_version="v1.33.0-openfunction",
            operating_system=platform.system().lower(),
            architecture=platform.machine(),
        ),
    )
