"""One module per signature: each makes a served Function of a user's callable.

A module here is imported when a function of its signature is loaded, so nobody pays for the others.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol, cast

from functions_framework.function import Function
from functions_framework.registry import Note, Signature

_MODULES: dict[Signature, str] = {
    "http": "plain",
    "cloudevent": "events",
}


class Adapter(Protocol):
    """What each module here has."""

    def adapt(self, name: str, written: Callable[..., Any], note: Note) -> Function:
        """Make the Function; raises StartError when this callable cannot have this signature."""


def adapt(name: str, written: Callable[..., Any], note: Note) -> Function:
    """The served form of a user's callable; raises StartError."""
    module = import_module(f"{__name__}.{_MODULES[note.signature]}")
    return cast("Adapter", module).adapt(name, written, note)


def is_async(call: Callable[..., Any]) -> bool:
    """True when calling it gives a coroutine."""
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004  # an object whose __call__ is async


def is_generator(call: Callable[..., Any] | None) -> bool:
    """True when calling it only makes a generator or async generator, and runs none of its code."""
    return any(
        inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each)
        for each in (call, getattr(call, "__call__", None))  # noqa: B004  # an object whose __call__ yields
    )
