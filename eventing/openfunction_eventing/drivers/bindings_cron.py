"""Ticks of a schedule (Dapr's `bindings.cron`): empty data at each time; a time that is missed is not made up for.

A tick that is still at work lets the next one come beside it, as in Dapr; a retry is tried until the next tick.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from openfunction_eventing import clock, schedules
from openfunction_eventing.component import Component
from openfunction_eventing.drivers import port
from openfunction_eventing.drivers.port import Read
from openfunction_eventing.drivers.tasks import Tasks
from openfunction_eventing.schedules import Schedule

_log = logging.getLogger(__name__)
# A wall clock that is set must not make a tick late by more than this.
_LOOK = 30.0


async def open(component: Component) -> Cron:  # noqa: A001 - the name that `drivers` calls
    """Read the schedule; raises ComponentError."""
    written = component.required("schedule")
    try:
        times = schedules.parse(written)
    except ValueError as error:
        raise component.error(f"metadata 'schedule' is wrong: {error}") from error
    return Cron(times)


class Cron:
    """One schedule."""

    def __init__(self, times: Schedule, *, wall: Callable[[], float] = clock.wall) -> None:
        self._times = times
        self._wall = wall
        self._running: set[Ticking] = set()

    async def read(self, deliver: Read) -> port.Subscription:
        """See `port.InputBinding`."""
        made = Ticking(self._times, deliver, wall=self._wall)
        self._running.add(made)
        made.begin()
        return made

    async def close(self) -> None:
        """See `port.InputBinding`."""
        for one in self._running:
            await one.stop()
        self._running.clear()

    def health(self) -> str:
        """See `port.InputBinding`."""
        return ""


class Ticking:
    """A schedule that is being read."""

    def __init__(self, times: Schedule, deliver: Read, *, wall: Callable[[], float]) -> None:
        self.on_backlog: Callable[[int], None] | None = None
        self._times = times
        self._deliver = deliver
        self._wall = wall
        self._stopping = asyncio.Event()
        self._waiting = Tasks()
        self._work = Tasks()

    def begin(self) -> None:
        """Wait for the first time."""
        self._waiting.start(self._tick())

    def backlog(self) -> int | None:
        """Ticks that are at work."""
        return len(self._work)

    async def stop(self) -> None:
        """See `port.Subscription`."""
        self._stopping.set()
        await self._waiting.end()
        await self._work.wait()

    async def _tick(self) -> None:
        at = schedules.following(self._times, self._now())
        while at is not None:
            await self._until(at)
            # Counted from the present time where the clock or the machine slept through some.
            following = schedules.following(self._times, max(at, self._now()))
            self._work.start(self._fire(at, following))
            at = following

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), UTC)

    async def _until(self, at: datetime) -> None:
        while (left := at.timestamp() - self._wall()) > 0:  # noqa: ASYNC110 - it is the clock that is waited for
            await asyncio.sleep(min(left, _LOOK))

    async def _fire(self, at: datetime, following: datetime | None) -> None:
        metadata = {"readTimeUTC": at.isoformat(), "timeZone": str(self._times.zone)}
        attempt = 1
        while True:
            verdict = await self._answer(metadata)
            if verdict.kind != "retry" or self._stopping.is_set():
                return
            delay = port.retry_delay(attempt) if verdict.delay is None else verdict.delay
            if following is not None and self._wall() + delay >= following.timestamp():
                _log.warning("a tick was given up: the next one is due", extra={"at": at.isoformat()})
                return
            await self._pause(delay)
            attempt += 1

    async def _answer(self, metadata: Mapping[str, str]) -> port.Verdict:
        try:
            return await self._deliver(b"", metadata)
        except Exception as error:  # noqa: BLE001  # a handler's failure is an answer
            _log.error("a handler failed at a tick", exc_info=error)
            return port.RETRY

    async def _pause(self, delay: float) -> None:
        try:
            async with asyncio.timeout(delay):
                await self._stopping.wait()
        except TimeoutError:
            return
