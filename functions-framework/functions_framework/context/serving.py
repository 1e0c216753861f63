"""Makes served Functions of an OpenFunction function: for callers, for a topic's events, for a binding's calls.

The function is the same for all; what it is called with and how its outcome is told differ.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from functions_framework import cloudevent, errors, jsons, response
from functions_framework.context import data
from functions_framework.context.document import Input
from functions_framework.context.out import FunctionOut
from functions_framework.context.runtime_context import RuntimeContext
from functions_framework.context.user_context import UserContext
from functions_framework.dapr import apphttp, events, signals
from functions_framework.dapr.events import TopicEvent
from functions_framework.function import Function
from functions_framework.registry import Note
from functions_framework.request import Request
from functions_framework.response import Answer, Reply, Stream

_log = logging.getLogger("functions_framework")
_SUCCESS = b"x-openfunction-status: success\r\n"
_ERROR = b"x-openfunction-status: error\r\n"
_TAKEN = (200, response.JSON_TYPE + _SUCCESS, jsons.dumps({"status": "SUCCESS"}))
_POST = frozenset({"POST"})
Call = Callable[[UserContext], Any]  # Any: an outcome, or a coroutine of one


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event of a bulk, with its id in it."""

    entry: str
    context: UserContext | None  # None: it cannot be read and never will be


def function(name: str, written: Callable[..., Any], note: Note, *, runtime: RuntimeContext) -> Function:
    """The function as callers reach it; raises StartError ArityMismatch."""
    is_async = _is_async(written)
    return Function(
        name=name,
        call=_acall(written) if is_async else _call(written),
        signature="openfunction",
        is_async=is_async,
        inline=note.inline,
        concurrency=note.concurrency,
        prepare=lambda request: of_request(request, runtime),
        render=render,
        path=note.path or runtime.context.pattern,
        methods=note.methods,
        written=written,
    )


def of_request(request: Request, runtime: RuntimeContext) -> UserContext:
    """The context of a caller's request; raises BadRequest for a CloudEvent that is none."""
    event = cloudevent.from_request(request) if events.is_event(request) else None
    return UserContext(runtime, http_request=request, cloud_event=event)


def delivered(
    base: Function, one: Input, subscription: apphttp.Subscription | None, runtime: RuntimeContext
) -> Function:
    """The function as an input reaches it: with a subscription a topic's events, else a binding's calls."""
    if subscription is None:
        return _for_binding(base, one, runtime)
    routed = replace(base, path=subscription.route, methods=_POST, trigger="topic")
    if base.signature != "openfunction":
        return replace(routed, prepare=_checked(base, runtime), render=render_signal)
    if subscription.bulk:
        return _for_bulk(routed, one, runtime)

    def prepare(request: Request) -> UserContext:
        apphttp.check_token(request, runtime.sidecar.app_token)
        event = events.topic_event(request, pubsub=one.component, topic=one.topic)
        return UserContext(runtime, topic_event=event, input_name=one.name)

    return replace(routed, prepare=prepare, render=render_topic)


def _for_binding(base: Function, one: Input, runtime: RuntimeContext) -> Function:
    routed = replace(base, path=f"/{one.component}", methods=_POST, trigger="binding")
    if base.signature != "openfunction":
        return replace(routed, prepare=_checked(base, runtime))

    def prepare(request: Request) -> UserContext:
        apphttp.check_token(request, runtime.sidecar.app_token)
        received = events.binding_request(request, one.component)
        return UserContext(runtime, binding_request=received, input_name=one.name)

    return replace(routed, prepare=prepare)


def _checked(base: Function, runtime: RuntimeContext) -> Callable[[Request], Any]:
    """What a function of another signature is called with: what it would be by a caller's request."""
    prepare = base.prepare

    def checked(request: Request) -> Any:  # Any: as the signature says
        apphttp.check_token(request, runtime.sidecar.app_token)
        return request if prepare is None else prepare(request)

    return checked


def _for_bulk(routed: Function, one: Input, runtime: RuntimeContext) -> Function:
    def prepare(request: Request) -> list[Delivery]:
        apphttp.check_token(request, runtime.sidecar.app_token)
        return [_delivery(entry, one, runtime) for entry in _entries(request)]

    call = routed.call

    def each(deliveries: list[Delivery]) -> list[dict[str, str]]:
        return [_status(one, _tried(call, one.context)) for one in deliveries]

    async def aeach(deliveries: list[Delivery]) -> list[dict[str, str]]:
        return [_status(one, await _atried(call, one.context)) for one in deliveries]

    return replace(
        routed, prepare=prepare, call=aeach if routed.is_async else each, render=lambda told: _json({"statuses": told})
    )  # fmt: skip


