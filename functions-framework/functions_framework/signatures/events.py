"""CloudEvent functions: a `CloudEvent` in; nothing, an event or anything else that can be answered out.

A batch (`application/cloudevents-batch+json`) reaches a function annotated `list[CloudEvent]` whole; any other is
called once per event, in order. The first call that raises or gives a status of 300 or more ends the batch, and
that is the answer, so that the sender sends the batch again; else it is 200, with the events that the calls
returned as a batch, or OK when they returned none.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

from functions_framework import cloudevent, errors, jsons, response, signatures
from functions_framework.cloudevent import CloudEvent
from functions_framework.function import Function
from functions_framework.registry import Note
from functions_framework.request import Request
from functions_framework.response import Reply

_OK: Reply = (200, response.TEXT_TYPE, b"OK")
_BATCH_LINE = f"content-type: {cloudevent.BATCH}\r\n".encode()
_SDKS = ("cloudevents.http.event", "cloudevents.v1.http.event", "cloudevents.core.v1.event")
_POST = ("POST",)


class Batch(list[Any]):
    """The results of a batch's calls, until one that ends it."""


def adapt(name: str, written: Callable[..., Any], note: Note) -> Function:
    """A function of one event, or of a list of them."""
    is_async = signatures.is_async(written)
    call = written
    if not _takes_list(written):
        call = _each_async(written) if is_async else _each(written)
    signatures.check_arity(name, written, ("the event",))
    return Function(
        name=name,
        call=call,
        signature="cloudevent",
        is_async=is_async,
        inline=note.inline,
        concurrency=note.concurrency,
        prepare=_all(known_kind()) if call is written else _one_or_all(known_kind()),
        render=render,
        path=note.path,
        methods=note.methods,
        written=written,
    )


def render(result: object) -> Reply:
    """The answer of an event function's result."""
    if result is None:
        return _OK
    if isinstance(result, CloudEvent):
        return response.answer(result.to_response())
    if isinstance(result, Batch):
        return _of_batch(result)
    if hasattr(result, "get_attributes") and hasattr(result, "get_data"):  # the SDK's
        return response.answer(CloudEvent(result.get_attributes(), result.get_data()).to_response())
    return response.answer(result)


def only_post(received: Request) -> None:
    """Refuse what brings no event; raises MethodNotAllowed."""
    if received.method != "POST":
        raise errors.MethodNotAllowed(_POST)


def known_kind() -> type[CloudEvent]:
    """Our class; where the user's code has imported the SDK, one that is an instance of the SDK's class too."""
    theirs = [sys.modules[name].CloudEvent for name in _SDKS if name in sys.modules]
    if not theirs:
        return CloudEvent
    return types.new_class("CloudEvent", (CloudEvent, *theirs))


def _one_or_all(kind: type[CloudEvent]) -> Callable[[Request], CloudEvent | list[CloudEvent]]:
    read = cloudevent.one_or_all

    def prepare(received: Request) -> CloudEvent | list[CloudEvent]:
        if received.method != "POST":
            only_post(received)
        return read(received, kind)

    return prepare


def _all(kind: type[CloudEvent]) -> Callable[[Request], list[CloudEvent]]:
    read = _one_or_all(kind)

    def prepare(received: Request) -> list[CloudEvent]:
        found = read(received)
        return found if isinstance(found, list) else [found]

    return prepare


def _each(written: Callable[..., Any]) -> Callable[[Any], Any]:
    def call(given: Any) -> Any:  # Any: an event or a list of them
        if type(given) is not list:
            return written(given)
        results = Batch()
        for event in given:
            results.append(written(event))
            if _ends(results[-1]):
                break
        return results

    return call


def _each_async(written: Callable[..., Any]) -> Callable[[Any], Any]:
    async def call_all(events: list[CloudEvent]) -> Batch:
        results = Batch()
        for event in events:
            results.append(await written(event))
            if _ends(results[-1]):
                break
        return results

    # No coroutine around the function's own for a single event.
    return lambda given: call_all(given) if type(given) is list else written(given)


def _ends(result: object) -> bool:
    status = getattr(result, "status", None)
    if isinstance(result, tuple) and len(result) > 1:
        status = result[1]
    return isinstance(status, int) and status >= 300


def _of_batch(results: Batch) -> Reply:
    if results and _ends(results[-1]):
        return response.answer(results[-1])
    events = [each for each in results if hasattr(each, "get_attributes")]
    if not events:
        return _OK
    documents = [CloudEvent(each.get_attributes(), each.get_data()).to_document() for each in events]
    return 200, _BATCH_LINE, jsons.dumps(documents)


def _takes_list(written: Callable[..., Any]) -> bool:
    if not getattr(written, "__annotations__", None):
        return False
    from functions_framework.signatures import parameters  # noqa: PLC0415  # only annotated functions need it

    hints = parameters.hints_of(written)
    first = next(iter(parameters.signature(written).parameters), "")
    hint = hints.get(first)
    kind = typing.get_origin(hint)
    if not (isinstance(kind, type) and issubclass(kind, Sequence)):
        return False
    return any(parameters.our_source(each) == "cloudevent" for each in typing.get_args(hint))
