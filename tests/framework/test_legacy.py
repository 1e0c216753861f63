"""Legacy background events: functions of data and context, and what has no counterpart."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import pytest

from functions_framework import BadRequest, CloudEvent, cloudevent, legacy, registry
from functions_framework.registry import Note
from tests.framework.conftest import StartSite

PUSH = {"subscription": "projects/p/subscriptions/s", "message": {"data": "eA==", "messageId": "7"}}
AUTH = {
    "type": "google.firebase.auth.user.v1.created",
    "source": "//firebaseauth.googleapis.com/projects/p",
    "id": "1",
}
JSON = "content-type: application/json\r\n"


def background(data: Any, context: legacy.Context) -> None:
    seen.append((data, context))


seen: list[tuple[Any, legacy.Context]] = []
registry.noted(background, Note("event"))


@pytest.mark.parametrize(
    "event",
    [
        {"context": {"eventId": "1", "timestamp": "t", "eventType": "e", "resource": "r"}, "data": {"a": 1}},
        {"eventId": "1", "timestamp": "t", "eventType": "e", "resource": "r", "data": {"a": 1}},
    ],
)
async def test_both_shapes_call_the_function(site: StartSite, event: dict[str, Any]) -> None:
    seen.clear()
    async with site(background) as made:
        reply = await made.ask("/", method="POST", body=json.dumps(event).encode(), headers=JSON)
    assert (reply.status, reply.body) == (200, b"OK")
    [(data, context)] = seen
    told = (context.event_id, context.timestamp, context.event_type, context.resource)
    assert (data, told) == ({"a": 1}, ("1", "t", "e", "r"))


@pytest.mark.parametrize("name", ["eventId", "timestamp", "eventType"])
@pytest.mark.parametrize("value", [{"a": 1}, ["a"], 5])
def test_what_is_no_text_in_a_context_is_named(name: str, value: object) -> None:
    context = {"eventId": "1", "eventType": "google.pubsub.topic.publish", "resource": "projects/p/topics/t"}
    with pytest.raises(BadRequest, match=f"{name} is no text"):
        legacy.to_cloudevent({"context": {**context, name: value}, "data": {}}, "/")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"subscription": "s", "message": null}'])
async def test_what_is_no_event_is_refused(site: StartSite, body: bytes) -> None:
    async with site(background) as made:
        reply = await made.ask("/", method="POST", body=body, headers=JSON)
    assert reply.status == 400


async def test_a_cloudevent_without_legacy_type_keeps_its_own(site: StartSite) -> None:
    seen.clear()
    headers = "ce-id: 1\r\nce-source: /s\r\nce-type: t\r\nce-specversion: 1.0\r\nce-subject: x\r\n" + JSON
    async with site(background) as made:
        reply = await made.ask("/", method="POST", body=b"[1]", headers=headers)
    assert reply.status == 200
    assert (seen[0][0], seen[0][1].event_type, seen[0][1].resource) == ([1], "t", "/s/x")


def test_a_push_of_pubsub_names_its_topic_by_the_path() -> None:
    data, context = legacy.event_of(PUSH, "/x/projects/p/topics/t?y", now=lambda: "now")
    assert (data["data"], data["attributes"], context.event_id, context.timestamp) == ("eA==", {}, "7", "now")
    assert context.resource["name"] == "projects/p/topics/t"
    event = CloudEvent(*legacy.to_cloudevent(PUSH, "/projects/p/topics/t"))
    assert event["source"] == "//pubsub.googleapis.com/projects/p/topics/t"
    assert event.data["message"]["messageId"] == "7"


def test_the_generation_of_an_object_is_no_part_of_the_subject() -> None:
    resource = {
        "service": "storage.googleapis.com",
        "name": "projects/_/buckets/b/objects/folder/File#1588778055917163",
    }
    context = {
        "eventType": "google.storage.object.finalize",
        "eventId": "1",
        "timestamp": "t",
        "resource": resource,
    }
    event = CloudEvent(*legacy.to_cloudevent({"context": context, "data": {}}, "/"))
    assert (event["source"], event["subject"]) == (
        "//storage.googleapis.com/projects/_/buckets/b", "objects/folder/File",
    )  # fmt: skip


def test_analytics_names_the_application() -> None:
    event, _ = legacy.to_cloudevent(
        {
            "eventType": "providers/google.firebase.analytics/eventTypes/event.log",
            "eventId": "1", "timestamp": "t", "resource": "projects/p/events/e",
            "data": {"userDim": {"appInfo": {"appId": "com.example"}}},
        },
        "/",
    )  # fmt: skip
    assert event["source"] == "//firebaseanalytics.googleapis.com/projects/p/apps/com.example"
    assert event["subject"] == "events/e"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"eventType": "mine", "eventId": "1"}, "has no CloudEvent type"),
        ({"eventType": "google.storage.object.delete", "resource": "x", "eventId": "1"}, "is none of storage"),
        (
            {
                "eventType": "providers/google.firebase.database/eventTypes/ref.write", "eventId": "1",
                "resource": "projects/_/instances/i/refs/r",
            },
            "lacks domain",
        ),
        (
            {
                "eventType": "providers/google.firebase.analytics/eventTypes/event.log", "eventId": "1",
                "resource": "projects/p/events/e",
            },
            "lacks data.userDim",
        ),
    ],
)  # fmt: skip
def test_what_has_no_cloudevent_says_why(event: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        legacy.to_cloudevent(event, "/")


@pytest.mark.parametrize(
    ("attributes", "data", "words"),
    [
        ({**AUTH, "source": "here"}, {}, "not //service/resource"),
        (
            {
                "type": "google.cloud.firestore.document.v1.written",
                "source": "//firestore.googleapis.com/projects/p/databases/d",
            },
            {},
            "needs a subject",
        ),
        (
            {
                "type": "google.cloud.storage.object.v1.finalized",
                "source": "//storage.googleapis.com/projects/_/buckets/b",
                "subject": "objects/x",
            },
            {},
            "lacks data.kind",
        ),
    ],
)  # fmt: skip
def test_what_has_no_legacy_event_says_why(attributes: dict[str, str], data: Any, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        legacy.from_cloudevent(CloudEvent(attributes, data))


def test_an_account_without_metadata_is_converted() -> None:
    data, context = legacy.from_cloudevent(CloudEvent(AUTH, {"uid": "u"}))
    assert (data, context.event_type) == ({"uid": "u"}, "providers/firebase.auth/eventTypes/user.create")


def test_a_context_prints_its_facts() -> None:
    context = legacy.Context(eventId="1", timestamp="t", eventType="e", resource="r")
    assert str(context) == "{event_id: 1, timestamp: t, event_type: e, resource: r}"


async def test_a_legacy_event_reaches_a_cloudevent_function(site: StartSite) -> None:
    def handle(event: CloudEvent) -> dict[str, Any]:
        return {"subject": event["subject"], "data": event.data}

    registry.noted(handle, Note("cloudevent"))
    event = {
        "eventType": "providers/firebase.auth/eventTypes/user.create", "eventId": "1", "timestamp": "t",
        "resource": "projects/p", "data": {"uid": "u", "metadata": {"createdAt": "c"}},
    }  # fmt: skip
    async with site(handle) as made:
        reply = await made.ask("/", method="POST", body=json.dumps(event).encode(), headers=JSON)
    assert reply.json == {"subject": "users/u", "data": {"uid": "u", "metadata": {"createTime": "c"}}}


async def test_a_function_of_one_parameter_takes_events_as_before(site: StartSite) -> None:
    def handle(event: Any) -> str:
        return str(event["type"])

    registry.noted(handle, Note("event"))
    headers = f"content-type: {cloudevent.STRUCTURED}\r\n"
    body = json.dumps({"id": "1", "source": "/", "type": "t", "specversion": "1.0"}).encode()
    async with site(handle) as made:
        reply = await made.ask("/", method="POST", body=body, headers=headers)
    assert reply.body == b"t"


def test_googles_import_path_gives_the_context() -> None:
    for name in ("google.cloud.functions.context", "google.cloud.functions_v1.context"):
        assert import_module(name).Context is legacy.Context
    assert import_module("google.protobuf")  # the namespace is shared
