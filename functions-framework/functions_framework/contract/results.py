"""What a function answers, as its return annotation says: statuses, content types and schemas."""

from __future__ import annotations

import typing
from collections import abc
from typing import Any, Final

from functions_framework import sse
from functions_framework.contract.schemas import ANYTHING, Schema, Schemas
from functions_framework.contract.subject import Described
from functions_framework.signatures import parameters

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"
_STREAMS: Final = (abc.Iterator, abc.AsyncIterator, abc.Generator, abc.AsyncGenerator)
_STREAM_TYPES: Final = (abc.Iterable, abc.AsyncIterable)
_EVENT_HEADERS: Final = ("ce-id", "ce-source", "ce-specversion", "ce-type")


def responses(one: Described, schemas: Schemas) -> dict[str, Any]:
    """The `responses` of an operation."""
    found = {**_of_hint(one, one.surface.result, schemas), **_refusals(one, schemas)}
    failure = {"description": "The function failed, or the framework did.", "content": _text()}
    late = {"description": "The function did not answer in time.", "content": _text()}
    return {**found, "500": failure, "504": late}


def json_of(one: Described, schemas: Schemas) -> Schema | None:
    """The schema of a result that is sent as JSON; None for any other."""
    content = _content(one.surface.result, schemas)
    return content[JSON]["schema"] if content and JSON in content else None


def _of_hint(one: Described, hint: Any, schemas: Schemas) -> dict[str, Any]:
    if parameters.is_union(hint):
        found: dict[str, Any] = {}
        for each in typing.get_args(hint):
            for status, made in _of_hint(one, each, schemas).items():
                found[status] = _joined(found[status], made) if status in found else made
        return found
    if hint is None or hint is type(None):
        return _nothing(one)
    if parameters.our_source(hint) == "cloudevent":
        headers = {name: {"schema": {"type": "string"}, "required": True} for name in _EVENT_HEADERS}
        return {"200": {"description": "A CloudEvent, in binary mode.", "headers": headers}}
    content = _content(hint, schemas)
    if content is None:
        return {"200": {"description": "What the function answers."}}
    streams = _is_stream(typing.get_origin(hint) or hint)
    words = "The pieces of the answer, one after the other." if streams else "The function's result."
    return {"200": {"description": words, "content": content}}


def _nothing(one: Described) -> dict[str, Any]:
    if one.function.signature in {"cloudevent", "event"}:
        return {"200": {"description": "The event was taken.", "content": _text()}}
    status = str(one.function.render(None)[0]) if _renders_nothing(one) else "204"  # type: ignore[index, misc]  # an Answer
    return {status: {"description": "It is done; there is nothing to say."}}


def _renders_nothing(one: Described) -> bool:
    return one.function.signature == "typed" and one.function.render is not None


def _content(hint: Any, schemas: Schemas) -> dict[str, Any] | None:
    """Content types with schemas; None when the annotation does not tell."""
    kind = typing.get_origin(hint) or hint
    if hint is parameters.UNKNOWN or hint is Any or hint is object:
        return None
    if _is_stream(kind):
        return _streamed(typing.get_args(hint), schemas)
    if kind is tuple or (isinstance(kind, type) and kind.__module__.partition(".")[0] in _FRAMEWORKS):
        return None
    if kind is str:
        return {"text/html; charset=utf-8": {"schema": {"type": "string"}}}
    if kind in {bytes, bytearray, memoryview}:
        return {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    return {JSON: {"schema": schemas.of(hint, "out")}}


_FRAMEWORKS: Final = frozenset({"functions_framework", "flask", "werkzeug", "starlette", "cloudevents"})


def _streamed(inner: tuple[Any, ...], schemas: Schemas) -> dict[str, Any]:
    item = inner[0] if inner else Any
    if item is sse.Event:
        return {"text/event-stream": {"schema": {"type": "string"}}}
    if item is str:
        return {"text/html; charset=utf-8": {"schema": {"type": "string"}}}
    if item in {bytes, bytearray, memoryview}:
        return {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    if item is Any or parameters.is_union(item):
        return {"*/*": {"schema": dict(ANYTHING)}}
    lines = {"type": "string", "description": "One JSON value a line."}
    return {"application/x-ndjson": {"schema": lines, "x-item-schema": schemas.of(item, "out")}}


def _refusals(one: Described, schemas: Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {}
    surface = one.surface
    if one.takes_event or surface.body is not None:
        found["400"] = {"description": "The body cannot be read.", "content": _text()}
    if any(each.type is not str for each in surface.of("path")):
        found["404"] = {"description": "Nothing is at this path.", "content": _text()}
    if surface.body is not None or surface.of("query") or surface.of("header"):
        schemas.named.setdefault("InvalidInput", INVALID_INPUT)
        schema = schemas.reference("InvalidInput")
        found["422"] = {"description": "What was sent is not valid.", "content": {JSON: {"schema": schema}}}
    return found


INVALID_INPUT: Final[Schema] = {
    "title": "InvalidInput",
    "type": "object",
    "properties": {
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "path": {"type": "string", "description": "Where, such as `body.items.0.price`."},
                    "message": {"type": "string", "description": "What is wrong there."},
                },
                "required": ["path", "message"],
            },
        }
    },
    "required": ["errors"],
}


def _text() -> dict[str, Any]:
    return {TEXT: {"schema": {"type": "string"}}}


def _is_stream(kind: Any) -> bool:
    return kind in _STREAM_TYPES or (isinstance(kind, type) and issubclass(kind, _STREAMS))


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """One response of two of the same status; without content, one of them is an empty body."""
    content = dict(one.get("content", {}))
    for kind, made in other.get("content", {}).items():
        known = content.get(kind)
        both = known is not None and known != made
        content[kind] = {"schema": {"anyOf": [known["schema"], made["schema"]]}} if both else made  # type: ignore[index]  # both says so
    empty = "content" not in one or "content" not in other
    words = (
        f"{_first_with_content(one, other)['description']} It may be empty."
        if content and empty
        else one["description"]
    )
    return {**other, **one, "description": words, **({"content": content} if content else {})}


def _first_with_content(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return one if "content" in one else other
