"""Whether a Revision's containers run, and the sentence for when they do not.

Pure: it reads what the node and the Deployment said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps, autoscaling, core
from openfunction_py.providers.knative import verdicts

# What a waiting container says, in the words of a Revision's condition.
REASONS = {
    "CrashLoopBackOff": "CrashLoop",
    "ErrImagePull": "ContainerMissing",
    "ImagePullBackOff": "ContainerMissing",
    "ErrImageNeverPull": "ContainerMissing",
    "InvalidImageName": "ContainerMissing",
}
STARTING = frozenset({"ContainerCreating", "PodInitializing", "Starting", ""})
LIMIT = 1024
# The framework's line for a function it cannot load names the reason itself.
NAMED = re.compile(r"functions_framework: (?P<reason>[A-Z][A-Za-z]+): (?P<sentence>.+)")


def container_failure(pods: Iterable[core.Pod]) -> verdicts.Verdict | None:
    """The first failure that a Pod's containers show, as the condition ContainerHealthy; None when none does."""
    for pod in pods:
        for status in _statuses(pod):
            found = _failure(status)
            if found is not None:
                return found
    return None


def _statuses(pod: core.Pod) -> list[dict[str, Any]]:
    wire = pod.to_wire().get("status") or {}
    return [*(wire.get("initContainerStatuses") or []), *(wire.get("containerStatuses") or [])]


def _failure(status: dict[str, Any]) -> verdicts.Verdict | None:
    state = status.get("state") or {}
    last = (status.get("lastState") or {}).get("terminated") or {}
    waiting, ended = state.get("waiting"), state.get("terminated")
    if waiting and waiting.get("reason", "") not in STARTING:
        reason = waiting["reason"]
        message = last.get("message") or waiting.get("message") or reason
        return _unhealthy(REASONS.get(reason, reason), message, code=last.get("exitCode"))
    if ended and ended.get("exitCode"):
        return _unhealthy(_exit_reason(ended), ended.get("message") or "", code=ended["exitCode"])
    return None


def _exit_reason(ended: dict[str, Any]) -> str:
    given = str(ended.get("reason") or "")
    return given if given not in {"", "Error", "Completed"} else f"ExitCode{ended['exitCode']}"


def _unhealthy(reason: str, message: str, *, code: int | None) -> verdicts.Verdict:
    text = message.strip()[-LIMIT:]
    named = NAMED.search(text)
    if named:
        return verdicts.Verdict("ContainerHealthy", "False", named["reason"], named["sentence"].strip())
    sentence = f"The container exited with code {code}: {text}" if code is not None and text else text
    if not sentence:
        sentence = f"The container exited with code {code} and wrote nothing; see its log."
    return verdicts.Verdict("ContainerHealthy", "False", reason, sentence)


def resources_available(deployment: apps.Deployment | None) -> verdicts.Verdict:
    """ResourcesAvailable as the Deployment's own conditions say."""
    if deployment is None or deployment.status is None:
        return verdicts.Verdict("ResourcesAvailable", reason="Deploying")
    conditions = deployment.status.conditions or []
    failed = meta.find_condition(conditions, "ReplicaFailure")
    if failed and failed.status == "True":
        return verdicts.Verdict("ResourcesAvailable", "False", failed.reason, failed.message)
    progressing = meta.find_condition(conditions, "Progressing")
    if progressing and progressing.status == "False":
        return verdicts.Verdict("ResourcesAvailable", "False", progressing.reason, progressing.message)
    available = meta.find_condition(conditions, "Available")
    if available and available.status == "True":
        return verdicts.true("ResourcesAvailable")
    return verdicts.Verdict("ResourcesAvailable", reason="Deploying")


def judge(
    deployment: apps.Deployment | None,
    scaler: autoscaling.PodAutoscaler | None,
    pods: Iterable[core.Pod],
    before: Iterable[meta.Condition],
) -> list[verdicts.Verdict]:
    """The conditions of a Revision, Ready apart (revision_lifecycle.go, reconcile_resources.go)."""
    scaling = (scaler.status.conditions if scaler and scaler.status else None) or []
    active = verdicts.copied("Active", meta.find_condition(scaling, "Active"), decides=False)
    available = resources_available(deployment)
    initialized = meta.is_true(scaling, "ScaleTargetInitialized")
    none_ready = not _available(deployment)
    failure = container_failure(pods) if none_ready and _wanted(deployment) else None
    if failure is not None:
        # A container that cannot start is the reason, not the Deployment that waits for it.
        return [active, failure, _unless_false(available)]
    if initialized and active.status == "True":
        return [active, verdicts.true("ContainerHealthy"), available]
    if initialized and _was_healthy(before):
        return [active, verdicts.true("ContainerHealthy"), _unless_unknown(available)]
    if initialized:
        return [active, verdicts.true("ContainerHealthy"), available]
    return [active, verdicts.Verdict("ContainerHealthy", reason="Deploying"), _until_initialized(available)]


def _was_healthy(before: Iterable[meta.Condition]) -> bool:
    conditions = list(before)
    return all(meta.is_true(conditions, kind) for kind in ("ContainerHealthy", "ResourcesAvailable"))


def _unless_false(verdict: verdicts.Verdict) -> verdicts.Verdict:
    return verdict if verdict.status == "True" else verdicts.Verdict(verdict.type, reason="Deploying")


def _unless_unknown(verdict: verdicts.Verdict) -> verdicts.Verdict:
    """A Revision that ran and is waking is not unready meanwhile: the gateway holds its requests."""
    return verdict if verdict.status == "False" else verdicts.true(verdict.type)


def _until_initialized(verdict: verdicts.Verdict) -> verdicts.Verdict:
    if verdict.status == "True":
        return verdicts.Verdict(verdict.type, reason="Deploying")
    return verdict


def _available(deployment: apps.Deployment | None) -> int:
    return (deployment.status.available_replicas or 0) if deployment and deployment.status else 0


def _wanted(deployment: apps.Deployment | None) -> int:
    return (deployment.spec.replicas or 0) if deployment else 0
