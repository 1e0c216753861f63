"""One timer for all calls: who is due, in which order, and who is no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from operator import itemgetter
from typing import Any, cast

from functions_framework.calls import deadlines


class Clock:
    """A loop's time and timers."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, told: Callable[[], None]) -> None:
        self.timers.append((when, told))
        self.timers.sort(key=itemgetter(0))

    def call_later(self, seconds: float, told: Callable[[], None]) -> object:
        self.call_at(self.now + seconds, told)
        return told

    def to(self, when: float) -> None:
        """Let time pass."""
        while self.timers and self.timers[0][0] <= when:
            self.now, told = self.timers.pop(0)
            told()
        self.now = when


def made(clock: Clock) -> tuple[deadlines.Deadlines[str], list[Any]]:
    expired: list[Any] = []
    found = deadlines.Deadlines[str](
        cast("asyncio.AbstractEventLoop", clock),
        seconds=10.0,
        expire=lambda thing: expired.append((clock.now, thing)),
    )
    return found, expired


def test_each_expires_in_its_own_time() -> None:
    clock = Clock()
    found, expired = made(clock)
    for second, thing in enumerate("abc"):
        clock.to(100.0 + second)
        found.add(thing)
    clock.to(130.0)
    assert expired == [(110.0, "a"), (111.0, "b"), (112.0, "c")]
    assert not clock.timers


def test_what_was_discarded_does_not() -> None:
    clock = Clock()
    found, expired = made(clock)
    for second, thing in enumerate("abc"):
        clock.to(100.0 + second)
        found.add(thing)
    found.discard("a")
    found.discard("c")
    found.discard("never added")
    clock.to(130.0)
    assert expired == [(111.0, "b")]


def test_there_is_one_timer_whatever_comes() -> None:
    clock = Clock()
    found, expired = made(clock)
    for number in range(1000):
        found.add(str(number))
        found.discard(str(number))
    assert len(clock.timers) == 1
    clock.to(105.0)
    found.add("last")
    clock.to(114.0)
    assert expired == []
    assert len(clock.timers) == 1
    clock.to(115.0)
    assert expired == [(115.0, "last")]


def test_the_next_one_begins_a_timer_of_its_own() -> None:
    clock = Clock()
    found, expired = made(clock)
    found.add("a")
    clock.to(200.0)
    found.add("b")
    clock.to(210.0)
    assert expired == [(110.0, "a"), (210.0, "b")]


def test_what_expires_may_add_and_discard() -> None:
    clock = Clock()
    expired: list[str] = []

    def expire(thing: str) -> None:
        expired.append(thing)
        found.discard("b")
        if thing == "a":
            found.add("again")

    found = deadlines.Deadlines[str](cast("asyncio.AbstractEventLoop", clock), seconds=10.0, expire=expire)
    found.add("a")
    found.add("b")
    clock.to(150.0)
    assert expired == ["a", "again"]
