"""The Kafka binding against a real broker: data as it is, in and out; what settings mean."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast
from uuid import uuid4

import pytest

from openfunction_eventing import drivers
from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.drivers.bindings_kafka import KafkaBinding
from openfunction_eventing.drivers.port import ACK, RETRY, BindingError, Verdict
from tests.eventing import brokers

PATIENCE = 30.0


class Got:
    def __init__(self, *answers: Verdict) -> None:
        self.all: list[tuple[bytes, Mapping[str, str]]] = []
        self._answers = list(answers)
        self._came = asyncio.Condition()

    async def __call__(self, data: bytes, metadata: Mapping[str, str]) -> Verdict:
        async with self._came:
            self.all.append((data, metadata))
            self._came.notify_all()
        return self._answers.pop(0) if self._answers else ACK

    async def count(self, wanted: int) -> None:
        async with asyncio.timeout(PATIENCE), self._came:
            await self._came.wait_for(lambda: len(self.all) >= wanted)


async def opened(kafka: brokers.Kafka, topic: str, **metadata: str) -> KafkaBinding:
    given = {"brokers": kafka.url, "authType": "none", "topics": topic, "publishTopic": topic, **metadata}
    found = await drivers.open(
        Component("k", "bindings.kafka", metadata={**given, "initialOffset": "oldest"})
    )
    return cast("KafkaBinding", found)


@pytest.mark.capability("read")
@pytest.mark.capability("write")
@pytest.mark.capability("redelivery")
@pytest.mark.slow
async def test_what_is_created_is_read_as_it_is(kafka: brokers.Kafka) -> None:
    topic = f"b-{uuid4().hex[:8]}"
    binding = await opened(kafka, topic, consumerGroup="g")
    await binding.invoke("create", b"\x00plain", {"partitionKey": "k", "colour": "red"})
    got = Got(RETRY)
    await binding.read(got)
    await got.count(2)
    await binding.close()
    assert [data for data, _ in got.all] == [b"\x00plain"] * 2
    told = got.all[0][1]
    assert (told["__key"], told["__topic"], told["__offset"], told["colour"]) == ("k", topic, "0", "red")


@pytest.mark.slow
async def test_without_retries_a_failure_is_given_up(kafka: brokers.Kafka) -> None:
    topic = f"b-{uuid4().hex[:8]}"
    binding = await opened(kafka, topic, consumerGroup="g", consumeRetryEnabled="false")
    for data in (b"1", b"2"):
        await binding.invoke("create", data, {"partitionKey": "same"})
    got = Got(RETRY)
    await binding.read(got)
    await got.count(2)
    await binding.close()
    assert [data for data, _ in got.all] == [b"1", b"2"]


@pytest.mark.capability("consumer group")
@pytest.mark.slow
async def test_a_group_goes_on_where_it_was(kafka: brokers.Kafka) -> None:
    topic = f"b-{uuid4().hex[:8]}"
    for number in (b"1", b"2"):
        binding = await opened(kafka, topic, consumerGroup="g")
        await binding.invoke("create", number, {})
        got = Got()
        await binding.read(got)
        await got.count(1)
        await binding.close()
        assert [data for data, _ in got.all] == [number]


@pytest.mark.slow
async def test_a_binding_without_topics_reads_nothing_and_names_what_is_missing(kafka: brokers.Kafka) -> None:
    binding = await opened(kafka, "", topics="", publishTopic="")
    reading = await binding.read(Got())
    await reading.stop()
    with pytest.raises(BindingError, match="'publishTopic'"):
        await binding.invoke("create", b"", {})
    with pytest.raises(BindingError, match="no operation 'get'; there is create"):
        await binding.invoke("get", b"", {})
    await binding.close()


@pytest.mark.capability("failure told")
async def test_a_dead_broker_is_named_with_its_address() -> None:
    address = f"127.0.0.1:{brokers.free_port()}"
    dead = Component(
        "k", "bindings.kafka", metadata={"brokers": address, "authType": "none"}, init_timeout=0.5
    )
    with pytest.raises(ComponentError, match=f"Kafka at {address} cannot be reached"):
        await drivers.open(dead)


@pytest.mark.capability("credentials refused")
@pytest.mark.slow
async def test_wrong_credentials_are_refused_at_once_and_right_ones_work(kafka: brokers.Kafka) -> None:
    metadata = {
        "brokers": kafka.guarded_url,
        "authType": "password",
        "disableTls": "true",
        "saslUsername": "me",
    }
    metadata["publishTopic"] = "guarded"
    wrong = Component(
        "k", "bindings.kafka", metadata={**metadata, "saslPassword": "secret"}, init_timeout=60.0
    )
    with pytest.raises(ComponentError, match="refuses the credentials") as told:
        await drivers.open(wrong)
    assert "secret" not in str(told.value)
    right = Component("k", "bindings.kafka", metadata={**metadata, "saslPassword": "right"})
    binding = cast("KafkaBinding", await drivers.open(right))
    await binding.invoke("create", b"1", {})
    await binding.close()


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({}, "'brokers' is missing"),
        ({"brokers": "b:1"}, "'authType' is missing"),
        ({"brokers": "b:1", "authType": "magic"}, "'authType' is 'magic'; it must be one of none, password"),
        ({"brokers": "b:1", "authType": "oidc"}, "authType oidc is not there yet"),
        ({"brokers": "b:1", "authType": "password"}, "'saslUsername' is missing"),
        ({"brokers": "b:1", "authType": "certificate"}, "'caCert' is missing"),
        ({"brokers": "b:1", "authType": "mtls", "clientCert": "x"}, "go together"),
        ({"brokers": "b:1", "authType": "none", "initialOffset": "middle"}, "'initialOffset' is 'middle'"),
        ({"brokers": "b:1", "authType": "none", "maxMessageBytes": "big"}, "'maxMessageBytes' is 'big'"),
        ({"brokers": "nowhere", "authRequired": "false"}, "has 'nowhere'; write host:port"),
    ],
)
async def test_wrong_metadata_is_named(metadata: dict[str, str], said: str) -> None:
    with pytest.raises(ComponentError) as told:
        await drivers.open(Component("k", "bindings.kafka", metadata=metadata))
    assert said in str(told.value)
