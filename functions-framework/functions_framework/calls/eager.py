"""Runs a coroutine at once up to its first suspension, as in a Task, and makes that Task only when it is needed.

Most functions finish without suspending, so they cost neither a turn of the loop nor a Task; yet code that looks for
the current Task, as `asyncio.timeout`, task groups and client libraries do, finds one: a spare, waiting for its first
coroutine. A coroutine that suspends becomes the spare's own; one that finishes gives it back, unless it left a trace
on it (a reference, a callback, a cancellation, a context variable), and then the spare ends as its Task.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import weakref
from collections.abc import Callable, Coroutine, Generator
from types import FrameType
from typing import Any, TypeAlias

from functions_framework import errors

_Step: TypeAlias = "tuple[Callable[..., object], contextvars.Context]"
Started: TypeAlias = "tuple[asyncio.Task[Any] | None, Any]"  # Any: what the function returns
# A Task of another implementation registers itself with these (asyncio's documentation, "Extending").
_enter, _leave = asyncio.tasks._enter_task, asyncio.tasks._leave_task  # noqa: SLF001
_register, _unregister = asyncio.tasks._register_task, asyncio.tasks._unregister_task  # noqa: SLF001


_UNKNOWN, _MEASURE = 0, -1
# After so many that suspended only one after so many others is tried at once, and none while others that came before
# it wait for their first step; when it finishes there, all are again.
_OFTEN, _PROBE = 32, 16
FATAL = (SystemExit, KeyboardInterrupt)  # what a Task passes on to its loop, which ends by it


class _Life(Coroutine[Any, Any, Any]):
    """The spare's own coroutine: goes on with a suspended one, or ends as a finished one did."""

    __slots__ = ("coroutine", "error", "first", "result", "suspended")

    def __init__(self) -> None:
        self.coroutine: Coroutine[Any, Any, Any] | None = None
        self.suspended = False
        self.first: Any = None  # Any: what the coroutine yielded, a future or None
        self.result: Any = None
        self.error: BaseException | None = None

    def send(self, value: Any) -> Any:
        """One step: at first it gives what the coroutine has yielded already."""
        if self.suspended:
            self.suspended = False
            first, self.first = self.first, None
            return first
        if self.coroutine is None:
            if self.error is not None:
                raise self.error
            raise StopIteration(self.result)
        try:
            return self.coroutine.send(value)
        except FATAL as error:
            raise exited(error) from error

    def throw(self, *raised: Any) -> Any:
        """A cancellation belongs to the coroutine."""
        self.suspended, self.first = False, None
        if self.coroutine is None:
            raise raised[1] if len(raised) > 1 and raised[1] is not None else raised[0]
        try:
            return self.coroutine.throw(*raised)
        except FATAL as error:
            raise exited(error) from error

    def close(self) -> None:
        """End the coroutine, if there is one."""
        if self.coroutine is not None:
            self.coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        raise TypeError("a spare is stepped by its Task alone")

    @property
    def __name__(self) -> str:
        """What a debugger calls the Task's work."""
        return getattr(self.coroutine, "__qualname__", "spare")

    @property
    def cr_frame(self) -> FrameType | None:
        """Where the coroutine is, for who prints a Task's stack."""
        return getattr(self.coroutine, "cr_frame", None)


async def guarded(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a plain Task runs, so that the function's own exit does not end the loop."""
    try:
        return await coroutine
    except FATAL as error:
        raise exited(error) from error


def exited(error: BaseException) -> errors.FrameworkError:
    """What stands for one of FATAL, which would end the loop, and with it the requests of others."""
    did = (
        f"called sys.exit({error.code!r})"
        if isinstance(error, SystemExit)
        else f"raised {type(error).__name__}"
    )
    made = errors.FrameworkError(f"the function {did}")
    made.__cause__ = error
    return made


class _Spare(asyncio.Task[Any]):
    """A Task that remembers whether anybody has done something to it."""

    __slots__ = ("marked",)

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, "marked", True)
        object.__setattr__(self, name, value)

    def set_name(self, value: object) -> None:
        self.marked = True
        super().set_name(value)

    def cancel(self, msg: Any = None) -> bool:
        self.marked = True
        return super().cancel(msg)

    def add_done_callback(self, *given: Any, **named: Any) -> None:
        self.marked = True
        super().add_done_callback(*given, **named)


