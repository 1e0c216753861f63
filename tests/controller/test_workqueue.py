"""The work queue: client-go's semantics, on fake time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openfunction_py.controller.types import Request
from openfunction_py.controller.workqueue import WorkQueue
from tests.controller import fake_time

A, B = Request("ns", "a"), Request("ns", "b")


def on_fake_time(scenario: Callable[[WorkQueue], Awaitable[None]]) -> None:
    async def run() -> None:
        queue = WorkQueue()
        await scenario(queue)
        queue.close()

    fake_time.run(run())


async def arrival(queue: WorkQueue) -> tuple[Request, float]:
    key = await queue.get()
    queue.done(key)
    return key, round(asyncio.get_running_loop().time(), 6)


def test_a_key_added_twice_is_handed_out_once() -> None:
    async def scenario(queue: WorkQueue) -> None:
        queue.add(A)
        queue.add(A)
        queue.add(B)
        assert [await queue.get(), await queue.get()] == [A, B]
        assert len(queue) == 0

    on_fake_time(scenario)


def test_a_key_added_while_a_worker_has_it_waits_for_that_worker() -> None:
    async def scenario(queue: WorkQueue) -> None:
        queue.add(A)
        key = await queue.get()
        queue.add(A)
        assert len(queue) == 0
        queue.done(key)
        assert await queue.get() == A

    on_fake_time(scenario)


def test_a_key_not_added_meanwhile_does_not_come_back() -> None:
    async def scenario(queue: WorkQueue) -> None:
        queue.add(A)
        queue.done(await queue.get())
        assert len(queue) == 0

    on_fake_time(scenario)


def test_delayed_keys_come_in_the_order_of_their_times() -> None:
    async def scenario(queue: WorkQueue) -> None:
        queue.add_after(A, 2.0)
        queue.add_after(B, 1.0)
        assert [await arrival(queue), await arrival(queue)] == [(B, 1.0), (A, 2.0)]

    on_fake_time(scenario)


@pytest.mark.parametrize("delays", [(5.0, 1.0), (1.0, 5.0)])
def test_of_two_delays_for_a_key_the_earlier_counts_alone(delays: tuple[float, float]) -> None:
    async def scenario(queue: WorkQueue) -> None:
        for delay in delays:
            queue.add_after(A, delay)
        queue.add_after(B, 9.0)
        assert [await arrival(queue), await arrival(queue)] == [(A, 1.0), (B, 9.0)]

    on_fake_time(scenario)


def test_a_delay_of_nothing_is_now() -> None:
    async def scenario(queue: WorkQueue) -> None:
        queue.add_after(A, 0.0)
        assert len(queue) == 1

    on_fake_time(scenario)


def test_retries_double_from_five_milliseconds_to_a_thousand_seconds() -> None:
    async def scenario(queue: WorkQueue) -> None:
        delays = [queue.add_rate_limited(A) for _ in range(25)]
        assert delays[:4] == [0.005, 0.01, 0.02, 0.04]
        assert delays[-1] == 1000.0

    on_fake_time(scenario)


def test_forgetting_starts_the_retries_anew_for_that_key_alone() -> None:
    async def scenario(queue: WorkQueue) -> None:
        for key in (A, A, B, B):
            queue.add_rate_limited(key)
        queue.forget(A)
        assert queue.add_rate_limited(A) == 0.005
        assert queue.add_rate_limited(B) == 0.02

    on_fake_time(scenario)


def test_a_worker_cancelled_while_it_waits_takes_no_key_with_it() -> None:
    async def scenario(queue: WorkQueue) -> None:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(queue.get())
            await asyncio.sleep(0)
            queue.add(A)
            waiting.cancel()
        assert await queue.get() == A

    on_fake_time(scenario)


@given(st.lists(st.tuples(st.sampled_from(["add", "get", "done"]), st.sampled_from([A, B])), max_size=60))
def test_whatever_happens_no_key_is_lost_and_none_is_active_twice(steps: list[tuple[str, Request]]) -> None:
    async def scenario(queue: WorkQueue) -> None:
        active: set[Request] = set()
        wanted: set[Request] = set()
        for step, key in steps:
            if step == "add":
                queue.add(key)
                wanted.add(key)
            elif step == "get" and len(queue):
                taken = await queue.get()
                assert taken not in active
                active.add(taken)
                wanted.discard(taken)
            elif step == "done" and key in active:
                active.remove(key)
                queue.done(key)
        for key in active:
            queue.done(key)
        assert {await queue.get() for _ in range(len(queue))} == wanted

    on_fake_time(scenario)
