"""KEDA's own half of the decision, row by row (autoscaling-keda.md §2); numbers written out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from openfunction_py.autoscaling import keda
from openfunction_py.autoscaling.keda import Behavior, Fallback, Observed, Pause, Spec

NOW = 1000.0
COOL = Spec(cooldown=300)
IDLE = Spec(low=2, idle=0)
FALLEN = Spec(fallback=Fallback(3, 4))


@dataclass(frozen=True)
class Row:
    """One look and what must come of it."""

    sentence: str
    spec: Spec
    observed: Observed
    replicas: int | None
    last_active: float | None = None
    ready: str = "True"
    look_again: float | None = None


def seen(replicas: int, *, active: bool = False, failed: bool = False, last: float | None = None) -> Observed:
    return Observed(replicas, active, failed, last_active=last, created=900.0)


ROWS = [
    Row("activity wakes from zero", COOL, seen(0, active=True), 1, NOW),
    Row("to the minimum when there is one", Spec(low=3), seen(0, active=True), 3, NOW),
    Row("activity above zero only counts as seen", COOL, seen(2, active=True), None, NOW),
    Row("below the minimum is the HPA's affair without idle", Spec(low=3), seen(2, active=True), None, NOW),
    Row("with idle it goes to the minimum at once", IDLE, seen(1, active=True), 2, NOW),
    Row("with idle at the minimum nothing is done", IDLE, seen(2, active=True), None, NOW),
    Row(
        "a failed trigger beside an active one is Unknown",
        COOL,
        seen(2, active=True, failed=True, last=5.0),
        None,
        5.0,
        "Unknown",
    ),
    Row("and does not keep it from waking", COOL, seen(0, active=True, failed=True), 1, NOW),
    Row("inactive within the cooldown stays", COOL, seen(2, last=701.0), None, 701.0, look_again=1.0),
    Row("exactly at its end it stays", COOL, seen(2, last=700.0), None, 700.0, look_again=0.0),
    Row("after the cooldown it goes to zero", COOL, seen(2, last=699.9), 0, 699.9),
    Row("never active: the cooldown does not count", COOL, seen(1), 0),
    Row(
        "never active: the initial cooldown does",
        Spec(initial_cooldown=200),
        seen(1),
        None,
        look_again=100.0,
    ),
    Row("never active: after it, zero", Spec(initial_cooldown=99), seen(1), 0),
    Row("with a minimum it does not go down itself", Spec(low=1), seen(3, last=0.0), None, 0.0),
    Row("with idle it goes to idle after the cooldown", IDLE, seen(2, last=0.0), 0, 0.0),
    Row("at idle it stays", IDLE, seen(0, last=0.0), None, 0.0),
    Row("idle may be above zero", Spec(low=3, idle=1), seen(3, last=0.0), 1, 0.0),
    Row("inactive below the minimum is brought to it", Spec(low=3), seen(1), 3),
    Row("also from zero", Spec(low=3), seen(0), 3),
    Row("zero without activity stays zero", COOL, seen(0), None),
    Row("failed without fallback is not ready and stays", COOL, seen(2, failed=True), None, ready="False"),
    Row("failed with fallback stays for the HPA", FALLEN, seen(2, failed=True, last=0.0), None, 0.0),
    Row(
        "a fallback of zero replicas does not keep it",
        Spec(fallback=Fallback(3, 0)),
        seen(2, failed=True, last=0.0),
        0,
        0.0,
    ),
    Row("paused stays", COOL, Observed(2, active=False, last_active=0.0, pause=Pause(held=True)), None, 0.0),
    Row("paused at a count goes there", COOL, Observed(2, active=True, pause=Pause(held=True, at=5)), 5),
    Row("paused at this count stays", COOL, Observed(5, active=True, pause=Pause(held=True, at=5)), None),
    Row(
        "paused inwards stays up",
        COOL,
        Observed(2, active=False, last_active=0.0, pause=Pause(scale_in=True)),
        None,
        0.0,
    ),
    Row("paused outwards stays down", COOL, Observed(0, active=True, pause=Pause(scale_out=True)), None),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.sentence for row in ROWS])
def test_one_look(row: Row) -> None:
    decision = keda.decide(row.spec, row.observed, NOW)
    assert decision.replicas == row.replicas
    assert decision.last_active == row.last_active
    assert decision.ready == row.ready
    assert decision.look_again == row.look_again


def test_the_defaults_are_kedas() -> None:
    assert (keda.POLLING_INTERVAL, Spec().cooldown, Spec().initial_cooldown) == (30, 300, 0)
    assert (Spec().low, Spec().high) == (0, 100)


@pytest.mark.parametrize(
    ("annotations", "pause"),
    [
        ({}, Pause()),
        ({keda.PAUSED: "true"}, Pause(held=True)),
        ({keda.PAUSED: "false"}, Pause()),
        ({keda.PAUSED: "maybe"}, Pause(held=True)),
        ({keda.PAUSED_REPLICAS: "3"}, Pause(held=True, at=3)),
        ({keda.PAUSED_REPLICAS: "0"}, Pause(held=True, at=0)),
        ({keda.PAUSED_REPLICAS: "three"}, Pause(held=True)),
        ({keda.PAUSED_REPLICAS: "\u00b2"}, Pause(held=True)),
        ({keda.PAUSED_SCALE_IN: "true"}, Pause(scale_in=True)),
        ({keda.PAUSED_SCALE_OUT: "1"}, Pause(scale_out=True)),
    ],
)
def test_annotations_pause(annotations: dict[str, str], pause: Pause) -> None:
    assert keda.pause(annotations) == pause


def test_an_annotation_forces_activity() -> None:
    assert keda.is_forced({keda.FORCE_ACTIVATION: "true"})
    assert not keda.is_forced({keda.FORCE_ACTIVATION: "false"})
    assert not keda.is_forced({})


@pytest.mark.parametrize(
    ("value", "exported"),
    [(12.3456, 12.345), (0.0, 0.0), (-1.0, 0.0), (math.nan, 0.0), (math.inf, 0.0), (40.0, 40.0)],
)
def test_metrics_are_exported_with_three_decimals(value: float, exported: float) -> None:
    assert keda.exported(value) == exported


@pytest.mark.parametrize(
    ("behavior", "current", "replicas"),
    [
        (Behavior.STATIC, 7, 4),
        (Behavior.CURRENT, 7, 7),
        (Behavior.HIGHER, 7, 7),
        (Behavior.HIGHER, 2, 4),
        (Behavior.LOWER, 7, 4),
        (Behavior.LOWER, 2, 2),
    ],
)
def test_a_fallback_stands_for_replicas(behavior: Behavior, current: int, replicas: int) -> None:
    fallback = Fallback(3, 4, behavior)
    assert keda.fallback_replicas(fallback, current) == replicas
    assert keda.fallback_metric(fallback, target=10, current=current) == 10 * replicas


def test_a_fallback_begins_after_more_failures_than_its_threshold() -> None:
    failed = 0
    for _ in range(3):
        failed = keda.failures(failed, failed=True)
    assert not keda.stands_in(Fallback(3, 4), failed)
    assert keda.stands_in(Fallback(3, 4), keda.failures(failed, failed=True))
    assert keda.failures(failed, failed=False) == 0
    assert not keda.stands_in(None, 99)


def test_a_fallback_of_a_value_metric_is_shared_by_the_ready_pods() -> None:
    assert keda.fallback_metric(Fallback(3, 6), target=10, current=1, ready=3) == 20
    with pytest.raises(ValueError, match="a ready Pod"):
        keda.fallback_metric(Fallback(3, 6), target=10, current=1, ready=0)
