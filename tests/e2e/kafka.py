"""A Kafka broker beside a platform, and a bus on it: source, topics, dispatcher, Triggers and a function, end to end.

The line is that of `lines`, with Kafka for JetStream.
"""

from __future__ import annotations

import contextlib
import functools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e import lines, platform
from tests.eventing import brokers

BUS = "line"
ANSWERS = "default-answerer-answers"


@contextlib.contextmanager
def running() -> Iterator[brokers.Kafka]:
    """A broker for the length of a block."""
    with tempfile.TemporaryDirectory(prefix="ofn-kafka-") as folder:
        made = brokers.Kafka(Path(folder))
        with brokers.running(made):
            yield made


def objects(broker: brokers.Kafka, collector: lines.Collector) -> list[str]:
    """Bus, source and Triggers: an answer as an event, a topic, a dead letter's topic, and a condition over two."""
    give_up = {"retry": 1, "backoffDelay": "PT0.1S"}
    inputs = {name: {"eventSource": "door", "event": name} for name in ("images", "tickets")}
    answers = {"answer": {"eventSource": "answerer", "event": "answers"}}
    drawn, wrong = [{"exact": {"type": "drawn"}}], [{"exact": {"type": "poison"}}]
    first = lines.subscriber("images", lines.function("answerer"), filters=drawn, replyTopic=ANSWERS)
    failing = lines.subscriber(
        "images",
        f"{collector.url}/failing",
        filters=wrong,
        delivery=give_up,
        deadLetterTopic="default-dead-letters",
    )
    both = lines.subscriber("images && tickets", f"{collector.url}/both")
    passed = {"condition": "tickets", "topic": "default-passed-on"}
    return [
        json.dumps(bus("EventBus", BUS, broker)),
        lines.made("EventSource", "door", eventBus=BUS, http={"images": {}, "tickets": {}}),
        lines.made("Trigger", "ask", eventBus=BUS, inputs=inputs, subscribers=[first, failing, both, passed]),
        lines.made(
            "Trigger",
            "collect",
            eventBus=BUS,
            inputs={
                **answers,
                "dead": {"eventSource": "dead", "event": "letters"},
                "passed": {"eventSource": "passed", "event": "on"},
            },
            subscribers=[
                lines.subscriber("answer", f"{collector.url}/answers"),
                lines.subscriber("dead", f"{collector.url}/dead"),
                lines.subscriber("passed", f"{collector.url}/passed"),
            ],
        ),
    ]


def bus(kind: str, name: str, broker: brokers.Kafka) -> dict[str, Any]:
    """A bus of either kind, with four partitions a topic."""
    spec = {"kafka": {"brokers": broker.url, "partitions": 4, "replicationFactor": 1}}
    return {**json.loads(lines.made(kind, name)), "spec": spec}


def set_up(there: platform.Platform, broker: brokers.Kafka, collector: lines.Collector) -> None:
    """Make the line and wait until all of it is Ready."""
    there.apply(platform.inline("answerer", lines.ANSWER))
    for manifest in objects(broker, collector):
        there.apply(manifest, wait=False)
    until_ready(there, ("eventbus", BUS), ("eventsource", "door"), ("trigger", "ask"), ("trigger", "collect"))


def until_ready(there: platform.Platform, *objects: tuple[str, str]) -> None:
    """Wait until objects say that they do their work."""
    for kind, name in objects:
        is_ready = functools.partial(lines.ready, there, kind, name)
        platform.until(is_ready, seconds=90, what=f"{kind} {name} is Ready")


def fall(broker: brokers.Kafka) -> None:
    """kill -9 of the broker, and another one on its store."""
    broker.kill()
    broker.start()


def door(there: platform.Platform, event: str) -> str:
    """Where the source takes events of a name."""
    return lines.door(there).rpartition("/")[0] + f"/{event}"
