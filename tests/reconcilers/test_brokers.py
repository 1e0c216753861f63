"""Readers made known to real brokers before anybody reads: nothing that comes meanwhile is lost to them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import nats
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from nats.aio.client import Client
from nats.js.api import ConsumerInfo

from openfunction_eventing import drivers
from openfunction_eventing.component import Component
from openfunction_eventing.drivers.jetstream import link
from openfunction_py.reconcilers.serving import brokers as groups
from openfunction_py.reconcilers.serving.brokers import BrokerError, Readers
from tests.eventing import brokers
from tests.waiting import until_async


def readers(kind: str, topics: tuple[str, ...] = ("work",), **metadata: str) -> Readers:
    """Readers of a component's topics."""
    items: list[dict[str, Any]] = [{"name": key, "value": value} for key, value in metadata.items()]
    document = {"metadata": {"name": "c"}, "spec": {"type": kind, "version": "v1", "metadata": items}}
    return Readers(document, topics, "hello-default")


async def pending(client: Client, durable: str, count: int) -> ConsumerInfo:
    """A durable of the topic once it has so many messages: it hears of one a moment after who published it."""
    found: list[ConsumerInfo] = []

    async def has() -> bool:
        found[:] = [await client.jetstream().consumer_info("work", durable)]
        return found[0].num_pending == count

    await until_async(has)
    return found[0]


async def test_a_durable_of_jetstream_is_there_before_its_first_reader_and_is_made_once(
    tmp_path: Path,
) -> None:
    broker = brokers.Nats(tmp_path)
    with brokers.running(broker):
        for _ in range(2):
            await groups.make([readers("pubsub.jetstream", ("work", "play"), natsURL=broker.url)])
        client = await nats.connect(broker.url)
        await client.jetstream().publish("work", b"1")
        found = await pending(client, "hello-default__work", 1)
        assert found.config.max_deliver == -1
        assert await client.jetstream().consumer_info("play", "hello-default__play")
        await client.close()


async def test_what_daprd_reads_is_pushed_to_it_and_what_it_writes_has_a_stream(tmp_path: Path) -> None:
    broker = brokers.Nats(tmp_path)
    with brokers.running(broker):
        asks = readers(
            "pubsub.jetstream", natsURL=broker.url, durableName="d", queueGroupName="g", ackWait="7s"
        )
        wanted = dataclasses.replace(asks, written=("out",))
        client = await nats.connect(broker.url)
        for _ in range(2):
            await groups.make([wanted], push=True)
            await client.jetstream().publish("work", b"1")
        found = await pending(client, "d", 2)
        assert (found.config.deliver_group, found.config.ack_wait) == ("g", 7)
        assert found.config.deliver_subject
        assert (await client.jetstream().stream_info("out")).config.subjects == ["out"]
        await client.close()


async def test_a_durable_that_daprd_cannot_read_through_is_named_with_the_way_out(tmp_path: Path) -> None:
    broker = brokers.Nats(tmp_path)
    with brokers.running(broker):
        named = readers("pubsub.jetstream", natsURL=broker.url, durableName="d")
        await groups.make([named])
        with pytest.raises(BrokerError, match=r"'d' is a pull consumer.*take another durableName") as told:
            await groups.make([named], push=True)
        assert told.value.lasting
        other = readers("pubsub.jetstream", natsURL=broker.url, durableName="e")
        await groups.make([other], push=True)
        with pytest.raises(BrokerError, match=r"'e' is a push consumer.*take another durableName"):
            await groups.make([other])
        several = readers("pubsub.jetstream", ("work", "play"), natsURL=broker.url)
        with pytest.raises(BrokerError, match="a component for each topic"):
            await groups.make([several], push=True)


async def test_what_a_broker_refuses_for_daprd_is_told_with_the_topic(tmp_path: Path) -> None:
    broker = brokers.Nats(tmp_path)
    with brokers.running(broker):
        client = await nats.connect(broker.url)
        await client.jetstream().add_stream(name="mine", subjects=["other"])
        await client.jetstream().add_stream(name="theirs", subjects=["work"])
        await client.close()
        asks = readers("pubsub.jetstream", natsURL=broker.url, durableName="d", streamName="mine")
        with pytest.raises(BrokerError, match=r"topic 'work' cannot be read .*overlap"):
            await groups.make([asks], push=True)
        writes = dataclasses.replace(asks, topics=(), written=("work",))
        with pytest.raises(BrokerError, match=r"topic 'work' cannot be written .*overlap"):
            await groups.make([writes], push=True)


@pytest.mark.parametrize(("topics", "written"), [(("work",), ()), ((), ("work",))])
async def test_a_broker_that_goes_while_it_is_asked_for_daprd_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topics: tuple[str, ...], written: tuple[str, ...]
) -> None:
    broker = brokers.Nats(tmp_path)
    opened = drivers.open

    async def open_and_lose(component: Component) -> object:
        driver = await opened(component)
        broker.stop()
        return driver

    monkeypatch.setattr(drivers, "open", open_and_lose)
    monkeypatch.setattr(link, "_API_TIMEOUT", 0.3)
    with brokers.running(broker):
        asks = readers("pubsub.jetstream", topics, natsURL=broker.url, durableName="d")
        with pytest.raises(BrokerError, match=rf"topic 'work' cannot be .* 127.0.0.1:{broker.port}: \S+"):
            await groups.make([dataclasses.replace(asks, written=written)], push=True)


async def test_a_component_that_is_only_written_to_needs_no_broker_for_our_sidecar() -> None:
    away = readers("pubsub.jetstream", (), natsURL="nats://127.0.0.1:1")
    await groups.make([dataclasses.replace(away, written=("out",))])


async def test_a_group_of_kafka_begins_where_the_topic_ended_when_it_was_made(tmp_path: Path) -> None:
    broker = brokers.Kafka(tmp_path)
    with brokers.running(broker):
        await groups.make([readers("pubsub.kafka", brokers=broker.url, authType="none")])
        async with AIOKafkaProducer(bootstrap_servers=broker.url) as producer:
            await producer.send_and_wait("work", b"1", partition=2)
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.url)
        await admin.start()
        committed = await admin.list_consumer_group_offsets("hello-default")
        await admin.close()
        assert committed[TopicPartition("work", 2)].offset == 0


async def test_a_broker_that_is_away_and_a_secret_that_is_missing_are_named() -> None:
    port = brokers.free_port()
    away = readers("pubsub.jetstream", natsURL=f"nats://127.0.0.1:{port}")
    away.component["spec"]["initTimeout"] = "300ms"
    with pytest.raises(BrokerError, match=f"NATS at 127.0.0.1:{port} cannot be reached"):
        await groups.make([away])
    away.component["spec"]["metadata"].append({"name": "token", "secretKeyRef": {"name": "s", "key": "k"}})
    with pytest.raises(BrokerError, match="key 'k' of secret 's'"):
        await groups.make([away])
    secrets = {("s", "k"): "of Kubernetes, so not what is meant"}
    elsewhere = dataclasses.replace(
        away, component={**away.component, "auth": {"secretStore": "vault"}}, secrets=secrets
    )
    with pytest.raises(
        BrokerError, match="takes s from the secret store vault, which only its sidecar reads"
    ):
        await groups.make([elsewhere])
