"""Jobs for a backlog (autoscaling-keda.md §3); numbers written out."""

from __future__ import annotations

import pytest

from openfunction_py.autoscaling import scaled_job
from openfunction_py.autoscaling.scaled_job import Backlog, Jobs, Metric, Spec, Strategy

CUSTOM = Strategy("custom", deduction=2, percentage="0.5")


@pytest.mark.parametrize(
    ("metrics", "spec", "backlog"),
    [
        ([Metric(25, 10, active=True)], Spec(high=100), Backlog(active=True, length=25, jobs=3)),
        ([Metric(25, 1, active=True)], Spec(high=10), Backlog(active=True, length=25, jobs=10)),
        ([Metric(25, 1, active=True)], Spec(low=2, high=10), Backlog(active=True, length=25, jobs=8)),
        ([Metric(25, 1, active=True)], Spec(), Backlog(active=True, length=25, jobs=25)),
        ([Metric(2.5, 1, active=True)], Spec(high=9), Backlog(active=True, length=3, jobs=3)),
        ([Metric(25, 1, active=False)], Spec(), Backlog(active=False, length=0, jobs=0)),
        ([Metric(25, 1, active=False)], Spec(low=1, high=9), Backlog(active=True, length=0, jobs=0)),
        ([], Spec(), Backlog(active=False, length=0, jobs=0)),
    ],
)
def test_the_backlog_of_one_trigger(metrics: list[Metric], spec: Spec, backlog: Backlog) -> None:
    assert scaled_job.backlog(spec, metrics) == backlog


THREE = [Metric(10, 2, active=True), Metric(7, 1, active=True), Metric(99, 1, active=False)]


@pytest.mark.parametrize(
    ("calculation", "length", "jobs"),
    [("max", 10, 5), ("min", 7, 7), ("avg", 9, 6), ("sum", 17, 12), ("", 10, 5)],
)
def test_several_triggers_are_joined_over_the_active_ones(calculation: str, length: int, jobs: int) -> None:
    spec = Spec(high=100, strategy=Strategy(calculation=calculation))
    assert scaled_job.backlog(spec, THREE) == Backlog(active=True, length=length, jobs=jobs)


# strategy, most, (jobs asked for, backlog), (running, pending), started
STARTS = [
    (Strategy(), 100, (5, 5), (0, 0), 5),
    (Strategy(), 100, (5, 5), (2, 0), 3),
    (Strategy(), 100, (5, 5), (7, 0), 0),
    (Strategy(), 3, (3, 9), (1, 0), 2),
    (CUSTOM, 100, (10, 10), (4, 0), 6),
    (CUSTOM, 100, (10, 10), (5, 0), 6),
    (CUSTOM, 5, (5, 50), (0, 0), 3),
    (CUSTOM, 100, (2, 2), (0, 0), 0),
    (Strategy("custom", deduction=2, percentage="50%"), 100, (10, 10), (4, 0), 6),
    (Strategy("custom", percentage="0.5"), 100, (10, 10), (4, 0), 8),
    (Strategy("custom", deduction=2, percentage="inf"), 100, (10, 10), (4, 0), 6),
    (Strategy("custom", deduction=2), 100, (10, 10), (4, 0), 6),
    (Strategy("accurate"), 100, (5, 5), (2, 0), 5),
    (Strategy("accurate"), 100, (5, 5), (2, 2), 3),
    (Strategy("accurate"), 5, (5, 5), (2, 0), 3),
    (Strategy("accurate"), 5, (5, 5), (5, 0), 0),
    (Strategy("accurate"), 5, (5, 5), (2, 2), 3),
    (Strategy("eager"), 10, (3, 3), (0, 0), 3),
    (Strategy("eager"), 10, (3, 3), (8, 0), 2),
    (Strategy("eager"), 10, (3, 3), (4, 4), 2),
    (Strategy("eager"), 10, (10, 1), (0, 0), 10),
    (Strategy("unheard of"), 100, (5, 5), (2, 0), 3),
]


@pytest.mark.parametrize(("strategy", "most", "backlog", "found", "started"), STARTS)
def test_jobs_are_started(
    strategy: Strategy, most: int, backlog: tuple[int, int], found: tuple[int, int], started: int
) -> None:
    spec = Spec(high=most, strategy=strategy)
    jobs, length = backlog
    assert scaled_job.decide(spec, Backlog(True, length, jobs), Jobs(*found)) == started


def test_jobs_that_always_run_come_first_and_do_not_count() -> None:
    spec = Spec(low=3, high=10)
    assert scaled_job.decide(spec, Backlog(True, 9, 7), Jobs(1)) == 2
    assert scaled_job.decide(spec, Backlog(True, 9, 7), Jobs(3)) == 7
    assert scaled_job.decide(spec, Backlog(True, 9, 7), Jobs(5)) == 5
    assert Spec(low=12, high=10).least == 10


def test_without_activity_nothing_is_started() -> None:
    assert scaled_job.decide(Spec(), Backlog(False, 9, 9), Jobs(0)) == 0
