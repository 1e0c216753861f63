"""What a driver promises whose broker keeps messages on a disk: nothing acknowledged is lost, whoever is killed."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys

import pytest

from openfunction_eventing.drivers import port
from openfunction_eventing.drivers.port import PubSub, SubscribeOptions
from tests.eventing.drivers.contract import PATIENCE, Contract, Handler, Restartable, message


class DurableContract(Contract):
    """The same of a broker that is a process of its own: it outlives its clients, and its own end."""

    @pytest.mark.capability("dead member")
    @pytest.mark.slow
    async def test_what_a_killed_member_had_goes_to_another_one(
        self, broker: Restartable, bus: PubSub, topic: str
    ) -> None:
        await bus.bulk_publish(topic, [message(topic, n) for n in range(5)])
        held = await self.killed_member(broker, topic, self.options())
        handler = Handler()
        async with self.reading(bus, topic, handler):
            await handler.until(lambda numbers: set(numbers) == set(range(5)))
        assert held in handler.numbers

    @pytest.mark.capability("order, several readers")
    @pytest.mark.slow
    async def test_what_a_killed_member_had_comes_before_what_is_behind_it(
        self, broker: Restartable, bus: PubSub, topic: str
    ) -> None:
        sent = [message(topic, n, partitionkey="same") for n in range(12)]
        assert await bus.bulk_publish(topic, sent) == [None] * 12
        options = self.options(order_key="partitionkey", max_in_flight=8)
        assert await self.killed_member(broker, topic, options) == 0
        handler = Handler()
        async with self.reading(bus, topic, handler, order_key="partitionkey", max_in_flight=8):
            await handler.until(lambda numbers: len(numbers) >= 12)
        assert handler.numbers == list(range(12))

    async def killed_member(self, broker: Restartable, topic: str, options: SubscribeOptions) -> int:
        """Let a process of its own take messages and kill it before it answers; the number of the first."""
        component = self.component(broker)
        given = {
            "component": {
                "name": component.name,
                "type": component.type,
                "metadata": dict(component.metadata),
            },
            "options": dataclasses.asdict(options),
        }
        program = [sys.executable, "-m", "tests.eventing.drivers.member", json.dumps(given), topic]
        member = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE)
        assert member.stdout is not None
        async with asyncio.timeout(PATIENCE):
            held = int(await member.stdout.readline())
        member.kill()
        await member.communicate()
        return held

    @pytest.mark.capability("reconnect")
    async def test_a_broker_killed_in_the_middle_loses_nothing_acknowledged(
        self, broker: Restartable, bus: PubSub, topic: str
    ) -> None:
        handler = Handler()
        acknowledged: list[int] = []

        async def produce() -> None:
            for number in range(300):
                while True:
                    try:
                        await bus.publish(topic, message(topic, number))
                        break
                    except port.PublishError:
                        await asyncio.sleep(0.05)
                acknowledged.append(number)

        async with self.reading(bus, topic, handler, max_in_flight=10), asyncio.TaskGroup() as group:
            producing = group.create_task(produce())
            await handler.count(50)
            broker.kill()
            assert not producing.done()
            await asyncio.to_thread(broker.start)
            async with asyncio.timeout(90):
                await producing
            await handler.until(lambda numbers: set(numbers) >= set(acknowledged))
        assert len(acknowledged) == 300
        assert bus.health() == ""

    def hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Shorten the driver's patience with a broker that does not answer."""
        raise NotImplementedError("each driver's suite says how its patience is shortened")

    @pytest.mark.capability("health told")
    @pytest.mark.slow
    async def test_a_driver_whose_broker_is_gone_says_so_and_can_be_closed(
        self, broker: Restartable, topic: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.hurry(monkeypatch)
        bus = await self.open(broker)
        handler = Handler()
        subscription = await bus.subscribe(topic, self.options(), handler)
        await bus.publish(topic, message(topic, 1))
        await handler.count(1)
        broker.kill()
        try:
            with pytest.raises(port.PublishError) as told:
                await bus.publish(topic, message(topic, 2))
            assert told.value.temporary
            assert bus.health()
            async with asyncio.timeout(PATIENCE):
                await subscription.stop()
                await bus.close()
        finally:
            await asyncio.to_thread(broker.start)
