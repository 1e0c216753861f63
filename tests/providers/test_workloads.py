"""Deployments, ReplicaSets, endpoints, garbage and Namespaces on a real API server."""

from __future__ import annotations

from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps, core, discovery
from tests.providers import house as houses


def deployment(image: str = "one", replicas: int = 2, **spec: Any) -> apps.Deployment:
    """A Deployment of one container."""
    labels = {"app": "a"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}}
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    return apps.Deployment.model_validate(
        {
            "metadata": {"name": "d", "namespace": "default"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": template,
                "strategy": rolling,
                **spec,
            },
        }
    )


def rolled_out(one: apps.Deployment) -> bool:
    """Whether all replicas are of the newest template and available."""
    status = one.status
    counts = {status.updated_replicas, status.replicas, status.available_replicas, one.spec.replicas or 0}
    return len(counts) == 1 and status.observed_generation == one.metadata.generation


async def roll_out(house: houses.House, wanted: apps.Deployment) -> apps.Deployment:
    """Apply a Deployment and wait until this generation of it is rolled out."""
    generation = (await house.client.apply(wanted, manager="test")).metadata.generation
    return await house.until(
        apps.Deployment, "d", lambda one: one.metadata.generation >= generation and rolled_out(one)
    )


async def images_of(house: houses.House) -> list[str]:
    """Images of the Pods that count."""
    pods = (await house.client.list(core.Pod, namespace="default")).items
    return sorted(one.spec.containers[0].image for one in pods if not one.metadata.deletion_timestamp)


async def test_a_deployment_gets_exactly_its_replicas(house: houses.House) -> None:
    done = await roll_out(house, deployment(replicas=3))
    assert meta.is_true(done.status.conditions, "Available")
    assert await images_of(house) == ["one"] * 3


async def test_an_update_replaces_every_pod(house: houses.House) -> None:
    await roll_out(house, deployment())
    await roll_out(house, deployment("two"))
    assert await images_of(house) == ["two"] * 2


async def test_an_update_that_never_gets_ready_leaves_the_old_pods_serving(fresh: houses.House) -> None:
    await roll_out(fresh, deployment())
    fresh.node.behaviour = lambda pod: (
        houses.serving(pod) if pod.spec.containers[0].image == "one" else houses.crashing(pod)
    )
    await fresh.client.apply(deployment("two"), manager="test")
    stuck = await fresh.until(apps.Deployment, "d", lambda one: one.status.updated_replicas == 1)
    assert stuck.status.available_replicas == 2
    assert await images_of(fresh) == ["one", "one", "two"]


async def test_a_rollback_takes_the_old_set_up_again(fresh: houses.House) -> None:
    for image in ("one", "two", "one"):
        await roll_out(fresh, deployment(image))
    sets = (await fresh.client.list(apps.ReplicaSet, namespace="default")).items
    numbers = {
        one.spec.replicas: one.metadata.annotations["deployment.kubernetes.io/revision"] for one in sets
    }
    assert numbers == {0: "2", 2: "3"}
    assert await images_of(fresh) == ["one"] * 2


async def test_a_deployment_that_stands_still_says_so(fresh: houses.House) -> None:
    fresh.node.behaviour = houses.never
    await fresh.client.apply(deployment(progressDeadlineSeconds=1), manager="test")

    def timed_out(one: apps.Deployment) -> bool:
        found = meta.find_condition(one.status.conditions, "Progressing")
        return found is not None and found.reason == "ProgressDeadlineExceeded"

    await fresh.until(apps.Deployment, "d", timed_out)


async def test_a_deleted_pod_is_replaced_by_one_of_another_name(house: houses.House) -> None:
    await roll_out(house, deployment(replicas=1))
    (pod,) = (await house.client.list(core.Pod, namespace="default")).items
    await house.client.delete(core.Pod, pod.metadata.name, namespace="default")
    await house.until_gone(core.Pod, pod.metadata.name)
    (replicas,) = (await house.client.list(apps.ReplicaSet, namespace="default")).items
    other = await house.until_any(core.Pod, lambda one: one.metadata.name != pod.metadata.name)
    assert other.metadata.owner_references[0].uid == replicas.metadata.uid


async def test_minimum_ready_seconds_delay_availability_and_not_readiness(fresh: houses.House) -> None:
    await fresh.client.apply(deployment(replicas=1, minReadySeconds=3600), manager="test")
    seen = await fresh.until(apps.Deployment, "d", lambda one: one.status.ready_replicas == 1)
    assert seen.status.available_replicas == 0


