"""An app that speaks gRPC: Dapr's callbacks, called on the SDK's own client stubs."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from functions_framework.dapr.stubs import callback, callback_service, common, grpc
from openfunction_eventing.sidecar import callbacks, subscriptions
from openfunction_eventing.sidecar.appchannel.client import Client
from openfunction_eventing.sidecar.channel import (
    AppAway,
    AppRefused,
    BindingReply,
    Call,
    Delivery,
    Reply,
    Status,
)
from openfunction_eventing.sidecar.protobuf import Empty
from openfunction_eventing.sidecar.settings import Settings
from openfunction_eventing.sidecar.subscriptions import Bulk, Subscription

_VERBS = frozenset(common.HTTPExtension.Verb.keys())
_Message = Any  # of Dapr's stubs, which are made at import
_TOKEN = "dapr-api-token"  # noqa: S105  # a header's name
_OPTIONS = [
    ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1000),
]  # fmt: skip
# What a gRPC app's status is to a caller over HTTP (dapr/dapr pkg/messaging/v1/util.go).
_STATUS = {
    "CANCELLED": 408, "INVALID_ARGUMENT": 400, "DEADLINE_EXCEEDED": 504, "NOT_FOUND": 404, "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403, "UNAUTHENTICATED": 401, "RESOURCE_EXHAUSTED": 429, "FAILED_PRECONDITION": 400,
    "ABORTED": 409, "OUT_OF_RANGE": 400, "UNIMPLEMENTED": 501, "UNAVAILABLE": 503,
}  # fmt: skip


def of(settings: Settings) -> GrpcApp:
    """The channel of the settings' app."""
    return GrpcApp(settings.app_host, settings.app_port, token=settings.app_token)


