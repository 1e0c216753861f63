"""The AsyncAPI document: events over HTTP, topics and bindings of FUNC_CONTEXT in both shapes."""

import dataclasses
from typing import Annotated, Any

import pytest

import functions_framework
from functions_framework import CloudEvent, EventType, WebSocket, contract, testing
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


def test_a_function_of_websockets_is_a_channel_both_ways_and_no_http_api() -> None:
    @functions_framework.websocket(path="/rooms/{room}")
    async def chat(socket: WebSocket) -> None:
        """Talk in a room."""

    document = document_of(chat)
    assert document["channels"]["chat"]["address"] == "/rooms/{room}"
    assert document["channels"]["chat"]["parameters"] == {"room": {}}
    assert {one["action"] for one in document["operations"].values()} == {"receive", "send"}
    with testing.client(chat) as client:
        assert client.get("/.well-known/openfunction/openapi.json").json()["paths"] == {}


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


@dataclasses.dataclass
class Made:
    number: int


def test_what_is_known_of_an_event_is_told_in_every_document() -> None:
    about = EventType(type="order.made", source="/shop", subject="orders", data=Made)

    def made(event: Annotated[CloudEvent, about]) -> None: ...

    with testing.client(made) as client:
        documents = {
            kind: client.get(f"/.well-known/openfunction/{kind}.json").json() for kind in contract.KINDS
        }
        assert client.event({"type": "anything", "data": 1}).status == 200
    validators.check_openapi(documents["openapi"])
    validators.check_asyncapi(documents["asyncapi"])
    validators.check_schema(documents["schema"])
    message = documents["asyncapi"]["channels"]["made"]["messages"]["message"]
    body = documents["openapi"]["paths"]["/"]["post"]["requestBody"]["content"][
        "application/cloudevents+json"
    ]
    event = documents["schema"]["properties"]["made"]["properties"]["event"]
    assert message["name"] == "order.made"
    good = {"id": "1", "specversion": "1.0", "type": "order.made", "source": "/shop", "subject": "orders"}
    for schema, document in (
        (message["payload"], documents["asyncapi"]),
        (body["schema"], documents["openapi"]),
        (event, documents["schema"]),
    ):
        assert validators.problems({**good, "data": {"number": 1}}, schema, document) == []
        for wrong in ({"type": "other"}, {"source": "/other"}, {"subject": "x"}, {"data": {"number": "1"}}):
            assert len(validators.problems({**good, **wrong}, schema, document)) == 1


def test_several_types_of_event_are_told() -> None:
    def made(event: Annotated[CloudEvent, EventType(type=("a", "b"))]) -> None: ...

    message = document_of(made)["channels"]["made"]["messages"]["message"]
    assert message["payload"]["allOf"][1]["properties"]["type"] == {"enum": ["a", "b"]}
