"""What Pods of every kind look like while they run, fail and end."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from openfunction_py.api.upstream import core
from openfunction_py.kube import errors
from openfunction_py.node import environment, processes
from tests.node.house import House, eventually, fetch, is_ready

PORTS = [{"containerPort": 8080}]
SHELL = """
import os

def hello(request):
    return {name: os.environ.get(name) for name in "ABCDEF"}
"""


def shell(script: str) -> dict[str, Any]:
    """A container that runs a shell script instead of its image's function."""
    return {"command": ["/bin/sh", "-c", script]}


def state(pod: core.Pod) -> core.ContainerState:
    """The state of the Pod's one container."""
    return pod.status.container_statuses[0].state


async def test_variables_come_from_values_secrets_config_maps_and_the_pod_itself(running: House) -> None:
    meta = {"name": "x", "namespace": "default"}
    secret = {"metadata": meta, "data": {"B": base64.b64encode(b"two").decode()}}
    await running.client.create(core.Secret.model_validate(secret))
    await running.client.create(
        core.ConfigMap.model_validate({"metadata": meta, "data": {"c": "three", "D": "four"}})
    )
    env = [
        {"name": "A", "value": "one $(E)"},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "x", "key": "B"}}},
        {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "c"}}},
        {"name": "E", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "F", "value": "$(E) of $(A)"},
    ]
    container = {"image": running.picture(SHELL), "ports": PORTS, "env": env}
    await running.pod("a", {**container, "envFrom": [{"configMapRef": {"name": "x"}}]}, revision="r")
    pod = await running.until("a", is_ready)
    assert await fetch(pod) == (
        200,
        b'{"A":"one $(E)","B":"two","C":"three","D":"four","E":"a","F":"a of one $(E)"}',
    )


async def test_a_missing_secret_is_named_and_waited_for(running: House) -> None:
    env = [{"name": "B", "valueFrom": {"secretKeyRef": {"name": "later", "key": "B"}}}]
    await running.pod("a", {"image": running.picture(), "env": env, "ports": PORTS})
    pod = await running.until("a", lambda pod: state_reason(pod) == "CreateContainerConfigError")
    assert "the Secret later does not exist in the namespace default; create it" in str(pod.to_wire())


def state_reason(pod: core.Pod) -> str:
    """The reason the Pod's one container waits for, if it does."""
    found = [one.state.waiting for one in pod.status.container_statuses]
    return found[0].reason if found and found[0] else ""


