"""The inner event: what a queue's message is wrapped in, as OpenFunction's frameworks write and read it."""

from __future__ import annotations

import json

import pytest

from functions_framework import innerevent
from functions_framework.innerevent import InnerEvent

TIME = "2024-05-06T07:08:09+00:00"


def wrapped(event: InnerEvent, namespace: str = "shop") -> bytes:
    return innerevent.wrap(event, name="publish", namespace=namespace, identity="1", time=TIME)


def test_a_message_becomes_a_cloudevent_with_metadata_and_user_data() -> None:
    assert json.loads(wrapped(InnerEvent(b"pear", {"sw8": "1-x"}))) == {
        "specversion": "1.0", "id": "1", "source": "shop/publish", "type": "io.openfunction.function.shop.publish",
        "time": TIME, "datacontenttype": "application/json",
        "data": {"metadata": {"sw8": "1-x"}, "userData": "cGVhcg=="},
    }  # fmt: skip


def test_outside_of_kubernetes_the_namespace_is_left_out() -> None:
    found = json.loads(wrapped(InnerEvent(b""), namespace=""))
    assert (found["source"], found["type"]) == ("publish", "io.openfunction.function.publish")


@pytest.mark.parametrize(
    "event", [InnerEvent(b"pear", {"a": "b"}), InnerEvent(b"\xff\x00"), InnerEvent(b"", {"a": ""})]
)
def test_what_is_wrapped_comes_out_again(event: InnerEvent) -> None:
    assert innerevent.unwrap(wrapped(event)) == event


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"pear",
        b'{"type": "other", "data": {"userData": ""}}',
        b"io.openfunction.function",
        b'["io.openfunction.function"]',
        b'{"type": "io.openfunction.function.x", "data": 3}',
        b'{"type": "io.openfunction.function.x", "data": {"metadata": 3}}',
    ],
)
def test_another_message_is_none(message: bytes) -> None:
    assert innerevent.unwrap(message) is None


@pytest.mark.parametrize(
    ("value", "data"), [({"a": 1}, b'{"a":1}'), ("a pear", b"a pear"), (None, b""), (3, b"3")]
)
def test_user_data_of_other_frameworks_is_taken_as_it_is(value: object, data: bytes) -> None:
    assert innerevent.opened({"metadata": {}, "userData": value}) == InnerEvent(data)


@pytest.mark.parametrize(
    ("kind", "queue"),
    [
        ("pubsub.redis", True),
        ("bindings.kafka", True),
        ("bindings.cron", False),
        ("bindings.http", False),
        ("", False),
    ],
)
def test_which_components_are_queues(kind: str, *, queue: bool) -> None:
    assert innerevent.is_queue(kind) is queue
