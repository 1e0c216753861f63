"""One instance: a function behind a server, with a line to its node, from start to end.

It parses no flags and forks nothing; cli.py and child.py call it.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import logging
import signal
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from functions_framework import clock, exits, lifecycle
from functions_framework.calls import eager
from functions_framework.program import Program
from functions_framework.serving import ending, listeners, server
from functions_framework.settings import InstanceSettings

if TYPE_CHECKING:
    from functions_framework.serving import link

_log = logging.getLogger("functions_framework")

# A call makes some tens of containers that end with it, and hundreds of calls may be under way: the collector of cycles
# would walk through them every few calls and find nothing.
_PYTHONS_OWN = {(700, 10, 10), (2000, 10, 10), (2000, 10, 0)}  # up to 3.12, of 3.13, of 3.14
_YOUNG = 10_000
# Preparations that the first answer must not wait for begin after this, in seconds.
_QUIET_AFTER = 0.25
_STOPS_AT_LEAST = 1.0
# So long may a node take to see to it that nothing new comes; then the instance drains by itself.
_NODE_ANSWERS_WITHIN = 1.0


class Keeper(server.Keeper, Protocol):
    """A guard, as the instance sees it."""

    def ready(self) -> None:
        """Told when requests are answered."""

    def hopeless(self) -> None:
        """Told when only the end of this process ends what hangs."""

    def on_lost(self, loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
        """Have this called when the guard is gone."""


class Instance:
    """Serves until drained or stopped; implements link.Orders."""

    def __init__(self, program: Program, settings: InstanceSettings) -> None:
        self._program = program
        self._settings = settings
        self._orders: asyncio.Queue[float] = asyncio.Queue()
        self._line: link.Link | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._hung = ""
        self.ending: bool = False
        self.serves: bool = False

    def drain(self, seconds: float) -> None:
        """Finish what is under way within this time, then end."""
        self.ending = True
        if self._patience is not None:
            self._patience.cancel()
        self._orders.put_nowait(seconds)

    def stop(self) -> None:
        """End at once."""
        self.drain(0.0)

    async def run(
        self,
        listener: socket.socket,
        *,
        keeper: Keeper | None = None,
        listening: Callable[[int], None] | None = None,
        when_quiet: Callable[[], None] | None = None,
    ) -> None:
        """Serve on a bound socket until an order to end has been carried out.

        Raises:
            StartError: StartupFailed, or FunctionHung when it ended because calls hang and nobody else ends them.
        """
        port = _port(listener)
        loop = asyncio.get_running_loop()
        site = server.Server(self._program, self._settings, loop)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked, site)
        self._be_watched(site, keeper)
        if self._program.starts:
            site.hold()
        beside = listeners.beside(self._settings)
        await site.start(listener, beside=beside.socket if beside else None)
        if self._program.starts:
            await self._start_up(site)
        self.serves = True
        if keeper is not None:
            keeper.ready()
        if listening is not None:
            listening(port)
        if when_quiet is not None:
            loop.call_later(_QUIET_AFTER, _once_quiet, site, when_quiet)
        async with asyncio.TaskGroup() as group:
            line = group.create_task(self._link(site))
            await self._end(site, await self._orders.get())
            line.cancel()
        if beside is not None:
            beside.remove()
        if self._program.stops:
            await lifecycle.stop(self._program.stops, seconds=max(_STOPS_AT_LEAST, self._settings.grace))
        if self._hung:
            raise exits.StartError("FunctionHung", self._hung)

    async def _start_up(self, site: server.Server) -> None:
        """Run the start hooks; an order to end cuts them short."""
        async with asyncio.TaskGroup() as group:
            starting = group.create_task(_outcome(lifecycle.start(self._program.starts)))
            ordered = group.create_task(self._orders.get())
            done, _ = await asyncio.wait({starting, ordered}, return_when=asyncio.FIRST_COMPLETED)
            if ordered in done:
                self._orders.put_nowait(ordered.result())
            starting.cancel()
            ordered.cancel()
        failed = starting.result() if starting in done else None
        if failed is not None:
            await site.close()
            raise failed
        if starting in done:
            site.release()
        else:
            site.refuse_held()

    def _be_watched(self, site: server.Server, keeper: Keeper | None) -> None:
        """Have hangs ended from outside: by the guard, else by a timer in C and by the end of this instance."""
        if keeper is not None:
            site.keep(keeper)
            keeper.on_lost(site.loop, lambda: self.drain(self._settings.grace))
            site.watch(pulse=None, hopeless=lambda why: self._be_replaced(keeper, why))
        elif self._settings.control:
            site.watch(pulse=_last_resort, hopeless=lambda why: self._give_up(site, why))

    def _be_replaced(self, keeper: Keeper, why: str) -> None:
        _log.error("This process is replaced: %s", why)
        keeper.hopeless()

    def _give_up(self, site: server.Server, why: str) -> None:
        _log.error("This instance ends: %s", why)
        self._hung = f"{why}; see which in the log, and give what it waits for a timeout"
        self._asked(site)

    def _asked(self, site: server.Server) -> None:
        """A signal: let the node turn requests away first, where there is one, then drain."""
        grace = self._settings.grace
        if self.ending or self._line is None or not self._line.leave():
            self.drain(grace)
            return
        self.ending = True
        site.draining = True
        self._patience = site.loop.call_later(_NODE_ANSWERS_WITHIN, self.drain, grace)

    async def _link(self, site: server.Server) -> None:
        if not self._settings.control:
            return
        from functions_framework.serving import link  # noqa: PLC0415  # none of the standalone command's

        self._line = link.Link(self._settings.control, self._settings.instance, load=site.meter, orders=self)
        await self._line.run()

    async def _end(self, site: server.Server, seconds: float) -> None:
        """Drain, unless a later order (stop, or the signal once more) cuts it short."""
        if seconds <= 0:
            await site.close()
            return
        async with asyncio.TaskGroup() as group:
            drain = group.create_task(site.drain(seconds))
            cut = group.create_task(self._cut(site, drain))
            drain.add_done_callback(lambda _: cut.cancel())

    async def _cut(self, site: server.Server, drain: asyncio.Task[None]) -> None:
        await self._orders.get()
        drain.cancel()
        await site.close()


def serve(
    program: Program,
    settings: InstanceSettings,
    *,
    listener: socket.socket | None = None,
    keeper: Keeper | None = None,
    listening: Callable[[int], None] | None = None,
    when_quiet: Callable[[], None] | None = None,
) -> None:
    """Bind, build the loop and serve until told to end; raises StartError when the address is taken.

    Args:
        program: what answers.
        settings: address, limits, identity.
        listener: a bound socket; None: one of host and port.
        keeper: the guard that watches this process.
        listening: told the port once connections are accepted, which matters when the port was 0.
        when_quiet: called once, soon after the start, at a moment without a request under way.
    """
    if listener is None:
        listener = server.bind(settings.host, settings.port)
    if (own := gc.get_threshold()) in _PYTHONS_OWN:  # else the function has said what it wants
        gc.set_threshold(_YOUNG, *own[1:])
    loop = new_loop()
    asyncio.set_event_loop(loop)
    instance = Instance(program, settings)
    running = loop.create_task(
        instance.run(listener, keeper=keeper, listening=listening, when_quiet=when_quiet)
    )
    try:
        loop.run_until_complete(running)
    except eager.FATAL as error:
        if running.done() or not instance.serves:
            raise
        # A task or a signal handler of the user's: it ends the process, but not the answers of others.
        _log.error("Outside of a call %s; this process answers what it has, and ends", eager.exited(error))
        instance.drain(settings.grace)
        loop.run_until_complete(running)
        raise
    loop.run_until_complete(loop.shutdown_asyncgens())


async def _outcome(starting: Coroutine[Any, Any, None]) -> exits.StartError | None:
    """What made a start fail, as a value: a task group would wrap it."""
    try:
        await starting
    except exits.StartError as error:
        return error
    return None


def _last_resort(until: float) -> None:
    """Have a timer in C end this process, with its threads' stacks in the log, unless told a later time before."""
    if until:
        faulthandler.dump_traceback_later(max(0.001, until - clock.monotonic()), exit=True)
    else:
        faulthandler.cancel_dump_traceback_later()


def _port(listener: socket.socket) -> int:
    name = listener.getsockname()
    return int(name[1]) if isinstance(name, tuple) else 0


def _once_quiet(site: server.Server, call: Callable[[], None]) -> None:
    if site.meter.in_flight:
        site.loop.call_later(_QUIET_AFTER, _once_quiet, site, call)
    else:
        call()


def new_loop() -> asyncio.AbstractEventLoop:
    """A uvloop loop where uvloop is installed, else asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415  # optional; a template has it imported already
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


end: Callable[[int], NoReturn] = ending.end
