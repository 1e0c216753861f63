"""The same calls over gRPC to a real daprd and to our sidecar, with the same Components: the same code and answer."""

from __future__ import annotations

import json
import queue
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped] # the package has no types

from functions_framework.dapr.stubs import api, common, grpc
from tests.conformance.dapr.daprd import TOKENS, Daprd, Ours, component, program, until

_DOCUMENT = Path(__file__).parents[3] / "docs" / "dapr.md"
_METADATA = [("dapr-api-token", TOKENS["DAPR_API_TOKEN"])]
_SECONDS = 20
_CHANGING = frozenset({"etag"})
_SERVICE = "/dapr.proto.runtime.v1.Dapr/"
FAIL = common.StateOptions(concurrency=common.StateOptions.CONCURRENCY_FIRST_WRITE)


def item(key: str, value: bytes = b"1", **more: Any) -> Any:
    return common.StateItem(key=key, value=value, **more)


def save(*items: Any, store: str = "store") -> Any:
    return api.SaveStateRequest(store_name=store, states=items)


def change(kind: str, one: Any) -> Any:
    return api.TransactionalStateOperation(operationType=kind, request=one)


def transaction(*operations: Any, store: str = "store") -> Any:
    return api.ExecuteStateTransactionRequest(storeName=store, operations=operations)


def publish(pubsub: str = "bus", topic: str = "t", **more: Any) -> Any:
    return api.PublishEventRequest(pubsub_name=pubsub, topic=topic, data=b"x", **more)


def bulk(*entries: Any, pubsub: str = "bus", topic: str = "t") -> Any:
    return api.BulkPublishRequest(pubsub_name=pubsub, topic=topic, entries=entries)


def entry(number: str = "1", event: bytes = b"a", kind: str = "text/plain") -> Any:
    return api.BulkPublishRequestEntry(entry_id=number, event=event, content_type=kind)


def invocation(app: str, verb: str = "GET", method: str = "m") -> Any:
    extension = common.HTTPExtension(verb=common.HTTPExtension.Verb.Value(verb))
    message = common.InvokeRequest(method=method, http_extension=extension)
    return api.InvokeServiceRequest(id=app, message=message)


