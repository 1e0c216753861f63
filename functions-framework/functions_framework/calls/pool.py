"""Threads that run `def` functions: grown on demand, and a thread that hangs is left behind.

It measures no timeout itself; whoever set one calls `abandon`, and the pool replaces the thread.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from functions_framework import clock, errors
from functions_framework.calls import line, threadhang

_AT_ONCE = max(4, (os.cpu_count() or 1) + 2)
_GROW_AFTER = 0.005
_GROW_BUSY_AFTER = 0.1
_BUSY = 0.8
_MOST_BUSY = 2 * _AT_ONCE
_QUEUE_PER_THREAD = 16
_KEEP_IDLE = 30.0
_TURN, _LEAST_TURN = 0.005, 0.0005  # Python's own switch interval, and the least we set
_NO_GATE = threading.Lock()  # of a call that has not been given up


def _share_lock(calls: int) -> None:
    """The loop waits for the interpreter lock behind every thread that computes; the more calls, the shorter turns."""
    share = min(1.0, _AT_ONCE / max(1, calls))
    sys.setswitchinterval(max(_LEAST_TURN, _TURN * share**2))


class Call:
    """One call under way: what to run, and afterwards its result or error.

    Attributes:
        tag: whatever its submitter wants to find again when it is done.
        abandoned: given up; its result reaches nobody.
        late: called on the loop when it ends after it was abandoned.
        left_behind: its thread saw that it was abandoned, and has ended.
        ident: the thread that runs it.
        over: given up, and its thread has come to its end.
    """

    # The class's own until one differs: most calls need none of them.
    abandoned: bool = False
    late: Callable[[], None] | None = None
    left_behind: bool = False
    ident: int = 0
    gate: threading.Lock = _NO_GATE
    over: bool = False
    result: Any = None
    error: BaseException | None = None

    def __init__(
        self, function: Callable[[Any], Any], argument: object, done: Callable[[Call], None], tag: Any
    ) -> None:
        self.function: Callable[[Any], Any] = function
        self.argument: object = argument
        self.done: Callable[[Call], None] = done
        self.tag: Any = tag
        self.context: contextvars.Context = contextvars.copy_context()

    def run(self) -> None:
        """Run the function, keeping its result or error; called in a thread of the pool."""
        try:
            self.result = self.context.run(self.function, self.argument)
        except BaseException as error:  # noqa: BLE001  # even SystemExit of a function must not end the thread
            self.error = error
        self.argument = None


class Pool:
    """At most `size` threads that work, and as many that hang; all methods but `_work` on the loop's thread.

    Attributes:
        stuck: calls that were given up and have not returned.
        spare: how many more than `size` may hang, for a process that is about to be replaced.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, size: int) -> None:
        self._loop = loop
        self._size = size
        self._line: line.Line[Call] = line.Line(loop)
        self._finished: deque[Call] = deque()
        self._waking = False
        self._workers = 0
        self._outstanding = 0
        self._completed = 0
        self._peak = 0
        self._refill: asyncio.TimerHandle | None = None
        self._growth: asyncio.TimerHandle | None = None
        self._shrinking: asyncio.TimerHandle | None = None
        self._running: dict[Call, bool] = {}  # whoever takes a call out decides how it ends
        self._hangs = threadhang.Hangs(loop, exhausted=lambda: self.stuck >= size)
        self.stuck: int = 0
        self.spare = 0

    @property
    def full(self) -> bool:
        """True when so many calls wait that a new one would only wait for its timeout."""
        return self._outstanding >= self._size * _QUEUE_PER_THREAD

    @property
    def exhausted(self) -> bool:
        """True when as many threads hang as may work: nothing more is accepted until one returns."""
        return self.stuck >= self._size + self.spare

    def on_hopeless(self, told: Callable[[str], None]) -> None:
        """Have this called once, with a sentence, when only the end of the process ends what hangs."""
        self._hangs.hopeless = told

    def submit(
        self,
        function: Callable[[Any], Any],
        argument: object,
        done: Callable[[Call], None],
        tag: Any = None,
    ) -> Call:
        """Run the function in a thread; `done` is called on the loop afterwards, unless abandoned."""
        call = Call(function, argument, done, tag)
        self._outstanding += 1
        self._peak = max(self._peak, self._outstanding)
        if self._workers < self._outstanding:
            self._add_capacity()
        self._line.put(call)
        return call

    async def run(
        self, function: Callable[[Any], Any], argument: object, *, ended: Callable[[], None]
    ) -> Any:
        """Run the function in a thread and wait; cancelled, it leaves the thread behind.

        Args:
            function: what runs.
            argument: what it is given.
            ended: called on the loop when it has really ended, or will never begin.

        Raises:
            Overloaded: there is no thread for it.
            Exception: what the function raised.
        """
        if self.exhausted or self.full:
            ended()
            raise errors.Overloaded("All threads of this instance are taken.")
        done: asyncio.Future[None] = self._loop.create_future()

        def finished(_: Call) -> None:
            ended()
            done.set_result(None)

        call = self.submit(function, argument, finished)
        call.late = ended
        try:
            await done
        except asyncio.CancelledError:
            if not done.done() and not self.abandon(call):
                ended()
            raise
        if call.error is not None:
            raise call.error
        return call.result

    def abandon(self, call: Call) -> bool:
        """Give up a call: True when a thread had begun it, which is left behind and replaced when needed."""
        if self.withdraw(call):
            return False
        call.abandoned = True
        self._outstanding -= 1
        self.stuck += 1
        self._workers -= 1
        if self._refill is None:
            # Not at once: what waits may be about to be given up too, and would begin to hang in the new thread.
            self._refill = self._loop.call_later(_GROW_AFTER, self._replace)
        call.gate = threading.Lock()
        if self._running.pop(call, False):
            self._hangs.end(call)
        return True

    def withdraw(self, call: Call) -> bool:
        """Take a call back that no thread has begun; False when one has."""
        if not self._line.withdraw(call):
            return False
        call.abandoned = True
        self._outstanding -= 1
        return True

    def close(self) -> None:
        """Let idle threads end; threads are daemons, so a hanging one does not keep the process."""
        for timer in (self._growth, self._shrinking, self._refill):
            if timer is not None:
                timer.cancel()
        self._line.end(self._workers)

    def _replace(self) -> None:
        """Add a thread for each that was left behind, as far as calls wait for it."""
        self._refill = None
        while self._workers < min(self._outstanding, _AT_ONCE, self._size):
            self._spawn()
        if self._workers < self._outstanding:
            self._add_capacity()

    def _add_capacity(self) -> None:
        _share_lock(self._outstanding)
        if self._workers < min(_AT_ONCE, self._size):
            self._spawn()
        elif self._workers < self._size and self._growth is None:
            self._watch()

    def _watch(self, seconds: float = _GROW_AFTER) -> None:
        mark = (self._completed, clock.monotonic(), clock.cpu_seconds())
        self._growth = self._loop.call_later(seconds, self._grow, mark)

    def _grow(self, mark: tuple[int, float, float]) -> None:
        """Add threads if calls wait and it would help: nothing finished, or the processor is not the limit."""
        self._growth = None
        waiting = min(self._outstanding, self._size) - self._workers
        if waiting <= 0:
            return
        completed, at, cpu = mark
        stalled = completed == self._completed
        idle = clock.cpu_seconds() - cpu < _BUSY * (clock.monotonic() - at)
        # What computes gains nothing from more threads, but what hangs may hold those that there are.
        more = waiting if idle else int(stalled and self._workers < _MOST_BUSY)
        for _ in range(more):
            self._spawn()
        if self._workers < min(self._outstanding, self._size):
            self._watch(_GROW_AFTER if idle else _GROW_BUSY_AFTER)
        if self._shrinking is None:
            self._shrinking = self._loop.call_later(_KEEP_IDLE, self._shrink)

    def _shrink(self) -> None:
        """End the threads that the last half minute did not need."""
        needed = max(self._peak, _AT_ONCE)
        self._line.end(self._workers - needed)
        self._workers = min(self._workers, needed)
        _share_lock(self._workers + self.stuck)  # as many turns as threads are left
        self._peak = self._outstanding
        again = self._workers > _AT_ONCE
        self._shrinking = self._loop.call_later(_KEEP_IDLE, self._shrink) if again else None

    def _spawn(self) -> None:
        self._workers += 1
        threading.Thread(target=self._work, name=f"function-{self._workers}", daemon=True).start()

    def _work(self) -> None:
        ident, bed = threading.get_ident(), line.bed()
        while (call := self._line.take(bed)) is not None:
            call.ident = ident
            self._running[call] = True
            try:
                call.run()
                given_up = not self._running.pop(call, False)
            except threadhang.HangError:
                given_up = True  # it came when the function had just returned
            if given_up:
                self._leave(call)
                return
            self._report(call)
            del call  # an idle thread keeps no result alive

    def _leave(self, call: Call) -> None:
        """End a thread whose call was given up; what may still be raised in it changes nothing."""
        while True:
            try:
                with call.gate:
                    call.over = True
                if not call.left_behind:
                    call.left_behind = True
                    self._finished.append(call)
                self._report(None)
                return
            except threadhang.HangError:
                continue

    def _report(self, call: Call | None) -> None:
        if call is not None:
            self._finished.append(call)
        if not self._waking:
            self._waking = True
            self._wake()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._collect)
        except RuntimeError:
            # The loop has been closed: the process is ending and nobody waits for the result.
            self._finished.clear()

    def _collect(self) -> None:
        self._waking = False
        while self._finished:
            call = self._finished.popleft()
            if call.abandoned:
                self.stuck -= 1
                self._workers += not call.left_behind  # abandoned in its last moment: the thread works on
                if call.late is not None:
                    call.late()
            else:
                self._outstanding -= 1
                self._completed += 1
                call.done(call)
