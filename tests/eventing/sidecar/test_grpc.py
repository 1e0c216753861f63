"""The API over gRPC, asked by Dapr's own SDK, unchanged."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from typing import Any, TypeVar

import pytest
from dapr.clients import DaprClient
from dapr.clients.grpc._request import TransactionalStateOperation, TransactionOperationType
from dapr.clients.grpc._state import Concurrency, StateOptions

from functions_framework.dapr.stubs import api, grpc
from openfunction_eventing.sidecar import calls
from tests.eventing.sidecar.conftest import App, Setup, running, serving
from tests.waiting import until

T = TypeVar("T")


@pytest.fixture
async def made(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Setup]:
    async with running() as setup:
        monkeypatch.setenv("DAPR_HTTP_PORT", str(setup.servers.http_port))
        monkeypatch.setenv("DAPR_GRPC_PORT", str(setup.servers.grpc_port))
        yield setup


async def ask(question: Callable[[Any], T]) -> T:
    """Ask by the SDK's client, which blocks and so has a thread."""

    def asked() -> T:
        asyncio.set_event_loop(own := asyncio.new_event_loop())
        try:
            with closing(own), DaprClient() as client:
                return question(client)
        finally:
            asyncio.get_event_loop().close()  # to invoke, the SDK makes one that it leaves open

    return await asyncio.to_thread(asked)


async def test_a_publication_has_an_envelope(made: Setup) -> None:
    await ask(
        lambda c: c.publish_event("bus", "t", json.dumps({"a": 1}), data_content_type="application/json")
    )
    await ask(lambda c: c.publish_event("bus", "t", b"\x00", publish_metadata={"rawPayload": "true"}))
    assert json.loads(made.bus.stored[0][1])["data"] == {"a": 1}
    assert made.bus.stored[1] == ("t", b"\x00")


async def test_a_bulk_is_published(made: Setup) -> None:
    told = await ask(lambda c: c.publish_events("bus", "t", data=["a", "b"], data_content_type="text/plain"))
    assert told.failed_entries == []
    assert [json.loads(body)["data"] for _, body in made.bus.stored] == ["a", "b"]


async def test_a_binding_does_what_it_is_asked(made: Setup) -> None:
    told = await ask(lambda c: c.invoke_binding("files", "create", b"\x00\xff", {"k": "v"}))
    assert (told.data, dict(told.binding_metadata)) == (b"\x00\xff", {"operation": "create"})


async def test_state_with_etags_in_bulk_and_in_transactions(made: Setup) -> None:
    await ask(lambda c: c.save_state("store", "k", "1", state_metadata={"ttlInSeconds": "5"}))
    found = await ask(lambda c: c.get_state("store", "k"))
    assert (found.data, made.store.writes[0].ttl) == (b"1", 5)
    options = StateOptions(concurrency=Concurrency.first_write)
    with pytest.raises(grpc.RpcError) as failed:
        await ask(lambda c: c.save_state("store", "k", "2", etag="99", options=options))
    assert failed.value.code() is grpc.StatusCode.ABORTED
    change = TransactionalStateOperation(key="n", data="3")
    gone = TransactionalStateOperation(key="k", operation_type=TransactionOperationType.delete)
    await ask(lambda c: c.execute_state_transaction("store", [change, gone]))
    items = (await ask(lambda c: c.get_bulk_state("store", ["n", "k"]))).items
    assert [(one.key, one.data) for one in items] == [("n", b"3"), ("k", b"")]
    await ask(lambda c: c.delete_state("store", "n"))
    assert made.store.items == {}


async def test_secrets_and_metadata(made: Setup) -> None:
    assert (await ask(lambda c: c.get_secret("secrets", "key"))).secret == {"key": "value"}
    assert (await ask(lambda c: c.get_bulk_secret("secrets"))).secrets["two"] == {"two": "b"}
    await ask(lambda c: c.set_metadata("colour", "red"))
    told = await ask(lambda c: c.get_metadata())
    assert (told.application_id, told.extended_metadata["colour"]) == ("app", "red")
    assert {one.name for one in told.registered_components} == {"bus", "store", "secrets", "files"}


