"""The scaler kafka on a real broker: how lag counts under KEDA's options, and a message that wakes without a poll."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code

from openfunction_py.api.upstream import apps, keda
from openfunction_py.autoscaling.scalers import Reading, ScalerError
from openfunction_py.lib import clock
from openfunction_py.providers.keda import kafka_settings
from openfunction_py.providers.keda.parameters import Look
from openfunction_py.providers.keda.readers import Readers
from tests.eventing import brokers
from tests.providers import house as houses
from tests.providers.test_keda import at, says, scaled
from tests.providers.test_workloads import deployment

GROUP = "readers"
NOW = clock.SystemClock().now()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[brokers.Kafka]:
    """One broker with topics of four partitions."""
    one = brokers.Kafka(tmp_path_factory.mktemp("kafka"))
    with brokers.running(one):
        yield one


async def put(broker: brokers.Kafka, topic: str, *counts: int) -> None:
    """So many messages in each partition of a topic."""
    async with AIOKafkaProducer(bootstrap_servers=broker.url) as producer:
        for partition, count in enumerate(counts):
            for _ in range(count):
                await producer.send_and_wait(topic, b"1", partition=partition)


async def commit(broker: brokers.Kafka, topic: str, *places: int, group: str = GROUP) -> None:
    """Where the group is in each partition."""
    options = {"bootstrap_servers": broker.url, "group_id": group, "enable_auto_commit": False}
    async with AIOKafkaConsumer(**options) as client:
        parts = [TopicPartition(topic, number) for number in range(len(places))]
        client.assign(parts)
        await client.commit(dict(zip(parts, places, strict=True)))


def look(broker: brokers.Kafka, topic: str, **more: str) -> Look:
    """A trigger on that topic."""
    settings = {"bootstrapServers": broker.url, "consumerGroup": GROUP, "topic": topic, **more}
    return Look("default", "s0-kafka", "kafka", {key: value for key, value in settings.items() if value})


async def test_the_lag_of_a_group_is_what_it_has_not_committed(
    fresh: houses.House, broker: brokers.Kafka
) -> None:
    await put(broker, "lag", 30, 5, 0, 7)
    await commit(broker, "lag", 10, 5, 0, 0)
    readers = Readers(fresh.manager, fresh.instances)
    assert await readers.read(look(broker, "lag"), NOW) == Reading(27, 10, active=True)
    only = look(broker, "lag", partitionLimitation="1-2")
    assert await readers.read(only, NOW) == Reading(0, 10, active=False)
    activated = look(broker, "lag", lagThreshold="3", activationLagThreshold="27")
    assert await readers.read(activated, NOW) == Reading(4 * 3, 3, active=False)
    idle = look(broker, "lag", lagThreshold="3", allowIdleConsumers="true")
    assert await readers.read(idle, NOW) == Reading(27, 3, active=True)
    lagging = look(broker, "lag", lagThreshold="3", limitToPartitionsWithLag="true")
    assert await readers.read(lagging, NOW) == Reading(2 * 3, 3, active=True)
    even = look(broker, "lag", lagThreshold="10", ensureEvenDistributionOfPartitions="true")
    assert await readers.read(even, NOW) == Reading(40, 10, active=True)


async def test_without_a_topic_it_is_about_every_topic_of_the_group(
    fresh: houses.House, broker: brokers.Kafka
) -> None:
    other = {"consumerGroup": "wide"}
    for topic in ("wide-a", "wide-b"):
        await put(broker, topic, 2, 1)
        await commit(broker, topic, 1, group="wide")
    readers = Readers(fresh.manager, fresh.instances)
    # a partition in which nothing was committed counts as one, read from the end
    assert await readers.read(look(broker, "", **other), NOW) == Reading(2 * (1 + 3), 10, active=True)


async def test_a_group_without_a_place_has_what_its_reset_policy_gives_it(
    fresh: houses.House, broker: brokers.Kafka
) -> None:
    await put(broker, "new", 6, 0, 0, 3)
    readers, group = Readers(fresh.manager, fresh.instances), {"consumerGroup": "nobody"}
    assert await readers.read(look(broker, "new", **group), NOW) == Reading(4, 10, active=True)
    earliest = look(broker, "new", **group, offsetResetPolicy="earliest")
    assert await readers.read(earliest, NOW) == Reading(9, 10, active=True)
    zero = look(broker, "new", **group, scaleToZeroOnInvalidOffset="true")
    assert await readers.read(zero, NOW) == Reading(0, 10, active=False)


async def test_lag_that_does_not_move_counts_for_activity_alone_where_that_is_wanted(
    fresh: houses.House, broker: brokers.Kafka
) -> None:
    await put(broker, "stuck", 8, 0, 0, 0)
    await commit(broker, "stuck", 2, 0, 0, 0)
    readers, one = Readers(fresh.manager, fresh.instances), look(broker, "stuck", excludePersistentLag="true")
    assert await readers.read(one, NOW) == Reading(6, 10, active=True)
    assert await readers.read(one, NOW) == Reading(0, 10, active=True)
    await commit(broker, "stuck", 3, 0, 0, 0)
    assert await readers.read(one, NOW) == Reading(5, 10, active=True)


async def test_credentials_are_used_and_a_refusal_is_told(fresh: houses.House, broker: brokers.Kafka) -> None:
    await put(broker, "guarded", 1)
    settings = {"sasl": "plaintext", "username": "me", "bootstrapServers": broker.guarded_url}
    readers = Readers(fresh.manager, fresh.instances)
    right = look(broker, "guarded", password="right", **settings)
    assert (await readers.read(right, NOW)).active
    with pytest.raises(ScalerError, match=f"Kafka at {broker.guarded_url} cannot be read"):
        await readers.read(look(broker, "guarded", password="wrong", **settings), NOW)


@pytest.mark.parametrize("code", [14, 15, 16])
async def test_a_coordinator_that_is_just_coming_is_asked_again(
    fresh: houses.House, broker: brokers.Kafka, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    await put(broker, "soon", 2)
    await commit(broker, "soon", 0)
    asked, ask = [0], AIOKafkaAdminClient.list_consumer_group_offsets

    async def answer(admin: AIOKafkaAdminClient, *given: Any) -> Any:
        asked[0] += 1
        if asked[0] < 3:
            raise for_code(code)
        return await ask(admin, *given)

    monkeypatch.setattr(AIOKafkaAdminClient, "list_consumer_group_offsets", answer)
    assert (await Readers(fresh.manager, fresh.instances).read(look(broker, "soon"), NOW)).active
    assert asked[0] == 3


async def test_a_broker_that_is_away_and_a_service_that_is_not_there_are_named(fresh: houses.House) -> None:
    readers, port = Readers(fresh.manager, fresh.instances), brokers.free_port()
    settings = {"bootstrapServers": f"127.0.0.1:{port}", "consumerGroup": "g", "topic": "t"}
    with pytest.raises(ScalerError, match=f"Kafka at 127.0.0.1:{port} cannot be read"):
        await readers.read(Look("default", "n", "kafka", settings), NOW)
    settings["bootstrapServers"] = "kafka.shop.svc.cluster.local:9092"
    with pytest.raises(ScalerError, match="there is no Service kafka in shop"):
        await readers.read(Look("default", "n", "kafka", settings), NOW)


async def test_a_message_wakes_a_deployment_from_zero_without_a_poll(
    fresh: houses.House, broker: brokers.Kafka
) -> None:
    await put(broker, "wake", 1, 1, 1, 1)
    await commit(broker, "wake", 1, 1, 1, 1)
    await fresh.client.create(deployment(replicas=0))
    metadata = dict(look(broker, "wake").settings)
    await fresh.client.create(scaled({"type": "kafka", "metadata": metadata}))
    await fresh.until(keda.ScaledObject, "o", says("Active", "False"))
    await put(broker, "wake", 0, 0, 1)
    await fresh.until(apps.Deployment, "d", at(1))
    await fresh.until(keda.ScaledObject, "o", says("Active", "True"))


async def test_a_backlog_brings_as_many_as_it_takes_and_no_more_than_there_are_partitions(
    fresh: houses.House, broker: brokers.Kafka
) -> None:
    await put(broker, "many", 40, 40)
    await commit(broker, "many", 0, 0, 0, 0)
    await fresh.client.create(deployment(replicas=1))
    metadata = dict(look(broker, "many").settings)
    await fresh.client.create(scaled({"type": "kafka", "metadata": metadata}))
    await fresh.until(apps.Deployment, "d", at(4))


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"consumerGroup": ""}, "has no consumerGroup"),
        ({"lagThreshold": "0"}, "lagThreshold of the trigger t is 0; it must be 1 or more"),
        ({"activationLagThreshold": "-1"}, "activationLagThreshold of the trigger t is -1"),
        ({"offsetResetPolicy": "none"}, "write latest or earliest"),
        ({"allowIdleConsumers": "maybe"}, "write true or false"),
        ({"allowIdleConsumers": "true", "limitToPartitionsWithLag": "true"}, "exclude each other"),
        ({"topic": "", "limitToPartitionsWithLag": "true"}, "needs the topic"),
        ({"partitionLimitation": "1,x"}, "write numbers and ranges"),
    ],
)
def test_metadata_that_keda_refuses_is_refused(metadata: dict[str, str], said: str) -> None:
    settings: dict[str, Any] = {"bootstrapServers": "b", "consumerGroup": "g", "topic": "t", **metadata}
    with pytest.raises(ScalerError, match=said):
        kafka_settings.read(Look("default", "t", "kafka", settings))


def test_defaults_are_those_of_keda() -> None:
    settings = {"bootstrapServers": "a, b:1", "consumerGroup": "g", "topic": "t"}
    made = kafka_settings.read(Look("default", "t", "kafka", settings))
    assert made.servers == (("a", 9092), ("b", 1))
    assert (made.options.threshold, made.options.activation, made.options.reset) == (10, 0, "latest")
    assert kafka_settings.security(Look("default", "t", "kafka", {})) == {"security_protocol": "PLAINTEXT"}
    with pytest.raises(ScalerError, match="this platform has none, plaintext, scram_sha256, scram_sha512"):
        kafka_settings.security(Look("default", "t", "kafka", {"sasl": "gssapi"}))
