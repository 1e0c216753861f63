"""Where a source's events go: to a sink with the retries of its delivery, to a topic, or both.

It returns when all have it; what a producer is told hangs on that.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing import clock, delivery, folder, journal
from openfunction_eventing.delivery import Answered, Delivered, Failed, Retry
from openfunction_eventing.documents import Source as Document
from openfunction_eventing.drivers.port import PublishError
from openfunction_eventing.envelope import Message
from openfunction_eventing.journal import Journal, Value
from openfunction_eventing.sinks import Sinks
from openfunction_eventing.sources.port import EmitError


class Publish(Protocol):
    """The half of a bus that stores."""

    async def publish(self, topic: str, message: Message) -> None:
        """Store a message; returns after the broker has it. Raises PublishError."""


class Emitter:
    """The `emit` of one source."""

    def __init__(
        self,
        document: Document,
        sinks: Sinks,
        bus: Publish | None,
        records: Journal,
        *,
        stop: asyncio.Event,
    ) -> None:
        """Send by the document; `bus` is None where there is none, and `stop` ends every wait."""
        self._stop = stop
        self._document, self._sinks, self._bus, self._journal = document, sinks, bus, records

    async def __call__(self, event: CloudEvent) -> None:
        """See `port.Emit`."""
        self._tell(event, "received", source_of=self._document.key)
        try:
            await self._everywhere(event)
        except* EmitError as failures:
            first = failures.exceptions[0]
            final = all(isinstance(one, EmitError) and one.final for one in failures.exceptions)
            self._tell(event, "refused", why=str(first), final=final)
            raise EmitError(str(first), final=final) from first
        self._tell(event, "acknowledged")

    async def _everywhere(self, event: CloudEvent) -> None:
        if self._document.sink and self._document.topic:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._store(event))
                group.create_task(self._post(event))
        elif self._document.topic:
            await self._store(event)
        else:
            await self._post(event)

    async def _store(self, event: CloudEvent) -> None:
        topic = self._document.topic
        if self._bus is None:
            raise EmitError("there is no bus; send the event again")
        try:
            await self._bus.publish(topic, Message(topic, event))
        except PublishError as error:
            raise EmitError(f"the bus did not store the event: {error}", final=not error.temporary) from error
        self._tell(event, "delivered", to=f"topic {topic}")

    async def _post(self, event: CloudEvent) -> None:
        url, policy = self._document.sink, self._document.delivery
        attempt = 0
        while True:
            attempt += 1
            began = clock.monotonic()
            outcome = await self._sinks.post(url, event, timeout=policy.timeout, reply=False)
            took = round((clock.monotonic() - began) * 1000)
            step = delivery.next_step(outcome, attempt, policy, now=clock.wall())
            said = outcome.status if isinstance(outcome, Answered) else outcome.sentence
            self._tell(event, "attempt", n=attempt, to=url, ms=took, status=said)
            if isinstance(step, Delivered):
                return
            if not isinstance(step, Retry):
                raise EmitError(f"{url} did not take the event: {step.reason}", final=_answered(outcome))
            if await folder.pause(self._stop, step.after):
                raise EmitError("the program ends; send the event again")

    def _tell(self, event: CloudEvent, step: str, **detail: Value) -> None:
        self._journal.add(journal.of(event, clock.wall(), step, **detail))


def _answered(outcome: delivery.Outcome) -> bool:
    """Whether the sink said that it does not want this event, now or ever."""
    if isinstance(outcome, Failed):
        return outcome.final
    return outcome.status < 500 and outcome.status not in delivery.RETRIED
