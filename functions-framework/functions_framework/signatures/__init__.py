"""One module per signature: each makes a served Function of a user's callable.

A module here is imported when a function of its signature is loaded, so nobody pays for the others.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from functions_framework import exits
from functions_framework.function import Function
from functions_framework.registry import Note, Signature
from functions_framework.signatures import frameworks

_MODULES: dict[Signature, str] = {
    "http": "plain",
    "cloudevent": "events",
    "event": "background",
    "openfunction": "context",
    "typed": "typed",
    "websocket": "websocket",
}


class Adapter(Protocol):
    """What each module here has."""

    def adapt(self, name: str, written: Callable[..., Any], note: Note) -> Function:
        """Make the Function; raises StartError when this callable cannot have this signature."""


def adapt(name: str, written: Callable[..., Any], note: Note) -> Function:
    """The served form of a user's callable; raises StartError."""
    kind = _module(written, note)
    function = cast("Adapter", import_module(f"{__name__}.{kind}")).adapt(name, written, note)
    if kind == "flask_style":  # Flask calls its error handlers itself
        return function
    if kind in _IN_CONTEXT and not function.makes_generator and frameworks.uses_flask(written):
        flask_style = cast("Any", import_module(f"{__name__}.flask_style"))
        return cast("Function", flask_style.in_context(function, written))
    return handled(function, written)


_IN_CONTEXT = frozenset({"events", "background", "typed"})  # what Flask calls besides HTTP functions


def handled(function: Function, written: Callable[..., Any]) -> Function:
    """The function with the user's `@errorhandler`s around it, where there are any."""
    module = sys.modules.get("functions_framework.errorhandlers")
    handlers = module.handlers_of(written) if module is not None else {}
    if not handlers:
        return function
    call = cast("Any", module).around(function.call, handlers, is_async=function.is_async)
    return dataclasses.replace(function, call=call)


def _module(written: Callable[..., Any], note: Note) -> str:
    """The module here that serves a callable."""
    if note.signature != "http":
        return _MODULES[note.signature]
    if other := frameworks.module_of(written, note):
        return other
    signature = _annotated(written, note)
    return "flask_style" if signature == "http" and frameworks.uses_flask(written) else _MODULES[signature]


def _annotated(written: Callable[..., Any], note: Note) -> Signature:
    """What the annotations of an HTTP function make of it."""
    if not note.path and not _has_hints(written):
        return "http"
    from functions_framework.signatures import parameters  # noqa: PLC0415  # most functions have no annotation

    return parameters.signature_of(parameters.describe(written, note.path))


def _has_hints(written: Callable[..., Any]) -> bool:
    return any(
        name != "return"
        for each in (inspect.unwrap(written), getattr(written, "__call__", None))  # noqa: B004  # an object's own
        for name in getattr(each, "__annotations__", None) or ()
    )


def check_arity(name: str, written: Callable[..., Any], given: Sequence[str]) -> None:
    """Refuse a function that cannot be called with these positional arguments.

    Args:
        name: what the function is called.
        written: the callable.
        given: what it is given, in words: `("the request",)`.

    Raises:
        StartError: ArityMismatch with what it takes and what it should take.
    """
    try:
        known = inspect.signature(written)
    except (TypeError, ValueError):  # some that are written in C do not tell
        return
    try:
        known.bind(*given)
    except TypeError as error:
        takes = len(known.parameters)
        raise exits.StartError(
            "ArityMismatch",
            f"{name} takes {takes} argument{'' if takes == 1 else 's'} {known}; "
            f"it is given {' and '.join(given)}: write `def {name}({', '.join(each.split()[-1] for each in given)}):`",
        ) from error


def is_async(call: Callable[..., Any]) -> bool:
    """True when calling it gives a coroutine."""
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004  # an object whose __call__ is async


def is_generator(call: Callable[..., Any] | None) -> bool:
    """True when calling it only makes a generator or async generator, and runs none of its code."""
    return any(
        inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each)
        for each in (call, getattr(call, "__call__", None))  # noqa: B004  # an object whose __call__ yields
    )
