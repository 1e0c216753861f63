"""What an OpenFunction function is called with, and what its outcome means, over a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from functions_framework import registry, response, settings, signatures
from functions_framework.context import document, joining, serving
from functions_framework.context.out import FunctionOut
from functions_framework.context.runtime_context import RuntimeContext
from functions_framework.context.user_context import UserContext
from functions_framework.dapr import errors
from functions_framework.dapr.signals import Drop, Retry
from functions_framework.program import Program
from functions_framework.serving import server
from tests.framework import http
from tests.framework.conftest import Site
from tests.framework.sidecar import FakeSidecar

CONTEXT: dict[str, Any] = {
    "name": "f",
    "runtime": "Knative",
    "inputs": {
        "orders": {"uri": "new", "componentName": "bus", "componentType": "pubsub.redis"},
        "ticks": {"uri": "cron", "componentName": "cron", "componentType": "bindings.cron"},
    },
    "outputs": {
        "out": {"uri": "done", "componentName": "bus", "componentType": "pubsub.redis"},
        "raw": {
            "uri": "raw", "componentName": "bus", "componentType": "pubsub.redis", "metadata": {"rawPayload": "true"},
        },
        "files": {
            "componentName": "store", "componentType": "bindings.localstorage", "operation": "create",
            "metadata": {"fileName": "a.txt"},
        },
    },
    "states": {"cart": {"componentName": "redis", "componentType": "state.redis"}},
}  # fmt: skip
TOPIC = "/dapr/topics/0/orders"
EVENT = {
    "id": "1", "source": "s", "type": "t", "specversion": "1.0", "datacontenttype": "application/json",
    "data": {"n": 1}, "topic": "new", "pubsubname": "bus",
}  # fmt: skip
STRUCTURED = "content-type: application/cloudevents+json\r\n"


@asynccontextmanager
async def served(
    call: Callable[..., Any], fake: FakeSidecar, *, context: dict[str, Any] | None = None, **env: str
) -> AsyncIterator[Site]:
    """A server around an OpenFunction function with this context."""
    text = json.dumps(CONTEXT if context is None else context)
    environ = {
        "FUNC_CONTEXT": text,
        "DAPR_HTTP_PORT": str(fake.port),
        "OFN_DAPR_PATIENCE_SECONDS": "0.3",
        **env,
    }
    runtime = RuntimeContext(document.from_environ(environ), environ=environ)
    function = signatures.adapt("f", call, registry.note_of(call) or registry.Note("openfunction"))
    program = joining.program(Program((function,)), environ, runtime=runtime)
    made = server.Server(program, settings.InstanceSettings(settle=0.02), asyncio.get_running_loop())
    listener = server.bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    await made.start(listener)
    for start in program.starts:
        assert await _done(start()) is None
    try:
        yield Site(made, port)
    finally:
        for stop in program.stops:
            await _done(stop())
        await made.close()


async def _done(result: Any) -> Any:
    return await result if result is not None else None


async def deliver(at: Site, event: Any = EVENT, path: str = TOPIC) -> http.Reply:
    return await at.ask(path, method="POST", body=json.dumps(event).encode(), headers=STRUCTURED)


# what comes


async def test_a_callers_request_is_in_the_context(fake: FakeSidecar) -> None:
    def call(context: UserContext) -> Any:
        request = context.get_http_request()
        assert request is not None
        return {
            "path": request.path, "data": context.data.decode(), "input": context.get_input_name(),
            "binding": context.get_binding_request(), "topic": context.get_topic_event(),
        }  # fmt: skip

    async with served(call, fake) as at:
        reply = await at.ask("/p", method="POST", body=b"hello")
    assert reply.json == {"path": "/p", "data": "hello", "input": "", "binding": None, "topic": None}
    assert reply.headers["x-openfunction-status"] == "success"


@pytest.mark.parametrize(("headers", "body"), [
    (STRUCTURED, json.dumps(EVENT).encode()),
    ("ce-id: 1\r\nce-source: s\r\nce-type: t\r\nce-specversion: 1.0\r\ncontent-type: application/json\r\n", b'{"n":1}'),
])  # fmt: skip
async def test_a_cloudevent_over_http_gives_its_data(fake: FakeSidecar, headers: str, body: bytes) -> None:
    def call(context: UserContext, data: bytes) -> Any:
        event = context.get_cloud_event()
        assert event is not None
        return [event["id"], data.decode()]

    async with served(call, fake) as at:
        assert (await at.ask("/", method="POST", body=body, headers=headers)).json == ["1", '{"n":1}']


async def test_a_binding_calls_the_function_and_gets_its_result(fake: FakeSidecar) -> None:
    def call(context: UserContext) -> str:
        request = context.get_binding_request()
        assert request is not None
        return f"{request.text()} {request.metadata['x-key']} {context.get_input_name()}"

    async with served(call, fake) as at:
        assert (await at.ask("/cron", method="OPTIONS")).status == 200
        reply = await at.ask("/cron", method="POST", body=b"tick", headers="X-Key: v\r\n")
    assert reply.body == b"tick v ticks"


async def test_a_topics_event_has_its_data_as_bytes(fake: FakeSidecar) -> None:
    seen = []

    async def call(context: UserContext) -> None:
        event = context.get_topic_event()
        assert event is not None
        seen.append((event.Data(), event.EventID(), event.topic, event.pubsub_name, context.get_input_name()))

    async with served(call, fake) as at:
        assert (await deliver(at)).json == {"status": "SUCCESS"}
    assert seen == [(b'{"n":1}', "1", "new", "bus", "orders")]


async def test_the_sidecar_is_told_what_is_wanted(fake: FakeSidecar) -> None:
    async with served(lambda context: None, fake) as at:
        assert (await at.ask("/dapr/subscribe")).json == [
            {"pubsubname": "bus", "topic": "new", "route": TOPIC}
        ]
        assert (await at.ask("/dapr/config")).status == 200


async def test_a_callback_without_the_apps_token_is_refused(fake: FakeSidecar) -> None:
    async with served(lambda context: None, fake, APP_API_TOKEN="secret") as at:
        assert (await deliver(at)).status == 401
        assert (await at.ask("/dapr/subscribe")).status == 401
        told = "dapr-api-token: secret\r\n"
        assert (await at.ask("/dapr/subscribe", headers=told)).status == 200
        assert (await at.ask("/cron", method="POST", headers=told)).status == 204


# what is answered


def by_out(code: int = 0, error: Any = None, **more: Any) -> Callable[[UserContext], Any]:
    def call(context: UserContext) -> None:
        context.out.set_code(code)
        context.out.set_error(error)
        context.out.set_data(more.get("data"))
        context.out.set_metadata(more.get("metadata", {}))

    return call


def raising(error: Exception) -> Callable[[UserContext], Any]:
    def call(context: UserContext) -> None:
        raise error

    return call


OUTCOMES: list[tuple[Any, int, str, bytes]] = [
    (lambda context: "text", 200, "success", b"text"),
    (lambda context: {"a": 1}, 200, "success", b'{"a":1}'),
    (lambda context: None, 204, "success", b""),
    (lambda context: ("made", 201), 201, "success", b"made"),
    (by_out(404, data="none"), 404, "error", b"none"),
    (by_out(202, data=b"later"), 202, "success", b"later"),
    (by_out(error="bad"), 500, "error", b""),
    (by_out(422, error="bad", data={"why": 1}), 422, "error", b'{"why":1}'),
    (lambda context: context.return_on_success("fine"), 200, "success", b"fine"),
    (lambda context: context.return_on_internal_error(), 500, "error", b""),
    (lambda context: context.return_on_success().with_code(418).with_data("tea"), 418, "error", b"tea"),
    (raising(ValueError("no")), 500, "crash", b"Internal Server Error\n"),
]


@pytest.mark.parametrize(("call", "status", "told", "body"), OUTCOMES)
async def test_every_outcome_has_its_status_and_says_so(
    fake: FakeSidecar, call: Any, status: int, told: str, body: bytes
) -> None:
    async with served(call, fake) as at:
        reply = await at.ask("/", method="POST", body=b"x")
    assert (reply.status, reply.headers["x-openfunction-status"], reply.body) == (status, told, body)


async def test_metadata_of_an_outcome_are_header_fields(fake: FakeSidecar) -> None:
    async with served(by_out(data="a,b", metadata={"Content-Type": "text/csv", "x-k": 1}), fake) as at:
        reply = await at.ask("/")
    assert (reply.headers["content-type"], reply.headers["x-k"]) == ("text/csv", "1")


SIGNALS: list[tuple[Any, int, str]] = [
    (lambda context: None, 200, "SUCCESS"),
    (lambda context: "anything", 200, "SUCCESS"),
    (lambda context: "RETRY", 200, "RETRY"),
    (lambda context: {"status": "drop"}, 200, "DROP"),
    (by_out(error="bad"), 200, "DROP"),
    (by_out(error="bad", metadata={"retry": "true"}), 200, "RETRY"),
    (by_out(error="bad", metadata={"retry": True}), 200, "RETRY"),
    (raising(Retry()), 503, ""),
    (raising(Drop()), 404, ""),
    (raising(ValueError("no")), 500, ""),
]


@pytest.mark.parametrize(("call", "status", "verdict"), SIGNALS)
async def test_an_event_is_taken_sent_again_or_dropped(
    fake: FakeSidecar, call: Any, status: int, verdict: str
) -> None:
    async with served(call, fake) as at:
        reply = await deliver(at)
    assert reply.status == status
    if verdict:
        assert reply.json == {"status": verdict}


async def test_a_message_that_can_never_be_read_is_dropped(fake: FakeSidecar) -> None:
    async with served(lambda context: None, fake) as at:
        assert (await deliver(at, {"id": "1"})).status == 404


async def test_each_event_of_a_bulk_has_its_own_verdict(fake: FakeSidecar) -> None:
    async def call(context: UserContext) -> Any:
        number = json.loads(context.data)["n"]
        if number == 2:
            raise ValueError("two")
        return {1: None, 3: "RETRY", 4: "DROP"}[number]

    inputs = {
        "orders": {
            **CONTEXT["inputs"]["orders"],
            "metadata": {"bulkSubscribe": "true", "maxMessagesCount": "9"},
        }
    }
    entries = [
        {
            "entryId": str(number),
            "event": {**EVENT, "data": {"n": number}},
            "contentType": "application/cloudevents+json",
        }
        for number in (1, 2, 3, 4)
    ]
    entries.append(
        {"entryId": "5", "event": {"specversion": "1.0"}, "contentType": "application/cloudevents+json"}
    )
    async with served(call, fake, context={**CONTEXT, "inputs": inputs}) as at:
        told = (await at.ask("/dapr/subscribe")).json
        assert told[0]["bulkSubscribe"] == {"enabled": True, "maxMessagesCount": 9}
        reply = await at.ask(TOPIC, method="POST", body=json.dumps({"entries": entries}).encode())
    assert [one["status"] for one in reply.json["statuses"]] == ["SUCCESS", "RETRY", "RETRY", "DROP", "DROP"]


# what is sent


async def test_send_publishes_bytes_unchanged(fake: FakeSidecar) -> None:
    async def call(context: UserContext) -> None:
        await context.asend("out", b"\x00\xffraw")
        await context.asend("raw", {"a": 1})

    async with served(call, fake, DAPR_API_TOKEN="t") as at:
        assert (await at.ask("/")).status == 204
    first, second = (one for one in fake.asked if one.method == "POST")
    assert (first.target, first.body) == ("/v1.0/publish/bus/done", b"\x00\xffraw")
    assert first.headers["content-type"] == "application/octet-stream"
    assert first.headers["dapr-api-token"] == "t"
    assert (second.target, second.json) == ("/v1.0/publish/bus/raw?metadata.rawPayload=true", {"a": 1})


async def test_send_to_a_binding_gives_its_answer(fake: FakeSidecar) -> None:
    fake.answer("/v1.0/bindings/store", 200, b"made", **{"metadata.etag": "7"})

    def call(context: UserContext) -> Any:
        reply = context.send("files", "text")
        assert reply is not None
        return [reply.text(), reply.metadata]

    async with served(call, fake) as at:
        assert (await at.ask("/")).json == ["made", {"etag": "7"}]
    asked = fake.asked[-1]
    assert asked.json == {"operation": "create", "data": "text", "metadata": {"fileName": "a.txt"}}


async def test_a_send_that_fails_names_output_component_and_answer(fake: FakeSidecar) -> None:
    fake.answer("/v1.0/publish", 400, b'{"errorCode":"ERR_PUBSUB_NOT_FOUND","message":"no bus"}')
    caught: list[errors.OutputError] = []

    def call(context: UserContext) -> None:
        try:
            context.send("out", "x")
        except errors.OutputError as error:
            caught.append(error)

    async with served(call, fake) as at:
        await at.ask("/")
    assert (caught[0].output, caught[0].status, caught[0].code) == ("out", 400, "ERR_PUBSUB_NOT_FOUND")
    assert "'out'" in str(caught[0])
    assert "bus topic done" in str(caught[0])
    assert "no bus" in str(caught[0])


async def test_an_output_that_is_not_there_is_named(fake: FakeSidecar) -> None:
    def call(context: UserContext) -> str:
        with pytest.raises(KeyError, match="no output 'nope'; it has 'out', 'raw', 'files'"):
            context.send("nope", b"")
        return "named"

    async with served(call, fake) as at:
        assert (await at.ask("/")).body == b"named"


async def test_the_state_of_the_context_is_its_first_store(fake: FakeSidecar) -> None:
    fake.answer("/v1.0/state/redis/k", 200, b'{"n":1}', etag="3")

    def call(context: UserContext) -> Any:
        item = context.state.get("k")
        context.states["cart"].save("k", 2, etag=item.etag, ttl=60)
        return [item.value, item.etag]

    async with served(call, fake) as at:
        assert (await at.ask("/")).json == [{"n": 1}, "3"]
    assert fake.asked[-1].json == [{
        "key": "k", "value": 2, "etag": "3", "metadata": {"ttlInSeconds": "60"},
        "options": {"concurrency": "first-write"},
    }]  # fmt: skip


def test_the_render_of_a_stream_says_its_status_too() -> None:
    made = serving.render(FunctionOut(data=iter([b"a"])))
    assert isinstance(made, response.Stream)
    assert b"x-openfunction-status: success" in made.lines
