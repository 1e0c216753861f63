"""Moments of a schedule as events.

Two processes, or one that was started again, give one moment the same id. A moment that comes while the one
before it is still being emitted is left out.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing import clock, log, schedules
from openfunction_eventing.documents import DocumentError
from openfunction_eventing.documents import Source as Document
from openfunction_eventing.drivers.port import retry_delay
from openfunction_eventing.keys import Keys
from openfunction_eventing.sources import port
from openfunction_eventing.sources.port import Emit, EmitError

_LOG = log.get("cron")
# Wall clocks are set; a wait is never so long that a jump of the clock would go unseen for more than this.
_LOOK = 30.0


class Cron:
    """One schedule."""

    def __init__(self, document: Document) -> None:
        """Read the schedule; raises DocumentError."""
        self._document = document
        text = Keys(document.spec, ("schedule",), path="spec").text("schedule")
        try:
            self._schedule = schedules.parse(text)
        except ValueError as error:
            raise DocumentError("spec.schedule", str(error)) from error

    async def run(self, emit: Emit) -> None:
        """See `port.Source`."""
        due = self.after(clock.wall())
        while due is not None:
            while (left := due - clock.wall()) > 0:  # noqa: ASYNC110 - the event is the time itself
                await asyncio.sleep(min(left, _LOOK))
            await self._give(emit, due)
            due = self.after(max(due, clock.wall()))
        _LOG.warning("the schedule has no further moment", source=self._document.key)
        await asyncio.Event().wait()

    async def _give(self, emit: Emit, due: float) -> None:
        """Emit a moment, again where it was not taken, until its time is over because the next one is due."""
        attempt, over = 0, self.after(due)
        while True:
            attempt += 1
            try:
                return await emit(self.event(due))
            except EmitError as error:
                wait = retry_delay(attempt)
                if error.final or (over is not None and clock.wall() + wait >= over):
                    _LOG.error("a moment is lost", source=self._document.key, due=due, error=str(error))
                    return None
                _LOG.warning(
                    "a moment is offered again", source=self._document.key, due=due, error=str(error)
                )
            await asyncio.sleep(wait)

    def after(self, moment: float) -> float | None:
        """The first moment after one, in seconds since the epoch; None when there is none.

        Periods count from the epoch, so that every process finds the same moments.
        """
        every = self._schedule.every
        if every is not None:
            seconds = every.total_seconds()
            return (moment // seconds + 1) * seconds
        found = schedules.following(self._schedule, datetime.fromtimestamp(moment, UTC))
        return None if found is None else found.timestamp()

    def event(self, due: float) -> CloudEvent:
        """The event of a moment, which is its time."""
        moment = clock.timestamp(due)
        return CloudEvent({**port.attributes(self._document, f"{due:.0f}"), "time": moment}, {"time": moment})
