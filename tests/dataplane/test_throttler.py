"""Admission to a Revision and the gauge of what waits, without sockets and on numbers for time."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from openfunction_py.dataplane.load import Gauge
from openfunction_py.dataplane.route_table import Endpoint, Revision, RevisionKey
from openfunction_py.dataplane.throttler import Instance, Throttler

ONE, TWO = Endpoint("127.0.0.1", 1), Endpoint("127.0.0.1", 2)


class Waiting:
    """A waiter that remembers its instance."""

    def __init__(self) -> None:
        self.instance: Instance | None = None

    def place(self, instance: Instance) -> None:
        self.instance = instance


def revision(*endpoints: Endpoint, concurrency: int = 0) -> Revision:
    return Revision(RevisionKey("demo", "r"), concurrency, endpoints=endpoints)


def throttler(*endpoints: Endpoint, concurrency: int = 0, queue_length: int = 100) -> Throttler:
    made = Throttler(revision(), queue_length=queue_length)
    made.update(revision(*endpoints, concurrency=concurrency))
    return made


def test_without_a_limit_the_less_loaded_instance_is_taken() -> None:
    made = throttler(ONE, TWO)
    taken = [made.take(0.0) for _ in range(4)]
    assert sorted(one.endpoint.port for one in taken if one) == [1, 1, 2, 2]


def test_with_a_limit_nobody_gets_more_than_it() -> None:
    made = throttler(ONE, TWO, concurrency=1)
    assert {one.endpoint for one in (made.take(0.0), made.take(0.0)) if one} == {ONE, TWO}
    assert made.take(0.0) is None


def test_waiters_are_placed_in_their_order_when_a_slot_comes_back() -> None:
    made = throttler(ONE, concurrency=1)
    taken = made.take(0.0)
    assert taken is not None
    first, second = Waiting(), Waiting()
    assert made.hold(first, 0.0)
    assert made.hold(second, 0.0)
    made.give_back(taken, 1.0)
    assert first.instance is taken
    assert second.instance is None


def test_a_newcomer_does_not_overtake_who_waits() -> None:
    made = throttler()
    made.hold(Waiting(), 0.0)
    made.update(revision(ONE))
    assert made.take(0.0) is None


def test_the_first_endpoint_releases_all_who_wait_without_a_limit() -> None:
    made = throttler()
    waiters = [Waiting() for _ in range(50)]
    assert [made.hold(waiter, 0.0) for waiter in waiters] == [True] * 50
    made.update(revision(ONE))
    made.pump(1.0)
    assert all(waiter.instance for waiter in waiters)


def test_a_full_queue_refuses() -> None:
    made = throttler(queue_length=1)
    assert made.hold(Waiting(), 0.0)
    assert not made.hold(Waiting(), 0.0)


def test_an_instance_that_took_no_connection_is_left_out_for_a_while() -> None:
    made = throttler(ONE)
    instance = made.take(0.0)
    assert instance is not None
    made.suspect(instance, 5.0)
    assert made.take(1.0) is None
    assert made.take(5.0) is instance


def test_a_changed_limit_counts_from_now_on() -> None:
    made = throttler(ONE, concurrency=1)
    made.take(0.0)
    made.update(dataclasses.replace(made.revision, concurrency=2))
    assert made.take(0.0) is not None
    assert made.take(0.0) is None


def test_the_gauge_averages_over_time() -> None:
    gauge = Gauge()
    gauge.enter(0.0)
    gauge.enter(0.5)
    gauge.leave(1.0)
    assert gauge.cut(1.0) == (1.5, 2)
    assert gauge.cut(2.0) == (1.0, 0)


def test_idle_time_before_the_first_dilutes_nothing() -> None:
    gauge = Gauge()
    gauge.enter(0.0)
    gauge.leave(0.5)
    gauge.cut(1.0)
    gauge.enter(100.0)
    assert gauge.cut(101.0) == (1.0, 1)


@given(st.lists(st.tuples(st.floats(0.001, 2), st.booleans()), min_size=1, max_size=40))
def test_the_gauge_is_the_integral_over_the_time_since_the_first(steps: list[tuple[float, bool]]) -> None:
    gauge, now, held, integral = Gauge(), 0.0, 1, 0.0
    gauge.enter(now)
    for seconds, comes in steps:
        now += seconds
        integral += held * seconds
        if comes:
            gauge.enter(now)
            held += 1
        elif held:
            gauge.leave(now)
            held -= 1
    assert abs(gauge.cut(now).concurrency * now - integral) < 1e-6
