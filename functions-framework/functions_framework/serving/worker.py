"""What a fork of the guard does: loads the function, serves it on the guard's socket, and keeps the guard informed.

It returns to nobody; the process ends here.
"""

from __future__ import annotations

import asyncio
import faulthandler
import mmap
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from functions_framework import exits
from functions_framework.calls import threadhang
from functions_framework.connections import page
from functions_framework.program import Program
from functions_framework.serving import guard, instance
from functions_framework.settings import InstanceSettings

GUARD = "OFN_GUARD_PID"  # for what ends the whole command, as plugins/once.py does


class Tie:
    """The worker's end of the line to its guard; implements instance.Keeper."""

    def __init__(self, shared: page.Page, line: socket.socket) -> None:
        self._page = shared
        self._line = line
        self.lost = False
        line.settimeout(0)

    @property
    def marks(self) -> mmap.mmap:
        """Where each connection notes what it waits for."""
        return self._page.marks

    def pulse(self, until: float) -> None:
        """Until when this process counts as alive."""
        self._page.beat(until)

    def ready(self) -> None:
        """Connections are accepted."""
        self._say(guard.READY)

    def hopeless(self) -> None:
        """Only the end of this process ends what hangs; another takes its place."""
        self._say(guard.HOPELESS)

    def on_lost(self, loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
        """Have this called when the guard is gone, whatever ended it."""

        def ended() -> None:
            loop.remove_reader(self._line.fileno())
            self.lost = True
            call()

        loop.add_reader(self._line.fileno(), ended)

    def _say(self, word: bytes) -> None:
        try:
            self._line.send(word)
        except OSError:
            return  # the guard is gone, which `on_lost` tells


def become(
    load: Callable[[], Program], settings: InstanceSettings, listener: socket.socket, tie: Tie
) -> NoReturn:
    """Serve as a worker; call it in a fresh fork."""
    code = exits.EXIT_CODES["InstanceFailed"]
    try:
        os.environ[GUARD] = str(os.getppid())
        os.setsid()  # a terminal's interrupt reaches the guard alone, and what the function starts ends with it
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        if hasattr(faulthandler, "register"):
            faulthandler.register(signal.SIGUSR2, all_threads=True)  # the guard asks before it kills
        instance.serve(load(), settings, listener=listener, keeper=tie, when_quiet=threadhang.prepare)
        code = 0
    except exits.StartError as error:
        exits.tell(error)
        code = error.code
    except BaseException:  # noqa: BLE001  # the root of a process: its log gets the reason
        traceback.print_exc()
    if tie.lost:
        _end_with_children()
    instance.end(code)


def _end_with_children() -> NoReturn:
    """What the guard would have done: what the function started ends too. Nobody asks for the exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(0)
