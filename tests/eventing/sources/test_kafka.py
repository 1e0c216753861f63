"""Kafka as a source and as a bus, real and killed: plain records become events, and none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from openfunction_eventing.documents import Delivery, Dispatcher, Source, Sources
from tests import waiting
from tests.eventing import brokers, parts, programs
from tests.eventing.dispatcher.running import to, trigger

pytestmark = pytest.mark.slow
TOTAL = 60


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[brokers.Kafka]:
    made = brokers.Kafka(tmp_path_factory.mktemp("kafka"))
    with brokers.running(made):
        yield made


def component(kafka: brokers.Kafka, name: str, **more: str) -> dict[str, Any]:
    metadata = {"brokers": kafka.url, "authType": "none", "initialOffset": "oldest", **more}
    values = [{"name": key, "value": value} for key, value in metadata.items()]
    spec = {"type": "pubsub.kafka", "version": "v1", "metadata": values, "initTimeout": "20s"}
    return {"kind": "Component", "metadata": {"name": name}, "spec": spec}


async def produce(kafka: brokers.Kafka, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.url)
    await producer.start()
    try:
        for number in range(TOTAL):
            await producer.send_and_wait(topic, f"record {number}".encode())
    finally:
        await producer.stop()


async def test_records_reach_a_sink_with_ids_that_stay_the_same(kafka: brokers.Kafka, tmp_path: Path) -> None:
    port = brokers.free_port()
    async with parts.Sink() as sink:
        spec = {"component": "in", "topic": "readings"}
        source = Source("default", "es", "reading", "kafka", spec, sink.url, delivery=Delivery(timeout=5.0))
        programs.write(tmp_path, "settings", Sources(port=port), component(kafka, "in", consumerGroup="mine"))
        programs.write(tmp_path, "sources", source)
        await produce(kafka, "readings")
        with programs.running("source", tmp_path, port) as program:
            await waiting.until(lambda: len(sink.got) > 10)
            program.kill()
            program.start()
            await waiting.until(lambda: len(set(sink.ids)) == TOTAL)
            assert await program.end() == 0
    bodies = {headers["ce-id"]: body for headers, body in sink.got}
    assert set(bodies.values()) == {f"record {number}".encode() for number in range(TOTAL)}
    assert len(bodies) == TOTAL, "a record that came again had the same id"
    assert all(one.startswith("kafka-default-es-reading-") for one in bodies)


async def test_a_bus_on_kafka_loses_nothing_when_its_dispatcher_is_killed(
    kafka: brokers.Kafka, tmp_path: Path
) -> None:
    port = brokers.free_port()
    async with parts.Sink() as sink:
        settings = Dispatcher("bus", "dispatcher", port=port, ack_wait=6.0)  # as soon as Kafka allows
        programs.write(tmp_path, "dispatcher", settings, component(kafka, "bus"))
        programs.write(tmp_path, "triggers", trigger(to(sink.url, topic="out")))
        with programs.running("dispatcher", tmp_path, port) as program:
            await program.ready()
            await produce(kafka, "a")
            await waiting.until(lambda: len(sink.got) > 10)
            program.kill()
            program.start()
            await waiting.until(lambda: len(set(sink.ids)) == TOTAL)
            assert await program.end() == 0
    assert {body for _, body in sink.got} == {f"record {number}".encode() for number in range(TOTAL)}
