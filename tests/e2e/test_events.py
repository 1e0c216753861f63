"""Events on a whole platform: posted to a source and handled at zero; a topic that wakes an asynchronous function."""

from __future__ import annotations

import textwrap
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import nats
import pytest

from tests.e2e import platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BUS = """
apiVersion: events.openfunction.io/v1alpha1
kind: EventBus
metadata: {name: main, namespace: default}
spec: {}
"""


def function(name: str, source: str, *, env: str = "", serving: str = "{}") -> str:
    """A function whose source stands in its manifest."""
    body = textwrap.indent(textwrap.dedent(source), " " * 10)
    return f"""---
apiVersion: core.openfunction.io/v1beta2
kind: Function
metadata: {{name: {name}, namespace: default}}
spec:
  version: v1
  image: {name}:v1
  build:
    srcRepo:
      inline:
        main.py: |
{body}
    env: {{FUNC_NAME: {name}{env}}}
  serving: {serving}
"""


LINE = """---
apiVersion: events.openfunction.io/v1alpha1
kind: EventSource
metadata: {name: shop, namespace: default}
spec: {eventBus: main, http: {orders: {}}}
---
apiVersion: events.openfunction.io/v1alpha1
kind: Trigger
metadata: {name: t, namespace: default}
spec:
  eventBus: main
  inputs: {order: {eventSource: shop, event: orders}}
  subscribers:
  - condition: order
    sink: {ref: {apiVersion: core.openfunction.io/v1beta2, kind: Function, namespace: default, name: shout}}
"""
SHOUT = """
    import functions_framework

    @functions_framework.cloud_event
    def shout(event):
        print("GOT", event["id"], event.data, flush=True)
"""
WORK = """
    def work(context, data):
        print("GOT", bytes(data), flush=True)
"""
ASYNC = """
    triggers: {dapr: [{name: topics, topic: jobs}]}
    pubsub:
      topics:
        type: pubsub.jetstream
        version: v1
        metadata: [{name: natsURL, value: "nats://main-bus.default.svc.cluster.local:4222"}]
    scaleOptions:
      minReplicas: 0
      keda:
        scaledObject: {pollingInterval: 1, cooldownPeriod: 1}
        triggers: [{type: nats-jetstream, metadata: {topic: jobs}}]
"""


def ready(there: platform.Platform, kind: str, name: str) -> bool:
    """Whether an object says that it does its work."""
    status = there.json(kind, name).get("status") or {}
    return any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", []))


def pods(there: platform.Platform, prefix: str) -> list[dict[str, Any]]:
    """Pods by the beginning of their names."""
    return [one for one in there.json("pods").get("items", []) if one["metadata"]["name"].startswith(prefix)]


def logged(there: platform.Platform, pod: str, container: str = "function") -> str:
    """What such containers of such Pods have written, also those of Pods that are gone."""
    folder = there.home / "logs" / "pods" / "default"
    return "".join(one.read_text() for one in sorted(folder.glob(f"{pod}*/{container}.*.log")))


def until(told: Callable[[], bool]) -> None:
    """Return once it is so; every look is a command, which takes its time."""
    pause, end = threading.Event(), time.monotonic() + 60
    while not told():
        assert time.monotonic() < end, "it did not become true in time"
        pause.wait(0.1)


def test_a_posted_event_reaches_its_function_through_bus_and_trigger(there: platform.Platform) -> None:
    there.apply(BUS + function("shout", SHOUT) + LINE, wait=False)
    for kind, name in (
        ("function", "shout"),
        ("eventbus", "main"),
        ("eventsource", "shop"),
        ("trigger", "t"),
    ):
        until(lambda kind=kind, name=name: ready(there, kind, name))  # type: ignore[misc]  # bound at once
    (door,) = pods(there, "shop-http-source")
    headers = {"ce-specversion": "1.0", "ce-id": "e1", "ce-source": "/x", "ce-type": "order"}
    request = urllib.request.Request(
        f"http://{door['status']['podIP']}:8080/orders", data=b"1", headers=headers
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 202
    until(lambda: "GOT e1" in logged(there, "shout-ksvc"))


async def test_a_message_wakes_an_asynchronous_function_that_goes_back_to_zero(
    there: platform.Platform,
) -> None:
    manifest = BUS + function("work", WORK, env=", FUNC_TYPE: openfunction", serving=ASYNC)
    there.apply(manifest, wait=False)
    until(lambda: ready(there, "function", "work"))
    until(lambda: there.json("deployment", "work-async")["spec"]["replicas"] == 0)
    (bus,) = pods(there, "main-bus-0")
    client = await nats.connect(f"nats://{bus['status']['podIP']}:4222")
    await client.jetstream().publish("jobs", b"one")
    await client.close()
    until(lambda: "GOT b'one'" in logged(there, "work-async"))
    until(lambda: there.json("deployment", "work-async")["spec"]["replicas"] == 0)
    there.ofn("delete", "function", "work")
    until(lambda: not pods(there, "work-async"))
