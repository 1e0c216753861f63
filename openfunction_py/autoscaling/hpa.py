"""The HorizontalPodAutoscaler's decision between the first replica and the maximum, with its behaviour rules.

Decides only; time is an argument in seconds and the past a value.
Formulas: Kubernetes pkg/controller/podautoscaler/{horizontal,replica_calculator}.go.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from openfunction_py.api.keda import Behavior, ScalingRules
from openfunction_py.lib import quantities

TOLERANCE = 0.1
SYNC_PERIOD = 15.0
DOWN_WINDOW = 300.0


@dataclass(frozen=True, slots=True)
class Policy:
    """At most `value` Pods, or percent, within `period` seconds."""

    kind: str
    value: int
    period: float


@dataclass(frozen=True, slots=True)
class Rules:
    """How fast one direction may go; `select` is Max, Min or Disabled."""

    window: float
    policies: tuple[Policy, ...]
    select: str = "Max"
    tolerance: float = TOLERANCE


UP = Rules(0.0, (Policy("Pods", 4, 15.0), Policy("Percent", 100, 15.0)))
DOWN = Rules(DOWN_WINDOW, (Policy("Percent", 100, 15.0),))


@dataclass(frozen=True, slots=True)
class Spec:
    """Bounds and speed; KEDA gives the HPA a minimum of at least 1."""

    low: int = 1
    high: int = 100
    up: Rules = UP
    down: Rules = DOWN


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: `value` None could not be read; `kind` is AverageValue, Value or Utilization."""

    value: float | None
    target: float
    kind: str = "AverageValue"


@dataclass(frozen=True, slots=True)
class Change:
    """Replicas added (above 0) or removed (below 0) at a time."""

    at: float
    by: int


