"""The runtime while the embedded API server dies and returns on its port, over the same store and over a new one."""

from __future__ import annotations

import asyncio
from pathlib import Path

from openfunction_py.api.upstream.core import ConfigMap, Namespace
from openfunction_py.apiserver import testing
from openfunction_py.controller import manager as managers
from openfunction_py.controller.cache import Lister
from openfunction_py.controller.manager import Manager
from openfunction_py.controller.types import Request, Result
from openfunction_py.kube.client import Client
from openfunction_py.kube.endpoint import Endpoint
from tests import waiting
from tests.wire.test_client import config_map


class Doubling:
    """Keeps a second ConfigMap equal to each first one."""

    def __init__(self, manager: Manager) -> None:
        self.client = manager.client
        self.maps = manager.lister(ConfigMap)

    async def reconcile(self, request: Request) -> Result:
        found = self.maps.get(*request)
        if found and not request.name.endswith("-copy"):
            copy = config_map(request.namespace, f"{request.name}-copy", key=found.data["key"])
            await self.client.apply(copy, manager="doubling")
        return Result()


def value(maps: Lister[ConfigMap], name: str) -> str | None:
    found = maps.get("ns", name)
    return found.data.get("key") if found else None


def forget(folder: Path) -> None:
    """Remove the store, and keep the keys."""
    for part in folder.rglob("store.db*"):
        part.unlink()


async def round_trip(endpoint: Endpoint, maps: Lister[ConfigMap], data: str) -> None:
    """Change the original and wait for its copy."""
    async with Client(endpoint) as user:
        if data == "1":
            await user.create(Namespace.model_validate({"metadata": {"name": "ns"}}))
        await user.apply(config_map("ns", key=data), manager="test")
    await waiting.until(lambda: value(maps, "a-copy") == data)


async def test_work_goes_on_each_time_the_server_returns(tmp_path: Path) -> None:
    with testing.start(tmp_path) as first:
        endpoint, port = first.endpoint, first.port
    async with Client(endpoint) as client, asyncio.timeout(60), asyncio.TaskGroup() as group:
        manager = Manager(client)
        maps = manager.lister(ConfigMap)
        manager.add("double", Doubling(manager), watches=[managers.Watch(ConfigMap, managers.by_self)])
        task = group.create_task(manager.run())
        for number in ("1", "2", "3"):
            with testing.start(tmp_path, port=port):
                await round_trip(endpoint, maps, number)
        task.cancel()


async def test_a_server_that_returns_without_its_store_empties_the_cache(tmp_path: Path) -> None:
    with testing.start(tmp_path) as first:
        endpoint, port = first.endpoint, first.port
        async with Client(endpoint) as client:
            await client.create(Namespace.model_validate({"metadata": {"name": "ns"}}))
            for number in range(20):
                await client.create(config_map("ns", f"old-{number}"))
    async with Client(endpoint) as client, asyncio.timeout(60), asyncio.TaskGroup() as group:
        manager = Manager(client)
        maps = manager.lister(ConfigMap)
        task = group.create_task(manager.run())
        with testing.start(tmp_path, port=port):
            await waiting.until(lambda: len(maps.list("ns")) == 20)
        forget(tmp_path)
        with testing.start(tmp_path, port=port):
            await waiting.until(lambda: maps.list("ns") == [])
        task.cancel()
