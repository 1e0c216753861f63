"""The lines on which gateways say what their route tables hold, and on which control hears it.

Both are level-based: a line that comes back begins with everything, so nothing is lost by an end of the node.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path

from functions_framework import control
from openfunction_py.lib import log
from openfunction_py.wire import again, channel, messages, route_tables
from openfunction_py.wire.messages import Routes

logger = log.get("wire.route_lines")


class Announcer:
    """A gateway's side: holds the newest table and keeps the node's copy up to date."""

    def __init__(self, path: Path) -> None:
        """Remember where the node listens; nothing is said before there is a table."""
        self._path = path
        self._held: dict[str, str] | None = None
        self._changed = asyncio.Event()

    def tell(self, held: Mapping[str, str]) -> None:
        """The table is in force now."""
        if held != self._held:
            self._held = dict(held)
            self._changed.set()

    async def run(self) -> None:
        """Tell until cancelled; a node that is away is looked for again."""
        pauses = again.pauses()
        await self._changed.wait()
        while True:
            try:
                await self._hold_line()
                pauses.reset()
            except (OSError, control.FrameError) as error:
                logger.debug("the node cannot be told of routes now", error=str(error))
            await pauses.wait()

    async def _hold_line(self) -> None:
        """Say everything, then what changes, until the node ends the line."""
        link = await channel.connect(self._path)
        try:
            await link.send(messages.Hello("gateway").to_wire())
            await channel.tell_until_ended(link, self._tell(link))
        finally:
            await link.close()

    async def _tell(self, link: channel.Channel) -> None:
        told: dict[str, str] | None = None
        while True:
            self._changed.clear()
            held = self._held or {}
            for message in route_tables.steps(told, held):
                await link.send(message.to_wire())
            told = held
            await self._changed.wait()


class Follower:
    """Control's side."""

    def __init__(self, path: Path) -> None:
        """Remember where the node listens."""
        self._path = path

    def routes(self) -> AsyncIterator[Routes]:
        """What gateways hold, from now on; a line that breaks is told as the end of every gateway."""
        return again.read(self._line, lambda: Routes(gone=True))

    async def _line(self) -> AsyncGenerator[Routes, None]:
        link = await channel.connect(self._path)
        try:
            await link.send(messages.Hello("control").to_wire())
            await link.send(messages.follow_routes())
            while (message := await link.receive()) is not None:
                if message.get("type") == "routes":
                    yield Routes.from_wire(message)
        finally:
            await link.close()
