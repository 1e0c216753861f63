"""The dispatcher as a process on a real Kafka: killed, two at once, answers and dead letters as topics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from aiokafka.admin import AIOKafkaAdminClient

from openfunction_eventing import component, drivers
from openfunction_eventing.documents import Delivery, Dispatcher, Journal
from openfunction_eventing.drivers.port import ACK, PubSub, SubscribeOptions, Verdict
from openfunction_eventing.envelope import Message
from tests import waiting
from tests.eventing import brokers, parts, programs
from tests.eventing.dispatcher.running import to, trigger

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[brokers.Kafka]:
    made = brokers.Kafka(tmp_path_factory.mktemp("kafka"))
    with brokers.running(made):
        yield made


def document(broker: brokers.Kafka, **more: str) -> dict[str, Any]:
    """The Component of a bus."""
    given = {"brokers": broker.url, "authType": "none", "initialOffset": "oldest", **more}
    values = [{"name": key, "value": value} for key, value in given.items()]
    spec = {"type": "pubsub.kafka", "version": "v1", "metadata": values}
    return {"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": "bus"}, "spec": spec}


@asynccontextmanager
async def connected(broker: brokers.Kafka, **more: str) -> AsyncIterator[PubSub]:
    bus = await drivers.open(component.from_document(document(broker, **more)))
    assert isinstance(bus, PubSub)
    try:
        yield bus
    finally:
        await bus.close()


def folder(path: Path, broker: brokers.Kafka, group: str, *more: object) -> int:
    """A dispatcher's folder; its port."""
    port = brokers.free_port()
    settings = Dispatcher("bus", group, port=port, ack_wait=6.0, journal=Journal(str(path / "journal")))
    programs.write(path, "dispatcher", settings, document(broker))
    programs.write(path, "triggers", *more)
    return port


async def test_answers_and_dead_letters_are_topics_of_the_bus(broker: brokers.Kafka, tmp_path: Path) -> None:
    got: dict[str, list[str]] = {"out": [], "dead": [], "answers": []}

    def into(name: str) -> Any:  # Any: a Deliver
        async def take(message: Message) -> Verdict:
            got[name].append(str(message.event["id"]))
            return ACK

        return take

    async def answer(_: web.Request) -> web.Response:
        headers = {"ce-id": "reply", "ce-source": "/fn", "ce-type": "answer", "ce-specversion": "1.0"}
        return web.json_response({"n": 1}, headers=headers)

    async with parts.Sink(500) as broken, parts.Sink(answer=answer) as replying, connected(broker) as bus:
        rules = trigger(
            to("", topic="out"),
            to(broken.url, dead_letter_topic="dead", delivery=Delivery(retry=1, backoff_delay=0.01)),
            to(replying.url, reply_topic="answers"),
        )
        port = folder(tmp_path, broker, uuid4().hex, rules)
        with programs.running("dispatcher", tmp_path, port) as program:
            await program.ready()
            await bus.publish("a", Message("a", parts.event(1)))
            for name in got:
                await bus.subscribe(name, SubscribeOptions(group="look", start="all"), into(name))
            await waiting.until(lambda: all(got.values()))
            assert await program.end() == 0
        assert (got, broken.ids) == ({"out": ["e1"], "dead": ["e1"], "answers": ["reply"]}, ["e1", "e1"])


async def test_conditions_are_right_with_two_dispatchers_and_after_a_kill(
    broker: brokers.Kafka, tmp_path: Path
) -> None:
    group = uuid4().hex
    names = {one: f"{one}-{group}" for one in "abc"}
    async with parts.Sink() as sink, connected(broker) as bus:
        rules = topics(trigger(to(sink.url, "a && b && c")), names)
        ports = [folder(tmp_path / one, broker, group, rules) for one in ("one", "two")]
        with (
            programs.running("dispatcher", tmp_path / "one", ports[0]) as first,
            programs.running("dispatcher", tmp_path / "two", ports[1]) as second,
        ):
            await first.ready()
            await second.ready()
            for number, name in enumerate("ab", 1):
                await bus.publish(names[name], Message(names[name], parts.event(number)))

            async def settled() -> bool:
                stories = [
                    await one.get(f"journal/{name}") for one in (first, second) for name in ("e1", "e2")
                ]
                return sum(text.count('"acknowledged"') for _, text in stories) == 2

            await waiting.until_async(settled)
            first.kill()
            await bus.publish(names["c"], Message(names["c"], parts.event(3)))
            await waiting.until(lambda: sink.ids)
        assert sink.ids == ["e3"]


