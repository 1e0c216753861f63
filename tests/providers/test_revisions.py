"""Revisions over time on a real API server: splits, names, history, self-healing, restarts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps, autoscaling, core, knative
from tests.providers import house as houses
from tests.providers.test_chain import FIRST, KSVC, SECOND, is_ready, service


async def ready_at(house: houses.House, wanted: knative.KnativeService) -> knative.KnativeService:
    """Apply a Service and wait until this generation of it is ready."""
    generation = (await house.client.apply(wanted, manager="test")).metadata.generation
    return await house.until(
        knative.KnativeService, KSVC, lambda one: one.metadata.generation >= generation and is_ready(one)
    )


def with_spec(image: str, **spec: Any) -> knative.KnativeService:
    """The Service with more in its spec."""
    body = service(image).to_wire()
    return knative.KnativeService.model_validate({**body, "spec": {**body["spec"], **spec}})


async def test_traffic_is_split_by_weight_and_tag(fresh: houses.House) -> None:
    await ready_at(fresh, service())
    await ready_at(fresh, service("hello@sha256:2"))
    traffic = [
        {"revisionName": FIRST, "percent": 80},
        {"latestRevision": True, "percent": 20, "tag": "next"},
    ]
    split = await ready_at(fresh, with_spec("hello@sha256:2", traffic=traffic))
    shown = {one.revision_name: (one.percent, one.latest_revision, one.tag) for one in split.status.traffic}
    assert shown == {FIRST: (80, False, None), SECOND: (20, True, "next")}
    assert "next-hello-ksvc.default" in (split.status.traffic[1].url or "")


async def test_applying_the_same_again_changes_nothing(house: houses.House) -> None:
    before = await ready_at(house, service())
    again = await house.client.apply(service(), manager="test")
    assert again.metadata.resource_version == before.metadata.resource_version
    revisions = (await house.client.list(knative.Revision, namespace="default")).items
    assert [one.metadata.name for one in revisions] == [FIRST]


async def test_a_field_taken_out_of_the_template_is_gone_from_the_next_revision(fresh: houses.House) -> None:
    body = service().to_wire()
    body["spec"]["template"]["spec"]["timeoutSeconds"] = 9
    await ready_at(fresh, knative.KnativeService.model_validate(body))
    await ready_at(fresh, service())
    second = await fresh.client.get(knative.Revision, SECOND, namespace="default")
    assert second.spec.timeout_seconds is None


async def test_a_template_may_name_its_revision_once(fresh: houses.House) -> None:
    def named(image: str) -> knative.KnativeService:
        body = service(image).to_wire()
        body["spec"]["template"]["metadata"]["name"] = "hello-ksvc-mine"
        return knative.KnativeService.model_validate(body)

    ready = await ready_at(fresh, named("one"))
    assert ready.status.latest_ready_revision_name == "hello-ksvc-mine"
    await fresh.client.apply(named("two"), manager="test")

    def refused(one: knative.KnativeService) -> bool:
        found = meta.find_condition(one.status.conditions, "Ready")
        return found is not None and "another name" in found.message

    await fresh.until(knative.KnativeService, KSVC, refused)


async def test_only_the_newest_revisions_are_kept(fresh: houses.House) -> None:
    for number in range(12):
        await ready_at(fresh, service(f"hello@sha256:{number}"))
    await fresh.until_gone(knative.Revision, FIRST)
    await fresh.until_gone(knative.Revision, SECOND)
    left = (await fresh.client.list(knative.Revision, namespace="default")).items
    assert [one.metadata.name for one in left] == [f"hello-ksvc-{number:05d}" for number in range(3, 13)]


async def test_a_mended_revision_follows_a_broken_one(house: houses.House) -> None:
    house.node.behaviour = lambda pod: (
        houses.crashing(pod) if pod.spec.containers[0].image == "bad" else houses.serving(pod)
    )
    await house.client.apply(service("bad"), manager="test")
    await house.until(
        knative.Revision,
        FIRST,
        lambda one: any(it.type == "Ready" and it.status == "False" for it in one.status.conditions),
    )
    mended = await ready_at(house, service("good"))
    assert [one.revision_name for one in mended.status.traffic] == [SECOND]


async def test_what_somebody_deletes_is_made_again(fresh: houses.House) -> None:
    await ready_at(fresh, service())
    for model, name in (
        (core.Service, f"{FIRST}-private"),
        (apps.Deployment, f"{FIRST}-deployment"),
        (knative.Route, KSVC),
        (autoscaling.PodAutoscaler, FIRST),
    ):
        old = (await fresh.client.get(model, name, namespace="default")).metadata.uid
        await fresh.client.delete(model, name, namespace="default")
        await fresh.until(model, name, lambda one, old=old: one.metadata.uid != old)  # type: ignore[misc]
    await fresh.until(knative.KnativeService, KSVC, is_ready)


async def test_minimum_scale_is_where_a_revision_starts(fresh: houses.House) -> None:
    await ready_at(fresh, service(**{"autoscaling.knative.dev/min-scale": "3"}))
    found = await fresh.client.get(apps.Deployment, f"{FIRST}-deployment", namespace="default")
    assert (found.spec.replicas, found.status.ready_replicas) == (3, 3)


async def test_what_the_server_refuses_as_a_deployment_is_told(fresh: houses.House) -> None:
    body = service().to_wire()
    body["spec"]["template"]["spec"]["containers"].append({"name": "Side_Car", "image": "i"})
    await fresh.client.apply(knative.KnativeService.model_validate(body), manager="test")

    def refused(one: knative.Revision) -> bool:
        found = meta.find_condition(one.status.conditions, "Ready")
        return (
            found is not None and (found.status, found.reason) == ("False", "InvalidDeployment")
            and "containers[1].name" in found.message
        )  # fmt: skip

    await fresh.until(knative.Revision, FIRST, refused)


async def test_wrong_scaling_annotations_are_all_named(fresh: houses.House) -> None:
    wrong = {"autoscaling.knative.dev/min-scale": "x", "autoscaling.knative.dev/target": "0"}
    await fresh.client.apply(service(**wrong), manager="test")

    def refused(one: knative.Revision) -> bool:
        found = meta.find_condition(one.status.conditions, "Ready")
        return found is not None and "min-scale" in found.message and "target" in found.message

    await fresh.until(knative.Revision, FIRST, refused)


async def test_another_control_process_goes_on_where_one_stopped(tmp_path: Path) -> None:
    async with houses.open_house(tmp_path) as house:
        await ready_at(house, service())
    async with houses.open_house(tmp_path) as house:
        assert (await house.until(knative.KnativeService, KSVC, is_ready)).status.traffic
        updated = await ready_at(house, service("hello@sha256:2"))
        assert [one.revision_name for one in updated.status.traffic] == [SECOND]
