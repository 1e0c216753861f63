"""The sample pubsub under a backlog: replicas from zero up and back to zero, and every message's answer counted.

Run by `make e2e ARGS=backlog`. What was handled is counted in the topic of the answers, by a client of the test's own.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import nats
from nats.aio.client import Client as Nats
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from functions_framework import jsons
from openfunction_py.api.upstream import apps
from openfunction_py.embedded import endpoint
from openfunction_py.kube import client as clients
from openfunction_py.lib import home as homes
from tests.e2e import platform

FUNCTION, TOPIC, ANSWERS = "pubsub", "orders", "fulfilled"
CONSUMER = "pubsub-default__orders"
EVERY, AT_MOST, SHOWN = 0.1, 300.0, 5.0


@dataclass(frozen=True, slots=True)
class Look:
    """One look: seconds since the first publish, replicas asked for and ready, messages left, answers there."""

    at: float
    replicas: int
    ready: int
    waiting: int
    answered: int

    def row(self) -> str:
        """A line of the table."""
        return f"{self.at:7.1f} {self.replicas:9d} {self.ready:6d} {self.waiting:8d} {self.answered:9d}"


@dataclass(slots=True)
class Seen:
    """A whole run."""

    messages: int
    published: float = 0.0
    looks: list[Look] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)

    @property
    def lost(self) -> int:
        """Messages without an answer."""
        return self.messages - len(self.answers)

    @property
    def repeated(self) -> int:
        """Answers beyond the first of each message."""
        return self.answers.total() - len(self.answers)

    @property
    def steps(self) -> list[int]:
        """The replicas that were asked for, each as long as it stayed."""
        counts = [one.replicas for one in self.looks]
        return [count for place, count in enumerate(counts) if place == 0 or counts[place - 1] != count]

    def first(self, told: str) -> float:
        """When it woke, was done and slept again, in seconds."""
        chosen = {
            "woken": (one.at for one in self.looks if one.replicas),
            "done": (one.at for one in self.looks if one.answered >= self.messages and not one.waiting),
            "asleep": (one.at for one in self.looks if one.answered and not one.replicas),
        }
        return next(chosen[told])


def run(*, messages: int = 10_000) -> None:
    """Print replicas over time and what became of the messages; an assertion ends it."""
    with platform.started() as there:
        set_up(there)
        seen = flow(there, messages)
    print("e2e backlog: seconds  replicas  ready  waiting  answered")
    for one in rows(seen.looks):
        print(f"e2e backlog: {one.row()}")
    print(f"e2e backlog: {verdict(seen)}")
    assert seen.lost == 0, seen.lost


def set_up(there: platform.Platform) -> None:
    """The sample as it stands, at zero and its broker ready."""
    there.ofn("apply", "-f", str(platform.ROOT / "samples/pubsub"), "--wait")
    asleep = lambda: there.json("deployment", f"{FUNCTION}-async")["spec"]["replicas"] == 0  # noqa: E731 - once
    platform.until(asleep, seconds=90, what="the function is at zero", every=0.5)


def flow(there: platform.Platform, messages: int) -> Seen:
    """Publish so many messages at once, then look until all is done and at zero again."""
    return asyncio.run(_flow(there, messages))


async def _flow(there: platform.Platform, messages: int) -> Seen:
    seen = Seen(messages)
    client = await nats.connect(broker(there))
    home = homes.Home(Path(there.home))
    try:
        async with clients.Client(endpoint.of(home, "manager")) as kube, asyncio.timeout(AT_MOST):
            began = time.perf_counter()
            seen.looks.append(await _look(kube, client.jetstream(), began))  # at zero, before anything waits
            async with asyncio.TaskGroup() as group:
                group.create_task(_watch(kube, client.jetstream(), seen, began))
                await _publish(client.jetstream(), messages)
                seen.published = time.perf_counter() - began
        seen.answers = await _answers(client)
    finally:
        await client.close()
    return seen


def broker(there: platform.Platform) -> str:
    """Where the sample's broker listens."""
    (pod,) = [one for one in there.json("pods")["items"] if one["metadata"]["name"] == f"{FUNCTION}-bus-0"]
    return f"nats://{pod['status']['podIP']}:4222"


async def _publish(context: JetStreamContext, messages: int) -> None:
    """Each acknowledged by the broker, a thousand under way."""
    for begin in range(0, messages, 1000):
        async with asyncio.TaskGroup() as group:
            for order in range(begin, min(begin + 1000, messages)):
                group.create_task(_order(context, order))


async def _order(context: JetStreamContext, order: int) -> None:
    await context.publish(TOPIC, b'{"order": %d}' % order)


async def _watch(kube: clients.Client, context: JetStreamContext, seen: Seen, began: float) -> None:
    while True:
        look = await _look(kube, context, began)
        seen.looks.append(look)
        if look.answered >= seen.messages and not look.waiting and not look.replicas:
            return
        await asyncio.sleep(EVERY)


async def _look(kube: clients.Client, context: JetStreamContext, began: float) -> Look:
    at = time.perf_counter() - began
    found = await kube.get(apps.Deployment, f"{FUNCTION}-async", namespace="default")
    told = await context.consumer_info(TOPIC, CONSUMER)
    waiting = (told.num_pending or 0) + (told.num_ack_pending or 0)
    replicas = 1 if found.spec.replicas is None else found.spec.replicas
    return Look(at, replicas, found.status.ready_replicas, waiting, await _count(context))


async def _count(context: JetStreamContext) -> int:
    try:
        return (await context.stream_info(ANSWERS)).state.messages
    except NotFoundError:
        return 0  # its first answer makes it


async def _answers(client: Nats) -> Counter[int]:
    """How often each order was answered."""
    context, found = client.jetstream(), Counter[int]()
    reader = await context.subscribe(ANSWERS, ordered_consumer=True)
    for _ in range(await _count(context)):
        message = await reader.next_msg(timeout=10)
        found[int(jsons.loads(message.data)["data"]["order"])] += 1
    return found


def rows(looks: list[Look]) -> list[Look]:
    """The looks at which the replicas had changed, and one in a few seconds between."""
    shown: list[Look] = []
    for one in looks:
        last = shown[-1] if shown else None
        if (
            last is None
            or (one.replicas, one.ready) != (last.replicas, last.ready)
            or one.at - last.at >= SHOWN
        ):
            shown.append(one)
    return shown


def verdict(seen: Seen) -> str:
    """The figures of a run in a line."""
    steps = " → ".join(str(one) for one in seen.steps)
    return (
        f"replicas {steps}; published {seen.messages} in {seen.published:.1f} s, a replica asked for after "
        f"{seen.first('woken') * 1000:.0f} ms, done after {seen.first('done'):.1f} s, at zero again after "
        f"{seen.first('asleep'):.1f} s; handled {len(seen.answers)} of {seen.messages}, lost {seen.lost}, "
        f"repeated {seen.repeated}"
    )
