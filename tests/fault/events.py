"""Events through two lines, everything on their way killed in turn: what was acknowledged has to be handled.

`make fault ARGS=events`. The first line: a source's door, JetStream, a Trigger, a function through the gateway. The
second: a topic of JetStream, a sidecar, an asynchronous function.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from openfunction_eventing import drivers
from openfunction_eventing.component import Component
from openfunction_eventing.drivers.port import PubSub
from tests.e2e import lines, platform
from tests.fault import ledger, producer
from tests.fault.ledger import Figures, Ledger

SENT = 10_000  # events of a line
SECONDS = 180.0  # until an acknowledged event that was not handled is lost
TOPIC = "fault-jobs"
WARM = "openfunction_py.node.warm"
HANDLE = """
import functions_framework


@functions_framework.cloud_event
def main(event):
    note(event["id"])
"""
WORK = """
import json


def main(context, data):
    note(json.loads(data)["id"])
"""
Kill = Callable[[platform.Platform, Ledger], None]
Flow = Callable[[list[str], producer.Count], None]  # sends events until each is acknowledged


def by_words(words: str) -> Kill:
    """kill -9 of a role, or of processes by words of their command lines."""
    return lambda there, _: lines.kill(there, words)


def instance(_there: platform.Platform, book: Ledger) -> None:
    """kill -9 of the process that handled the latest event."""
    os.kill(book.last_pid(), signal.SIGKILL)


def sidecar(there: platform.Platform, _: Ledger) -> None:
    """kill -9 of the asynchronous function's sidecar, which is a fork of the warm process."""
    warm = {int(one.partition(":")[0]) for one in platform.processes_of(there.home) if WARM in one}
    forks = [pid for pid in warm if _parent(pid) in warm]
    assert forks, f"no sidecar of this platform runs; warm are {warm}"
    for pid in forks:
        os.kill(pid, signal.SIGKILL)


def _parent(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("PPid:")[2].split()[0])


TRIGGER_VICTIMS: dict[str, Kill] = {
    "broker": by_words("nats-server"),
    "dispatcher": by_words("openfunction_eventing.dispatcher"),
    "gateway": by_words("gateway"),
    "node": by_words("node"),
    "function": instance,
}


TOPIC_VICTIMS: dict[str, Kill] = {
    "sidecar": sidecar,
    "node": by_words("node"),
    "function": instance,
}


def door_line(there: platform.Platform, book: Ledger) -> None:
    """Bus, source and Trigger before a function; returns when all are Ready."""
    there.apply(platform.inline("handler", book.code() + HANDLE, scaleOptions={"minReplicas": 1}))
    inputs = {"image": {"eventSource": "door", "event": "images"}}
    patient = {"retry": 20, "backoffPolicy": "linear", "backoffDelay": "PT0.5S"}
    who = lines.subscriber("image", lines.function("handler"), delivery=patient)
    for manifest in (
        lines.made("EventBus", "line", jetStream={}),
        lines.made("EventSource", "door", eventBus="line", http={"images": {}}),
        lines.made("Trigger", "ask", eventBus="line", inputs=inputs, subscribers=[who]),
    ):
        there.apply(manifest, wait=False)
    for kind, name in (("eventbus", "line"), ("eventsource", "door"), ("trigger", "ask")):
        is_ready = functools.partial(lines.ready, there, kind, name)
        platform.until(is_ready, seconds=90, what=f"{kind} {name} is Ready")


def topic_line(there: platform.Platform, book: Ledger) -> Component:
    """A bus and an asynchronous function that reads a topic of it; how the test reaches the bus."""
    there.apply(lines.made("EventBus", "main", jetStream={}), wait=False)
    platform.until(lambda: lines.ready(there, "eventbus", "main"), seconds=90, what="the bus is Ready")
    there.apply(asynchronous(book), wait=False)
    is_ready = functools.partial(lines.ready, there, "function", "worker")
    platform.until(is_ready, seconds=120, what="function worker is Ready")
    (pod,) = [one for one in there.json("pods")["items"] if one["metadata"]["name"] == "main-bus-0"]
    url = f"nats://{pod['status']['podIP']}:4222"
    return Component("test", "pubsub.jetstream", metadata={"natsURL": url})


