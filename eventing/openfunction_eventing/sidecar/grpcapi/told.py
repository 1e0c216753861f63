"""Messages as values and back: changes of state, metadata, header fields, refusals as statuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from functions_framework.dapr.stubs import api, common, grpc
from openfunction_eventing.sidecar.channel import Reply
from openfunction_eventing.sidecar.refusals import Refusal
from openfunction_eventing.sidecar.states import FIRST_WRITE, Change

_Message = Any  # of Dapr's stubs, which are made at import
_Call = Any  # grpc.aio.ServicerContext, whose stubs are untyped
# HTTP status → gRPC status, as Dapr maps what an HTTP app answers (pkg/messaging/v1/util.go).
_CODES = {
    400: "INTERNAL", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 408: "DEADLINE_EXCEEDED",
    409: "ALREADY_EXISTS", 429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}  # fmt: skip


async def refuse(context: _Call, error: Refusal) -> NoReturn:
    """End a call with a refusal; its code goes into the trailing metadata."""
    context.set_trailing_metadata((("dapr-error-code", error.code),))
    await context.abort(getattr(grpc.StatusCode, error.grpc), error.message)
    raise error  # abort has raised; a type checker cannot know


async def refuse_status(context: _Call, reply: Reply) -> None:
    """End a call whose app answered an error."""
    await context.send_initial_metadata((("dapr-http-status", str(reply.status)),))
    if 200 <= reply.status < 300:
        return
    code = getattr(grpc.StatusCode, _CODES.get(reply.status, "UNKNOWN"))
    await context.abort(
        code, reply.body[:1000].decode(errors="replace") or f"the app answered {reply.status}"
    )


def headers(context: _Call) -> list[tuple[str, str]]:
    """The call's metadata as header fields; binary ones and gRPC's own stay out."""
    return [
        (name, value)
        for name, value in context.invocation_metadata()
        if isinstance(value, str)
        and not name.startswith(("grpc-", ":"))
        and name not in {"user-agent", "content-type", "dapr-api-token", "dapr-app-id"}
    ]


def change(one: _Message, *, deletes: bool = False) -> Change:
    """A key of a request, saved or deleted."""
    first = one.options.concurrency == common.StateOptions.StateConcurrency.CONCURRENCY_FIRST_WRITE
    return Change(
        one.key,
        None if deletes else one.value,
        one.etag.value,
        FIRST_WRITE if first else "",
        dict(one.metadata).get("ttlInSeconds", ""),
    )


def metadata(document: Mapping[str, Any]) -> _Message:
    """What the sidecar says of itself."""
    subscriptions = [
        api.PubsubSubscription(
            pubsub_name=one["pubsubname"],
            topic=one["topic"],
            metadata=one.get("metadata") or {},
            dead_letter_topic=one["deadLetterTopic"],
            type=one["type"],
            rules=api.PubsubSubscriptionRules(rules=[
                api.PubsubSubscriptionRule(match=rule["match"], path=rule["path"]) for rule in one["rules"]
            ]),
        )
        for one in document["subscriptions"]
    ]  # fmt: skip
    app = document.get("appConnectionProperties") or {}
    return api.GetMetadataResponse(
        id=document["id"],
        runtime_version=document["runtimeVersion"],
        registered_components=[api.RegisteredComponents(**one) for one in document["components"]],
        extended_metadata=document["extended"],
        subscriptions=subscriptions,
        app_connection_properties=api.AppConnectionProperties(
            port=app.get("port", 0),
            protocol=app.get("protocol", ""),
            channel_address=app.get("channelAddress", ""),
        ),
    )
