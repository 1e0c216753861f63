"""The decision, one row per behaviour of the document."""

import dataclasses
import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openfunction_py.autoscaling import kpa
from openfunction_py.autoscaling.kpa import Observed, State
from openfunction_py.autoscaling.spec import Spec

TEN = Spec(target_value=10, total_value=10, target_burst_capacity=0)


@dataclass(frozen=True)
class Row:
    """One decision and what it must say."""

    sentence: str
    observed: Observed
    desired: int
    spec: Spec = TEN
    previous: State = field(default_factory=State)
    panicking: bool = False
    excess: int = 0


def seen(ready: int, stable: float, panic: float | None = None, *, reachable: bool = True) -> Observed:
    return Observed(ready, stable, stable if panic is None else panic, reachable=reachable)


def with_(**changes: object) -> Spec:
    return dataclasses.replace(TEN, **changes)  # type: ignore[arg-type] # each test names real fields


ROWS = [
    Row("no load asks for none", seen(1, 0), 0),
    Row("load is divided by the target and rounded up", seen(3, 31), 4),
    Row("zero ready counts as one for the rates", seen(0, 10), 1),
    Row("the up rate bounds growth", seen(2, 400), 4, with_(max_scale_up_rate=2, panic_threshold=99)),
    Row("a small up rate still grows by one", seen(2, 30), 3, with_(max_scale_up_rate=1.1)),
    Row("the down rate bounds shrinking", seen(10, 1), 5),
    Row("an unreachable revision shrinks at once", seen(10, 1, reachable=False), 1),
    Row("twice what is ready starts panic", seen(1, 10, 20), 2, panicking=True),
    Row(
        "panic uses the load before the up rate",
        seen(1, 10, 90),
        2,
        with_(max_scale_up_rate=2),
        panicking=True,
    ),
    Row("in panic the larger of both windows counts", seen(1, 40, 20), 4, panicking=True),
    Row("in panic it never goes down", seen(5, 5), 7, previous=State(90, 7), panicking=True),
    Row("panic ends after a calm stable window", seen(4, 20), 2, previous=State(39, 7)),
    Row("panic holds exactly for the stable window", seen(4, 20), 7, previous=State(40, 7), panicking=True),
    Row("activation scale raises the first instances", seen(0, 1), 5, with_(activation_scale=5)),
    Row(
        "activation scale is not cut by the up rate",
        seen(1, 1),
        5,
        with_(activation_scale=5, max_scale_up_rate=2),
    ),
    Row("activation scale means nothing without load", seen(0, 0), 0, with_(activation_scale=5)),
    Row("capacity to spare is counted from ready", seen(2, 10), 1, with_(target_burst_capacity=5), excess=5),
    Row("nothing ready has no capacity to spare", seen(0, 0), 0, with_(target_burst_capacity=5), excess=-5),
    Row(
        "the panic window counts for spare capacity",
        seen(2, 0, 7),
        1,
        with_(target_burst_capacity=5),
        excess=8,
    ),
    Row("no limit keeps the gateway in the path", seen(2, 10), 1, with_(target_burst_capacity=-1), excess=-1),
    Row("no measurement changes nothing", Observed(3), -1, excess=-1),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence.replace(" ", "-"))
def test_the_decision(row: Row) -> None:
    decision = kpa.decide(row.spec, row.observed, row.previous, 100.0)
    assert (decision.desired, decision.panicking, decision.excess_burst) == (
        row.desired,
        row.panicking,
        row.excess,
    )


def test_an_autoscaler_that_starts_beside_several_instances_starts_in_panic() -> None:
    state = kpa.start(TEN, ready=6, now=0)
    decision = kpa.decide(TEN, seen(6, 1), state, 2)
    assert (decision.desired, decision.panicking) == (6, True)


def test_an_autoscaler_that_starts_beside_one_instance_does_not() -> None:
    assert kpa.start(TEN, ready=1, now=0).panic_since is None


def test_a_scale_down_delay_holds_the_largest_of_its_time() -> None:
    spec = with_(scale_down_delay=10.0)
    decision = kpa.decide(spec, seen(4, 40), kpa.start(spec, ready=0, now=0), 0)
    for now in (2, 4, 8):
        decision = kpa.decide(spec, seen(4, 5), decision.state, now)
        assert decision.desired == 4
    assert kpa.decide(spec, seen(4, 5), decision.state, 10).desired == 2


def test_an_unreachable_revision_is_not_delayed() -> None:
    spec = with_(scale_down_delay=10.0)
    decision = kpa.decide(spec, seen(4, 40), kpa.start(spec, ready=0, now=0), 0)
    assert kpa.decide(spec, seen(4, 0, reachable=False), decision.state, 2).desired == 0


def test_a_changed_delay_takes_effect_at_once() -> None:
    decision = kpa.decide(with_(scale_down_delay=10.0), seen(4, 40), State(), 0)
    assert kpa.decide(TEN, seen(4, 5), decision.state, 2).desired == 2


def test_spare_capacity_before_the_first_decision_is_that_of_the_initial_scale() -> None:
    assert kpa.initial_burst(Spec()) == 100 - 211
    assert kpa.initial_burst(with_(target_burst_capacity=-1)) == -1


@given(
    ready=st.integers(0, 50),
    stable=st.floats(0, 5000),
    panic=st.floats(0, 5000),
    state=st.builds(State, st.none() | st.floats(0, 100), st.integers(0, 500)),
)
def test_it_never_leaves_the_rates_outside_panic_nor_shrinks_in_it(
    ready: int, stable: float, panic: float, state: State
) -> None:
    decision = kpa.decide(Spec(), Observed(ready, stable, panic), state, 100.0)
    least = max(1, ready)
    if decision.panicking:
        assert decision.desired >= state.panic_count
    else:
        assert math.floor(least / 2) <= decision.desired <= 1000 * least
    assert decision == kpa.decide(Spec(), Observed(ready, stable, panic), state, 100.0)
