"""How many calls of a function run at a time: places, order, refusal, and when a place is free again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import functions_framework
from functions_framework import Request, errors
from functions_framework.calls import gate
from tests.framework import http
from tests.framework.conftest import StartSite


async def test_others_wait_in_order() -> None:
    door, order = gate.Gate(1), []

    async def call(number: int) -> None:
        await door.enter()
        order.append(number)
        await asyncio.sleep(0)
        door.leave()

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(call(number))
    assert order == [0, 1, 2, 3, 4]


async def test_more_waiting_than_there_is_room_for_is_refused() -> None:
    door = gate.Gate(1, room=0)
    await door.enter()
    with pytest.raises(errors.Overloaded) as caught:
        await door.enter()
    assert (caught.value.status, caught.value.lines) == (503, b"retry-after: 1\r\n")
    door.leave()
    await door.enter()


@pytest.mark.parametrize("given", [False, True])
async def test_a_place_given_to_who_was_cancelled_is_passed_on(given: bool) -> None:
    door = gate.Gate(1)
    await door.enter()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(door.enter())
        await asyncio.sleep(0)
        if given:
            door.leave()
        waiting.cancel()
        await asyncio.wait([waiting])
    if not given:
        door.leave()
    await asyncio.wait_for(door.enter(), 5)
    async with asyncio.TaskGroup() as group:
        later = group.create_task(door.enter())
        await asyncio.sleep(0)
        assert not later.done()  # one place was passed on, not two
        door.leave()


class Counted:
    """Counts how many calls are inside at a time."""

    def __init__(self) -> None:
        self.now = self.most = self.all = 0

    def enter(self) -> None:
        self.now += 1
        self.all += 1
        self.most = max(self.most, self.now)

    def leave(self) -> None:
        self.now -= 1


def sorts(counted: Counted) -> list[Callable[[Request], Any]]:
    pause = threading.Event()

    @functions_framework.http(concurrency=2)
    async def on_the_loop(request: Request) -> str:
        counted.enter()
        await asyncio.sleep(0.01)
        counted.leave()
        return "x"

    @functions_framework.http(concurrency=2)
    def in_threads(request: Request) -> str:
        counted.enter()
        pause.wait(0.01)
        counted.leave()
        return "x"

    @functions_framework.http(concurrency=2)
    async def in_pieces(request: Request) -> AsyncIterator[str]:
        counted.enter()
        yield "x"
        await asyncio.sleep(0.01)
        counted.leave()

    return [on_the_loop, in_threads, in_pieces]


@pytest.mark.parametrize("sort", range(3))
async def test_no_more_calls_run_than_the_function_says(site: StartSite, sort: int) -> None:
    counted = Counted()
    async with site(sorts(counted)[sort]) as at:

        async def ask() -> None:
            client = await at.client()
            await client.send(http.request("/", headers="connection: close\r\n"))
            assert (await client.reader.read()).startswith(b"HTTP/1.1 200 ")
            client.close()

        async with asyncio.TaskGroup() as group:
            for _ in range(9):
                group.create_task(ask())
    assert (counted.most, counted.all, counted.now) == (2, 9, 0)


async def test_a_thread_that_hangs_keeps_its_place(site: StartSite) -> None:
    go, begun = threading.Event(), [0]

    @functions_framework.http(concurrency=1)
    def hangs(request: Request) -> str:
        begun[0] += 1
        go.wait()
        return "late"

    async with site(hangs, timeout=0.2) as at:
        assert (await at.ask("/")).status == 504
        assert (await at.ask("/")).status == 504
        assert begun[0] == 1
        go.set()
        while (await at.ask("/")).status != 200:
            assert begun[0] == 1
        assert begun[0] == 2


async def test_a_full_queue_is_answered_503_with_when_to_come_again(
    site: StartSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "_LEAST_ROOM", 1)
    monkeypatch.setattr(gate, "_ROOM_PER_PLACE", 1)
    entered, go = asyncio.Event(), asyncio.Event()

    @functions_framework.http(concurrency=1)
    async def waits(request: Request) -> str:
        entered.set()
        await go.wait()
        return "x"

    async with site(waits) as at, asyncio.TaskGroup() as group:
        asked = [group.create_task(at.ask("/"))]
        await entered.wait()
        asked += [group.create_task(at.ask("/")) for _ in range(2)]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        refused = done.pop().result()
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        go.set()
    assert sorted(task.result().status for task in asked) == [200, 200, 503]
