"""The AsyncAPI document: events over HTTP, topics and bindings of FUNC_CONTEXT in both shapes."""

from __future__ import annotations

from typing import Any

import pytest

from functions_framework import testing
from functions_framework.context.user_context import UserContext
from tests.framework.contract import shapes, validators

V1BETA1 = {
    "name": "orders", "version": "v2.0.0", "runtime": "Async",
    "inputs": {
        "tick": {"componentName": "cron", "componentType": "bindings.cron"},
        "orders": {"componentName": "bus", "componentType": "pubsub.kafka", "topic": "orders"},
    },
    "outputs": {
        "done": {"componentName": "bus", "componentType": "pubsub.kafka", "topic": "done"},
        "mail": {"componentName": "smtp", "componentType": "bindings.smtp", "operation": "create"},
    },
}  # fmt: skip
V1BETA2 = {
    "name": "orders", "version": "v2.0.0",
    "triggers": {"dapr": [
        {"name": "cron", "type": "bindings.cron", "inputName": "tick"},
        {"name": "bus", "type": "pubsub.kafka", "topic": "orders", "inputName": "orders"},
    ]},
    "outputs": V1BETA1["outputs"],
}  # fmt: skip


def handle(context: UserContext) -> None:
    """Handle an order."""


def document_of(*functions: Any, **how: Any) -> dict[str, Any]:
    with testing.client(*functions, **how) as client:
        document: dict[str, Any] = client.get("/.well-known/openfunction/asyncapi.json").json()
    validators.check_asyncapi(document)
    return document


@pytest.mark.parametrize("context", [V1BETA1, V1BETA2])
def test_topics_and_bindings_of_either_shape_are_channels(context: Any) -> None:
    document = document_of(handle, signature="openfunction", context=context)
    channels = {
        name: (one["address"], one["servers"][0]["$ref"]) for name, one in document["channels"].items()
    }
    assert channels == {
        "tick": ("cron", "#/servers/cron"), "orders": ("orders", "#/servers/bus"),
        "done": ("done", "#/servers/bus"), "mail": ("smtp", "#/servers/smtp"),
    }  # fmt: skip
    assert {name: one["action"] for name, one in document["operations"].items()} == {
        "receive.tick": "receive", "receive.orders": "receive", "send.done": "send", "send.mail": "send",
    }  # fmt: skip
    assert document["servers"]["bus"]["protocol"] == "kafka"
    assert (document["channels"]["mail"]["x-operation"], document["info"]["version"]) == ("create", "v2.0.0")


def test_an_input_and_an_output_of_one_name_are_two_channels() -> None:
    outputs = {"orders": {"componentName": "bus", "componentType": "pubsub.kafka", "topic": "copies"}}
    document = document_of(handle, signature="openfunction", context={**V1BETA1, "outputs": outputs})
    assert {one["address"] for one in document["channels"].values()} == {"cron", "orders", "copies"}


def test_functions_of_events_are_channels() -> None:
    document = document_of(*shapes.FUNCTIONS)
    assert {name: one["address"] for name, one in document["channels"].items()} == {
        "taken": "/taken", "answered": "/answered",
    }  # fmt: skip
    assert document["channels"]["taken"]["summary"] == "Take an event."
    assert document["operations"]["taken"]["bindings"]["http"]["method"] == "POST"


def test_a_program_without_events_has_an_empty_document() -> None:
    document = document_of(shapes.text)
    assert set(document) == {"asyncapi", "info"}


def test_what_dapr_calls_is_no_http_api() -> None:
    with testing.client(handle, signature="openfunction", context=V1BETA1) as client:
        assert client.get("/.well-known/openfunction/openapi.json").json()["paths"] == {}
    with testing.client(
        handle, signature="openfunction", context={**V1BETA1, "runtime": "Knative"}
    ) as client:
        assert set(client.get("/.well-known/openfunction/openapi.json").json()["paths"]) == {"/"}
