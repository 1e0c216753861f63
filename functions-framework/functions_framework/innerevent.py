"""OpenFunction's inner event: what goes to a queue wrapped as a CloudEvent, so that a trace travels in the data.

Pure: no clock and no randomness of its own; who sends calls `wrap`, who receives calls `unwrap`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from functions_framework import jsons

_TYPE = "io.openfunction.function"
_QUEUES = frozenset({
    "bindings.kafka", "bindings.rabbitmq", "bindings.aws.sqs", "bindings.aws.kinesis", "bindings.gcp.pubsub",
    "bindings.azure.eventgrid", "bindings.azure.eventhubs", "bindings.azure.servicebusqueues",
    "bindings.azure.storagequeues",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class InnerEvent:
    """What was sent, and what travels with it."""

    data: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)


def is_queue(component: str) -> bool:
    """True for the component types whose messages are wrapped: pub/sub, and bindings to queues."""
    return component.startswith("pubsub") or component in _QUEUES


def wrap(event: InnerEvent, *, name: str, namespace: str, identity: str, time: str) -> bytes:
    """The structured CloudEvent that is sent in the data's place.

    Args:
        event: the function's bytes, and the trace's headers as metadata.
        name: the sending function.
        namespace: its namespace; empty outside Kubernetes.
        identity: the event's id, unique for its source.
        time: RFC 3339.
    """
    return jsons.dumps({
        "specversion": "1.0",
        "id": identity,
        "source": f"{namespace}/{name}" if namespace else name,
        "type": ".".join(part for part in (_TYPE, namespace, name) if part),
        "time": time,
        "datacontenttype": "application/json",
        # Go's framework marshals bytes, which JSON holds as base64.
        "data": {"metadata": dict(event.metadata), "userData": b64encode(event.data).decode()},
    })  # fmt: skip


def unwrap(received: bytes) -> InnerEvent | None:
    """What a wrapped message holds; None for one that is no inner event."""
    if _TYPE.encode() not in received:
        return None
    try:
        document = jsons.loads(received)
    except jsons.DecodeError:
        return None
    if not isinstance(document, dict) or not str(document.get("type", "")).startswith(_TYPE):
        return None
    return opened(document.get("data"))


def opened(data: Any) -> InnerEvent | None:
    """As unwrap, for an event whose attributes have been read: its data decides."""
    if not isinstance(data, dict) or not {"metadata", "userData"} & data.keys():
        return None
    metadata = data.get("metadata") or {}
    if not isinstance(metadata, dict):
        return None
    return InnerEvent(_bytes(data.get("userData")), {str(key): str(value) for key, value in metadata.items()})


def _bytes(value: Any) -> bytes:
    """Base64 text as it is sent; anything else is JSON that another framework put there."""
    if value is None:
        return b""
    if isinstance(value, str):
        try:
            return b64decode(value, validate=True)
        except ValueError:
            return value.encode()
    return jsons.dumps(value)
