"""What every pub/sub driver promises, as tests that each driver's suite inherits and runs against its own broker.

A suite gives the fixture `broker` (see `Broker`) and the class attributes; nothing here knows a broker's name.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from typing import ClassVar, Protocol, cast
from uuid import uuid4

import pytest

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing import drivers
from openfunction_eventing.component import Component
from openfunction_eventing.dispatcher import states
from openfunction_eventing.dispatcher.deliveries import Deliveries
from openfunction_eventing.dispatcher.engine import Engine
from openfunction_eventing.dispatcher.plan import Plan
from openfunction_eventing.documents import Input
from openfunction_eventing.drivers import port
from openfunction_eventing.drivers.port import ACK, DROP, RETRY, PubSub, SubscribeOptions, Verdict
from openfunction_eventing.envelope import Message
from openfunction_eventing.journal import Journal
from openfunction_eventing.sinks import Sinks
from tests.eventing.dispatcher.running import QUICK, SETTINGS, to, trigger

PATIENCE = 30.0


class Restartable(Protocol):
    """The broker of a suite."""

    def kill(self) -> None: ...
    def start(self) -> None: ...


def event(number: int = 0, **attributes: str) -> CloudEvent:
    """An event whose data is its number."""
    given = {"source": "/contract", "type": "t", "id": f"{uuid4()}", "datacontenttype": "application/json"}
    return CloudEvent({**given, **attributes}, {"n": number})


def message(topic: str, number: int = 0, **attributes: str) -> Message:
    """The same, on its way to a topic."""
    return Message(topic, event(number, **attributes))


class Handler:
    """Answers deliveries as it is told, and remembers them."""

    def __init__(self, answer: Callable[[Message], Verdict] = lambda _: ACK) -> None:
        self.got: list[Message] = []
        self._answer = answer
        self._changed = asyncio.Condition()

    async def __call__(self, delivered: Message) -> Verdict:
        async with self._changed:
            self.got.append(delivered)
            self._changed.notify_all()
        return self._answer(delivered)

    @property
    def numbers(self) -> list[int]:
        """The numbers of what came, in order."""
        return [one.event.data["n"] for one in self.got]

    async def until(self, holds: Callable[[list[int]], bool]) -> None:
        """Wait until what came is as wanted."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: holds(self.numbers))

    async def arrived(self, wanted: int) -> None:
        """Wait for so many deliveries, of whatever data."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: len(self.got) >= wanted)

    async def count(self, wanted: int) -> None:
        """Wait for so many deliveries."""
        await self.arrived(wanted)


class Contract:
    """The promises."""

    # Whether the broker itself recognises an event that is published twice.
    DEDUPLICATES: ClassVar[bool] = True

    async def open(self, broker: Restartable) -> PubSub:
        """A driver connected to the suite's broker."""
        return cast("PubSub", await drivers.open(self.component(broker)))

    def component(self, broker: Restartable) -> Component:
        """The component of the suite."""
        raise NotImplementedError

    @pytest.fixture
    async def bus(self, broker: Restartable) -> AsyncIterator[PubSub]:
        made = await self.open(broker)
        yield made
        await made.close()

    @pytest.fixture
    def topic(self) -> str:
        return f"t-{uuid4().hex[:12]}"

    def options(self, **given: object) -> SubscribeOptions:
        """Options of a group, with a short ack wait."""
        return SubscribeOptions(**{"group": "g", "ack_wait": 2.0, **given})  # type: ignore[arg-type]

    @contextlib.asynccontextmanager
    async def reading(
        self, bus: PubSub, topic: str, handler: Handler, **given: object
    ) -> AsyncIterator[port.Subscription]:
        """A subscription for the length of a block."""
        made = await bus.subscribe(topic, self.options(**given), handler)
        try:
            yield made
        finally:
            await made.stop()

    # --- storing ------------------------------------------------------------------------------------------

    @pytest.mark.capability("publish")
    @pytest.mark.capability("subscribe")
    async def test_what_was_published_before_anybody_read_is_delivered(self, bus: PubSub, topic: str) -> None:
        sent = message(topic, 7, subject="s", extension="x")
        await bus.publish(topic, sent)
        handler = Handler()
        async with self.reading(bus, topic, handler):
            await handler.count(1)
        got = handler.got[0]
        assert (got.topic, got.attempt, got.event.data) == (topic, 1, {"n": 7})
        assert got.event == sent.event

    @pytest.mark.capability("bulk")
    async def test_many_are_stored_at_once_and_each_has_its_result(self, bus: PubSub, topic: str) -> None:
        results = await bus.bulk_publish(topic, [message(topic, n) for n in range(500)])
        assert results == [None] * 500
        handler = Handler()
        async with self.reading(bus, topic, handler):
            await handler.count(500)
        assert sorted(handler.numbers) == list(range(500))

    @pytest.mark.capability("publish")
    async def test_binary_data_and_text_arrive_as_they_were(self, bus: PubSub, topic: str) -> None:
        picture = CloudEvent({"source": "s", "type": "t", "datacontenttype": "image/png"}, b"\x89PNG\x00\xff")
        text = CloudEvent({"source": "s", "type": "t", "datacontenttype": "text/plain"}, "grüße")
        handler = Handler()
        async with self.reading(bus, topic, handler):
            await bus.publish(topic, Message(topic, picture))
            await bus.publish(topic, Message(topic, text))
            await handler.arrived(2)
        assert {repr(one.event.data) for one in handler.got} == {repr(picture.data), repr("grüße")}

    @pytest.mark.capability("raw payload")
    async def test_a_payload_that_is_no_event_is_delivered_as_one(self, bus: PubSub, topic: str) -> None:
        sent = Message(topic, event(1), {"rawPayload": "true"})
        await bus.publish(topic, sent)
        handler = Handler()
        async with self.reading(bus, topic, handler, raw=True):
            await handler.arrived(1)
        assert handler.got[0].event["type"] == "com.dapr.event.sent"
        assert handler.got[0].event.data == b'{"n":1}'

    async def test_an_event_published_twice_is_kept_once_where_the_broker_can(
        self, bus: PubSub, topic: str
    ) -> None:
        sent = message(topic, 1)
        await bus.publish(topic, sent)
        await bus.publish(topic, sent)
        # The same id of another source is another event.
        await bus.publish(topic, message(topic, 2, id=str(sent.event["id"]), source="/another"))
        await bus.publish(topic, message(topic, 3))
        handler = Handler()
        async with self.reading(bus, topic, handler):
            await handler.until(lambda numbers: {1, 2, 3} <= set(numbers))
        assert handler.numbers.count(1) == (1 if self.DEDUPLICATES else 2)
        assert handler.numbers.count(2) == 1

    @pytest.mark.capability("limit named")
    async def test_ten_megabytes_are_stored_or_refused_with_the_brokers_limit(
        self, bus: PubSub, topic: str
    ) -> None:
        big = CloudEvent({"source": "s", "type": "t", "datacontenttype": "text/plain"}, "x" * 10_000_000)
        refused, stored = await bus.bulk_publish(topic, [Message(topic, big), message(topic, 1)])
        assert stored is None
        if refused is not None:
            with pytest.raises(port.PublishError, match=r"10000.* takes \d+; .*raise") as told:
                await bus.publish(topic, Message(topic, big))
            assert not told.value.temporary
            return
        handler = Handler()
        async with self.reading(bus, topic, handler):
            await handler.arrived(2)
        assert max(len(str(one.event.data)) for one in handler.got) == 10_000_000

    @pytest.mark.capability("bulk")
    async def test_data_that_is_not_what_its_type_says_is_refused_for_good(
        self, bus: PubSub, topic: str
    ) -> None:
        attributes = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}
        broken = CloudEvent.received({**attributes, "datacontenttype": "application/json"}, b"{not json")
        refused, stored = await bus.bulk_publish(topic, [Message(topic, broken), message(topic, 1)])
        assert stored is None
        assert isinstance(refused, port.PublishError)
        assert not refused.temporary

    # --- settling -----------------------------------------------------------------------------------------

    @pytest.mark.capability("redelivery")
    async def test_a_retry_comes_again_and_its_attempts_are_counted(self, bus: PubSub, topic: str) -> None:
        answers = iter([RETRY(0.05), RETRY, ACK])
        handler = Handler(lambda _: next(answers))
        await bus.publish(topic, message(topic, 1))
        async with self.reading(bus, topic, handler):
            await handler.count(3)
        assert [one.attempt for one in handler.got] == [1, 2, 3]

    @pytest.mark.capability("redelivery")
    async def test_a_retry_does_not_come_before_its_time(self, bus: PubSub, topic: str) -> None:
        loop = asyncio.get_running_loop()
        times: list[float] = []

        def answer(_: Message) -> Verdict:
            times.append(loop.time())
            return RETRY(1.0) if len(times) == 1 else ACK

        await bus.publish(topic, message(topic, 1))
        handler = Handler(answer)
        async with self.reading(bus, topic, handler):
            await handler.count(2)
        assert times[1] - times[0] >= 0.9

    @pytest.mark.capability("redelivery")
    async def test_an_exception_is_a_retry(self, bus: PubSub, topic: str) -> None:
        def fail_once(delivered: Message) -> Verdict:
            if delivered.attempt == 1:
                raise RuntimeError("the function fell over")
            return ACK

        handler = Handler(fail_once)
        await bus.publish(topic, message(topic, 1))
        async with self.reading(bus, topic, handler):
            await handler.count(2)
        assert [one.attempt for one in handler.got] == [1, 2]

    @pytest.mark.capability("ack after answer")
    async def test_what_is_dropped_or_acknowledged_never_comes_again(self, bus: PubSub, topic: str) -> None:
        handler = Handler(lambda one: DROP if one.event.data["n"] % 2 else ACK)
        await bus.bulk_publish(topic, [message(topic, n) for n in range(10)])
        async with self.reading(bus, topic, handler):
            await handler.count(10)
        later = Handler()
        async with self.reading(bus, topic, later):
            await bus.publish(topic, message(topic, 99))
            await later.until(lambda numbers: 99 in numbers)
        assert later.numbers == [99]

    @pytest.mark.capability("ack after answer")
    @pytest.mark.slow
    async def test_a_handler_slower_than_the_ack_wait_is_not_called_twice(
        self, bus: PubSub, topic: str
    ) -> None:
        async def slow(delivered: Message) -> Verdict:
            verdict = await handler(delivered)
            await asyncio.sleep(2.5)
            return verdict

        handler = Handler()
        await bus.publish(topic, message(topic, 1))
        subscription = await bus.subscribe(topic, self.options(ack_wait=1.0), slow)
        await handler.count(1)
        await subscription.stop()
        later = Handler()
        async with self.reading(bus, topic, later):
            await bus.publish(topic, message(topic, 2))
            await later.until(lambda numbers: 2 in numbers)
        assert (handler.numbers, later.numbers) == ([1], [2])

    # --- bounds and order ---------------------------------------------------------------------------------

    @pytest.mark.capability("back-pressure")
    async def test_no_more_are_in_flight_than_allowed(self, bus: PubSub, topic: str) -> None:
        now = most = 0

        async def take(delivered: Message) -> Verdict:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            now -= 1
            return await handler(delivered)

        handler = Handler()
        await bus.bulk_publish(topic, [message(topic, n) for n in range(60)])
        subscription = await bus.subscribe(topic, self.options(max_in_flight=4), take)
        await handler.count(60)
        await subscription.stop()
        assert 1 <= most <= 4
        assert sorted(handler.numbers) == list(range(60))

    @pytest.mark.capability("order per key")
    async def test_messages_of_one_key_come_in_order_a_retry_included(self, bus: PubSub, topic: str) -> None:
        async def take(delivered: Message) -> Verdict:
            number = delivered.event.data["n"]
            if number == 4 and delivered.attempt == 1:
                return RETRY(0.1)
            await asyncio.sleep(0.001 * (number % 3))
            return await handler(delivered)

        handler = Handler()
        sent = [message(topic, n, partitionkey=f"k{n % 2}") for n in range(40)]
        assert await bus.bulk_publish(topic, sent) == [None] * 40
        options = self.options(order_key="partitionkey", max_in_flight=20)
        subscription = await bus.subscribe(topic, options, take)
        await handler.count(40)
        await subscription.stop()
        for key in (0, 1):
            assert [n for n in handler.numbers if n % 2 == key] == list(range(key, 40, 2))

    @pytest.mark.capability("consumer group")
    async def test_members_share_and_groups_each_get_all(
        self, broker: Restartable, bus: PubSub, topic: str
    ) -> None:
        other = await self.open(broker)
        one, two, all_of_it = Handler(), Handler(), Handler()
        async with (
            self.reading(bus, topic, one, max_in_flight=2),
            self.reading(other, topic, two, max_in_flight=2),
            self.reading(bus, topic, all_of_it, group="another"),
        ):
            sent = [message(topic, n, partitionkey=str(n)) for n in range(200)]
            await bus.bulk_publish(topic, sent)
            await all_of_it.count(200)
            async with asyncio.timeout(PATIENCE):
                while len(one.got) + len(two.got) < 200:  # noqa: ASYNC110 - two handlers, no common event
                    await asyncio.sleep(0.05)
        await other.close()
        assert sorted(one.numbers + two.numbers) == list(range(200))
        assert sorted(all_of_it.numbers) == list(range(200))

    @pytest.mark.capability("subscribe")
    async def test_a_group_that_begins_now_gets_nothing_old(self, bus: PubSub, topic: str) -> None:
        await bus.publish(topic, message(topic, 1))
        handler = Handler()
        async with self.reading(bus, topic, handler, group="late", start="new"):
            await bus.publish(topic, message(topic, 2))
            await handler.count(1)
        assert handler.numbers == [2]

    @pytest.mark.capability("dead letter")
    async def test_a_poison_message_ends_once_in_the_topic_of_dead_letters(
        self, bus: PubSub, topic: str
    ) -> None:
        dead = f"dead-{topic}"
        rules = trigger(to("http://127.0.0.1:1/", dead_letter_topic=dead, delivery=QUICK))
        rules = dataclasses.replace(rules, inputs=(Input("a", topic),))
        records = Journal()
        async with Sinks() as sinks:
            deliveries = Deliveries(bus, sinks, records, per_sink=4)
            engine = Engine(SETTINGS, deliveries, states.States(states.Memory()), records)
            engine.plan = Plan([rules])
            await bus.bulk_publish(topic, [message(topic, n) for n in range(5)])
            poisoned = await bus.subscribe(topic, self.options(), engine.handle)
            letters, again = Handler(), Handler()
            async with self.reading(bus, dead, letters):
                await letters.count(5)
            await poisoned.stop()
            async with self.reading(bus, topic, again):
                await bus.publish(topic, message(topic, 99))
                await again.until(lambda numbers: 99 in numbers)
        assert (sorted(letters.numbers), again.numbers) == (list(range(5)), [99])

    # --- backlog ------------------------------------------------------------------------------------------

    @pytest.mark.capability("backlog pushed")
    @pytest.mark.slow
    async def test_a_watcher_takes_nothing_and_is_told_the_backlog(self, bus: PubSub, topic: str) -> None:
        told: list[int] = []
        came = asyncio.Event()
        handler = Handler()
        watch = await bus.subscribe(topic, self.options(max_in_flight=0), handler)

        def tell(count: int) -> None:
            told.append(count)
            if count == 3:
                came.set()

        watch.on_backlog = tell
        assert watch.backlog() == 0
        await bus.bulk_publish(topic, [message(topic, n) for n in range(3)])
        async with asyncio.timeout(PATIENCE):
            await came.wait()
        assert (watch.backlog(), handler.got) == (3, [])
        reader = Handler()
        async with self.reading(bus, topic, reader):
            await reader.count(3)
        async with asyncio.timeout(PATIENCE):
            while watch.backlog() != 0:  # noqa: ASYNC110 - what it tells is looked at, not that it tells
                await asyncio.sleep(0.05)
        await watch.stop()


