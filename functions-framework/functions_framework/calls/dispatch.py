"""Runs the user's function for each request, on the loop or in a thread, and answers what it gave.

It parses no HTTP; it is the boundary that no error of a function crosses.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import types
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Any, Protocol

from functions_framework import errors, request, response
from functions_framework.calls import deadlines, eager, flow, gate, loophang, meter, pool
from functions_framework.connections import takeover, websocket
from functions_framework.function import Function
from functions_framework.program import Program
from functions_framework.response import Answer

_log = logging.getLogger("functions_framework")
_HERE = os.path.dirname(os.path.dirname(__file__))
_STATUS = b"x-openfunction-status: %s\r\n"
# The user's code raised; Google's platform reads the second line.
_CRASH = response.plain(
    500, "Internal Server Error", lines=_STATUS % b"crash" + b"x-google-status: crash\r\n"
)
_OURS = response.plain(500, "Internal Server Error", lines=_STATUS % b"framework-error")
_WEBSOCKET = b"upgrade: websocket\r\nconnection: upgrade\r\n"
_RETRY = b"retry-after: 1\r\n"
_GONE = response.plain(499, "The client left.")  # it reaches nobody; logs and metrics count it


class Exchange(Protocol):
    """A request that waits for its answer; `send` takes the first answer and ignores later ones."""

    request: request.Request
    answered: bool
    is_head: bool
    on_gone: Callable[[], None] | None

    def send(self, answer: Answer) -> None:
        """Give the answer to the connection."""

    def open(self, status: int, lines: bytes) -> None:
        """Begin an answer in pieces."""

    async def write(self, chunk: bytes) -> None:
        """Send a piece, waiting while the client reads slowly; raises ConnectionResetError when it is gone."""

    def close(self) -> None:
        """End an answer in pieces."""

    def abort(self) -> None:
        """Break an answer in pieces off, so that the client sees it."""

    def upgrade(self) -> Any:  # Any: a websocket.WebSocket; None where the request asks for none
        """Go on as a WebSocket."""


_Way = Callable[[Exchange, Function, Any], None]


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
        self._timeout = timeout
        self._meter = load
        self._starter = eager.Starter(loop)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watched: dict[asyncio.Task[Any], tuple[Exchange, Function]] = {}
        self._task_deadlines: deadlines.Deadlines[asyncio.Task[Any]] = deadlines.Deadlines(
            loop, seconds=timeout, expire=self._expire_watched
        )
        self._overdue: set[asyncio.Task[Any]] = set()  # streams that were answered 504
        self._stopping = False
        self.pool: pool.Pool = pool.Pool(loop, size=threads)
        self._deadlines: deadlines.Deadlines[pool.Call] = deadlines.Deadlines(
            loop, seconds=timeout, expire=self._expire_call
        )
        gates: dict[str, gate.Gate] = {}
        limited = tuple(gate.limited(function, self.pool, gates) for function in program.functions)
        served = dataclasses.replace(program, functions=limited)
        self._only = served.only
        self._find = served.router()
        self._only_way = self._way(limited[0])
        self.watchdog: loophang.Watchdog = loophang.Watchdog(loop, timeout=timeout, load=load)

    def begin(self, exchange: Exchange) -> None:
        """Run the function for this request; it is answered before this returns, or later."""
        self._meter.enter()
        if not self.watchdog.watching:
            self.watchdog.watch()
        received = exchange.request
        function, way = self._only, self._only_way
        try:
            if function is None:
                function = self._find(received)
                way = self._way(function)
            prepare = function.prepare
            way(exchange, function, received if prepare is None else prepare(received))
        except eager.FATAL as error:  # of a model's own check
            self._fail(exchange, function, eager.exited(error))
        except Exception as error:  # noqa: BLE001  # the boundary of a request
            self._fail(exchange, function, error, ours=True)

    async def cancel(self) -> None:
        """Cancel what still runs on the loop and answer everything; threads are left to the end of the process."""
        self._stopping = True
        for call in self._deadlines.pending:
            self._stopped(*call.tag)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
        for waiting in list(self._watched.values()):  # a cancellation has not ended them
            self._stopped(*waiting)
        self._starter.close()
        self.pool.close()

    def _way(self, function: Function) -> _Way:
        """How a function is run; one that only makes a generator runs none of the user's code yet."""
        if function.signature == "websocket":
            return self._converse
        if function.converse is not None:
            return self._run_or_converse
        if function.is_async:
            return self._run
        return self._run_inline if function.inline or function.makes_generator else self._submit

    def _run_or_converse(self, exchange: Exchange, function: Function, argument: object) -> None:
        """Run an application, which answers WebSockets as well."""
        way = self._converse if takeover.is_websocket(exchange.request) else self._run
        way(exchange, function, argument)

    def _converse(self, exchange: Exchange, function: Function, _argument: object) -> None:
        """Run a function of a WebSocket, for as long as the conversation lasts."""
        socket = exchange.upgrade()
        if socket is None:
            self._answer(exchange, response.plain(426, "Ask for a WebSocket.", lines=_WEBSOCKET))
            return
        task: asyncio.Task[Any] = asyncio.Task(
            eager.guarded((function.converse or function.call)(socket)), loop=self._loop
        )
        self._tasks.add(task)
        task.add_done_callback(partial(self._conversed, exchange, function, socket))

    def _conversed(
        self, exchange: Exchange, function: Function, socket: Any, task: asyncio.Task[Any]
    ) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, websocket.WebSocketClosed):
            error = None  # the client left while the function spoke; that is how conversations end
        if error is not None and not isinstance(error, errors.HttpError):
            self._failure(exchange, function, error, ours=False)
        websocket.conclude(socket, error)
        self._meter.leave()

    def _run(self, exchange: Exchange, function: Function, argument: object) -> None:
        try:
            coroutine = function.call(argument)
        except Exception as error:  # noqa: BLE001  # the boundary of a request
            self._fail(exchange, function, error)
        else:
            self._start(exchange, function, coroutine)

    def _run_inline(self, exchange: Exchange, function: Function, argument: object) -> None:
        try:
            result = function.call(argument)
        except eager.FATAL as error:
            self._fail(exchange, function, eager.exited(error))
        except BaseException as error:  # noqa: BLE001  # the boundary of a request
            self._fail(exchange, function, error)
        else:
            self._go_on(exchange, function, result)

    def _go_on(self, exchange: Exchange, function: Function, result: Any) -> None:
        """Answer what a `def` returned; a coroutine, as of a wrapping decorator, is run first."""
        if hasattr(result, "__await__"):  # quicker than inspect.isawaitable
            self._start(exchange, function, result)
        else:
            self._finish(exchange, function, result)

    def _submit(self, exchange: Exchange, function: Function, argument: object) -> None:
        if self.pool.exhausted or self.pool.full:
            busy = response.plain(503, "All threads of this instance are taken.", lines=_RETRY)
            self._replace(exchange, function, busy, ours=True)
            return
        call = self.pool.submit(function.call, argument, self._returned, (exchange, function))
        self._deadlines.add(call)
        exchange.on_gone = partial(self._withdraw, call)

    def _returned(self, call: pool.Call) -> None:
        self._deadlines.discard(call)
        exchange, function = call.tag
        exchange.on_gone = None  # it holds the exchange, and would be garbage to collect
        if call.error is not None:
            self._fail(exchange, function, call.error)
        else:
            self._go_on(exchange, function, call.result)

    def _start(self, exchange: Exchange, function: Function, running: Any) -> None:  # Any: an awaitable
        if type(running) is not types.CoroutineType:
            running = _awaited(running)
        try:
            task, result = self._starter.start(running)
        except Exception as error:  # noqa: BLE001  # the boundary of a request
            self._fail(exchange, function, error)
            return
        if task is None:
            self._finish(exchange, function, result)
        elif task.done():
            self._settle(exchange, function, task)
        else:
            self._watch(exchange, function, task)

    def _watch(self, exchange: Exchange, function: Function, task: asyncio.Task[Any]) -> None:
        """A task goes on: it has its time, and its client may leave."""
        self._tasks.add(task)
        self._watched[task] = (exchange, function)
        self._task_deadlines.add(task)
        exchange.on_gone = partial(self._leave, exchange, function, task)
        task.add_done_callback(self._ended)

    def _expire_watched(self, task: asyncio.Task[Any]) -> None:
        self._expire_task(*self._watched[task], task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """A task that was watched has come to its end."""
        self._tasks.discard(task)
        self._task_deadlines.discard(task)
        exchange, function = self._watched.pop(task)
        exchange.on_gone = None  # as in _returned
        self._settle(exchange, function, task)

    def _settle(self, exchange: Exchange, function: Function, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self._cancelled(exchange, function, task)
        elif (error := task.exception()) is not None:
            self._fail(exchange, function, error)
        else:
            self._finish(exchange, function, task.result())

    def _cancelled(self, exchange: Exchange, function: Function, task: asyncio.Task[Any]) -> None:
        """Who cancels a task here has answered first, but at the end; else the function let a CancelledError out."""
        if self._stopping:
            self._stopped(exchange, function)
        elif not exchange.answered:
            self._fail(exchange, function, _cancellation_of(task))

    def _stopped(self, exchange: Exchange, function: Function) -> None:
        """The instance ends before the function does."""
        if not exchange.answered:
            stopped = response.plain(503, "The instance stopped before the function answered.")
            self._replace(exchange, function, stopped, ours=True)

    def _finish(self, exchange: Exchange, function: Function, result: object) -> None:
        if exchange.answered:
            return
        try:
            reply = (function.render or response.answer)(result)
        except Exception as error:  # noqa: BLE001  # a result that cannot be sent is the function's error
            self._fail(exchange, function, error)
            return
        if type(reply) is tuple:  # quicker than to ask for the class of a stream
            self._meter.leave()
            exchange.send(reply)
        else:
            self._stream(exchange, function, reply)  # type: ignore[arg-type]  # the other kind of reply

    def _stream(self, exchange: Exchange, function: Function, stream: response.Stream) -> None:
        sending = flow.run(stream, exchange, threads=self.pool, inline=function.inline)
        try:
            task, instead = self._starter.start(sending)
        except Exception as error:  # noqa: BLE001  # the boundary of a request
            self._unsent(exchange, function, error)
            return
        if task is None:
            self._sent(exchange, instead)
            return
        timer = self._loop.call_later(self._timeout, self._expire_stream, exchange, function, task)
        self._tasks.add(task)
        exchange.on_gone = partial(_cancel, task)
        task.add_done_callback(partial(self._streamed, exchange, function, timer))

    def _expire_stream(self, exchange: Exchange, function: Function, task: asyncio.Task[Any]) -> None:
        """The first piece must have come by now; there is no hurry after it."""
        if not exchange.answered:
            self._overdue.add(task)
            self._expire_task(exchange, function, task)

    def _streamed(
        self,
        exchange: Exchange,
        function: Function,
        timer: asyncio.TimerHandle,
        task: asyncio.Task[response.Answer | None],
    ) -> None:
        timer.cancel()
        exchange.on_gone = None  # as in _returned
        self._tasks.discard(task)
        error = _cancellation_of(task) if task.cancelled() else task.exception()
        if task.cancelled() and task.cancelling():  # else the function has let a CancelledError out
            error = flow.GoneError()
        if task in self._overdue:
            self._overdue.discard(task)
        elif error is None:
            self._sent(exchange, task.result())
        else:
            self._unsent(exchange, function, error)

    def _sent(self, exchange: Exchange, instead: Answer | None) -> None:
        """A stream has come to its end; it was empty when there is an answer instead."""
        if instead is not None:
            self._answer(exchange, instead)
            return
        self._meter.leave()
        exchange.close()  # not in the stream's own task: the next request of the connection may begin in it

    def _unsent(self, exchange: Exchange, function: Function, error: BaseException) -> None:
        if exchange.answered:
            self._broken(exchange, function, error)
        else:
            self._unstreamed(exchange, function, error)

    def _unstreamed(self, exchange: Exchange, function: Function, error: BaseException) -> None:
        """Answer for a stream that ended before its first piece."""
        if isinstance(error, flow.GoneError) and self._stopping:
            self._stopped(exchange, function)
        elif isinstance(error, flow.GoneError):
            self._replace(exchange, function, _GONE)
        else:
            self._fail(exchange, function, error)

    def _broken(self, exchange: Exchange, function: Function, error: BaseException) -> None:
        """Break a stream off in the middle."""
        if not isinstance(error, flow.GoneError):
            self._failure(exchange, function, error, ours=False)
        self._meter.leave()
        exchange.abort()

    def _fail(
        self, exchange: Exchange, function: Function | None, error: BaseException, *, ours: bool = False
    ) -> None:
        if isinstance(error, errors.HttpError):
            answer, ours = response.of_error(error), False
        else:
            answer = self._failure(exchange, function, error, ours=ours)
        if not exchange.answered:
            self._replace(exchange, function, answer, ours=ours)

    def _failure(
        self, exchange: Exchange, function: Function | None, error: BaseException, *, ours: bool
    ) -> Answer:
        """The answer of an error that says nothing to the client; the log says whose it is."""
        name = "" if function is None else function.name
        trace = error.__traceback__ if ours else _users_frames(error.__traceback__)
        said = "The framework failed around the function %s" if ours else "The function %s raised"
        origin = {"origin": "framework" if ours else "function", "request": exchange.request}
        _log.error(said, name, exc_info=(type(error), error, trace), extra=origin)
        if isinstance(error, loophang.BlockedError):
            return self._too_late()
        return _OURS if ours else _CRASH

    def _expire_task(self, exchange: Exchange, function: Function, task: asyncio.Task[Any]) -> None:
        self._timed_out(exchange, function)
        task.cancel()

    def _leave(self, exchange: Exchange, function: Function, task: asyncio.Task[Any]) -> None:
        """The client left: nobody waits for what this task does."""
        if not exchange.answered:
            self._replace(exchange, function, _GONE)
        task.cancel()

    def _withdraw(self, call: pool.Call) -> None:
        """The client left: what no thread has begun is not begun; what runs is not cut short in the middle."""
        if self.pool.withdraw(call):
            self._deadlines.discard(call)
            exchange, function = call.tag
            self._replace(exchange, function, _GONE)

    def _expire_call(self, call: pool.Call) -> None:
        self.pool.abandon(call)
        self._timed_out(*call.tag)

    def _timed_out(self, exchange: Exchange, function: Function) -> None:
        origin = {"origin": "function", "request": exchange.request}
        _log.error(
            "The function %s did not answer within %g seconds", function.name, self._timeout, extra=origin
        )
        self._replace(exchange, function, self._too_late())

    def _too_late(self) -> Answer:
        return response.plain(504, f"The function did not answer within {self._timeout:g} seconds.")

    def _replace(
        self, exchange: Exchange, function: Function | None, answer: Answer, *, ours: bool = False
    ) -> None:
        """Answer in the function's place; `ours` when the reason is the framework's own."""
        if function is not None and function.replaced is not None:
            function.replaced(exchange.request, answer[0], ours)
        self._answer(exchange, answer)

    def _answer(self, exchange: Exchange, answer: Answer) -> None:
        self._meter.leave()
        exchange.send(answer)


def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()


def _cancellation_of(task: asyncio.Task[Any]) -> asyncio.CancelledError:
    """The error of a cancelled task, with where it came from."""
    try:
        task.exception()
    except asyncio.CancelledError as error:
        return error
    raise TypeError(f"{task!r} was not cancelled")


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result


def _users_frames(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without the framework's own leading frames."""
    inner = trace
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(_HERE):
        inner = inner.tb_next
    return inner or trace
