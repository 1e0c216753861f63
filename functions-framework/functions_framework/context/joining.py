"""Joins a program with its context: which function Dapr calls, on which routes, and when it is ready.

It starts nothing; what it returns says what to start.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from functions_framework import exits, jsons, registry, response
from functions_framework.context import document, serving
from functions_framework.context.document import Context, Input
from functions_framework.context.runtime_context import RuntimeContext
from functions_framework.dapr import apphttp, settings
from functions_framework.dapr.apphttp import Subscription
from functions_framework.errors import HttpError
from functions_framework.function import Function
from functions_framework.program import Endpoint, Program
from functions_framework.registry import Note
from functions_framework.request import Request
from functions_framework.response import Answer

_WANTED: Answer = (200, b"", b"")


@cache
def shared() -> RuntimeContext:
    """The process's own runtime: one client of the sidecar for everything in it; raises InvalidContext."""
    return RuntimeContext(document.from_environ(os.environ))


def program(made: Program, environ: Mapping[str, str], *, runtime: RuntimeContext | None = None) -> Program:
    """The program with what its context adds.

    Args:
        made: what the user's file holds.
        environ: where FUNC_CONTEXT stands.
        runtime: the runtime of a test; else the process's own.

    Raises:
        StartError: InvalidContext; NothingToServe when nothing could ever call the function; InvalidSetting when
            several functions could be an input's; OptionalMissing when APP_PROTOCOL is grpc without the extra `dapr`.
    """
    runtime = runtime or _runtime(environ)
    context = runtime.context
    if not context.http and not context.inputs:
        raise exits.StartError(
            "NothingToServe",
            "the context has neither an HTTP trigger nor inputs, so nothing would ever call the function; "
            "add `triggers.http` or `triggers.dapr` to the manifest",
        )
    functions = tuple(_taking_context(one, runtime) for one in made.functions)
    inputs = tuple(context.inputs.values())
    subscriptions = {
        one.name: _subscription(number, one) for number, one in enumerate(inputs) if one.is_topic
    }
    delivered = [
        serving.delivered(_target(one, functions), one, subscriptions.get(one.name), runtime)
        for one in inputs
    ]
    wanted = [_wanted(one) for one in inputs if not one.is_topic]
    joined = replace(
        made,
        functions=(*(functions if context.http else ()), *delivered, *wanted),
        endpoints={**made.endpoints, **_endpoints(tuple(subscriptions.values()), runtime)},
    )
    return _over_grpc(_alive(joined, runtime), tuple(subscriptions.values()), runtime)


def _runtime(environ: Mapping[str, str]) -> RuntimeContext:
    if environ is os.environ:
        return shared()
    return RuntimeContext(document.from_environ(environ), environ=environ)


def _taking_context(function: Function, runtime: RuntimeContext) -> Function:
    """The function bound to this runtime, when it is called with a context."""
    written = function.written
    if written is None or not _takes_context(function, runtime.context):
        return function
    note = registry.note_of(written) or Note("openfunction", path=function.path, methods=function.methods)
    return serving.function(function.name, written, note, runtime=runtime)


def _takes_context(function: Function, context: Context) -> bool:
    """By its signature; undecorated because what only Dapr calls can take nothing else."""
    if function.signature == "openfunction":
        return True
    undecorated = function.written is not None and registry.note_of(function.written) is None
    return undecorated and function.signature == "http" and not context.http


def _target(one: Input, functions: Sequence[Function]) -> Function:
    """The function that an input is for: the one that names it, else the only one that takes contexts, or any."""
    naming = [function for function in functions if one.name in _inputs_of(function)]
    free = [function for function in functions if not _inputs_of(function)]
    taking = [function for function in free if function.signature == "openfunction"]
    for candidates in (naming, taking, free):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            break
    raise exits.StartError(
        "InvalidSetting",
        f"{len(functions)} functions could be for the input {one.name!r}; name one with FUNCTION_TARGET, "
        f"or write @functions_framework.openfunction(inputs=[{one.name!r}]) above it",
    )


def _inputs_of(function: Function) -> Sequence[str]:
    note = registry.note_of(function.written) if function.written is not None else None
    named: Sequence[str] = note.options.get("inputs", ()) if note is not None else ()
    return named


def _subscription(number: int, one: Input) -> Subscription:
    return Subscription(one.component, one.topic, apphttp.route("topics", number, one.name), one.metadata)


def _wanted(one: Input) -> Function:
    """Dapr asks with OPTIONS whether an input binding is wanted; without this the user's function would answer."""
    return Function(
        name=f"{one.name} wanted",
        call=lambda _: _WANTED,
        render=lambda answer: answer,
        signature="http",
        is_async=False,
        inline=True,
        path=f"/{one.component}",
        methods=frozenset({"OPTIONS"}),
    )


def _endpoints(subscriptions: Sequence[Subscription], runtime: RuntimeContext) -> dict[bytes, Endpoint]:
    """What the sidecar asks at its start; a user's function never sees it."""
    return {
        apphttp.SUBSCRIBE: _told(apphttp.documents(subscriptions), runtime),
        apphttp.CONFIG: _told({"entities": []}, runtime),
    }


def _told(document_: object, runtime: RuntimeContext) -> Endpoint:
    answer: Answer = (200, response.JSON_TYPE, jsons.dumps(document_))

    def endpoint(request: Request) -> Answer:
        try:
            apphttp.check_token(request, runtime.sidecar.app_token)
        except HttpError as error:
            return response.plain(error.status, error.message)
        return answer

    return endpoint


def _alive(joined: Program, runtime: RuntimeContext) -> Program:
    """The program that watches its sidecar and closes what it opened."""
    stops = (*joined.stops, runtime.aclose)
    if not runtime.context.needs_dapr or not runtime.has_sidecar:
        return replace(joined, stops=stops)
    return replace(
        joined,
        starts=(*joined.starts, runtime.start),
        stops=(runtime.stop, *stops),
        checks=(*joined.checks, runtime.reason),
    )


def _over_grpc(joined: Program, subscriptions: Sequence[Subscription], runtime: RuntimeContext) -> Program:
    """The program that the sidecar also reaches over gRPC, on the same port."""
    # Read here and not kept: an instance is told its ports after it was forked from what is loaded now.
    told = settings.from_environ(runtime.environ)
    if told.app_protocol != "grpc" or not runtime.context.needs_dapr:
        return joined
    try:
        from functions_framework.dapr import appgrpc  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise exits.StartError(
            "OptionalMissing",
            "APP_PROTOCOL is grpc, which needs Dapr's SDK; add openfunction-functions-framework[dapr] to "
            "requirements.txt, or set APP_PROTOCOL=http and the annotation dapr.io/app-protocol to match",
        ) from error
    bindings = [one.component for one in runtime.inputs.values() if not one.is_topic]
    app = appgrpc.App(subscriptions, bindings, token=lambda: runtime.sidecar.app_token)
    return replace(
        joined, starts=(*joined.starts, app.start), stops=(app.stop, *joined.stops), second=app.protocol
    )
