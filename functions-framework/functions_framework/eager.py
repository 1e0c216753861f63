"""Starts a coroutine as a Task and runs it at once up to its first suspension.

Most functions finish there, so they cost no turn of the loop; yet they run in a real Task, which
`asyncio.timeout`, task groups and client libraries look for. Python 3.12 has this built in.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any


class Starter:
    """Starts coroutines on one loop; call it from the loop's thread, outside any Task."""

    __slots__ = ("_capture_step", "_loop", "_step", "_vars")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._vars = vars(loop)
        self._step: tuple[Callable[..., object], Context] | None = None
        self._capture_step = self._capture

    if sys.version_info >= (3, 12):

        def start(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
            """Run to the first suspension; the Task may be done when this returns."""
            return asyncio.Task(coroutine, loop=self._loop, eager_start=True)

    else:

        def start(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
            """Run to the first suspension; the Task may be done when this returns."""
            # A new Task schedules its first step with loop.call_soon; taking that call and running the step
            # here is what eager_start does. The loop's own method is back before any code of others runs.
            self._vars["call_soon"] = self._capture_step
            try:
                task = asyncio.Task(coroutine, loop=self._loop)
            finally:
                del self._vars["call_soon"]
            step, self._step = self._step, None
            if step is not None:
                step[1].run(step[0])
            return task

    def _capture(self, callback: Callable[..., object], *, context: Context) -> None:
        self._step = (callback, context)