@dataclass(frozen=True, slots=True)
class State:
    """Recommendations and changes that the rules still look at."""

    wanted: tuple[tuple[float, int], ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The count to write, why it is that, and what to remember."""

    desired: int
    reason: str
    state: State = field(default_factory=State)


def rules(behavior: Behavior | None) -> tuple[Rules, Rules]:
    """Up and down rules of a behaviour, with Kubernetes' defaults where nothing is said."""
    given = behavior or Behavior()
    return _rules(given.scale_up, UP), _rules(given.scale_down, DOWN)


def _rules(given: ScalingRules | None, default: Rules) -> Rules:
    if given is None:
        return default
    policies = tuple(Policy(one.type, one.value, one.period_seconds) for one in given.policies)
    window = given.stabilization_window_seconds
    return Rules(
        window=default.window if window is None else window,
        policies=policies or default.policies,
        select=given.select_policy or default.select,
        tolerance=float(quantities.parse(given.tolerance)) if given.tolerance else default.tolerance,
    )


def average_value(metric: float, target: float) -> int:
    """Replicas for a total that every replica takes `target` of."""
    return math.ceil(_milli(metric) / _milli(target))


def value(metric: float, target: float, ready: int) -> int:
    """Replicas for a value that shrinks as replicas are added."""
    return math.ceil(ready * (_milli(metric) / _milli(target)))


def _milli(number: float) -> int:
    return math.trunc(number * 1000)


def proposal(spec: Spec, metric: Metric, *, replicas: int, ready: int) -> int | None:
    """What one metric asks for; the current count while it is near enough to its target."""
    if metric.value is None:
        return None
    per_replica = metric.kind == "AverageValue"
    base = replicas if per_replica else 1
    ratio = metric.value / (metric.target * base) if base else 0.0
    if replicas and 1 - spec.down.tolerance <= ratio <= 1 + spec.up.tolerance:
        return replicas
    return (
        average_value(metric.value, metric.target)
        if per_replica
        else value(metric.value, metric.target, ready)
    )


def decide(
    spec: Spec, metrics: Sequence[Metric], state: State, now: float, *, replicas: int, ready: int
) -> Decision:
    """The count for what was measured now."""
    if replicas == 0:
        return Decision(0, "ScalingDisabled", state)
    if replicas > spec.high:
        return _changed(Decision(spec.high, "TooManyReplicas", state), replicas, now)
    if replicas < spec.low:
        return _changed(Decision(spec.low, "TooFewReplicas", state), replicas, now)
    wanted = _highest(spec, metrics, replicas=replicas, ready=ready)
    if wanted is None:
        return Decision(replicas, "FailedGetExternalMetric", state)
    past = state if state.wanted else State(((now, replicas),), state.changes)
    steady = stabilized(spec, past.wanted, wanted, now, replicas=replicas)
    desired = limited(spec, past.changes, steady, now, replicas=replicas)
    remembered = State((*_recent(spec, past.wanted, now), (now, wanted)), _near(spec, past.changes, now))
    return _changed(Decision(desired, _reason(wanted, steady, desired), remembered), replicas, now)


def _highest(spec: Spec, metrics: Sequence[Metric], *, replicas: int, ready: int) -> int | None:
    """The largest proposal; None when nothing is known, or too little to go down."""
    proposals = [proposal(spec, one, replicas=replicas, ready=ready) for one in metrics]
    known = [one for one in proposals if one is not None]
    if not known or (len(known) < len(proposals) and max(known) < replicas):
        return None
    return max(known)


def stabilized(
    spec: Spec, past: Sequence[tuple[float, int]], wanted: int, now: float, *, replicas: int
) -> int:
    """The current count moved as little as the recommendations of both windows allow."""
    up = min([wanted, *(count for at, count in past if at > now - spec.up.window)])
    down = max([wanted, *(count for at, count in past if at > now - spec.down.window)])
    return min(max(replicas, up), down)


def limited(spec: Spec, changes: Sequence[Change], wanted: int, now: float, *, replicas: int) -> int:
    """A count within its bounds and within the speed of its direction."""
    if wanted > replicas:
        most = max(replicas, _limit(spec.up, changes, now, replicas=replicas, up=True))
        return min(wanted, spec.high, most)
    if wanted < replicas:
        least = min(replicas, _limit(spec.down, changes, now, replicas=replicas, up=False))
        return max(wanted, spec.low, least)
    return wanted


def _limit(limits: Rules, changes: Sequence[Change], now: float, *, replicas: int, up: bool) -> int:
    if limits.select == "Disabled":
        return replicas
    counts = [_reach(policy, changes, now, replicas=replicas, up=up) for policy in limits.policies]
    # Max is the largest change: the highest count upwards, the lowest downwards.
    return max(counts) if up == (limits.select != "Min") else min(counts)


def _reach(policy: Policy, changes: Sequence[Change], now: float, *, replicas: int, up: bool) -> int:
    """How far a policy lets the count go from where it was when its period began."""
    start = replicas - sum(one.by for one in changes if one.at > now - policy.period)
    if policy.kind == "Pods":
        return start + policy.value if up else start - policy.value
    share = policy.value / 100
    return math.ceil(start * (1 + share)) if up else math.trunc(start * (1 - share))


def _changed(decision: Decision, replicas: int, now: float) -> Decision:
    by = decision.desired - replicas
    if by == 0:
        return decision
    state = decision.state
    return Decision(decision.desired, decision.reason, State(state.wanted, (*state.changes, Change(now, by))))


def _recent(spec: Spec, past: Sequence[tuple[float, int]], now: float) -> tuple[tuple[float, int], ...]:
    window = max(spec.up.window, spec.down.window)
    return tuple(one for one in past if one[0] > now - window)


def _near(spec: Spec, changes: Sequence[Change], now: float) -> tuple[Change, ...]:
    period = max((policy.period for policy in (*spec.up.policies, *spec.down.policies)), default=0.0)
    return tuple(one for one in changes if one.at > now - period)


def _reason(wanted: int, steady: int, desired: int) -> str:
    if steady != wanted:
        return "ScaleUpStabilized" if steady < wanted else "ScaleDownStabilized"
    return "DesiredWithinRange" if desired == wanted else "ScaleLimited"
