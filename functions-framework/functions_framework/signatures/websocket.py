"""WebSocket functions: an `async def` of one `WebSocket`, and the decorator that declares one."""

from __future__ import annotations

from collections.abc import Callable
from importlib import util
from typing import Any, TypeVar, overload

from functions_framework import exits, registry, signatures
from functions_framework.function import Function
from functions_framework.registry import Note

_Function = TypeVar(
    "_Function", bound=Callable[..., Any]
)  # Any: a conversation returns nothing that is looked at


@overload
def websocket(function: _Function, /) -> _Function: ...
@overload
def websocket(*, path: str = "", name: str = "") -> Callable[[_Function], _Function]: ...
def websocket(
    function: _Function | None = None, /, *, path: str = "", name: str = ""
) -> _Function | Callable[[_Function], _Function]:
    """Declare an `async def` of one `WebSocket`; the arguments are those of `http`."""
    note = Note("websocket", name, path, frozenset({"GET"}) if path else frozenset())
    if function is not None:
        return registry.noted(function, note)
    return lambda written: registry.noted(written, note)


def adapt(name: str, written: Callable[..., Any], note: Note) -> Function:
    """A function of one conversation; raises StartError InvalidFunction or OptionalMissing."""
    if not signatures.is_async(written):
        raise exits.StartError("InvalidFunction", f"{name} takes a WebSocket; make it an `async def`")
    if util.find_spec("wsproto") is None:
        raise exits.StartError(
            "OptionalMissing",
            f"{name} takes a WebSocket; add openfunction-functions-framework[websocket] to requirements.txt",
        )
    return Function(
        name=name,
        call=written,
        signature="websocket",
        is_async=True,
        path=note.path,
        methods=note.methods,
        written=written,
    )
