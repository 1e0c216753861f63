"""ScaledObjects and ScaledJobs as the values that decide.

Pure reading.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from openfunction_py.api.keda import Behavior
from openfunction_py.api.upstream import keda as objects
from openfunction_py.autoscaling import formula, hpa, keda, scaled_job


def problem(one: objects.ScaledObject) -> str:
    """What KEDA's own admission refuses of a ScaledObject, "" when nothing."""
    spec, behaviors = one.spec, [*keda.Behavior]
    low, high = spec.min_replica_count or keda.MIN_REPLICAS, _or(spec.max_replica_count, keda.MAX_REPLICAS)
    if low > high:
        return f"minReplicaCount is {low} and maxReplicaCount {high}; the first must not be larger"
    if spec.idle_replica_count is not None and spec.idle_replica_count >= low:
        return (
            f"idleReplicaCount is {spec.idle_replica_count} and minReplicaCount {low}; the first must be less"
        )
    names = [trigger.name for trigger in spec.triggers if trigger.name]
    if len(names) > len(set(names)):
        return "two triggers have the same name; give each its own"
    if spec.fallback and (spec.fallback.behavior or "static") not in behaviors:
        return f"fallback.behavior is {spec.fallback.behavior!r}; there are {', '.join(behaviors)}"
    return "" if spec.triggers else "there is no trigger; give at least one"


def bounds(one: objects.ScaledObject) -> keda.Spec:
    """Bounds, cooldown and fallback of a ScaledObject, with KEDA's defaults."""
    spec = one.spec
    return keda.Spec(
        low=spec.min_replica_count or keda.MIN_REPLICAS,
        high=_or(spec.max_replica_count, keda.MAX_REPLICAS),
        idle=spec.idle_replica_count,
        cooldown=_or(spec.cooldown_period, keda.COOLDOWN),
        initial_cooldown=_or(spec.initial_cooldown_period, keda.INITIAL_COOLDOWN),
        fallback=_fallback(spec.fallback),
    )


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _fallback(given: objects.Fallback | None) -> keda.Fallback | None:
    if given is None:
        return None
    return keda.Fallback(given.failure_threshold, given.replicas, keda.Behavior(given.behavior or "static"))


def autoscaler(one: objects.ScaledObject) -> hpa.Spec:
    """The HPA that KEDA makes for a ScaledObject."""
    bound = bounds(one)
    config = one.spec.advanced.horizontal_pod_autoscaler_config if one.spec.advanced else None
    given = config.behavior.to_wire() if config and config.behavior else None
    up, down = hpa.rules(Behavior.model_validate(given) if given else None)
    return hpa.Spec(low=max(1, bound.low), high=bound.high, up=up, down=down)


@dataclass(frozen=True, slots=True)
class Modifiers:
    """One metric instead of all: its formula, what one replica takes of it, and above what it is active."""

    formula: formula.Formula
    target: float
    activation: float
    metric_type: str


def modifiers(one: objects.ScaledObject) -> Modifiers | None:
    """The scalingModifiers, where there is a formula; raises FormulaError for what cannot be read."""
    given = one.spec.advanced.scaling_modifiers if one.spec.advanced else None
    if given is None or not given.formula:
        return None
    return Modifiers(
        _compiled(given.formula),
        _number("target", given.target),
        _number("activationTarget", given.activation_target or "0"),
        given.metric_type or "AverageValue",
    )


_compiled = functools.lru_cache(maxsize=256)(formula.read)


def _number(name: str, text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if math.isnan(found) or (name == "target" and found <= 0):
        raise formula.FormulaError(f"{name} of scalingModifiers is {text!r}; write a number above 0")
    return found


def interval(one: objects.ScaledObject | objects.ScaledJob) -> float:
    """Seconds between two looks of the operator."""
    return float(_or(one.spec.polling_interval, keda.POLLING_INTERVAL))


def jobs(one: objects.ScaledJob) -> scaled_job.Spec:
    """Bounds and strategy of a ScaledJob, with KEDA's defaults."""
    given = one.spec.scaling_strategy or objects.ScalingStrategy()
    return scaled_job.Spec(
        low=one.spec.min_replica_count or 0,
        high=one.spec.max_replica_count,
        strategy=scaled_job.Strategy(
            given.strategy or "default",
            given.custom_scaling_queue_length_deduction,
            given.custom_scaling_running_job_percentage,
            given.multiple_scalers_calculation or "max",
        ),
    )
