"""Rows about waking by an event: publish to answer of functions at zero, beside the HTTP cold start of the same file.

Everything is on one platform; every round waits until all of it is at zero and takes each side once.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import nats

from tests.bench import report
from tests.bench.plan import Plan
from tests.bench.report import Side
from tests.e2e import events, lines, platform

BAR = "<= 100 ms more"
ROUNDS = 5
POLLED = 10  # seconds between two polls of the scaler; the wake must not wait for one
CALLED, TALKED, WORKER = "called", "talked", "worker"
WORK = """
def main(context, data):
    if context.get_topic_event() is None:
        return "asked over HTTP"
    context.send("done", data)
"""
_ASYNC = f"JetStream → sidecar → function → JetStream, pollingInterval {POLLED} s"
_TOPIC = {"type": "pubsub.jetstream", "name": "msg"}


def wake(plan: Plan) -> None:
    """Both ways to be woken: by a Trigger, and as an asynchronous function behind a sidecar."""
    with platform.started() as there, lines.Collector() as collector:
        lines.set_up(there, collector)
        there.apply(platform.inline(CALLED, lines.ANSWER))
        url = _async(there)
        turns: dict[str, Callable[[int], float]] = {
            "called": lambda number: _called(there, CALLED, f"h-{number}"),
            "trigger": lambda number: events.answered(lines.door(there), collector, f"t-{number}"),
            "talked": lambda number: _called(there, TALKED, f"g-{number}"),
            "async": lambda number: asyncio.run(_told(url, number)),
        }
        found = _taken(there, turns, min(plan.rounds, ROUNDS))
    _row(
        "by a Trigger",
        found["trigger"],
        found["called"],
        "HTTP source → JetStream → Trigger → function → sink",
    )
    _row(
        "asynchronous",
        found["async"],
        found["talked"],
        f"JetStream → sidecar → function → JetStream, pollingInterval {POLLED} s",
    )


def _taken(
    there: platform.Platform, turns: Mapping[str, Callable[[int], float]], rounds: int
) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(rounds):
        platform.until(lambda: _asleep(there), seconds=90, what="everything is at zero", every=0.5)
        for name, turn in turns.items():
            found[name].append(turn(number) * 1000)
    return found


def _row(name: str, ours: list[float], theirs: list[float], path: str) -> None:
    report.row(
        f"publish to answer from zero, {name}", "ms", BAR,
        Side(ours, path), Side(theirs, "one request through the gateway to the same file at zero"),
    )  # fmt: skip
    more = statistics.median(ours) - statistics.median(theirs)
    report.note(
        f"p50 {more:+.0f} ms against the HTTP cold start; JetStream with sync always, as the platform runs it"
    )


def _asleep(there: platform.Platform) -> bool:
    pods = [str(one["metadata"]["name"]) for one in there.json("pods")["items"]]
    return events.at_zero(there) and not any(name.startswith(f"{WORKER}-async") for name in pods)


def _called(there: platform.Platform, name: str, event: str) -> float:
    """Seconds of one event posted to a function at zero."""
    headers = {"ce-id": event, "ce-source": "/bench", "ce-type": "drawn", "ce-specversion": "1.0"}
    answer = platform.request(
        there.address(name), body=b'{"n": 1}', headers={**headers, "Content-Type": "application/json"}
    )
    assert answer.status == 200, answer
    assert "x-ofn-cold-start" in answer.headers, f"{name} was not at zero"
    return answer.seconds


def _async(there: platform.Platform) -> str:
    """The worker behind a sidecar, the same file for callers, and where their broker is."""
    there.apply(lines.made("EventBus", "bench", jetStream={}), wait=False)
    platform.until(lambda: lines.ready(there, "eventbus", "bench"), seconds=90, what="the broker")
    there.apply(_with_context(platform.inline(TALKED, WORK)))
    address = "nats://bench-bus.default.svc.cluster.local:4222"
    scaling = {
        "scaledObject": {"pollingInterval": POLLED, "cooldownPeriod": 2},
        "triggers": [{"type": "nats-jetstream", "metadata": {"topic": "asked", "lagThreshold": "100"}}],
    }
    serving: dict[str, Any] = {
        "triggers": {"dapr": [{**_TOPIC, "topic": "asked"}]},
        "outputs": [{"dapr": {**_TOPIC, "topic": "told", "outputName": "done"}}],
        "pubsub": {"msg": {"type": "pubsub.jetstream", "version": "v1",
                           "metadata": [{"name": "natsURL", "value": address}]}},
        "scaleOptions": {"minReplicas": 0, "maxReplicas": 2, "keda": scaling},
    }  # fmt: skip
    there.apply(_with_context(platform.inline(WORKER, WORK, **serving)))
    (pod,) = [one for one in there.json("pods")["items"] if one["metadata"]["name"] == "bench-bus-0"]
    return f"nats://{pod['status']['podIP']}:4222"


def _with_context(manifest: dict[str, Any]) -> dict[str, Any]:
    manifest["spec"]["build"]["env"]["FUNC_TYPE"] = "openfunction"
    return manifest


async def _told(url: str, number: int) -> float:
    """Seconds from a message on the one topic until its answer is on the other."""
    client = await nats.connect(url)
    try:
        answers = await client.subscribe("told")
        await client.flush()
        begun = time.perf_counter()
        await client.jetstream().publish("asked", b'{"n": %d}' % number)
        await answers.next_msg(timeout=60)
        return time.perf_counter() - begun
    finally:
        await client.close()
