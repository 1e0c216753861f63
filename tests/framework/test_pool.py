"""Threads of `def` functions: nothing waits behind what blocks, and who has taken a call decides how it ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from functions_framework.calls import pool

PATIENCE = 20.0


@asynccontextmanager
async def threads(size: int) -> AsyncIterator[pool.Pool]:
    made = pool.Pool(asyncio.get_running_loop(), size=size)
    try:
        yield made
    finally:
        made.close()


def asked(made: pool.Pool, function: Callable[[Any], Any], *given: object) -> list[asyncio.Future[Any]]:
    """The results of calls that all come in one turn of the loop."""
    loop = asyncio.get_running_loop()
    results = []

    def done(call: pool.Call) -> None:
        if call.error is None:
            call.tag.set_result(call.result)
        else:
            call.tag.set_exception(call.error)

    for argument in given:
        results.append(loop.create_future())
        made.submit(function, argument, done, results[-1])
    return results


async def all_of(results: list[asyncio.Future[Any]]) -> list[Any]:
    async with asyncio.timeout(PATIENCE):
        return [await one for one in results]


@pytest.mark.parametrize("together", [1, 2, 4, 24])
async def test_calls_of_one_turn_do_not_wait_behind_one_that_blocks(together: int) -> None:
    meeting = threading.Barrier(together)

    def meet(_: object) -> int:
        return meeting.wait(PATIENCE)

    async with threads(32) as made:
        assert sorted(await all_of(asked(made, meet, *range(together)))) == list(range(together))


async def test_what_comes_while_every_thread_blocks_is_begun_by_a_new_one() -> None:
    leave, inside = threading.Event(), threading.Semaphore(0)

    def block(_: object) -> bool:
        inside.release()
        return leave.wait(PATIENCE)

    async with threads(16) as made:
        blocked = asked(made, block, *range(8))
        for _ in range(8):
            await asyncio.to_thread(inside.acquire)
        assert await all_of(asked(made, str, 1, 2, 3)) == ["1", "2", "3"]
        leave.set()
        assert await all_of(blocked) == [True] * 8


async def test_one_thread_takes_them_in_the_order_they_came() -> None:
    order: list[int] = []
    async with threads(1) as made:
        await all_of(asked(made, order.append, *range(100)))
        await all_of(asked(made, order.append, *range(100, 200)))
    assert order == list(range(200))


async def test_threads_that_sleep_wake_for_every_turn() -> None:
    async with threads(8) as made:
        for turn in range(300):
            given = range(turn % 13 + 1)
            assert await all_of(asked(made, abs, *given)) == list(given)
            if turn % 7 == 0:
                await asyncio.sleep(0.001)  # so that all of them have gone to sleep


async def test_an_error_reaches_its_own_caller() -> None:
    async with threads(2) as made:
        good, bad = asked(made, int, "7", "seven")
        assert await asyncio.wait_for(good, PATIENCE) == 7
        with pytest.raises(ValueError, match="seven"):
            await asyncio.wait_for(bad, PATIENCE)


async def test_what_waits_can_be_taken_back_and_what_runs_cannot() -> None:
    leave, inside = threading.Event(), threading.Event()
    ran: list[object] = []

    def block(_: object) -> bool:
        inside.set()
        return leave.wait(PATIENCE)

    async with threads(1) as made:
        results: list[pool.Call] = []
        running = made.submit(block, None, results.append)
        await asyncio.to_thread(inside.wait)
        waiting = made.submit(ran.append, None, results.append)
        assert made.withdraw(waiting)
        assert not made.withdraw(waiting)
        assert not made.withdraw(running)
        leave.set()
        await all_of(asked(made, str, 1))
    assert (ran, results) == ([], [running])


async def test_a_call_given_up_when_it_had_just_returned_takes_no_other_call_with_it() -> None:
    """The thread goes on to the next call while the first one's result waits for the loop."""
    leave, second = threading.Event(), threading.Event()

    def block(_: object) -> bool:
        second.set()
        return leave.wait(PATIENCE)

    async with threads(1) as made:
        results: list[pool.Call] = []
        late: list[str] = []
        first = made.submit(str, 1, results.append)
        blocked = asked(made, block, None)
        # The loop does not come round before the second call runs.
        made._line._ring()  # what the loop does in its next turn
        assert second.wait(PATIENCE)
        first.late = lambda: late.append("late")
        assert made.abandon(first)
        leave.set()
        assert await all_of(blocked) == [True]
        assert await all_of(asked(made, str, 2, 3)) == ["2", "3"]
        assert (results, late, made.stuck) == ([], ["late"], 0)


async def test_threads_end_with_their_pool() -> None:
    async with threads(6) as made:
        await all_of(asked(made, abs, *range(50)))
        mine = [one for one in threading.enumerate() if one.name.startswith("function-")]
        assert mine
    for one in mine:
        await asyncio.to_thread(one.join, PATIENCE)
    assert not any(one.is_alive() for one in mine)
