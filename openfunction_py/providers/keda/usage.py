"""The scalers cpu and memory: what the ready Pods of a workload use, as the node measures its instances.

A rate of CPU is that between two looks at a Pod; at the first one it is the mean since its start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from openfunction_py.api import meta
from openfunction_py.api.keda import RESOURCES
from openfunction_py.api.upstream import core
from openfunction_py.autoscaling import scalers
from openfunction_py.autoscaling.scalers import PodUse, Reading, ScalerError
from openfunction_py.controller import manager as managers
from openfunction_py.lib import clock, quantities
from openfunction_py.providers.keda.parameters import Look
from openfunction_py.wire.client import NodeError
from openfunction_py.wire.messages import ProcessInfo

Instances = Callable[[], Awaitable[Sequence[ProcessInfo]]]
CPU, MEMORY = RESOURCES
# Looks nearer to each other than this many seconds see the same rate.
RESOLUTION = 5.0


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    seconds: float
    rate: float = 0.0


class Usage:
    """Reads one resource."""

    def __init__(self, manager: managers.Manager, instances: Instances, resource: str) -> None:
        """Know Pods from the cache; `instances` lists what the node runs."""
        self._pods = manager.lister(core.Pod)
        self._instances = instances
        self._resource = resource
        self._before: dict[tuple[str, int], _Sample] = {}  # a Pod of a name, and its process

    async def read(self, look: Look, now: datetime) -> Reading:
        """What the ready Pods use; raises ScalerError."""
        target = _target(look)
        if not look.selector:
            raise ScalerError(
                f"{self._resource} is measured of a Deployment or StatefulSet; Jobs scale on a backlog"
            )
        ready = [
            pod
            for pod in self._pods.list(look.namespace, labels=look.selector)
            if meta.is_true(pod.status.conditions, "Ready") and not pod.metadata.deletion_timestamp
        ]
        measured = await self._measure(look.namespace, now.timestamp())
        container = look.settings.get("containerName", "")
        used = [(pod, _sum(measured, pod.metadata.name, container)) for pod in ready]
        pods = [
            PodUse(found, requested(pod, self._resource, container))
            for pod, found in used
            if found is not None
        ]
        return scalers.resource(pods, target=target, kind=look.metric_type)

    async def _measure(self, namespace: str, now: float) -> Mapping[tuple[str, str], float]:
        """What each container of each Pod uses: bytes, or cores."""
        try:
            listed = [one for one in await self._instances() if one.namespace == namespace]
        except NodeError as error:
            raise ScalerError(str(error)) from error
        if self._resource == MEMORY:
            return {(one.pod, one.container): float(one.pss) for one in listed}
        found = {(one.pod, one.container): self._rate(one, now) for one in listed}
        self._forget(listed, now)
        return found

    def _rate(self, one: ProcessInfo, now: float) -> float:
        key = (f"{one.namespace}/{one.pod}", one.pid)
        began = clock.parse(one.started).timestamp() if one.started else now
        before = self._before.get(key)
        if before is not None and now - before.at < RESOLUTION:
            return before.rate
        at, seconds = (before.at, before.seconds) if before is not None else (began, 0.0)
        rate = max(0.0, one.cpu - seconds) / max(now - at, 1.0)
        self._before[key] = _Sample(now, one.cpu, rate)
        return rate

    def _forget(self, listed: Iterable[ProcessInfo], now: float) -> None:
        """What runs no more, an hour after it was seen last."""
        seen = {(f"{one.namespace}/{one.pod}", one.pid) for one in listed}
        for key in [key for key, one in self._before.items() if key not in seen and now - one.at > 3600]:
            del self._before[key]


def _target(look: Look) -> float:
    """The target in percent, cores or bytes."""
    text = look.required("value")
    try:
        return float(quantities.parse(text))
    except ValueError as error:
        raise ScalerError(
            f"value of the trigger {look.name} is {text!r}; write it like 60, 500m or 128Mi"
        ) from error


def _sum(measured: Mapping[tuple[str, str], float], pod: str, container: str) -> float | None:
    """A Pod's use, or that of one of its containers; None when nothing of it was measured."""
    found = [use for (name, part), use in measured.items() if name == pod and container in ("", part)]
    return sum(found) if found else None


def requested(pod: core.Pod, resource: str, container: str) -> float | None:
    """What a Pod asks for; None when one of its containers asks for nothing."""
    whole = 0.0
    for one in pod.spec.containers:
        if container not in ("", one.name):
            continue
        asked = (one.resources.requests if one.resources else {}).get(resource)
        if asked is None:
            return None
        whole += float(quantities.parse(asked))
    return whole
