"""The thin line: a Pod with a function image runs, answers on its own address, and goes without a trace."""

from __future__ import annotations

from openfunction_py.api.upstream import core
from openfunction_py.node import processes
from tests.node.house import House, fetch, is_ready


async def test_a_function_pod_becomes_ready_and_answers_on_its_own_address(running: House) -> None:
    await running.pod("a", {"image": running.picture(), "ports": [{"containerPort": 8080}]})
    pod = await running.until("a", is_ready)
    assert await fetch(pod) == (200, b"hello")


async def test_a_pod_of_a_revision_is_a_fork_of_its_template(running: House) -> None:
    await running.pod("a", {"image": running.picture(), "ports": [{"containerPort": 8080}]}, revision="r1")
    pod = await running.until("a", is_ready)
    assert await fetch(pod) == (200, b"hello")
    templates = [one for one in await running.door.templates() if one.revision]
    assert [(one.revision, one.pss > 0) for one in templates] == [("r1", True)]
    assert [one.runtime for one in await running.door.instances()] == ["zygote"]


async def test_a_deleted_pod_leaves_no_process_and_no_folder(running: House) -> None:
    await running.pod("a", {"image": running.picture(), "ports": [{"containerPort": 8080}]})
    await running.until("a", is_ready)
    [instance] = await running.door.instances()
    await running.client.delete(core.Pod, "a", namespace="default")
    await running.until_gone("a")
    assert processes.identify(instance.pid) is None
    assert list(running.home.pods.iterdir()) == []