class Starter:
    """Starts coroutines on one loop; call it from the loop's thread."""

    __slots__ = (
        "_base",
        "_behind",
        "_context",
        "_life",
        "_loop",
        "_references",
        "_step",
        "_suspended",
        "_task",
        "_untried",
        "_vars",
        "_weak",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._vars = vars(loop)
        self._base = contextvars.copy_context()
        self._task: _Spare | None = None
        self._step: _Step | None = None
        self._suspended = 0  # so many coroutines in a row
        self._untried = 0  # so many since one was tried
        self._behind = False  # some wait for their first step
        self._references = _UNKNOWN  # to the spare when nobody else holds it, counted in _is_unmarked

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> Started:
        """Run to the first suspension: `(None, result)` when it has finished there, else `(task, None)`.

        Raises:
            Exception: what the coroutine raised before its first suspension.
        """
        if self._suspended >= _OFTEN and (self._behind or self._untried < _PROBE):
            self._untried += 1
            return self._later(coroutine), None
        self._untried = 0
        task = self._task or self._spare()
        try:
            _enter(self._loop, task)
        except RuntimeError:  # called within a Task, which a step of another must not interrupt
            return asyncio.Task(guarded(coroutine), loop=self._loop), None
        result = error = None
        try:
            first = self._context.run(coroutine.send, None)
        except StopIteration as stop:
            result = stop.value
        except BaseException as raised:  # noqa: BLE001  # goes on below
            error = exited(raised) if isinstance(raised, FATAL) else raised
        else:
            _leave(self._loop, task)
            self._suspended += 1
            return self._adopt(task, coroutine, first), None
        self._suspended = 0
        _leave(self._loop, task)
        if not self._is_unmarked(task) or not (error is None or isinstance(error, Exception)):
            return self._end(task, result, error), None
        if error is None:
            return None, result
        try:
            raise error
        finally:
            del error, task  # or the traceback would keep them, and itself

    def _later(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A plain Task: a spare for each that suspends costs more than the turn of the loop that it saves."""
        life = _Life()
        life.coroutine = coroutine
        task = asyncio.Task(life, loop=self._loop, context=self._base.copy())
        if not self._behind:
            self._behind = True
            # In the turn in which all of this one have their first step.
            self._loop.call_soon(self._caught_up)
        return task

    def _caught_up(self) -> None:
        self._behind = False

    def close(self) -> None:
        """Forget the spare."""
        self._task = self._step = None

    def _is_unmarked(self, task: _Spare) -> bool:
        """True when nothing of the finished coroutine is left on its Task."""
        if self._references == _MEASURE:
            self._references, self._weak = sys.getrefcount(task), weakref.getweakrefcount(task)
        return (
            sys.getrefcount(task) == self._references
            and not task.marked
            and weakref.getweakrefcount(task) == self._weak
            and self._context == self._base
        )

    def _spare(self) -> _Spare:
        self._make()
        if self._references == _UNKNOWN:
            self._references = _MEASURE  # by a coroutine that surely leaves nothing
            self.start(_nothing())
            if self._references == _MEASURE:
                self._references = _UNKNOWN  # within a Task nothing was measured
        return self._task or self._make()

    def _make(self) -> _Spare:
        self._life = _Life()
        self._context = self._base.copy()
        # A new Task schedules its first step with loop.call_soon; it is kept here instead, for when it is needed.
        # The loop's own method is back before any code of others runs.
        self._vars["call_soon"] = self._capture
        try:
            task = _Spare(self._life, loop=self._loop, context=self._context)
        finally:
            del self._vars["call_soon"]
        task._log_destroy_pending = False  # noqa: SLF001  # unused, it is no lost work
        object.__setattr__(task, "marked", False)
        _unregister(task)  # who cancels every Task and waits for them would wait forever
        self._task = task
        return task

    def _adopt(
        self, task: asyncio.Task[Any], coroutine: Coroutine[Any, Any, Any], first: Any
    ) -> asyncio.Task[Any]:
        """Make the spare the Task of a suspended coroutine."""
        life = self._life
        life.coroutine, life.first, life.suspended = coroutine, first, True
        return self._release(task)

    def _end(self, task: asyncio.Task[Any], result: Any, error: BaseException | None) -> asyncio.Task[Any]:
        """Make the spare the finished Task of a coroutine."""
        self._life.result, self._life.error = result, error
        return self._release(task)

    def _release(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        step, self._step, self._task = self._step, None, None
        task._log_destroy_pending = True  # type: ignore[attr-defined]  # noqa: SLF001  # from now on it is work
        _register(task)
        if step is not None:
            step[1].run(step[0])
        return task

    def _capture(self, callback: Callable[..., object], *, context: contextvars.Context) -> None:
        self._step = (callback, context)


async def _nothing() -> None:
    """Finishes at once."""