@pytest.mark.filterwarnings("ignore:invoke_method with protocol gRPC is deprecated")
async def test_an_app_is_invoked_by_both_of_the_sdks_protocols(monkeypatch: pytest.MonkeyPatch) -> None:
    app = App(answers={"/m": lambda body: {"got": body.decode()}, "/no": lambda _: 404})
    async with serving(app), running(app_port=app.port) as made:
        monkeypatch.setenv("DAPR_HTTP_PORT", str(made.servers.http_port))
        monkeypatch.setenv("DAPR_GRPC_PORT", str(made.servers.grpc_port))
        for protocol in ("http", "grpc"):
            monkeypatch.setattr("dapr.conf.settings.DAPR_API_METHOD_INVOCATION_PROTOCOL", protocol)
            told = await ask(lambda c: c.invoke_method("app", "m", b"hi", http_verb="POST"))
            assert json.loads(told.data) == {"got": "hi"}
        with pytest.raises(grpc.RpcError) as failed:
            await ask(lambda c: c.invoke_method("app", "no", b"", http_verb="GET"))
        assert failed.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("question", "code", "words"),
    [
        (lambda c: c.publish_event("none", "t", "x"), "INVALID_ARGUMENT", "pubsub none is not found"),
        (lambda c: c.publish_event("bus", "hidden", "x"), "PERMISSION_DENIED", "not allowed"),
        (lambda c: c.get_state("none", "k"), "INVALID_ARGUMENT", "is not found"),
        (lambda c: c.get_secret("secrets", "none"), "INTERNAL", "failed getting secret"),
        (lambda c: c.invoke_binding("none", "create"), "INTERNAL", "couldn't find output binding none"),
        (lambda c: c.get_configuration("c", ["k"]), "UNIMPLEMENTED", "GetConfiguration"),
    ],
)
async def test_a_refusal_is_a_status_with_the_sentence(
    made: Setup, question: Any, code: str, words: str
) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        await ask(question)
    assert failed.value.code() is getattr(grpc.StatusCode, code)
    assert words in failed.value.details()


async def test_every_other_call_is_refused_by_its_name(made: Setup) -> None:
    names = [name for name in dir(api.DaprServicer) if name[0].isupper() and name not in calls.ANSWERED]
    assert len(names) > 50
    async with grpc.aio.insecure_channel(f"127.0.0.1:{made.servers.grpc_port}") as channel:
        for name in names:
            call = channel.unary_unary(f"/dapr.proto.runtime.v1.Dapr/{name}")
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await call(b"")
            assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED
            assert name in failed.value.details()


async def test_a_token_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(token="secret") as made:
        monkeypatch.setenv("DAPR_HTTP_PORT", str(made.servers.http_port))
        monkeypatch.setenv("DAPR_GRPC_PORT", str(made.servers.grpc_port))
        with pytest.raises(grpc.RpcError) as failed:
            await ask(lambda c: c.get_metadata())
        assert failed.value.code() is grpc.StatusCode.UNAUTHENTICATED
        monkeypatch.setattr("dapr.conf.settings.DAPR_API_TOKEN", "secret")
        assert (await ask(lambda c: c.get_metadata())).application_id == "app"


# streams


async def test_a_stream_brings_events_and_takes_what_became_of_them(made: Setup) -> None:
    def subscribed(client: Any) -> list[tuple[str, str]]:
        stream = client.subscribe(pubsub_name="bus", topic="t", dead_letter_topic="dead")
        ready.set()
        seen: list[tuple[str, str]] = []
        for message in stream:
            word = message.data()
            seen.append((word, message.topic()))
            verdicts = {"again": stream.respond_retry, "bad": stream.respond_drop}
            first = [one for one, _ in seen].count(word) == 1
            (verdicts.get(word, stream.respond_success) if first else stream.respond_success)(message)
            if len(seen) == 3:
                break
        buried.wait(20)  # an answer that is still on its way is lost with the stream
        stream.close()
        return seen

    ready, buried = threading.Event(), threading.Event()
    listening = asyncio.get_running_loop().create_task(ask(subscribed))
    await asyncio.to_thread(ready.wait, 20)
    await until(lambda: "t" in made.bus.readings)
    for word in ("good", "bad", "last"):
        await made.sidecar.publisher.publish(
            "bus", "t", word.encode(), content_type="text/plain", metadata={}
        )
    await until(lambda: "dead" in [topic for topic, _ in made.bus.stored])
    buried.set()
    assert {word for word, _ in await listening} == {"good", "bad", "last"}
    await until(lambda: made.sidecar.consumers.subscriptions == [])


@pytest.mark.parametrize("dead_letter", ["", "dead"])
async def test_a_stream_that_hangs_up_leaves_its_event_to_the_broker(made: Setup, dead_letter: str) -> None:
    initial = api.SubscribeTopicEventsRequestInitialAlpha1(
        pubsub_name="bus", topic="t", dead_letter_topic=dead_letter
    )
    async with grpc.aio.insecure_channel(f"127.0.0.1:{made.servers.grpc_port}") as channel:
        call = api.DaprStub(channel).SubscribeTopicEventsAlpha1()
        await call.write(api.SubscribeTopicEventsRequestAlpha1(initial_request=initial))
        assert (await call.read()).HasField("initial_response")
        await made.sidecar.publisher.publish("bus", "t", b"x", content_type="text/plain", metadata={})
        assert (await call.read()).event_message.data == b"x"
        call.cancel()
    await until(lambda: made.sidecar.consumers.subscriptions == [])
    await made.bus.readings["t"][0].stop()
    assert [one.kind for one in made.bus.readings["t"][0].verdicts] == ["retry"]
    assert [topic for topic, _ in made.bus.stored] == ["t"]


async def test_a_stream_without_a_topic_is_refused(made: Setup) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{made.servers.grpc_port}") as channel:
        call = api.DaprStub(channel).SubscribeTopicEventsAlpha1()
        await call.write(api.SubscribeTopicEventsRequestAlpha1())
        with pytest.raises(grpc.aio.AioRpcError, match="initial_request"):
            await call.read()
