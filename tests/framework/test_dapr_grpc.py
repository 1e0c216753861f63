"""Dapr's gRPC app protocol on the port of the function's own server, called by a real gRPC client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]  # the package has no types

from functions_framework.context.user_context import UserContext
from functions_framework.dapr.stubs import callback, callback_service, common, grpc
from tests import waiting
from tests.framework.sidecar import FakeSidecar
from tests.framework.test_context_calls import CONTEXT, by_out, raising, served

EMPTY: Any = Empty()


@asynccontextmanager
async def called(
    call: Callable[..., Any], fake: FakeSidecar, *, context: dict[str, Any] | None = None, **env: str
) -> AsyncIterator[tuple[Any, Any]]:
    """The stub of a function's callbacks, and the site that serves them."""
    async with (
        served(call, fake, context=context, APP_PROTOCOL="grpc", **env) as at,
        grpc.aio.insecure_channel(f"127.0.0.1:{at.port}") as channel,
    ):
        yield callback_service.AppCallbackStub(channel), at


def topic_event(data: bytes = b'{"n":1}', **more: Any) -> Any:
    return callback.TopicEventRequest(
        id="1", source="s é%", type="t", spec_version="1.0", data_content_type="application/json", data=data,
        topic="new", pubsub_name="bus", **more,
    )  # fmt: skip


async def test_one_port_serves_callers_and_the_sidecar(fake: FakeSidecar) -> None:
    async with called(lambda context: "hello", fake) as (stub, at):
        told = await stub.ListTopicSubscriptions(EMPTY)
        assert (await at.ask("/")).body == b"hello"
        wanted = await stub.ListInputBindings(EMPTY)
    assert [(one.pubsub_name, one.topic, one.routes.default) for one in told.subscriptions] == [
        ("bus", "new", "/dapr/topics/0/orders")
    ]
    assert list(wanted.bindings) == ["cron"]


async def test_an_event_comes_with_its_bytes_and_attributes(fake: FakeSidecar) -> None:
    seen: list[Any] = []

    async def call(context: UserContext) -> None:
        event = context.get_topic_event()
        assert event is not None
        seen.append((event.data, event.source, event.topic, event.extensions, context.get_input_name()))

    async with called(call, fake) as (stub, _):
        event = topic_event(b'{"n": 1}\n')
        event.extensions.update({"traceid": "00-a", "n": 2})
        answer = await stub.OnTopicEvent(event)
    assert answer.status == callback.TopicEventResponse.SUCCESS
    extensions = {"traceid": "00-a", "n": "2.0", "topic": "new", "pubsubname": "bus"}
    assert seen == [(b'{"n": 1}\n', "s é%", "new", extensions, "orders")]


@pytest.mark.parametrize(("call", "verdict"), [
    (lambda context: None, "SUCCESS"),
    (lambda context: "DROP", "DROP"),
    (by_out(error="bad", metadata={"retry": "true"}), "RETRY"),
    (by_out(error="bad"), "DROP"),
    (raising(ValueError("no")), "RETRY"),
])  # fmt: skip
async def test_an_events_verdict(fake: FakeSidecar, call: Any, verdict: str) -> None:
    async with called(call, fake) as (stub, _):
        answer = await stub.OnTopicEvent(topic_event())
    assert callback.TopicEventResponse.TopicEventResponseStatus.Name(answer.status) == verdict


async def test_a_bulk_has_a_verdict_for_each(fake: FakeSidecar) -> None:
    async def call(context: UserContext) -> Any:
        return "RETRY" if context.data == b"\x00raw" else None

    inputs = {"orders": {**CONTEXT["inputs"]["orders"], "metadata": {"bulkSubscribe": "true"}}}
    event = callback.TopicEventCERequest(id="1", source="s", type="t", spec_version="1.0", data=b"{}",
                                         data_content_type="application/json")  # fmt: skip
    entries = [
        callback.TopicEventBulkRequestEntry(entry_id="a", cloud_event=event),
        callback.TopicEventBulkRequestEntry(
            entry_id="b", bytes=b"\x00raw", content_type="application/octet-stream"
        ),
    ]
    bulk = callback.TopicEventBulkRequest(id="1", topic="new", pubsub_name="bus", entries=entries)
    async with called(call, fake, context={**CONTEXT, "inputs": inputs}) as (stub, _):
        answer = await stub.OnBulkTopicEvent(bulk)
    assert [(one.entry_id, one.status) for one in answer.statuses] == [
        ("a", callback.TopicEventResponse.SUCCESS), ("b", callback.TopicEventResponse.RETRY),
    ]  # fmt: skip


