"""Runs the user's function for each request, on the loop or in a thread, and answers what it gave.

It parses no HTTP; it is the boundary that no error of a function crosses.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from functions_framework import eager, errors, meter, pool, request, response, watchdog
from functions_framework.function import Function
from functions_framework.program import Program
from functions_framework.response import Answer

_log = logging.getLogger("functions_framework")
_HERE = str(Path(__file__).parent)
_STATUS = b"x-openfunction-status: %s\r\n"
_CRASH = response.plain(500, "Internal Server Error", lines=_STATUS % b"crash")  # the user's code raised
_OURS = response.plain(500, "Internal Server Error", lines=_STATUS % b"framework-error")
_RETRY = b"retry-after: 1\r\n"


class Exchange(Protocol):
    """A request that waits for its answer; `send` takes the first answer and ignores later ones."""

    request: request.Request
    answered: bool

    def send(self, answer: Answer) -> None:
        """Give the answer to the connection."""


class Dispatcher:
    """One per instance, on the loop's thread."""

    def __init__(
        self,
        program: Program,
        *,
        loop: asyncio.AbstractEventLoop,
        timeout: float,
        threads: int,
        load: meter.Meter,
    ) -> None:
        self._loop = loop
        self._only = program.only
        self._find = program.router()
        self._timeout = timeout
        self._meter = load
        self._starter = eager.Starter(loop)
        self._tasks: set[asyncio.Task[Any]] = set()
        self.pool = pool.Pool(loop, size=threads)
        self.watchdog = watchdog.Watchdog(loop, timeout=timeout, load=load)

    def begin(self, exchange: Exchange) -> None:
        """Run the function for this request; it is answered before this returns, or later."""
        self._meter.enter()
        if not self.watchdog.watching:
            self.watchdog.watch()
        received = exchange.request
        function = self._only
        try:
            if function is None:
                function = self._find(received)
            prepare = function.prepare
            argument = received if prepare is None else prepare(received)
            if function.is_async:
                self._start(exchange, function, _guarded(function.call, argument))
            else:
                self._submit(exchange, function, argument)
        except Exception as error:  # noqa: BLE001  # the boundary of a request
            self._fail(exchange, function, error, ours=True)

    async def cancel(self) -> None:
        """Cancel what still runs on the loop and answer it; threads are left to the end of the process."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
        self.pool.close()

    def _submit(self, exchange: Exchange, function: Function, argument: object) -> None:
        if self.pool.exhausted or self.pool.full:
            busy = response.plain(503, "All threads of this instance are taken.", lines=_RETRY)
            self._replace(exchange, function, busy)
            return
        timer: asyncio.TimerHandle
        call = self.pool.submit(
            function.call, argument, lambda done: self._returned(exchange, function, done, timer)
        )
        timer = self._loop.call_later(self._timeout, self._expire_call, exchange, function, call)

    def _returned(
        self, exchange: Exchange, function: Function, call: pool.Call, timer: asyncio.TimerHandle
    ) -> None:
        timer.cancel()
        if call.error is not None:
            self._fail(exchange, function, call.error)
        elif inspect.isawaitable(call.result):
            # A `def` that returns a coroutine, as a wrapping decorator does.
            self._start(exchange, function, _awaited(call.result))
        else:
            self._finish(exchange, function, call.result)

    def _start(self, exchange: Exchange, function: Function, coroutine: Any) -> None:  # Any: of any result
        task = self._starter.start(coroutine)
        if task.done():
            self._settle(exchange, function, None, task)
            return
        timer = self._loop.call_later(self._timeout, self._expire_task, exchange, function, task)
        self._tasks.add(task)
        task.add_done_callback(partial(self._settle, exchange, function, timer))

    def _settle(
        self,
        exchange: Exchange,
        function: Function,
        timer: asyncio.TimerHandle | None,
        task: asyncio.Task[Any],
    ) -> None:
        if timer is not None:
            timer.cancel()
            self._tasks.discard(task)
        if task.cancelled():
            if not exchange.answered:
                self._answer(
                    exchange, response.plain(503, "The instance stopped before the function answered.")
                )
        elif (error := task.exception()) is not None:
            self._fail(exchange, function, error)
        else:
            self._finish(exchange, function, task.result())

    def _finish(self, exchange: Exchange, function: Function, result: object) -> None:
        if exchange.answered:
            return
        try:
            answer = (function.render or response.answer)(result)
        except Exception as error:  # noqa: BLE001  # a result that cannot be sent is the function's error
            self._fail(exchange, function, error)
            return
        self._answer(exchange, answer)

    def _fail(
        self, exchange: Exchange, function: Function | None, error: BaseException, *, ours: bool = False
    ) -> None:
        if isinstance(error, errors.HttpError):
            answer = response.plain(error.status, error.message, lines=error.lines)
        else:
            answer = self._failure(function, error, ours=ours)
        if not exchange.answered:
            self._answer(exchange, answer)

    def _failure(self, function: Function | None, error: BaseException, *, ours: bool) -> Answer:
        """The answer of an error that says nothing to the client; the log says whose it is."""
        name = "" if function is None else function.name
        trace = error.__traceback__ if ours else _users_frames(error.__traceback__)
        said = "The framework failed around the function %s" if ours else "The function %s raised"
        _log.error(said, name, exc_info=(type(error), error, trace))
        if isinstance(error, watchdog.BlockedError):
            return self._too_late()
        return _OURS if ours else _CRASH

    def _expire_task(self, exchange: Exchange, function: Function, task: asyncio.Task[Any]) -> None:
        self._timed_out(exchange, function)
        task.cancel()

    def _expire_call(self, exchange: Exchange, function: Function, call: pool.Call) -> None:
        self.pool.abandon(call)
        self._timed_out(exchange, function)

    def _timed_out(self, exchange: Exchange, function: Function) -> None:
        _log.error("The function %s did not answer within %g seconds", function.name, self._timeout)
        self._replace(exchange, function, self._too_late())

    def _too_late(self) -> Answer:
        return response.plain(504, f"The function did not answer within {self._timeout:g} seconds.")

    def _replace(self, exchange: Exchange, function: Function, answer: Answer) -> None:
        """Answer in the function's place."""
        if function.replaced is not None:
            function.replaced(exchange.request, answer[0])
        self._answer(exchange, answer)

    def _answer(self, exchange: Exchange, answer: Answer) -> None:
        self._meter.leave()
        exchange.send(answer)


async def _guarded(call: Callable[[Any], Awaitable[Any]], argument: object) -> Any:
    try:
        return await call(argument)
    except SystemExit as error:
        # Out of a task it would end the loop, and with it the requests of others.
        raise errors.FrameworkError(f"the function called sys.exit({error.code!r})") from error


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result


def _users_frames(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without the framework's own leading frames."""
    inner = trace
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(_HERE):
        inner = inner.tb_next
    return inner or trace
