"""Sidecars as forks of a warm process: who keeps it, what a fork may see and do, and what a killed node finds again."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from openfunction_py.api.upstream import apps, core
from openfunction_py.node import processes, sandbox
from openfunction_py.wire.messages import ProcessInfo
from tests.node import outside
from tests.node.house import House, fetch, is_ready
from tests.node.test_faults import listed
from tests.waiting import until, until_async

FOLDER = "/etc/dapr/resources"
SIDECAR = {
    "name": "daprd",
    "image": "openfunction/eventing",
    "args": [
        "sidecar", "--app-id", "app", "--resources-path", FOLDER, "--dapr-listen-addresses", "$(POD_IP)",
        "--dapr-http-port", "3500", "--dapr-grpc-port", "50001",
    ],
    "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
    "ports": [{"containerPort": 3500}],
    "readinessProbe": {"httpGet": {"path": "/v1.0/healthz", "port": 3500}},
    "volumeMounts": [{"name": "r", "mountPath": FOLDER}],
}  # fmt: skip
VOLUMES = [{"name": "r", "configMap": {"name": "resources"}}]
STORE = """
kind: Component
metadata: {name: store}
spec: {type: state.in-memory, version: v1}
"""


async def sidecar(house: House, name: str) -> core.Pod:
    """A Pod that is a sidecar alone, once it is ready."""
    await house.pod(name, SIDECAR, volumes=VOLUMES)
    return await house.until(name, is_ready)


async def resources(house: House) -> None:
    """The documents that sidecars read."""
    about = {"metadata": {"name": "resources", "namespace": "default"}, "data": {"store.yaml": STORE}}
    await house.client.create(core.ConfigMap.model_validate(about))


async def warm(house: House) -> list[ProcessInfo]:
    """The warm programs of the node."""
    return [one for one in (await listed(house))[0] if "warm program" in one.note]


def status(pid: int, name: str) -> list[str]:
    """A line of a process' status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1:] for line in lines if line.startswith(f"{name}:"))


def opened(pid: int) -> list[str]:
    """What the descriptors of a process lead to."""
    return [str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()]


async def test_a_sidecar_is_a_confined_fork_of_a_warm_program(running: House) -> None:
    await resources(running)
    pod = await sidecar(running, "a")
    assert (await fetch(pod, "/v1.0/healthz", 3500))[0] == 204
    assert b'"name":"store"' in (await fetch(pod, "/v1.0/metadata", 3500))[1].replace(b" ", b"")
    [held] = await warm(running)
    _, [instance] = await listed(running)
    assert (instance.runtime, instance.note) == ("zygote", "the instance is a fork of a warm program")
    assert status(instance.pid, "PPid") == [str(held.pid)]
    assert status(held.pid, "Threads") == ["1"]
    if os.geteuid() == 0:
        assert status(instance.pid, "Uid") == [str(sandbox.UNPRIVILEGED)] * 4
        assert status(instance.pid, "NoNewPrivs") == ["1"]
        root = Path(f"/proc/{instance.pid}/root")
        assert (root / FOLDER.lstrip("/") / "store.yaml").read_text() == STORE
        assert [one for one in opened(instance.pid) if one.startswith(str(running.home.node))] == []


async def test_the_second_is_another_fork_and_the_warm_program_goes_with_the_last(running: House) -> None:
    await resources(running)
    await running.pod("other", {"image": running.picture(), "ports": [{"containerPort": 8080}]})
    await running.until("other", is_ready)
    assert await warm(running) == []
    for name in ("a", "b"):
        await sidecar(running, name)
    [held] = await warm(running)
    _, instances = await listed(running)
    forks = [one for one in instances if one.pod != "other"]
    assert [status(one.pid, "PPid") for one in forks] == [[str(held.pid)]] * 2
    for name in ("a", "b"):
        await running.client.delete(core.Pod, name, namespace="default")
        await running.until_gone(name)
    await until_async(lambda: gone(running))
    await until(lambda: processes.identify(held.pid) is None)  # it is off the list before it has ended


async def gone(house: House) -> bool:
    """Whether no program is warm."""
    return await warm(house) == []


@pytest.mark.parametrize(("enabled", "count"), [("true", 1), ("false", 0)])
async def test_a_workload_at_zero_keeps_it_warm_if_its_pods_get_a_sidecar(
    running: House, enabled: str, count: int
) -> None:
    await running.pod("other", {"image": running.picture(), "ports": [{"containerPort": 8080}]})
    await running.until("other", is_ready)
    await deployment(running, "asks", {"dapr.io/enabled": enabled})
    if count:
        await until_async(lambda: is_warm(running))
        await running.client.delete(apps.Deployment, "asks", namespace="default")
        await until_async(lambda: gone(running))
    else:
        await resources(running)
        await sidecar(running, "a")  # the node has seen the Deployment by then
        await running.client.delete(core.Pod, "a", namespace="default")
        await until_async(lambda: gone(running))


async def is_warm(house: House) -> bool:
    """Whether a program is warm."""
    return len(await warm(house)) == 1


async def deployment(house: House, name: str, annotations: dict[str, str]) -> None:
    """A Deployment at zero."""
    labels = {"app": name}
    container = {"name": "function", "image": house.picture()}
    template: dict[str, Any] = {
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": {"containers": [container]},
    }
    body = {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
    }
    await house.client.create(apps.Deployment.model_validate(body))


async def test_a_sidecar_that_cannot_start_says_so_with_its_exit_code(running: House) -> None:
    await running.pod("a", {**SIDECAR, "args": ["sidecar"], "volumeMounts": []}, restartPolicy="Never")
    pod = await running.until("a", lambda pod: pod.status.phase == "Failed")
    ended = pod.status.container_statuses[0].state.terminated
    assert ended is not None
    assert ended.exit_code == 2
    logs = [one.read_text() for one in running.home.pod_logs.rglob("daprd.*.log")]
    assert ["--app-id is missing" in one for one in logs] == [True]


@pytest.mark.slow
async def test_a_killed_node_finds_the_warm_program_and_its_forks_again(home: House) -> None:
    await resources(home)
    with outside.node(home.home) as node:
        pod = await sidecar(home, "a")
        [before] = await warm(home)
        node.kill()
        assert (await fetch(pod, "/v1.0/healthz", 3500))[0] == 204
        node.start()
        [found] = await warm(home)
        assert found.pid == before.pid
        await sidecar(home, "b")
        _, instances = await listed(home)
        assert [status(one.pid, "PPid") for one in instances] == [[str(found.pid)]] * 2
        node.stop()
        assert [one.pid for one in (found, *instances) if processes.identify(one.pid)] == []


@pytest.mark.slow
async def test_a_warm_program_that_dies_leaves_its_forks_and_another_takes_its_place(running: House) -> None:
    await resources(running)
    pod = await sidecar(running, "a")
    [held] = await warm(running)
    os.kill(held.pid, signal.SIGKILL)
    await until_async(lambda: another(running, held.pid))
    assert (await fetch(pod, "/v1.0/healthz", 3500))[0] == 204
    await sidecar(running, "b")


async def another(house: House, pid: int) -> bool:
    """Whether a program is warm that is not this process."""
    return any(one.pid != pid for one in await warm(house))
