"""CloudEvent functions behind a server: what they get, what their results say, and batches."""

from __future__ import annotations

import json
from typing import Any

import pytest

import functions_framework
from functions_framework import CloudEvent, exits, registry, signatures
from tests.framework.conftest import StartSite

EVENT = {"id": "1", "source": "/s", "type": "t", "specversion": "1.0"}
STRUCTURED = "content-type: application/cloudevents+json\r\n"
BATCH = "content-type: application/cloudevents-batch+json\r\n"


def batch(*ids: str) -> bytes:
    return json.dumps([{**EVENT, "id": name, "data": {"n": name}} for name in ids]).encode()


async def test_a_batch_is_handed_over_one_by_one(site: StartSite) -> None:
    seen = []

    @functions_framework.cloud_event
    def handle(event: CloudEvent) -> None:
        seen.append(event.data["n"])

    async with site(handle) as made:
        reply = await made.ask("/", method="POST", body=batch("a", "b", "c"), headers=BATCH)
    assert (reply.status, reply.body, seen) == (200, b"OK", ["a", "b", "c"])


async def test_a_batch_is_handed_over_whole_to_who_asks_for_a_list(site: StartSite) -> None:
    @functions_framework.cloud_event
    async def handle(events: list[CloudEvent]) -> dict[str, int]:
        return {"n": len(events)}

    async with site(handle) as made:
        many = await made.ask("/", method="POST", body=batch("a", "b"), headers=BATCH)
        single = await made.ask("/", method="POST", body=json.dumps(EVENT).encode(), headers=STRUCTURED)
    assert (many.json, single.json) == ({"n": 2}, {"n": 1})


async def test_the_first_failure_ends_a_batch_and_is_its_answer(site: StartSite) -> None:
    seen = []

    @functions_framework.cloud_event
    async def handle(event: CloudEvent) -> object:
        seen.append(event["id"])
        return ("later", 503) if event["id"] == "b" else None

    async with site(handle) as made:
        reply = await made.ask("/", method="POST", body=batch("a", "b", "c"), headers=BATCH)
    assert (reply.status, reply.body, seen) == (503, b"later", ["a", "b"])


async def test_an_error_in_a_batch_is_500(site: StartSite) -> None:
    @functions_framework.cloud_event
    def handle(event: CloudEvent) -> None:
        if event["id"] == "b":
            raise ValueError("broken")

    async with site(handle) as made:
        reply = await made.ask("/", method="POST", body=batch("a", "b"), headers=BATCH)
    assert reply.status == 500


async def test_events_returned_for_a_batch_are_a_batch(site: StartSite) -> None:
    @functions_framework.cloud_event
    def handle(event: CloudEvent) -> CloudEvent:
        return CloudEvent({"type": "re", "source": "/r", "id": event["id"]}, event.data)

    async with site(handle) as made:
        reply = await made.ask("/", method="POST", body=batch("a", "b"), headers=BATCH)
    assert reply.headers["content-type"] == "application/cloudevents-batch+json"
    assert [(each["id"], each["type"], each["data"]["n"]) for each in reply.json] == [
        ("a", "re", "a"),
        ("b", "re", "b"),
    ]


@pytest.mark.parametrize(
    ("headers", "body", "words"),
    [
        ("ce-id: 1\r\n", b"{}", "lacks source, specversion, type"),
        (STRUCTURED, b"{", "no JSON"),
        ("content-type: application/json\r\n", b"{}", "lacks id"),
        (BATCH, b"[{}]", "Event 0 of the batch"),
        ("ce-id: 1\r\nce-source: /\r\nce-type: t\r\nce-specversion: 9\r\n", b"", "specversion 9"),
    ],
)
async def test_what_is_no_event_is_refused_with_what_is_missing(
    site: StartSite, headers: str, body: bytes, words: str
) -> None:
    async with site(functions_framework.cloud_event(lambda event: event["id"])) as made:
        reply = await made.ask("/", method="POST", body=body, headers=headers)
    assert reply.status == 400
    assert words in reply.body.decode()


async def test_only_post_brings_events(site: StartSite) -> None:
    async with site(functions_framework.cloud_event(lambda event: None)) as made:
        reply = await made.ask("/")
    assert reply.status == 405
    assert "post" in reply.headers["allow"]


@pytest.mark.parametrize(
    ("signature", "call", "words"),
    [
        ("cloudevent", lambda: None, "it is given the event"),
        ("event", lambda: None, "it is given the data and the context"),
        ("event", lambda data, context, more: None, "it is given the data and the context"),
    ],
)
def test_a_function_that_takes_something_else_is_told_what_it_is_given(
    signature: registry.Signature, call: Any, words: str
) -> None:
    with pytest.raises(exits.StartError, match=words) as caught:
        signatures.adapt("handle", call, registry.Note(signature))
    assert caught.value.reason == "ArityMismatch"
