"""Single deliveries gathered into bulks: so many, or those of so many seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from openfunction_eventing.drivers.tasks import Tasks
from openfunction_eventing.sidecar.channel import Delivery, Status
from openfunction_eventing.sidecar.subscriptions import Bulk

Send = Callable[[Sequence[Delivery]], Awaitable[Mapping[str, Status]]]


@dataclass(slots=True)
class _Waiting:
    delivery: Delivery
    told: asyncio.Future[Status]


class Collector:
    """Who delivers waits until the bulk that has it was answered."""

    def __init__(self, limits: Bulk, send: Send) -> None:
        self._limits = limits
        self._send = send
        self._waiting: list[_Waiting] = []
        self._timer: asyncio.TimerHandle | None = None
        self._sending = Tasks()

    async def deliver(self, one: Delivery) -> Status:
        """Deliver in the next bulk; raises what its sending raised. An entry without an answer is a RETRY."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(one, loop.create_future())
        self._waiting.append(waiting)
        if len(self._waiting) >= self._limits.most:
            self._flush()
        elif self._timer is None:
            self._timer = loop.call_later(self._limits.wait, self._flush)
        return await waiting.told

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # Who was cancelled while it waited is not sent: it comes again.
        full, self._waiting = [one for one in self._waiting if not one.told.done()], []
        if full:
            self._sending.start(self._settle(full))

    async def _settle(self, full: Sequence[_Waiting]) -> None:
        try:
            told = await self._send([one.delivery for one in full])
        except Exception as error:  # noqa: BLE001  # each of those who wait raises it
            for one in full:
                if not one.told.done():
                    one.told.set_exception(error)
            return
        for one in full:
            if not one.told.done():
                one.told.set_result(told.get(one.delivery.entry, "RETRY"))
