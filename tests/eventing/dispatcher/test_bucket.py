"""The state in a real JetStream bucket: compare-and-set between two dispatchers, and a broker that goes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from openfunction_eventing import component
from openfunction_eventing.dispatcher import bucket, states
from openfunction_eventing.dispatcher.bucket import BucketError
from openfunction_eventing.drivers.port import Conflict, Write
from tests.eventing import brokers, programs
from tests.eventing.dispatcher.running import to, trigger


async def test_two_writers_lose_nothing_and_a_restart_forgets_nothing(tmp_path: Path) -> None:
    broker = brokers.Nats(tmp_path)
    where = component.from_document(programs.component(broker.url))
    rules = trigger(to("http://127.0.0.1:1/", "a && b && c"))
    with brokers.running(broker):
        pair = [await bucket.open(where, "group/x") for _ in range(2)]
        both = [states.States(one) for one in pair]
        async with asyncio.TaskGroup() as group:
            for number in range(30):
                group.create_task(both[number % 2].mark(rules, ["abc"[number % 3]], 100.0 + number))
        await both[0].note("e", ["r"])
        broker.kill()
        with pytest.raises(BucketError, match="cannot be"):
            async with asyncio.timeout(20):
                await pair[0].get(["trigger-default.t"])
        for one in pair:
            await one.close()
        broker.start()
        later = await bucket.open(where, "group/x")
        again = states.States(later)
        assert await again.mark(rules, [], 130.0) == {"a": 127.0, "b": 128.0, "c": 129.0}
        assert await again.fired("e") == {"r"}
        await again.settled("e")
        assert await again.fired("e") == frozenset()
        await later.close()


async def test_a_write_over_another_one_is_a_conflict(tmp_path: Path) -> None:
    broker = brokers.Nats(tmp_path)
    with brokers.running(broker):
        store = await bucket.open(component.from_document(programs.component(broker.url)), "g")
        await store.write([Write("k", b"1", first_write=True)])
        with pytest.raises(Conflict):
            await store.write([Write("k", b"2", first_write=True)])
        item = (await store.get(["k", "absent"]))["k"]
        await store.write([Write("k", b"3", item.etag)])
        with pytest.raises(Conflict):
            await store.write([Write("k", b"4", item.etag)])
        assert (await store.get(["k"]))["k"].value == b"3"
        await store.close()
