"""Sources: what is asked of a post, where events go before 202, and ids that tell the kind."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing import clock
from openfunction_eventing.documents import Delivery, DocumentError, Source
from openfunction_eventing.door import Door
from openfunction_eventing.drivers.port import Verdict
from openfunction_eventing.envelope import Message, decode
from openfunction_eventing.journal import Journal
from openfunction_eventing.sinks import Sinks
from openfunction_eventing.sources import brokered, cron, port, posted
from openfunction_eventing.sources.emitting import Emitter
from tests import waiting
from tests.eventing import parts

BINARY = {"ce-id": "1", "ce-source": "/cam", "ce-type": "image", "ce-specversion": "1.0"}
EVENT = {"id": "1", "source": "/cam", "type": "image", "specversion": "1.0", "data": {"n": 1}}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


def document(kind: str, *, sink: str = "", topic: str = "out", **spec: Any) -> Source:
    quick = Delivery(retry=2, backoff_delay=0.005)
    return Source("default", "es", "ev", kind, spec, sink, topic, quick)


class Client:
    """Somebody who posts, and the bus that events should reach."""

    def __init__(self, session: aiohttp.ClientSession, bus: parts.Bus, journal: Journal) -> None:
        self._session, self.bus, self.journal = session, bus, journal

    async def post(self, body: bytes, headers: Mapping[str, str], path: str = "/ev") -> tuple[int, str]:
        async with self._session.post(path, data=io.BytesIO(body), headers=headers) as answer:
            return answer.status, await answer.text()

    async def call(self, method: str, **headers: str) -> aiohttp.ClientResponse:
        async with self._session.request(method, "/ev", headers=headers) as answer:
            return answer

    @property
    def stored(self) -> list[CloudEvent]:
        return self.bus.published["out"]


@asynccontextmanager
async def posting(source: Source) -> AsyncIterator[Client]:
    bus, journal = parts.Bus(), Journal()
    door = Door("127.0.0.1", 0, records=journal, troubles=tuple)
    made = posted.http(source, door) if source.type == "http" else posted.webhook(source, door)
    async with Sinks() as sinks, door, asyncio.TaskGroup() as group:
        emitter = Emitter(source, sinks, bus, journal, stop=asyncio.Event())
        running = group.create_task(made.run(emitter))
        async with aiohttp.ClientSession(f"http://127.0.0.1:{door.port}") as session:
            await asyncio.sleep(0)
            yield Client(session, bus, journal)
        running.cancel()


@pytest.mark.parametrize(
    ("headers", "body", "ids"),
    [
        (BINARY, b"x", ["1"]),
        (STRUCTURED, json.dumps(EVENT).encode(), ["1"]),
        (BATCH, json.dumps([EVENT, {**EVENT, "id": "2"}]).encode(), ["1", "2"]),
        (BATCH, b"[]", []),
    ],
)
async def test_cloudevents_are_stored_before_202(
    headers: dict[str, str], body: bytes, ids: list[str]
) -> None:
    async with posting(document("http")) as client:
        assert (await client.post(body, headers))[0] == 202
        assert [one["id"] for one in client.stored] == ids


@pytest.mark.parametrize(
    ("headers", "body", "sentence"),
    [
        ({}, b"x", "lacks id, source, specversion, type"),
        ({"ce-id": "1", "ce-specversion": "1.0"}, b"x", "lacks source, type"),
        ({**BINARY, "ce-specversion": "7"}, b"x", "specversion 7; 1.0 is accepted"),
        (STRUCTURED, b"{", "is no JSON"),
        (STRUCTURED, b'{"id": "1"}', "lacks source, specversion, type"),
        (STRUCTURED, json.dumps({**EVENT, "id": 7}).encode(), "The CloudEvent's id"),
        (BATCH, json.dumps([EVENT, {"id": "2"}]).encode(), "Event 1 of the batch"),
        (BATCH, b"{}", "is a JSON array"),
    ],
)
async def test_what_is_no_event_gets_400_that_names_what_is_missing(
    headers: dict[str, str], body: bytes, sentence: str
) -> None:
    async with posting(document("http")) as client:
        status, text = await client.post(body, headers)
        assert status == 400
        assert sentence in text
        assert client.stored == []


async def test_a_10_mb_event_is_taken() -> None:
    async with posting(document("http")) as client:
        assert (await client.post(b"\x01" * (10 << 20), BINARY))[0] == 202
        assert len(client.stored[0].data) == 10 << 20


async def test_a_bus_that_is_away_gives_503_and_the_event_may_come_again() -> None:
    async with posting(document("http")) as client:
        client.bus.broken = True
        status, text = await client.post(b"x", BINARY)
        assert (status, text) == (503, "the bus did not store the event: the broker is away\n")
        client.bus.broken = False
        assert (await client.post(b"x", BINARY))[0] == 202
        steps = [record.step for record in client.journal.story("1")]
        assert steps == ["received", "refused", "received", "delivered", "acknowledged"]


@pytest.mark.parametrize(
    ("statuses", "answer", "posts"), [([200], 202, 1), ([500, 200], 202, 2), ([500], 503, 3), ([400], 502, 1)]
)
async def test_a_sink_answers_before_the_producer_is_told(
    statuses: list[int], answer: int, posts: int
) -> None:
    async with parts.Sink(*statuses) as sink, posting(document("http", sink=sink.url, topic="")) as client:
        assert (await client.post(b"x", BINARY))[0] == answer
        assert len(sink.got) == posts


async def test_an_event_goes_to_sink_and_topic() -> None:
    async with parts.Sink() as sink, posting(document("http", sink=sink.url)) as client:
        assert (await client.post(b"x", BINARY))[0] == 202
        assert (sink.ids, [one["id"] for one in client.stored]) == (["1"], ["1"])


async def test_other_methods_and_the_webhook_handshake() -> None:
    async with posting(document("http")) as client:
        assert (await client.call("GET")).status == 405
        answer = await client.call("OPTIONS", **{"WebHook-Request-Origin": "events.example"})
        assert (answer.status, answer.headers["WebHook-Allowed-Origin"]) == (200, "events.example")
        assert (await client.post(b"x", BINARY, path="/other"))[0] == 404


SIGNED: dict[str, Any] = {
    "signature": {"header": "X-Hub-Signature-256", "prefix": "sha256=", "secret": "s3cret"}
}


def signed(body: bytes, secret: str = "s3cret") -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json", "X-Id": "7"}


async def test_a_signed_post_becomes_an_event() -> None:
    source = document("webhook", idHeader="X-Id", type="push", **SIGNED)
    async with posting(source) as client:
        assert (await client.post(b'{"n": 1}', signed(b'{"n": 1}')))[0] == 202
        (event,) = client.stored
        assert (event["id"], event["type"], event.data) == ("webhook-default-es-ev-7", "push", {"n": 1})
        assert event["source"].endswith("/namespaces/default/eventsources/es")


async def test_a_signature_may_be_in_capitals() -> None:
    (name,) = [one for one in signed(b"x") if "Signature" in one]
    prefix, _, digits = signed(b"x")[name].partition("=")
    async with posting(document("webhook", **SIGNED)) as client:
        assert (await client.post(b"x", {name: f"{prefix}={digits.upper()}"}))[0] == 202


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({}, "lacks the signature"),
        (signed(b"x", "other"), "is not that of this body"),
        (signed(b"y"), "is not that of this body"),
        ({"X-Hub-Signature-256": "ü"}, "is not that of this body"),
    ],
)
async def test_a_post_without_the_right_signature_gets_401(headers: dict[str, str], sentence: str) -> None:
    async with posting(document("webhook", **SIGNED)) as client:
        status, text = await client.post(b"x", headers)
        assert status == 401
        assert sentence in text
        assert client.stored == []


async def test_a_type_header_and_a_missing_id_header() -> None:
    async with posting(document("webhook", idHeader="X-Id", typeHeader="X-Event")) as client:
        assert (await client.post(b"x", {"X-Id": "1", "X-Event": "issue"}))[0] == 202
        assert client.stored[0]["type"] == "issue"
        assert (await client.post(b"x", {"X-Event": "issue"}))[0] == 400


async def test_equal_posts_without_an_id_are_two_events() -> None:
    async with posting(document("webhook")) as client:
        await client.post(b"x", {})
        await client.post(b"x", {})
        first, second = client.stored
        assert first["id"] != second["id"]
        assert first["id"].startswith("webhook-default-es-ev-")


async def test_cron_emits_its_moments_and_outlives_a_sink_that_does_not() -> None:
    source = cron.Cron(document("cron", schedule="@every 1s"))
    got: list[CloudEvent] = []

    async def emit(event: CloudEvent) -> None:
        got.append(event)
        raise port.EmitError("status 400", final=True)

    async with asyncio.TaskGroup() as group:
        running = group.create_task(source.run(emit))
        await waiting.until(lambda: len(got) == 2)
        running.cancel()
    assert got[0]["id"] == f"cron-default-es-ev-{int(got[1]['id'].rpartition('-')[2]) - 1}"
    assert got[0]["time"] == got[0].data["time"]


async def test_a_moment_that_the_bus_did_not_take_is_offered_again_until_the_next_one_is_due() -> None:
    got: list[str] = []

    async def emit(event: CloudEvent) -> None:
        got.append(str(event["id"]))
        if len(got) < 3:
            raise port.EmitError("away")

    yearly, due = cron.Cron(document("cron", schedule="@yearly")), float(int(clock.wall()))
    await yearly._give(emit, due)
    assert got == [f"cron-default-es-ev-{due:.0f}"] * 3
    got.clear()
    await cron.Cron(document("cron", schedule="@every 1s"))._give(emit, due - 5)
    assert len(got) == 1


async def test_a_moment_has_the_same_id_in_every_process() -> None:
    pair = [cron.Cron(document("cron", schedule="* * * * *")) for _ in range(2)]
    first, second = (one.event(1_800_000_000.0) for one in pair)
    assert first == second
    assert first["id"] == "cron-default-es-ev-1800000000"


@pytest.mark.parametrize(
    ("schedule", "moment", "after"),
    [
        ("@every 7s", 100.0, 105.0),
        ("@every 7s", 105.0, 112.0),
        ("* * * * *", 100.0, 120.0),
        ("0 0 31 2 *", 0.0, None),
    ],
)
def test_the_moments_of_a_source_are_everywhere_the_same(
    schedule: str, moment: float, after: float | None
) -> None:
    assert cron.Cron(document("cron", schedule=schedule)).after(moment) == after


def test_a_wrong_schedule_names_its_key() -> None:
    with pytest.raises(DocumentError, match=r"^spec.schedule: .* has 1 fields"):
        cron.Cron(document("cron", schedule="often"))


async def opened(bus: parts.Bus) -> parts.Bus:
    return bus


@pytest.mark.parametrize("kind", ["kafka", "nats"])
async def test_messages_of_a_broker_are_settled_after_emit(kind: str) -> None:
    bus, got, failures = parts.Bus(), list[str](), [True, False]

    async def emit(event: CloudEvent) -> None:
        if failures.pop(0):
            raise port.EmitError("away")
        got.append(str(event["id"]))

    wanted = dataclasses.replace(document(kind), spec={"component": "in", "topic": "t"})
    source = brokered.Brokered(wanted, lambda _: opened(bus), group="mine")
    async with bus, asyncio.TaskGroup() as group:
        running = group.create_task(source.run(emit))
        await waiting.until(lambda: bus.options)
        await bus.publish("t", Message("t", parts.event()))
        await waiting.until(lambda: "ack" in bus.verdicts)
        running.cancel()
    assert (bus.verdicts, got) == (["retry", "ack"], ["e1"])
    assert bus.options["t"].group == "mine"


def test_plain_bytes_of_a_broker_become_events_with_the_same_id_each_time() -> None:
    source = brokered.Brokered(document("kafka", component="in"), lambda _: opened(parts.Bus()))
    wrapped = [Message("t", decode(b"\x00plain", topic="t", position="0-7")) for _ in range(2)]
    first, second = (source.event_of(one) for one in wrapped)
    assert (first, first.data) == (second, b"\x00plain")
    assert first["id"].startswith("kafka-default-es-ev-")
    assert first["type"] == "io.openfunction.eventsource.kafka"
    bound = source.event(b"x", {"__topic": "t", "__partition": "3", "__offset": "9"})
    assert bound["id"] == "kafka-default-es-ev-t-3-9"


def test_an_event_that_dapr_made_for_a_publisher_stays_that_event() -> None:
    source = brokered.Brokered(document("kafka", component="in"), lambda _: opened(parts.Bus()))
    sent = {
        "specversion": "1.0", "id": "u", "source": "shop", "type": "com.dapr.event.sent", "topic": "t",
        "pubsubname": "p", "datacontenttype": "text/plain", "data": "hello",
    }  # fmt: skip
    found = source.event_of(Message("t", decode(json.dumps(sent).encode(), topic="t", position="0-7")))
    assert (found["id"], found["source"], found["datacontenttype"], found.data) == (
        *("u", "shop", "text/plain"),
        "hello",
    )


async def test_an_event_that_the_sink_never_wants_is_dropped_and_not_tried_for_ever() -> None:
    async def emit(_event: CloudEvent) -> None:
        raise port.EmitError("status 400", final=True)

    source = brokered.Brokered(document("kafka", component="in"), lambda _: opened(parts.Bus()))
    verdict: Verdict = await source._emitted(emit, parts.event())
    assert verdict.kind == "drop"
