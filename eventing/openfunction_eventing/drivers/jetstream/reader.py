"""Reading a durable: so many messages asked for as may be in flight, each settled by its handler's answer.

Messages are asked for, never pushed: a slow function takes less. What a dead reader had comes to another one after
the consumer's ack wait; a living reader says meanwhile that it is still at work.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription

from functions_framework import jsons
from openfunction_eventing import envelope
from openfunction_eventing.component import ComponentError
from openfunction_eventing.drivers import port
from openfunction_eventing.drivers.jetstream.link import Link
from openfunction_eventing.drivers.jetstream.streams import Durable, Streams
from openfunction_eventing.drivers.tasks import Tasks
from openfunction_eventing.envelope import Message

_log = logging.getLogger(__name__)
_EXPIRES: Final = 30.0
_HEARTBEAT: Final = 5.0
_PAUSE: Final = 0.2
_TICK: Final = 1.0


class Parcel:
    """One delivery, as the broker's reply subject tells of it."""

    __slots__ = ("attempt", "event", "message", "pending", "sequence", "topic")

    def __init__(self, message: Msg, *, raw: bool) -> None:
        words = message.reply.split(".")
        at = 4 if len(words) == 9 else 6  # the older form has no domain and no account
        self.message = message
        self.topic = message.subject
        self.attempt = int(words[at])
        self.sequence = words[at + 1]
        self.pending = int(words[at + 4])
        position = f"{words[at - 2]}:{self.sequence}"
        self.event = envelope.decode(message.data, topic=message.subject, position=position, raw=raw)

    def opened(self) -> Message:
        """What the handler gets."""
        metadata = {"topic": self.topic, "sequence": self.sequence, **(self.message.headers or {})}
        return Message(self.topic, self.event, metadata, self.attempt)


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
        self._deliver = deliver
        self._most = limit(link, options)
        self.on_backlog: Callable[[int], None] | None = None
        self._tasks = Tasks()
        self._care = Tasks()
        self._held: set[Parcel] = set()
        self._ready: deque[Parcel] = deque()
        self._lines: dict[str, deque[Parcel]] = {}
        self._asked = 0
        self._heard = 0.0
        self._pending: int | None = None
        self._stopping = False
        self._inbox: NatsSubscription | None = None
        self._delays = link.component.seconds_list("backOff")

    async def open(self) -> None:
        """Begin."""
        self._link.on_back.append(self._back)
        self._inbox = await self._link.client.subscribe(self._link.client.new_inbox(), cb=self._came)
        await self._ask()
        self._care.start(self._tend())

    def backlog(self) -> int | None:
        """What the broker has for the group and what is in flight here."""
        return None if self._pending is None else self._pending + len(self._held)

    async def stop(self) -> None:
        """Take no more, settle what is in work, give back what was not begun."""
        if self._stopping:
            return await self._tasks.wait()
        self._stopping = True
        if self._back in self._link.on_back:
            self._link.on_back.remove(self._back)
        if self._inbox is not None and self._link.client.is_connected:
            await self._inbox.drain()  # type: ignore[no-untyped-call]  # the library's
        await self._tasks.wait()
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

    async def _ask(self) -> None:
        free = self._most - len(self._held) - self._asked
        if self._stopping or free <= 0 or (self._asked and free < self._most / 2):
            return
        self._asked += free
        self._heard = asyncio.get_running_loop().time()
        request = jsons.dumps(
            {"batch": free, "expires": int(_EXPIRES * 1e9), "idle_heartbeat": int(_HEARTBEAT * 1e9)}
        )
        subject = f"{self._link.api()}.CONSUMER.MSG.NEXT.{self._durable.stream}.{self._durable.name}"
        try:
            await self._link.client.publish(subject, request, reply=self._inbox_name())
        except nats.errors.Error as error:
            self._asked = 0  # the next tick or the next connection asks again
            _log.info("asking for messages has to wait", extra={"error": str(error)})

    def _inbox_name(self) -> str:
        return str(self._inbox.subject) if self._inbox else ""

    async def _came(self, message: Msg) -> None:
        self._heard = asyncio.get_running_loop().time()
        status = (message.headers or {}).get("Status") if not message.reply else None
        if message.reply.startswith("$JS.ACK."):
            await self._take(message)
        elif status is not None:
            await self._told(status, message)

    async def _told(self, status: str, message: Msg) -> None:
        """A request ended: its time is over (408), or nobody serves it (409, 503)."""
        if status == "100":
            return
        left = (message.headers or {}).get("Nats-Pending-Messages")
        self._asked = max(self._asked - int(left), 0) if left else 0
        if status in ("408", "404"):
            await self._ask()
        elif not self._stopping:
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
        await self._ask()

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
                await self._still_at_work()
            if self.on_backlog is not None:
                await self._gauge()
            if self._asked == 0:
                await self._ask()
            elif now - self._heard > 2 * _HEARTBEAT + _TICK:
                self._asked = 0  # not even a heartbeat: nobody serves the request any more
                await self._mend()

    async def _still_at_work(self) -> None:
        for parcel in tuple(self._held):
            await self._answer(parcel, b"+WPI")

    async def _gauge(self) -> None:
        known = await waiting(self._link, self._durable)
        if known is not None:
            self._pending = max(known - len(self._held), 0)
            if self.on_backlog is not None:
                self.on_backlog(known)

    # --- handling -----------------------------------------------------------------------------------------

    async def _take(self, message: Msg) -> None:
        self._asked = max(self._asked - 1, 0)
        parcel = Parcel(message, raw=self._options.raw)
        self._pending = parcel.pending
        if self._stopping:
            return await self._settle(parcel, port.RETRY(0.0))
        self._held.add(parcel)
        line = self._line(parcel)
        if line is not None:
            line.append(parcel)
            if len(line) > 1:
                return None  # the one before it goes first
        return self._begin(parcel)

    def _line(self, parcel: Parcel) -> deque[Parcel] | None:
        if not self._options.order_key:
            return None
        key = envelope.key(parcel.opened(), self._options.order_key)
        return self._lines.setdefault(key, deque()) if key else None

    def _begin(self, parcel: Parcel) -> None:
        # More than was asked for can come when an answer to an older request was late.
        if len(self._tasks) >= self._most:
            self._ready.append(parcel)
        else:
            self._tasks.start(self._work(parcel))

    async def _work(self, parcel: Parcel) -> None:
        await self._handle(parcel)
        while (following := self._next(parcel)) is not None:
            parcel = following
            if self._stopping:
                await self._settle(parcel, port.RETRY(0.0))
            else:
                await self._handle(parcel)
        await self._ask()

    def _next(self, done: Parcel) -> Parcel | None:
        self._held.discard(done)
        if self._options.order_key:
            key = envelope.key(done.opened(), self._options.order_key)
            line = self._lines.get(key)
            if line:
                line.popleft()
                if line:
                    return line[0]
                del self._lines[key]
        return self._ready.popleft() if self._ready else None

    async def _handle(self, parcel: Parcel) -> None:
        while True:
            verdict = await self._verdict(parcel)
            if verdict.kind != "retry" or not self._options.order_key or self._stopping:
                return await self._settle(parcel, verdict)
            # In order means that nothing of the same key may pass it: it waits here, not in the broker.
            await asyncio.sleep(self._delay(parcel, verdict))
            parcel.attempt += 1

    async def _verdict(self, parcel: Parcel) -> port.Verdict:
        try:
            return await self._deliver(parcel.opened())
        except Exception:  # noqa: BLE001  # the handler's failure is an answer, and the subscription outlives it
            _log.exception("a handler failed; its message comes again", extra={"topic": parcel.topic})
            return port.RETRY

    def _delay(self, parcel: Parcel, verdict: port.Verdict) -> float:
        if verdict.delay is not None:
            return verdict.delay
        if self._delays:
            return self._delays[min(parcel.attempt, len(self._delays)) - 1]
        return port.retry_delay(parcel.attempt)

    async def _settle(self, parcel: Parcel, verdict: port.Verdict) -> None:
        if verdict.kind == "ack":
            word = b"+ACK"
        elif verdict.kind == "drop":
            word = b"+TERM"
        else:
            word = b'-NAK {"delay": %d}' % int(self._delay(parcel, verdict) * 1e9)
        await self._answer(parcel, word)

    async def _answer(self, parcel: Parcel, word: bytes) -> None:
        try:
            await self._link.client.publish(parcel.message.reply, word)
        except nats.errors.Error as error:  # the broker gives the message again after the ack wait
            _log.warning("an answer did not reach the broker", extra={"error": str(error)})


def limit(link: Link, options: port.SubscribeOptions) -> int:
    """How many messages may be in flight in one subscription."""
    component = link.component
    mode = component.choice("concurrency", ("single", "parallel"), "parallel")
    if mode == "single":
        return 1
    return port.MAX_IN_FLIGHT if options.max_in_flight is None else options.max_in_flight


async def waiting(link: Link, durable: Durable) -> int | None:
    """Messages of a durable that are not acknowledged; None when the broker does not say."""
    try:
        told = await link.jetstream().consumer_info(durable.stream, durable.name, timeout=2.0)
    except (nats.errors.Error, OSError, TimeoutError):
        return None
    return (told.num_pending or 0) + (told.num_ack_pending or 0)
