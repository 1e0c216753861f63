"""Window averages and the sliding maximum, with time as a number."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openfunction_py.autoscaling.windows import Measure, SlidingMax, Window


def test_values_of_one_second_are_added() -> None:
    window = Window(5)
    window.record(10.1, 2)
    window.record(10.9, 3)
    assert window.average(10.95) == 5


def test_a_window_seen_in_part_is_averaged_over_what_was_seen() -> None:
    window = Window(60)
    for second in range(3):
        window.record(second, 6)
    assert window.average(2) == 6


def test_seconds_without_a_report_count_as_nothing() -> None:
    window = Window(4)
    window.record(0, 8)
    window.record(3, 8)
    assert window.average(3) == 4


def test_silence_drops_the_oldest_seconds_and_divides_by_what_is_left() -> None:
    window = Window(5)
    for second in range(5):
        window.record(second, second + 1)
    assert window.average(4) == 3
    assert window.average(6) == pytest.approx((3 + 4 + 5) / 3)
    assert window.average(8) == 5


def test_a_silent_window_is_zero_and_soon_empty() -> None:
    window = Window(5)
    window.record(0, 7)
    assert (window.average(5), window.empty(5), window.empty(6)) == (0, False, True)


def test_after_a_silent_window_everything_starts_anew() -> None:
    window = Window(5)
    window.record(0, 100)
    window.record(5, 3)
    assert window.average(5) == 3


def test_a_report_older_than_the_window_is_ignored_and_a_late_one_is_not() -> None:
    window = Window(3)
    window.record(10, 3)
    window.record(7, 100)
    window.record(9, 1)
    assert window.average(10) == 2


def test_linear_averages_are_cut_at_six_decimals() -> None:
    window = Window(3)
    for second in range(3):
        window.record(second, 1 if second == 0 else 0)
    assert window.average(2) == 0.333333


def test_a_weighted_average_decays_with_knatives_coefficient() -> None:
    window = Window(6, "weighted-exponential")
    alpha = max(1 - 0.0001 ** (1 / 6), 0.2)
    window.record(0, 10)
    window.record(1, 20)
    assert window.average(1) == pytest.approx(20 * alpha + 10 * alpha * (1 - alpha))
    assert window.average(3) == pytest.approx((20 * alpha + 10 * alpha * (1 - alpha)) * (1 - alpha) ** 2)


def test_a_resized_window_keeps_what_lies_within_it() -> None:
    window = Window(6)
    for second in range(6):
        window.record(second, second)
    window.resize(3)
    assert window.average(5) == 4
    window.resize(10)
    assert window.average(5) == 4


def test_a_measure_without_reports_knows_nothing() -> None:
    measure = Measure(stable_window=60, panic_window=6)
    assert measure.averages(0) is None
    measure.record(0, 4)
    assert measure.averages(0) == (4, 4)


@given(
    size=st.integers(2, 12),
    events=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=40),
    idle=st.integers(0, 3),
)
def test_the_ring_agrees_with_a_plain_list_of_seconds(
    size: int, events: list[tuple[int, int]], idle: int
) -> None:
    window, second, first, seen = Window(size), 100, 100, dict[int, int]()
    for step, value in events:
        if step >= size:
            first, seen = second + step, {}
        second += step
        seen[second] = seen.get(second, 0) + value
        window.record(second, value)
    kept = [seen.get(at, 0) for at in range(second + idle - size + 1, second + 1)]
    divisor = min(second - max(first, min(seen)) + 1, size - idle)
    expected = 0.0 if idle >= size else math.floor(sum(kept) / divisor * 10**6) / 10**6
    assert window.average(second + idle) == expected


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), min_size=1, max_size=40))
def test_the_sliding_maximum_agrees_with_a_plain_maximum(delay: int, events: list[tuple[int, int]]) -> None:
    window, now, seen = SlidingMax.over(delay), 0, list[tuple[int, int]]()
    for step, value in events:
        now += step
        window = window.record(now, value)
        seen.append((now // 2, value))
        assert window.current == max(v for slot, v in seen if slot > now // 2 - math.ceil(delay / 2))
