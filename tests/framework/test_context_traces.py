"""A trace that travels with what a function sends: as a header, or inside a wrapped message of a queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from functions_framework import innerevent, invocation
from functions_framework.context import document
from functions_framework.context.runtime_context import RuntimeContext
from functions_framework.context.user_context import UserContext
from functions_framework.dapr import events
from functions_framework.dapr.client import Client
from functions_framework.innerevent import InnerEvent
from functions_framework.invocation import Invocation
from functions_framework.request import Request
from tests.framework.sidecar import FakeSidecar
from tests.framework.test_context_calls import CONTEXT

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@contextmanager
def traced(*, wraps: bool) -> Iterator[None]:
    """Inside a call that has a trace."""
    request = Request("POST", b"/", [(b"traceparent", PARENT.encode())], b"")
    call = Invocation("f", trigger="http", request=request, started=0.0)
    call.wraps = wraps
    token = invocation.enter(call)
    yield
    invocation.leave(token)


def context_of(fake: FakeSidecar, **given: Any) -> tuple[UserContext, Client]:
    context = document.parse(json.dumps(CONTEXT))
    client = Client(fake.settings())
    return UserContext(RuntimeContext(context, environ={"POD_NAMESPACE": "ns"}, port=client), **given), client


def test_what_is_sent_carries_the_trace(fake: FakeSidecar) -> None:
    context, client = context_of(fake)
    with traced(wraps=False):
        context.send("out", b"x")
        context.send("files", "x")
    client.close()
    assert [asked.headers["traceparent"] for asked in fake.asked] == [PARENT, PARENT]
    assert fake.asked[1].json["metadata"]["traceparent"] == PARENT


def test_a_queues_message_is_wrapped_where_the_tracing_says_so(fake: FakeSidecar) -> None:
    context, client = context_of(fake)
    with traced(wraps=True):
        context.send("out", b"\x00x")
        context.send("files", "x")
    client.close()
    wrapped, plain = fake.asked
    assert wrapped.json["type"] == "io.openfunction.function.ns.f"
    found = innerevent.unwrap(wrapped.body)
    assert found == InnerEvent(b"\x00x", {"traceparent": PARENT})
    assert plain.json["data"] == "x"


@pytest.mark.parametrize("nested", [True, False])
def test_a_wrapped_message_is_opened(fake: FakeSidecar, *, nested: bool) -> None:
    whole = innerevent.wrap(
        InnerEvent(b"\x00x", {"sw8": "1"}), name="g", namespace="ns", identity="1", time="t"
    )
    if nested:  # as Dapr delivers what was published as JSON
        envelope = {"id": "2", "source": "s", "type": "com.dapr.event.sent", "specversion": "1.0",
                    "datacontenttype": "application/json", "data": json.loads(whole)}  # fmt: skip
        body = json.dumps(envelope).encode()
    else:
        body = whole.replace(b'"time":"t",', b"")
    request = Request("POST", b"/", [(b"content-type", b"application/cloudevents+json")], body)
    event = events.topic_event(request, pubsub="bus", topic="new")
    context, _ = context_of(fake, topic_event=event)
    assert context.data == b"\x00x"
    assert context.inner_metadata == {"sw8": "1"}
    inner = context.get_inner_event()
    assert inner is not None
    assert inner.data == b"\x00x"


def test_a_plain_message_has_no_inner_event(fake: FakeSidecar) -> None:
    context, _ = context_of(
        fake, binding_request=events.BindingRequest("b", b'{"data": {"userData": "eA=="}}')
    )
    assert context.get_inner_event() is None
    assert context.data == b'{"data": {"userData": "eA=="}}'
