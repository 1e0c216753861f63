"""Facts about a Pod that more than one workload controller asks for.

Pure reading: nothing here decides or writes.
"""

from __future__ import annotations

from openfunction_py.api import meta
from openfunction_py.api.upstream import core

FINISHED = frozenset({"Succeeded", "Failed"})


def ready_condition(pod: core.Pod) -> meta.Condition | None:
    """The Ready condition, if the node wrote one."""
    return meta.find_condition(pod.status.conditions or [], "Ready") if pod.status else None


def is_ready(pod: core.Pod) -> bool:
    """Whether the node says that the Pod serves."""
    condition = ready_condition(pod)
    return condition is not None and condition.status == "True"


def is_terminating(pod: core.Pod) -> bool:
    """Whether its deletion was asked for."""
    return pod.metadata.deletion_timestamp is not None


def is_finished(pod: core.Pod) -> bool:
    """Whether no container of it will run again."""
    return pod.status is not None and pod.status.phase in FINISHED


def is_active(pod: core.Pod) -> bool:
    """Whether it counts as a replica."""
    return not is_terminating(pod) and not is_finished(pod)


def has_address(pod: core.Pod) -> bool:
    """Whether the node gave it an address."""
    return bool(pod.status and pod.status.pod_ip)
