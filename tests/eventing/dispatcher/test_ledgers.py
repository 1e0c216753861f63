"""The state of conditions on a real Kafka: two dispatchers at once, a broker that goes, a topic that is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.dispatcher import ledgers, states
from openfunction_eventing.drivers.kafka import ledger
from openfunction_eventing.drivers.kafka.ledger import LedgerError
from tests.eventing import brokers
from tests.eventing.dispatcher.running import to, trigger

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[brokers.Kafka]:
    made = brokers.Kafka(tmp_path_factory.mktemp("kafka"))
    with brokers.running(made):
        yield made


def bus(broker: brokers.Kafka) -> Component:
    return Component("bus", "pubsub.kafka", metadata={"brokers": broker.url, "authType": "none"})


async def test_two_writers_lose_no_mark_and_one_that_comes_later_knows_all(broker: brokers.Kafka) -> None:
    rules, group = trigger(to("http://127.0.0.1:1/", "a && b && c")), f"g/{uuid4().hex}"
    pair = [await ledgers.open(bus(broker), group) for _ in range(2)]
    async with asyncio.TaskGroup() as tasks:
        for number in range(60):
            tasks.create_task(pair[number % 2].mark(rules, ["abc"[number % 3]], 100.0 + number))
    await pair[0].note("e", ["r"])
    assert await pair[1].fired("e") == {"r"}
    for one in pair:
        await one.close()
    later = await ledgers.open(bus(broker), group)
    final = await later.mark(rules, [], 160.0)
    assert {name: at > 150 for name, at in final.items()} == {"a": True, "b": True, "c": True}
    assert await later.fired("e") == {"r"}
    await later.settled("e")
    assert await later.fired("e") == frozenset()
    await later.close()


async def test_of_two_marks_at_once_exactly_one_sees_the_other(broker: brokers.Kafka) -> None:
    group = f"g-{uuid4().hex}"
    pair = [await ledgers.open(bus(broker), group) for _ in range(2)]
    for number in range(30):
        rules = trigger(to("http://127.0.0.1:1/", "a && b"), name=f"t{number}")
        async with asyncio.TaskGroup() as tasks:
            one = tasks.create_task(pair[0].mark(rules, ["a"], 100.0))
            two = tasks.create_task(pair[1].mark(rules, ["b"], 100.0))
        assert sorted([len(one.result()), len(two.result())]) == [1, 2]
    for one_of_them in pair:
        await one_of_them.close()


async def test_a_broker_that_goes_is_told_and_what_was_marked_is_there_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "_PATIENCE", 1.0)
    rules, own = trigger(to("http://127.0.0.1:1/", "a && b")), brokers.Kafka(tmp_path)
    with brokers.running(own):
        memory = await ledgers.open(bus(own), "g")
        monkeypatch.setattr(ledger, "_PATIENCE", 15.0)
        await memory.mark(rules, ["a"], 100.0)
        own.kill()
        monkeypatch.setattr(ledger, "_PATIENCE", 1.0)
        with pytest.raises(LedgerError, match="cannot be written"):
            await memory.mark(rules, ["b"], 101.0)
        monkeypatch.setattr(ledger, "_PATIENCE", 30.0)
        await asyncio.to_thread(own.start)
        assert await memory.mark(rules, ["b"], 102.0) == {"a": 100.0, "b": 102.0}
        await memory.close()
        with pytest.raises(LedgerError, match="closed"):
            await memory.mark(rules, ["b"], 103.0)


async def test_its_topics_have_one_partition_and_forget_what_is_superseded(broker: brokers.Kafka) -> None:
    memory = await ledgers.open(bus(broker), "kept")
    await memory.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.url)
    await admin.start()
    names = ["openfunction.conditions.kept", "openfunction.fired.kept"]
    told = {one["topic"]: len(one["partitions"]) for one in await admin.describe_topics(names)}
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, names[0])])
    policies = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    await admin.close()
    assert told == dict.fromkeys(names, 1)
    assert policies["cleanup.policy"] == "compact"


async def test_an_entry_that_is_none_of_ours_is_left_out_and_stops_nothing(
    broker: brokers.Kafka, caplog: pytest.LogCaptureFixture
) -> None:
    rules = trigger(to("http://127.0.0.1:1/", "a && b"))
    memory = await ledgers.open(bus(broker), "foreign")
    await memory.mark(rules, ["a"], 100.0)
    async with AIOKafkaProducer(bootstrap_servers=broker.url) as producer:
        for key, value in ((b"x", b"{ no json"), (b"\xff", b"1"), (b"y", b"[]")):
            await producer.send_and_wait("openfunction.conditions.foreign", value, key=key)
    assert await memory.mark(rules, ["b"], 101.0) == {"a": 100.0, "b": 101.0}
    await memory.close()
    later = await ledgers.open(bus(broker), "foreign")
    assert await later.mark(rules, [], 101.0) == {"a": 100.0, "b": 101.0}
    await later.close()
    assert "is left out" in caplog.text


async def test_a_topic_with_several_partitions_is_refused(broker: brokers.Kafka) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.url)
    await admin.start()
    await admin.create_topics([NewTopic("openfunction.conditions.wide", 3, 1)])
    await admin.close()
    with pytest.raises(ComponentError, match="has 3 partitions and must have one"):
        await ledgers.open(bus(broker), "wide")


def test_what_nobody_settles_goes_with_age_and_a_taken_back_mark_is_cold() -> None:
    fired, marks = ledgers.Fired(), ledgers.Marks()
    fired.enter("old", b'["r"]', 100.0)
    fired.enter("new", b'["r"]', 101.0 + states.KEPT)
    assert not fired.of("old")
    assert fired.of("new") == {"r"}
    assert marks.enter('["t","a"]', b"5.0", 0.0) == {"a": 5.0}
    assert marks.enter('["t","a"]', None, 0.0) == {}
