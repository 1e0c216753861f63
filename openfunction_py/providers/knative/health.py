"""Whether a Revision's containers run, and the sentence for when they do not.

Pure: it reads what the node and the Deployment said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
LOOPING = frozenset({"CrashLoopBackOff"})
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
        own = _own_reason(last) if reason in LOOPING else ""
        return _unhealthy(own or REASONS.get(reason, reason), message, code=last.get("exitCode"))
    if ended and ended.get("exitCode"):
        code = ended["exitCode"]
        return _unhealthy(_own_reason(ended) or f"ExitCode{code}", ended.get("message") or "", code=code)
    return None


def _own_reason(ended: dict[str, Any]) -> str:
    """The reason that a container gave for its end; empty when it only ended."""
    given = str(ended.get("reason") or "")
    return "" if given in {"Error", "Completed", "ContainerStatusUnknown"} else given


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
    if deployment is None:
        return verdicts.Verdict("ResourcesAvailable", reason="Deploying")
    conditions = deployment.status.conditions
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
    scaling = scaler.status.conditions if scaler else []
    active = verdicts.copied("Active", meta.find_condition(scaling, "Active"), decides=False)
    initialized = meta.is_true(scaling, "ScaleTargetInitialized")
    known = {one.type: one for one in before}
    failure = container_failure(pods) if _is_down(deployment) else None
    if failure is not None:
        # A container that cannot start is the reason, not the Deployment that waits for it.
        return [active, failure, _unless_false(resources_available(deployment))]
    if initialized:
        return [active, verdicts.true("ContainerHealthy"), _once_available(deployment, known)]
    return [active, *_never_ran(deployment, active, known)]


def _once_available(
    deployment: apps.Deployment | None, known: Mapping[str, meta.Condition]
) -> verdicts.Verdict:
    """A Revision that ran and is waking is not unready meanwhile: the gateway holds its requests."""
    found = resources_available(deployment)
    healthy = all(kind in known and known[kind].status == "True" for kind in (found.type, "ContainerHealthy"))
    return verdicts.true(found.type) if found.status == "Unknown" and healthy else found


def _never_ran(
    deployment: apps.Deployment | None, active: verdicts.Verdict, known: Mapping[str, meta.Condition]
) -> list[verdicts.Verdict]:
    """Before the first instance: waiting, or given up, with the last failure kept as the reason."""
    healthy = verdicts.Verdict("ContainerHealthy", reason="Deploying")
    failed = known.get(healthy.type)
    if failed is not None and failed.status == "False" and not _wanted(deployment):
        healthy = verdicts.copied(healthy.type, failed)
    available = resources_available(deployment)
    if active.status == "False":
        text = "No instance became ready in time; read the function's log for why."
        return [healthy, verdicts.Verdict(available.type, "False", "ProgressDeadlineExceeded", text)]
    return [healthy, _until_initialized(available)]


def _unless_false(verdict: verdicts.Verdict) -> verdicts.Verdict:
    return verdict if verdict.status == "True" else verdicts.Verdict(verdict.type, reason="Deploying")


def _until_initialized(verdict: verdicts.Verdict) -> verdicts.Verdict:
    if verdict.status == "True":
        return verdicts.Verdict(verdict.type, reason="Deploying")
    return verdict


def _is_down(deployment: apps.Deployment | None) -> bool:
    """Whether instances are asked for and none serves."""
    return deployment is not None and not deployment.status.available_replicas and _wanted(deployment) > 0


def _wanted(deployment: apps.Deployment | None) -> int:
    return (deployment.spec.replicas or 0) if deployment else 0
