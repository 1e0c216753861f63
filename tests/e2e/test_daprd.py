"""Dapr's own daprd beside a function, chosen by `ofn up`: the answers of ours, also after the supervisor died."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any, cast

import pytest

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing import drivers
from openfunction_eventing.component import Component
from openfunction_eventing.drivers.port import ACK, PubSub, SubscribeOptions, Verdict
from openfunction_eventing.envelope import Message
from openfunction_py.providers.dapr import daprd, injection
from tests.conformance.dapr.daprd import program
from tests.e2e import asynchronous, kafka, lines, platform
from tests.e2e.test_events import function, logged

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
How = tuple[Component, dict[str, Any], dict[str, Any]]  # as `asynchronous.on_jetstream` gives it
WORK = """
import json
import os
import urllib.request

ABOUT = "http://{DAPR_HOST}:{DAPR_HTTP_PORT}/v1.0/metadata".format(**os.environ)

def main(context, data):
    with urllib.request.urlopen(ABOUT) as answer:
        about = json.load(answer)
    context.send("topics", {"n": json.loads(data)["n"], "sidecar": about["runtimeVersion"], "app": about["id"]})
"""
# What a sidecar makes up by itself.
OWN = {"id", "time", "traceid", "traceparent", "tracestate"}


@pytest.fixture(scope="module")
def real() -> Iterator[platform.Platform]:
    """A platform with daprd."""
    program()
    with platform.started("--dapr", "daprd") as running:
        yield running


class Seen:
    """The events on the topic of the answers."""

    def __init__(self) -> None:
        self.events: list[CloudEvent] = []
        self._changed = asyncio.Condition()

    async def __call__(self, delivered: Message) -> Verdict:
        async with self._changed:
            self.events.append(delivered.event)
            self._changed.notify_all()
        return ACK

    async def until(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many; what they say, without what is another each time."""
        async with asyncio.timeout(90), self._changed:
            await self._changed.wait_for(lambda: len(self.events) >= count)
        return [shown(one) for one in self.events]


def shown(event: CloudEvent) -> dict[str, Any]:
    """Attributes and data of an answer."""
    told = {key: value for key, value in event.get_attributes().items() if key not in OWN}
    data = event.data
    return {**told, "data": json.loads(data) if isinstance(data, str | bytes) else data}


def flow(there: platform.Platform, name: str, how: How, numbers: list[int]) -> list[dict[str, Any]]:
    """Have a function that is at zero answer each of the numbers; what it answered."""
    mine, given, trigger = how
    made = asynchronous.manifest(name, given, trigger)
    made["spec"]["build"]["srcRepo"]["inline"]["main.py"] = WORK
    there.apply(made, wait=False)
    is_ready = functools.partial(lines.ready, there, "function", f"{name}-line")
    platform.until(is_ready, seconds=120, what="the function is Ready")
    return asyncio.run(_flow(there, name, mine, numbers))


async def _flow(
    there: platform.Platform, name: str, mine: Component, numbers: list[int]
) -> list[dict[str, Any]]:
    bus, seen = cast("PubSub", await drivers.open(mine)), Seen()
    try:
        reading = await bus.subscribe(f"{name}-out", SubscribeOptions(start="new"), seen)
        await asynchronous.asleep(there, name)
        for one in numbers:
            await bus.publish(f"{name}-in", asynchronous.event(name, one))
        found = await seen.until(len(numbers))
        await reading.stop()
    finally:
        await bus.close()
    return found


def number(answer: dict[str, Any]) -> int:
    """What was asked."""
    return int(answer["data"]["n"])


def by_whom(answers: list[dict[str, Any]]) -> set[str]:
    """The versions of the sidecars that functions had; taken out, so that the rest can be compared."""
    return {one["data"].pop("sidecar") for one in answers}


def version() -> str:
    """What the daprd of this machine says of itself."""
    return subprocess.run([program(), "--version"], capture_output=True, text=True, check=True).stdout.strip()


def compare(by_ours: list[dict[str, Any]], by_daprd: list[dict[str, Any]]) -> None:
    """The same answers, by the one and by the other."""
    assert by_whom(by_daprd) == {version()}
    assert by_whom(by_ours).isdisjoint({version()})
    assert sorted(by_ours, key=number) == sorted(by_daprd, key=number)
    assert [number(one) for one in sorted(by_daprd, key=number)] == [1, 2, 3]


def test_the_same_function_gives_the_same_answers_by_either_sidecar(
    there: platform.Platform, real: platform.Platform
) -> None:
    ours, theirs = (
        flow(one, "jetstream", asynchronous.on_jetstream(one), [1, 2, 3]) for one in (there, real)
    )
    compare(ours, theirs)
    there.ofn("delete", "function", "jetstream-line")


def test_a_topic_of_kafka_is_read_by_either(there: platform.Platform, real: platform.Platform) -> None:
    found = []
    for one in (there, real):
        with kafka.running() as broker:
            found.append(flow(one, "kafka", asynchronous.on_kafka(broker.url), [1, 2, 3]))
            one.ofn("delete", "function", "kafka-line")
    compare(*found)


def test_the_choice_outlives_the_supervisor(real: platform.Platform) -> None:
    os.kill(real.pids()["supervisor"], signal.SIGKILL)
    real.ofn("up", "-d")
    assert "sidecar: daprd" in real.run("status").stderr
    answers = flow(real, "jetstream", asynchronous.on_jetstream(real), [4])
    assert by_whom(answers) == {version()}
    assert [number(one) for one in answers] == [4]


TICKS = """
    triggers: {dapr: [{name: cron, type: bindings.cron}]}
    bindings: {cron: {type: bindings.cron, version: v1, metadata: [{name: schedule, value: "@every 1s"}]}}
"""


def images(there: platform.Platform) -> set[str]:
    """The sidecars of Pods that are not ending."""
    return {
        one["image"]
        for pod in there.json("pods")["items"]
        if "deletionTimestamp" not in pod["metadata"]
        for one in pod["spec"]["containers"]
        if one["name"] == injection.CONTAINER
    }


def test_another_choice_replaces_pods_and_names_the_durables_that_it_cannot_read(
    real: platform.Platform,
) -> None:
    source = "def ticks(context):\n    print('ticked', flush=True)\n"
    real.apply(function("ticks", source, env=", FUNC_TYPE: openfunction", serving=TICKS))
    assert images(real) == {daprd.IMAGE}
    real.ofn("down")
    real.ofn("up", "-d", "--dapr", "ofn")
    platform.until(lambda: images(real) == {injection.IMAGE}, seconds=60, what="the Pod has our sidecar")
    before = logged(real, "ticks-async").count("ticked")
    platform.until(
        lambda: logged(real, "ticks-async").count("ticked") > before, seconds=60, what="the function goes on"
    )

    def said() -> str:
        conditions = real.json("function", "jetstream-line")["status"]["conditions"]
        return str(next(one["message"] for one in conditions if one["type"] == "Ready"))

    platform.until(lambda: "is a push consumer" in said(), seconds=60, what="the durable is named")
