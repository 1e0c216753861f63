"""Conditions over several inputs: fired by the right events, right with two dispatchers and after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from openfunction_eventing.dispatcher import states
from openfunction_eventing.documents import Delivery, Dispatcher
from openfunction_eventing.drivers.port import Conflict, Item, Write
from openfunction_eventing.envelope import Message
from openfunction_eventing.errors import EventingError
from tests import waiting
from tests.eventing import parts
from tests.eventing.dispatcher.running import Running, dispatcher, to, trigger


async def send(run: Running, topic: str, number: int) -> None:
    before = len(run.bus.verdicts)
    await run.bus.publish(topic, Message(topic, parts.event(number)))
    await waiting.until(lambda: len(run.bus.verdicts) > before)


async def test_both_inputs_fire_and_each_later_event_repeats_it() -> None:
    async with parts.Sink() as sink, dispatcher([trigger(to(sink.url, "a && b"))]) as run:
        for number, topic in enumerate("aabcab", 1):
            await send_any(run, topic, number)
        assert sink.ids == ["e3", "e5", "e6"]
        (waits,) = [one.detail for one in run.journal.story("e1") if one.step == "waiting"]
        assert waits["condition"] == "a && b: a true, b false"


async def send_any(run: Running, topic: str, number: int) -> None:
    if topic in run.bus.options:
        await send(run, topic, number)
    else:
        await run.bus.publish(topic, Message(topic, parts.event(number)))


async def test_an_event_of_an_input_that_a_condition_does_not_name_never_fires_it() -> None:
    async with parts.Sink() as sink, parts.Sink() as other:
        rules = trigger(to(sink.url, "b"), to(other.url, "a || c"))
        async with dispatcher([rules]) as run:
            for number, topic in enumerate("bacb", 1):
                await send(run, topic, number)
        assert (sink.ids, other.ids) == (["e1", "e4"], ["e2", "e3"])


async def test_silence_of_an_input_fires_only_while_it_lasts() -> None:
    async with parts.Sink() as sink, dispatcher([trigger(to(sink.url, "!a && b"))]) as run:
        await send(run, "b", 1)
        await send(run, "a", 2)
        await send(run, "b", 3)
        assert sink.ids == ["e1"]


async def test_a_window_of_nothing_is_always_cold() -> None:
    async with parts.Sink() as sink, dispatcher([trigger(to(sink.url, "a && b"), window=0.0)]) as run:
        await send(run, "a", 1)
        await send(run, "b", 2)
        assert sink.ids == []


async def test_state_survives_a_dispatcher() -> None:
    store = states.Memory()
    async with parts.Sink() as sink:
        async with dispatcher([trigger(to(sink.url, "a && b"))], store=store) as run:
            await send(run, "a", 1)
        async with dispatcher([trigger(to(sink.url, "a && b"))], store=store) as run:
            await send(run, "b", 2)
        assert sink.ids == ["e2"]


async def test_an_event_that_comes_again_counts_when_it_first_came() -> None:
    store = states.Memory()
    async with parts.Sink(500) as sink, parts.Sink() as both:
        rules = trigger(to(sink.url, "a", dead_letter_topic="dead"), to(both.url, "a && b"))
        async with dispatcher([rules], store=store, settings=Dispatcher("bus", "group", attempts=9)) as run:
            run.bus.broken = True
            first = Message("a", parts.event(1))
            assert (await run.engine.handle(first)).kind == "retry"
            await store.write([Write("trigger-default.t", b"{}")])  # it is cold by now
            assert (await run.engine.handle(Message("a", parts.event(1), attempt=2))).kind == "retry"
            assert (await run.engine.handle(Message("b", parts.event(2)))).kind == "ack"
            assert (await run.engine.handle(Message("a", parts.event(1), attempt=3))).kind == "retry"
        assert both.got == []


async def test_what_fired_still_fires_when_it_comes_again_to_another_and_its_partner_is_cold() -> None:
    store = states.Memory()
    async with parts.Sink(500, 200) as sink:
        patient = to(sink.url, "a && b", delivery=Delivery(retry=5, backoff_delay=3600.0))
        async with dispatcher([trigger(patient)], store=store) as run:
            await send(run, "a", 1)
            await run.bus.publish("b", Message("b", parts.event(2)))
            await waiting.until(lambda: "attempt" in run.steps("e2"))
        cold = Write("trigger-default.t", b"{}")
        await store.write([cold])
        async with dispatcher([trigger(patient)], store=store) as run:
            again = Message("b", parts.event(2), attempt=2)
            assert (await run.engine.handle(again)).kind == "ack"
            assert (await run.engine.handle(Message("b", parts.event(3), attempt=2))).kind == "ack"
        assert sink.ids == ["e2", "e2"]
        assert [key for key in store._items if key.startswith(states.FIRED)] == []


class Slow:
    """A store whose every call lets others go first, so that two dispatchers collide."""

    def __init__(self) -> None:
        self._memory = states.Memory()
        self.conflicts = 0

    async def get(self, keys: Sequence[str]) -> dict[str, Item]:
        found = await self._memory.get(keys)
        await asyncio.sleep(0)
        return found

    async def write(self, writes: Sequence[Write]) -> None:
        try:
            await self._memory.write(writes)
        except Conflict:
            self.conflicts += 1
            raise


async def test_two_dispatchers_lose_no_mark() -> None:
    store = Slow()
    rules = trigger(to("http://127.0.0.1:1/", "a && b && c"))
    pair = (states.States(store), states.States(store))
    async with asyncio.TaskGroup() as group:
        for number in range(30):
            group.create_task(pair[number % 2].mark(rules, ["abc"[number % 3]], 100.0 + number))
    final = await pair[0].mark(rules, [], 130.0)
    assert final == {"a": 127.0, "b": 128.0, "c": 129.0}
    assert store.conflicts > 0


class Broken:
    """A store that fails until it is mended."""

    def __init__(self) -> None:
        self._memory = states.Memory()
        self.failures = 5

    async def get(self, keys: Sequence[str]) -> dict[str, Item]:
        if self.failures > 0:
            self.failures -= 1
            raise EventingError("the store is away")
        return await self._memory.get(keys)

    async def write(self, writes: Sequence[Write]) -> None:
        await self._memory.write(writes)


async def test_a_store_that_fails_loses_no_event_however_often() -> None:
    async with parts.Sink() as sink:
        async with dispatcher([trigger(to(sink.url, "a && !b"))], store=Broken()) as run:
            await run.bus.publish("a", Message("a", parts.event()))
            await waiting.until(lambda: "ack" in run.bus.verdicts)
        assert (sink.ids, run.bus.verdicts) == (["e1"], [*["retry"] * 5, "ack"])


async def test_a_condition_that_one_event_decides_keeps_no_state() -> None:
    store = Broken()
    async with parts.Sink() as sink:
        async with dispatcher([trigger(to(sink.url, "a || b"), to(sink.url, ""))], store=store) as run:
            await send(run, "a", 1)
        assert (sink.ids, store.failures) == (["e1", "e1"], 5)
