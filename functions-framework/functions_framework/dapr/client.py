"""The client of a sidecar: one per process, kept connections, for threads and for loops alike.

It holds no retry of a question that may have been carried out: only one that never reached the sidecar, or that may
safely be asked twice, is asked again.
"""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from functions_framework.dapr import patience, port, wire
from functions_framework.dapr.errors import SidecarUnavailable
from functions_framework.dapr.port import Ask, Reply
from functions_framework.dapr.settings import Sidecar

T = TypeVar("T")
_KEPT = 32  # idle connections; more questions at once open more and close them after use
_CHUNK = 1 << 16
_Streams = tuple[asyncio.AbstractEventLoop, asyncio.StreamReader, asyncio.StreamWriter]


class _Lost(Exception):  # noqa: N818  # it leaves this module as SidecarUnavailable
    """No answer; `reached` when the question may have been carried out."""

    def __init__(self, cause: Exception, *, reached: bool) -> None:
        super().__init__(str(cause) or type(cause).__name__)
        self.reached = reached


class Client:
    """Implements port.Port over the sidecar's HTTP API."""

    def __init__(self, sidecar: Sidecar, *, lost: Callable[[str], None] | None = None) -> None:
        """Make a client; nothing is opened before the first question.

        Args:
            sidecar: where it is.
            lost: told the reason when the sidecar stays away for longer than `sidecar.patience`; from any thread.
        """
        self.sidecar = sidecar
        self._told = lost
        self._sockets: deque[socket.socket] = deque()
        self._streams: deque[_Streams] = deque()
        self._closed = threading.Event()

    # asked from a thread

    def call(self, ask: Ask[T]) -> T:
        """Ask and wait; raises SidecarUnavailable or DaprError."""
        request = wire.encode(ask, self.sidecar)
        for wait in self._waits():
            try:
                return port.result(ask, self._exchange(request))
            except _Lost as error:
                self._give_up(ask, error, wait)
            if self._closed.wait(wait):
                break
        raise self._unavailable(ask, "the client is closed")

    def _exchange(self, request: bytes) -> Reply:
        kept = self._kept_socket()
        try:
            used = kept or socket.create_connection(
                (self.sidecar.host, self.sidecar.http_port), self.sidecar.timeout
            )
        except OSError as error:
            raise _Lost(error, reached=False) from error
        incoming = wire.Incoming()
        try:
            used.sendall(request)
            reply = self._receive(used, incoming)
        except (OSError, ValueError) as error:
            used.close()
            raise _Lost(error, reached=True) from error
        if incoming.kept and len(self._sockets) < _KEPT and not self._closed.is_set():
            self._sockets.append(used)
        else:
            used.close()
        return reply

    @staticmethod
    def _receive(used: socket.socket, incoming: wire.Incoming) -> Reply:
        while True:
            data = used.recv(_CHUNK)
            reply = incoming.feed(data) if data else incoming.end()
            if reply is not None:
                return reply
            if not data:
                raise ConnectionResetError("it closed the connection before it answered")

    def _kept_socket(self) -> socket.socket | None:
        """A kept connection that the sidecar has not closed."""
        while self._sockets:
            try:
                used = self._sockets.pop()
            except IndexError:  # another thread was first
                return None
            if _is_quiet(used.fileno()):
                return used
            used.close()
        return None

    # asked on a loop

    async def acall(self, ask: Ask[T]) -> T:
        """The same on a loop."""
        request = wire.encode(ask, self.sidecar)
        for wait in self._waits():
            try:
                async with asyncio.timeout(self.sidecar.timeout):
                    return port.result(ask, await self._aexchange(request))
            except _Lost as error:
                self._give_up(ask, error, wait)
            except TimeoutError as error:
                raise self._unavailable(
                    ask, f"it did not answer in {self.sidecar.timeout:g} seconds"
                ) from error
            await asyncio.sleep(wait)
            if self._closed.is_set():
                break
        raise self._unavailable(ask, "the client is closed")

    async def _aexchange(self, request: bytes) -> Reply:
        try:
            reader, writer = self._kept_streams() or await asyncio.open_connection(
                self.sidecar.host, self.sidecar.http_port
            )
        except OSError as error:
            raise _Lost(error, reached=False) from error
        incoming = wire.Incoming()
        try:
            writer.write(request)
            reply = await self._areceive(reader, incoming)
        except (OSError, ValueError) as error:
            raise _Lost(error, reached=True) from error
        finally:
            if incoming.kept and len(self._streams) < _KEPT and not self._closed.is_set():
                self._streams.append((asyncio.get_running_loop(), reader, writer))
            else:
                writer.close()
        return reply

    @staticmethod
    async def _areceive(reader: asyncio.StreamReader, incoming: wire.Incoming) -> Reply:
        while True:
            data = await reader.read(_CHUNK)
            reply = incoming.feed(data) if data else incoming.end()
            if reply is not None:
                return reply
            if not data:
                raise ConnectionResetError("it closed the connection before it answered")

    def _kept_streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        loop = asyncio.get_running_loop()
        while self._streams:
            owner, reader, writer = self._streams.pop()
            if (
                owner is loop
                and not writer.is_closing()
                and _is_quiet(writer.get_extra_info("socket").fileno())
            ):
                return reader, writer
            if not owner.is_closed():
                writer.close()
        return None

    # common

    def close(self) -> None:
        """Close what is kept; questions under way end, later ones raise."""
        self._closed.set()
        while self._sockets:
            self._sockets.pop().close()
        while self._streams:
            owner, _, writer = self._streams.pop()
            if not owner.is_closed():
                writer.close()

    def _waits(self) -> Iterator[float]:
        return iter(()) if self._closed.is_set() else patience.waits(self.sidecar.patience)

    def _give_up(self, ask: Ask[Any], error: _Lost, wait: float) -> None:
        """Return when it is worth another attempt; raise otherwise."""
        if wait and ask.patient and (ask.repeatable or not error.reached):
            return
        reason = f"the sidecar at {self.sidecar.address} does not answer: {error}"
        if self._told is not None:
            self._told(reason)
        unsure = " (it may have been carried out)" if error.reached and not ask.repeatable else ""
        raise self._unavailable(ask, reason + unsure) from error

    def _unavailable(self, ask: Ask[Any], reason: str) -> SidecarUnavailable:
        return SidecarUnavailable(ask.operation, ask.component, answer=reason)


def _is_quiet(descriptor: int) -> bool:
    """True for a connection on which nothing waits: neither its end, nor bytes that nobody asked for."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return not poll.poll(0)