def asynchronous(book: Ledger) -> dict[str, Any]:
    """The manifest of the function `worker`."""
    url = {"name": "natsURL", "value": "nats://main-bus.default.svc.cluster.local:4222"}
    topics = {"type": "pubsub.jetstream", "version": "v1", "metadata": [url]}
    made = platform.inline(
        "worker",
        book.code() + WORK,
        triggers={"dapr": [{"name": "topics", "type": "pubsub.jetstream", "topic": TOPIC}]},
        pubsub={"topics": topics},
        scaleOptions={"minReplicas": 1, "maxReplicas": 1},
    )
    made["spec"]["build"]["env"]["FUNC_TYPE"] = "openfunction"
    return made


def settled(book: Ledger, prefix: str, count: producer.Count) -> Figures:
    """Wait until what was acknowledged is handled, or for its time; the figures."""

    def is_all() -> bool:
        return count.acknowledged <= set(book.counted(prefix))

    try:
        platform.until(is_all, seconds=SECONDS, what="every acknowledged event is handled", every=0.5)
    except AssertionError as error:
        print(f"fault events: {error}", file=sys.stderr)
    return ledger.figures(count.sent, count.acknowledged, book.counted(prefix))


def killed(name: str, book: Ledger, kill: Callable[[], None], events: int, flow: Flow) -> Figures:
    """Let events flow, kill somebody when a third is acknowledged, and count; a line is printed."""
    prefix = f"{name.replace(' ', '-')}-"
    count = producer.Count(max(1, events // 3), kill)
    flow([f"{prefix}{n}" for n in range(events)], count)
    found = settled(book, prefix, count)
    print(f"fault events: kill -9 {name}: {found}", flush=True)
    return found


def through_the_door(
    there: platform.Platform, book: Ledger, victims: dict[str, Kill], events: int
) -> Figures:
    """The first line, its events shared out to the kills."""
    door_line(there, book)
    address = lines.door(there)
    total = Figures(0, 0, 0, 0, 0)
    flow = functools.partial(producer.post_all, address)
    for name, kill in victims.items():
        total += killed(name, book, functools.partial(kill, there, book), events // len(victims), flow)
    return total


def through_a_topic(there: platform.Platform, book: Ledger, victims: dict[str, Kill], events: int) -> Figures:
    """The second line."""
    mine = topic_line(there, book)

    async def publish(ids: list[str], count: producer.Count) -> None:
        bus = cast("PubSub", await drivers.open(mine))
        try:
            await producer.publish_all(bus, TOPIC, ids, count)
        finally:
            await bus.close()

    def flow(ids: list[str], count: producer.Count) -> None:
        asyncio.run(publish(ids, count))

    total = Figures(0, 0, 0, 0, 0)
    for name, kill in victims.items():
        total += killed(
            f"async {name}", book, functools.partial(kill, there, book), events // len(victims), flow
        )
    return total


@contextmanager
def scene() -> Iterator[tuple[platform.Platform, Ledger]]:
    """A platform and a file of the test; nothing of the platform may be left at the end."""
    with ledger.folder() as folder, platform.started() as there:
        yield there, Ledger(Path(folder))


def run(*, events: int = SENT) -> bool:
    """Both lines; whether nothing was lost and every event was acknowledged."""
    with scene() as (there, book):
        first = through_the_door(there, book, TRIGGER_VICTIMS, events)
    with scene() as (there, book):
        second = through_a_topic(there, book, TOPIC_VICTIMS, events)
    total = first + second
    each = events // len(TRIGGER_VICTIMS) * len(TRIGGER_VICTIMS) + events // len(TOPIC_VICTIMS) * len(
        TOPIC_VICTIMS
    )
    well = not total.lost and total.acknowledged == each
    kills = len(TRIGGER_VICTIMS) + len(TOPIC_VICTIMS)
    print(f"fault events: {'ok' if well else 'LOST'}, {kills} kills in two lines: {total}", flush=True)
    return well
