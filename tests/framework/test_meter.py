"""The load arithmetic, on a clock that the test turns."""

from __future__ import annotations

from functions_framework.calls import meter


class Hand:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_concurrency_is_the_average_over_the_period() -> None:
    clock = Hand()
    load = meter.Meter(clock)
    load.enter()
    clock.now = 0.5
    load.enter()
    clock.now = 0.75
    load.leave()
    clock.now = 1.0
    assert load.take() == meter.Load(concurrency=1.25, requests=2, in_flight=1)


def test_a_request_that_lasts_counts_in_every_period_but_once_as_a_request() -> None:
    clock = Hand()
    load = meter.Meter(clock)
    load.enter()
    clock.now = 1.0
    load.take()
    clock.now = 3.0
    assert load.take() == meter.Load(concurrency=1.0, requests=0, in_flight=1)


def test_a_quiet_period_is_zero() -> None:
    clock = Hand()
    load = meter.Meter(clock)
    clock.now = 1.0
    assert load.take().is_zero


def test_the_first_request_after_a_quiet_time_wakes_the_watcher_once() -> None:
    woken: list[int] = []
    load = meter.Meter(Hand())
    load.watched = False
    load.on_wake = lambda: woken.append(1)
    load.enter()
    load.enter()
    assert woken == [1]


def test_a_period_that_begins_with_a_wake_begins_there() -> None:
    clock = Hand()
    load = meter.Meter(clock)
    load.watched, load.on_wake = False, lambda: None
    clock.now = 100.0
    load.enter()
    clock.now = 101.0
    assert load.take().concurrency == 1.0


def test_idle_is_told_when_the_last_one_leaves() -> None:
    idle: list[int] = []
    load = meter.Meter(Hand())
    load.on_idle = lambda: idle.append(1)
    load.enter()
    load.enter()
    load.leave()
    assert idle == []
    load.leave()
    assert idle == [1]
