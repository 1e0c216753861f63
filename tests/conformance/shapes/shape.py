"""What a shape is: a function here, the public code it has the form of, and what it is asked and answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TEXT = "text/html; charset=utf-8"
JSON = "application/json"


@dataclass(frozen=True)
class Ask:
    """A request."""

    target: str = "/"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """All of an answer, and the lines that the function printed for it."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    printed: tuple[str, ...] = ()


Exchange = tuple[Ask, Answer]


@dataclass(frozen=True)
class Shape:
    """One function and its source, as `owner/repository: path`."""

    function: str
    source: str
    exchanges: tuple[Exchange, ...]
    signature: str = "http"


def get(target: str = "/", method: str = "GET", **headers: str) -> Ask:
    """A request without a body; an underscore in a header's name stands for a hyphen."""
    return Ask(target, method, _named(headers))


def post(body: Any = b"", target: str = "/", **headers: str) -> Ask:
    """Bytes as they are, text as a form, anything else as JSON."""
    if isinstance(body, bytes):
        return Ask(target, "POST", _named(headers), body)
    kind = "application/x-www-form-urlencoded" if isinstance(body, str) else JSON
    sent = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Ask(target, "POST", {"content-type": kind, **_named(headers)}, sent)


def event(data: Any, kind: str = "shape.made", *, structured: bool = False, **attributes: str) -> Ask:
    """A CloudEvent: bytes as protobuf, anything else as JSON."""
    known = {"id": "1", "source": "//shapes", "type": kind, "specversion": "1.0", **attributes}
    if structured:
        return post({**known, "data": data}, content_type="application/cloudevents+json")
    headers = {f"ce-{name}": value for name, value in known.items()}
    if isinstance(data, bytes):
        return Ask("/", "POST", {**headers, "content-type": "application/protobuf"}, data)
    return Ask(
        "/", "POST", {**headers, "content-type": JSON}, b"" if data is None else json.dumps(data).encode()
    )


def legacy(data: Any, kind: str, resource: Any, timestamp: str = "2020-09-29T11:32:00.000Z") -> Ask:
    """An event of the first generation."""
    context = {"eventId": "1147091835525187", "timestamp": timestamp, "eventType": kind, "resource": resource}
    return post({"context": context, "data": data})


def text(body: str, status: int = 200, *printed: str, **headers: str) -> Answer:
    """A text, as HTML unless a header says otherwise."""
    return Answer(body.encode(), status, {"content-type": TEXT, **_named(headers)}, printed)


def value(body: Any, status: int = 200, *printed: str, newline: bool = False, **headers: str) -> Answer:
    """A value as compact JSON; Flask's ends with a newline."""
    sent = json.dumps(body, separators=(",", ":"), ensure_ascii=newline).encode() + (
        b"\n" if newline else b""
    )
    return Answer(sent, status, {"content-type": JSON, **_named(headers)}, printed)


def done(*printed: str) -> Answer:
    """What an event's sender is told."""
    return Answer(b"OK", 200, {"content-type": "text/plain; charset=utf-8"}, printed)


def failed() -> Answer:
    """What is told of a function that raises: nothing of what it said."""
    headers = {"content-type": "text/plain; charset=utf-8"}
    return Answer(b"Internal Server Error\n", 500, {
        **headers, "x-openfunction-status": "crash", "x-google-status": "crash"})  # fmt: skip


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
