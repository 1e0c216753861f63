"""Reading a durable: so many messages asked for as may be in flight, each settled by its handler's answer.

Messages are asked for, never pushed: a slow function takes less. What a dead reader had comes to another one after
the consumer's ack wait; a living reader says meanwhile that it is still at work.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

import nats.errors
from nats.aio.subscription import Subscription as NatsSubscription

from functions_framework import jsons
from openfunction_eventing import envelope
from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.drivers import handling, port
from openfunction_eventing.drivers.handling import Handling
from openfunction_eventing.drivers.jetstream import scanning
from openfunction_eventing.drivers.jetstream.link import Link
from openfunction_eventing.drivers.jetstream.streams import Durable, Streams
from openfunction_eventing.drivers.tasks import Tasks
from openfunction_eventing.drivers.window import Window
from openfunction_eventing.envelope import Message

_log = logging.getLogger(__name__)
_EXPIRES: Final = 30.0
_HEARTBEAT: Final = 5.0
_PAUSE: Final = 0.2
_TICK: Final = 1.0
_GROWTH: Final = 8  # below 1000, what JetStream gives out without an acknowledgement
_WORDS: Final = {"ack": b"+ACK", "drop": b"+TERM"}


class Parcel:
    """One delivery, as the broker's reply subject tells of it."""

    __slots__ = ("attempt", "line", "message", "pending", "reply", "sequence")

    def __init__(
        self, topic: str, reply: str, head: bytes, payload: bytes, options: port.SubscribeOptions
    ) -> None:
        words = reply.split(".")
        at = 4 if len(words) == 9 else 6  # the older form has no domain and no account
        self.reply = reply
        self.attempt = int(words[at])
        self.pending = int(words[at + 4])
        sequence = words[at + 1]
        event = envelope.decode(payload, topic=topic, position=f"{words[at - 2]}:{sequence}", raw=options.raw)
        metadata = {"topic": topic, "sequence": sequence, **scanning.headers(head)}
        self.message = Message(topic, event, metadata, self.attempt)
        self.line = envelope.key(self.message, options.order_key) if options.order_key else ""

    def opened(self) -> Message:
        """What the handler gets."""
        if self.attempt == self.message.attempt:
            return self.message
        return Message(self.message.topic, self.message.event, self.message.metadata, self.attempt)


