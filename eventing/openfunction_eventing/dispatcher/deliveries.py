"""One event to one subscriber: attempts with their waits, replies back to the bus, then the dead letter.

It settles nothing; the dispatcher does when every subscriber is done.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing import clock, delivery, journal, log
from openfunction_eventing.delivery import Answered, DeadLetter, Delivered, Failed, Outcome, Retry
from openfunction_eventing.dispatcher.plan import Rule
from openfunction_eventing.documents import Delivery
from openfunction_eventing.drivers.port import PublishError
from openfunction_eventing.envelope import Message
from openfunction_eventing.journal import Journal, Value
from openfunction_eventing.sinks import Sinks

_LOG = log.get("deliveries")
# Delivered: the event or its dead letter is where it belongs. DeadLetter: attempts are over, and nobody took it yet.
# None: the dispatcher ends, and the event has to come again.
End = Delivered | DeadLetter | None
Send = Callable[[], Awaitable[Outcome]]


class Publish(Protocol):
    """The half of a bus that stores."""

    async def publish(self, topic: str, message: Message) -> None:
        """Store a message; returns after the broker has it. Raises PublishError."""


@dataclass(slots=True)  # as envelope.Message
class _Place:
    """Where an event goes, and for which rule."""

    rule: Rule
    event: CloudEvent
    url: str
    policy: Delivery


class Stopping(Exception):  # noqa: N818 - no error: the dispatcher ends
    """The wait before an attempt ended because the dispatcher stops; the event has to come again."""


class Deliveries:
    """What all rules share: sinks with a bound on each, the bus, the journal, and the end."""

    def __init__(self, bus: Publish, sinks: Sinks, records: Journal, *, per_sink: int) -> None:
        """At most `per_sink` attempts run at a sink at one time."""
        self._bus = bus
        self._sinks = sinks
        self._journal = records
        self._gates: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_sink))
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End every wait for another attempt; attempts under way go on."""
        self._stopping.set()

    async def to_sink(self, rule: Rule, event: CloudEvent, over: DeadLetter | None = None) -> End:
        """Deliver to the sink; with what ended the attempts when the event came before, only to where the dead go."""
        one = _Place(rule, event, rule.subscriber.sink, rule.subscriber.delivery)
        return await self._settled(one, lambda: self._post(one), over)

    async def to_topic(self, rule: Rule, event: CloudEvent, over: DeadLetter | None = None) -> End:
        """The same with the topic."""
        one = _Place(rule, event, f"topic {rule.subscriber.topic}", rule.subscriber.delivery)
        return await self._settled(one, lambda: self._pass_on(rule.subscriber.topic, event), over)

    async def _settled(self, place: _Place, send: Send, over: DeadLetter | None) -> End:
        try:
            end = over or await self._attempts(place, send)
            buried = isinstance(end, DeadLetter) and await self._bury(place, end)
        except Stopping:
            return None
        return Delivered() if buried else end

    async def _attempts(self, place: _Place, send: Send) -> Delivered | DeadLetter:
        attempt = 0
        while True:
            attempt += 1
            async with self._gates[place.url]:
                began = clock.monotonic()
                outcome = await send()
                took = round((clock.monotonic() - began) * 1000)
            step = delivery.next_step(outcome, attempt, place.policy, now=clock.wall())
            self._tell(place, "attempt", n=attempt, to=place.url, ms=took, **_said(outcome, step))
            if not isinstance(step, Retry):
                return step
            await self._wait(step.after)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
        raise Stopping

    async def _post(self, place: _Place) -> Outcome:
        outcome = await self._sinks.post(place.url, place.event, timeout=place.policy.timeout)
        topic = place.rule.subscriber.reply_topic or place.rule.subscriber.topic
        if not isinstance(outcome, Answered) or outcome.reply is None or not topic:
            return outcome
        # A reply that is lost is a delivery that failed: the sink is asked again.
        stored = await self._pass_on(topic, _descended(outcome.reply, place.event))
        if isinstance(stored, Failed):
            return stored
        self._tell(place, "replied", topic=topic, reply=str(outcome.reply["id"]))
        return outcome

    async def _pass_on(self, topic: str, event: CloudEvent) -> Outcome:
        passed = delivery.passed_on(event)
        if passed is None:
            return Failed(
                "it has gone round the bus too often; look for a trigger that feeds itself", final=True
            )
        try:
            await self._bus.publish(topic, Message(topic, passed))
        except PublishError as error:
            return Failed(str(error), final=not error.temporary)
        return Answered(202)

    async def _bury(self, place: _Place, end: DeadLetter) -> bool:
        """Send the event to where the dead go; without such a place it is dropped, which is told."""
        who, letter = place.rule.subscriber, delivery.dead_letter(place.event, end, place.url)
        if not who.dead_letter_sink and not who.dead_letter_topic:
            self._tell(place, "dropped", why=end.reason)
            _LOG.warning(
                "an event is dropped, as its subscriber has no dead letter", **_names(place), why=end.reason
            )
            return True
        sent = True
        if who.dead_letter_sink:
            last = _Place(place.rule, letter, who.dead_letter_sink, place.policy)
            sent = await self._buried(last, end, lambda: self._bare(last))
        if who.dead_letter_topic:
            last = _Place(place.rule, letter, f"topic {who.dead_letter_topic}", place.policy)
            sent &= await self._buried(last, end, lambda: self._pass_on(who.dead_letter_topic, letter))
        return sent

    async def _buried(self, place: _Place, why: DeadLetter, send: Send) -> bool:
        end = await self._attempts(place, send)
        if isinstance(end, Delivered):
            self._tell(place, "dead_lettered", to=place.url, why=why.reason)
            return True
        _LOG.error("a dead letter cannot be delivered", **_names(place), why=end.reason)
        return False

    async def _bare(self, place: _Place) -> Outcome:
        return await self._sinks.post(place.url, place.event, timeout=place.policy.timeout, reply=False)

    def _tell(self, place: _Place, step: str, **detail: Value) -> None:
        record = journal.of(place.event, clock.wall(), step, subscriber=place.rule.name, **detail)
        self._journal.add(record)


def _said(outcome: Outcome, step: delivery.Step) -> dict[str, Value]:
    told: dict[str, Value] = {}
    if isinstance(outcome, Answered):
        told["status"] = outcome.status
    else:
        told["error"] = outcome.sentence
    if isinstance(step, Retry):
        told["again_in"] = step.after
    return told


def _names(place: _Place) -> dict[str, object]:
    return {"subscriber": place.rule.name, "event": place.event["id"], "to": place.url}


def _descended(reply: CloudEvent, event: CloudEvent) -> CloudEvent:
    """A reply has as many passes left as what it answers."""
    if delivery.TTL not in event:
        return reply
    return CloudEvent.read({**reply.get_attributes(), delivery.TTL: event[delivery.TTL]}, reply._data)  # noqa: SLF001 - as it came
