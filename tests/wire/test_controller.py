"""The controller runtime on whole servers: caches, owners, status and events, with a small controller of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from openfunction_py.api import meta
from openfunction_py.api.functions import Function
from openfunction_py.api.upstream.core import ConfigMap, Event
from openfunction_py.controller import manager as managers
from openfunction_py.controller import status as statuses
from openfunction_py.controller.cache import Cache
from openfunction_py.controller.manager import Manager
from openfunction_py.controller.types import Request, Result
from openfunction_py.kube.client import Client
from tests import waiting
from tests.controller.lagging import LaggingCache
from tests.wire.test_client import function

MANAGER = "test-mirror"
READY = "Ready"


class Mirror:
    """Keeps one ConfigMap beside each Function, and a condition that says so."""

    def __init__(self, manager: Manager) -> None:
        self.client = manager.client
        self.clock = manager.clock
        self.recorder = manager.recorder
        self.functions = manager.lister(Function)
        self.maps = manager.lister(ConfigMap)
        self.calls = 0

    async def reconcile(self, request: Request) -> Result:
        self.calls += 1
        found = self.functions.get(*request)
        if found is None:
            return Result()
        if not self.maps.owned_by(found.metadata.uid):
            await self.client.apply(self.child(found), manager=MANAGER)
            await self.recorder.event(found, reason="Mirrored", message="a ConfigMap stands beside it")
        await statuses.write_status(self.client, self.ready(found), found, manager=MANAGER)
        return Result()

    def child(self, found: Function) -> ConfigMap:
        place = {"name": f"{found.metadata.name}-mirror", "namespace": found.metadata.namespace}
        owners = [meta.owner_of(found).to_wire()]
        return ConfigMap.model_validate(
            {"metadata": {**place, "ownerReferences": owners}, "data": {"a": "b"}}
        )

    def ready(self, found: Function) -> Function:
        condition = meta.Condition(type=READY, status="True", reason="Mirrored", message="there is a mirror")
        now = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        conditions = meta.set_condition(found.status.conditions, condition, now=now)
        changed = {"conditions": conditions, "observed_generation": found.metadata.generation}
        return found.model_copy(update={"status": found.status.model_copy(update=changed)})


def install(manager: Manager) -> Mirror:
    mirror = Mirror(manager)
    rules = [
        managers.Watch(Function, managers.by_self),
        managers.Watch(ConfigMap, managers.by_owner("Function")),
    ]
    manager.add("mirror", mirror, watches=rules)
    return mirror


@asynccontextmanager
async def running(manager: Manager) -> AsyncIterator[None]:
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        task = group.create_task(manager.run())
        await manager.synced()
        yield
        task.cancel()


def is_ready(manager: Manager, namespace: str) -> bool:
    found = manager.lister(Function).get(namespace, "hello")
    return found is not None and meta.is_true(found.status.conditions, READY)


@pytest.mark.parametrize("make_cache", [Cache, LaggingCache], ids=["cache", "lagging"])
async def test_a_function_gets_its_child_and_its_status(
    wire_client: Client, namespace: str, make_cache: type[Cache[Function]]
) -> None:
    manager = Manager(wire_client, make_cache=make_cache)
    install(manager)
    async with running(manager):
        made = await wire_client.create(function(namespace))
        await waiting.until(lambda: is_ready(manager, namespace))
        children = manager.lister(ConfigMap)
        await waiting.until(lambda: len(children.owned_by(made.metadata.uid)) == 1)
        assert children.owned_by(made.metadata.uid)[0].metadata.name == "hello-mirror"
        found = await wire_client.get(Function, "hello", namespace=namespace)
        assert (found.status.observed_generation, found.metadata.generation) == (1, 1)


async def test_a_child_that_is_deleted_comes_back(wire_client: Client, namespace: str) -> None:
    manager = Manager(wire_client)
    install(manager)
    async with running(manager):
        made = await wire_client.create(function(namespace))
        children = manager.lister(ConfigMap)
        await waiting.until(lambda: len(children.owned_by(made.metadata.uid)) == 1)
        first = children.owned_by(made.metadata.uid)[0].metadata.uid
        await wire_client.delete(ConfigMap, "hello-mirror", namespace=namespace)
        await waiting.until(
            lambda: {one.metadata.uid for one in children.owned_by(made.metadata.uid)} - {first} != set()
        )


async def test_what_is_as_it_should_be_is_not_written_again(wire_client: Client, namespace: str) -> None:
    manager = Manager(wire_client)
    mirror = install(manager)
    async with running(manager):
        await wire_client.create(function(namespace))
        await waiting.until(lambda: is_ready(manager, namespace))
        await asyncio.sleep(0.2)
        version = (await wire_client.get(Function, "hello", namespace=namespace)).metadata.resource_version
        calls = mirror.calls
        manager.controllers[0].enqueue(Request(namespace, "hello"))
        await waiting.until(lambda: mirror.calls > calls)
        await asyncio.sleep(0.2)
        again = (await wire_client.get(Function, "hello", namespace=namespace)).metadata.resource_version
        assert again == version
        assert mirror.calls == calls + 1


async def test_what_is_removed_leaves_the_cache(wire_client: Client, namespace: str) -> None:
    manager = Manager(wire_client)
    functions = manager.lister(Function)
    async with running(manager):
        await wire_client.create(function(namespace))
        await waiting.until(lambda: functions.get(namespace, "hello") is not None)
        await wire_client.delete(Function, "hello", namespace=namespace)
        await waiting.until(lambda: functions.get(namespace, "hello") is None)


async def test_an_event_said_twice_is_one_event_counted_twice(wire_client: Client, namespace: str) -> None:
    recorder = Manager(wire_client).recorder
    made = await wire_client.create(function(namespace))
    for message in ("built", "built", "served"):
        await recorder.event(made, type="Warning", reason="Told", message=message)
    selector = (
        f"involvedObject.kind=Function,involvedObject.name=hello,involvedObject.uid={made.metadata.uid}"
    )
    events = (await wire_client.list(Event, namespace=namespace, fields=selector)).items
    assert sorted((one.message, one.count) for one in events) == [("built", 2), ("served", 1)]
    assert {one.type for one in events} == {"Warning"}


async def test_an_event_that_cannot_be_written_fails_nothing(wire_client: Client) -> None:
    lost = function("nowhere")
    await Manager(wire_client).recorder.event(lost, reason="Told", message="to nobody")
