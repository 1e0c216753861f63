"""The whole chain on a real API server: from a Knative Service to endpoints, to zero and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps, autoscaling, core, discovery, knative
from tests.providers import house as houses

KSVC = "hello-ksvc"
FIRST, SECOND = "hello-ksvc-00001", "hello-ksvc-00002"
QUICK = {"autoscaling.knative.dev/window": "6s"}


def service(image: str = "hello@sha256:1", **annotations: str) -> knative.KnativeService:
    """A Knative Service of one container."""
    metadata = {"annotations": {**QUICK, **annotations}, "labels": {"openfunction.io/function": "hello"}}
    containers = [{"name": "function", "image": image, "ports": [{"containerPort": 8080}]}]
    return knative.KnativeService.model_validate(
        {
            "metadata": {"name": KSVC, "namespace": "default"},
            "spec": {"template": {"metadata": metadata, "spec": {"containers": containers}}},
        }
    )


def is_ready(obj: Any) -> bool:
    """Whether an object's Ready is True for its newest generation."""
    return obj.status.observed_generation == obj.metadata.generation and meta.is_true(
        obj.status.conditions, "Ready"
    )


async def test_a_service_becomes_ready_with_its_traffic_on_the_first_revision(house: houses.House) -> None:
    await house.client.apply(service(), manager="test")
    ready = await house.until(knative.KnativeService, KSVC, is_ready)
    assert [(one.revision_name, one.percent) for one in ready.status.traffic] == [(FIRST, 100)]
    assert ready.status.latest_ready_revision_name == FIRST
    revision = await house.until(knative.Revision, FIRST, is_ready)
    assert revision.metadata.labels["serving.knative.dev/configurationGeneration"] == "1"


async def test_the_instance_of_a_revision_is_an_endpoint_of_its_private_service(house: houses.House) -> None:
    await house.client.apply(service(), manager="test")
    await house.until(knative.Revision, FIRST, is_ready)
    page = await house.client.list(
        discovery.EndpointSlice, namespace="default", labels=f"serving.knative.dev/revision={FIRST}"
    )
    (found,) = page.items
    assert found.metadata.labels["kubernetes.io/service-name"] == f"{FIRST}-private"
    assert [(one.addresses, one.conditions.ready) for one in found.endpoints] == [(["127.9.9.9"], True)]
    assert [one.port for one in found.ports] == [8080]


async def test_an_idle_revision_goes_to_zero_stays_ready_and_load_wakes_it(tmp_path: Path) -> None:
    async with houses.open_house(tmp_path, rate=20.0) as house:
        await house.client.apply(service(), manager="test")
        name = f"{FIRST}-deployment"
        await house.until(
            apps.Deployment, name, lambda one: one.spec.replicas == 0 and one.status.replicas == 0
        )
        idle = await house.until(knative.KnativeService, KSVC, is_ready)
        assert idle.status.traffic[0].revision_name == FIRST
        house.load(FIRST, 1)
        await house.until(apps.Deployment, name, lambda one: one.status.ready_replicas == 1)
        scaler = await house.until(autoscaling.PodAutoscaler, FIRST, is_ready)
        assert scaler.status.desired_scale == 1


async def test_a_broken_new_revision_gets_no_traffic_and_says_why(house: houses.House) -> None:
    await house.client.apply(service(), manager="test")
    await house.until(knative.KnativeService, KSVC, is_ready)
    house.node.behaviour = houses.crashing
    await house.client.apply(service("hello@sha256:2"), manager="test")

    def failed(one: knative.KnativeService) -> bool:
        ready = meta.find_condition(one.status.conditions, "Ready")
        return ready is not None and ready.status == "False"

    broken = await house.until(knative.KnativeService, KSVC, failed)
    ready = meta.find_condition(broken.status.conditions, "Ready")
    assert ready is not None
    assert (ready.reason, "ValueError: no" in ready.message) == ("CrashLoop", True)
    assert [one.revision_name for one in broken.status.traffic] == [FIRST]


async def test_a_new_revision_takes_the_traffic_and_the_old_one_goes_to_reserve(house: houses.House) -> None:
    await house.client.apply(service(), manager="test")
    await house.until(knative.KnativeService, KSVC, is_ready)
    await house.client.apply(service("hello@sha256:2"), manager="test")
    await house.until(
        knative.KnativeService,
        KSVC,
        lambda one: is_ready(one) and one.status.traffic[0].revision_name == SECOND,
    )
    state = "serving.knative.dev/routingState"
    await house.until(knative.Revision, FIRST, lambda one: one.metadata.labels[state] == "reserve")
    await house.until(knative.Revision, SECOND, lambda one: one.metadata.labels[state] == "active")


async def test_deleting_a_service_leaves_nothing(house: houses.House) -> None:
    await house.client.apply(service(), manager="test")
    await house.until(knative.KnativeService, KSVC, is_ready)
    await house.client.delete(knative.KnativeService, KSVC, namespace="default")
    await house.until_gone(knative.Revision, FIRST)
    await house.until_gone(core.Service, f"{FIRST}-private")
    for pod in (await house.client.list(core.Pod, namespace="default")).items:
        await house.until_gone(core.Pod, pod.metadata.name)
    for model in (apps.Deployment, apps.ReplicaSet, knative.Route, autoscaling.PodAutoscaler):
        page: Any = await house.client.list(model, namespace="default")
        for one in page.items:
            await house.until_gone(model, one.metadata.name)
