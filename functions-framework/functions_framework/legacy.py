"""Google's legacy background events, and the same events as CloudEvents: the conversion in both directions.

The tables follow the mapping that Google publishes with its conformance suite (docs/mapping.md there); what has
no row is refused with a sentence that says so. It reads no connection and calls no function.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from functions_framework import clock, errors

_FIREBASE_AUTH = "firebaseauth.googleapis.com"
_FIREBASE_DB = "firebasedatabase.googleapis.com"
_FIRESTORE = "firestore.googleapis.com"
_ANALYTICS = "firebaseanalytics.googleapis.com"
_PUBSUB = "pubsub.googleapis.com"
_STORAGE = "storage.googleapis.com"
_PUBSUB_MESSAGE = "type.googleapis.com/google.pubsub.v1.PubsubMessage"

# The first of two legacy types of one CloudEvent type is the one that it is converted back to.
_TYPES: Final[Mapping[str, str]] = {
    "google.pubsub.topic.publish": "google.cloud.pubsub.topic.v1.messagePublished",
    "providers/cloud.pubsub/eventTypes/topic.publish": "google.cloud.pubsub.topic.v1.messagePublished",
    "google.storage.object.finalize": "google.cloud.storage.object.v1.finalized",
    "google.storage.object.delete": "google.cloud.storage.object.v1.deleted",
    "google.storage.object.archive": "google.cloud.storage.object.v1.archived",
    "google.storage.object.metadataUpdate": "google.cloud.storage.object.v1.metadataUpdated",
    "providers/cloud.storage/eventTypes/object.change": "google.cloud.storage.object.v1.finalized",
    "providers/firebase.remoteConfig/remoteconfig.update": "google.firebase.remoteconfig.remoteConfig.v1.updated",
    "providers/google.firebase.analytics/eventTypes/event.log": "google.firebase.analytics.log.v1.written",
    **{
        f"providers/cloud.firestore/eventTypes/document.{verb}": f"google.cloud.firestore.document.v1.{done}"
        for verb, done in (("write", "written"), ("create", "created"), ("update", "updated"), ("delete", "deleted"))
    },
    **{
        f"providers/google.firebase.database/eventTypes/ref.{verb}": f"google.firebase.database.ref.v1.{done}"
        for verb, done in (("write", "written"), ("create", "created"), ("update", "updated"), ("delete", "deleted"))
    },
    **{
        f"providers/firebase.auth/eventTypes/user.{verb}": f"google.firebase.auth.user.v1.{done}"
        for verb, done in (("create", "created"), ("delete", "deleted"))
    },
}  # fmt: skip
_BACK: Final[Mapping[str, str]] = {new: old for old, new in reversed(list(_TYPES.items()))}

_SERVICES: Final[Mapping[str, str]] = {
    "providers/cloud.firestore/": _FIRESTORE,
    "providers/google.firebase.analytics/": _ANALYTICS,
    "providers/firebase.auth/": _FIREBASE_AUTH,
    "providers/firebase.remoteConfig/": "firebaseremoteconfig.googleapis.com",
    "providers/google.firebase.database/": _FIREBASE_DB,
    "providers/cloud.pubsub/": _PUBSUB,
    "providers/cloud.storage/": _STORAGE,
    "google.pubsub": _PUBSUB,
    "google.storage": _STORAGE,
}

# How a legacy resource is cut into the rest of a CloudEvent's source and its subject.
_RESOURCES: Final[Mapping[str, re.Pattern[str]]] = {
    _ANALYTICS: re.compile(r"(projects/[^/]+)/(events/[^/]+)"),
    _FIREBASE_DB: re.compile(r"projects/_/(instances/[^/]+)/(refs/.+)"),
    _FIRESTORE: re.compile(r"(projects/[^/]+/databases/[^/]+)/(documents/.+)"),
    _STORAGE: re.compile(r"(projects/[^/]+/buckets/[^/]+)/(objects/.+?)(?:#\d+)?"),
}
_AUTH_TIMES = (("createdAt", "createTime"), ("lastSignedInAt", "lastSignInTime"))
_TOPIC = re.compile(r"projects/[^/?]+/topics/[^/?]+")
_SOURCE = re.compile(r"//([^/]+)/(.+)")


class Event(Protocol):
    """What this module reads of a CloudEvent."""

    @property
    def data(self) -> Any:
        """The data, decoded."""

    def __getitem__(self, name: str) -> Any: ...

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute, or the default."""


