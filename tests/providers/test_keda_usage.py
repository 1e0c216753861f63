"""The scalers cpu and memory: what is measured, what it makes of replicas, and that alone they keep a replica."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest

from openfunction_py.api.upstream import apps, core, keda
from openfunction_py.autoscaling.scalers import Reading, ScalerError
from openfunction_py.lib import clock
from openfunction_py.node import processes
from openfunction_py.providers.keda.parameters import Look
from openfunction_py.providers.keda.readers import Readers
from openfunction_py.wire.messages import ProcessInfo
from tests.providers import house as houses
from tests.providers.test_keda import at, says, scaled
from tests.providers.test_workloads import deployment

LABELS = {"app": "a"}
NOW = clock.SystemClock().now()
MIB = 1 << 20


def trigger(kind: str, value: str, metric: str, **metadata: str) -> dict[str, Any]:
    """A trigger of KEDA's shape."""
    return {"type": kind, "metricType": metric, "metadata": {"value": value, **metadata}}


def look(kind: str, value: str, metric: str, **metadata: str) -> Look:
    """The same, complete."""
    return Look("default", f"s0-{kind}", kind, {"value": value, **metadata}, metric, LABELS)


def asking(replicas: int = 1) -> apps.Deployment:
    """A Deployment whose containers ask for half a core and 100 MiB."""
    made = deployment(replicas=replicas).to_wire()
    requests = {"requests": {"cpu": "500m", "memory": "100Mi"}}
    made["spec"]["template"]["spec"]["containers"][0]["resources"] = requests
    return apps.Deployment.model_validate(made)


async def pods(house: houses.House, count: int) -> list[str]:
    """Names of the Pods once so many are ready."""
    await house.until(apps.Deployment, "d", lambda one: one.status.ready_replicas == count)
    return [one.metadata.name for one in (await house.client.list(core.Pod, namespace="default")).items]


def running(pod: str, *, cpu: float = 0.0, memory: int = 0, started: float = 100.0) -> ProcessInfo:
    """An instance as the node measures it, begun so many seconds ago."""
    stamp = clock.timestamp(NOW - timedelta(seconds=started))
    return ProcessInfo(
        "instance", "default", "", 7, pss=memory, pod=pod, started=stamp, container="c", cpu=cpu
    )


async def test_a_share_of_the_requests_and_a_mean_are_read_of_the_ready_pods(fresh: houses.House) -> None:
    await fresh.client.create(asking(2))
    first, second = await pods(fresh, 2)
    fresh.running = [running(first, cpu=50.0, memory=150 * MIB), running(second, memory=50 * MIB)]
    readers = Readers(fresh.manager, fresh.instances)
    # half a core for a hundred seconds, of one core that both ask for
    cpu = await readers.read(look("cpu", "60", "Utilization"), NOW)
    assert (49 <= cpu.value <= 51, cpu.target) == (True, 60)
    fresh.running = [running(first, cpu=60.0), running(second, cpu=10.0)]
    later = await readers.read(look("cpu", "500m", "AverageValue"), NOW + timedelta(seconds=10))
    assert later.value == pytest.approx(2.0)
    assert later.target == 0.5
    fresh.running = [running(first, memory=150 * MIB), running(second, memory=50 * MIB)]
    memory = await readers.read(look("memory", "64Mi", "AverageValue"), NOW)
    assert memory == Reading(200 * MIB, 64 * MIB, active=True)
    share = await readers.read(look("memory", "80", "Utilization", containerName="c"), NOW)
    assert share == Reading(100, 80, active=True)


async def test_what_cannot_be_measured_is_told(fresh: houses.House) -> None:
    readers = Readers(fresh.manager, fresh.instances)
    with pytest.raises(ScalerError, match="no ready Pod was measured"):
        await readers.read(look("cpu", "60", "Utilization"), NOW)
    with pytest.raises(ScalerError, match="write it like 60, 500m or 128Mi"):
        await readers.read(look("cpu", "much", "Utilization"), NOW)
    with pytest.raises(ScalerError, match="Jobs scale on a backlog"):
        await readers.read(Look("default", "n", "memory", {"value": "1Gi"}), NOW)
    await fresh.client.create(deployment(replicas=1))
    (pod,) = await pods(fresh, 1)
    fresh.running = [running(pod, cpu=1.0)]
    with pytest.raises(ScalerError, match="no request of the resource"):
        await readers.read(look("cpu", "60", "Utilization"), NOW)


async def test_memory_above_its_target_brings_replicas_and_alone_it_never_goes_to_zero(
    fresh: houses.House,
) -> None:
    await fresh.client.create(asking(1))
    (pod,) = await pods(fresh, 1)
    fresh.running = [running(pod, memory=190 * MIB)]
    one = scaled(trigger("memory", "64Mi", "AverageValue"), minReplicaCount=1, cooldownPeriod=0)
    await fresh.client.create(one)
    await fresh.until(apps.Deployment, "d", at(3))
    seen = await fresh.until(keda.ScaledObject, "o", says("Active", "True"))
    assert (seen.status.resource_metric_names, seen.status.external_metric_names) == (["memory"], [])


async def test_beside_another_trigger_it_keeps_nothing_awake(fresh: houses.House) -> None:
    await fresh.client.create(asking(1))
    (pod,) = await pods(fresh, 1)
    fresh.running = [running(pod, memory=10 * MIB)]
    never = {"timezone": "UTC", "start": "0 0 1 1 *", "end": "1 0 1 1 *", "desiredReplicas": "3"}
    one = scaled(
        {"type": "cron", "metadata": never}, trigger("memory", "64Mi", "AverageValue"), cooldownPeriod=0
    )
    await fresh.client.create(one)
    await fresh.until(apps.Deployment, "d", at(0))
    await fresh.until(keda.ScaledObject, "o", says("Ready", "True"))


async def test_beside_a_trigger_that_cannot_be_completed_it_wakes_nothing(fresh: houses.House) -> None:
    await fresh.client.create(asking(0))
    asked = {"type": "prometheus", "metadata": {"query": "q"}, "authenticationRef": {"name": "absent"}}
    await fresh.client.create(scaled(asked, trigger("cpu", "50", "Utilization"), cooldownPeriod=0))
    seen = await fresh.until(keda.ScaledObject, "o", says("Ready", "False"))
    assert "absent" in next(one.message for one in seen.status.conditions if one.type == "Ready")
    assert (await fresh.client.get(apps.Deployment, "d", namespace="default")).spec.replicas == 0


def test_the_node_measures_the_cpu_of_a_process_and_of_all_its_session() -> None:

    before = processes.cpu(os.getpid())
    while processes.cpu(os.getpid()) < before + 0.02:
        sum(range(10_000))
    assert processes.session_cpu(os.getsid(0)) >= before + 0.02
    assert processes.cpu(2**22 + 1) == 0.0
