"""The app's side of Dapr's gRPC protocol: what the sidecar delivers becomes a request of the same server.

It runs no function: each call goes through the server as an HTTP request would, so limits, hooks and counts hold.
The extra `dapr` brings the server and the stubs.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Sequence
from hmac import compare_digest
from pathlib import Path
from typing import Any
from urllib.parse import quote

from functions_framework import jsons
from functions_framework.dapr import apphttp, delivery, signals, splice
from functions_framework.dapr.apphttp import Subscription
from functions_framework.dapr.spelling import base64
from functions_framework.dapr.stubs import callback, callback_service, common, grpc, plain
from functions_framework.request import Request
from functions_framework.response import Answer

_MESSAGE = 64 << 20
_GRACE = 5.0
_OPTIONS = [("grpc.max_receive_message_length", _MESSAGE), ("grpc.max_send_message_length", _MESSAGE)]
_INVOKED = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT, 401: grpc.StatusCode.UNAUTHENTICATED, 403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND, 405: grpc.StatusCode.UNIMPLEMENTED, 408: grpc.StatusCode.DEADLINE_EXCEEDED,
    409: grpc.StatusCode.ABORTED, 413: grpc.StatusCode.RESOURCE_EXHAUSTED, 422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED, 503: grpc.StatusCode.UNAVAILABLE, 504: grpc.StatusCode.DEADLINE_EXCEEDED,
}  # fmt: skip
Fields = list[tuple[bytes, bytes]]
_Message = Any  # of Dapr's stubs, which are made at import
_Call = Any  # grpc.aio.ServicerContext, whose stubs are untyped


class App:
    """The callbacks, and the gRPC server that answers them on a socket of its own."""

    def __init__(
        self, subscriptions: Sequence[Subscription], bindings: Iterable[str], *, token: Callable[[], str]
    ) -> None:
        self._subscriptions = tuple(subscriptions)
        self._bindings = tuple(bindings)
        self._routes = {(one.pubsub, one.topic): one.route for one in subscriptions}
        self._token = token
        self._begin: Callable[[Any], None] | None = None
        self._folder: Path | None = None
        self._splices: weakref.WeakSet[splice.Splice] = weakref.WeakSet()
        self._server: Any = None

    # life

    async def start(self) -> None:
        """Listen on a socket that only this process's user reaches; for a start hook, after the fork."""
        self._folder = Path(tempfile.mkdtemp(prefix="ff-grpc-"))
        self._server = grpc.aio.server(options=_OPTIONS)
        callback_service.add_AppCallbackServicer_to_server(self, self._server)
        callback_service.add_AppCallbackHealthCheckServicer_to_server(self, self._server)
        self._server.add_insecure_port(f"unix:{self._socket}")
        await self._server.start()

    async def stop(self) -> None:
        """End what is under way, then the server; for a stop hook."""
        if self._server is not None:
            await self._server.stop(_GRACE)
        for one in list(self._splices):
            one.close()
        await asyncio.sleep(0)  # the loop may end after this, and closes none that is open
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def protocol(self, begin: Callable[[Any], None]) -> asyncio.BaseProtocol:
        """The protocol of a connection that opens with HTTP/2; `begin` begins an exchange."""
        self._begin = begin
        made = splice.Splice(self._socket)
        self._splices.add(made)
        return made

    @property
    def _socket(self) -> str:
        return str(self._folder / "app.sock") if self._folder is not None else ""

    # Dapr's callbacks; the names are those of the service

    async def ListTopicSubscriptions(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """The topics that are wanted; the sidecar shows no token when it asks for lists."""
        del request, context
        return callback.ListTopicSubscriptionsResponse(
            subscriptions=[_subscription(one) for one in self._subscriptions]
        )

    async def ListInputBindings(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """The bindings that are wanted."""
        del request, context
        return callback.ListInputBindingsResponse(bindings=self._bindings)

    async def OnTopicEvent(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """One event."""
        await self._check(context)
        fields = [*_metadata(context), *_attributes(request, request.topic, request.pubsub_name)]
        route = await self._route(request, context)
        answer = await self._ask(Request("POST", route, fields, request.data, context.peer()))
        return callback.TopicEventResponse(status=_verdict(answer))

    async def OnBulkTopicEvent(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """Several events; each has its own verdict."""
        await self._check(context)
        route = await self._route(request, context)
        body = jsons.dumps({"entries": [_entry(one) for one in request.entries]})
        answer = await self._ask(Request("POST", route, _metadata(context), body, context.peer()))
        if answer[0] >= 300:
            verdict = signals.of_status(answer[0])
            told = [{"entryId": one.entry_id, "status": verdict} for one in request.entries]
        else:
            told = jsons.loads(answer[2])["statuses"]
        return callback.TopicEventBulkResponse(statuses=[
            callback.TopicEventBulkResponseEntry(entry_id=one["entryId"], status=one["status"]) for one in told
        ])  # fmt: skip

    async def OnBindingEvent(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """One call of a binding; what the function gives goes back to it."""
        await self._check(context)
        fields = [*_metadata(context), *_fields(request.metadata.items())]
        target = f"/{quote(request.name)}".encode()
        answer = await self._ask(Request("POST", target, fields, request.data, context.peer()))
        await _refuse(context, answer)
        return callback.BindingEventResponse(data=answer[2])

    async def OnInvoke(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """A call of another app, as the HTTP request that it stands for."""
        await self._check(context)
        verb = common.HTTPExtension.Verb.Name(request.http_extension.verb)
        query = f"?{request.http_extension.querystring}" if request.http_extension.querystring else ""
        target = f"/{quote(request.method.lstrip('/'), safe='/?=&%')}{query}".encode()
        fields = [*_metadata(context), *_fields([("content-type", request.content_type)])]
        method = verb if verb in _INVOKED else "POST"
        answer = await self._ask(Request(method, target, fields, request.data.value, context.peer()))
        await _refuse(context, answer)
        made = common.InvokeResponse(content_type=_content_type(answer))
        made.data.value = answer[2]
        return made

    async def OnJobEvent(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """Jobs trigger no function: an OpenFunction manifest cannot ask for one."""
        del request
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "A function has no jobs.")

    async def HealthCheck(self, request: _Message, context: _Call) -> _Message:  # noqa: N802
        """Whether the app is there: it is, since it answers."""
        del request, context
        return callback.HealthCheckResponse()

    # within

    async def _check(self, context: _Call) -> None:
        """Refuse a callback that does not carry the app's token."""
        token = self._token()
        if not token:
            return
        given = dict(context.invocation_metadata()).get(apphttp.TOKEN, "")
        if not compare_digest(str(given).encode(), token.encode()):
            await context.abort(
                grpc.StatusCode.UNAUTHENTICATED,
                f"The metadata {apphttp.TOKEN} does not hold this app's token.",
            )

    async def _route(self, request: _Message, context: _Call) -> bytes:
        route = request.path or self._routes.get((request.pubsub_name, request.topic), "")
        if not route:
            await context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                f"No input of the function is topic {request.topic} of {request.pubsub_name}.",
            )
        return str(route).encode()

    async def _ask(self, request: Request) -> Answer:
        if self._begin is None:
            raise RuntimeError("no server has handed a connection over")
        return await delivery.ask(request, self._begin)


def _subscription(one: Subscription) -> _Message:
    made = callback.TopicSubscription(
        pubsub_name=one.pubsub,
        topic=one.topic,
        metadata=one.rest,
        dead_letter_topic=one.metadata.get("deadLetterTopic", ""),
        routes=callback.TopicRoutes(default=one.route),
    )
    if one.bulk:
        limits = one.limits
        made.bulk_subscribe.enabled = True
        made.bulk_subscribe.max_messages_count = limits.get("maxMessagesCount", 0)
        made.bulk_subscribe.max_await_duration_ms = limits.get("maxAwaitDurationMs", 0)
    return made


def _metadata(context: _Call) -> Fields:
    """The call's metadata as header fields; binary ones and gRPC's own stay out."""
    return _fields(
        (name, value)
        for name, value in context.invocation_metadata()
        if isinstance(value, str)
        and not name.startswith(("grpc-", ":"))
        and name not in {"user-agent", "content-type"}
    )


def _attributes(event: _Message, topic: str, pubsub: str) -> Fields:
    """An event as the header fields of a CloudEvent in binary mode, its data being the body."""
    attributes = {
        "id": event.id, "source": event.source, "type": event.type, "specversion": event.spec_version or "1.0",
        "topic": topic, "pubsubname": pubsub, **plain(event.extensions),
    }  # fmt: skip
    pairs = [(f"ce-{name.lower()}", _text(value)) for name, value in attributes.items() if name.isalnum()]
    return _fields([*pairs, ("content-type", event.data_content_type)])


def _entry(one: _Message) -> dict[str, Any]:
    """An entry of a bulk as HTTP carries it."""
    if one.WhichOneof("event") != "cloud_event":
        return {"entryId": one.entry_id, "event_base64": base64(one.bytes), "contentType": one.content_type}
    event = one.cloud_event
    attributes = {
        "id": event.id, "source": event.source, "type": event.type, "specversion": event.spec_version or "1.0",
        "datacontenttype": event.data_content_type, **plain(event.extensions),
    }  # fmt: skip
    return {
        "entryId": one.entry_id,
        "contentType": "application/cloudevents+json",
        "event": {**attributes, **_data(event)},
    }


def _data(event: _Message) -> dict[str, Any]:
    return {"data_base64": base64(event.data)} if event.data else {}


def _fields(pairs: Iterable[tuple[str, str]]) -> Fields:
    return [
        (name.lower().encode("latin-1", "replace"), quote(value, safe=_PLAIN).encode())
        for name, value in pairs
        if value
    ]


_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%") + " "


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return jsons.dumps(value).decode()


def _verdict(answer: Answer) -> str:
    if answer[0] >= 300:
        return signals.of_status(answer[0])
    return signals.verdict_of(jsons.loads(answer[2])) or "SUCCESS"


async def _refuse(context: _Call, answer: Answer) -> None:
    """Abort the call for an answer that is an error."""
    if answer[0] < 400:
        return
    code = _CODES.get(answer[0], grpc.StatusCode.INTERNAL)
    await context.abort(
        code, f"The function answered {answer[0]}: {answer[2][:500].decode(errors='replace').strip()}"
    )


def _content_type(answer: Answer) -> str:
    for line in answer[1].decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-type":
            return value.strip()
    return ""
