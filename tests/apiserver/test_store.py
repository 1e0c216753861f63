"""The store alone: revisions, groups, savepoints, history, faults of the disk."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openfunction_py.apiserver import store as stores
from openfunction_py.apiserver.database import DiskFullError, Key, StoreError
from openfunction_py.apiserver.store import Mutation, Outcome, Store, View


def key(name: str) -> Key:
    """A key of the resource of these tests."""
    return Key("things", "n", name)


def put(name: str, **fields: object) -> Mutation:
    """Store an object whatever is there."""
    return lambda _: Outcome("put", key(name), {"metadata": {"name": name}, **fields})


def remove(name: str) -> Mutation:
    """Remove an object that is there."""
    return lambda view: Outcome("remove", key(name), view.get(key(name)) or {})


def refuse(_: View) -> Outcome:
    """A mutation that decides against itself."""
    raise KeyError("refused")


async def test_every_write_has_its_own_revision(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(store.write(put(f"a{n}"))) for n in range(100)]
        versions = [int(task.result().object["metadata"]["resourceVersion"]) for task in tasks]
        assert versions == sorted(set(versions))
        assert store.revision == versions[-1]


async def test_revisions_are_not_used_again_after_a_restart(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        await store.write(put("a"))
        last = int((await store.write(remove("a"))).object["metadata"]["resourceVersion"])
    with Store(tmp_path / "s.db") as store:
        assert int((await store.write(put("b"))).object["metadata"]["resourceVersion"]) == last + 1


async def test_a_refused_write_undoes_itself_alone(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        first, refused, last = await _together(store, put("a"), refuse, put("b"))
        assert isinstance(refused, KeyError)
        assert not isinstance(first, Exception)
        assert not isinstance(last, Exception)
        assert [row.name for row in store.page("things").rows] == ["a", "b"]
        assert store.revision == 2


async def test_a_mutation_sees_the_writes_before_it_in_the_group(tmp_path: Path) -> None:
    def count(view: View) -> Outcome:
        found = view.get(key("a")) or {"metadata": {"name": "a"}, "n": 0}
        return Outcome("put", key("a"), {**found, "n": found["n"] + 1})

    with Store(tmp_path / "s.db") as store:
        results = await _together(store, *[count] * 200)
        assert sorted(
            result.object["n"] for result in results if not isinstance(result, BaseException)
        ) == list(range(1, 201))


async def test_nothing_uncommitted_can_be_read(tmp_path: Path) -> None:
    seen: list[bytes | None] = []

    def look(_: View) -> Outcome:
        seen.append(store.get(key("a")))
        return Outcome("put", key("b"), {"metadata": {"name": "b"}})

    with Store(tmp_path / "s.db") as store:
        await _together(store, put("a"), look)
        assert seen == [None]
        assert store.get(key("a")) is not None


async def test_watchers_hear_of_a_write_before_its_writer(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        watcher = store.watch("things", after=0)
        await store.write(put("a"))
        events = await watcher.next(0)
        assert [(event.change.type, event.change.key.name) for event in events] == [("ADDED", "a")]


async def test_a_watcher_that_does_not_read_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openfunction_py.apiserver.hub.BUFFERED", 5)
    with Store(tmp_path / "s.db") as store:
        watcher = store.watch("things", after=0)
        await _together(store, *[put(f"a{n}") for n in range(6)])
        assert watcher.ended


async def test_history_is_bounded_and_says_so(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db", history_changes=10) as store:
        for n in range(30):
            await store.write(put("a", n=n))
        with pytest.raises(stores.CompactedError):
            store.watch("things", after=1)
        watcher = store.watch("things", after=store.revision - 3)
        assert len(await watcher.next(0)) == 3


async def test_history_is_bounded_in_bytes(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db", history_bytes=100_000) as store:
        for n in range(40):
            await store.write(put("a", text="x" * 10_000, n=n))
        with pytest.raises(stores.CompactedError):
            store.watch("things", after=1)


async def test_a_revision_of_the_future_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store, pytest.raises(stores.FutureRevisionError):
        store.watch("things", after=1)


def test_a_store_is_open_once(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db"), pytest.raises(StoreError, match="another API server has the store"):
        Store(tmp_path / "s.db")


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "s.db").close()
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer version"):
        Store(tmp_path / "s.db")


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "s.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match="damaged"):
        Store(tmp_path / "s.db")


async def test_a_full_disk_stores_nothing_and_says_so(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        await store.write(put("a"))
        store._database._writer.execute("PRAGMA max_page_count = 30")
        results = await _together(store, put("b"), put("big", text="x" * 1_000_000), put("c"))
        assert {type(result) for result in results} == {DiskFullError}
        assert [row.name for row in store.page("things").rows] == ["a"]
        store._database._writer.execute("PRAGMA max_page_count = 1000000")
        assert (await store.write(put("d"))).object["metadata"]["resourceVersion"] == "2"


Step = tuple[str, str]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["put", "remove"]), st.sampled_from("abc")), max_size=25))
def test_any_earlier_state_can_be_listed(tmp_path_factory: pytest.TempPathFactory, steps: list[Step]) -> None:
    async def run() -> None:
        expected: dict[int, dict[str, int]] = {0: {}}
        state: dict[str, int] = {}
        with Store(tmp_path_factory.mktemp("s") / "s.db") as store:
            for number, (verb, name) in enumerate(steps):
                if verb == "remove" and name not in state:
                    continue
                await store.write(put(name, n=number) if verb == "put" else remove(name))
                state = (
                    {**state, name: number}
                    if verb == "put"
                    else {k: v for k, v in state.items() if k != name}
                )
                expected[store.revision] = state
            for revision, wanted in expected.items():
                assert [row.name for row in store.page("things", at=revision).rows] == sorted(wanted)

    asyncio.run(run())


async def _together(store: Store, *mutations: Mutation) -> list[stores.Written | BaseException]:
    """Run mutations in one group: the writer is held until all of them wait."""
    import threading  # noqa: PLC0415 - used here alone

    gate = threading.Event()
    first = asyncio.ensure_future(store.write(_held(gate)))  # noqa: TID251 - must wait before the group is made
    waiting = [asyncio.ensure_future(store.write(mutation)) for mutation in mutations]  # noqa: TID251 - see above
    await asyncio.sleep(0)
    gate.set()
    await asyncio.wait([first, *waiting])
    return [task.exception() or task.result() for task in waiting]


def _held(gate: object) -> Callable[[View], Outcome]:
    def mutate(_: View) -> Outcome:
        gate.wait()  # type: ignore[attr-defined]  # a threading.Event
        return Outcome("keep", key("gate"), {"metadata": {"name": "gate"}})

    return mutate
