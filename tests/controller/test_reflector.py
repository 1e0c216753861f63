"""The reflector against a small server that goes away, forgets and refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from openfunction_py.api.upstream.core import ConfigMap
from openfunction_py.controller import reflector as reflectors
from openfunction_py.controller.backoff import Backoff
from openfunction_py.controller.cache import Cache
from openfunction_py.controller.reflector import Reflector
from openfunction_py.kube.client import Client
from tests import waiting
from tests.kube.fake_api import FakeApi


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UNREACHABLE", "REFUSED"):
        monkeypatch.setattr(reflectors, name, Backoff(base=0.001, cap=0.02))


@asynccontextmanager
async def reflecting(client: Client, cache: Cache[ConfigMap]) -> AsyncIterator[Reflector[ConfigMap]]:
    reflector = Reflector(client, ConfigMap, cache)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        task = group.create_task(reflector.run())
        await cache.synced.wait()
        yield reflector
        task.cancel()


def names(cache: Cache[ConfigMap]) -> list[str]:
    return [obj.metadata.name for obj in cache.list()]


async def test_lists_then_follows(api: FakeApi, client: Client) -> None:
    await api.put("a")
    cache = Cache[ConfigMap]()
    async with reflecting(client, cache):
        assert names(cache) == ["a"]
        await api.put("b")
        await api.remove("a")
        await waiting.until(lambda: names(cache) == ["b"])


async def test_a_list_of_many_pages_is_taken_at_once(api: FakeApi, client: Client) -> None:
    api.page_size = 2
    for name in "abcde":
        await api.put(name)
    cache = Cache[ConfigMap]()
    async with reflecting(client, cache):
        assert names(cache) == list("abcde")


async def test_goes_through_its_four_states(api: FakeApi, client: Client) -> None:
    api.page_size = 1
    await api.put("a")
    await api.put("b")
    reflector = Reflector(client, ConfigMap, Cache[ConfigMap]())
    seen = [reflector.state]
    for _ in range(2):
        await reflector._step()
        seen.append(reflector.state)
    await api.put("c")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reflector._step())
        await waiting.until(lambda: isinstance(reflector.state, reflectors.Watching))
        seen.append(reflector.state)
        task.cancel()
    assert [type(state).__name__ for state in seen] == ["Empty", "InitPage", "InitListed", "Watching"]


async def test_continues_an_ended_watch_from_the_last_version_without_a_list(
    api: FakeApi, client: Client
) -> None:
    await api.put("a")
    cache = Cache[ConfigMap]()
    async with reflecting(client, cache):
        await api.put("b")
        await waiting.until(lambda: len(names(cache)) == 2)
        await api.end_watches()
        await api.put("c")
        await waiting.until(lambda: len(names(cache)) == 3)
    assert len(api.asked(limit="500")) == 1
    assert [one.query["resourceVersion"] for one in api.asked(watch="true")] == ["2", "3"]


async def test_a_bookmark_moves_the_version_that_a_watch_continues_from(api: FakeApi, client: Client) -> None:
    cache = Cache[ConfigMap]()
    async with reflecting(client, cache) as reflector:
        api.version = 50
        await api.bookmark()
        await waiting.until(lambda: reflector.state == reflectors.Watching("50"))
        await api.end_watches()
        await waiting.until(lambda: len(api.asked(watch="true", resourceVersion="50")) == 1)


async def test_learns_what_was_deleted_while_the_history_was_lost(api: FakeApi, client: Client) -> None:
    for name in ("gone", "stays"):
        await api.put(name)
    cache = Cache[ConfigMap]()
    dropped: list[str] = []
    cache.listen(lambda old, new: dropped.append(old.metadata.name) if old and not new else None)
    async with reflecting(client, cache):
        await api.stop()
        await api.remove("gone")
        await api.put("new")
        api.forget_history()
        await api.start()
        await waiting.until(lambda: names(cache) == ["new", "stays"])
    assert dropped == ["gone"]


async def test_a_server_that_dies_and_returns_is_found_again_with_nothing_lost(
    api: FakeApi, client: Client
) -> None:
    await api.put("a")
    cache = Cache[ConfigMap]()
    async with reflecting(client, cache):
        await api.stop()
        await api.put("b")
        await api.start()
        await waiting.until(lambda: names(cache) == ["a", "b"])


async def test_a_broken_connection_leaves_the_sink_behind_until_a_bookmark(
    api: FakeApi, client: Client
) -> None:
    async with reflecting(client, Cache[ConfigMap]()) as reflector:
        assert reflector.current
        seen: list[bool] = []
        reflector.on_current = lambda: seen.append(reflector.current)
        await api.stop()
        await waiting.until(lambda: not reflector.current)
        await api.start()
        await api.put("b")
        await waiting.until(lambda: isinstance(reflector.state, reflectors.Watching))
        assert not reflector.current
        await api.bookmark()
        await waiting.until(lambda: reflector.current)
    assert seen == [False, True]


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 503])
async def test_a_refusal_is_tried_again(api: FakeApi, client: Client, code: int) -> None:
    for _ in range(3):
        api.refuse(code)
    cache = Cache[ConfigMap]()
    async with reflecting(client, cache):
        await waiting.until(lambda: len(api.requests) >= 4)


async def test_a_kind_that_is_not_installed_counts_as_empty_until_it_is(api: FakeApi, client: Client) -> None:
    await api.put("a")
    api.refuse(404)
    cache = Cache[ConfigMap]()
    async with reflecting(client, cache):
        await waiting.until(lambda: names(cache) == ["a"])


async def test_a_kind_that_is_taken_away_for_a_moment_keeps_its_objects(api: FakeApi, client: Client) -> None:
    await api.put("a")
    cache = Cache[ConfigMap]()
    dropped: list[ConfigMap] = []
    cache.listen(lambda old, new: dropped.append(old) if old and not new else None)
    async with reflecting(client, cache):
        api.forget_history()
        await api.end_watches()
        api.refuse(404)
        await api.put("b")
        await waiting.until(lambda: names(cache) == ["a", "b"])
    assert dropped == []


async def test_a_server_whose_versions_started_anew_is_listed_again(api: FakeApi, client: Client) -> None:
    await api.put("a")
    cache = Cache[ConfigMap]()
    async with reflecting(client, cache):
        await api.end_watches()
        causes = [{"reason": "ResourceVersionTooLarge"}]
        api.refuse(504, "Timeout", details={"causes": causes})
        await waiting.until(lambda: len(api.asked(limit="500")) == 2)


async def test_a_watch_that_ends_at_once_is_not_opened_without_pause(
    api: FakeApi, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reflectors, "UNREACHABLE", Backoff(base=30.0, cap=30.0))
    cache = Cache[ConfigMap]()
    async with reflecting(client, cache) as reflector:
        await waiting.until(lambda: api.open_watches == 1)
        await api.end_watches()
        await waiting.until(lambda: reflector._failures == 1)
        assert len(api.asked(watch="true")) == 1
