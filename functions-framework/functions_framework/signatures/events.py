"""CloudEvent functions: a `CloudEvent` in; nothing, an event or anything else that can be answered out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functions_framework import cloudevent, response, signatures
from functions_framework.function import Function
from functions_framework.registry import Note
from functions_framework.response import Reply

_OK = response.plain(200, "OK")


def adapt(name: str, written: Callable[..., Any], note: Note) -> Function:
    """A function of one event."""
    return Function(
        name=name,
        call=written,
        signature="cloudevent",
        is_async=signatures.is_async(written),
        inline=note.inline,
        concurrency=note.concurrency,
        prepare=cloudevent.from_request,
        render=render,
        path=note.path,
        methods=note.methods,
        written=written,
    )


def render(result: object) -> Reply:
    """The answer of an event function's result."""
    if result is None:
        return _OK
    if isinstance(result, cloudevent.CloudEvent):
        return response.answer(result.to_response())
    return response.answer(result)
