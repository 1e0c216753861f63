"""Ticks: each at its time, tried again after a failure, never after the end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from openfunction_eventing import clock, drivers, schedules
from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.drivers.bindings_cron import Cron
from openfunction_eventing.drivers.port import ACK, RETRY, Verdict

PATIENCE = 20.0


class Ticks:
    def __init__(self, *answers: Verdict | Exception) -> None:
        self.got: list[Mapping[str, str]] = []
        self._answers = list(answers)
        self._came = asyncio.Condition()

    async def __call__(self, data: bytes, metadata: Mapping[str, str]) -> Verdict:
        assert data == b""
        async with self._came:
            self.got.append(metadata)
            self._came.notify_all()
        answer = self._answers.pop(0) if self._answers else ACK
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def count(self, wanted: int) -> None:
        async with asyncio.timeout(PATIENCE), self._came:
            await self._came.wait_for(lambda: len(self.got) >= wanted)


@pytest.mark.capability("read")
async def test_a_schedule_ticks_at_its_times() -> None:
    binding = await drivers.open(Component("cron", "bindings.cron", metadata={"schedule": "@every 1s"}))
    assert isinstance(binding, Cron)
    ticks = Ticks()
    await binding.read(ticks)
    await ticks.count(2)
    await binding.close()
    first, second = (datetime.fromisoformat(one["readTimeUTC"]) for one in ticks.got[:2])
    assert (second - first).total_seconds() >= 1
    assert first.microsecond == 0


@pytest.mark.capability("redelivery")
async def test_a_tick_that_fails_is_tried_again_before_the_next_one() -> None:
    offset = datetime(2026, 1, 1, 11, 59, 59, tzinfo=UTC).timestamp() - clock.wall()
    binding = Cron(schedules.parse("@hourly"), wall=lambda: clock.wall() + offset)
    ticks = Ticks(RuntimeError("not yet"), RETRY(0.01), ACK)
    reading = await binding.read(ticks)
    await ticks.count(3)
    await reading.stop()
    assert {one["readTimeUTC"] for one in ticks.got} == {"2026-01-01T12:00:00+00:00"}


async def test_a_retry_later_than_the_next_tick_is_given_up() -> None:
    binding = Cron(schedules.parse("* * * * * *"))
    ticks = Ticks(RETRY(60.0))
    reading = await binding.read(ticks)
    await ticks.count(2)
    await reading.stop()
    assert ticks.got[0] != ticks.got[1]


async def test_a_wrong_schedule_is_a_wrong_component() -> None:
    for metadata, said in (
        ({"schedule": "61 * * * *"}, "'61' is out of range"),
        ({}, "'schedule' is missing"),
    ):
        with pytest.raises(ComponentError, match=said):
            await drivers.open(Component("cron", "bindings.cron", metadata=metadata))
