"""Runtimes without an API server for tests: a home, its images, templates, and the door of instances."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from openfunction_builder import images as layouts
from openfunction_py.api.upstream import core
from openfunction_py.lib.home import Home
from openfunction_py.node import (
    addresses,
    files,
    images,
    instances,
    levels,
    logs,
    pods,
    process_runtime,
    specs,
    templates,
    zygote,
)
from openfunction_py.node.environment import Resolved
from openfunction_py.node.processes import Identity
from openfunction_py.node.runtime import InstanceRuntime, InstanceSpec
from openfunction_py.node.sandbox import Level
from tests.node import pictures

PORT = 8080


@dataclass
class Lab:
    """What a runtime needs, and makers of what it is asked for."""

    home: Home
    level: Level
    known: templates.Templates
    door: instances.Instances
    shelf: logs.Shelf
    address: str
    started: list[Identity] = field(default_factory=list)

    def runtime(self, name: str) -> InstanceRuntime:
        """The runtime of that name."""
        return zygote.ZygoteRuntime(self.known) if name == "zygote" else process_runtime.ProcessRuntime()

    async def spec(self, source: str, *, uid: str = "one") -> InstanceSpec:
        """What an instance of this source is started from."""
        image = pictures.add(layouts.Layout(self.home.images), "x", {"main.py": source})
        runnable = await images.Images(self.home).resolve(image)
        pod = core.Pod.model_validate(
            {
                "metadata": {
                    "name": uid,
                    "namespace": "default",
                    "uid": uid,
                    "labels": {specs.REVISION_LABEL: "r"},
                },
                "spec": {"containers": [{"name": "function", "ports": [{"containerPort": PORT}]}]},
            }
        )
        run = self.shelf.run(self.shelf.folder("default", uid, uid), "function", 0)
        self.shelf.open(run, self.level)
        place = specs.Place(self.home.pods / uid, self.address, run, self.level)
        env = Resolved({"MINE": uid}, frozenset({"MINE"}))
        container = pod.spec.containers[0]
        return specs.make_instance(pod, container, runnable=runnable, env=env, place=place, home=self.home)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Lab]:
    """A lab whose door is open; leaving ends its templates."""
    home = Home(folder)
    home.ensure()
    for one in (home.layers, home.unpacked, home.pods, home.pod_logs):
        files.open_folder(one)
    address = addresses.Addresses(home.root).choose("one", ports=[PORT])
    level = await levels.strictest(home.node / "probe")
    async with asyncio.TaskGroup() as group:
        door = instances.Instances()
        serving = group.create_task(door.serve(home.instances_socket))
        lab = Lab(home, level, templates.Templates(home, group), door, logs.Shelf(home.pod_logs), address)
        try:
            yield lab
        finally:
            await pods.end_all(lab.started, seconds=0)
            await lab.known.close()
            serving.cancel()
