"""How many messages are in flight where nobody said."""

from __future__ import annotations

import pytest

from openfunction_eventing.component import Component
from openfunction_eventing.drivers.jetstream import reader
from openfunction_eventing.drivers.port import SubscribeOptions
from openfunction_eventing.drivers.window import Window


def after(window: Window, handled: int, *, seconds: float, now: float = 0.0) -> float:
    """So many more were handled, each in so many seconds; gives the time."""
    for _ in range(handled):
        now += seconds
        if window.handled():
            window.look(now)
    return now


def test_quick_ones_are_more_each_time_up_to_the_most() -> None:
    window = Window(100, 400, 0.0)
    after(window, 99, seconds=0.0001)
    assert window.size == 100
    sizes = []
    for _ in range(4):
        after(window, window.size, seconds=0.0001)
        sizes.append(window.size)
    assert sizes == [200, 400, 400, 400]


def test_what_is_in_flight_is_a_fraction_of_a_second() -> None:
    window = Window(100, 400, 0.0)
    now = after(window, 2000, seconds=0.0004)
    assert window.size == 400
    now = after(window, 2000, seconds=0.001, now=now)
    assert window.size == 400
    after(window, 400, seconds=0.002, now=now)
    assert window.size == 200


def test_slow_ones_are_never_less_than_the_least() -> None:
    window = Window(100, 400, 0.0)
    after(window, 1000, seconds=1.0)
    assert window.size == 100


def test_who_becomes_slow_has_fewer_before_all_are_handled() -> None:
    window = Window(100, 400, 0.0)
    now = after(window, 2000, seconds=0.0001)
    window.late(now + 0.3)
    assert window.size == 400
    window.late(now + 0.5)
    assert window.size == 200


@pytest.mark.parametrize(
    ("metadata", "options", "most"),
    [
        ({}, SubscribeOptions(), 800),
        ({}, SubscribeOptions(max_in_flight=7), 7),
        ({}, SubscribeOptions(order_key="k"), 100),
        ({"concurrency": "single"}, SubscribeOptions(), 1),
    ],
)
def test_only_where_nobody_said_how_many(
    metadata: dict[str, str], options: SubscribeOptions, most: int
) -> None:
    component = Component("bus", "pubsub.jetstream", metadata=metadata)
    assert reader.window(component, options, 0.0).most == most
