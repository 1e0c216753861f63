"""Autoscaling annotations of a Knative Revision, by one order of precedence.

`scaleOptions.knative` wins over minReplicas and maxReplicas, which win over `serving.annotations`.
"""

from __future__ import annotations

from openfunction_py.api.servings import ServingSpec

PREFIX = "autoscaling.knative.dev/"
MIN = f"{PREFIX}min-scale"
MAX = f"{PREFIX}max-scale"
CONCURRENCY = f"{PREFIX}container-concurrency"

_SPELLINGS = {
    "minScale": "min-scale",
    "maxScale": "max-scale",
    "initialScale": "initial-scale",
    "targetUtilizationPercentage": "target-utilization-percentage",
    "targetBurstCapacity": "target-burst-capacity",
    "scaleDownDelay": "scale-down-delay",
    "scaleToZeroPodRetentionPeriod": "scale-to-zero-pod-retention-period",
    "panicWindowPercentage": "panic-window-percentage",
    "panicThresholdPercentage": "panic-threshold-percentage",
}


def annotations_of(spec: ServingSpec) -> dict[str, str]:
    """Annotations of the Revision template, autoscaling in one spelling."""
    scale = spec.scale_options
    merged = _spelled(spec.annotations)
    if scale is not None:
        if scale.min_replicas is not None:
            merged[MIN] = str(scale.min_replicas)
        if scale.max_replicas is not None:
            merged[MAX] = str(scale.max_replicas)
        merged |= _spelled(scale.knative)
    if _hears_events(spec):
        low = merged.get(MIN, "")
        merged[MIN] = str(max(int(low) if low.isdecimal() else 0, 1))
    merged.pop(CONCURRENCY, None)
    return merged


def _hears_events(spec: ServingSpec) -> bool:
    """Whether requests and events come to it: requests alone would start it, so events need one that is there."""
    triggers = spec.triggers
    return triggers is not None and triggers.http is not None and bool(triggers.dapr)


def container_concurrency(spec: ServingSpec) -> int:
    """Requests one instance takes at a time; 0 means no bound."""
    scale = spec.scale_options
    merged = {**spec.annotations, **(scale.knative if scale else {})}
    text = merged.get(CONCURRENCY, "0")
    return int(text) if text.isdigit() else 0


def _spelled(given: dict[str, str]) -> dict[str, str]:
    return {_spelling(key): value for key, value in given.items()}


def _spelling(key: str) -> str:
    prefix, slash, name = key.rpartition("/")
    if f"{prefix}{slash}" != PREFIX:
        return key
    return PREFIX + _SPELLINGS.get(name, name)