class GrpcApp:
    """Implements channel.AppChannel."""

    def __init__(self, host: str, port: int, *, token: str = "") -> None:
        self._port = Client(host, port)  # whether the port is open is the same question
        named = f"[{host}]" if ":" in host else host
        self._target = f"{named}:{port}"
        self._own = ((_TOKEN, token),) if token else ()
        self._channel: Any = None
        self._stub: Any = None

    async def is_up(self) -> bool:
        """Whether its port takes a connection."""
        return await self._port.is_up()

    async def subscriptions(self) -> list[Subscription]:
        """ListTopicSubscriptions; an app without it wants no topic."""
        try:
            reply = await self._ask(self._opened().ListTopicSubscriptions(Empty(), metadata=self._own))
        except _Unimplemented:
            return []
        return [_subscription(one) for one in reply.subscriptions]

    async def wants(self, binding: str, path: str) -> bool:
        """ListInputBindings names it."""
        del path
        try:
            reply = await self._ask(self._opened().ListInputBindings(Empty(), metadata=self._own))
        except AppRefused:
            return False
        return binding in reply.bindings

    async def deliver(self, one: Delivery) -> Status:
        """OnTopicEvent; UNIMPLEMENTED is a drop that leaves no dead letter."""
        fields = (*self._own, *_fields(one.metadata))
        try:
            reply = await self._ask(self._opened().OnTopicEvent(callbacks.topic_event(one), metadata=fields))
        except _Unimplemented:
            return "SUCCESS"
        return callbacks.status(reply.status)

    async def deliver_bulk(self, many: Sequence[Delivery]) -> dict[str, Status]:
        """OnBulkTopicEvent, else its alpha; what is answered to none of them is a RETRY."""
        first = many[0]
        request = callback.TopicEventBulkRequest(
            id=str(uuid4()), entries=[callbacks.entry(one) for one in many], topic=first.topic, path=first.path,
            pubsub_name=first.pubsub, type="com.dapr.event.sent.bulk", metadata={"pubsubName": first.pubsub},
        )  # fmt: skip
        try:
            reply = await self._ask(self._opened().OnBulkTopicEvent(request, metadata=self._own))
        except _Unimplemented:
            return await self._alpha(request, many)
        return {one.entry_id: callbacks.status(one.status) for one in reply.statuses}

    async def _alpha(self, request: _Message, many: Sequence[Delivery]) -> dict[str, Status]:
        stub = callback_service.AppCallbackAlphaStub(self._channel)
        try:
            reply = await self._ask(stub.OnBulkTopicEventAlpha1(request, metadata=self._own))
        except _Unimplemented:
            return {one.entry: "SUCCESS" for one in many}
        return {one.entry_id: callbacks.status(one.status) for one in reply.statuses}

    async def bind(self, name: str, path: str, data: bytes, metadata: Mapping[str, str]) -> BindingReply:
        """OnBindingEvent."""
        del path
        request = callback.BindingEventRequest(name=name, data=data, metadata=dict(metadata))
        reply = await self._ask(self._opened().OnBindingEvent(request, metadata=self._own))
        parallel = reply.concurrency == callback.BindingEventResponse.BindingEventConcurrency.PARALLEL
        return BindingReply(reply.data, tuple(reply.to), parallel)

    async def invoke(self, call: Call) -> Reply:
        """OnInvoke; an error is an answer with the status that HTTP has for it."""
        verb = call.method if call.method in _VERBS else "POST"
        kind = next((value for name, value in call.headers if name == "content-type"), "")
        request = common.InvokeRequest(
            method=call.path, content_type=kind,
            http_extension=common.HTTPExtension(verb=verb, querystring=call.query),
        )  # fmt: skip
        request.data.value = call.body
        try:
            answer = self._opened().OnInvoke(request, metadata=(*self._own, *_fields(dict(call.headers))))
            reply = await answer
        except grpc.RpcError as error:
            if _is_away(error):
                raise AppAway(f"the app at {self._target} does not answer: {error.details()}") from error
            return Reply(_STATUS.get(error.code().name, 500), (), (error.details() or "").encode())
        return Reply(200, (("content-type", reply.content_type or "application/json"),), reply.data.value)

    async def close(self) -> None:
        """Close the channel."""
        await self._port.close()
        if self._channel is not None:
            await self._channel.close()
            self._channel = self._stub = None

    def _opened(self) -> Any:
        if self._stub is None:
            self._channel = grpc.aio.insecure_channel(self._target, options=_OPTIONS)
            self._stub = callback_service.AppCallbackStub(self._channel)
        return self._stub

    async def _ask(self, call: Awaitable[_Message]) -> _Message:
        try:
            return await call
        except grpc.RpcError as error:
            if _is_away(error):
                raise AppAway(f"the app at {self._target} does not answer: {error.details()}") from error
            kind = _Unimplemented if error.code() is grpc.StatusCode.UNIMPLEMENTED else AppRefused
            raise kind(f"the app answered {error.code().name}: {error.details()}") from error


class _Unimplemented(AppRefused):
    """The app has no such callback."""


def _is_away(error: Any) -> bool:  # Any: grpc.RpcError
    return error.code() is grpc.StatusCode.UNAVAILABLE


def _fields(metadata: Mapping[str, str]) -> list[tuple[str, str]]:
    """Metadata that gRPC can carry."""
    return [
        (name.lower(), value)
        for name, value in metadata.items()
        if name.isascii() and name.replace("-", "").replace("_", "").replace(".", "").isalnum()
        and name.lower() not in {"content-type", "te", "host", "connection", "user-agent", "content-length"}
        and not name.lower().startswith("grpc-") and not name.lower().endswith("-bin")
        and value.isascii() and value.isprintable()
    ]  # fmt: skip


def _subscription(one: _Message) -> Subscription:
    rules = [(rule.match, rule.path) for rule in one.routes.rules]
    default = one.routes.default or (None if rules else "")
    bulk = one.bulk_subscribe
    limits = {
        "enabled": bulk.enabled, "maxMessagesCount": bulk.max_messages_count,
        "maxAwaitDurationMs": bulk.max_await_duration_ms,
    }  # fmt: skip
    wanted: Bulk | None = subscriptions.bulk(limits)
    return Subscription(
        one.pubsub_name, one.topic, subscriptions.rules(rules, default), dict(one.metadata),
        one.dead_letter_topic, wanted,
    )  # fmt: skip