class OrderContract(Contract):
    """The same of a broker that keeps the order of a key when several readers share a group."""

    @pytest.mark.slow
    @pytest.mark.capability("order, several readers")
    async def test_members_of_a_group_keep_the_order_of_a_key_a_retry_included(
        self, broker: Restartable, bus: PubSub, topic: str
    ) -> None:
        busy: set[str] = set()
        overlaps: list[str] = []

        async def take(delivered: Message) -> Verdict:
            key, number = str(delivered.event["partitionkey"]), delivered.event.data["n"]
            overlaps.extend([key] if key in busy else [])
            busy.add(key)
            await asyncio.sleep(0.002 * (number % 4))
            busy.discard(key)
            if number % 11 == 4 and delivered.attempt == 1:
                return RETRY(0.05)
            return await handler(delivered)

        handler, other = Handler(), await self.open(broker)
        options = self.options(order_key="partitionkey", max_in_flight=8)
        readers = [await one.subscribe(topic, options, take) for one in (bus, other)]
        sent = [message(topic, n, partitionkey=f"k{n % 6}") for n in range(240)]
        assert await bus.bulk_publish(topic, sent) == [None] * 240
        await handler.until(lambda numbers: len(set(numbers)) == 240)
        for one in readers:
            await one.stop()
        await other.close()
        assert overlaps == []
        first = list(dict.fromkeys(handler.numbers))
        for key in range(6):
            assert [n for n in first if n % 6 == key] == list(range(key, 240, 6))
