"""BuildRuns on a real API server: to an image, and to every way of not getting there."""

from __future__ import annotations

from typing import Any

import pytest

from openfunction_py.api import meta
from openfunction_py.api.upstream import core, shipwright
from tests.providers import house as houses

SPEC: dict[str, Any] = {
    "source": {"type": "Git", "git": {"url": "https://host/repo"}},
    "strategy": {"name": "openfunction"},
    "output": {"image": "hello:v1"},
}


async def start(house: houses.House, **changes: Any) -> None:
    """Create a Build and a run of it."""
    build = {"metadata": {"name": "b-build", "namespace": "default"}, "spec": {**SPEC, **changes}}
    run = {"metadata": {"name": "b-run", "namespace": "default"}, "spec": {"build": {"name": "b-build"}}}
    await house.client.create(shipwright.Build.model_validate(build))
    await house.client.create(shipwright.BuildRun.model_validate(run))


def is_done(one: shipwright.BuildRun) -> bool:
    """Whether a run is over."""
    return one.status.completion_time is not None


def why(run: shipwright.BuildRun) -> tuple[str, str]:
    """Reasons in the condition and in the failure's details."""
    found = meta.find_condition(run.status.conditions, "Succeeded")
    assert found is not None
    assert found.status == "False"
    assert run.status.failure_details is not None
    return found.reason, run.status.failure_details.reason


async def test_a_run_becomes_an_image(house: houses.House) -> None:
    await start(house)
    done = await house.until(shipwright.BuildRun, "b-run", is_done)
    assert meta.is_true(done.status.conditions, "Succeeded")
    assert done.status.output is not None
    assert (done.status.output.digest, done.status.output.size) == ("sha256:" + "1" * 64, 12)
    assert done.status.lock == "abc"
    registered = await house.until(shipwright.Build, "b-build", lambda one: bool(one.status.registered))
    assert registered.status.registered == "True"


async def test_a_finished_run_stays_as_it_is_when_its_pod_is_deleted(fresh: houses.House) -> None:
    await start(fresh)
    done = await fresh.until(shipwright.BuildRun, "b-run", is_done)
    await fresh.client.delete(core.Pod, "b-run-pod", namespace="default")
    await fresh.until_gone(core.Pod, "b-run-pod")
    again = await fresh.client.get(shipwright.BuildRun, "b-run", namespace="default")
    assert again.status == done.status


async def test_a_run_that_takes_too_long_loses_its_pod(house: houses.House) -> None:
    house.node.behaviour = houses.building
    await start(house, timeout="1s")
    done = await house.until(shipwright.BuildRun, "b-run", is_done)
    assert why(done) == ("BuildRunTimeout", "BuildRunTimeout")
    assert "1s" in done.status.conditions[0].message
    await house.until_gone(core.Pod, "b-run-pod")


async def test_a_cancelled_run_loses_its_pod(house: houses.House) -> None:
    house.node.behaviour = houses.building
    await start(house)
    await house.until(core.Pod, "b-run-pod", lambda one: one.status.phase == "Running")
    change = {"spec": {"state": "BuildRunCanceled"}}
    await house.client.patch(shipwright.BuildRun, "b-run", change, namespace="default")
    done = await house.until(shipwright.BuildRun, "b-run", is_done)
    assert why(done) == ("BuildRunCanceled", "BuildRunCanceled")
    await house.until_gone(core.Pod, "b-run-pod")


async def test_a_run_whose_pod_vanishes_failed(fresh: houses.House) -> None:
    fresh.node.behaviour = houses.building
    await start(fresh)
    await fresh.until(shipwright.BuildRun, "b-run", lambda one: one.status.start_time is not None)
    await fresh.client.delete(core.Pod, "b-run-pod", namespace="default")
    done = await fresh.until(shipwright.BuildRun, "b-run", is_done)
    assert why(done)[1] == "PodEvicted"


@pytest.mark.parametrize("name", ["kaniko", "ko", ""])
async def test_a_strategy_of_a_cluster_is_refused_and_starts_nothing(fresh: houses.House, name: str) -> None:
    await start(fresh, strategy={"name": name})
    done = await fresh.until(shipwright.BuildRun, "b-run", is_done)
    assert why(done) == ("BuilderUnsupported", "BuilderUnsupported")
    assert not (await fresh.client.list(core.Pod, namespace="default")).items
    build = await fresh.until(shipwright.Build, "b-build", lambda one: bool(one.status.registered))
    assert (build.status.registered, build.status.reason) == ("False", "BuilderUnsupported")


async def test_a_run_without_its_build_says_so(fresh: houses.House) -> None:
    run = {"metadata": {"name": "b-run", "namespace": "default"}, "spec": {"build": {"name": "nope"}}}
    await fresh.client.create(shipwright.BuildRun.model_validate(run))
    done = await fresh.until(shipwright.BuildRun, "b-run", is_done)
    assert why(done)[1] == "BuildNotFound"


async def test_a_build_may_stand_in_its_run(fresh: houses.House) -> None:
    run = {"metadata": {"name": "b-run", "namespace": "default"}, "spec": {"build": {"spec": SPEC}}}
    await fresh.client.create(shipwright.BuildRun.model_validate(run))
    done = await fresh.until(shipwright.BuildRun, "b-run", is_done)
    assert meta.is_true(done.status.conditions, "Succeeded")
