"""Decides what goes around each function of a program: hooks, plugins, tracing, metrics, log fields.

It reads FUNC_CONTEXT, the environment and the user's decorators once, at load; a function that has nothing around
it is left as it is, and what nobody asks for is not imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from functions_framework import exits, routing
from functions_framework.function import Function
from functions_framework.program import Program
from functions_framework.record import dataclass

if TYPE_CHECKING:
    from functions_framework.calls.around import Plan
    from functions_framework.context.document import Context
    from functions_framework.hooks import Hook, Stage
    from functions_framework.metrics import Metrics
    from functions_framework.tracing import Tracer

_CONTEXTS = ("FUNC_CONTEXT", "FUNC_CONTEXT_V1BETA2")
_TRACED = ("OTEL_", "SW_AGENT_")
_PROVIDERS = frozenset({"skywalking", "opentelemetry"})  # a controller lists an enabled one among the hooks


@dataclass(frozen=True, slots=True)
class Source:
    """The user's file: its values by name, and the folder that it is in."""

    values: Mapping[str, Any]  # Any: whatever the module holds
    folder: str | PathLike[str]


@dataclass(frozen=True, slots=True)
class _Means:
    """What a program's functions have around them, as far as it is the same for all."""

    pre: tuple[str, ...]
    post: tuple[str, ...]
    classes: Mapping[str, type[Any]]  # Any: the user's plugin classes
    tracer: Tracer | None
    metrics: Metrics | None
    fields: bool  # log records name their call


def instrumented(program: Program, source: Source, environ: Mapping[str, str]) -> Program:
    """The program with everything around its functions that context, environment and decorators ask for.

    Raises:
        StartError: InvalidContext for a name that means no hook and for tracing that cannot be, InvalidSetting for a
            variable, ImportFailed for a plugin's file, OptionalMissing for an extra that is not installed.
    """
    means = _means(program, source, environ)
    surrounded = tuple(_surrounded(function, source, means) for function in program.functions)
    starts, stops = program.starts, program.stops
    if means.tracer is not None:
        starts, stops = (means.tracer.start, *starts), (*stops, means.tracer.stop)
    endpoints = dict(program.endpoints)
    if means.metrics is not None:
        starts = (*starts, means.metrics.ready)
        endpoints |= dict.fromkeys(_free(program), means.metrics.answer)
    return replace(program, functions=surrounded, starts=starts, stops=stops, endpoints=endpoints)


def _means(program: Program, source: Source, environ: Mapping[str, str]) -> _Means:
    context = _context(environ)
    pre: tuple[str, ...] = ()
    post: tuple[str, ...] = ()
    only_own = _only_own(environ)
    if context is not None and not only_own:
        pre, post = _hooks_of(context.hooks.pre), _hooks_of(context.hooks.post)
    return _Means(
        pre=pre,
        post=post,
        classes=_classes(source.folder) if pre or post else {},
        tracer=_tracer(context, environ, program.functions[0].name),
        metrics=_metrics(environ),
        fields=_fields(environ),
    )


def _context(environ: Mapping[str, str]) -> Context | None:
    if not any(environ.get(name) for name in _CONTEXTS):
        return None
    from functions_framework.context import document  # noqa: PLC0415  # loaded where there is a context

    return document.from_environ(environ)


def _hooks_of(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name.lower() not in _PROVIDERS)


def _only_own(environ: Mapping[str, str]) -> bool:
    """Whether the file's own hooks replace those of the context, as the policy Override says."""
    policy = environ.get("OFN_HOOKS_POLICY", "").lower() or "append"
    if policy not in {"append", "override"}:
        raise exits.StartError(
            "InvalidSetting", f"the variable OFN_HOOKS_POLICY is {policy!r}; set Append or Override"
        )
    return policy == "override"


def _classes(folder: str | PathLike[str]) -> Mapping[str, type[Any]]:
    from pathlib import Path  # noqa: PLC0415  # as below

    from functions_framework import plugins  # noqa: PLC0415  # loaded where a context names hooks

    return plugins.discover(Path(folder))


