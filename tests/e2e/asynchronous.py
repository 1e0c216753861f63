"""Asynchronous functions between two topics, on JetStream and on Kafka: from zero through the sidecar and back to zero.

Run by `make e2e ARGS=async`. What was handled is counted in the topic of the answers, by a driver of the test's own.
"""

from __future__ import annotations

import asyncio
import functools
import json
import statistics
import time
from collections import Counter
from typing import Any, cast

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing import drivers
from openfunction_eventing.component import Component
from openfunction_eventing.drivers.port import ACK, PubSub, SubscribeOptions, Verdict
from openfunction_eventing.envelope import Message
from tests.e2e import capabilities, kafka, lines, platform

WORK = """
import json

def main(context, data):
    context.send("topics", {"n": json.loads(data)["n"]})
"""
QUICK = {"pollingInterval": 1, "cooldownPeriod": 1}


def run(*, messages: int = 1000, rounds: int = 5) -> None:
    """Print what was seen; an assertion ends it."""
    found = capabilities.run("async", ["bindings", "state", "secrets"])
    for kind in ("pubsub.jetstream", "pubsub.kafka"):
        print(f"driver {kind}: {capabilities.version(kind)}")
    with kafka.running() as broker, platform.started() as there:
        seen = [
            asyncio.run(flow(there, "jetstream", *on_jetstream(there), messages=messages, rounds=rounds)),
            asyncio.run(flow(there, "kafka", *on_kafka(broker.url), messages=messages, rounds=rounds)),
        ]
    print(
        f"e2e async: ok, {found.totals['passed']} tests of drivers passed, failed {found.totals['failed']}, "
        f"skipped {found.totals['skipped']}; lines on JetStream and Kafka: handled {sum(seen)} of "
        f"{2 * (messages + rounds)}, lost 0"
    )


def on_jetstream(there: platform.Platform) -> tuple[Component, dict[str, Any], dict[str, Any]]:
    """How the test reaches JetStream, how the function does, and what scales it."""
    there.apply(lines.made("EventBus", "main"), wait=False)
    platform.until(lambda: lines.ready(there, "eventbus", "main"), seconds=90, what="the bus is Ready")
    (pod,) = [one for one in there.json("pods")["items"] if one["metadata"]["name"] == "main-bus-0"]
    mine = Component(
        "test", "pubsub.jetstream", metadata={"natsURL": f"nats://{pod['status']['podIP']}:4222"}
    )
    given = {"natsURL": "nats://main-bus.default.svc.cluster.local:4222"}
    return (
        mine,
        given,
        {"type": "nats-jetstream", "metadata": {"topic": "jetstream-in", "lagThreshold": "100"}},
    )


def on_kafka(url: str) -> tuple[Component, dict[str, Any], dict[str, Any]]:
    """The same of Kafka."""
    given = {
        "brokers": url,
        "authType": "none",
        "initialOffset": "oldest",
        "consumerGroup": "kafka-line",
    }
    mine = Component("test", "pubsub.kafka", metadata={"brokers": url, "authType": "none"})
    looks = {
        "topic": "kafka-in",
        "bootstrapServers": url,
        "consumerGroup": "kafka-line",
        "lagThreshold": "100",
    }
    return mine, given, {"type": "kafka", "metadata": looks}


def manifest(name: str, given: dict[str, Any], trigger: dict[str, Any]) -> dict[str, Any]:
    """A function between the topics `<name>-in` and `<name>-out`, at zero while nothing waits."""
    kind = f"pubsub.{name}"
    metadata = [{"name": key, "value": value} for key, value in given.items()]
    made = platform.inline(
        f"{name}-line",
        WORK,
        triggers={"dapr": [{"name": "topics", "type": kind, "topic": f"{name}-in"}]},
        outputs=[{"dapr": {"name": "topics", "type": kind, "topic": f"{name}-out"}}],
        pubsub={"topics": {"type": kind, "version": "v1", "metadata": metadata}},
        scaleOptions={
            "minReplicas": 0,
            "maxReplicas": 2,
            "keda": {"scaledObject": QUICK, "triggers": [trigger]},
        },
    )
    made["spec"]["build"]["env"]["FUNC_TYPE"] = "openfunction"
    return made


class Answers:
    """What came on the topic of the answers, by number how often."""

    def __init__(self) -> None:
        self.counted: Counter[int] = Counter()
        self._changed = asyncio.Condition()

    async def __call__(self, delivered: Message) -> Verdict:
        data = delivered.event.data
        async with self._changed:
            self.counted[int((json.loads(data) if isinstance(data, str | bytes) else data)["n"])] += 1
            self._changed.notify_all()
        return ACK

    async def have(self, numbers: set[int], *, seconds: float) -> None:
        """Wait for the answers of numbers."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: numbers <= set(self.counted))


async def flow(
    there: platform.Platform,
    name: str,
    mine: Component,
    given: dict[str, Any],
    trigger: dict[str, Any],
    *,
    messages: int,
    rounds: int,
) -> int:
    """Wake it a few times with one message, then with many; how many were handled."""
    await asyncio.to_thread(there.apply, manifest(name, given, trigger), wait=False)
    is_ready = functools.partial(lines.ready, there, "function", f"{name}-line")
    await asyncio.to_thread(platform.until, is_ready, seconds=120, what=f"function {name}-line is Ready")
    bus, answers, times = cast("PubSub", await drivers.open(mine)), Answers(), []
    try:
        reading = await bus.subscribe(f"{name}-out", SubscribeOptions(group="test", start="all"), answers)
        for number in range(rounds):
            await asleep(there, name)
            begun = time.perf_counter()
            await bus.publish(f"{name}-in", event(name, number))
            await answers.have({number}, seconds=60)
            times.append(time.perf_counter() - begun)
        await asleep(there, name)
        many = set(range(rounds, rounds + messages))
        begun = time.perf_counter()
        results = await bus.bulk_publish(f"{name}-in", [event(name, number) for number in sorted(many)])
        assert results == [None] * messages
        await answers.have(many, seconds=120)
        took = time.perf_counter() - begun
        await asleep(there, name)
        await reading.stop()
    finally:
        await bus.close()
    await asyncio.to_thread(there.ofn, "delete", "function", f"{name}-line")
    print(f"e2e async: {verdict(name, answers.counted, messages + rounds, times, took)}", flush=True)
    return len(answers.counted)


def event(name: str, number: int) -> Message:
    """A message with a number."""
    told = {"source": "/test", "type": "t", "id": f"{name}-{number}", "datacontenttype": "application/json"}
    return Message(f"{name}-in", CloudEvent({**told, "partitionkey": str(number)}, {"n": number}))


async def asleep(there: platform.Platform, name: str) -> None:
    """Wait until the function has no replica."""

    def at_zero() -> bool:
        found = there.json("deployment", f"{name}-line-async")
        return not found["spec"]["replicas"] and not found.get("status", {}).get("replicas")

    await asyncio.to_thread(platform.until, at_zero, seconds=90, what=f"{name}-line is at zero", every=0.5)


def verdict(name: str, counted: Counter[int], sent: int, times: list[float], took: float) -> str:
    """The figures of a line."""
    cold = f"p50 {statistics.median(times) * 1000:.0f} ms, max {max(times) * 1000:.0f} ms, n {len(times)}"
    return (
        f"{name}: topic → sidecar → function at zero → topic: publish to output from zero {cold}; then "
        f"{sent - len(times)} at once in {took:.1f} s; sent {sent}, handled {len(counted)}, "
        f"lost {sent - len(counted)}, repeated {counted.total() - len(counted)}"
    )
