"""The HTTP server of an instance: its listener, its connections, its health answers, and its drain.

It parses nothing and runs no function; http1.py and dispatch.py do.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, Protocol

from functions_framework import clock, readiness, response
from functions_framework.calls import dispatch, meter
from functions_framework.connections import http1, page
from functions_framework.connections.exchange import Exchange
from functions_framework.connections.site import Kept, Marks
from functions_framework.program import Program, Second
from functions_framework.serving import listeners
from functions_framework.settings import InstanceSettings, Limits

_log = logging.getLogger("functions_framework")
_BACKLOG = 2048
_SWEEP = 10.0
_SWEEP_LEAST = 0.05
_PROBES = frozenset({b"/healthz", b"/readyz"})
_OK = response.plain(200, "ok")
_STOPPED = response.plain(503, "The instance stopped before the function could begin.")
_REMEMBERED, _SHORT = 256, 512
_SPARE = 3  # times as many calls may hang as there are threads, until a guard has replaced the process
bind: Callable[[str, int], socket.socket] = listeners.bind


class Keeper(Protocol):
    """A guard, as the server sees it."""

    @property
    def marks(self) -> Marks:
        """A byte for each descriptor: what its connection waits for."""

    def pulse(self, until: float) -> None:
        """Told until when this process counts as alive."""


class Server:
    """Implements site.Site; everything on the loop's thread."""

    def __init__(self, program: Program, settings: InstanceSettings, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.limits: Limits = settings.limits
        self.draining: bool = False
        self.meter: meter.Meter = meter.Meter(clock.monotonic)
        self._settings = settings
        self._endpoints = program.endpoints
        self._checks = program.checks
        self.second: Second | None = program.second
        self.marks: Marks = bytearray(1)
        self._slots = False
        self._hung = ""
        self._held: list[Exchange] | None = None  # requests that came before the start hooks were done
        self._dispatcher = dispatch.Dispatcher(
            program, loop=loop, timeout=settings.timeout, threads=settings.threads, load=self.meter
        )
        self._connections: set[Kept] = set()
        self._revision = f"x-ofn-revision: {settings.revision}\r\n" if settings.revision else ""
        self._common, self._common_second = b"", 0
        self._tops: dict[tuple[int, bytes, int], bytes] = {}  # heads of this second
        self._sweep_period = _period(settings.limits)
        self._sweeper: asyncio.TimerHandle | None = None
        self._quiet = asyncio.Event()
        self._listeners: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._shared: socket.socket | None = None  # the listener, where workers share it
        self._joining: set[asyncio.Task[Any]] = (
            set()
        )  # Any: transports and protocols, which announce themselves

    # site.Site

    def begin(self, exchange: Exchange) -> None:
        """Answer what is the framework's own here; everything else is the function's."""
        request = exchange.request
        target = request.full_target
        if target in _PROBES and request.method in {"GET", "HEAD"}:
            exchange.send(self._health(target))
        elif target in self._endpoints and request.method in {"GET", "HEAD"}:
            exchange.send(self._endpoints[target](request))
        else:
            self._dispatcher.begin(exchange)

    def slot(self, transport: asyncio.Transport) -> int:
        """The place in `marks` of a connection."""
        return page.slot(transport.get_extra_info("socket").fileno()) if self._slots else 0

    def joined(self, connection: Kept) -> None:
        """Watch over a new connection."""
        self._connections.add(connection)
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(self._sweep_period, self._sweep)

    def left(self, connection: Kept) -> None:
        """Forget a connection."""
        self._connections.discard(connection)
        self._check_quiet()

    def top(self, status: int, lines: bytes, length: int) -> bytes:
        """The head of a whole answer, up to its empty line; those of one second are often the same."""
        common = self.common()
        known = self._tops.get((status, lines, length))
        if known is not None:
            return known
        told = b"" if status in response.BODILESS else b"content-length: %d\r\n" % length
        made = b"%b%b%b%b\r\n" % (response.STATUS_LINES[status], lines, told, common)
        if len(self._tops) < _REMEMBERED and len(lines) < _SHORT:
            self._tops[status, lines, length] = made
        return made

    def common(self) -> bytes:
        """Date and revision, rendered once a second."""
        second = clock.wall_second()
        if second != self._common_second:
            self._common_second = second
            self._tops.clear()
            self._common = f"date: {clock.http_date(second)}\r\n{self._revision}".encode("latin-1")
        return self._common

    # lifetime

    def keep(self, keeper: Keeper) -> None:
        """Let a guard see what connections wait for, and have it replace this process when calls hang for good."""
        self.marks, self._slots = keeper.marks, True
        self._dispatcher.watchdog.pulse = keeper.pulse
        self._dispatcher.pool.spare = _SPARE * self._settings.threads

    def watch(self, *, pulse: Callable[[float], None] | None, hopeless: Callable[[str], None]) -> None:
        """Tell until when this process counts as alive, and when only its end ends what hangs."""
        if pulse is not None:
            self._dispatcher.watchdog.pulse = pulse

        def not_ready(why: str) -> None:
            self._hung = why
            hopeless(why)

        self._dispatcher.pool.on_hopeless(not_ready)

    def hold(self) -> None:
        """Keep requests for the function until `release`; health is answered."""
        self._held = []
        self.begin = self._hold  # type: ignore[method-assign]  # so that nothing is asked for each request later

    def release(self) -> None:
        """Begin what was held."""
        held, self._held = self._held or [], None
        vars(self).pop("begin", None)
        for exchange in held:
            self.begin(exchange)

    def _hold(self, exchange: Exchange) -> None:
        if exchange.request.full_target in _PROBES and exchange.request.method in {"GET", "HEAD"}:
            exchange.send(self._health(exchange.request.full_target))
        elif self._held is not None:
            self._held.append(exchange)

    async def start(self, listener: socket.socket, *, beside: socket.socket | None = None) -> None:
        """Accept on a bound socket, and on one beside it; where that cannot be reached, the first cannot either."""
        if beside is not None:
            await self._serve(beside)
        if self._settings.workers > 1:
            # One connection in a turn: a loop that takes all there are leaves none to the others.
            self._listeners.append(listener.dup())
            listener.listen(_BACKLOG)
            self._shared = listener
            self.loop.add_reader(listener.fileno(), self._accept_one, listener)
        else:
            await self._serve(listener)
        self._dispatcher.watchdog.install()

    async def _serve(self, listener: socket.socket) -> None:
        self._listeners.append(listener.dup())
        self._servers.append(await self.loop.create_server(self._connection, sock=listener, backlog=_BACKLOG))

    def refuse_held(self) -> None:
        """The start failed or was cut short: nothing held will be begun."""
        for exchange in self._held or ():
            exchange.send(_STOPPED)

    async def drain(self, seconds: float) -> None:
        """Answer everything that was accepted, saying `connection: close`; cut what takes longer than this."""
        self.draining = True
        deadline = self.loop.time() + seconds
        for kept in list(self._connections):
            kept.drain()
        # Clients that were told nothing yet may be sending on a kept connection: they are answered and told.
        await asyncio.sleep(min(self._settings.settle, seconds))
        if await self._stop_accepting():
            await asyncio.sleep(min(self._settings.settle, seconds))
        for kept in list(self._connections):
            if kept.is_idle:
                kept.close()
        self.meter.on_idle = self._check_quiet
        self._check_quiet()
        try:
            async with asyncio.timeout_at(deadline):
                await self._quiet.wait()
        except TimeoutError:
            await self.close()

    async def close(self) -> None:
        """Cancel what runs, answer it, close every connection."""
        self.draining = True
        self.refuse_held()
        await self._stop_accepting()
        await self._dispatcher.cancel()
        self._dispatcher.watchdog.remove()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for kept in list(self._connections):
            kept.close()
        await asyncio.sleep(0)

    async def _stop_accepting(self) -> int:
        """Close the listeners after taking what the kernel had already accepted for us; returns how many."""
        servers, listeners, shared = self._servers, self._listeners, self._shared
        self._servers, self._listeners, self._shared = [], [], None
        for server in servers:
            server.close()
        if shared is not None:
            self.loop.remove_reader(shared.fileno())
            shared.close()
        return sum([await self._take(listener) for listener in listeners])

    async def _take(self, listener: socket.socket) -> int:
        taken = 0
        with listener:
            while True:
                try:
                    accepted, _ = listener.accept()
                except (BlockingIOError, ConnectionAbortedError):
                    return taken
                await self.loop.connect_accepted_socket(self._connection, accepted)
                taken += 1

    def _accept_one(self, listener: socket.socket) -> None:
        try:
            accepted, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another worker was first
        except OSError as error:
            _log.error("A connection cannot be accepted: %s", error)
            return
        accepted.settimeout(0)
        joining = asyncio.Task(self.loop.connect_accepted_socket(self._connection, accepted), loop=self.loop)
        self._joining.add(joining)
        joining.add_done_callback(self._joining.discard)

    def _connection(self) -> http1.Connection:
        return http1.Connection(self)

    def _check_quiet(self) -> None:
        if self.draining and not self._connections and not self.meter.in_flight:
            self._quiet.set()

    def _health(self, target: bytes) -> response.Answer:
        if target == b"/healthz":
            return _OK
        if self.draining:
            return response.plain(503, "draining")
        if self._held is not None:
            return response.plain(503, "starting")
        if self._hung:
            return response.plain(503, self._hung)
        if self._dispatcher.pool.exhausted:
            return response.plain(503, f"{self._dispatcher.pool.stuck} calls of the function hang")
        reason = readiness.why_not() or next(filter(None, (check() for check in self._checks)), "")
        return response.plain(503, reason) if reason else _OK

    def _sweep(self) -> None:
        now = self.loop.time()
        for kept in list(self._connections):
            kept.look(now)
        self._sweeper = self.loop.call_later(self._sweep_period, self._sweep) if self._connections else None


def _period(limits: Limits) -> float:
    """How often connections are looked at: a quarter of the shortest limit, within bounds."""
    shortest = min(limits.head_seconds, limits.stall_seconds, limits.send_seconds, limits.idle_seconds)
    return max(_SWEEP_LEAST, min(_SWEEP, shortest / 4))
