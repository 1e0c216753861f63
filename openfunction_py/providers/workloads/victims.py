"""Which Pods of a ReplicaSet go first when it shrinks.

Pure: it ranks what it is given and deletes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from openfunction_py.api.upstream import core
from openfunction_py.providers.workloads import pods

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


def choose(candidates: Iterable[core.Pod], *, count: int) -> Sequence[core.Pod]:
    """The ``count`` Pods whose loss costs least: no address yet, not ready, cheapest, youngest first."""
    youngest_first = sorted(
        candidates, key=lambda pod: (pod.metadata.creation_timestamp or "", pod.metadata.name), reverse=True
    )
    return sorted(youngest_first, key=_worth)[: max(0, count)]


def _worth(pod: core.Pod) -> tuple[bool, bool, int]:
    return pods.has_address(pod), pods.is_ready(pod), _cost(pod)


def _cost(pod: core.Pod) -> int:
    text = (pod.metadata.annotations or {}).get(DELETION_COST, "0")
    return int(text) if text.lstrip("-").isdigit() else 0
