"""How a rolling update moves replicas between ReplicaSets."""

from __future__ import annotations

import pytest

from openfunction_py.providers.workloads import rollout
from openfunction_py.providers.workloads.rollout import Counts, Policy


def counts(name: str, wanted: int, available: int | None = None) -> Counts:
    """A ReplicaSet that has what it wants, of which some are available."""
    return Counts(name, wanted, wanted, wanted if available is None else available)


@pytest.mark.parametrize(
    ("desired", "surge", "unavailable", "expected"),
    [
        (10, "25%", "25%", (3, 2)),
        (1, None, None, (1, 0)),
        (4, 0, 0, (0, 1)),
        (3, 2, 1, (2, 1)),
        (3, 0, 9, (0, 3)),
        (0, "25%", "25%", (0, 1)),
    ],
)
def test_bounds_round_as_kubernetes_does(
    desired: int, surge: int | str | None, unavailable: int | str | None, expected: tuple[int, int]
) -> None:
    assert rollout.resolve(desired, max_surge=surge, max_unavailable=unavailable) == expected


def test_a_first_template_gets_everything_at_once() -> None:
    assert rollout.plan(Policy(3, 1, 0), new=counts("new", 0), old=[]) == {"new": 3}


def test_the_new_set_grows_by_the_surge_and_no_ready_replica_goes_before_a_new_one_is_there() -> None:
    assert rollout.plan(Policy(3, 1, 0), new=counts("new", 0), old=[counts("old", 3)]) == {"new": 1}


def test_an_old_replica_goes_once_a_new_one_is_available() -> None:
    planned = rollout.plan(Policy(3, 1, 0), new=counts("new", 1), old=[counts("old", 3)])
    assert planned == {"new": 1, "old": 2}


def test_a_new_set_that_is_never_ready_leaves_the_old_one_serving() -> None:
    planned = rollout.plan(Policy(2, 1, 0), new=counts("new", 1, 0), old=[counts("old", 2)])
    assert planned == {"new": 1}


def test_unhealthy_old_replicas_go_first() -> None:
    old = [counts("older", 1, 0), counts("old", 2, 2)]
    planned = rollout.plan(Policy(3, 1, 1), new=counts("new", 1, 0), old=old)
    assert planned == {"new": 1, "older": 0}


def test_unavailability_lets_old_replicas_go_before_new_ones_are_ready() -> None:
    planned = rollout.plan(Policy(4, 0, 2), new=counts("new", 0), old=[counts("old", 4)])
    assert planned == {"new": 0, "old": 2}


def test_zero_means_zero_everywhere_at_once() -> None:
    planned = rollout.plan(Policy(0, 1, 0), new=counts("new", 2), old=[counts("old", 1)])
    assert planned == {"new": 0, "old": 0}


def test_recreate_starts_nothing_until_all_old_replicas_are_gone() -> None:
    policy = Policy(2, 1, 2, recreate=True)
    assert rollout.plan(policy, new=counts("new", 0), old=[counts("old", 2)]) == {"old": 0}
    assert rollout.plan(policy, new=counts("new", 0), old=[Counts("old", 0, 1, 0)]) == {"old": 0}
    assert rollout.plan(policy, new=counts("new", 0), old=[counts("old", 0)]) == {"old": 0, "new": 2}


def test_a_paused_deployment_only_scales_what_runs() -> None:
    policy = Policy(5, 1, 0, paused=True)
    assert rollout.plan(policy, new=None, old=[counts("old", 3)]) == {"old": 5}


@pytest.mark.parametrize(("surge", "unavailable"), [(1, 0), (0, 1), (2, 1), (1, 3)])
def test_every_rollout_ends_and_never_leaves_its_bounds(surge: int, unavailable: int) -> None:
    desired, new, old = 3, counts("new", 0), counts("old", 3)
    for _ in range(20):
        planned = rollout.plan(Policy(desired, surge, unavailable), new=new, old=[old])
        new = counts("new", planned.get("new", new.wanted), new.available)
        old = counts("old", planned.get("old", old.wanted))
        assert new.wanted + old.wanted <= desired + surge
        assert new.available + old.available >= desired - unavailable
        new = counts("new", new.wanted)
    assert (new.wanted, old.wanted) == (desired, 0)
