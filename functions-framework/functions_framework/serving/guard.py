"""The standalone command's parent process: owns the listening socket, starts workers, and replaces what hangs.

It imports no code of the user and serves nothing itself; in an emergency rescue.py answers for it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable, Sequence
from typing import NoReturn

from functions_framework import clock, exits, notices
from functions_framework.connections import page

READY, HOPELESS = b"r", b"h"
_BACKOFF_FIRST, _BACKOFF_LAST = 0.1, 10.0
_STEADY_AFTER = 10.0  # a worker that lived so long was none of a series of crashes
_LOOK_LEAST, _LOOK_MOST = 0.05, 1.0
_LINGER = 1.0
_TRACE = 0.1  # for a worker to write where it hangs
_ASKED = (signal.SIGTERM, signal.SIGINT)
_PATIENCE = 2.0  # beyond the grace, for the end of a process

Become = Callable[[page.Page, socket.socket], NoReturn]


class Worker:
    """A forked process that serves."""

    def __init__(self, pid: int, shared: page.Page, line: socket.socket, now: float) -> None:
        self.pid = pid
        self.page = shared
        self.line = line
        self.born = now
        self.ready = False
        self.silent = False  # its line has ended, so its process is about to
        self.given_up = False  # replaced as soon as another is ready
        self.kill_at: float = float("inf")


class Guard:
    """Runs until told to end; `become` is what a fork does."""

    def __init__(
        self, listener: socket.socket, become: Become, *, count: int, timeout: float, grace: float
    ) -> None:
        self._listener: socket.socket | None = listener
        self._own = listener.getsockname()
        self._become = become
        self._count = count
        self._timeout = timeout
        self._grace = grace
        self._workers: dict[int, Worker] = {}
        self._lingering: list[tuple[float, socket.socket]] = []
        self._starts: list[float] = []  # when to start a worker
        self._backoff = _BACKOFF_FIRST
        self._served = False
        self._ending = False
        self._code = 0
        self._look = max(_LOOK_LEAST, min(_LOOK_MOST, timeout / 16))
        self._signalled, self._wakeup = os.pipe()
        for end in (self._signalled, self._wakeup):
            os.set_blocking(end, False)

    def run(self, *, listening: Callable[[], None]) -> int:
        """Keep workers running until SIGTERM or SIGINT; gives the exit code.

        Args:
            listening: called once, when the first worker is ready.
        """
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _noticed)
        for _ in range(self._count):
            self._start()
        while self._workers or self._starts:
            self._turn(listening)
        for _, waiting in self._lingering:
            waiting.close()
        return self._code

    def _turn(self, listening: Callable[[], None]) -> None:
        self._wait()
        for worker in list(self._workers.values()):
            self._hear(worker, listening)
        self._reap()
        now = clock.monotonic()
        for worker in list(self._workers.values()):
            self._watch(worker, now)
        while self._starts and self._starts[0] <= now:
            self._starts.pop(0)
            self._start()
        self._let_go(now)

    def _wait(self) -> None:
        lines = [worker.line for worker in self._workers.values() if not worker.silent]
        watched: list[int | socket.socket] = [self._signalled, *lines]
        readable, _, _ = select.select(watched, [], [], self._look)
        if self._signalled in readable:
            for number in os.read(self._signalled, 4096):
                if number in {signal.SIGTERM, signal.SIGINT}:
                    self._end()

    # workers

    def _start(self) -> None:
        if self._ending:
            return
        shared = page.Page()
        ours, theirs = socket.socketpair()
        notices.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED)  # an order in this moment is not lost on the child
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._forget()
            self._become(shared, theirs)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)
        theirs.close()
        ours.settimeout(0)
        self._workers[pid] = Worker(pid, shared, ours, clock.monotonic())

    def _forget(self) -> None:
        """In the child: close what is the guard's."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, *_ASKED):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)
        for worker in self._workers.values():
            worker.line.close()
        for _, waiting in self._lingering:
            waiting.close()
        os.close(self._signalled)
        os.close(self._wakeup)

    def _hear(self, worker: Worker, listening: Callable[[], None]) -> None:
        try:
            said = worker.line.recv(16)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        worker.silent = not said
        if READY in said:
            worker.ready = True
            if self._ending:
                _send(worker.pid, signal.SIGTERM)  # it was not there yet when the others were told
            self._retire()
            if not self._served:
                self._served = True
                if not self._ending:  # the socket is closed, and nobody may connect any more
                    listening()
        if HOPELESS in said and not worker.given_up:
            worker.given_up = True
            self._start()

    def _retire(self) -> None:
        """A worker is ready: those that were given up need no longer hold the door."""
        for worker in self._workers.values():
            if worker.given_up and worker.kill_at == float("inf"):
                _send(worker.pid, signal.SIGTERM)
                worker.kill_at = clock.monotonic() + min(self._grace, self._timeout) + _PATIENCE

    def _watch(self, worker: Worker, now: float) -> None:
        until = worker.page.alive_until
        if until and now > until and not worker.given_up:
            self._rescue(worker, now)
        if now > worker.kill_at:
            _send_group(worker.pid, signal.SIGKILL)
            worker.kill_at = now + _PATIENCE

    def _rescue(self, worker: Worker, now: float) -> None:
        """Answer for a worker that holds the interpreter lock, then end it and start another."""
        from functions_framework.serving import rescue  # noqa: PLC0415  # for an emergency; the guard stays small

        _send(worker.pid, signal.SIGSTOP)
        try:
            taken = rescue.connections(worker.pid, self._own)
        except rescue.RefusedError as error:
            taken = []
            notices.tell(f"the callers of worker {worker.pid} get no answer: {error}")
        marks = worker.page.marks
        answered = sum(
            rescue.answer(waiting, marks[page.slot(number)], self._timeout) for number, waiting in taken
        )
        linger = [waiting for _, waiting in taken]
        if self._listener is not None and self._count == 1:
            linger += rescue.refuse_queued(self._listener)
        self._lingering += [(now + _LINGER, waiting) for waiting in linger]
        notices.tell(
            f"worker {worker.pid} hung with the interpreter lock held; answered {answered} of its requests"
        )
        _send(worker.pid, signal.SIGUSR2)  # it writes its threads' stacks
        _send(worker.pid, signal.SIGCONT)
        worker.given_up, worker.kill_at = True, now + _TRACE
        self._start()

    def _reap(self) -> None:
        while self._workers:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if (worker := self._workers.pop(pid, None)) is not None:
                worker.line.close()
                _send_group(pid, signal.SIGKILL)  # what it started ends with it
                self._ended(worker, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: Worker, code: int) -> None:
        if self._ending:
            unstarted = self._served and not worker.ready and code == -signal.SIGTERM
            self._code = self._code or (0 if worker.given_up or unstarted else _shell(code))
        elif not self._served:
            if code not in exits.EXIT_CODES.values():  # with one of these it has told its reason itself
                notices.tell(f"InstanceFailed: the process ended with {_meaning(code)} before it was ready")
            self._code = self._code or _shell(code) or exits.EXIT_CODES["InstanceFailed"]
            self._end()
        elif not worker.given_up:
            self._restart(worker, code)

    def _restart(self, worker: Worker, code: int) -> None:
        now = clock.monotonic()
        steady = worker.ready and now - worker.born > _STEADY_AFTER
        wait = 0.0 if steady else self._backoff
        self._backoff = _BACKOFF_FIRST if steady else min(self._backoff * 2, _BACKOFF_LAST)
        notices.tell(f"worker {worker.pid} ended with {_meaning(code)}; another starts in {wait:g} seconds")
        self._starts = sorted([*self._starts, now + wait])

    # the end

    def _end(self) -> None:
        """Give up the socket, then have the workers drain; again: at once."""
        self._starts.clear()
        self._ending = True
        if self._listener is not None:
            self._listener.close()  # before they drain, so that the last to close it refuses
            self._listener = None
        for worker in self._workers.values():
            _send(worker.pid, signal.SIGTERM)
            worker.kill_at = min(worker.kill_at, clock.monotonic() + self._grace + _PATIENCE)

    def _let_go(self, now: float) -> None:
        for until, waiting in self._lingering:
            if until <= now:
                waiting.close()
        self._lingering = [(until, waiting) for until, waiting in self._lingering if until > now]


def _shell(code: int) -> int:
    """An exit code as a shell gives it: 128 and more for a signal."""
    return 128 - code if code < 0 else code


def _meaning(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    names: Sequence[str] = [name for name, value in exits.EXIT_CODES.items() if value == code]
    return f"exit code {code}{f' ({names[0]})' if names else ''}"


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it was first


def _send_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return  # nobody is left


def _noticed(*_: object) -> None:
    """A handler must exist for the signal to reach the wakeup descriptor."""
