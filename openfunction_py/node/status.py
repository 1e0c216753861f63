"""The status of a Pod, made from what the node knows of its containers.

Pure: it writes nothing and asks nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openfunction_py.api import meta
from openfunction_py.api.meta import Condition
from openfunction_py.api.upstream import core
from openfunction_py.node.records import ContainerRecord, Ended

RUNTIME_CONDITION = "openfunction.io/Runtime"
SANDBOX_CONDITION = "openfunction.io/Sandbox"
HOST_ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ContainerView:
    """One container as its runner sees it now; `waiting` is a reason and a sentence."""

    name: str
    image: str
    record: ContainerRecord
    running: bool = False
    ready: bool = False
    waiting: tuple[str, str] = ("ContainerCreating", "")


@dataclass(frozen=True, slots=True)
class PodView:
    """A Pod as its worker sees it now; `failed` is a reason and a sentence that hold for the whole Pod."""

    containers: Sequence[ContainerView]
    address: str
    started_at: str
    runtime: tuple[str, str] = ("", "")
    sandbox: tuple[str, str] = ("", "")
    failed: tuple[str, str] | None = None


def make_status(
    pod: core.Pod, view: PodView, *, now: str, previous: core.PodStatus | None = None
) -> core.PodStatus:
    """The whole status; `previous` is the last one written, which may be newer than the Pod's own."""
    reason, message = view.failed or ("", "")
    return core.PodStatus(
        phase=phase(view),
        reason=reason,
        message=message,
        conditions=_conditions(pod, view, now=now, kept=(previous or pod.status).conditions),
        host_ip=HOST_ADDRESS,
        pod_ip=view.address,
        pod_ips=[core.PodIP(ip=view.address)],
        start_time=view.started_at,
        container_statuses=[_container(one) for one in view.containers],
        observed_generation=pod.metadata.generation,
        qos_class="BestEffort",
    )


def phase(view: PodView) -> str:
    """Pending, Running, Succeeded or Failed, by the kubelet's rules (pkg/kubelet getPhase)."""
    if view.failed:
        return "Failed"
    ended = [one.record.last for one in view.containers if one.record.done]
    if len(ended) == len(view.containers):
        return "Succeeded" if all(last is not None and last.exit_code == 0 for last in ended) else "Failed"
    never_ran = [one for one in view.containers if not one.running and one.record.last is None]
    return "Pending" if never_ran else "Running"


def _conditions(pod: core.Pod, view: PodView, *, now: str, kept: Sequence[Condition]) -> list[Condition]:
    finished = phase(view) in {"Succeeded", "Failed"}
    unready = [one.name for one in view.containers if not one.ready]
    all_ready = not unready and not finished and pod.metadata.deletion_timestamp is None
    why = ("PodCompleted", "") if finished else _why_not_ready(view, unready)
    ready = Condition(type="Ready", status="True") if all_ready else _false("Ready", *why)
    wanted = [
        Condition(type="PodScheduled", status="True"),
        Condition(type="Initialized", status="True", **({"reason": "PodCompleted"} if finished else {})),
        ready.model_copy(update={"type": "ContainersReady"}),
        ready,
    ]
    for kind, (reason, message) in ((RUNTIME_CONDITION, view.runtime), (SANDBOX_CONDITION, view.sandbox)):
        if reason:
            wanted.append(Condition(type=kind, status="True", reason=reason, message=message))
    conditions = list(kept)
    for condition in wanted:
        conditions = meta.set_condition(conditions, condition, now=now)
    return conditions


def _why_not_ready(view: PodView, unready: Sequence[str]) -> tuple[str, str]:
    for one in view.containers:
        if not one.ready and not one.running and one.waiting[1]:
            return "ContainersNotReady", f"{one.name}: {one.waiting[0]}: {one.waiting[1]}"
    return "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"


def _false(kind: str, reason: str, message: str) -> Condition:
    return Condition(type=kind, status="False", reason=reason, message=message)


def _container(view: ContainerView) -> core.ContainerStatus:
    record = view.record
    last = _terminated(record.last) if record.last and not record.done else None
    return core.ContainerStatus(
        name=view.name,
        image=view.image,
        image_id=record.image_id,
        container_id=_container_id(record),
        ready=view.ready,
        started=view.running,
        restart_count=record.restarts,
        state=_state(view),
        last_state=core.ContainerState(terminated=last) if last else core.ContainerState(),
    )


def _container_id(record: ContainerRecord) -> str:
    return f"{record.runtime}://{record.identity.pid}-{record.identity.start}" if record.identity else ""


def _state(view: ContainerView) -> core.ContainerState:
    record = view.record
    if record.done and record.last is not None:
        return core.ContainerState(terminated=_terminated(record.last))
    if view.running:
        return core.ContainerState(running=core.StateRunning(started_at=record.started_at))
    reason, message = view.waiting
    return core.ContainerState(waiting=core.StateWaiting(reason=reason, message=message))


def _terminated(ended: Ended) -> core.StateTerminated:
    return core.StateTerminated(
        exit_code=ended.exit_code,
        signal=ended.exit_code - 128 if 128 < ended.exit_code < 193 else None,
        reason=ended.reason,
        message=ended.message,
        started_at=ended.started_at,
        finished_at=ended.finished_at,
    )
