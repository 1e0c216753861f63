"""CloudEvents as their sources send them, and what a sidecar delivers: events of a topic, calls of a binding.

It makes bytes and reads what their answer means to the sidecar; it sends nothing.
"""

from __future__ import annotations

import uuid
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from functions_framework import cloudevent, errors, jsons
from functions_framework.cloudevent import CloudEvent
from functions_framework.dapr import signals
from functions_framework.dapr.signals import Verdict
from functions_framework.dapr.spelling import payload
from functions_framework.testing import asking
from functions_framework.testing.answers import Answer

Mode = Literal["binary", "structured", "batch"]
Given = CloudEvent | Mapping[str, Any]
"""An event; or its attributes, with `data` among them."""
_BATCH = "application/cloudevents-batch+json"
_EXAMPLE: Mapping[str, str] = {"type": "test.event", "source": "/test"}


class NoSuchInputError(errors.FrameworkError):
    """The function has no input of this name; the sentence says which it has."""


def event_of(given: Given, data: Any = None) -> CloudEvent:
    """An event; type, source and id are filled in where they are not given."""
    if not isinstance(given, Mapping):
        return given
    attributes = {**_EXAMPLE, **given}
    inner = attributes.pop("data", data)
    if "datacontenttype" not in attributes and inner is not None:
        attributes["datacontenttype"] = payload(inner)[1]
    return CloudEvent(attributes, inner)


def event(given: Given | Sequence[Given], *, mode: Mode, path: str, headers: asking.Headers) -> bytes:
    """The request of an event; of several in mode `batch`."""
    several = isinstance(given, Sequence)
    listed = [event_of(one) for one in (given if several else (given,))]  # type: ignore[arg-type]  # several says which
    if mode == "batch" or several:
        body = b"[" + b",".join(one.to_structured() for one in listed) + b"]"
        return _post(path, body, [("content-type", _BATCH)], headers)
    if mode == "structured":
        return _post(path, listed[0].to_structured(), [("content-type", cloudevent.STRUCTURED)], headers)
    made = listed[0].to_response()
    fields = [(name, str(value)) for name, value in made.headers.items()]
    return _post(path, payload(made.body)[0], fields, headers)


def binding(name: str, data: Any, metadata: Mapping[str, str], *, headers: asking.Headers = ()) -> bytes:
    """A call of an input binding, as the sidecar sends it: the data as it is, the metadata as header fields."""
    body, kind = payload(data)
    fields = [("content-type", kind if kind != "text/plain" else "application/json"), *metadata.items()]
    return _post(f"/{quote(name, safe='')}", body, fields, headers)


def topic(
    subscription: Mapping[str, Any],
    data: Any,
    attributes: Mapping[str, Any],
    *,
    headers: asking.Headers = (),
) -> bytes:
    """An event of a topic, in the sidecar's envelope, to the route of this subscription."""
    envelope = _envelope(subscription, data, attributes)
    if subscription.get("bulkSubscribe", {}).get("enabled"):
        fields, body = [("content-type", "application/json")], _bulk(subscription, [envelope])
    else:
        fields, body = [("content-type", cloudevent.STRUCTURED)], jsons.dumps(envelope)
    return _post(subscription["route"], body, fields, headers)


def _bulk(subscription: Mapping[str, Any], envelopes: Iterable[Mapping[str, Any]]) -> bytes:
    entries = [
        {"entryId": str(number), "event": one, "contentType": cloudevent.STRUCTURED}
        for number, one in enumerate(envelopes)
    ]
    whole = {
        "id": uuid.uuid4().hex, "entries": entries, "metadata": {}, "type": "com.dapr.event.sent.bulk",
        "pubsubname": subscription["pubsubname"], "topic": subscription["topic"],
    }  # fmt: skip
    return jsons.dumps(whole)


def subscription(
    name: str, known: Sequence[Mapping[str, Any]], inputs: Mapping[str, tuple[str, str]]
) -> Mapping[str, Any]:
    """The subscription that a name means: an input of the context, a topic, or `component/topic`.

    Raises:
        NoSuchInputError: it means none, or several.
    """
    wanted = inputs.get(name)
    found = [
        one
        for one in known
        if (one["pubsubname"], one["topic"]) == wanted
        or name in (one["topic"], f"{one['pubsubname']}/{one['topic']}")
    ]
    if len(found) == 1:
        return found[0]
    has = ", ".join(f"{one['pubsubname']}/{one['topic']}" for one in known) or "none"
    problem = "several of" if found else "no topic among"
    raise NoSuchInputError(f"{name!r} names {problem} what the function subscribes to: {has}")


def verdict(answer: Answer) -> Verdict:
    """What the sidecar does after this answer to an event."""
    said = signals.of_status(answer.status)
    if said != "SUCCESS" or not answer.body or "json" not in answer.content_type:
        return said
    document = answer.json()
    statuses = document.get("statuses") if isinstance(document, dict) else None
    if statuses:
        return signals.verdict_of(statuses[0]["status"]) or said
    return signals.verdict_of(document) or said


def _envelope(one: Mapping[str, Any], data: Any, attributes: Mapping[str, Any]) -> dict[str, Any]:
    body, kind = payload(data)
    made = {
        "specversion": "1.0", "id": str(uuid.uuid4()), "type": "com.dapr.event.sent", "source": "test",
        "datacontenttype": kind, "pubsubname": one["pubsubname"], "topic": one["topic"], **attributes,
    }  # fmt: skip
    if isinstance(data, CloudEvent):
        return {**made, **data.get_attributes(), **_data(data.data)}
    return {
        **made,
        **_data(data if kind == "application/json" else body if isinstance(data, bytes) else data),
    }


def _data(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    return {"data_base64": b64encode(value).decode()} if isinstance(value, bytes) else {"data": value}


def _post(path: str, body: bytes, fields: list[tuple[str, str]], more: asking.Headers) -> bytes:
    given = list(more.items() if isinstance(more, Mapping) else more)
    return asking.request("POST", path, body=body, headers=[*fields, *given])
