"""Asynchronous samples, applied as they stand: a clock, a topic of Kafka, two topics, a Job per event."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
from aiokafka import AIOKafkaProducer

from tests.e2e import backlog, platform
from tests.e2e.test_async_frames import spoken
from tests.e2e.test_events import function, logged, ready, until
from tests.eventing import brokers

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
KAFKA = "kafka-server-kafka-brokers"


def apply(there: platform.Platform, name: str) -> None:
    """A sample, until its function is Ready."""
    there.ofn("apply", "-f", str(platform.ROOT / "samples" / name), "--wait")


def test_a_clock_calls_its_function(there: platform.Platform) -> None:
    apply(there, "cron-input")
    until(lambda: logged(there, "cron-input-async").count("cron ticked without data") >= 2)
    there.ofn("delete", "function", "cron-input")


MEMORY = """
    triggers: {dapr: [{name: cron, type: bindings.cron}]}
    bindings: {cron: {type: bindings.cron, version: v1, metadata: [{name: schedule, value: "@every 1h"}]}}
    scaleOptions:
      minReplicas: 1
      maxReplicas: 2
      keda:
        scaledObject: {pollingInterval: 1}
        triggers: [{type: memory, metricType: AverageValue, metadata: {value: 1Mi, containerName: function}}]
"""


def test_instances_that_use_more_memory_than_is_aimed_at_become_more(there: platform.Platform) -> None:
    source = "def hungry(context):\n    return None\n"
    there.apply(function("hungry", source, env=", FUNC_TYPE: openfunction", serving=MEMORY))
    until(lambda: there.json("deployment", "hungry-async")["status"].get("readyReplicas") == 2)
    (scaler,) = [
        one for one in there.json("scaledobjects")["items"] if one["metadata"]["name"] == "hungry-scaler"
    ]
    assert scaler["status"]["resourceMetricNames"] == ["memory"]
    there.ofn("delete", "function", "hungry")


def test_a_backlog_brings_replicas_from_zero_and_nothing_of_it_is_lost(there: platform.Platform) -> None:
    backlog.set_up(there)
    seen = backlog.flow(there, 1000)
    print(backlog.verdict(seen))
    assert (len(seen.answers), seen.lost) == (1000, 0)
    assert (seen.steps[0], seen.steps[-1]) == (0, 0)
    assert max(seen.steps) > 1
    assert spoken(there, "pubsub-async") == {"frames"}
    there.ofn("delete", "function", "pubsub")


def test_a_job_is_run_for_each_event_and_ends_with_it(there: platform.Platform) -> None:
    there.ofn("apply", "-f", str(platform.ROOT / "samples/pubsub/bus.yaml"))
    until(lambda: ready(there, "eventbus", "pubsub"))
    apply(there, "job")
    assert there.json("jobs")["items"] == []
    asyncio.run(publish(backlog.broker(there), "pages", 5))

    def complete() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = there.json("jobs")["items"]
        return [one for one in found if (one.get("status") or {}).get("succeeded") == 1]

    platform.until(lambda: len(complete()) == 5, seconds=150, what="five Jobs are complete", every=0.5)
    lines = [line.split() for line in logged(there, "job-scaler").splitlines() if " rendered " in line]
    assert sorted(line[-1] for line in lines) == [f"page-{n}" for n in range(5)]
    assert len({line[1] for line in lines}) == 5
    assert len(there.json("jobs")["items"]) == 5
    there.ofn("delete", "function", "job")
    until(lambda: not there.json("jobs")["items"])


async def publish(url: str, topic: str, count: int) -> None:
    """Messages on a topic of JetStream."""
    client = await nats.connect(url)
    for n in range(count):
        await client.jetstream().publish(topic, f"page-{n}".encode())
    await client.close()


@pytest.fixture
def kafka(there: platform.Platform, tmp_path: Path) -> Iterator[brokers.Broker]:
    """A broker behind the Service that the sample names."""
    broker = brokers.Kafka(tmp_path)
    with brokers.running(broker):
        for document in (service(), endpoints(broker.port)):
            there.apply(document, wait=False)
        yield broker


def service() -> dict[str, Any]:
    """A Service that selects no Pod."""
    about = {"name": KAFKA, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": about, "spec": {"ports": [{"port": 9092}]}}


def endpoints(port: int) -> dict[str, Any]:
    """Where it leads to."""
    about = {"name": KAFKA, "namespace": "default", "labels": {"kubernetes.io/service-name": KAFKA}}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": about,
        "addressType": "IPv4",
        "ports": [{"name": "", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
    }


def replicas(there: platform.Platform) -> int:
    """Replicas that the sample's Deployment asks for."""
    return int(there.json("deployment", "kafka-input-async")["spec"]["replicas"])


def test_a_message_in_kafka_wakes_its_function_from_zero(
    there: platform.Platform, kafka: brokers.Broker
) -> None:
    apply(there, "kafka-input")
    until(lambda: replicas(there) == 0)
    asyncio.run(produce(kafka.url, 60))

    def came() -> set[str]:
        lines = logged(there, "kafka-input-async").splitlines()
        return {line for line in lines if line.startswith("kafka brought")}

    until(lambda: came() == {f"kafka brought order-{n}" for n in range(60)})
    until(lambda: replicas(there) == 0)
    status = json.loads(there.ofn("get", "scaledobject", "kafka-input-scaler", "-o", "json"))["status"]
    assert status["health"]["s0-kafka"]["status"] == "Happy"
    there.ofn("delete", "function", "kafka-input")


async def produce(url: str, count: int) -> None:
    """Messages on the sample's topic."""
    async with AIOKafkaProducer(bootstrap_servers=url) as producer:
        for n in range(count):
            await producer.send_and_wait("sample-topic", f"order-{n}".encode())
