"""The door for instances: who says hello, whether it is who it claims to be, what it reports, what it is told.

It starts and stops nothing; an instance whose line is lost is not dead, and comes back by itself.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from functions_framework import control
from openfunction_py.lib import log
from openfunction_py.node import doors, sandbox
from openfunction_py.node.processes import Identity
from openfunction_py.wire import channel

HELLO_SECONDS = 5.0
MAX_STRANGERS = 1024

logger = log.get("node.instances")


@dataclass(frozen=True, slots=True)
class Measured:
    """An instance's own account of the last second."""

    concurrency: float
    requests: int
    in_flight: int


@dataclass(slots=True)
class Presence:
    """One instance as its line shows it; `ready` is set once the expected process said that it serves."""

    on_load: Callable[[Measured], None] | None = None
    on_word: Callable[[bool, bool], None] | None = None  # ready or not, and whether it wants to leave
    withdrawn: bool = False
    expected: Identity | None = None
    link: channel.Channel | None = None
    leader: int = 0
    says_ready: bool = False
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def expect(self, identity: Identity | None) -> None:
        """Believe only this process from now on."""
        if identity != self.expected:
            self.expected = identity
            self.ready.clear()
        if self.link is not None and not self.is_genuine:
            self.link.post(control.stop())  # of an earlier run that nobody recorded
        self.update()

    def update(self) -> None:
        """Set `ready` when the right process has said so."""
        if self.says_ready and self.is_genuine:
            self.ready.set()

    def withdraw(self, *, leaving: bool) -> None:
        """It takes nothing new, for now or for ever."""
        self.says_ready, self.withdrawn = False, True
        self.ready.clear()
        if self.on_word is not None and self.is_genuine:
            self.on_word(False, leaving)  # noqa: FBT003 - a callback's values

    def come_back(self) -> None:
        """It serves, for the first time or again."""
        self.says_ready = True
        self.update()
        if self.withdrawn and self.on_word is not None and self.is_genuine:
            self.on_word(True, False)  # noqa: FBT003 - a callback's values
        self.withdrawn = False

    @property
    def is_genuine(self) -> bool:
        """Whether the line is held by the process that the node started, or by one of its session."""
        return self.link is not None and self.expected is not None and self.leader == self.expected.pid

    def tell(self, message: Mapping[str, Any]) -> bool:
        """Give an order; False when there is no line."""
        return self.is_genuine and self.link is not None and self.link.post(message)


class Instances:
    """Every instance that has a line, and those expected to."""

    def __init__(self) -> None:
        """Nobody is known yet."""
        self._present: dict[str, Presence] = {}
        self._settled = False

    def settle(self) -> None:
        """From now on every instance that may run has its place; whoever else comes is told to stop."""
        self._settled = True
        for place in self._present.values():
            if place.on_load is None and place.link is not None:
                place.link.post(control.stop())

    def presence(self, instance: str) -> Presence:
        """The place of an instance, whether or not it has said hello."""
        return self._present.setdefault(instance, Presence())

    def leave(self, instance: str) -> None:
        """Forget an instance that is gone."""
        self._present.pop(instance, None)

    async def serve(self, path: Path) -> None:
        """Listen for instances until cancelled; the user of sandboxed instances may connect."""
        await doors.serve(path, self._greet, mode=0o666)

    async def _greet(self, link: channel.Channel, peer: socket.socket) -> None:
        async with asyncio.timeout(HELLO_SECONDS):
            hello = await link.receive()
        if hello is None or hello.get("type") != "hello" or hello.get("version") != control.VERSION:
            return
        leader = _leader(peer, claimed=int(hello.get("pid") or 0))
        name = str(hello.get("instance") or "")
        if leader is None or (name not in self._present and len(self._present) >= MAX_STRANGERS):
            logger.warning("an instance is not believed", instance=name, pid=hello.get("pid"))
            return
        if self._settled and name not in self._present:
            await link.send(control.stop())
            return
        await self._converse(name, link, leader)

    async def _converse(self, name: str, link: channel.Channel, leader: int) -> None:
        place = self.presence(name)
        if place.is_genuine and (place.expected is None or leader != place.expected.pid):
            return  # a process that claims the name of a living instance
        place.link, place.leader, place.says_ready, place.withdrawn = link, leader, False, False
        try:
            while (message := await link.receive()) is not None:
                _hear(place, message)
        finally:
            if place.link is link:
                place.link = None
                if place.on_load is None:
                    self.leave(name)


def _hear(place: Presence, message: Mapping[str, Any]) -> None:
    match message:
        case {"type": "ready"}:
            place.come_back()
        case {"type": "not_ready"}:
            place.withdraw(leaving=bool(message.get("leaving")))
        case {"type": "load", "concurrency": concurrency, "requests": requests}:
            if place.on_load is not None and place.is_genuine:
                place.on_load(Measured(float(concurrency), int(requests), int(message.get("in_flight") or 0)))


def _leader(peer: socket.socket, *, claimed: int) -> int | None:
    """The leader of the session of whoever connected; None when it is not who it says it is."""
    if not hasattr(socket, "SO_PEERCRED"):
        return claimed
    pid, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if pid != claimed or uid not in {os.getuid(), sandbox.UNPRIVILEGED}:
        return None
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
