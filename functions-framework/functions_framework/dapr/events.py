"""What the sidecar delivers: an event of a topic, a call of a binding. Read from a request, whatever carried it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from functions_framework import cloudevent, errors, jsons
from functions_framework.cloudevent import CloudEvent
from functions_framework.dapr.signals import Drop
from functions_framework.request import Request, is_json_type

_CARRIERS = frozenset({
    "host", "content-length", "content-type", "user-agent", "accept-encoding", "connection", "transfer-encoding",
    "dapr-api-token",
})  # fmt: skip


class BindingRequest:
    """A call of an input binding; the names are those of Dapr's SDK."""

    __slots__ = ("binding_metadata", "data", "name")

    def __init__(self, name: str, data: bytes, metadata: Mapping[str, str] | None = None) -> None:
        self.name: str = name
        self.data: bytes = data
        self.binding_metadata: dict[str, str] = dict(metadata or {})

    def __repr__(self) -> str:
        return f"<BindingRequest of {self.name}, {len(self.data)} bytes>"

    @property
    def metadata(self) -> dict[str, str]:
        """What the binding says of the call."""
        return self.binding_metadata

    def text(self) -> str:
        """The data as text; raises UnicodeDecodeError when it is none."""
        return self.data.decode()

    def json(self) -> Any:
        """The data as JSON; None when there is none."""
        return jsons.loads(self.data) if self.data else None


class TopicEvent:
    """An event of a topic: a CloudEvent with its data as bytes, and where it came from.

    The methods with capitals are those of the event that Dapr's SDK gives.
    """

    __slots__ = ("data", "event", "pubsub_name", "topic")

    def __init__(
        self, event: CloudEvent, data: bytes | None = None, *, pubsub_name: str = "", topic: str = ""
    ) -> None:
        self.event: CloudEvent = event
        self.data: bytes = raw_data(event) if data is None else data
        self.pubsub_name: str = pubsub_name or str(event.get("pubsubname", ""))
        self.topic: str = topic or str(event.get("topic", ""))

    def __repr__(self) -> str:
        return f"<TopicEvent {self.id} of {self.pubsub_name}/{self.topic}, {len(self.data)} bytes>"

    @property
    def id(self) -> str:
        """The event's id."""
        return str(self.event["id"])

    @property
    def source(self) -> str:
        """The event's source."""
        return str(self.event["source"])

    @property
    def type(self) -> str:
        """The event's type."""
        return str(self.event["type"])

    @property
    def subject(self) -> str:
        """The event's subject; the topic when it has none, as Dapr's SDK says."""
        return str(self.event.get("subject") or self.topic)

    @property
    def content_type(self) -> str:
        """The content type of the data."""
        return str(self.event.get("datacontenttype") or "")

    @property
    def extensions(self) -> dict[str, Any]:
        """Attributes that the CloudEvents specification does not define."""
        known = {*cloudevent.REQUIRED, "datacontenttype", "dataschema", "subject", "time"}
        return {name: value for name, value in self.event.get_attributes().items() if name not in known}

    def text(self) -> str:
        """The data as text; raises UnicodeDecodeError when it is none."""
        return self.data.decode()

    def json(self) -> Any:
        """The data as JSON; None when there is none."""
        return jsons.loads(self.data) if self.data else None

    def EventID(self) -> str:  # noqa: N802  # the SDK's name, as those below
        """The event's id."""
        return self.id

    def EventType(self) -> str:  # noqa: N802
        """The event's type."""
        return self.type

    def Source(self) -> str:  # noqa: N802
        """The event's source."""
        return self.source

    def Subject(self) -> str:  # noqa: N802
        """The event's subject, else its topic."""
        return self.subject

    def EventTime(self) -> str | None:  # noqa: N802
        """When it happened, RFC 3339."""
        found = self.event.get("time")
        return None if found is None else str(found)

    def CloudEventVersion(self) -> str:  # noqa: N802
        """The version of the specification."""
        return str(self.event["specversion"])

    def ContentType(self) -> str:  # noqa: N802
        """The content type of the data."""
        return self.content_type

    def Data(self) -> bytes:  # noqa: N802
        """The data as bytes."""
        return self.data

    def Extensions(self) -> dict[str, Any]:  # noqa: N802
        """Attributes that the specification does not define."""
        return self.extensions


def raw_data(event: CloudEvent) -> bytes:
    """An event's data as bytes, as its content type writes them."""
    data = event.data
    if data is None:
        return b""
    if isinstance(data, bytes):
        return data
    if isinstance(data, str) and not _is_json(event):
        return data.encode()
    return jsons.dumps(data)


def binding_request(request: Request, name: str) -> BindingRequest:
    """The call of a binding that a request carries; its header fields are the metadata."""
    metadata = {key: value for key, value in request.headers.lowered.items() if key not in _CARRIERS}
    return BindingRequest(name, request.body, metadata)


def topic_event(request: Request, *, pubsub: str, topic: str) -> TopicEvent:
    """The event that a request carries: structured, binary, or raw bytes without an envelope.

    Raises:
        Drop: it says that it is a CloudEvent and is none, which another delivery would not mend.
    """
    try:
        if request.mimetype == cloudevent.STRUCTURED:
            return TopicEvent(cloudevent.from_structured(request.body), pubsub_name=pubsub, topic=topic)
        if is_event(request):
            event = cloudevent.from_request(request)
            return TopicEvent(event, request.body, pubsub_name=pubsub, topic=topic)
    except errors.HttpError as error:
        raise Drop(f"This message can never be read: {error.message}") from error
    event = _unwrapped(request.body, request.content_type, topic)
    return TopicEvent(event, request.body, pubsub_name=pubsub, topic=topic)


def entry_event(entry: Mapping[str, Any], *, pubsub: str, topic: str) -> TopicEvent:
    """The event of one entry of a bulk delivery; raises Drop as `topic_event` does."""
    kind = str(entry.get("contentType") or "")
    event = entry.get("event")
    if kind.startswith("application/cloudevents") or (isinstance(event, dict) and "specversion" in event):
        request = Request(
            "POST", b"/", [(b"content-type", cloudevent.STRUCTURED.encode())], jsons.dumps(event)
        )
        return topic_event(request, pubsub=pubsub, topic=topic)
    if "event_base64" in entry:  # bytes that came over gRPC
        body = b64decode(entry["event_base64"])
    else:
        body = event.encode() if isinstance(event, str) else jsons.dumps(event)
    return TopicEvent(_unwrapped(body, kind or None, topic), body, pubsub_name=pubsub, topic=topic)


def is_event(request: Request) -> bool:
    """True when a request says that it carries a CloudEvent."""
    return request.mimetype.startswith("application/cloudevents") or "ce-specversion" in request.headers


def _unwrapped(body: bytes, content_type: str | None, topic: str) -> CloudEvent:
    attributes = {"type": "com.dapr.event.sent", "source": topic or "unknown", "specversion": "1.0"}
    made = CloudEvent({**attributes, "datacontenttype": content_type or "application/octet-stream"})
    return CloudEvent.received(made.get_attributes(), body)


def _is_json(event: CloudEvent) -> bool:
    mimetype = str(event.get("datacontenttype") or "application/json").partition(";")[0].strip().lower()
    return is_json_type(mimetype)
