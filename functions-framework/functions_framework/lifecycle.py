"""What runs before the first request and after the last: the decorators that note it, and the running itself.

The loader takes what was noted while the user's file was imported; an instance runs it after the fork.
"""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import inspect
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from traceback import extract_tb
from typing import Any, TypeVar, cast

from functions_framework import exits
from functions_framework.program import Hook, Program

_log = logging.getLogger("functions_framework")
_HERE = os.path.dirname(__file__)
_Call = TypeVar("_Call", bound=Callable[[], Any])  # Any: a hook's result is not looked at
_Generator = Callable[[], Iterator[Any] | AsyncIterator[Any]]  # Any: what it yields means nothing
_Lives = TypeVar("_Lives", bound=_Generator)
_STARTS: list[Hook] = []  # noted while a file is imported, because a decorator has no other place
_STOPS: list[Hook] = []


def on_startup(call: _Call) -> _Call:
    """Run this before the first request, in the instance itself; a `def` runs in a thread.

    The instance is ready when all of them have returned. One that raises ends it with exit code StartupFailed.
    """
    _STARTS.append(call)
    return call


def on_shutdown(call: _Call) -> _Call:
    """Run this after the last answer, in the order noted; what it raises is logged."""
    _STOPS.append(call)
    return call


def lifespan(generator: _Lives) -> _Lives:
    """Run a generator that yields once: up to there before the first request, from there after the last."""
    span = _Span(generator)
    _STARTS.append(span.enter)
    _STOPS.insert(0, span.leave)
    return generator


def take() -> tuple[tuple[Hook, ...], tuple[Hook, ...]]:
    """What has been noted, to start and to stop; nothing is left noted."""
    noted = tuple(_STARTS), tuple(_STOPS)
    _STARTS.clear()
    _STOPS.clear()
    return noted


def joined(program: Program) -> Program:
    """The program with what has been noted: it starts last and stops first, so it finds what others started."""
    starts, stops = take()
    if not (starts or stops):
        return program
    return dataclasses.replace(program, starts=(*program.starts, *starts), stops=(*stops, *program.stops))


def keep_logging() -> None:
    """Enable our loggers again: a user's `logging.config` disables those that it does not name, unless told otherwise.

    Else nobody would hear of what a function raises.
    """
    for name, logger in logging.root.manager.loggerDict.items():
        if name.partition(".")[0] == _log.name and isinstance(logger, logging.Logger):
            logger.disabled = False


async def start(hooks: Sequence[Hook]) -> None:
    """Run what starts, in order; raises StartError StartupFailed, or what a hook of ours raises as one."""
    for hook in hooks:
        try:
            await _run(hook)
        except exits.StartError:
            raise
        # An exit with code 0 would be a start that failed in silence.
        except (Exception, SystemExit) as error:
            raise exits.StartError(
                "StartupFailed", f"{_where(hook, error)}: {type(error).__name__}: {error}"
            ) from error
    keep_logging()


async def stop(hooks: Sequence[Hook], *, seconds: float) -> None:
    """Run what stops, in order, all within this time; errors are logged and the others still run."""
    try:
        async with asyncio.timeout(seconds):
            for hook in hooks:
                try:
                    await _run(hook)
                except (Exception, SystemExit):  # noqa: BLE001  # the boundary of a user's hook
                    _log.exception("The shutdown hook %s raised", _name(hook))
    except TimeoutError:
        _log.error("The shutdown hooks did not end within %g seconds", seconds)


async def _run(hook: Hook) -> None:
    """A `def` in a thread, so that health is answered meanwhile; a coroutine function on the loop."""
    if inspect.iscoroutinefunction(hook):
        await hook()
        return
    context = contextvars.copy_context()
    result = await asyncio.get_running_loop().run_in_executor(None, context.run, hook)
    if inspect.isawaitable(result):
        await result


class _Span:
    """A generator as two hooks."""

    def __init__(self, generator: _Generator) -> None:
        self.__name__ = getattr(generator, "__name__", "lifespan")
        self._generator = generator
        self._entered: Any = None  # Any: a context manager of either kind

    async def enter(self) -> None:
        if inspect.isasyncgenfunction(self._generator):
            self._entered = asynccontextmanager(self._generator)()
            await self._entered.__aenter__()
            return
        made = contextmanager(cast("Callable[[], Iterator[Any]]", self._generator))()
        await asyncio.to_thread(made.__enter__)
        self._entered = made

    async def leave(self) -> None:
        entered, self._entered = self._entered, None
        if entered is None:
            return  # it was not entered, because something before it failed
        if inspect.isasyncgenfunction(self._generator):
            await entered.__aexit__(None, None, None)
        else:
            await asyncio.to_thread(entered.__exit__, None, None, None)


def _where(hook: Callable[[], Awaitable[None] | None], error: BaseException) -> str:
    frames = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.startswith(_HERE)]
    own = [
        frame
        for frame in frames
        if "/asyncio/" not in frame.filename and "/concurrent/" not in frame.filename
    ]
    place = f", {os.path.basename(own[-1].filename)} line {own[-1].lineno}" if own else ""
    return f"the startup hook {_name(hook)}{place}"


def _name(hook: Callable[[], Awaitable[None] | None]) -> str:
    bound = getattr(hook, "__self__", None)
    return str(getattr(bound, "__name__", "") or getattr(hook, "__name__", repr(hook)))
