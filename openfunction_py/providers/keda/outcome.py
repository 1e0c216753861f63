"""The status of a ScaledObject: Ready, Active, Fallback and Paused, and what was measured.

Pure: time is an argument.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.keda import RESOURCES
from openfunction_py.api.upstream import apps
from openfunction_py.api.upstream import keda as objects
from openfunction_py.autoscaling import keda
from openfunction_py.lib import clock
from openfunction_py.providers.keda import specs
from openfunction_py.providers.keda.composing import COMPOSITE
from openfunction_py.providers.keda.memories import Memory, Seen


def no_target(current: objects.ScaledObject) -> str:
    """Why there is nothing to scale."""
    reference = current.spec.scale_target_ref
    kind = reference.kind or "Deployment"
    return f"there is no {kind} {reference.name} to scale; a Deployment or StatefulSet of the same namespace can be"


def unscalable(current: objects.ScaledObject, sentence: str, *, now: datetime) -> dict[str, Any]:
    """The status while there is nothing to scale, or the object says nothing that could be followed."""
    ready = meta.Condition(type="Ready", status="False", reason="ScaledObjectCheckFailed", message=sentence)
    return {**_kept(current), "conditions": _conditions(current, [ready], now)}


def make_status(
    current: objects.ScaledObject,
    target: apps.Deployment | apps.StatefulSet,
    memory: Memory,
    seen: Seen,
    decision: keda.Decision | None,
    *,
    now: datetime,
) -> dict[str, Any]:
    """The whole status; without a decision of the operator its conditions stay."""
    status = _kept(current)
    status["scaleTargetKind"] = f"{target.api_version}.{target.kind}"
    status.setdefault("originalReplicaCount", 1 if target.spec.replicas is None else target.spec.replicas)
    names = [
        f"s{place}-{one.type}" for place, one in enumerate(current.spec.triggers) if one.type not in RESOURCES
    ]
    status["externalMetricNames"] = names
    if current.spec.advanced and current.spec.advanced.scaling_modifiers:
        status["compositeScalerName"] = COMPOSITE
    resources = [one.type for one in current.spec.triggers if one.type in RESOURCES]
    if resources:
        status["resourceMetricNames"] = resources
    config = current.spec.advanced.horizontal_pod_autoscaler_config if current.spec.advanced else None
    status["hpaName"] = (config.name if config else None) or f"keda-hpa-{current.metadata.name}"
    status["health"] = {
        name: {"numberOfFailures": count, "status": "Failing" if count else "Happy"}
        for name, count in memory.failures.items()
        if name in seen.kinds or name in seen.problems
    }
    if decision is None:
        return status
    if decision.last_active is not None:
        status["lastActiveTime"] = clock.timestamp(
            datetime.fromtimestamp(decision.last_active, tz=now.tzinfo)
        )
    status["conditions"] = _conditions(current, _facts(current, memory, seen, decision), now)
    return status


def _facts(
    current: objects.ScaledObject, memory: Memory, seen: Seen, decision: keda.Decision
) -> list[meta.Condition]:
    active = seen.active or keda.is_forced(current.metadata.annotations)
    message = f"{decision.message}: {seen.sentence}" if seen.failed else decision.message
    fallback = specs.bounds(current).fallback
    falls = any(keda.stands_in(fallback, memory.failures.get(name, 0)) for name in seen.problems)
    paused = keda.pause(current.metadata.annotations).held
    return [
        meta.Condition(type="Ready", status=decision.ready, reason=decision.reason, message=message),
        _yes_no("Active", active, "ScalerActive", "ScalerNotActive", "triggers ask for replicas"),
        _yes_no(
            "Fallback", falls, "FallbackExists", "NoFallbackFound", "a metric is replaced by the fallback"
        ),
        _yes_no(
            "Paused", paused, "ScaledObjectPaused", "ScaledObjectNotPaused", "annotations hold the scale"
        ),
    ]


def _yes_no(kind: str, yes: bool, reason: str, otherwise: str, sentence: str) -> meta.Condition:  # noqa: FBT001
    said = sentence if yes else f"it is not so that {sentence}"
    return meta.Condition(
        type=kind, status="True" if yes else "False", reason=reason if yes else otherwise, message=said
    )


def _conditions(
    current: objects.ScaledObject, facts: list[meta.Condition], now: datetime
) -> list[dict[str, Any]]:
    conditions: list[meta.Condition] = list(current.status.conditions)
    for one in facts:
        conditions = meta.set_condition(conditions, one, now=clock.timestamp(now))
    return [one.to_wire() for one in conditions]


def _kept(current: objects.ScaledObject) -> dict[str, Any]:
    return dict(current.to_wire().get("status") or {})