async def test_an_api_that_is_away_for_a_moment_is_no_failure_of_the_pod(
    running: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve, calls = environment.resolve, 0

    async def away_at_first(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise errors.Unreachable("no answer")
        return await resolve(*given, **named)

    monkeypatch.setattr(environment, "resolve", away_at_first)
    await running.pod("a", {"image": running.picture(), "ports": PORTS}, revision="r")
    said = await running.until("a", lambda pod: pod.status.container_statuses and state(pod).waiting)
    waiting = state(said).waiting
    assert waiting is not None
    assert waiting.reason == "ContainerCreating"
    assert (await running.until("a", is_ready)).status.container_statuses[0].restart_count == 0


async def test_an_image_that_is_not_here_says_what_would_make_it_run(running: House) -> None:
    await running.pod("a", {"image": "docker.io/library/redis:7"})
    pod = await running.until("a", lambda pod: state_reason(pod) == "ImageNotRunnable")
    assert pod.status.phase == "Pending"
    assert "let a Function's build make it" in str(pod.to_wire())
    page = await eventually(
        lambda: running.client.list(core.Event, namespace="default"), lambda page: page.items
    )
    assert [(one.involved_object.name, one.reason) for one in page.items] == [("a", "ImageNotRunnable")]


async def test_an_image_of_another_interpreter_is_refused_by_name(running: House) -> None:
    from openfunction_builder import images  # noqa: PLC0415
    from tests.node import pictures  # noqa: PLC0415

    layout = images.Layout(running.home.images)
    image = pictures.add(layout, "old", {"main.py": "x = 1"}, abi="cp27-linux-x86_64")
    await running.pod("a", {"image": image})
    pod = await running.until("a", lambda pod: state_reason(pod) == "InterpreterMissing")
    assert "cp27-linux-x86_64" in str(pod.to_wire())


async def test_a_program_that_ends_well_makes_its_pod_succeed_with_its_message(running: House) -> None:
    script = 'echo seen; echo "all done" > "$OFN_TERMINATION_LOG"'
    await running.pod("a", {"image": running.picture(), **shell(script)}, restartPolicy="Never")
    pod = await running.until("a", lambda pod: pod.status.phase == "Succeeded")
    ended = state(pod).terminated
    assert ended is not None
    assert (ended.exit_code, ended.reason, ended.message) == (0, "Completed", "all done\n")
    assert [piece async for piece in running.door.logs("default", "a")] == [b"seen\n"]


async def test_a_failure_carries_exit_code_and_last_lines(running: House) -> None:
    container = {"image": running.picture(), "terminationMessagePolicy": "FallbackToLogsOnError"}
    await running.pod("a", {**container, **shell("echo broken >&2; exit 3")}, restartPolicy="Never")
    pod = await running.until("a", lambda pod: pod.status.phase == "Failed")
    ended = state(pod).terminated
    assert ended is not None
    assert (ended.exit_code, ended.reason, ended.message) == (3, "Error", "broken\n")


async def test_a_crashing_function_restarts_at_once_and_then_backs_off_with_its_reason(
    running: House,
) -> None:
    await running.pod(
        "a", {"image": running.picture("def hello(request) return"), "ports": PORTS}, revision="r"
    )
    pod = await running.until("a", lambda pod: state_reason(pod) == "CrashLoopBackOff")
    status = pod.status.container_statuses[0]
    assert status.restart_count >= 2
    assert status.last_state.terminated is not None
    assert status.last_state.terminated.reason == "SyntaxError"
    assert pod.status.phase == "Running"


async def test_on_failure_a_good_end_is_final(running: House) -> None:
    await running.pod("a", {"image": running.picture(), **shell("exit 0")}, restartPolicy="OnFailure")
    pod = await running.until("a", lambda pod: pod.status.phase == "Succeeded")
    assert pod.status.container_statuses[0].restart_count == 0


async def test_the_deadline_of_a_pod_ends_it_with_all_its_children(running: House) -> None:
    script = "setsid sleep 1000 & sleep 1000"
    await running.pod(
        "a", {"image": running.picture(), **shell(script)}, restartPolicy="Never", activeDeadlineSeconds=1
    )
    pod = await running.until("a", lambda pod: pod.status.phase == "Failed")
    assert pod.status.reason == "DeadlineExceeded"
    assert [name for _, name in processes.marked("OFN_INSTANCE") if name == pod.metadata.uid] == []


async def test_volumes_show_config_maps_secrets_and_empty_folders_where_they_are_mounted(
    running: House,
) -> None:
    meta = {"name": "x", "namespace": "default"}
    await running.client.create(core.ConfigMap.model_validate({"metadata": meta, "data": {"c": "three\n"}}))
    await running.client.create(core.Secret.model_validate({"metadata": meta, "data": {"s": "Zm91cgo="}}))
    mounts = [
        {"name": "c", "mountPath": "/etc/mine"},
        {"name": "s", "mountPath": "/made/up/secret"},
        {"name": "e", "mountPath": "/empty"},
    ]
    volumes = [
        {"name": "c", "configMap": {"name": "x"}},
        {"name": "s", "secret": {"secretName": "x"}},
        {"name": "e", "emptyDir": {}},
    ]
    script = "cat /etc/mine/c /made/up/secret/s; echo five > /empty/e; cat /empty/e; ls /etc/hostname"
    await running.pod(
        "a",
        {"image": running.picture(), "volumeMounts": mounts, **shell(script)},
        volumes=volumes,
        restartPolicy="Never",
    )
    await running.until("a", lambda pod: pod.status.phase == "Succeeded")
    text = b"".join([piece async for piece in running.door.logs("default", "a")])
    assert text == b"three\nfour\nfive\n/etc/hostname\n"


async def test_an_image_that_is_damaged_is_said_to_be_and_does_not_end_the_node(running: House) -> None:
    image = running.picture()
    for blob in (running.home.images / "blobs" / "sha256").iterdir():
        if blob.stat().st_size > 100_000:
            blob.write_bytes(b"damaged")
    await running.pod("a", {"image": image})
    pod = await running.until("a", state_reason)
    assert state_reason(pod) in ("ImageNotRunnable", "NodeFailed")
    await running.pod("b", {"image": "nothing"})
    await running.until("b", lambda pod: state_reason(pod) == "ImageNotRunnable")