def _entries(request: Request) -> list[dict[str, Any]]:
    try:
        entries = jsons.loads(request.body)["entries"]
        return [{**entry, "entryId": str(entry["entryId"])} for entry in entries]
    except (jsons.DecodeError, KeyError, TypeError) as error:
        raise errors.BadRequest(
            "A bulk of events is a JSON object with `entries`, each with an `entryId`."
        ) from error


def _delivery(entry: dict[str, Any], one: Input, runtime: RuntimeContext) -> Delivery:
    try:
        event: TopicEvent = events.entry_event(entry, pubsub=one.component, topic=one.topic)
    except signals.Drop as error:
        _log.error("An event of %s was dropped: %s", one.name, error.message)
        return Delivery(entry["entryId"], None)
    return Delivery(entry["entryId"], UserContext(runtime, topic_event=event, input_name=one.name))


def _status(delivery: Delivery, verdict: signals.Verdict) -> dict[str, str]:
    return {"entryId": delivery.entry, "status": verdict}


def _tried(call: Call, context: UserContext | None) -> signals.Verdict:
    """The verdict of one event of a bulk; the others are not to suffer from its error."""
    if context is None:
        return "DROP"
    try:
        return verdict_of(call(context))
    except Exception as error:  # noqa: BLE001  # the boundary of one event
        return _failed(error)


async def _atried(call: Call, context: UserContext | None) -> signals.Verdict:
    if context is None:
        return "DROP"
    try:
        return verdict_of(await call(context))
    except Exception as error:  # noqa: BLE001  # as above
        return _failed(error)


def _failed(error: Exception) -> signals.Verdict:
    if isinstance(error, errors.HttpError):
        return signals.of_status(error.status)
    _log.error("The function raised for one event of a bulk", exc_info=error)
    return "RETRY"


# what the function's outcome means


def _call(written: Callable[..., Any]) -> Call:
    read = data.reader(written)
    if read is None:
        return lambda context: _outcome(context, written(context))
    return lambda context: _outcome(context, written(context, read(context)))


def _acall(written: Callable[..., Awaitable[Any]]) -> Call:
    read = data.reader(written)

    async def call(context: UserContext) -> FunctionOut:
        result = written(context) if read is None else written(context, read(context))
        return _outcome(context, await result)

    return call


def _outcome(context: UserContext, result: object) -> FunctionOut:
    """The outcome: what it returned, else what stands in `context.out`."""
    if isinstance(result, FunctionOut):
        return result
    if result is not None:
        context.out.data = result
    return context.out


def render(out: FunctionOut) -> Reply:
    """The answer to a caller, or to a binding."""
    status = _ERROR if out.failed or out.status >= 400 else _SUCCESS
    made = response.answer(_body(out))
    if isinstance(made, Stream):
        return replace(made, lines=made.lines + status)
    return made[0], made[1] + status, made[2]


def _body(out: FunctionOut) -> object:
    """What `response.answer` knows: the data as it is where nothing else was said."""
    if out.failed and out.data is None:
        return b"", out.status, out.metadata
    if out.data is None:
        return response.Response(b"", out.status, out.metadata) if out.code or out.metadata else None
    return (out.data, out.status, out.metadata) if out.code or out.metadata or out.failed else out.data


def verdict_of(out: FunctionOut) -> signals.Verdict:
    """What an outcome says of an event: again when `retry` says so, dropped for an error, else as the result says."""
    if out.retry:
        return "RETRY"
    if out.failed:
        return "DROP"
    return signals.verdict_of(out.data) or "SUCCESS"


def render_topic(out: FunctionOut) -> Answer:
    """The answer to a delivery."""
    if out.data is None and out.error is None and not out.metadata:
        return _TAKEN
    if out.failed:
        _log.error("The function refused an event: %s", out.error)
    verdict = verdict_of(out)
    status, lines, body = _json({"status": verdict})
    return status, lines + (_SUCCESS if verdict == "SUCCESS" else _ERROR), body


def render_signal(result: object) -> Answer:
    """The answer to a delivery of a function that knows no context: its result is a signal, or of no interest."""
    return _json({"status": signals.verdict_of(result) or "SUCCESS"})


def _json(document: object) -> Answer:
    return 200, response.JSON_TYPE, jsons.dumps(document)


# what the function is


def _is_async(written: Callable[..., Any]) -> bool:
    call = getattr(written, "__call__", None)  # noqa: B004  # an object whose __call__ is async
    return inspect.iscoroutinefunction(written) or inspect.iscoroutinefunction(call)
