"""The backlog of a group that nobody reads at the moment: told at once when a message comes, and each second.

It takes no message. A single copy of the next message rings, so that a busy topic is not read twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import nats.errors
from nats.aio.msg import Msg

from openfunction_eventing.drivers.jetstream import reader
from openfunction_eventing.drivers.jetstream.link import Link
from openfunction_eventing.drivers.jetstream.streams import Durable
from openfunction_eventing.drivers.tasks import Tasks

_log = logging.getLogger(__name__)
_TICK = 1.0


class Watch:
    """A subscription that only tells its backlog."""

    def __init__(self, link: Link, durable: Durable) -> None:
        self._link = link
        self._durable = durable
        self.on_backlog: Callable[[int], None] | None = None
        self._known: int | None = None
        self._rang = asyncio.Event()
        self._armed = False
        self._tick = _TICK
        self._tasks = Tasks()

    async def open(self) -> None:
        """Begin."""
        self._known = await reader.waiting(self._link, self._durable)
        self._tasks.start(self._follow())

    def backlog(self) -> int | None:
        """As last told by the broker."""
        return self._known

    async def stop(self) -> None:
        """End."""
        await self._tasks.end()

    async def _follow(self) -> None:
        while True:
            if not self._known:
                await self._arm()
            rang = await self._bell()
            known = await reader.waiting(self._link, self._durable)
            if known is not None:
                # The copy may be faster than the store: what rang is there or will be at once.
                self._tell(max(known, 1) if rang else known)

    async def _bell(self) -> bool:
        try:
            async with asyncio.timeout(self._tick):
                await self._rang.wait()
        except TimeoutError:
            return False
        self._rang.clear()
        return True

    async def _arm(self) -> None:
        if self._armed:
            return
        try:
            bell = await self._link.client.subscribe(self._durable.topic, cb=self._ring)
            await bell.unsubscribe(limit=1)
            self._armed = True
        except nats.errors.Error as error:  # whoever may not subscribe is told each second
            _log.info("the topic cannot be listened to", extra={"error": str(error)})

    async def _ring(self, _: Msg) -> None:
        self._armed = False
        self._rang.set()

    def _tell(self, known: int) -> None:
        self._known = known
        if self.on_backlog is not None:
            self.on_backlog(known)
