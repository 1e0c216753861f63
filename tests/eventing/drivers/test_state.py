"""State stores: one suite for both, and what a file does beyond memory."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from openfunction_eventing import clock, drivers
from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.drivers.port import Conflict, StateStore, StoreError, Write
from openfunction_eventing.drivers.state_in_memory import InMemory
from openfunction_eventing.drivers.state_sqlite import Sqlite


def component(kind: str, folder: Path, **metadata: str) -> Component:
    return Component("s", kind, metadata={"connectionString": str(folder / "state.db"), **metadata})


@pytest.fixture(params=["state.in-memory", "state.sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StateStore]:
    made = cast("StateStore", await drivers.open(component(request.param, tmp_path)))
    yield made
    await made.close()


async def etag(store: StateStore, key: str) -> str:
    return (await store.get([key]))[key].etag


@pytest.mark.capability("get and set")
async def test_what_was_written_is_found_and_the_rest_is_not(store: StateStore) -> None:
    await store.write([Write("a", b'{"n":1}'), Write("b", b"\x00\xff"), Write("c", b"")])
    found = await store.get(["a", "b", "c", "d"])
    assert {key: item.value for key, item in found.items()} == {"a": b'{"n":1}', "b": b"\x00\xff", "c": b""}


@pytest.mark.capability("bulk")
async def test_many_keys_are_found_at_once(store: StateStore) -> None:
    await store.write([Write(f"k{n}", b"%d" % n) for n in range(1200)])
    found = await store.get([f"k{n}" for n in range(1200)])
    assert len(found) == 1200
    assert found["k1199"].value == b"1199"


@pytest.mark.capability("ETag")
async def test_each_write_has_another_etag_and_an_old_one_is_refused(store: StateStore) -> None:
    await store.write([Write("a", b"1")])
    first = await etag(store, "a")
    await store.write([Write("a", b"2", etag=first)])
    assert await etag(store, "a") != first
    for change in (Write("a", b"3", etag=first), Write("a", None, etag=first), Write("new", b"", etag="x")):
        with pytest.raises(Conflict):
            await store.write([change])
    assert (await store.get(["a"]))["a"].value == b"2"


@pytest.mark.capability("first write")
async def test_a_first_write_is_refused_when_the_key_is_there(store: StateStore) -> None:
    await store.write([Write("a", b"1", first_write=True)])
    with pytest.raises(Conflict, match="'a' is there already"):
        await store.write([Write("a", b"2", first_write=True)])


@pytest.mark.capability("ETag")
async def test_of_two_that_write_at_once_one_wins(store: StateStore) -> None:
    await store.write([Write("a", b"0")])
    seen = await etag(store, "a")
    results: list[bool] = []

    async def change(value: bytes) -> None:
        try:
            await store.write([Write("a", value, etag=seen)])
        except Conflict:
            results.append(False)
        else:
            results.append(True)

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(change(b"%d" % number))
    assert sorted(results) == [False] * 7 + [True]


@pytest.mark.capability("transaction")
async def test_a_transaction_is_done_whole_or_not_at_all(store: StateStore) -> None:
    await store.write([Write("a", b"1"), Write("b", b"1")])
    with pytest.raises(Conflict):
        await store.write([Write("a", b"2"), Write("c", b"2"), Write("b", b"2", etag="wrong")])
    found = await store.get(["a", "b", "c"])
    assert {key: item.value for key, item in found.items()} == {"a": b"1", "b": b"1"}
    await store.write([Write("a", None), Write("c", b"3"), Write("nothing", None)])
    assert set(await store.get(["a", "b", "c"])) == {"b", "c"}


@pytest.mark.capability("TTL")
async def test_a_key_with_a_ttl_goes_by_itself(store: StateStore) -> None:
    await store.write([Write("a", b"1", ttl=1), Write("b", b"1", ttl=60), Write("c", b"1", ttl=1)])
    await store.write([Write("c", b"2")])
    async with asyncio.timeout(20):
        while "a" in await store.get(["a"]):  # noqa: ASYNC110 - it goes by itself and tells nobody
            await asyncio.sleep(0.05)
    assert set(await store.get(["a", "b", "c"])) == {"b", "c"}
    await store.write([Write("a", b"2", first_write=True)])


@pytest.mark.capability("TTL")
async def test_a_key_tells_when_it_goes(store: StateStore) -> None:
    before = clock.wall()
    await store.write([Write("a", b"1", ttl=600), Write("b", b"1")])
    found = await store.get(["a", "b"])
    assert found["b"].until is None
    assert found["a"].until is not None
    # SQLite counts whole seconds
    assert int(before) + 600 <= found["a"].until <= clock.wall() + 600


async def test_what_is_over_goes_from_memory_also_when_nobody_asks() -> None:
    now = 100.0
    store = InMemory(now=lambda: now)
    await store.write([Write("a", b"1", ttl=5), Write("b", b"1")])
    now = 200.0
    await store.write([Write("c", b"1")])
    assert set(store._kept) == {"b", "c"}


async def test_whoever_gives_up_spoils_nobody_s_transaction(tmp_path: Path) -> None:
    store = cast("Sqlite", await drivers.open(component("state.sqlite", tmp_path)))
    begun, go_on = threading.Event(), threading.Event()

    def slow(database: sqlite3.Connection) -> None:
        database.execute("BEGIN IMMEDIATE")
        begun.set()
        go_on.wait(20)
        database.execute("COMMIT")

    async with asyncio.TaskGroup() as group:
        asked = group.create_task(store._run(slow))
        await asyncio.to_thread(begun.wait, 20)
        asked.cancel()
        writing = group.create_task(store.write([Write("a", b"1")]))
        assert not (await asyncio.wait([writing], timeout=0.2))[0]
        go_on.set()
    assert set(await store.get(["a"])) == {"a"}
    await store.close()


async def test_in_memory_time_is_an_argument() -> None:
    now = 100.0
    store = InMemory(now=lambda: now)
    await store.write([Write("a", b"1", ttl=5)])
    now = 104.9
    assert "a" in await store.get(["a"])
    now = 105.0
    assert await store.get(["a"]) == {}


@pytest.mark.capability("durable", driver="state.sqlite")
async def test_a_file_outlives_its_store_and_others_see_it(tmp_path: Path) -> None:
    given = component("state.sqlite", tmp_path, tableName="mine")
    one, two = [cast("StateStore", await drivers.open(given)) for _ in range(2)]
    await one.write([Write("a", b"1"), Write("b", b"\xff")])
    await one.close()
    assert (await two.get(["a"]))["a"].value == b"1"
    await two.close()
    with pytest.raises(StoreError, match="closed"):
        await two.get(["a"])
    assert two.health() == "the store is closed"
    with sqlite3.connect(tmp_path / "state.db") as database:
        rows = database.execute("SELECT key, value, is_binary FROM mine ORDER BY key").fetchall()
    database.close()
    assert rows == [("a", "1", 0), ("b", "/w==", 1)]


async def test_what_is_over_is_removed_from_the_file(tmp_path: Path) -> None:
    store = cast(
        "StateStore", await drivers.open(component("state.sqlite", tmp_path, cleanupInterval="50ms"))
    )
    await store.write([Write("a", b"1", ttl=1), Write("b", b"1")])
    database = sqlite3.connect(tmp_path / "state.db")
    async with asyncio.timeout(20):
        while database.execute("SELECT COUNT(*) FROM state").fetchone() != (1,):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)
    database.close()
    await store.close()


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"connectionString": ""}, "'connectionString' is missing"),
        ({"connectionString": "/not/there/x.db"}, "cannot be opened"),
        ({"tableName": "a;b"}, "'tableName' is 'a;b'"),
        ({"cleanupInterval": "often"}, "'cleanupInterval' is 'often'"),
    ],
)
async def test_wrong_metadata_is_named(tmp_path: Path, metadata: dict[str, str], said: str) -> None:
    with pytest.raises(ComponentError) as told:
        await drivers.open(component("state.sqlite", tmp_path, **metadata))
    assert said in str(told.value)