# The method and its request, in the order of asking: what a question sets up comes before it.
QUESTIONS: list[tuple[str, Any]] = [
    ("PublishEvent", publish()),
    ("PublishEvent", publish(data_content_type="application/json")),
    ("PublishEvent", publish(pubsub="none")),
    ("PublishEvent", publish(pubsub="")),
    ("PublishEvent", publish(topic="")),
    ("PublishEvent", publish(topic="hidden")),
    ("PublishEvent", publish(metadata={"rawPayload": "true"})),
    ("PublishEvent", publish(metadata={"rawPayload": "maybe"})),
    ("PublishEvent", publish(metadata={"ttlInSeconds": "5"})),
    ("PublishEvent", publish(data_content_type="application/cloudevents+json")),
    ("BulkPublishEvent", bulk(entry())),
    ("BulkPublishEventAlpha1", bulk(entry())),
    ("BulkPublishEventAlpha1", bulk(entry("1"), entry("2", b'{"a":1}', "application/json"))),
    ("BulkPublishEventAlpha1", bulk(entry(""))),
    ("BulkPublishEventAlpha1", bulk(entry("1"), entry("1"))),
    ("BulkPublishEventAlpha1", bulk()),
    ("BulkPublishEventAlpha1", bulk(entry(), pubsub="none")),
    ("BulkPublishEventAlpha1", bulk(entry(), topic="")),
    ("BulkPublishEventAlpha1", bulk(entry(), topic="hidden")),
    ("InvokeBinding", api.InvokeBindingRequest(name="none", operation="create")),
    ("InvokeBinding", api.InvokeBindingRequest(name="web", operation="")),
    ("InvokeBinding", api.InvokeBindingRequest(name="web", operation="fly")),
    ("SaveState", save(item("k", b'{"n":1}'))),
    ("GetState", api.GetStateRequest(store_name="store", key="k")),
    ("GetState", api.GetStateRequest(store_name="store", key="none")),
    ("GetState", api.GetStateRequest(store_name="none", key="k")),
    ("SaveState", save()),
    ("SaveState", save(item(""))),
    ("SaveState", save(item("a||b"))),
    ("SaveState", save(item("k"), store="none")),
    ("SaveState", save(item("k", etag=common.Etag(value="99")))),
    ("SaveState", save(item("k", options=FAIL))),
    ("SaveState", save(item("t", metadata={"ttlInSeconds": "100"}))),
    ("SaveState", save(item("t", metadata={"ttlInSeconds": "soon"}))),
    ("SaveState", save(item("b", b"\x00\xff"))),
    ("GetState", api.GetStateRequest(store_name="store", key="b")),
    ("GetBulkState", api.GetBulkStateRequest(store_name="store", keys=["k"])),
    ("GetBulkState", api.GetBulkStateRequest(store_name="store", keys=["none"])),
    ("GetBulkState", api.GetBulkStateRequest(store_name="store")),
    ("GetBulkState", api.GetBulkStateRequest(store_name="none", keys=["k"])),
    ("ExecuteStateTransaction", transaction(change("upsert", item("m", b"5")), change("delete", item("b")))),
    ("GetState", api.GetStateRequest(store_name="store", key="m")),
    ("GetState", api.GetStateRequest(store_name="store", key="b")),
    ("ExecuteStateTransaction", transaction(change("upsert", item("m", etag=common.Etag(value="99"))))),
    ("ExecuteStateTransaction", transaction(change("merge", item("m")))),
    ("ExecuteStateTransaction", transaction()),
    ("ExecuteStateTransaction", transaction(change("upsert", item("m")), store="none")),
    ("QueryStateAlpha1", api.QueryStateRequest(store_name="store", query="{}")),
    ("DeleteState", api.DeleteStateRequest(store_name="store", key="k", etag=common.Etag(value="99"))),
    ("DeleteState", api.DeleteStateRequest(store_name="store", key="k")),
    ("DeleteState", api.DeleteStateRequest(store_name="store", key="none")),
    ("DeleteState", api.DeleteStateRequest(store_name="none", key="k")),
    ("DeleteBulkState", api.DeleteBulkStateRequest(store_name="store", states=[item("m"), item("t")])),
    ("DeleteBulkState", api.DeleteBulkStateRequest(store_name="store")),
    ("GetState", api.GetStateRequest(store_name="store", key="t")),
    ("GetSecret", api.GetSecretRequest(store_name="secrets", key="key")),
    ("GetSecret", api.GetSecretRequest(store_name="secrets", key="none")),
    ("GetSecret", api.GetSecretRequest(store_name="none", key="key")),
    ("GetBulkSecret", api.GetBulkSecretRequest(store_name="secrets")),
    ("GetBulkSecret", api.GetBulkSecretRequest(store_name="none")),
    ("SetMetadata", api.SetMetadataRequest(key="colour", value="red")),
    ("InvokeService", invocation("app")),
    ("InvokeService", invocation("none")),
    ("GetConfiguration", api.GetConfigurationRequest(store_name="none", keys=["k"])),
    ("TryLockAlpha1", api.TryLockRequest(store_name="none", resource_id="r", lock_owner="o", expiry_in_seconds=5)),
    ("UnlockAlpha1", api.UnlockRequest(store_name="none", resource_id="r", lock_owner="o")),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Both:
    """A channel to each."""

    real: Any
    ours: Any


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A daprd and a sidecar of ours, each of its own process and of the same documents; neither has an app."""
    program()
    running: list[Daprd] = []
    try:
        for kind in (Daprd, Ours):
            folder = tmp_path_factory.mktemp(kind.__name__)
            running.append(started(kind, folder))
        channels = [grpc.insecure_channel(f"127.0.0.1:{one.ports[1]}") for one in running]
        yield Both(*channels)
        for one in channels:
            one.close()
    finally:
        for sidecar in running:
            sidecar.stop()


def started(kind: type[Daprd], folder: Path) -> Daprd:
    """A sidecar that is well."""
    (folder / "secrets.json").write_text(json.dumps({"key": "value", "two": "b"}))
    made = kind(folder, 0, "http", [
        component("bus", "pubsub.in-memory", protectedTopics="hidden"),
        component("web", "bindings.http", url="http://127.0.0.1:9/"),
        component("store", "state.in-memory"),
        component("secrets", "secretstores.local.file", secretsFile=folder / "secrets.json"),
    ])  # fmt: skip
    made.write()
    made.start()
    until(lambda: is_well(made.ports[0]), f"{kind.__name__} is up")
    return made


def is_well(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/v1.0/healthz", timeout=10).status_code == 204
    except httpx.TransportError:
        return False


def ask(channel: Any, method: str, request: Any) -> tuple[str, Any]:
    """The status code, and the answer without what differs from time to time."""
    reply = _REPLIES[method]
    call = channel.unary_unary(
        f"{_SERVICE}{method}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=reply,
    )
    try:
        answer = call(request, metadata=_METADATA, timeout=_SECONDS)
    except grpc.RpcError as error:
        return error.code().name, None
    return "OK", without(MessageToDict(answer))


def without(value: Any) -> Any:
    if isinstance(value, list):
        return sorted((without(one) for one in value), key=str)
    if isinstance(value, dict):
        return {key: without(one) for key, one in value.items() if key not in _CHANGING}
    return value


class _Learnt:
    """Reads the stub's own table of replies."""

    def __init__(self) -> None:
        self.replies: dict[str, Callable[[bytes], Any]] = {}
        api.DaprStub(self)

    def unary_unary(self, path: str, *, response_deserializer: Callable[[bytes], Any], **_: Any) -> None:
        self.replies[path.rpartition("/")[2]] = response_deserializer

    unary_stream = stream_unary = stream_stream = unary_unary


_REPLIES = _Learnt().replies

# A call whose answers differ, and the row of docs/dapr.md that says so.
DIFFERENT: dict[str, str] = dict.fromkeys(
    ("GetConfiguration", "TryLockAlpha1", "UnlockAlpha1"), "calls marked “no” above"
)


def identity(number: int) -> str:
    return f"{number}-{QUESTIONS[number][0]}"


@pytest.mark.parametrize("number", range(len(QUESTIONS)), ids=identity)
def test_the_answer_is_the_same(
    both: Both, number: int, record_property: Callable[[str, object], None]
) -> None:
    method, request = QUESTIONS[number]
    theirs, here = ask(both.real, method, request), ask(both.ours, method, request)
    record_property("dapr", "differs" if method in DIFFERENT else "same")
    if method in DIFFERENT:
        assert here != theirs, f"it does not differ any more: {here}; take it out of the list"
    else:
        assert here == theirs


def test_a_stream_brings_an_event_and_takes_what_became_of_it(
    both: Both, record_property: Callable[[str, object], None]
) -> None:
    theirs, here = streamed(both.real), streamed(both.ours)
    record_property("dapr", "same")
    assert here == theirs
    assert here["data"] == b"x"


def streamed(channel: Any) -> dict[str, Any]:
    """Subscribe on a stream, publish, and settle what comes: what an event says, but its id and times."""
    initial = api.SubscribeTopicEventsRequestInitialAlpha1(pubsub_name="bus", topic="streamed")
    say: queue.SimpleQueue[Any] = queue.SimpleQueue()
    say.put(api.SubscribeTopicEventsRequestAlpha1(initial_request=initial))
    stub = api.DaprStub(channel)
    call = stub.SubscribeTopicEventsAlpha1(iter(say.get, None), metadata=_METADATA, timeout=_SECONDS)
    assert next(call).HasField("initial_response")
    stub.PublishEvent(publish(topic="streamed", data_content_type="text/plain"), metadata=_METADATA)
    event = next(call).event_message
    status = api.TopicEventResponse(status=api.TopicEventResponse.SUCCESS)
    processed = api.SubscribeTopicEventsRequestProcessedAlpha1(id=event.id, status=status)
    say.put(api.SubscribeTopicEventsRequestAlpha1(event_processed=processed))
    say.put(None)
    call.cancel()
    names = ("source", "type", "spec_version", "data_content_type", "data", "topic", "pubsub_name", "path")
    return {name: getattr(event, name) for name in names}


def test_every_difference_is_a_row_of_the_document() -> None:
    text = _DOCUMENT.read_text(encoding="utf-8").partition("| what | daprd | here |")[2]
    rows = set(re.findall(r"^\| ([^|]+?) \|", text, re.MULTILINE))
    assert set(DIFFERENT.values()) <= rows
