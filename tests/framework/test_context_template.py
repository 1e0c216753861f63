"""A function with a context in a fork of its template finds the sidecar of its own environment."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from functions_framework.dapr.stubs import callback, callback_service, grpc
from tests.framework.conftest import Node
from tests.framework.sidecar import FakeSidecar
from tests.framework.test_context_calls import CONTEXT, EVENT, TOPIC
from tests.framework.test_template import Dial, Start, Template
from tests.framework.test_template import template as template_of

FUNCTION = """
async def function(context):
    await context.asend("out", context.data + b"!")
"""


template = template_of  # a fixture is found by its name in the module that uses it


def forked(at: Template, node: Node, fake: FakeSidecar, **env: str) -> int:
    """A fork that is ready; gives its port."""
    dial = Dial(at.path)
    told = dial.receive()
    assert told["fork_safe"], told
    spec = at.spec(env={"FUNC_CONTEXT": json.dumps(CONTEXT), "DAPR_HTTP_PORT": str(fake.port), **env})
    at.fork(dial, spec)
    node.wait("ready")
    dial.close()
    return spec.port


def deliver_http(port: int) -> Any:
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}{TOPIC}",
        json.dumps(EVENT).encode(),
        {"content-type": "application/cloudevents+json"},
    )
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return json.loads(answer.read())["status"]


def deliver_grpc(port: int) -> Any:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = callback_service.AppCallbackStub(channel).OnTopicEvent(
            callback.TopicEventRequest(
                id="1",
                source="s",
                type="t",
                spec_version="1.0",
                data=b'{"n":1}',
                topic="new",
                pubsub_name="bus",
            ),
            timeout=20,
        )
    return callback.TopicEventResponse.TopicEventResponseStatus.Name(answer.status)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_fork_serves_the_sidecar(template: Start, node: Node, fake: FakeSidecar, protocol: str) -> None:
    at = template(FUNCTION, FUNC_CONTEXT=json.dumps(CONTEXT), APP_PROTOCOL=protocol, FUNCTION_TARGET="function",
                  FUNCTION_SIGNATURE_TYPE="openfunction", DAPR_HTTP_PORT="1")  # fmt: skip
    port = forked(at, node, fake, APP_PROTOCOL="http")  # so that what it sends can be seen
    assert (deliver_grpc if protocol == "grpc" else deliver_http)(port) == "SUCCESS"
    assert [asked.body for asked in fake.asked if asked.method == "POST"] == [b'{"n":1}!']
