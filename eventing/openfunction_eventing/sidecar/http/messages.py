"""Routes that send: publish, one and many, and output bindings."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from fastapi import APIRouter, Request, Response

from functions_framework import jsons
from openfunction_eventing.drivers.port import NOTHING
from openfunction_eventing.sidecar import bindings, envelopes, refusals
from openfunction_eventing.sidecar.http import parts
from openfunction_eventing.sidecar.publishing import Entry

router = APIRouter()


@router.api_route("/v1.0/publish/bulk/{pubsub}/{topic:path}", methods=parts.WRITING)
@router.api_route("/v1.0-alpha1/publish/bulk/{pubsub}/{topic:path}", methods=parts.WRITING)
async def publish_bulk(pubsub: str, topic: str, request: Request) -> Response:
    """BulkPublishEvent; entries that failed are answered with 500 and their ids."""
    try:
        listed = jsons.loads(await request.body())
        entries = [_entry(one) for one in listed]
    except (jsons.DecodeError, TypeError, AttributeError, ValueError) as error:
        raise refusals.bad_entries(topic, pubsub, error) from error
    publisher = parts.sidecar(request).publisher
    failed = await publisher.bulk(pubsub, topic, entries, metadata=parts.metadata(request))
    if not failed:
        return parts.empty()
    told = [{"entryId": one.id, "error": one.reason} for one in failed]
    return parts.answer({"failedEntries": told, "errorCode": "ERR_PUBSUB_PUBLISH_MESSAGE"}, 500)


@router.api_route("/v1.0/publish/{pubsub}/{topic:path}", methods=parts.WRITING)
async def publish(pubsub: str, topic: str, request: Request) -> Response:
    """PublishEvent."""
    await parts.sidecar(request).publisher.publish(
        pubsub, topic, await request.body(),
        content_type=request.headers.get("content-type", ""), metadata=parts.metadata(request),
    )  # fmt: skip
    return parts.empty()


@router.api_route("/v1.0/bindings/{name}", methods=parts.WRITING)
async def bind(name: str, request: Request) -> Response:
    """InvokeBinding; what the binding says beside its data is in header fields `metadata.<name>`."""
    asked = await parts.mapping(request)
    found = await bindings.invoke(
        parts.sidecar(request).catalog, name, str(asked.get("operation") or ""), jsons.dumps(asked.get("data")),
        metadata=parts.texts(asked.get("metadata"), "metadata"),
    )  # fmt: skip
    if found is NOTHING:
        return parts.empty()
    headers = {f"{parts.PREFIX}{key}": value for key, value in found.metadata.items()}
    return parts.data(found.data, {key: value for key, value in headers.items() if _fits(value)})


def _fits(value: str) -> bool:
    return value.isprintable() and value.isascii()


def _entry(one: dict[str, Any]) -> Entry:
    """An entry as it is sent over HTTP: JSON, text, or bytes in base64 by its content type."""
    kind = str(one.get("contentType") or "")
    metadata = {str(name): str(value) for name, value in (one.get("metadata") or {}).items()}
    return Entry(str(one.get("entryId") or ""), _bytes(one.get("event"), kind), kind, metadata)


def _bytes(event: object, content_type: str) -> bytes:
    kind = envelopes.mimetype(content_type)
    if kind in {"application/json", "application/cloudevents+json"}:
        return jsons.dumps(event)
    if not isinstance(event, str):
        raise TypeError(f"an event of content type {content_type!r} must be a text")
    if kind == "application/octet-stream":
        return b64decode(event, validate=True)
    return event.encode()
