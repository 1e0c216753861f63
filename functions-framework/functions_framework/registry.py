"""The decorators of a user's module: they note on the function what it accepts.

They wrap nothing and keep no table; the loader reads the note.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

Signature = Literal["http", "cloudevent"]
SIGNATURES: tuple[Signature, ...] = ("http", "cloudevent")
_NOTE = "__functions_framework_signature__"
_Function = TypeVar("_Function", bound=Callable[..., Any])  # Any: a user's function returns what it likes


def http(function: _Function) -> _Function:
    """Declare a function of one `Request`; its result becomes the answer."""
    setattr(function, _NOTE, "http")
    return function


def cloud_event(function: _Function) -> _Function:
    """Declare a function of one `CloudEvent`, received over HTTP in binary or structured mode."""
    setattr(function, _NOTE, "cloudevent")
    return function


def declared(function: object) -> Signature | None:
    """What the decorator noted, or None for a plain function."""
    return cast("Signature | None", getattr(function, _NOTE, None))
