"""Events as Dapr wraps them: around a payload that is published, and around one that comes without.

It knows no broker and no app.
"""

from __future__ import annotations

import datetime
from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from functions_framework import errors, jsons
from functions_framework.cloudevent import CloudEvent, from_document
from openfunction_eventing.component import read_span
from openfunction_eventing.envelope import WRAPPED
from openfunction_eventing.sidecar import ids, refusals

OVERRIDES = ("id", "source", "type", "subject", "traceid", "traceparent", "tracestate")
_TRUE = frozenset({"1", "t", "true", "y", "yes", "on"})
_FALSE = frozenset({"", "0", "f", "false", "n", "no", "off"})
_TEXT = "text/plain"


def is_raw(metadata: Mapping[str, str]) -> bool:
    """Whether bytes go without an envelope; raises Refusal when `rawPayload` is neither yes nor no."""
    if not metadata:
        return False
    told = next((value for name, value in metadata.items() if name.lower() == "rawpayload"), "").lower()
    if told not in _TRUE | _FALSE:
        raise refusals.bad_metadata(f"rawPayload value must be a valid boolean: actual is '{told}'")
    return told in _TRUE


@lru_cache(maxsize=64)
def mimetype(content_type: str) -> str:
    """A content type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def raw(body: bytes, *, topic: str, content_type: str, app: str) -> CloudEvent:
    """An event that only carries bytes through a driver, which stores its data alone."""
    attributes = {
        "id": ids.new(), "source": app or "Dapr", "specversion": "1.0", "type": WRAPPED,
        "datacontenttype": "application/octet-stream", "topic": topic, "rawtype": content_type,
    }  # fmt: skip
    return CloudEvent.read(attributes, body)


def wrap(  # noqa: PLR0913  # what Dapr puts in an envelope, by keyword
    body: bytes,
    *,
    content_type: str,
    metadata: Mapping[str, str],
    app: str,
    pubsub: str,
    topic: str,
    now: float,
) -> CloudEvent:
    """The event that is published for a body: the body's own when it is one, else one around it; `now` since the epoch.

    Raises:
        Refusal: it says that it is a CloudEvent and is none.
    """
    kind = mimetype(content_type)
    if kind == "application/cloudevents+json":
        event = _given(body, pubsub=pubsub, topic=topic, now=now)
    else:
        attributes = {
            "id": ids.new(), "source": app or "Dapr", "type": WRAPPED, "specversion": "1.0",
            "datacontenttype": content_type or _TEXT, **_overrides(metadata),
            "topic": topic, "pubsubname": pubsub, "time": _time(now),
        }  # fmt: skip
        event = CloudEvent.read(attributes, _data(body, mimetype(content_type or _TEXT)))
    span = _time_to_live(metadata)
    if span is not None:
        event["expiration"] = _time(now + span)
    return event


def _given(body: bytes, *, pubsub: str, topic: str, now: float) -> CloudEvent:
    try:
        document = jsons.loads(body)
    except jsons.DecodeError as error:
        raise refusals.no_event(error) from error
    if not isinstance(document, dict):
        raise refusals.no_event("a structured CloudEvent is a JSON object")
    defaults = {
        "id": ids.new(),
        "source": "Dapr",
        "type": WRAPPED,
        "specversion": "1.0",
        "time": _time(now),
    }
    whole = {**defaults, **{name: value for name, value in document.items() if value is not None}}
    try:
        return from_document({**whole, "topic": topic, "pubsubname": pubsub})
    except errors.BadRequest as error:
        raise refusals.no_event(error.message) from error


def _overrides(metadata: Mapping[str, str]) -> dict[str, str]:
    """The attributes that metadata sets."""
    if not metadata:
        return {}
    lower = {name.lower(): value for name, value in metadata.items()}
    told = {name: lower[f"cloudevent.{name}"] for name in OVERRIDES if lower.get(f"cloudevent.{name}")}
    trace = told.get("traceparent") or told.get("traceid")
    return {**told, "traceid": trace, "traceparent": trace} if trace else told


def _data(body: bytes, kind: str) -> Any:  # Any: JSON
    if kind == "application/octet-stream":
        return body
    if kind == "application/json":
        try:
            return jsons.loads(body)
        except jsons.DecodeError:
            pass  # Dapr keeps what is no JSON as text
    return body.decode(errors="replace")


def _time_to_live(metadata: Mapping[str, str]) -> float | None:
    if not metadata:
        return None
    lower = {name.lower(): value for name, value in metadata.items()}
    told = lower.get("ttl") or lower.get("ttlinseconds") or ""
    return read_span(told) if told else None


def _time(now: float) -> str:
    return _second(int(now))


@lru_cache(maxsize=16)
def _second(second: int) -> str:
    moment = datetime.datetime.fromtimestamp(second, datetime.UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def document(event: CloudEvent, *, pubsub: str, topic: str) -> dict[str, Any]:
    """An event as the JSON that an app is given."""
    data = event.data
    made = event.get_attributes()
    made.setdefault("topic", topic)
    made["pubsubname"] = pubsub
    made.pop("rawtype", None)
    if isinstance(data, bytes):
        made["data_base64"] = b64encode(data).decode()
    elif data is not None:
        made["data"] = data
    return made


def has_expired(event: Mapping[str, Any], now: float) -> bool:
    """Whether an event's `expiration` lies behind; what is no time never does."""
    told = event.get("expiration")
    if not told:
        return False
    try:
        moment = datetime.datetime.fromisoformat(str(told))
    except ValueError:
        return False
    return moment.tzinfo is not None and moment.timestamp() < now
