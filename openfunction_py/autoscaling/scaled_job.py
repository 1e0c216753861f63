"""How many Jobs a ScaledJob starts for a backlog.

Decides only. Formulas: KEDA pkg/scaling/executor/scale_jobs.go and pkg/scaling/scaledjob/metrics.go.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MAX_REPLICAS = 100
HISTORY = 100


@dataclass(frozen=True, slots=True)
class Metric:
    """One trigger: its backlog, what one Job takes of it (of several metrics: their mean), and its activity."""

    value: float
    target: float
    active: bool


@dataclass(frozen=True, slots=True)
class Strategy:
    """How running and pending Jobs count; `percentage` is a fraction in a text, as KEDA parses it."""

    name: str = "default"
    deduction: int | None = None
    percentage: str | None = None
    calculation: str = "max"


@dataclass(frozen=True, slots=True)
class Spec:
    """Bounds and strategy."""

    low: int = 0
    high: int | None = None
    strategy: Strategy = Strategy()

    @property
    def least(self) -> int:
        """The Jobs that always run; never above the maximum."""
        return min(self.low, self.high) if self.high is not None else self.low

    @property
    def room(self) -> int:
        """The Jobs that may run beside those."""
        return MAX_REPLICAS if self.high is None else self.high - self.least


@dataclass(frozen=True, slots=True)
class Backlog:
    """All triggers together: activity, the whole backlog, and the Jobs that would take it."""

    active: bool
    length: int
    jobs: int


@dataclass(frozen=True, slots=True)
class Jobs:
    """Jobs that are not finished, and those of them that have not begun."""

    running: int
    pending: int = 0


def backlog(spec: Spec, metrics: Sequence[Metric]) -> Backlog:
    """What the active triggers ask for, joined as `multipleScalersCalculation` says."""
    asked = [(one.value, _jobs(one, spec.room)) for one in metrics if one.active]
    length, jobs = _joined(spec.strategy.calculation, asked)
    return Backlog(bool(asked) or spec.least > 0, math.ceil(length), math.ceil(min(jobs, spec.room)))


def _jobs(metric: Metric, room: int) -> float:
    return min(metric.value / metric.target, room) if metric.target > 0 else 0.0


def _joined(calculation: str, asked: list[tuple[float, float]]) -> tuple[float, float]:
    if not asked:
        return 0.0, 0.0
    if calculation == "min":
        return min(asked, key=lambda one: one[0])
    if calculation in ("avg", "sum"):
        by = len(asked) if calculation == "avg" else 1
        return sum(one[0] for one in asked) / by, sum(one[1] for one in asked) / by
    return max(asked, key=lambda one: one[0])


def decide(spec: Spec, found: Backlog, jobs: Jobs) -> int:
    """How many Jobs to start now."""
    if not found.active:
        return 0
    if jobs.running < spec.least:
        return spec.least - jobs.running
    room, wanted = effective(spec, found, jobs)
    return max(0, min(wanted, room))


def effective(spec: Spec, found: Backlog, jobs: Jobs) -> tuple[int, int]:
    """The Jobs that the strategy has room for, and those it wants."""
    running, strategy, most = jobs.running - spec.least, strategy_of(spec.strategy), spec.room
    if strategy == "custom":
        taken = (spec.strategy.deduction or 0) + math.trunc(running * _fraction(spec.strategy))
        return min(found.jobs - taken, most), found.length
    if strategy == "accurate":
        if found.jobs + running - jobs.pending > most:
            return most - running, found.length
        return found.jobs - jobs.pending, found.length
    if strategy == "eager":
        return min(most - running - jobs.pending, found.jobs), most
    return found.jobs - running, found.length


def strategy_of(strategy: Strategy) -> str:
    """The strategy in force: a custom one that cannot be read, or an unknown one, is the default."""
    if strategy.name == "custom":
        return "custom" if math.isfinite(_fraction(strategy)) else "default"
    return strategy.name if strategy.name in ("accurate", "eager") else "default"


def _fraction(strategy: Strategy) -> float:
    try:
        return float(strategy.percentage or "nan")
    except ValueError:
        return math.nan
