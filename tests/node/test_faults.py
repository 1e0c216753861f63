"""What survives when node, template or instance is killed, and what does not."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest

from openfunction_py.api.upstream import core
from openfunction_py.node import processes, records
from openfunction_py.node.pods import end_recorded
from openfunction_py.node.records import ContainerRecord, PodRecord
from openfunction_py.wire.client import NodeError
from openfunction_py.wire.messages import ProcessInfo
from tests.node import outside
from tests.node.house import House, fetch, is_ready
from tests.node.test_pods import PORTS, shell
from tests.waiting import until

pytestmark = pytest.mark.slow


async def listed(house: House) -> tuple[list[ProcessInfo], list[ProcessInfo]]:
    """Templates and instances, once the node answers."""
    while True:
        try:
            return await house.door.templates(), await house.door.instances()
        except NodeError:
            continue


async def test_a_killed_node_finds_its_instances_and_templates_again(home: House) -> None:
    with outside.node(home.home) as node:
        await home.pod("fork", {"image": home.picture(), "ports": PORTS}, revision="r")
        await home.pod("fresh", {"image": home.picture(), "ports": PORTS})
        pods = [await home.until(name, is_ready) for name in ("fork", "fresh")]
        before = await listed(home)
        node.kill()
        assert [await fetch(pod) for pod in pods] == [(200, b"hello")] * 2
        node.start()
        found, instances = await listed(home)
        assert sorted(one.pid for one in found) == sorted(one.pid for one in before[0])
        while len(instances) < 2:
            _, instances = await listed(home)
        assert sorted(one.pid for one in instances) == sorted(one.pid for one in before[1])
        assert [(await home.until(pod.metadata.name, is_ready)).status for pod in pods]
        for pod in pods:
            await home.client.delete(core.Pod, pod.metadata.name, namespace="default")
            await home.until_gone(pod.metadata.name)
        assert [one.pid for one in instances if processes.identify(one.pid)] == []


async def test_pods_removed_while_no_node_runs_leave_no_process(home: House) -> None:
    with outside.node(home.home) as node:
        await home.pod("a", {"image": home.picture(), "ports": PORTS}, revision="r")
        await home.until("a", is_ready)
        _, [instance] = await listed(home)
        node.kill()
        await home.client.delete(core.Pod, "a", namespace="default", grace_seconds=0)
        node.start()
        await until(lambda: processes.identify(instance.pid) is None)


async def test_the_exit_code_of_a_program_that_ended_without_a_node_is_not_lost(home: House) -> None:
    with outside.node(home.home) as node:
        await home.pod(
            "a",
            {"image": home.picture(), **shell("read line < /dev/stdin; sleep 1; exit 7")},
            restartPolicy="Never",
        )
        await home.until("a", lambda pod: pod.status.phase == "Running")
        _, [instance] = await listed(home)
        node.kill()
        await until(lambda: processes.identify(instance.pid) is None)
        node.start()
        pod = await home.until("a", lambda pod: pod.status.phase == "Failed")
        ended = pod.status.container_statuses[0].state.terminated
        assert ended is not None
        assert ended.exit_code == 7


async def test_a_killed_instance_is_started_again(running: House) -> None:
    await running.pod("a", {"image": running.picture(), "ports": PORTS}, revision="r")
    await running.until("a", is_ready)
    _, [instance] = await listed(running)
    os.kill(instance.pid, signal.SIGKILL)
    pod = await running.until(
        "a", lambda pod: is_ready(pod) and pod.status.container_statuses[0].restart_count == 1
    )
    last = pod.status.container_statuses[0].last_state.terminated
    assert last is not None
    assert last.exit_code == 137
    assert await fetch(pod) == (200, b"hello")


async def test_an_instance_that_somebody_ends_is_not_ready_before_it_stops_and_finishes_its_request(
    running: House,
) -> None:
    slow = "import time\ndef hello(request):\n    time.sleep(3)\n    return 'finished'\n"
    await running.pod("a", {"image": running.picture(slow), "ports": PORTS}, revision="r")
    pod = await running.until("a", is_ready)
    _, [instance] = await listed(running)
    reader, writer = await asyncio.open_connection(pod.status.pod_ip, 8080)
    writer.write(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    await writer.drain()
    os.kill(instance.pid, signal.SIGTERM)
    leaving = await running.until("a", lambda pod: not is_ready(pod))
    assert leaving.status.container_statuses[0].restart_count == 0
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert answer.endswith(b"finished"), answer
    writer.close()
    await writer.wait_closed()
    await running.until("a", lambda pod: is_ready(pod) and pod.status.container_statuses[0].restart_count)


async def test_instances_survive_their_template_and_the_next_one_gets_a_new_template(running: House) -> None:
    await running.pod("a", {"image": running.picture(), "ports": PORTS}, revision="r")
    first = await running.until("a", is_ready)
    templates, _ = await listed(running)
    for template in templates:  # both levels
        os.kill(template.pid, signal.SIGKILL)
    await until(lambda: not any(processes.identify(template.pid) for template in templates))
    assert await fetch(first) == (200, b"hello")
    await running.pod("b", {"image": running.picture(), "ports": PORTS}, revision="r")
    second = await running.until("b", is_ready)
    assert await fetch(second) == (200, b"hello")
    _, instances = await listed(running)
    assert [one.runtime for one in instances] == ["zygote", "zygote"]


async def test_a_stopped_node_ends_everything_it_started(home: House) -> None:
    with outside.node(home.home) as node:
        await home.pod("a", {"image": home.picture(), "ports": PORTS}, revision="r")
        await home.until("a", is_ready)
        templates, instances = await listed(home)
        node.stop()
        assert [one.pid for one in (*templates, *instances) if processes.identify(one.pid)] == []


async def test_what_ends_with_its_node_has_not_failed(tmp_path: Path) -> None:
    """Otherwise a platform that was stopped and started a few times would wait before it runs its brokers again."""
    running = subprocess.Popen(["sleep", "1000"], start_new_session=True)  # noqa: ASYNC220  # it takes a moment
    record, identity = PodRecord("u", "default", "a"), processes.identify(running.pid)
    assert identity is not None
    record.containers["ended"] = ContainerRecord(identity=identity, failures=3)
    record.containers["broken"] = ContainerRecord(failures=4)
    record.save(tmp_path)
    await end_recorded(tmp_path, seconds=5)
    running.wait(10)
    assert not processes.is_alive(identity)
    kept = records.load(tmp_path / "u")
    assert kept is not None
    assert {name: one.failures for name, one in kept.containers.items()} == {"ended": 0, "broken": 4}
