"""`functions_framework.aio`: asynchronous functions with Starlette's request, as Google's framework declares them."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from functions_framework import exits, registry
from functions_framework.registry import Note

if TYPE_CHECKING:
    from functions_framework.apps import AsgiApp, LazyASGIApp

    app: LazyASGIApp

__all__ = ["LazyASGIApp", "app", "cloud_event", "create_asgi_app", "http"]

_Function = TypeVar("_Function", bound=Callable[..., Any])  # Any: a user's function returns what it likes


def http(function: _Function) -> _Function:
    """Declare a function of a Starlette request; it may return a Starlette response, or what any function may.

    Raises:
        StartError: OptionalMissing when Starlette is not installed.
    """
    _require_starlette()
    return registry.noted(function, Note("http", options={"module": "starlette_style"}))


def cloud_event(function: _Function) -> _Function:
    """Declare a function of one CloudEvent."""
    return registry.noted(function, Note("cloudevent", options={"asgi": True}))


def create_asgi_app(
    target: str | None = None, source: str | os.PathLike[str] | None = None, signature_type: str | None = None
) -> AsgiApp:
    """An ASGI application of a function, for tests and for other servers; the arguments are those of `create_app`."""
    from functions_framework import apps  # noqa: PLC0415  # what serves a function never needs it

    return apps.create_asgi_app(target, source, signature_type)


def __getattr__(name: str) -> Any:
    if name not in {"LazyASGIApp", "app"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from functions_framework import apps  # noqa: PLC0415  # as above

    return apps.LazyASGIApp if name == "LazyASGIApp" else apps.LazyASGIApp()


def _require_starlette() -> None:
    if find_spec("starlette") is None:
        raise exits.StartError(
            "OptionalMissing",
            "functions_framework.aio needs Starlette; add openfunction-functions-framework[google] "
            "to requirements.txt",
        )
