"""Legacy background functions: `f(data, context)`, called with a legacy event or with a CloudEvent of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functions_framework import cloudevent, errors, jsons, legacy, response, signatures
from functions_framework.function import Function
from functions_framework.registry import Note
from functions_framework.request import Request
from functions_framework.response import Reply
from functions_framework.signatures import events, parameters

_OK: Reply = (200, response.TEXT_TYPE, b"OK")


def adapt(name: str, written: Callable[..., Any], note: Note) -> Function:
    """A function of data and context; one of a single parameter takes CloudEvents, as `event` once meant."""
    if _takes_one(written):
        return events.adapt(name, written, note)
    signatures.check_arity(name, written, ("the data", "the context"))
    return Function(
        name=name,
        call=lambda event: written(*event),
        signature="event",
        is_async=signatures.is_async(written),
        inline=note.inline,
        concurrency=note.concurrency,
        prepare=read,
        render=_render,
        path=note.path,
        methods=note.methods,
        written=written,
    )


def read(received: Request) -> tuple[Any, legacy.Context]:
    """Data and context of a request; raises HttpError 400 or 405."""
    events.only_post(received)
    if received.mimetype == cloudevent.STRUCTURED or "ce-type" in received.headers:
        return legacy.from_cloudevent(cloudevent.from_request(received))
    try:
        document = jsons.loads(received.body)
    except jsons.DecodeError as error:
        raise errors.BadRequest(f"The body is no JSON, so it is no background event: {error}.") from error
    if isinstance(document, dict) and "specversion" in document:
        return legacy.from_cloudevent(cloudevent.from_document(document))
    return legacy.event_of(document, received.path)


def _render(result: object) -> Reply:  # noqa: ARG001  # the shape of a render
    """What such a function returns says nothing to the sender."""
    return _OK


def _takes_one(written: Callable[..., Any]) -> bool:
    kinds = [each.kind for each in parameters.signature(written).parameters.values()]
    positional = [kind for kind in kinds if kind in {0, 1}]
    return len(positional) == 1 and 2 not in kinds  # kinds of inspect: 0 and 1 by position, 2 is *args
