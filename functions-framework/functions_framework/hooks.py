"""Hooks: functions of the user that run before or after each call, and the order in which they run.

The decorators only note; around.py runs what `arrange` puts in order.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast, overload

from functions_framework import errors, exits, signatures

Stage = Literal["pre", "post"]
_NOTE = "__functions_framework_hooks__"
_Hook = TypeVar("_Hook", bound=Callable[..., Any])  # Any: a hook returns nothing or an answer


@dataclass(frozen=True, slots=True)
class HookNote:
    """What a decorator says of a hook: when, for which functions (every one when empty), in which place."""

    stage: Stage
    functions: frozenset[str] = frozenset()
    order: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Hook:
    """One step around a call.

    Attributes:
        name: how logs, metrics and FUNC_CONTEXT call it.
        stage: before the function or after it.
        call: takes the Invocation; what it returns, unless None, is answered.
        is_async: calling it gives a coroutine.
        functions: the names of the functions it is for; every function when empty.
    """

    name: str
    stage: Stage
    call: Callable[[Any], Any]  # Any: an Invocation in, nothing or an answer out
    is_async: bool = False
    functions: frozenset[str] = frozenset()

    def is_for(self, function: str) -> bool:
        """Whether it runs around this function."""
        return not self.functions or function in self.functions


class HookError(errors.HttpError):
    """A hook failed, so the call did; the cause is what it raised."""

    def __init__(self, hook: str, stage: Stage) -> None:
        super().__init__(500, f"The {stage} hook {hook!r} failed.")
        self.hook = hook
        self.stage = stage

    @property
    def lines(self) -> bytes:
        """Says in the answer's head which hook it was."""
        shown = self.hook.encode("ascii", "replace").decode()
        return f"x-openfunction-status: crash\r\nx-openfunction-hook: {shown}\r\n".encode()


@overload
def before(hook: _Hook, /) -> _Hook: ...
@overload
def before(
    *, functions: str | Iterable[str] = (), order: int = 0, name: str = ""
) -> Callable[[_Hook], _Hook]: ...
def before(
    hook: _Hook | None = None, /, *, functions: str | Iterable[str] = (), order: int = 0, name: str = ""
) -> _Hook | Callable[[_Hook], _Hook]:
    """Declare a hook that runs before each call and takes the `Invocation`.

    It lets the call pass by returning None; it rejects it by raising `HttpError`, or by returning what is
    answered in the function's place.

    Args:
        hook: what is declared, when no other argument is given.
        functions: the names of the functions it is for; every function of the file when empty.
        order: hooks of a smaller order run first; those of the same order as they stand in the file.
        name: what it is called, when not by its Python name.
    """
    note = HookNote("pre", _names(functions), order, name)
    return functools.partial(_noted, note) if hook is None else _noted(note, hook)


@overload
def after(hook: _Hook, /) -> _Hook: ...
@overload
def after(
    *, functions: str | Iterable[str] = (), order: int = 0, name: str = ""
) -> Callable[[_Hook], _Hook]: ...
def after(
    hook: _Hook | None = None, /, *, functions: str | Iterable[str] = (), order: int = 0, name: str = ""
) -> _Hook | Callable[[_Hook], _Hook]:
    """Declare a hook that runs after each call, also after one that failed or was rejected.

    It finds `result` or `error` in the `Invocation`; what it returns, unless None, is answered instead.
    The arguments are those of `before`.
    """
    note = HookNote("post", _names(functions), order, name)
    return functools.partial(_noted, note) if hook is None else _noted(note, hook)


def _names(functions: str | Iterable[str]) -> frozenset[str]:
    return frozenset({functions} if isinstance(functions, str) else functions)


def _noted(note: HookNote, hook: _Hook) -> _Hook:
    setattr(hook, _NOTE, (*notes_of(hook), note))
    return hook


def notes_of(value: object) -> tuple[HookNote, ...]:
    """What decorators noted; one callable may be a hook before and after."""
    # As for functions: flask's `request` may be among a module's values, and has no attribute outside a request.
    return cast("tuple[HookNote, ...]", inspect.getattr_static(value, _NOTE, ()))


def declared(values: Iterable[object]) -> dict[Stage, list[Hook]]:
    """The hooks among the values of a module, in their order."""
    found: dict[Stage, list[tuple[int, Hook]]] = {"pre": [], "post": []}
    noted = {id(value): value for value in values if callable(value)}  # a name may be bound twice
    for value in noted.values():
        for note in notes_of(value):
            found[note.stage].append((note.order, _made(value, note)))
    return {
        stage: [hook for _, hook in sorted(hooks, key=lambda pair: pair[0])] for stage, hooks in found.items()
    }


def _made(value: Callable[..., Any], note: HookNote) -> Hook:
    name = note.name or getattr(value, "__name__", type(value).__name__)
    signatures.check_arity(name, value, ("the call",))
    return Hook(name, note.stage, value, inspect.iscoroutinefunction(value), note.functions)


def arrange(
    named: Sequence[str], known: Mapping[str, Hook], own: Sequence[Hook], *, stage: Stage
) -> tuple[Hook, ...]:
    """The hooks of one stage: those that the context names are outermost, the file's own are innermost.

    Args:
        named: names of the context, in its order.
        known: every hook and plugin that a name can mean.
        own: the hooks that the user's file declares.
        stage: before or after.

    Raises:
        StartError: InvalidContext for a name that means nothing.
    """
    for name in named:
        if name not in known:
            raise exits.StartError("InvalidContext", _unknown(name, known, stage))
    outer = tuple(known[name] for name in named)
    inner = tuple(hook for hook in own if hook.name not in named)
    return outer + inner if stage == "pre" else inner + outer


def _unknown(name: str, known: Iterable[str], stage: Stage) -> str:
    have = ", ".join(sorted(known)) or "none"
    return (
        f"the context names the {stage} hook {name!r}, which is neither a hook of the function's file, a class "
        f"in its plugins folder, nor built in; known are: {have}"
    )