def _tracer(context: Context | None, environ: Mapping[str, str], name: str) -> Tracer | None:
    asked = context is not None and context.tracing is not None
    if not asked and not any(variable.startswith(_TRACED) for variable in environ):
        return None
    from functions_framework import tracing  # noqa: PLC0415  # loaded where it is asked for

    return tracing.tracer(context, environ, name=name)


def _metrics(environ: Mapping[str, str]) -> Metrics | None:
    text = environ.get("OFN_METRICS", "").lower() or "counts"
    if text not in {"on", "off", "counts"}:
        raise exits.StartError(
            "InvalidSetting",
            f"the variable OFN_METRICS is {text!r}; set counts, on (durations too) or off",
        )
    if text == "off":
        return None
    from functions_framework import metrics  # noqa: PLC0415  # not for who switches it off

    return metrics.Metrics(timed=text == "on")


def _fields(environ: Mapping[str, str]) -> bool:
    if not environ.get("OFN_LOG_FORMAT"):
        return False
    from functions_framework import logs  # noqa: PLC0415  # loaded where it is asked for

    if not logs.wanted(environ):
        return False
    logs.install(environ)
    return True


def _surrounded(function: Function, source: Source, means: _Means) -> Function:
    if function.written is None:
        return function  # the framework's own, such as an answer to the sidecar
    if function.signature == "websocket":
        return _unhooked(function, source, means)
    plan = _plan(function, source, means)
    if plan is not None:
        from functions_framework.calls import around  # noqa: PLC0415  # loaded where something is put around

        return around.around(function, plan)
    return function if means.metrics is None else means.metrics.counted(function)


def _unhooked(function: Function, source: Source, means: _Means) -> Function:
    """A conversation is no call with an answer: nothing goes around it, and a hook must not be left out in silence."""
    pre, post, _ = _hooks(function, source, means)
    if pre or post:
        names = ", ".join(dict.fromkeys(hook.name for hook in (*pre, *post)))
        raise exits.StartError(
            "InvalidFunction",
            f"{function.name} answers WebSockets, around which no hook runs, but {names} would; say which functions "
            "a hook is for with functions=",
        )
    return function


def _plan(function: Function, source: Source, means: _Means) -> Plan | None:
    """What only an Invocation can serve; None where counting, or nothing, is all."""
    pre, post, makers = _hooks(function, source, means)
    if not (pre or post or means.tracer is not None or means.fields):
        return None
    from functions_framework.calls.around import Plan  # noqa: PLC0415  # as above

    observers = tuple(one for one in (means.metrics, means.tracer) if one is not None)
    return Plan(pre, post, makers, observers, means.metrics)


def _hooks(
    function: Function, source: Source, means: _Means
) -> tuple[tuple[Hook, ...], tuple[Hook, ...], Mapping[str, Callable[[], Any]]]:
    named = means.pre or means.post
    if not named and "functions_framework.hooks" not in sys.modules:
        return (), (), {}  # a file that declares a hook has imported the decorators
    from functions_framework import hooks, plugins  # noqa: PLC0415  # loaded where a hook may be

    every = hooks.declared(source.values.values())
    own = {stage: [hook for hook in each if hook.is_for(function.name)] for stage, each in every.items()}

    def arranged(names: tuple[str, ...], stage: Stage) -> tuple[Hook, ...]:
        known = plugins.known(means.classes, stage=stage) | {hook.name: hook for hook in every[stage]}
        found = hooks.arrange(names, known, own[stage], stage=stage)
        return tuple(hook for hook in found if hook.is_for(function.name))

    makers = plugins.makers((*means.pre, *means.post), means.classes)
    return arranged(means.pre, "pre"), arranged(means.post, "post"), makers


def _free(program: Program) -> Iterable[bytes]:
    """The metrics' paths that no function has as its own; one that answers every path does not have them."""
    from functions_framework import metrics  # noqa: PLC0415  # only with metrics

    taken = [routing.compiled(function.path) for function in program.functions if function.path]
    return [
        path
        for path in metrics.PATHS
        if path not in program.endpoints and not any(one.fullmatch(path.decode()) for one in taken)
    ]
