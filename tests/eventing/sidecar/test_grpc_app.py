"""An app over gRPC: Dapr's callbacks, answered by a servicer of the SDK's own stubs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from functions_framework.dapr.stubs import callback, callback_service, common, grpc
from tests.eventing.sidecar.conftest import Setup, running
from tests.eventing.sidecar.test_http_app import kinds, publish
from tests.waiting import until

_SUCCESS, _RETRY, _DROP = 0, 1, 2


class App(callback_service.AppCallbackServicer):  # type: ignore[misc]  # the stubs have no types
    """What a test says it wants and answers, and what it was sent."""

    def __init__(self, *subscriptions: Any, bindings: tuple[str, ...] = ()) -> None:
        self.subscriptions = subscriptions
        self.bindings = bindings
        self.verdicts: dict[bytes, list[int]] = {}
        self.code: Any = None
        self.events: list[Any] = []
        self.metadata: dict[str, str] = {}

    def _verdict(self, data: bytes) -> int:
        left = self.verdicts.get(data)
        return left.pop(0) if left else _SUCCESS

    async def ListTopicSubscriptions(self, request: Any, context: Any) -> Any:  # noqa: N802
        return callback.ListTopicSubscriptionsResponse(subscriptions=self.subscriptions)

    async def ListInputBindings(self, request: Any, context: Any) -> Any:  # noqa: N802
        return callback.ListInputBindingsResponse(bindings=self.bindings)

    async def OnTopicEvent(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.events.append(request)
        self.metadata = dict(context.invocation_metadata())
        if self.code is not None:
            code, self.code = self.code, None
            await context.abort(code, "ordered to fail")
        return callback.TopicEventResponse(status=self._verdict(request.data))

    async def OnBulkTopicEvent(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.events.append(request)
        return callback.TopicEventBulkResponse(statuses=[
            callback.TopicEventBulkResponseEntry(
                entry_id=one.entry_id, status=self._verdict(one.cloud_event.data)
            )
            for one in request.entries
        ])  # fmt: skip

    async def OnBindingEvent(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.events.append(request)
        return callback.BindingEventResponse(data=b'{"n":1}', to=["files"])

    async def OnInvoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.method == "no":
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such method")
        made = common.InvokeResponse(content_type="text/plain")
        made.data.value = request.data.value.upper()
        return made


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[int]:
    server = grpc.aio.server()
    callback_service.add_AppCallbackServicer_to_server(app, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(1)


@asynccontextmanager
async def pair(app: App) -> AsyncIterator[Setup]:
    async with serving(app) as port, running(app_port=port, app_protocol="grpc", app_token="to-app") as made:
        await made.attached()
        yield made


def wanted(topic: str = "t", **more: Any) -> Any:
    return callback.TopicSubscription(pubsub_name="bus", topic=topic, **more)


@pytest.mark.parametrize(
    ("body", "kind", "data"),
    [
        (b'{"a":1}', "application/json", b'{"a":1}'),
        (b"text", "text/plain", b"text"),
        (b"\x00\xff", "application/octet-stream", b"\x00\xff"),
    ],
)  # fmt: skip
async def test_an_event_comes_with_its_attributes_and_data(body: bytes, kind: str, data: bytes) -> None:
    app = App(wanted(routes=callback.TopicRoutes(default="/on")))
    async with pair(app) as made:
        await publish(made, body, kind=kind)
        await until(lambda: kinds(made) == ["ack"])
        event = app.events[0]
        assert (event.data, event.data_content_type, event.topic) == (data, kind, "t")
        assert (event.pubsub_name, event.path, event.source) == ("bus", "/on", "app")
        assert (event.extensions["pubsubname"], app.metadata["dapr-api-token"]) == ("bus", "to-app")


async def test_the_status_decides_what_becomes_of_an_event() -> None:
    app = App(wanted(dead_letter_topic="dead"))
    app.verdicts = {b"again": [_RETRY], b"bad": [_DROP]}
    async with pair(app) as made:
        await publish(made, b"bad")
        await until(lambda: kinds(made) == ["drop"])
        await publish(made, b"again")
        await until(lambda: kinds(made) == ["drop", "ack"])
        assert [topic for topic, _ in made.bus.stored] == ["t", "dead", "t", "dead"]


@pytest.mark.parametrize(("code", "expected"), [("UNIMPLEMENTED", ["ack"]), ("INTERNAL", ["retry", "ack"])])
async def test_an_error_is_a_retry_but_for_a_callback_that_is_not_there(
    code: str, expected: list[str]
) -> None:
    app = App(wanted())
    app.code = getattr(grpc.StatusCode, code)
    async with pair(app) as made:
        await publish(made)
        await until(lambda: kinds(made) == expected)


async def test_an_app_that_goes_away_gets_its_events_when_it_is_back() -> None:
    app = App(wanted())
    async with pair(app) as made:
        app.code = grpc.StatusCode.UNAVAILABLE
        await publish(made)
        await until(lambda: kinds(made) == ["ack"])
        assert len(app.events) == 2


async def test_a_bulk_has_a_status_for_each_entry() -> None:
    bulk = callback.BulkSubscribeConfig(enabled=True, max_messages_count=2, max_await_duration_ms=300)
    app = App(wanted(bulk_subscribe=bulk))
    app.verdicts = {b"again": [_RETRY]}
    async with pair(app) as made:
        await publish(made, b"good")
        await publish(made, b"again")
        await until(lambda: sorted(kinds(made)) == ["ack", "ack", "retry"])
        first = app.events[0]
        assert (len(first.entries), first.topic, first.entries[0].cloud_event.data) == (2, "t", b"good")


async def test_a_binding_calls_and_its_answer_goes_to_the_outputs_it_names() -> None:
    app = App(bindings=("files",))
    async with pair(app) as made:
        assert made.files.read_by is not None
        assert (await made.files.read_by(b"\x00", {"k": "v"})).kind == "ack"
        assert (app.events[0].data, dict(app.events[0].metadata)) == (b"\x00", {"k": "v"})
        assert made.files.invoked == [("create", b'{"n":1}', {})]


async def test_an_app_is_invoked_over_http_and_its_status_is_translated() -> None:
    async with pair(App()) as made:
        told = await made.http.post("/v1.0/invoke/app/method/m", content=b"hi")
        assert (told.status_code, told.content, told.headers["content-type"]) == (200, b"HI", "text/plain")
        assert (await made.http.post("/v1.0/invoke/app/method/no")).status_code == 404


async def test_an_app_without_callbacks_wants_nothing() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with running(app_port=port, app_protocol="grpc") as made:
        await made.attached()
        assert (made.bus.readings, made.files.read_by) == ({}, None)
        assert json.loads((await made.http.get("/v1.0/metadata")).content)["subscriptions"] == []
    await server.stop(1)
