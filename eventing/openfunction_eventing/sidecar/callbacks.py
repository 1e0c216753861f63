"""Events as Dapr's messages, and the app's words as statuses; for streams and for apps that speak gRPC."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from functions_framework import jsons
from functions_framework.dapr.stubs import callback
from openfunction_eventing.sidecar import protobuf
from openfunction_eventing.sidecar.channel import Delivery, Status
from openfunction_eventing.sidecar.envelopes import mimetype

_Message = Any  # of Dapr's stubs, which are made at import
_OWN = frozenset({"id", "source", "datacontenttype", "type", "specversion", "data", "data_base64"})
_STATUSES: Mapping[int, Status] = {0: "SUCCESS", 1: "RETRY", 2: "DROP"}


def status(number: int) -> Status:
    """What a TopicEventResponse says; one that nobody knows is a retry."""
    return _STATUSES.get(number, "RETRY")


def topic_event(one: Delivery) -> _Message:
    """A delivery as TopicEventRequest."""
    made = callback.TopicEventRequest(
        **_attributes(one.event), topic=one.topic, pubsub_name=one.pubsub, path=one.path, data=data(one.event)
    )
    protobuf.fill(made.extensions, _extensions(one.event))
    return made


def entry(one: Delivery) -> _Message:
    """A delivery as an entry of a bulk."""
    made = callback.TopicEventBulkRequestEntry(entry_id=one.entry, metadata=dict(one.metadata))
    if one.raw:
        made.bytes = data(one.event)
        return made
    made.content_type = "application/cloudevents+json"
    event = callback.TopicEventCERequest(**_attributes(one.event), data=data(one.event))
    protobuf.fill(event.extensions, _extensions(one.event))
    made.cloud_event.CopyFrom(event)
    return made


def data(event: Mapping[str, Any]) -> bytes:
    """The data's bytes: those in base64, text of a text type, anything else as JSON."""
    if "data_base64" in event:
        return b64decode(event["data_base64"])
    value = event.get("data")
    if value is None:
        return b""
    kind = mimetype(str(event.get("datacontenttype") or ""))
    if isinstance(value, str) and not kind.endswith("json"):
        return value.encode()
    return jsons.dumps(value)


def _attributes(event: Mapping[str, Any]) -> dict[str, str]:
    def text(name: str) -> str:
        value = event.get(name)
        return value if isinstance(value, str) else ""

    return {
        "id": text("id"), "source": text("source"), "type": text("type"), "spec_version": text("specversion"),
        "data_content_type": text("datacontenttype"),
    }  # fmt: skip


def _extensions(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in _OWN}
