"""`@errorhandler`: functions of the user's that answer in the place of an error, as Flask's do.

A handler is noted on itself; what serves a function looks in the function's module for handlers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

from functions_framework import errors

_NOTE = "__functions_framework_handles__"
_Handler = TypeVar("_Handler", bound=Callable[..., Any])  # Any: a handler returns what a function may
Key = type[Exception] | int
Handlers = dict[Key, Callable[[Exception], Any]]


def errorhandler(handled: Key) -> Callable[[_Handler], _Handler]:
    """Answer errors of this class, or of this HTTP status, with what the handler returns; it is given the error.

    The nearest class of the error's ancestry wins; a handler of 500 takes what no other does.
    """

    def note(handler: _Handler) -> _Handler:
        setattr(handler, _NOTE, (*getattr(handler, _NOTE, ()), handled))
        return handler

    return note


def handlers_of(written: Callable[..., Any]) -> Handlers:
    """The handlers in the module of a function."""
    module = sys.modules.get(getattr(written, "__module__", ""))
    found: Handlers = {}
    for value in list(vars(module).values()) if module else []:
        if type(value) is FunctionType:  # not isinstance: a proxy of Flask's would look for its request
            found.update(dict.fromkeys(getattr(value, _NOTE, ()), value))
    return found


def around(written: Callable[..., Any], handlers: Handlers, *, is_async: bool) -> Callable[[Any], Any]:
    """The function with its errors handled."""
    if is_async:

        async def call_async(argument: Any) -> Any:
            try:
                return await written(argument)
            except Exception as error:
                handler = _handler(handlers, error)
                if handler is None:
                    raise
                result = handler(error)
                return await result if hasattr(result, "__await__") else result

        return call_async

    def call(argument: Any) -> Any:
        try:
            return written(argument)
        except Exception as error:
            handler = _handler(handlers, error)
            if handler is None:
                raise
            return handler(error)

    return call


def _handler(handlers: Handlers, error: Exception) -> Callable[[Exception], Any] | None:
    status = error.status if isinstance(error, errors.HttpError) else 500
    by_class = (handlers[kind] for kind in type(error).__mro__ if kind in handlers and kind is not Exception)
    return next(by_class, None) or handlers.get(status) or handlers.get(Exception)
