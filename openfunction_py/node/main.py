"""Composition of the node: doors, runtimes, templates, and the Pods and Deployments it follows.

It holds no logic of its own; asked to stop, it ends every instance and template it started.
"""

from __future__ import annotations

import asyncio
import resource

from openfunction_py.api.upstream import apps, core, keda
from openfunction_py.controller import events
from openfunction_py.kube.client import Client
from openfunction_py.lib import log
from openfunction_py.lib.clock import Clock
from openfunction_py.lib.home import Home
from openfunction_py.node import (
    addresses,
    claims,
    collection,
    contents,
    files,
    following,
    housekeeping,
    images,
    instances,
    inventory,
    levels,
    logs,
    myself,
    parts,
    pods,
    process_runtime,
    sandbox,
    templates,
    warming,
    zygote,
)  # fmt: skip
from openfunction_py.node import door as doors
from openfunction_py.node.following import Listener
from openfunction_py.node.parts import Parts, Settings

NODE_NAME = "local"

logger = log.get("node")


async def run(*, client: Client, home: Home, clock: Clock, settings: Settings | None = None) -> None:
    """Make the Pods of this node true until cancelled; then end what runs."""
    home.ensure()
    for folder in (home.layers, home.unpacked, home.pods, home.claims, home.pod_logs):
        files.open_folder(folder)  # the home itself is closed to others; sandboxed instances are shown these
    chosen = settings or Settings()
    _allow_many_files()
    try:
        async with asyncio.TaskGroup() as group:
            known = templates.Templates(home, group)
            counted = inventory.Inventory(known)
            shelf = logs.Shelf(home.pod_logs)
            door = doors.Door(shelf, counted.list)
            made = parts.Parts(
                client=client,
                home=home,
                clock=clock,
                recorder=events.Recorder(client, time=clock, component="node"),
                settings=chosen,
                instances=instances.Instances(),
                shelf=shelf,
                addresses=addresses.Addresses(home.root),
                images=images.Images(home),
                level=await levels.strictest(home.node / "probe"),
                process=process_runtime.ProcessRuntime(),
                zygote=zygote.ZygoteRuntime(known),
                publish=door.publish,
            )
            await _serve(made, group, known=known, counted=counted, door=door)
    finally:
        await pods.end_recorded(home.pods, seconds=chosen.stop_seconds)
        await templates.end_recorded(home)


def _allow_many_files() -> None:
    """Every instance costs the node two descriptors, and the usual soft limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sandbox.NOFILE if hard == resource.RLIM_INFINITY else min(hard, sandbox.NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


async def _serve(
    made: Parts,
    group: asyncio.TaskGroup,
    *,
    known: templates.Templates,
    counted: inventory.Inventory,
    door: doors.Door,
) -> None:
    home, client = made.home, made.client
    group.create_task(made.instances.serve(home.instances_socket))
    await known.adopt()
    group.create_task(door.serve(home.node_socket))
    mine = pods.Pods(made, group, node=NODE_NAME)
    counted.watch(mine.workers)
    keeper = housekeeping.TemplateKeeper(made, known, group)
    mine.on_left = keeper.pod_left
    beside = warming.SidecarKeeper(made, known, group)
    seen = following.both(mine.listener, beside.listener("Pod", warming.runs_sidecar))
    group.create_task(following.follow(client, core.Pod, seen))
    deployed: Listener[apps.Deployment] = beside.listener("Deployment", warming.makes_sidecars)
    group.create_task(following.follow(client, apps.Deployment, following.both(keeper.listener, deployed)))
    sets: Listener[apps.StatefulSet] = beside.listener("StatefulSet", warming.makes_sidecars)
    group.create_task(following.follow(client, apps.StatefulSet, sets))
    jobs = beside.listener("ScaledJob", warming.starts_sidecars)
    group.create_task(following.follow(client, keda.ScaledJob, jobs))
    fresh = contents.Contents(mine.workers, group)
    group.create_task(following.follow(client, core.ConfigMap, fresh.listener("ConfigMap")))
    group.create_task(following.follow(client, core.Secret, fresh.listener("Secret")))
    group.create_task(claims.collect(client, home))
    group.create_task(housekeeping.bound_logs(made))
    collector = collection.Collector(
        client, home, images=made.images, clock=made.clock, times=made.settings.collecting
    )
    group.create_task(collector.run())
    group.create_task(myself.present(client, NODE_NAME, clock=made.clock, level=made.level))
    logger.info("the node is ready", level=made.level.value, socket=str(home.node_socket))
