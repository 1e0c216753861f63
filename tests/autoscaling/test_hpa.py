"""The HPA's half of the decision: formulas, tolerance, windows and speed; numbers written out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openfunction_py.api.keda import Behavior
from openfunction_py.autoscaling import hpa
from openfunction_py.autoscaling.hpa import Change, Metric, Policy, Rules, Spec, State

EMPTY = State()
FREE = Rules(0.0, (Policy("Percent", 100_000, 15.0),))
FAST = Spec(1, 100, FREE, Rules(0.0, (Policy("Percent", 100, 15.0),)))


@pytest.mark.parametrize(
    ("metric", "target", "desired"),
    [(40, 10, 4), (41, 10, 5), (0, 10, 0), (9.999, 10, 1), (10.001, 10, 2), (100_000, 7, 14_286)],
)
def test_an_average_value_is_divided_by_its_target(metric: float, target: float, desired: int) -> None:
    assert hpa.average_value(metric, target) == desired


@pytest.mark.parametrize(
    ("metric", "target", "ready", "desired"), [(20, 10, 3, 6), (5, 10, 3, 2), (10, 10, 3, 3), (11, 10, 1, 2)]
)
def test_a_value_multiplies_what_is_ready(metric: float, target: float, ready: int, desired: int) -> None:
    assert hpa.value(metric, target, ready) == desired


@pytest.mark.parametrize(
    ("metric", "replicas", "desired"),
    [(44, 4, 4), (44.1, 4, 5), (36, 4, 4), (35.9, 4, 4), (30, 4, 3), (29.9, 4, 3), (0, 4, 0)],
)
def test_a_tenth_more_or_less_changes_nothing(metric: float, replicas: int, desired: int) -> None:
    assert hpa.proposal(FAST, Metric(metric, 10), replicas=replicas, ready=replicas) == desired


def decide(spec: Spec, lag: float | None, replicas: int, state: State = EMPTY, now: float = 0.0) -> int:
    return hpa.decide(spec, [Metric(lag, 10)], state, now, replicas=replicas, ready=replicas).desired


@pytest.mark.parametrize(
    ("lag", "replicas", "desired"),
    [
        (10_000, 1, 100),
        (0, 5, 1),
        (55, 5, 5),
        (100, 0, 0),
        (500, 120, 100),
        (None, 5, 5),
    ],
)
def test_bounds_hold_and_zero_is_left_alone(lag: float | None, replicas: int, desired: int) -> None:
    assert decide(FAST, lag, replicas) == desired


def test_below_the_minimum_it_goes_there_whatever_the_metric_says() -> None:
    assert decide(Spec(low=3), 10_000, 1) == 3


def test_the_default_speed_upwards_is_four_or_double_in_15_seconds() -> None:
    assert decide(Spec(), 10_000, 1) == 5
    assert decide(Spec(), 10_000, 10) == 20
    just = State(((0.0, 1000),), (Change(0.0, 4),))
    assert decide(Spec(), 10_000, 5, just, now=10.0) == 5
    assert decide(Spec(), 10_000, 5, just, now=15.0) == 10


def test_downwards_the_highest_wish_of_five_minutes_counts() -> None:
    past = State(((0.0, 8), (100.0, 6)))
    assert decide(Spec(), 10, 8, past, now=299.0) == 8
    assert decide(Spec(), 10, 8, past, now=300.0) == 6
    assert decide(Spec(), 10, 8, past, now=400.0) == 1


def test_an_up_window_waits_for_the_lowest_wish() -> None:
    spec = Spec(1, 100, Rules(60.0, FREE.policies), FAST.down)
    past = State(((0.0, 2), (30.0, 9)))
    assert decide(spec, 90, 2, past, now=59.0) == 2
    assert decide(spec, 90, 2, past, now=61.0) == 9


@pytest.mark.parametrize(
    ("rules", "desired"),
    [
        (Rules(0.0, (Policy("Pods", 2, 60.0),)), 8),
        (Rules(0.0, (Policy("Percent", 25, 60.0),)), 7),
        (Rules(0.0, (Policy("Pods", 2, 60.0), Policy("Percent", 25, 60.0))), 7),
        (Rules(0.0, (Policy("Pods", 2, 60.0), Policy("Percent", 25, 60.0)), "Min"), 8),
        (Rules(0.0, (Policy("Pods", 2, 60.0),), "Disabled"), 10),
    ],
)
def test_the_speed_downwards(rules: Rules, desired: int) -> None:
    assert decide(Spec(1, 100, FREE, rules), 10, 10) == desired


@pytest.mark.parametrize(
    ("rules", "desired"),
    [
        (Rules(0.0, (Policy("Pods", 2, 60.0),)), 12),
        (Rules(0.0, (Policy("Percent", 25, 60.0),)), 13),
        (Rules(0.0, (Policy("Pods", 2, 60.0), Policy("Percent", 25, 60.0))), 13),
        (Rules(0.0, (Policy("Pods", 2, 60.0), Policy("Percent", 25, 60.0)), "Min"), 12),
        (Rules(0.0, (Policy("Pods", 2, 60.0),), "Disabled"), 10),
    ],
)
def test_the_speed_upwards(rules: Rules, desired: int) -> None:
    assert decide(Spec(1, 100, rules, FAST.down), 1000, 10) == desired


def test_what_was_removed_in_the_period_counts_against_the_speed() -> None:
    spec = Spec(1, 100, FREE, Rules(0.0, (Policy("Pods", 3, 60.0),)))
    state = State(((0.0, 1),), (Change(0.0, -2),))
    assert decide(spec, 10, 8, state, now=59.0) == 7
    assert decide(spec, 10, 8, state, now=60.0) == 5


def many(*values: float | None) -> list[Metric]:
    return [Metric(value, 10) for value in values]


def test_of_several_metrics_the_largest_counts_and_a_broken_one_never_lets_it_down() -> None:
    def desired(metrics: list[Metric]) -> int:
        return hpa.decide(FAST, metrics, State(), 0.0, replicas=5, ready=5).desired

    assert desired(many(20, 90)) == 9
    assert desired(many(None, 90)) == 9
    assert desired(many(None, 20)) == 5
    assert desired(many(20, 20)) == 2


def test_a_backlog_is_taken_by_steps_and_left_after_the_window() -> None:
    state, replicas, seen = State(), 1, []
    for step in range(30):
        lag = 300 if step < 6 else 0
        decision = hpa.decide(Spec(high=30), many(lag), state, step * 15.0, replicas=replicas, ready=replicas)
        state, replicas = decision.state, decision.desired
        seen.append(replicas)
    assert seen[:6] == [5, 10, 20, 30, 30, 30]
    assert seen[6:25] == [30] * 19
    assert seen[25:] == [1] * 5


def test_a_behaviour_keeps_kubernetes_defaults_where_it_says_nothing() -> None:
    assert hpa.rules(None) == (hpa.UP, hpa.DOWN)
    down = {"scaleDown": {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 9}]}}  # fmt: skip  # noqa: E501 - one value
    up, given_down = hpa.rules(Behavior.model_validate(down))
    assert up == hpa.UP
    assert given_down == Rules(0.0, (Policy("Pods", 1, 9),))
    up, _ = hpa.rules(Behavior.model_validate({"scaleUp": {"selectPolicy": "Disabled", "tolerance": "50m"}}))
    assert (up.select, up.tolerance, up.policies) == ("Disabled", 0.05, hpa.UP.policies)


@given(
    st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 3000)), st.integers(1, 60)), max_size=30),
    st.integers(1, 30),
)
def test_no_history_leaves_the_bounds_and_the_memory_stays_small(
    steps: list[tuple[int | None, int]], start: int
) -> None:
    spec, state, replicas, now = Spec(low=2, high=20), State(), start, 0.0
    for lag, wait in steps:
        now += wait
        decision = hpa.decide(spec, many(lag), state, now, replicas=replicas, ready=replicas)
        state, replicas = decision.state, decision.desired
        assert 2 <= replicas <= 20
    assert len(state.wanted) <= len(steps) + 1
