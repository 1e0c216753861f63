"""The instance's line to its node: says hello, ready and the load, and hears drain and stop.

It decides nothing; without a node the instance serves on, and the line comes back by itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Any, Protocol, cast

from functions_framework import control
from functions_framework.calls import meter

_log = logging.getLogger("functions_framework")
_FIRST_RETRY = 0.05
_LAST_RETRY = 1.0
_PERIOD = 1.0


class Orders(Protocol):
    """What a node may tell an instance, and whether the instance is still there for new requests."""

    ending: bool

    def drain(self, seconds: float) -> None:
        """Finish what is under way, then end."""

    def stop(self) -> None:
        """End at once."""


class Link:
    """Keeps one connection to the node's socket, for ever."""

    def __init__(self, path: str, instance: str, *, load: meter.Meter, orders: Orders) -> None:
        self._path = path
        self._instance = instance
        self._meter = load
        self._orders = orders
        self._loop = asyncio.get_running_loop()
        self._stream: _Stream | None = None
        self._was_zero = True
        load.on_wake = self._watch
        load.watched = False

    async def run(self) -> None:
        """Connect, and connect again whenever the node goes away; until cancelled."""
        retry = _FIRST_RETRY
        while True:
            lost = asyncio.Event()
            try:
                _, stream = await self._loop.create_unix_connection(lambda: _Stream(self, lost), self._path)  # noqa: B023  # called before the next turn
            except OSError:
                await asyncio.sleep(retry)
                retry = min(retry * 2, _LAST_RETRY)
                continue
            retry = _FIRST_RETRY
            try:
                await lost.wait()
            finally:
                stream.close()
            await asyncio.sleep(retry)

    def opened(self, stream: _Stream) -> None:
        """The node listens: introduce the instance."""
        self._stream = stream
        start = start_ticks()
        stream.send(control.hello(self._instance, pid=os.getpid(), start=start))
        if not self._orders.ending:
            stream.send(control.ready())

    def leave(self) -> bool:
        """Tell the node that this instance was told to end by somebody else; False when no node listens."""
        if self._stream is None:
            return False
        self._stream.send(control.not_ready(leaving=True))
        return True

    def lost(self, stream: _Stream) -> None:
        """The node is gone."""
        if self._stream is stream:
            self._stream = None

    def received(self, message: dict[str, Any]) -> None:
        """Carry out an order; an unknown one is from a newer node and is left out."""
        match message:
            case {"type": "drain", "seconds": int() | float() as seconds}:
                self._orders.drain(float(seconds))
            case {"type": "stop"}:
                self._orders.stop()
            case _:
                _log.warning("The node sent an unknown message: %s", message.get("type"))

    def _watch(self) -> None:
        """A request came after a quiet time: report from now on."""
        self._loop.call_later(_PERIOD, self._report)

    def _report(self) -> None:
        load = self._meter.take()
        if self._stream is not None:
            self._stream.send(
                control.load(concurrency=load.concurrency, requests=load.requests, in_flight=load.in_flight)
            )
        if load.is_zero:
            self._meter.watched = False
        else:
            self._loop.call_later(_PERIOD, self._report)


class _Stream(asyncio.Protocol):
    """One connection of the link."""

    def __init__(self, link: Link, lost: asyncio.Event) -> None:
        self._link = link
        self._lost = lost
        self._decoder = control.Decoder()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._link.opened(self)

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._decoder.feed(data)
        except control.FrameError as error:
            _log.warning("The node's line is broken and is opened anew: %s", error)
            self.close()
            return
        for message in messages:
            self._link.received(message)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._link.lost(self)
        self._lost.set()

    def send(self, *messages: dict[str, Any]) -> None:
        """Write frames; a node that does not read loses its line instead of filling our memory."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > control.MAX_FRAME:
            self._transport.abort()
            return
        self._transport.write(b"".join(map(control.encode, messages)))

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


def _own_stat() -> bytes:
    # Not pathlib: each function that a fork runs costs it some private pages.
    descriptor = os.open("/proc/self/stat", os.O_RDONLY)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


def start_ticks(read: Callable[[], bytes] = _own_stat) -> str:
    """This process's start time in clock ticks since boot, with its pid its identity; empty where unknown."""
    try:
        stat = read()
    except OSError:
        return ""
    # Field 22; the second field is the command in parentheses and may itself hold spaces.
    return stat[stat.rindex(b")") :].split()[20].decode()
