"""The `cloudevents` package: what functions get is an instance of its class, and its functions take our events."""

from __future__ import annotations

import json
from typing import Any

import cloudevents.conversion
import cloudevents.http
import pytest
from cloudevents.abstract import CloudEvent as AbstractEvent
from cloudevents.http import from_http
from cloudevents.kafka import to_binary as to_kafka

from functions_framework import CloudEvent, Request, cloudevent, registry, signatures
from functions_framework.registry import Note
from functions_framework.signatures import events
from tests.framework.conftest import StartSite

ATTRIBUTES = {
    "id": "1", "source": "/s", "type": "t", "specversion": "1.0", "time": "2020-08-16T13:58:54.471765+00:00",
    "subject": "x", "datacontenttype": "application/json", "ext": "e",
}  # fmt: skip


@pytest.fixture(params=["ours", "received"])
def event(request: pytest.FixtureRequest) -> CloudEvent:
    if request.param == "ours":
        return CloudEvent(ATTRIBUTES, {"a": 1})
    kind = events.known_kind()
    return kind.received(dict(ATTRIBUTES), b'{"a": 1}')


def test_the_sdk_writes_our_events(event: Any) -> None:
    written = json.loads(cloudevents.conversion.to_json(event))
    assert written == {**ATTRIBUTES, "data": {"a": 1}}
    headers, body = cloudevents.conversion.to_structured(event)
    assert (headers["content-type"], json.loads(body)["data"]) == ("application/cloudevents+json", {"a": 1})
    headers, body = cloudevents.conversion.to_binary(event)
    assert (headers["ce-subject"], headers["ce-ext"], json.loads(body)) == ("x", "e", {"a": 1})
    assert cloudevents.conversion.to_dict(event) == {**ATTRIBUTES, "data": {"a": 1}}
    assert to_kafka(event, key_mapper=lambda each: each.get("subject")).key == "x"


def test_what_the_sdk_wrote_is_read_back_equal(event: Any) -> None:
    headers, body = cloudevents.conversion.to_binary(event)
    theirs = from_http(headers, body)
    assert theirs == events.known_kind()(ATTRIBUTES, {"a": 1})
    assert event == theirs


def test_binary_data_is_written_as_the_sdk_writes_it() -> None:
    ours: Any = CloudEvent({**ATTRIBUTES, "datacontenttype": "x/y"}, b"\x00")
    written = json.loads(cloudevents.conversion.to_json(ours))
    assert written["data_base64"] == "AA=="


async def test_a_function_gets_an_instance_of_the_sdks_class(site: StartSite) -> None:
    def handle(given: Any) -> str:
        mine = isinstance(given, CloudEvent)
        return f"{isinstance(given, cloudevents.http.CloudEvent)} {isinstance(given, AbstractEvent)} {mine}"

    registry.noted(handle, Note("cloudevent"))
    headers = "".join(
        f"ce-{name}: {value}\r\n" for name, value in ATTRIBUTES.items() if name != "datacontenttype"
    )
    async with site(handle) as made:
        assert (await made.ask("/", method="POST", headers=headers)).body == b"True True True"


async def test_an_event_of_the_sdk_is_an_answer(site: StartSite) -> None:
    def handle(given: Any) -> Any:
        return cloudevents.http.CloudEvent({"type": "re", "source": "/r"}, given.data)

    registry.noted(handle, Note("cloudevent"))
    body = json.dumps({**ATTRIBUTES, "data": {"a": 1}}).encode()
    async with site(handle) as made:
        reply = await made.ask(
            "/", method="POST", body=body, headers=f"content-type: {cloudevent.STRUCTURED}\r\n"
        )
    assert (reply.headers["ce-type"], reply.json) == ("re", {"a": 1})


def test_the_sdks_class_reads_as_ours_from_a_request() -> None:
    function = signatures.adapt(
        "f", registry.noted(lambda event: None, Note("cloudevent")), Note("cloudevent")
    )
    assert function.prepare is not None
    fields = [(f"ce-{name}".encode(), value.encode()) for name, value in ATTRIBUTES.items()]
    got = function.prepare(Request("POST", b"/", fields, b""))
    assert (got["type"], got.get_type(), got.data, dict(got.get_attributes())["ext"]) == ("t", "t", None, "e")
