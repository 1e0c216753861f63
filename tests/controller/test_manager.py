"""The manager against a small server: shared informers, controllers, runners."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from openfunction_py.api.upstream.core import ConfigMap
from openfunction_py.controller import manager as managers
from openfunction_py.controller.cache import Lister
from openfunction_py.controller.manager import Manager
from openfunction_py.controller.types import Request, Result
from openfunction_py.kube.client import Client
from tests import waiting
from tests.kube.fake_api import FakeApi


class Noting:
    """Notes what it saw in its lister at each call."""

    def __init__(self, maps: Lister[ConfigMap]) -> None:
        self.maps = maps
        self.seen: asyncio.Queue[tuple[Request, str | None]] = asyncio.Queue()

    async def reconcile(self, request: Request) -> Result:
        found = self.maps.get(*request)
        self.seen.put_nowait((request, found.data.get("key") if found else None))
        return Result()


@asynccontextmanager
async def running(manager: Manager) -> AsyncIterator[None]:
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        task = group.create_task(manager.run())
        yield
        task.cancel()


async def test_what_changes_is_reconciled_from_a_cache_that_knows_it(api: FakeApi, client: Client) -> None:
    manager = Manager(client)
    reconciler = Noting(manager.lister(ConfigMap))
    manager.add("maps", reconciler, watches=[managers.Watch(ConfigMap, managers.by_self)])
    await api.put("a", key="1")
    async with running(manager):
        assert await reconciler.seen.get() == (Request("ns", "a"), "1")
        await api.put("a", key="2")
        assert await reconciler.seen.get() == (Request("ns", "a"), "2")
        await api.remove("a")
        assert await reconciler.seen.get() == (Request("ns", "a"), None)


async def test_controllers_of_one_kind_share_one_watch(api: FakeApi, client: Client) -> None:
    manager = Manager(client)
    both = [Noting(manager.lister(ConfigMap)) for _ in range(2)]
    for number, reconciler in enumerate(both):
        manager.add(str(number), reconciler, watches=[managers.Watch(ConfigMap, managers.by_self)])
    await api.put("a")
    async with running(manager):
        for reconciler in both:
            await reconciler.seen.get()
        assert len(api.asked(limit="500")) == 1


async def test_a_change_of_owner_wakes_the_old_and_the_new_one(api: FakeApi, client: Client) -> None:
    manager = Manager(client)
    reconciler = Noting(manager.lister(ConfigMap))

    def owners(obj: object) -> list[Request]:
        assert isinstance(obj, ConfigMap)
        return [Request("ns", owner.uid) for owner in obj.metadata.owner_references]

    manager.add("owners", reconciler, watches=[managers.Watch(ConfigMap, managers.by(owners))])
    await api.put("a", owner="old")
    async with running(manager):
        await reconciler.seen.get()
        await api.put("a", owner="new")
        woken = {(await reconciler.seen.get())[0].name for _ in range(2)}
        assert woken == {"old", "new"}


async def test_a_controller_waits_for_every_cache(api: FakeApi, client: Client) -> None:
    for _ in range(3):
        api.refuse(503)
    await api.put("a", key="1")
    manager = Manager(client)
    reconciler = Noting(manager.lister(ConfigMap))
    controller = manager.add("maps", reconciler, watches=[])
    controller.enqueue(Request("ns", "a"))
    async with running(manager):
        assert await reconciler.seen.get() == (Request("ns", "a"), "1")


async def test_a_runner_that_fails_is_started_again(api: FakeApi, client: Client) -> None:
    started: asyncio.Queue[int] = asyncio.Queue()

    async def runner() -> None:
        started.put_nowait(1)
        if started.qsize() == 1:
            raise OSError("the socket is not there yet")
        await asyncio.Event().wait()

    manager = Manager(client)
    manager.add_runner("loads", runner)
    async with running(manager):
        await waiting.until(lambda: started.qsize() == 2)


async def test_parts_may_be_added_while_it_runs(api: FakeApi, client: Client) -> None:
    await api.put("a", key="1")
    manager = Manager(client)
    async with running(manager):
        await asyncio.sleep(0)
        reconciler = Noting(manager.lister(ConfigMap))
        manager.add("late", reconciler, watches=[managers.Watch(ConfigMap, managers.by_self)])
        assert await reconciler.seen.get() == (Request("ns", "a"), "1")
