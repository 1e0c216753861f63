"""KEDA's own half of a ScaledObject: between zero (or idle) and the first replicas, and the fallback of metrics.

Decides only; everything above the first replicas is `hpa`, what a trigger measures is `scalers`.
Rules: KEDA pkg/scaling/executor/scale_scaledobjects.go and pkg/fallback/fallback.go. Times are seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

POLLING_INTERVAL = 30
COOLDOWN = 300
INITIAL_COOLDOWN = 0
MIN_REPLICAS = 0
MAX_REPLICAS = 100

FORCE_ACTIVATION = "autoscaling.keda.sh/force-activation"
PAUSED = "autoscaling.keda.sh/paused"
PAUSED_REPLICAS = "autoscaling.keda.sh/paused-replicas"
PAUSED_SCALE_IN = "autoscaling.keda.sh/paused-scale-in"
PAUSED_SCALE_OUT = "autoscaling.keda.sh/paused-scale-out"


class Behavior(StrEnum):
    """Which replicas a fallback stands for."""

    STATIC = "static"
    CURRENT = "currentReplicas"
    HIGHER = "currentReplicasIfHigher"
    LOWER = "currentReplicasIfLower"
    MODIFIERS = "scalingModifiers"  # the formula knows it: what is lost is nil there


@dataclass(frozen=True, slots=True)
class Fallback:
    """Replicas while a metric has failed more than `failure_threshold` times in a row."""

    failure_threshold: int
    replicas: int
    behavior: Behavior = Behavior.STATIC


@dataclass(frozen=True, slots=True)
class Spec:
    """A ScaledObject's bounds; `idle` is the count without any activity, where it differs from `low`."""

    low: int = MIN_REPLICAS
    high: int = MAX_REPLICAS
    idle: int | None = None
    cooldown: float = COOLDOWN
    initial_cooldown: float = INITIAL_COOLDOWN
    fallback: Fallback | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """What annotations forbid: all changes, at a count or as it stands, or one direction."""

    held: bool = False
    at: int | None = None
    scale_in: bool = False
    scale_out: bool = False


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen at one look: replicas, whether a trigger is active, whether one failed."""

    replicas: int
    active: bool
    failed: bool = False
    last_active: float | None = None
    created: float = 0.0
    pause: Pause = Pause()


@dataclass(frozen=True, slots=True)
class Decision:
    """Replicas to write (None: leave them), the last activity, and the Ready condition.

    `look_again` is in how many seconds the answer may differ although nothing else changed.
    """

    replicas: int | None
    last_active: float | None
    ready: str = "True"
    reason: str = "ScaledObjectReady"
    message: str = "ScaledObject is defined correctly and is ready for scaling"
    look_again: float | None = None


def pause(annotations: Mapping[str, str]) -> Pause:
    """What the annotations of a ScaledObject forbid; a value that is no truth value counts as true."""
    count = annotations.get(PAUSED_REPLICAS)
    at = int(count) if count is not None and count.isascii() and count.isdigit() else None
    return Pause(
        # A count that cannot be read still says that somebody wants this to stand still.
        held=_on(annotations, PAUSED) or count is not None,
        at=at,
        scale_in=_on(annotations, PAUSED_SCALE_IN),
        scale_out=_on(annotations, PAUSED_SCALE_OUT),
    )


def is_forced(annotations: Mapping[str, str]) -> bool:
    """Whether the ScaledObject counts as active whatever its triggers say."""
    return _on(annotations, FORCE_ACTIVATION)


def _on(annotations: Mapping[str, str], name: str) -> bool:
    value = annotations.get(name)
    return value is not None and value not in ("false", "False", "FALSE", "f", "F", "0")


def decide(spec: Spec, observed: Observed, now: float) -> Decision:
    """What KEDA's operator does at one look."""
    if observed.pause.held:
        at = observed.pause.at
        return Decision(at if at != observed.replicas else None, observed.last_active)
    return _active(spec, observed, now) if observed.active else _inactive(spec, observed, now)


def _active(spec: Spec, observed: Observed, now: float) -> Decision:
    below = spec.idle is not None and observed.replicas < spec.low
    if below or observed.replicas == 0:
        if observed.pause.scale_out:
            return Decision(None, observed.last_active)
        return Decision(max(spec.low, 1), now)
    if observed.failed:
        return Decision(
            None,
            observed.last_active,
            "Unknown",
            "PartialTriggerError",
            "Some triggers defined in ScaledObject are not working correctly",
        )
    return Decision(None, now)


def _inactive(spec: Spec, observed: Observed, now: float) -> Decision:
    if observed.failed:
        if spec.fallback is None:
            message = "Triggers defined in ScaledObject are not working correctly"
            return Decision(None, observed.last_active, "False", "TriggerError", message)
        if spec.fallback.replicas != 0:
            # The HPA must stay alive, or nobody would apply the fallback.
            return Decision(None, observed.last_active)
    above_idle = spec.idle is not None and observed.replicas > spec.idle
    if above_idle or (observed.replicas > 0 and spec.low == 0):
        return _cooled(spec, observed, now)
    if spec.idle is None and observed.replicas < spec.low and not observed.pause.scale_out:
        return Decision(spec.low, observed.last_active)
    return Decision(None, observed.last_active)


def _cooled(spec: Spec, observed: Observed, now: float) -> Decision:
    """To idle or to the minimum once the cooldown has passed; strictly, as KEDA has it."""
    if observed.pause.scale_in:
        return Decision(None, observed.last_active)
    if observed.last_active is None:
        until = observed.created + spec.initial_cooldown
    else:
        until = observed.last_active + spec.cooldown
    if until < now:
        return Decision(spec.low if spec.idle is None else spec.idle, observed.last_active)
    return Decision(None, observed.last_active, look_again=until - now)


def exported(value: float) -> float:
    """A metric as KEDA hands it to the HPA: three decimals, nothing below zero, no NaN or infinity."""
    if math.isnan(value) or math.isinf(value) or value < 0:
        return 0.0
    return math.trunc(value * 1000) / 1000


def failures(before: int, *, failed: bool) -> int:
    """How often in a row a metric could not be read."""
    return before + 1 if failed else 0


def stands_in(fallback: Fallback | None, failed_times: int) -> bool:
    """Whether the fallback replaces a metric that failed so often in a row."""
    return fallback is not None and failed_times > fallback.failure_threshold


def fallback_replicas(fallback: Fallback, current: int) -> int:
    """How many replicas the fallback stands for."""
    return {
        Behavior.CURRENT: current,
        Behavior.HIGHER: max(current, fallback.replicas),
        Behavior.LOWER: min(current, fallback.replicas),
    }.get(fallback.behavior, fallback.replicas)


def fallback_metric(fallback: Fallback, *, target: float, current: int, ready: int | None = None) -> float:
    """The value that makes the HPA ask for the fallback's replicas.

    `ready` is given for a metric of type Value, whose formula multiplies by it.

    Raises:
        ValueError: a Value metric without a ready Pod.
    """
    whole = target * fallback_replicas(fallback, current)
    if ready is None:
        return whole
    if ready == 0:
        raise ValueError("a fallback for a metric of type Value needs a ready Pod")
    return whole / ready
