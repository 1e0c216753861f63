"""From a thread to the loop: what a thread asks is asked on the loop, while the thread waits for the answer.

A thread never waits for a loop that does not come round to it: it takes its question back, and asks by itself.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent import futures
from typing import Final, TypeVar

T = TypeVar("T")
# Seconds that a question may wait for a loop that is busy, or blocked by who waits for the asker.
_PATIENCE: Final = 1.0


class NotTaken(Exception):  # noqa: N818  # it never leaves the client
    """The question was not asked: there is no loop for it, or nobody listens."""


class Desk:
    """Where threads hand in their questions; it is open from `settle` to `leave`."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0

    def settle(self) -> None:
        """Take questions on the running loop."""
        self._loop, self._process = asyncio.get_running_loop(), os.getpid()

    def leave(self) -> None:
        """Take no more."""
        self._loop = None

    def ask(self, begin: Callable[[], asyncio.Future[T]], timeout: float) -> T:
        """Have the loop begin, and wait for what comes of it; from a thread.

        Args:
            begin: called on the loop.
            timeout: seconds from when the loop has begun.

        Raises:
            NotTaken: nothing was begun.
            TimeoutError: it has begun, and no answer came.
        """
        answer: futures.Future[T] = futures.Future()
        try:
            self._reachable().call_soon_threadsafe(_take, begin, answer)
        except RuntimeError as error:
            raise NotTaken("the loop has ended") from error
        try:
            return answer.result(_PATIENCE)
        except TimeoutError as error:
            if answer.cancel():
                raise NotTaken("the loop is busy") from error
        return answer.result(timeout)

    def _reachable(self) -> asyncio.AbstractEventLoop:
        loop = self._loop
        # A child of a fork has the loop, and nobody who runs it.
        if loop is None or self._process != os.getpid() or not loop.is_running():
            raise NotTaken("there is no loop")
        if asyncio._get_running_loop() is loop:  # noqa: SLF001  # documented for this; the public one raises
            raise NotTaken("the loop itself asks, and would wait for itself")
        return loop


def _take(begin: Callable[[], asyncio.Future[T]], answer: futures.Future[T]) -> None:
    if not answer.set_running_or_notify_cancel():
        return  # the thread has taken it back

    def settle(told: asyncio.Future[T]) -> None:
        if told.cancelled():
            answer.set_exception(TimeoutError("the loop has ended"))
        elif (error := told.exception()) is not None:
            answer.set_exception(error)
        else:
            answer.set_result(told.result())

    try:
        begin().add_done_callback(settle)
    except Exception as error:  # noqa: BLE001  # the thread's to see
        answer.set_exception(error)