async def test_what_fired_before_a_kill_fires_when_it_comes_again_though_its_partner_is_cold(
    broker: brokers.Kafka, tmp_path: Path
) -> None:
    group = uuid4().hex
    names = {one: f"{one}-{group}" for one in "abc"}
    hold = asyncio.Event()
    asked: list[str] = []

    async def slow_once(request: web.Request) -> web.Response:
        asked.append(request.headers["ce-id"])
        if len(asked) == 1:
            await hold.wait()
        return web.Response()

    async with parts.Sink(answer=slow_once) as sink, connected(broker) as bus:
        rules = topics(trigger(to(sink.url, "a && b", delivery=Delivery(timeout=60)), window=3.0), names)
        port = folder(tmp_path, broker, group, rules)
        with programs.running("dispatcher", tmp_path, port) as program:
            await program.ready()
            await bus.publish(names["a"], Message(names["a"], parts.event(1)))

            async def waits() -> bool:
                return "acknowledged" in (await program.get("journal/e1"))[1]

            await waiting.until_async(waits)
            await bus.publish(names["b"], Message(names["b"], parts.event(2)))
            await waiting.until(lambda: asked)
            program.kill()  # the group waits out its session, longer than the window, before another gets e2
            program.start()
            await waiting.until(lambda: len(asked) == 2)
            hold.set()
        assert asked == ["e2", "e2"]


async def test_nothing_is_lost_when_the_dispatcher_is_killed_and_started_again(
    broker: brokers.Kafka, tmp_path: Path
) -> None:
    total, group = 300, uuid4().hex
    async with parts.Sink() as sink, connected(broker) as bus:
        names = {one: f"{one}-{group}" for one in "abc"}
        port = folder(tmp_path, broker, group, topics(trigger(to(sink.url)), names))
        with programs.running("dispatcher", tmp_path, port) as program:
            await program.ready()
            for start in range(0, total, 100):
                events = [Message(names["a"], parts.event(number)) for number in range(start, start + 100)]
                assert await bus.bulk_publish(names["a"], events) == [None] * 100
                await waiting.until(lambda start=start: len(set(sink.ids)) > start + 20)  # type: ignore[misc]  # waited for at once
                program.kill()
                program.start()
            await waiting.until(lambda: len(set(sink.ids)) == total)
        print(f"sent {total}, handled {len(set(sink.ids))}, repeated {len(sink.ids) - total}")  # noqa: T201 - a figure to read


async def test_topics_have_the_partitions_that_the_bus_asks_for(broker: brokers.Kafka) -> None:
    async with connected(broker, partitions="7", replicationFactor="1") as bus:
        await bus.publish("seven", Message("seven", parts.event(1)))
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.url)
    await admin.start()
    (told,) = await admin.describe_topics(["seven"])
    await admin.close()
    assert len(told["partitions"]) == 7
    with pytest.raises(component.ComponentError, match="'partitions' is 'many'"):
        await drivers.open(component.from_document(document(broker, partitions="many")))


def topics(rules: Any, names: dict[str, str]) -> Any:  # Any: a Trigger, copied
    """The trigger with topics of its own behind the same names of inputs."""
    import dataclasses  # noqa: PLC0415

    inputs = tuple(dataclasses.replace(one, topic=names[one.name]) for one in rules.inputs)
    return dataclasses.replace(rules, inputs=inputs, uid=next(iter(names.values())))
