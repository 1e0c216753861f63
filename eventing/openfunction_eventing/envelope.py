"""How an event travels through a broker: as structured JSON of CloudEvents 1.0, or as its payload alone.

It knows no broker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from functions_framework import errors, jsons
from functions_framework.cloudevent import STRUCTURED, CloudEvent, from_document

# What Dapr calls an event that it makes around a payload.
WRAPPED = "com.dapr.event.sent"


@dataclass(slots=True)  # not frozen, which makes making one three times as slow; nobody changes it
class Message:
    """An event on a topic.

    Attributes:
        topic: where it was found, or goes to.
        event: the event.
        metadata: what the broker said of it, or what the publisher asks of the broker.
        attempt: how often it has been delivered with this one, from 1.
    """

    topic: str
    event: CloudEvent
    metadata: Mapping[str, str] = field(default_factory=dict)
    attempt: int = 1


def encode(message: Message) -> bytes:
    """What the broker stores: the whole event, or its data where the metadata says `rawPayload`."""
    if message.metadata.get("rawPayload", "").lower() == "true":
        return payload(message.event.data)
    return message.event.to_structured()


def payload(data: object) -> bytes:
    """Data as bytes: text in UTF-8, anything else that is no bytes as JSON."""
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    if isinstance(data, str):
        return data.encode()
    return b"" if data is None else jsons.dumps(data)


def decode(body: bytes, *, topic: str, position: str, raw: bool = False) -> CloudEvent:
    """The event of a body; of anything that is no CloudEvent one is made around it, so that nothing is lost.

    Args:
        body: what the broker held.
        topic: its topic; the source of an event that is made.
        position: the place in the broker that never changes, so that a redelivery has the same id.
        raw: the publisher sends payloads only.
    """
    if not raw:
        try:
            return from_document(jsons.loads(body))
        except (errors.BadRequest, jsons.DecodeError):
            pass  # whoever publishes without events is read as Dapr reads it with rawPayload
    return _wrapped(body, topic, position)


def _wrapped(body: bytes, topic: str, position: str) -> CloudEvent:
    attributes = {
        "specversion": "1.0",
        "id": digest(topic, position),
        "source": topic,
        "type": WRAPPED,
        "datacontenttype": "application/octet-stream",
        "topic": topic,
    }
    return CloudEvent.received(attributes, body)


def is_made(message: Message) -> bool:
    """Whether `decode` made the event; one that Dapr made for a publisher has the same type and is an event."""
    event = message.event
    return event["type"] == WRAPPED and event["source"] == message.topic and "pubsubname" not in event


def digest(*parts: str) -> str:
    """A short name of a few texts that is the same every time."""
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def moved(message: Message, topic: str) -> Message:
    """The same event on its way to another topic."""
    return message if message.topic == topic else Message(topic, message.event, message.metadata)


def identity(message: Message) -> str:
    """What is the same when the same event goes to the same topic again: two sources may use one id."""
    event = message.event
    return digest(message.topic, str(event["source"]), str(event["id"]))


def key(message: Message, attribute: str) -> str:
    """What orders this event among others: an attribute's value, or an entry of the metadata of that name."""
    value = message.event.get(attribute.lower())
    return str(value) if value is not None else message.metadata.get(attribute, "")


__all__ = [
    "STRUCTURED",
    "WRAPPED",
    "Message",
    "decode",
    "digest",
    "encode",
    "identity",
    "is_made",
    "key",
    "moved",
    "payload",
]
