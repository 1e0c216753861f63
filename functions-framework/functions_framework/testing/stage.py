"""A served program without a socket: its loop in a thread, its start and stop hooks, and the way in for requests.

Everything behind the way in is what serves real connections: connection, server, dispatch, threads and timeouts.
"""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent import futures
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from functions_framework import errors, lifecycle
from functions_framework.calls import loophang
from functions_framework.connections import http1
from functions_framework.program import Program
from functions_framework.serving import instance, server
from functions_framework.settings import InstanceSettings
from functions_framework.testing.wire import Wire

T = TypeVar("T")
_LATER = 1.0  # seconds beside a request's own until the loop counts as blocked
_ENDING = 5.0  # seconds that the stop hooks, and then the loop, may take


class StageError(errors.FrameworkError):
    """The kit was used after its end, or the function holds the loop and cannot be interrupted."""


class Stage:
    """One program being served; every method may be called from any thread but the stage's own."""

    def __init__(self, program: Program, settings: InstanceSettings) -> None:
        self.program = program
        self.settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._site: server.Server | None = None
        self._lock = threading.RLock()
        self._ended = False

    def ensure_started(self) -> None:
        """Start the loop and run the start hooks, once; raises what a hook raises."""
        with self._lock:
            if self._ended:
                raise StageError("this client was closed; make another one")
            if self._loop is not None:
                return
            self._loop = instance.new_loop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="functions-testing", daemon=True
            )
            self._thread.start()
            try:
                self._submit(self._begin()).result()
            except BaseException:
                self.end()
                raise

    def end(self) -> None:
        """Run the stop hooks and end the loop; raises what a hook raises."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop, self._ended = None, True
        if loop is None or thread is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(self._finish(), loop).result(2 * _ENDING)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_ENDING)
            if not thread.is_alive():
                loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the stage's loop and wait; a function that blocks the loop for too long is interrupted there."""
        found = self.submit(work)
        try:
            return found.result(self.settings.timeout + _LATER)
        except futures.TimeoutError:
            if found.done():
                raise
        self._interrupt()
        try:
            return found.result(_ENDING)
        except futures.TimeoutError as error:
            raise StageError("the function holds the loop in code that cannot be interrupted") from error

    def submit(self, work: Coroutine[Any, Any, T]) -> futures.Future[T]:
        """Run on the stage's loop; the result comes in the future."""
        try:
            self.ensure_started()
        except BaseException:
            work.close()
            raise
        return self._submit(work)

    def call_soon(self, call: Callable[[bytes], None], data: bytes) -> None:
        """Call it on the loop, outside any task, as a socket's bytes come."""
        self._serving().loop.call_soon_threadsafe(call, data)

    @asynccontextmanager
    async def connect(self, request: bytes, *, raw: bool = False) -> AsyncIterator[Wire]:
        """A connection on which this request has come; on the stage's loop. At the end the client is gone."""
        site = self._serving()
        protocol = http1.Connection(site)
        wire = Wire(site.loop, protocol, head=request.startswith(b"HEAD "), raw=raw)
        protocol.connection_made(wire)
        try:
            site.loop.call_soon(wire.send, request)  # as a socket's bytes come: outside any task
            yield wire
        finally:
            wire.leave()

    def _serving(self) -> server.Server:
        if self._site is None:
            raise StageError("the stage does not serve; start it first")
        return self._site

    def _submit(self, work: Coroutine[Any, Any, T]) -> futures.Future[T]:
        assert self._loop is not None  # noqa: S101  # `ensure_started` has made it
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _begin(self) -> None:
        await lifecycle.start(self.program.starts)
        self._site = server.Server(self.program, self.settings, asyncio.get_running_loop())

    async def _finish(self) -> None:
        if self._site is not None:
            await self._site.close()
            await lifecycle.stop(self.program.stops, seconds=_ENDING)
        await asyncio.get_running_loop().shutdown_asyncgens()

    def _interrupt(self) -> None:
        """Raise in the loop's thread what the watchdog of a served instance raises."""
        if self._thread is not None and self._thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread.ident), ctypes.py_object(_Blocked)
            )


class _Blocked(loophang.BlockedError):
    """An asynchronous exception is raised as a class without arguments."""

    def __init__(self) -> None:
        super().__init__("it blocked the loop; await, or make it a `def` function")