async def test_a_bindings_call_gets_the_result(fake: FakeSidecar) -> None:
    def call(context: UserContext) -> bytes:
        request = context.get_binding_request()
        assert request is not None
        return request.data + request.metadata["key"].encode()

    async with called(call, fake) as (stub, _):
        answer = await stub.OnBindingEvent(
            callback.BindingEventRequest(name="cron", data=b"\x00x", metadata={"key": "v"})
        )
        assert answer.data == b"\x00xv"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.OnBindingEvent(callback.BindingEventRequest(name="none"))
    assert caught.value.code() is grpc.StatusCode.UNKNOWN or caught.value.code() is grpc.StatusCode.INTERNAL


async def test_another_app_reaches_the_callers_function(fake: FakeSidecar) -> None:
    def call(context: UserContext) -> Any:
        request = context.get_http_request()
        assert request is not None
        return {
            "method": request.method,
            "path": request.path,
            "q": request.args["q"],
            "body": request.body.decode(),
        }

    asked = common.InvokeRequest(method="a/b", content_type="text/plain")
    asked.data.value = b"hi"
    asked.http_extension.verb = common.HTTPExtension.PUT
    asked.http_extension.querystring = "q=1"
    async with called(call, fake) as (stub, _):
        answer = await stub.OnInvoke(asked)
    assert json.loads(answer.data.value) == {"method": "PUT", "path": "/a/b", "q": "1", "body": "hi"}
    assert answer.content_type == "application/json"


async def test_a_call_that_fails_has_a_code(fake: FakeSidecar) -> None:
    async with called(by_out(404, data="none"), fake) as (stub, _):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.OnInvoke(common.InvokeRequest(method="a"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert "none" in caught.value.details()


async def test_an_unknown_topic_is_unimplemented(fake: FakeSidecar) -> None:
    async with called(lambda context: None, fake) as (stub, _):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.OnTopicEvent(callback.TopicEventRequest(topic="other", pubsub_name="bus"))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_callback_without_the_apps_token_is_refused(fake: FakeSidecar) -> None:
    async with called(lambda context: None, fake, APP_API_TOKEN="secret") as (stub, _):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.OnTopicEvent(topic_event())
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        answer = await stub.OnTopicEvent(topic_event(), metadata=(("dapr-api-token", "secret"),))
    assert answer.status == callback.TopicEventResponse.SUCCESS


async def test_health_is_answered(fake: FakeSidecar) -> None:
    async with (
        served(lambda context: None, fake, APP_PROTOCOL="grpc") as at,
        grpc.aio.insecure_channel(f"127.0.0.1:{at.port}") as channel,
    ):
        stub = callback_service.AppCallbackHealthCheckStub(channel)
        assert await stub.HealthCheck(EMPTY) is not None


async def test_large_events_pass_whole(fake: FakeSidecar) -> None:
    seen = []

    async def call(context: UserContext) -> bytes:
        seen.append(len(context.data))
        return context.data

    async with called(call, fake) as (stub, _):
        answer = await stub.OnBindingEvent(callback.BindingEventRequest(name="cron", data=b"x" * 3_000_000))
    assert seen == [len(answer.data)] == [3_000_000]


async def test_a_connection_from_before_the_start_is_served_after_it(fake: FakeSidecar) -> None:
    async with called(lambda context: None, fake) as (stub, at):
        at.server.hold()
        early = stub.OnTopicEvent(topic_event())
        await waiting.until(lambda: at.server._held)
        at.server.release()
        assert (await early).status == callback.TopicEventResponse.SUCCESS
        assert (await stub.OnTopicEvent(topic_event())).status == callback.TopicEventResponse.SUCCESS


async def test_an_answer_in_pieces_comes_whole(fake: FakeSidecar) -> None:
    def call(context: UserContext) -> Any:
        return iter([b"one ", b"two"])

    async with called(call, fake) as (stub, _):
        answer = await stub.OnInvoke(common.InvokeRequest(method="a"))
    assert answer.data.value == b"one two"


async def test_an_answer_that_breaks_off_is_an_error(fake: FakeSidecar) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        raise ValueError("broke")

    async with called(lambda context: pieces(), fake) as (stub, _):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.OnInvoke(common.InvokeRequest(method="a"))
    assert caught.value.code() is grpc.StatusCode.INTERNAL


async def test_a_call_that_is_given_up_cancels_the_function(fake: FakeSidecar) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def call(context: UserContext) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with called(call, fake) as (stub, _):
        rpc = stub.OnTopicEvent(topic_event())
        await begun.wait()
        rpc.cancel()
        await asyncio.wait_for(cancelled.wait(), 20)
    assert rpc.cancelled()
