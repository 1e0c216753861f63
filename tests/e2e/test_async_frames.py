"""A function and its sidecar on a whole platform: frames at the sockets of their Pod, HTTP where there are none."""

from __future__ import annotations

import json
from typing import Any

import nats
import pytest

from tests.e2e import backlog, platform
from tests.e2e.test_events import function, logged, pods, ready, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
COUNT = 200
PASS = """
    import json

    async def NAME(context, data):
        await context.asend("topics", {"n": json.loads(data)["n"]})
"""
PUBSUB = """    pubsub:
      topics:
        type: pubsub.jetstream
        version: v1
        metadata: [{name: natsURL, value: "nats://pubsub-bus.default.svc.cluster.local:4222"}]
"""
SERVING = (
    """
    triggers: {dapr: [{name: topics, type: pubsub.jetstream, topic: NAME-in}]}
    outputs: [{dapr: {name: topics, type: pubsub.jetstream, topic: NAME-out}}]
"""
    + PUBSUB
    + """    scaleOptions:
      minReplicas: REPLICAS
      maxReplicas: 2
      keda:
        scaledObject: {pollingInterval: 1, cooldownPeriod: 1}
        triggers: [{type: nats-jetstream, metadata: {topic: NAME-in}}]
"""
)


def deployed(there: platform.Platform, name: str, *, replicas: int, more: str = "") -> None:
    """A function from its topic to the other, until it is Ready."""
    there.ofn("apply", "-f", str(platform.ROOT / "samples/pubsub/bus.yaml"))
    until(lambda: ready(there, "eventbus", "pubsub"))
    serving = (SERVING + more).replace("NAME", name).replace("REPLICAS", str(replicas))
    source = PASS.replace("NAME", name)
    there.apply(function(name, source, env=", FUNC_TYPE: openfunction", serving=serving))


async def answers(there: platform.Platform, name: str) -> set[int]:
    """What came on the other topic once each of so many messages had its answer there."""
    client = await nats.connect(backlog.broker(there))
    told = await client.subscribe(f"{name}-out")
    for n in range(COUNT):
        await client.jetstream().publish(f"{name}-in", json.dumps({"n": n}).encode())
    seen: set[int] = set()
    while len(seen) < COUNT:
        message = await told.next_msg(timeout=60)
        event: dict[str, Any] = json.loads(message.data)
        seen.add(event["data"]["n"])
    await client.close()
    return seen


def said(there: platform.Platform, pod: str) -> list[dict[str, Any]]:
    """Lines of the sidecars of such Pods."""
    lines = logged(there, pod, "daprd").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def spoken(there: platform.Platform, pod: str) -> set[str]:
    """What those sidecars' functions answered in."""
    return {line["speaks"] for line in said(there, pod) if "speaks" in line}


def batches(there: platform.Platform, pod: str) -> int:
    """How often a function came to the socket of its sidecar."""
    return sum("publishes in batches" in json.dumps(line) for line in said(there, pod))


@pytest.mark.parametrize("replicas", [0, 1])
async def test_forks_and_their_sidecars_speak_in_frames_both_ways(
    there: platform.Platform, replicas: int
) -> None:
    name = f"frames{replicas}"
    deployed(there, name, replicas=replicas)
    assert await answers(there, name) == set(range(COUNT))
    assert spoken(there, f"{name}-async") == {"frames"}
    assert batches(there, f"{name}-async") >= 1
    if replicas:
        (pod,) = pods(there, f"{name}-async")
        assert pod["metadata"]["annotations"]["openfunction.io/runtime"] == "zygote"
    there.ofn("delete", "function", name)
    until(lambda: not pods(there, f"{name}-async"))
    assert sockets(there) == []


OLD = """
    template: {containers: [{name: function, env: [{name: OFN_APP_SOCKET, value: ""}]}]}
"""


async def test_a_function_that_does_not_listen_at_its_socket_is_asked_at_its_port(
    there: platform.Platform,
) -> None:
    """As one of a framework that knows nothing of the socket; it publishes as it is told to."""
    deployed(there, "old", replicas=0, more=OLD)
    assert await answers(there, "old") == set(range(COUNT))
    assert spoken(there, "old-async") == {"HTTP at the port"}
    there.ofn("delete", "function", "old")
    until(lambda: not pods(there, "old-async"))


CALLED = (
    """
    triggers: {http: {}}
    outputs: [{dapr: {name: topics, type: pubsub.jetstream, topic: called-out}}]
"""
    + PUBSUB
)


async def test_a_function_that_callers_reach_publishes_in_batches_and_is_asked_at_its_port(
    there: platform.Platform,
) -> None:
    there.ofn("apply", "-f", str(platform.ROOT / "samples/pubsub/bus.yaml"))
    until(lambda: ready(there, "eventbus", "pubsub"))
    source = PASS.replace("NAME", "called")
    there.apply(function("called", source, env=", FUNC_TYPE: openfunction", serving=CALLED))
    client = await nats.connect(backlog.broker(there))
    told = await client.subscribe("called-out")
    await client.flush()  # what follows blocks this loop
    assert platform.request(there.address("called"), body=b'{"n": 7}').status == 204
    assert json.loads((await told.next_msg(timeout=60)).data)["data"] == {"n": 7}
    await client.close()
    assert batches(there, "called-ksvc") == 1
    there.ofn("delete", "function", "called")
    until(lambda: not pods(there, "called-ksvc"))


def sockets(there: platform.Platform) -> list[str]:
    """Folders of sockets that are left."""
    return [one.name for one in (there.home / "run" / "s").glob("*/*")]
