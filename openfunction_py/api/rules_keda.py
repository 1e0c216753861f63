"""Rules of `scaleOptions.keda`.

Those of its triggers stand in `rules_scalers`.
"""

from __future__ import annotations

from collections.abc import Iterator

from openfunction_py.api import rules_scalers
from openfunction_py.api.fields import Field, FieldError
from openfunction_py.api.keda import PERCENTAGE
from openfunction_py.api.rules_values import at_least, between, one_of


def errors(keda: Field) -> Iterator[FieldError]:
    """What is wrong with KEDA's settings."""
    given = [one for one in ("scaledObject", "scaledJob", "httpScaledObject") if keda[one].present]
    if len(given) > 1:
        yield keda.invalid(f"give one of {', '.join(given)}, not {len(given)} of them")
    yield from rules_scalers.errors(keda["triggers"])
    yield from _scaled_object(keda["scaledObject"])
    yield from _scaled_job(keda["scaledJob"])
    for name in ("targetPendingRequests", "cooldownPeriod"):
        yield from at_least(keda["httpScaledObject"][name], 0)


def _scaled_object(scaled: Field) -> Iterator[FieldError]:
    for name in ("pollingInterval", "cooldownPeriod"):
        yield from at_least(scaled[name], 0)
    behavior = scaled["advanced.horizontalPodAutoscalerConfig.behavior"]
    for direction in ("scaleUp", "scaleDown"):
        yield from _scaling(behavior[direction])
    if scaled["fallback"].present:
        yield from at_least(scaled["fallback.failureThreshold"], 1)
        yield from at_least(scaled["fallback.replicas"], 0)
        yield from one_of(
            scaled["fallback.behavior"],
            "static",
            "currentReplicas",
            "currentReplicasIfHigher",
            "currentReplicasIfLower",
        )


def _scaling(scaling: Field) -> Iterator[FieldError]:
    yield from between(scaling["stabilizationWindowSeconds"], 0, 3600)
    yield from one_of(scaling["selectPolicy"], "Max", "Min", "Disabled")
    for policy in scaling["policies"].items():
        if policy["type"].text not in ("Pods", "Percent"):
            yield policy["type"].unsupported(("Pods", "Percent"))
        yield from at_least(policy["periodSeconds"], 0)


def _scaled_job(job: Field) -> Iterator[FieldError]:
    yield from one_of(job["restartPolicy"], "Always", "OnFailure", "Never")
    for name in ("pollingInterval", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        yield from at_least(job[name], 0)
    yield from _strategy(job["scalingStrategy"])


def _strategy(strategy: Field) -> Iterator[FieldError]:
    yield from one_of(strategy["strategy"], "default", "custom", "accurate", "eager")
    deduction = strategy["customScalingQueueLengthDeduction"]
    percentage = strategy["customScalingRunningJobPercentage"]
    if strategy["strategy"].text == "custom":
        for field in (deduction, percentage):
            if field.value in (None, ""):
                yield field.required("strategy custom needs it")
    yield from one_of(strategy["multipleScalersCalculation"], "max", "min", "avg", "sum")
    yield from at_least(deduction, 0)
    if percentage.text and not PERCENTAGE.fullmatch(percentage.text):
        yield percentage.invalid(f"{percentage.text!r} is no percentage; write it like 50%")
