"""What became of a version that waits for events: a Deployment, a StatefulSet, a Job, or a ScaledJob's Jobs.

Pure reading; what a scaler cannot do counts, for without it nothing wakes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from openfunction_py.api import meta
from openfunction_py.api.servings import Serving
from openfunction_py.api.upstream import apps, batch, core, keda
from openfunction_py.reconcilers.serving.verdicts import Verdict
from openfunction_py.resources import labels, states

Workload = apps.Deployment | apps.StatefulSet
Scaler = keda.ScaledObject | keda.ScaledJob
STARTING = frozenset({"ContainerCreating", "PodInitializing", "Starting", ""})
# The framework's line for a function it cannot load names the reason itself.
NAMED = re.compile(r"functions_framework: (?P<reason>[A-Z][A-Za-z]+): (?P<sentence>.+)")
LIMIT = 1024
# What is remembered of a version's containers: at zero there are none to look at.
CONTAINERS = "ContainersReady"


def judge(
    serving: Serving, workload: Workload, *, scaler: keda.ScaledObject | None, pods: Sequence[core.Pod]
) -> Verdict:
    """What became of a workload that stays."""
    failed = _failure(pods) or _stuck(workload)
    if failed is not None:
        return failed
    if workload.status.observed_generation != workload.metadata.generation or not _is_of(serving, workload):
        return Verdict(states.STARTING, states.STARTING, "the workload is being made")
    problem = _scaler_problem(scaler)
    wanted = 1 if workload.spec.replicas is None else workload.spec.replicas
    if not wanted:
        if problem:
            return Verdict(states.FAILED, "ScalerFailed", f"it is at zero and cannot be woken: {problem}")
        broken = meta.find_condition(serving.status.conditions, CONTAINERS)
        if broken is not None and broken.status == "False":
            return Verdict(states.FAILED, broken.reason, f"it is at zero; when it ran, {broken.message}")
        return Verdict(states.RUNNING, states.RUNNING, "it is at zero and waits for events")
    status = workload.status
    if status.updated_replicas >= wanted and status.available_replicas >= wanted:
        said = f"{wanted} of {wanted} replicas handle events"
        return Verdict(states.RUNNING, states.RUNNING, f"{said}; {problem}" if problem else said, broken="")
    if serving.status.state == states.RUNNING and status.available_replicas:
        # More are being started, or one is replaced; what runs goes on.
        return Verdict(
            states.RUNNING, states.RUNNING, f"{status.available_replicas} of {wanted} replicas handle events"
        )
    return Verdict(
        states.STARTING, states.STARTING, f"{status.available_replicas} of {wanted} replicas are available"
    )


def _is_of(serving: Serving, workload: Workload) -> bool:
    return workload.metadata.labels.get(labels.SERVING) == serving.metadata.name


def _scaler_problem(scaler: Scaler | None) -> str:
    ready = meta.find_condition(scaler.status.conditions, "Ready") if scaler is not None else None
    return ready.message if ready is not None and ready.status == "False" else ""


def _stuck(workload: Workload) -> Verdict | None:
    conditions: Sequence[meta.Condition] = workload.status.conditions
    progressing = meta.find_condition(conditions, "Progressing")
    if progressing is not None and progressing.status == "False":
        return Verdict(states.FAILED, progressing.reason, progressing.message)
    failure = meta.find_condition(conditions, "ReplicaFailure")
    if failure is not None and failure.status == "True":
        return Verdict(states.FAILED, failure.reason or "ReplicaFailure", failure.message)
    return None


def _failure(pods: Iterable[core.Pod]) -> Verdict | None:
    """The first container that cannot run or ends again and again, in its own words where it left some."""
    for pod in pods:
        for status in pod.status.container_statuses:
            waiting = status.state.waiting
            if waiting is None or waiting.reason in STARTING:
                continue
            last = status.last_state.terminated if status.last_state else None
            text = (last.message if last else "") or waiting.message or waiting.reason
            named = NAMED.search(text)
            if named:
                sentence = named["sentence"].strip()
                return Verdict(states.FAILED, named["reason"], sentence, broken=sentence)
            sentence = f"the container {status.name}: {text.strip()[-LIMIT:]}"
            return Verdict(states.FAILED, waiting.reason, sentence, broken=sentence)
    return None


def judge_job(job: batch.Job, pods: Sequence[core.Pod]) -> Verdict:
    """What became of a Job that is started once."""
    for kind, state in (("Failed", states.FAILED), ("Complete", states.RUNNING)):
        found = meta.find_condition(job.status.conditions, kind)
        if found is not None and found.status == "True":
            reason = "Completed" if kind == "Complete" else found.reason or "JobFailed"
            failed = _failure(pods) if kind == "Failed" else None
            return failed or Verdict(state, reason, found.message)
    failed = _failure(pods)
    if failed is not None:
        return failed
    if job.status.ready or job.status.succeeded:
        return Verdict(states.RUNNING, states.RUNNING, "the Job runs")
    return Verdict(states.STARTING, states.STARTING, "the Job is being started")


def judge_jobs(scaler: keda.ScaledJob) -> Verdict:
    """What became of a version whose Jobs are started by the backlog."""
    ready = meta.find_condition(scaler.status.conditions, "Ready")
    if ready is None or ready.status == "Unknown":
        return Verdict(states.STARTING, states.STARTING, "its triggers have not been read yet")
    if ready.status == "False":
        return Verdict(states.FAILED, "ScalerFailed", f"no Job can be started: {ready.message}")
    return Verdict(states.RUNNING, states.RUNNING, "Jobs are started for what waits")