class Context:
    """What a legacy function's second parameter tells of its event.

    Attributes:
        event_id: unique for the event.
        timestamp: RFC 3339.
        event_type: such as `google.pubsub.topic.publish`.
        resource: what emitted the event: its path, or a mapping of service, name and type.
    """

    def __init__(
        self,
        eventId: str = "",  # noqa: N803  # as JSON and Google's class spell it
        timestamp: str = "",
        eventType: str = "",  # noqa: N803  # as above
        resource: Any = "",
    ) -> None:
        self.event_id = eventId
        self.timestamp = timestamp
        self.event_type = eventType
        self.resource = resource

    def __str__(self) -> str:
        facts = (("event_id", self.event_id), ("timestamp", self.timestamp), ("event_type", self.event_type))
        told = ", ".join(f"{name}: {value}" for name, value in facts)
        return f"{{{told}, resource: {self.resource}}}"


def is_legacy(document: Mapping[str, Any]) -> bool:
    """True for a body that holds a legacy event or a push of Pub/Sub, whole or not."""
    return not document.keys().isdisjoint({"context", "eventType", "eventId", "subscription"})


def event_of(document: object, path: str, now: Callable[[], str] | None = None) -> tuple[Any, Context]:
    """Data and context of a legacy event, in either shape, or of a raw push of Pub/Sub.

    Args:
        document: the body's JSON.
        path: the request's path, in which a push subscription may name its topic.
        now: the time of a push that tells none.

    Raises:
        BadRequest: it is none of these.
    """
    if not isinstance(document, dict):
        raise errors.BadRequest("A background event is a JSON object with data and context.")
    if "subscription" in document and "context" not in document:
        return _pushed(document, path, now or _now)
    told = document.get("context") or document
    if not isinstance(told, dict) or not told.get("eventType"):
        raise errors.BadRequest("The background event lacks context.eventType.")
    for name in ("eventId", "timestamp", "eventType"):
        if not isinstance(told.get(name) or "", str):
            raise errors.BadRequest(f"The background event's {name} is no text.")
    known = {name: told[name] for name in ("eventId", "timestamp", "eventType", "resource") if name in told}
    return document.get("data", ""), Context(**known)


def to_cloudevent(document: object, path: str) -> tuple[dict[str, Any], Any]:
    """Attributes and data of a legacy event's CloudEvent; raises BadRequest when there is none."""
    data, context = event_of(document, path)
    if context.event_type not in _TYPES:
        raise errors.BadRequest(f"The legacy event type {context.event_type!r} has no CloudEvent type.")
    service, resource, subject = _split(context)
    if service == _PUBSUB:
        told = data if isinstance(data, dict) else {"data": data}
        data = {"message": {"messageId": context.event_id, "publishTime": context.timestamp, **told}}
    elif service == _FIREBASE_AUTH:
        data = _renamed(data, _AUTH_TIMES)
        subject = f"users/{data['uid']}" if isinstance(data, dict) and "uid" in data else ""
    elif service == _FIREBASE_DB:
        resource = f"projects/_/locations/{_location(document)}/{resource}"
    elif service == _ANALYTICS:
        resource = f"{resource}/apps/{_application(data)}"
    attributes = {
        "specversion": "1.0",
        "id": context.event_id,
        "source": f"//{service}/{resource}",
        "type": _TYPES[context.event_type],
        "time": context.timestamp,
        "datacontenttype": "application/json",
    }
    return {**attributes, "subject": subject} if subject else attributes, data