class Reader:
    """A subscription."""

    def __init__(
        self,
        link: Link,
        streams: Streams,
        durable: Durable,
        options: port.SubscribeOptions,
        deliver: port.Deliver,
    ) -> None:
        self._link = link
        self._streams = streams
        self._durable = durable
        self._options = options
        self.on_backlog: Callable[[int], None] | None = None
        self._care = Tasks()
        self._window = window(link.component, options, asyncio.get_running_loop().time())
        self._work = Handling[Parcel](
            deliver,
            self._settle,
            most=self._window.size,
            line=lambda parcel: parcel.line,
            delays=link.component.seconds_list("backOff"),
        )
        self._asked = 0
        self._heard = 0.0
        self._pending: int | None = None
        self._inbox: NatsSubscription | None = None

    async def open(self) -> None:
        """Begin."""
        self._link.on_back.append(self._back)
        self._inbox = await self._link.listen(self._link.client.new_inbox(), self._came)
        self._ask()
        self._care.start(self._tend())

    def backlog(self) -> int | None:
        """What the broker has for the group and what is in flight here."""
        return None if self._pending is None else self._pending + len(self._work.held)

    async def stop(self) -> None:
        """Take no more, settle what is in work, give back what was not begun."""
        if self._work.stopping.is_set():
            return await self._work.stop()
        self._work.stopping.set()
        if self._back in self._link.on_back:
            self._link.on_back.remove(self._back)
        if self._inbox is not None and self._link.client.is_connected:
            await self._inbox.drain()  # type: ignore[no-untyped-call]  # the library's
        await self._work.stop()
        await self._care.end()
        if not self._durable.lasting and self._link.client.is_connected:
            await self._forget()
        return await self._link.flush()

    async def _forget(self) -> None:
        try:
            await self._link.jetstream().delete_consumer(self._durable.stream, self._durable.name)
        except nats.errors.Error as error:
            _log.info("a consumer could not be deleted; it goes by itself", extra={"error": str(error)})

    # --- asking -------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        free = self._work.free - self._asked
        if self._work.stopping.is_set() or free <= 0 or (self._asked and free < self._work.most / 2):
            return
        self._asked += free
        self._heard = asyncio.get_running_loop().time()
        request = jsons.dumps(
            {"batch": free, "expires": int(_EXPIRES * 1e9), "idle_heartbeat": int(_HEARTBEAT * 1e9)}
        )
        subject = f"{self._link.api()}.CONSUMER.MSG.NEXT.{self._durable.stream}.{self._durable.name}"
        try:
            self._link.outbox.send(subject, request, reply=self._inbox_name())
        except nats.errors.Error as error:
            self._asked = 0  # the next tick or the next connection asks again
            _log.info("asking for messages has to wait", extra={"error": str(error)})

    def _inbox_name(self) -> str:
        return str(self._inbox.subject) if self._inbox else ""

    def _came(self, subject: str, reply: str, head: bytes, payload: bytes) -> None:
        self._heard = asyncio.get_running_loop().time()
        if not reply.startswith("$JS.ACK."):
            return self._told(scanning.headers(head))
        self._asked = max(self._asked - 1, 0)
        parcel = Parcel(subject, reply, head, payload, self._options)
        self._pending = parcel.pending
        if self._work.stopping.is_set():
            self._say(parcel, _again(0.0))
        else:
            self._work.begin(parcel)
        return None

    def _told(self, fields: Mapping[str, str]) -> None:
        """A request ended: its time is over (408), or nobody serves it (409, 503)."""
        status, left = fields.get("Status", ""), fields.get("Nats-Pending-Messages")
        if status in ("100", ""):
            return
        self._asked = max(self._asked - int(left), 0) if left else 0
        if status in ("408", "404"):
            self._ask()
        elif not self._work.stopping.is_set():
            self._care.start(self._mend())

    async def _mend(self) -> None:
        """Ask again when the consumer is there, made anew if it was deleted."""
        await asyncio.sleep(_PAUSE)
        try:
            self._streams.forget()
            self._durable = await self._streams.durable(self._durable.topic, self._options)
        except (nats.errors.Error, ComponentError, OSError, TimeoutError) as error:
            _log.warning("a consumer is not there", extra={"error": str(error), "topic": self._durable.topic})
            return  # the next tick tries again
        self._ask()

    def _back(self) -> None:
        self._asked = 0
        self._care.start(self._mend())

    async def _tend(self) -> None:
        """Each second: say that the work goes on, tell the backlog, and ask where a request was lost."""
        loop = asyncio.get_running_loop()
        said = loop.time()
        while True:
            await asyncio.sleep(min(_TICK, self._durable.ack_wait / 3))
            now = loop.time()
            if now - said >= self._durable.ack_wait / 3:
                said = now
                self._still_at_work()
            if self._work.held:
                self._window.late(now)
                self._work.most = self._window.size
            if self.on_backlog is not None:
                await self._gauge()
            if self._asked == 0:
                self._ask()
            elif now - self._heard > 2 * _HEARTBEAT + _TICK:
                self._asked = 0  # not even a heartbeat: nobody serves the request any more
                await self._mend()

    def _still_at_work(self) -> None:
        for parcel in tuple(self._work.held):
            self._say(parcel, b"+WPI")

    async def _gauge(self) -> None:
        known = await waiting(self._link, self._durable)
        if known is not None:
            self._pending = max(known - len(self._work.held), 0)
            if self.on_backlog is not None:
                self.on_backlog(known)

    # --- settling -----------------------------------------------------------------------------------------

    async def _settle(self, parcel: Parcel, verdict: port.Verdict) -> None:
        word = _WORDS.get(verdict.kind)
        self._say(parcel, word or _again(verdict.delay or 0.0))
        if word and self._window.handled():
            self._window.look(asyncio.get_running_loop().time())
            self._work.most = self._window.size
        # One that is settled is free only after this; what it leaves is asked for with the next ones.
        if self._asked <= self._work.most / 2:
            self._work.held.discard(parcel)
            self._ask()

    def _say(self, parcel: Parcel, word: bytes) -> None:
        try:
            self._link.outbox.send(parcel.reply, word)
        except nats.errors.Error as error:  # the broker gives the message again after the ack wait
            _log.warning("an answer did not reach the broker", extra={"error": str(error)})


def _again(delay: float) -> bytes:
    """The word for another delivery after so many seconds."""
    return b'-NAK {"delay": %d}' % int(delay * 1e9)


def window(component: Component, options: port.SubscribeOptions, now: float) -> Window:
    """How many may be in flight: what was said; more where neither caller, component nor an order says how many."""
    least = handling.limit(component, options)
    said = options.max_in_flight is not None or options.order_key or least == 1
    return Window(least, least if said else _GROWTH * least, now)


async def waiting(link: Link, durable: Durable) -> int | None:
    """Messages of a durable that are not acknowledged; None when the broker does not say."""
    try:
        told = await link.jetstream().consumer_info(durable.stream, durable.name, timeout=2.0)
    except (nats.errors.Error, OSError, TimeoutError):
        return None
    return (told.num_pending or 0) + (told.num_ack_pending or 0)
