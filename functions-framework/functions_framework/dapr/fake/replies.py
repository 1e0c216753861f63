"""Answers of the fake sidecar, spelt as Dapr's HTTP API spells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions_framework import jsons
from functions_framework.dapr.port import Ask, Reply
from functions_framework.dapr.spelling import payload
from functions_framework.request import is_json_type

_PREFIX = "metadata."


def refusal(status: int, code: str, message: str) -> Reply:
    """An error as Dapr tells it."""
    return Reply(status, {}, jsons.dumps({"errorCode": code, "message": message}))


def of_json(value: object) -> Reply:
    """A value as JSON."""
    return Reply(200, {"content-type": "application/json"}, jsons.dumps(value))


def of(value: Any) -> Reply:
    """What a test gave: a Reply as it is, bytes and text as they are, anything else as JSON; None for no content."""
    if isinstance(value, Reply):
        return value
    body, kind = payload(value)
    return Reply(204) if value is None else Reply(200, {"content-type": kind}, body)


def decoded(body: bytes, content_type: str) -> Any:
    """What was sent, as a person reads it: JSON decoded, text as text, else bytes."""
    mimetype = content_type.partition(";")[0].strip().lower()
    if not body:
        return None
    if is_json_type(mimetype):
        return jsons.loads(body)
    return body.decode(errors="replace") if mimetype.startswith("text/") else body


def body(ask: Ask[Any]) -> bytes:
    """A question's body."""
    return ask.body() if callable(ask.body) else ask.body


def metadata(query: Mapping[str, str]) -> dict[str, str]:
    """The metadata in a query."""
    return {name[len(_PREFIX) :]: value for name, value in query.items() if name.startswith(_PREFIX)}
