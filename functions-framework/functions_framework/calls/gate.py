"""How many calls of one function run at the same time, and in which order the others wait.

It runs nothing; a place is given back when the call has really ended, not when its caller was answered.
"""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from functions_framework import errors, response, signatures
from functions_framework.calls import flow, pool
from functions_framework.function import Function

_ROOM_PER_PLACE = 16
_LEAST_ROOM = 64


class Gate:
    """`places` calls at a time; others wait in order, and more than `room` waiting are refused."""

    def __init__(self, places: int, *, room: int | None = None) -> None:
        self._free = places
        self._room = max(_LEAST_ROOM, places * _ROOM_PER_PLACE) if room is None else room
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Take a place, waiting for it; raises Overloaded when too many wait already."""
        if self._free:
            self._free -= 1
            return
        if len(self._waiting) >= self._room:
            raise errors.Overloaded("As many calls of this function wait as may.")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()  # the place was given in the moment of the cancellation
            raise

    def leave(self) -> None:
        """Give the place to who waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def limited(function: Function, threads: pool.Pool, gates: dict[str, Gate] | None = None) -> Function:
    """The function with its `concurrency` kept; itself where there is nothing to keep.

    Args:
        function: one route of a function; a function has several where a sidecar calls it too.
        threads: where a `def` runs.
        gates: those of the program by name, one for all routes of a function; a new one is added. None: no other.
    """
    if not function.concurrency:
        return function
    gate = (
        Gate(function.concurrency)
        if gates is None
        else gates.setdefault(function.name, Gate(function.concurrency))
    )
    if signatures.is_generator(function.written):  # also where hooks are around it
        return dataclasses.replace(function, render=_streaming(function, gate, threads))
    if function.is_async:
        return dataclasses.replace(function, call=partial(_awaited, gate, function.call))
    if function.inline:
        return function  # one at a time by nature
    return dataclasses.replace(
        function, call=partial(_in_thread, gate, threads, function.call), is_async=True
    )


async def _awaited(gate: Gate, call: Callable[[Any], Any], argument: object) -> Any:
    await gate.enter()
    try:
        return await call(argument)
    finally:
        gate.leave()


async def _in_thread(gate: Gate, threads: pool.Pool, call: Callable[[Any], Any], argument: object) -> Any:
    await gate.enter()
    result = await threads.run(call, argument, ended=gate.leave)
    return await result if inspect.isawaitable(result) else result


def _streaming(function: Function, gate: Gate, threads: pool.Pool) -> Callable[[Any], response.Reply]:
    """Renders a stream that takes its place with its first piece and gives it back after its last."""
    inner = function.render or response.answer

    def render(result: object) -> response.Reply:
        reply = inner(result)
        if not isinstance(reply, response.Stream):
            return reply
        items = flow.items(reply.chunks, threads=threads, inline=function.inline)
        return dataclasses.replace(reply, chunks=_held(gate, items))

    return render


async def _held(gate: Gate, items: AsyncIterator[Any]) -> AsyncIterator[Any]:
    await gate.enter()
    try:
        async for item in items:
            yield item
    finally:
        try:
            await flow.close(items)
        finally:
            gate.leave()
