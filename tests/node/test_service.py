"""How an instance serves and leaves: load, drain, probes, templates that stay for the next wake."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

from openfunction_py.api.upstream import apps, core
from openfunction_py.node import processes, templates
from tests.node.house import HELLO, House, eventually, fetch, first, is_ready
from tests.node.test_pods import PORTS, shell
from tests.waiting import until

SLOW = """
import asyncio
import os
import signal

async def hello(request):
    await asyncio.sleep(1)
    return "late"
"""
COLD = """
seen = []

def hello(request):
    seen.append(request)
    return "", 500 if len(seen) < 4 else 200
"""


async def test_an_instances_load_reaches_control(running: House) -> None:
    loads = running.door.loads()
    async with asyncio.TaskGroup() as group:
        heard = group.create_task(first(loads))
        await running.pod("a", {"image": running.picture(), "ports": PORTS}, revision="r")
        pod = await running.until("a", is_ready)
        while not heard.done():
            await fetch(pod)
    load = heard.result()
    assert (load.source, load.namespace, load.revision, load.pod) == ("instance", "default", "r", "a")
    assert load.requests > 0


async def test_a_deleted_pod_finishes_the_request_it_has(running: House) -> None:
    await running.pod("a", {"image": running.picture(SLOW), "ports": PORTS}, revision="r")
    pod = await running.until("a", is_ready)
    async with asyncio.TaskGroup() as group:
        answer = group.create_task(fetch(pod))
        await asyncio.sleep(0.1)
        await running.client.delete(core.Pod, "a", namespace="default")
        await running.until_gone("a")
    assert answer.result() == (200, b"late")


async def test_a_pod_that_leaves_is_not_ready_while_it_drains(running: House) -> None:
    await running.pod("a", {"image": running.picture(SLOW), "ports": PORTS}, revision="r")
    pod = await running.until("a", is_ready)
    async with asyncio.TaskGroup() as group:
        group.create_task(fetch(pod))
        await asyncio.sleep(0.1)
        await running.client.delete(core.Pod, "a", namespace="default")
        await running.until("a", lambda pod: not is_ready(pod))
        await running.until_gone("a")


async def test_an_http_probe_decides_over_the_instances_own_word(running: House) -> None:
    source = COLD
    probe = {"httpGet": {"path": "/warm", "port": 8080}}
    await running.pod("a", {"image": running.picture(source), "ports": PORTS, "readinessProbe": probe})
    pod = await running.until("a", is_ready)
    assert (await fetch(pod))[0] == 200


async def test_a_failing_liveness_probe_starts_the_container_again(running: House) -> None:
    probe = {"httpGet": {"path": "/x", "port": 1}, "periodSeconds": 1, "failureThreshold": 1}
    await running.pod("a", {"image": running.picture(), **shell("sleep 1000"), "livenessProbe": probe})
    pod = await running.until("a", lambda pod: pod.status.container_statuses and restarts(pod))
    assert restarts(pod) >= 1


def restarts(pod: core.Pod) -> int:
    """How often the Pod's one container was started again."""
    return pod.status.container_statuses[0].restart_count


def deployment(image: str, revision: str) -> apps.Deployment:
    """A Deployment at zero, as a revision at rest has it."""
    labels = {"serving.knative.dev/revision": revision}
    return apps.Deployment.model_validate(
        {
            "metadata": {"name": revision, "namespace": "default", "labels": labels},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "function", "image": image, "ports": PORTS}]},
                },
            },
        }
    )


async def test_a_template_stays_at_zero_and_goes_with_its_deployment(running: House) -> None:
    image = running.picture()
    await running.client.create(deployment(image, "r"))
    await running.pod("a", {"image": image, "ports": PORTS}, revision="r")
    await running.until("a", is_ready)
    await running.client.delete(core.Pod, "a", namespace="default")
    await running.until_gone("a")
    assert {one.revision for one in await running.door.templates()} - {""} == {"r"}
    await running.client.delete(apps.Deployment, "r", namespace="default")
    await eventually(running.door.templates, lambda templates: not templates)


async def test_a_deployment_that_goes_while_its_template_imports_leaves_nothing(home: House) -> None:
    await home.client.create(deployment(home.picture("import time\ntime.sleep(3)\n" + HELLO), "r"))
    async with home.node():
        [record] = await eventually(lambda: files_of(home.home.templates, "*.json"))
        pid = json.loads(record.read_text())["identity"]["pid"]
        await home.client.delete(apps.Deployment, "r", namespace="default")
        await until(lambda: processes.identify(pid) is None)
        await eventually(lambda: files_of(home.home.templates, "*"), lambda found: not found)
        assert await home.door.templates() == []
        assert await files_of(home.home.run / templates.FOLDER, "*") == []


async def test_a_template_that_a_pod_starts_without_a_deployment_goes_with_the_pod(running: House) -> None:
    await running.pod("a", {"image": running.picture(), "ports": PORTS}, revision="r")
    await running.until("a", is_ready)
    assert {one.revision for one in await running.door.templates()} - {""} == {"r"}
    await running.client.delete(core.Pod, "a", namespace="default")
    await running.until_gone("a")
    await eventually(running.door.templates, lambda found: not found)
    await eventually(lambda: files_of(running.home.templates, "*"), lambda found: not found)


async def files_of(folder: Path, pattern: str) -> list[Path]:
    """What lies in a folder now."""
    return await asyncio.to_thread(lambda: list(folder.glob(pattern)))


async def test_a_node_that_starts_warms_the_revisions_it_finds_and_pods_fork_from_them(home: House) -> None:
    image = home.picture()
    await home.client.create(deployment(image, "r"))
    async with home.node():
        await until(home.home.node_socket.exists)
        found = await eventually(
            home.door.templates, lambda templates: any(one.revision for one in templates)
        )
        await home.pod("a", {"image": image, "ports": PORTS}, revision="r")
        await home.until("a", is_ready)
        assert [one.pid for one in await home.door.templates()] == [one.pid for one in found]


async def test_a_template_that_is_killed_comes_back_while_its_deployment_exists(running: House) -> None:
    await running.client.create(deployment(running.picture(), "r"))
    await running.pod("a", {"image": running.picture(), "ports": PORTS}, revision="r")
    await running.until("a", is_ready)
    [first] = [one for one in await running.door.templates() if one.revision]
    os.kill(first.pid, signal.SIGKILL)
    await eventually(
        running.door.templates, lambda now: any(one.revision and one.pid != first.pid for one in now)
    )


async def test_a_pod_whose_module_starts_threads_is_a_fresh_process_and_says_why(running: House) -> None:
    source = (
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
        "def hello(request):\n    return 'threads'\n"
    )
    await running.pod("a", {"image": running.picture(source), "ports": PORTS}, revision="r")
    pod = await running.until("a", is_ready)
    assert await fetch(pod) == (200, b"threads")
    [condition] = [one for one in pod.status.conditions if one.type == "openfunction.io/Runtime"]
    assert condition.reason == "Process"
    assert "NotForkSafe" in condition.message


async def test_the_node_object_says_that_the_node_is_ready(running: House) -> None:
    page = await eventually(
        lambda: running.client.list(core.Node), lambda page: page.items and page.items[0].status.conditions
    )
    assert [(one.metadata.name, one.status.conditions[0].status) for one in page.items] == [("local", "True")]