async def test_a_pod_being_deleted_leaves_the_ready_endpoints_at_once(fresh: houses.House) -> None:
    ports = [{"port": 80, "targetPort": 8080}]
    service = {
        "metadata": {"name": "s", "namespace": "default"},
        "spec": {"selector": {"app": "a"}, "ports": ports},
    }
    await fresh.client.create(core.Service.model_validate(service))
    await roll_out(fresh, deployment(replicas=1))
    fresh.node.lets_go = False
    (pod,) = (await fresh.client.list(core.Pod, namespace="default")).items
    (found,) = (await fresh.client.list(discovery.EndpointSlice, namespace="default")).items
    await fresh.client.delete(core.Pod, pod.metadata.name, namespace="default")

    def draining(one: discovery.EndpointSlice) -> bool:
        mine = [
            point.conditions
            for point in one.endpoints
            if point.target_ref and point.target_ref.name == pod.metadata.name
        ]
        return [(one.ready, one.serving, one.terminating) for one in mine] == [(False, True, True)]

    await fresh.until(discovery.EndpointSlice, found.metadata.name, draining)


async def test_what_a_deployment_owned_goes_with_it(house: houses.House) -> None:
    await roll_out(house, deployment())
    pods = (await house.client.list(core.Pod, namespace="default")).items
    await house.client.delete(apps.Deployment, "d", namespace="default")
    for pod in pods:
        await house.until_gone(core.Pod, pod.metadata.name)
    assert not (await house.client.list(apps.ReplicaSet, namespace="default")).items


async def test_foreground_deletion_waits_for_what_is_owned(house: houses.House) -> None:
    await roll_out(house, deployment())
    await house.client.delete(apps.Deployment, "d", namespace="default", propagation="Foreground")
    await house.until_gone(apps.Deployment, "d")
    assert not (await house.client.list(core.Pod, namespace="default")).items
    assert not (await house.client.list(apps.ReplicaSet, namespace="default")).items


async def test_orphaned_objects_stay_without_their_owner(house: houses.House) -> None:
    await roll_out(house, deployment())
    await house.client.delete(apps.Deployment, "d", namespace="default", propagation="Orphan")
    await house.until_gone(apps.Deployment, "d")
    (left,) = (await house.client.list(apps.ReplicaSet, namespace="default")).items
    assert left.metadata.owner_references == []
    assert await images_of(house) == ["one"] * 2


async def test_a_deployment_made_anew_takes_its_orphaned_set_in(house: houses.House) -> None:
    await roll_out(house, deployment())
    pods = {one.metadata.uid for one in (await house.client.list(core.Pod, namespace="default")).items}
    await house.client.delete(apps.Deployment, "d", namespace="default", propagation="Orphan")
    await house.until_gone(apps.Deployment, "d")
    await roll_out(house, deployment())
    left = (await house.client.list(core.Pod, namespace="default")).items
    assert {one.metadata.uid for one in left} == pods


async def test_an_owner_of_the_same_name_and_another_uid_is_no_owner(fresh: houses.House) -> None:
    owner = await fresh.client.create(config_map("owner"))
    reference = {**meta.owner_of(owner).to_wire(), "uid": "00000000-0000-0000-0000-000000000000"}
    await fresh.client.create(config_map("owned", ownerReferences=[reference]))
    await fresh.until_gone(core.ConfigMap, "owned")


async def test_an_object_stays_while_one_of_its_owners_does(fresh: houses.House) -> None:
    one, two = await fresh.client.create(config_map("one")), await fresh.client.create(config_map("two"))
    references = [
        meta.OwnerReference(api_version="v1", kind="ConfigMap", name=it.metadata.name, uid=it.metadata.uid)
        for it in (one, two)
    ]
    owned = config_map("owned", ownerReferences=[it.to_wire() for it in references])
    await fresh.client.create(owned)
    await fresh.client.delete(core.ConfigMap, "one", namespace="default")
    await fresh.until_gone(core.ConfigMap, "one")
    assert await fresh.client.get(core.ConfigMap, "owned", namespace="default")
    await fresh.client.delete(core.ConfigMap, "two", namespace="default")
    await fresh.until_gone(core.ConfigMap, "owned")


async def test_a_namespace_goes_with_everything_in_it(house: houses.House) -> None:
    await house.client.create(core.Namespace.model_validate({"metadata": {"name": "n"}}))
    body = {**deployment().to_wire(), "metadata": {"name": "d", "namespace": "n"}}
    await house.client.create(apps.Deployment.model_validate(body))
    await house.until(apps.Deployment, "d", rolled_out, namespace="n")
    await house.client.delete(core.Namespace, "n")
    await house.until_gone(core.Namespace, "n", namespace="")
    assert not (await house.client.list(core.Pod, namespace="n")).items


def config_map(name: str, **metadata: Any) -> core.ConfigMap:
    """An empty ConfigMap."""
    return core.ConfigMap.model_validate({"metadata": {"name": name, "namespace": "default", **metadata}})
