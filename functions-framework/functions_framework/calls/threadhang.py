"""Ends a call that its thread does not return from: raises in the thread, and says when nothing helps.

It answers nobody; the caller has had its 504 before this begins.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Protocol

from functions_framework import clock

_AGAIN_AFTER = (0.05, 0.1, 0.1)  # a function may catch what is raised, so it is raised again
_BURNING = 0.5  # of a processor


class HangError(BaseException):
    """Raised in the thread of a function that has not returned in time; no Exception, as few catch it."""


class Hanging(Protocol):
    """A call whose caller is gone and whose thread has been given up."""

    ident: int
    gate: threading.Lock  # held to raise in the thread, and by the thread to end
    over: bool


class Hangs:
    """One per pool, on the loop's thread.

    Attributes:
        hopeless: told once, with a sentence, when only the end of the process ends what hangs.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, exhausted: Callable[[], bool]) -> None:
        self._loop = loop
        self._exhausted = exhausted
        self._said = False
        self.hopeless: Callable[[str], None] | None = None

    def end(self, call: Hanging) -> None:
        """Begin to end this call."""
        # At once: until it ends, what spins delays the answer to everybody, its caller included.
        self._raise(call, 0, None)

    def _raise(self, call: Hanging, attempt: int, before: tuple[float, float] | None) -> None:
        with call.gate:
            if call.over:
                return
            burnt = (clock.monotonic(), _cpu_seconds(call.ident))
            _raise_in(call.ident)
        if attempt and self._exhausted():
            self._give_up("as many calls of the function hang as there are threads")
        if attempt < len(_AGAIN_AFTER):
            self._loop.call_later(_AGAIN_AFTER[attempt], self._raise, call, attempt + 1, burnt)
        elif before is not None and burnt[1] - before[1] > _BURNING * (burnt[0] - before[0]):
            self._give_up("a call of the function cannot be ended and uses the processor")

    def _give_up(self, why: str) -> None:
        if not self._said and self.hopeless is not None:
            self._said = True
            self.hopeless(why)


def prepare() -> None:
    """Load what ending a hang takes; while something spins that would take long."""
    import ctypes  # noqa: PLC0415  # as below

    _ = ctypes.pythonapi.PyThreadState_SetAsyncExc


def _raise_in(ident: int) -> None:
    # Loaded at the first hang; a function that never hangs does not pay for it.
    import ctypes  # noqa: PLC0415

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(HangError))


def _cpu_seconds(ident: int) -> float:
    """Processor time of a thread that is alive; zero where the system does not tell."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return 0.0
    return time.clock_gettime(time.pthread_getcpuclockid(ident))
