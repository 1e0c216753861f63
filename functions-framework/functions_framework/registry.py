"""The decorators of a user's module: they note on the function what it accepts and how it is reached.

They wrap nothing and keep no table; the loader reads the notes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType, MethodType
from typing import Any, Literal, TypeVar, cast, overload

from functions_framework.record import dataclass

Signature = Literal["http", "cloudevent", "event", "openfunction", "typed", "websocket"]
SIGNATURES: tuple[Signature, ...] = ("http", "cloudevent", "event", "openfunction", "typed", "websocket")
_NOTE = "__functions_framework__"
_Function = TypeVar("_Function", bound=Callable[..., Any])  # Any: a user's function returns what it likes


@dataclass(frozen=True, slots=True)
class Note:
    """What a decorator says of a function; `path` and `methods` are empty where every one is answered."""

    signature: Signature
    name: str = ""
    path: str = ""
    methods: frozenset[str] = frozenset()
    inline: bool = False  # a `def` that never blocks runs on the loop, without a thread
    concurrency: int = 0  # calls at the same time; 0: as many as come
    options: Mapping[str, Any] = MappingProxyType({})  # Any: what one signature alone reads


@overload
def http(function: _Function, /) -> _Function: ...
@overload
def http(
    *,
    path: str = "",
    methods: Iterable[str] = (),
    name: str = "",
    inline: bool = False,
    concurrency: int = 0,
) -> Callable[[_Function], _Function]: ...
def http(
    function: _Function | None = None,
    /,
    *,
    path: str = "",
    methods: Iterable[str] = (),
    name: str = "",
    inline: bool = False,
    concurrency: int = 0,
) -> _Function | Callable[[_Function], _Function]:
    """Declare a function of one `Request`; its result becomes the answer.

    Args:
        function: what is declared, when no other argument is given.
        path: the paths it answers, such as `/hello/{name}` or `/item/{id:[0-9]+}`; every path when empty.
        methods: the methods it answers; every method when empty.
        name: what it is called, when not by its Python name.
        inline: a `def` that never blocks; it runs on the loop, without a thread.
        concurrency: how many calls run at the same time; 0 for as many as come.
    """
    note = Note("http", name, path, _methods(methods), inline, concurrency)
    return _noting(note) if function is None else noted(function, note)


@overload
def cloud_event(function: _Function, /) -> _Function: ...
@overload
def cloud_event(
    *, path: str = "", name: str = "", inline: bool = False, concurrency: int = 0
) -> Callable[[_Function], _Function]: ...
def cloud_event(
    function: _Function | None = None,
    /,
    *,
    path: str = "",
    name: str = "",
    inline: bool = False,
    concurrency: int = 0,
) -> _Function | Callable[[_Function], _Function]:
    """Declare a function of one `CloudEvent`, received over HTTP; the arguments are those of `http`."""
    note = Note("cloudevent", name, path, frozenset({"POST"}) if path else frozenset(), inline, concurrency)
    return _noting(note) if function is None else noted(function, note)


@overload
def typed(
    model: type[Any] | None = None,
    /,
    *,
    path: str = "",
    methods: Iterable[str] = (),
    name: str = "",
    inline: bool = False,
    concurrency: int = 0,
) -> Callable[[_Function], _Function]: ...
@overload
def typed(function: _Function, /) -> _Function: ...
def typed(
    function: Any = None,  # Any: the function, or the type of its parameter, which a checker takes for callable too
    /,
    *,
    path: str = "",
    methods: Iterable[str] = (),
    name: str = "",
    inline: bool = False,
    concurrency: int = 0,
) -> Any:  # Any: as above
    """Declare a function whose parameters are filled in by their annotations, and whose result is sent as JSON.

    Args:
        function: what is declared, or the type of its first parameter: a dataclass, TypedDict, pydantic model, or
            a class with `from_dict`. A result with `to_dict` is sent as that dict.
        path: as for `http`, and so are the others.
        methods: the methods it answers; every method when empty.
        name: what it is called, when not by its Python name.
        inline: a `def` that never blocks; it runs on the loop, without a thread.
        concurrency: how many calls run at the same time; 0 for as many as come.
    """
    options = {"input": function} if inspect.isclass(function) else {}
    note = Note("typed", name, path, _methods(methods), inline, concurrency, options)
    return _noting(note) if function is None or options else noted(function, note)


@overload
def openfunction(function: _Function, /) -> _Function: ...
@overload
def openfunction(
    *,
    inputs: Iterable[str] = (),
    path: str = "",
    methods: Iterable[str] = (),
    name: str = "",
    inline: bool = False,
    concurrency: int = 0,
) -> Callable[[_Function], _Function]: ...
def openfunction(  # noqa: PLR0913  # those of `http`, and the inputs
    function: _Function | None = None,
    /,
    *,
    inputs: Iterable[str] = (),
    path: str = "",
    methods: Iterable[str] = (),
    name: str = "",
    inline: bool = False,
    concurrency: int = 0,
) -> _Function | Callable[[_Function], _Function]:
    """Declare a function of one `Context`, or of a context and the data that came, as bytes.

    Args:
        function: what is declared, when no other argument is given.
        inputs: the inputs of FUNC_CONTEXT that are this function's, where a file has several functions.
        path: as for `http`, and so are the others.
        methods: the methods it answers; every method when empty.
        name: what it is called, when not by its Python name.
        inline: a `def` that never blocks; it runs on the loop, without a thread.
        concurrency: how many calls run at the same time; 0 for as many as come.
    """
    options = {"inputs": (inputs,) if isinstance(inputs, str) else tuple(inputs)}
    note = Note("openfunction", name, path, _methods(methods), inline, concurrency, options)
    return _noting(note) if function is None else noted(function, note)


def noted(function: _Function, note: Note) -> _Function:
    """Put a note on a function; raises TypeError for an object that takes none."""
    setattr(function, _NOTE, note)
    return function


def note_of(function: object) -> Note | None:
    """What a decorator noted, or None for a plain function."""
    if isinstance(function, MethodType):
        function = function.__func__
    # A module's names include proxies, such as flask's `request`, whose attributes exist in a request only.
    return cast("Note | None", inspect.getattr_static(function, _NOTE, None))


def _noting(note: Note) -> Callable[[_Function], _Function]:
    return lambda function: noted(function, note)


def _methods(methods: Iterable[str]) -> frozenset[str]:
    return frozenset(method.upper() for method in ((methods,) if isinstance(methods, str) else methods))
