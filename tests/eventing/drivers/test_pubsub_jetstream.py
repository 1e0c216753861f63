"""JetStream: the contract against a real server, and what is its own: names, limits, refusals."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest

from openfunction_eventing import drivers
from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.drivers.jetstream import publisher, streams
from openfunction_eventing.drivers.jetstream.watch import Watch
from openfunction_eventing.drivers.port import ACK, SubscribeOptions, Verdict
from openfunction_eventing.drivers.pubsub_jetstream import JetStream
from openfunction_eventing.envelope import Message
from tests.eventing import brokers
from tests.eventing.drivers import contract, contract_durable


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[brokers.Nats]:
    made = brokers.Nats(tmp_path_factory.mktemp("nats"))
    with brokers.running(made):
        yield made


class TestContract(contract_durable.DurableContract, contract.OrderContract):
    """The promises."""

    def component(self, broker: contract.Restartable) -> Component:
        return Component("bus", "pubsub.jetstream", metadata={"natsURL": cast("brokers.Nats", broker).url})

    def hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(publisher, "PATIENCE", 1.0)


def component(broker: brokers.Nats, **metadata: str) -> Component:
    return Component(
        "bus", "pubsub.jetstream", metadata={"natsURL": broker.url, **metadata}, init_timeout=1.0
    )


async def opened(given: Component) -> JetStream:
    made = await drivers.open(given)
    assert isinstance(made, JetStream)
    return made


@pytest.fixture
async def bus(broker: brokers.Nats) -> AsyncIterator[JetStream]:
    made = await opened(component(broker))
    yield made
    await made.close()


@pytest.mark.capability("health told")
async def test_a_dead_broker_is_named_with_its_address() -> None:
    port_number = brokers.free_port()
    dead = Component(
        "bus", "pubsub.jetstream", metadata={"natsURL": f"nats://me:secret@127.0.0.1:{port_number}"}
    )
    with pytest.raises(ComponentError, match=f"127.0.0.1:{port_number} cannot be reached") as told:
        await drivers.open(dataclasses.replace(dead, init_timeout=0.4))
    assert "secret" not in str(told.value)


@pytest.mark.capability("credentials refused")
async def test_refused_credentials_are_final_at_once(tmp_path: Path) -> None:
    guarded = brokers.Nats(tmp_path, extra='authorization { token: "right" }')
    with brokers.running(guarded):
        with pytest.raises(ComponentError, match="refuses the credentials"):
            await drivers.open(dataclasses.replace(component(guarded, token="wrong"), init_timeout=60.0))
        made = await opened(component(guarded, token="right"))
        assert made.health() == ""
        await made.close()


async def test_a_server_without_jetstream_is_told(tmp_path: Path) -> None:
    plain = PlainNats(tmp_path)
    with brokers.running(plain), pytest.raises(ComponentError, match="offers no JetStream"):
        await drivers.open(component(plain))


class PlainNats(brokers.Nats):
    """A server without JetStream."""

    def command(self) -> list[str]:
        program, option, config = super().command()
        Path(config).write_text(f'listen: "127.0.0.1:{self.port}"\n')
        return [program, option, config]


async def test_streams_and_durables_have_derived_names(bus: JetStream) -> None:
    topic = f"ns-es.{uuid4().hex[:8]}"
    reading = await bus.subscribe(topic, SubscribeOptions(group="app"), contract.Handler())
    await reading.stop()
    stream = streams.safe_name(topic)
    assert stream.startswith("ns-es_")
    manager = bus._link.jetstream()
    assert (await manager.stream_info(stream)).config.subjects == [topic]
    name = streams.durable_name(bus._link.component, topic, SubscribeOptions(group="app"))
    info = await manager.consumer_info(stream, name)
    assert (info.config.ack_wait, info.config.filter_subject) == (30.0, topic)


async def test_topics_of_one_stream_name_are_kept_by_it(broker: brokers.Nats) -> None:
    name = f"s{uuid4().hex[:8]}"
    two = [await opened(component(broker, streamName=name)) for _ in range(2)]
    async with asyncio.TaskGroup() as group:
        for number in range(8):
            topic = f"{name}-{number}"
            group.create_task(two[number % 2].publish(topic, contract.message(topic, number)))
    config = (await two[0]._link.jetstream().stream_info(name)).config
    assert sorted(config.subjects or ()) == [f"{name}-{number}" for number in range(8)]
    for one in two:
        await one.close()


async def test_durable_name_is_taken_as_written_and_a_push_consumer_is_refused(broker: brokers.Nats) -> None:
    topic = f"t{uuid4().hex[:8]}"
    made = await opened(component(broker, durableName="mine", ackWait="7s", maxAckPending="5"))
    reading = await made.subscribe(topic, SubscribeOptions(group="app"), contract.Handler())
    config = (await made._link.jetstream().consumer_info(topic, "mine")).config
    assert (config.ack_wait, config.max_ack_pending) == (7.0, 5)
    await reading.stop()
    await made._link.jetstream().delete_consumer(topic, "mine")
    await made._link.jetstream().add_consumer(topic, durable_name="mine", deliver_subject="somewhere")
    with pytest.raises(ComponentError, match="push consumer"):
        await made.subscribe(topic, SubscribeOptions(), contract.Handler())
    await made.close()


async def test_a_consumer_that_was_deleted_is_made_again(bus: JetStream) -> None:
    topic = f"t{uuid4().hex[:8]}"
    handler = contract.Handler()
    reading = await bus.subscribe(topic, SubscribeOptions(group="app"), handler)
    name = streams.durable_name(bus._link.component, topic, SubscribeOptions(group="app"))
    await bus.publish(topic, contract.message(topic, 1))
    await handler.count(1)
    await bus._link.jetstream().delete_consumer(topic, name)
    await bus.publish(topic, contract.message(topic, 2))
    await handler.until(lambda numbers: 2 in numbers)
    await reading.stop()


async def test_a_topic_with_a_space_or_a_wildcard_is_refused(bus: JetStream) -> None:
    for topic in ("a b", "a.*", "a.>", ""):
        with pytest.raises(ComponentError, match="is no topic"):
            await bus.subscribe(topic, SubscribeOptions(group="app"), contract.Handler())


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"ackWait": "soon"}, "'ackWait' is 'soon'; it must be a span"),
        (
            {"deliverPolicy": "best"},
            "'deliverPolicy' is 'best'; it must be one of all, last, new, sequence, time",
        ),
        ({"maxAckPending": "many"}, "'maxAckPending' is 'many'; it must be a whole number"),
        ({"jwt": "x"}, "'seedKey' is missing"),
        ({"tls_client_cert": "x"}, "'tls_client_key' is missing"),
        ({"backOff": "1s, later"}, "'backOff' is '1s, later'; it must be spans"),
        ({"natsURL": ""}, "'natsURL' is missing"),
    ],
)
async def test_wrong_metadata_is_named(broker: brokers.Nats, metadata: dict[str, str], said: str) -> None:
    with pytest.raises(ComponentError) as told:
        await drivers.open(component(broker, **metadata))
    assert said in str(told.value)


async def test_unknown_metadata_is_tolerated(broker: brokers.Nats) -> None:
    made = await opened(component(broker, whatever="x", flowControl="true", heartbeat="15s"))
    await made.close()


async def nothing(_: Message) -> Verdict:
    return ACK


async def test_a_durable_that_is_there_gets_the_order_that_its_reader_asks_for(bus: JetStream) -> None:
    topic = f"t-{uuid4().hex[:8]}"
    watch = await bus.subscribe(topic, SubscribeOptions(group="g", max_in_flight=0), nothing)
    manager = bus._link.jetstream()
    assert (await manager.consumer_info(topic, f"g__{topic}")).config.max_ack_pending != 1
    reader = await bus.subscribe(topic, SubscribeOptions(group="g", order_key="partitionkey"), nothing)
    kept = (await manager.consumer_info(topic, f"g__{topic}")).config
    assert (kept.max_ack_pending, kept.filter_subject, kept.durable_name) == (1, topic, f"g__{topic}")
    await reader.stop()
    await watch.stop()


@pytest.mark.capability("backlog pushed")
async def test_a_watcher_wakes_before_its_next_look(bus: JetStream) -> None:
    topic = f"t{uuid4().hex[:8]}"
    watch = await bus.subscribe(topic, SubscribeOptions(group="app", max_in_flight=0), contract.Handler())
    assert isinstance(watch, Watch)
    watch._tick = 3600.0  # so that only the bell can wake it, once the look that is under way is over
    woken = asyncio.Event()
    watch.on_backlog = lambda count: woken.set() if count else None
    async with asyncio.timeout(contract.PATIENCE):
        while not watch._armed:  # noqa: ASYNC110 - a look inside
            await asyncio.sleep(0.01)
        await bus.publish(topic, contract.message(topic, 1))
        await woken.wait()
    await watch.stop()