def from_cloudevent(event: Event) -> tuple[Any, Context]:
    """Data and context of a CloudEvent, for a function of legacy events.

    A type that no legacy event has keeps its name; its resource is the source, with the subject where there is one.

    Raises:
        BadRequest: an attribute that the legacy event needs is missing or malformed.
    """
    data, subject, old = event.data, event.get("subject"), _BACK.get(event["type"])
    if old is None:
        resource: Any = f"{event['source']}/{subject}" if subject else event["source"]
        return data, Context(event["id"], event.get("time", ""), event["type"], resource)
    service, name = _service(event["source"])
    if service == _PUBSUB:
        resource = {"service": service, "name": name, "type": _PUBSUB_MESSAGE}
        data = data.get("message", data) if isinstance(data, dict) else data
        data = _without(data, ("messageId", "publishTime"))
    elif service == _FIREBASE_AUTH:
        resource = name
        data = _renamed(data, [(new, old_name) for old_name, new in _AUTH_TIMES])
    else:
        if not subject:
            raise errors.BadRequest(f"A CloudEvent of type {event['type']} needs a subject.")
        resource = f"{re.sub('/locations/[^/]+', '', name) if service == _FIREBASE_DB else name}/{subject}"
        if service == _STORAGE:
            resource = {"service": service, "name": resource, "type": _kind(data)}
    return data, Context(event["id"], event.get("time", ""), old, resource)


def _now() -> str:
    at = datetime.datetime.fromtimestamp(clock.wall_milliseconds() / 1000, datetime.UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _pushed(document: Mapping[str, Any], path: str, now: Callable[[], str]) -> tuple[Any, Context]:
    message = document.get("message")
    if not isinstance(message, dict) or "data" not in message or "messageId" not in message:
        raise errors.BadRequest("A push of Pub/Sub needs message.data and message.messageId.")
    topic = _TOPIC.search(path)
    data = {"@type": _PUBSUB_MESSAGE, "data": message["data"], "attributes": message.get("attributes", {})}
    resource = {"service": _PUBSUB, "type": _PUBSUB_MESSAGE, "name": topic[0] if topic else ""}
    published = message.get("publishTime") or now()
    return data, Context(message["messageId"], published, "google.pubsub.topic.publish", resource)


def _split(context: Context) -> tuple[str, str, str]:
    """Service, resource and subject."""
    told = context.resource
    resource = str((told.get("name") or "") if isinstance(told, dict) else told)
    service = str((told.get("service") or "") if isinstance(told, dict) else "")
    service = service or next(
        (known for prefix, known in _SERVICES.items() if context.event_type.startswith(prefix)), ""
    )
    if service not in _RESOURCES:
        return service, resource, ""
    found = _RESOURCES[service].fullmatch(resource)
    if found is None:
        raise errors.BadRequest(f"The resource {resource!r} is none of {service}.")
    return service, found[1], found[2]


def _location(document: object) -> str:
    domain = document.get("domain") if isinstance(document, dict) else None
    if not isinstance(domain, str):
        raise errors.BadRequest("The event of a Firebase database lacks domain.")
    return "us-central1" if domain == "firebaseio.com" else domain.partition(".")[0]


def _application(data: Any) -> str:
    try:
        return str(data["userDim"]["appInfo"]["appId"])
    except (KeyError, TypeError) as error:
        raise errors.BadRequest(
            "The event of Firebase analytics lacks data.userDim.appInfo.appId."
        ) from error


def _kind(data: Any) -> Any:
    if not isinstance(data, dict) or "kind" not in data:
        raise errors.BadRequest("The CloudEvent of Cloud Storage lacks data.kind.")
    return data["kind"]


def _service(source: str) -> tuple[str, str]:
    found = _SOURCE.fullmatch(source)
    if found is None:
        raise errors.BadRequest(f"The CloudEvent's source {source!r} is not //service/resource.")
    return found[1], found[2]


def _renamed(data: Any, names: Iterable[tuple[str, str]]) -> Any:
    """The data with the keys of its `metadata` renamed."""
    if not isinstance(data, dict) or not isinstance(data.get("metadata"), dict):
        return data
    renames = dict(names)
    metadata = {renames.get(name, name): value for name, value in data["metadata"].items()}
    return {**data, "metadata": metadata}


def _without(data: Any, names: tuple[str, ...]) -> Any:
    if not isinstance(data, dict):
        return data
    return {name: value for name, value in data.items() if name not in names}
