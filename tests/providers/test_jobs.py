"""Jobs and StatefulSets on a real API server with a played node, and their decisions as tables."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps, batch, core, storage
from openfunction_py.lib import clock
from openfunction_py.providers.workloads import attempts, ordinals
from tests.providers import house as houses

POD = {"containers": [{"name": "function", "image": "work"}]}


def job(**spec: Any) -> batch.Job:
    """A Job of one container."""
    template = {"spec": {**POD, "restartPolicy": "Never"}}
    metadata = {"name": "j", "namespace": "default"}
    return batch.Job.model_validate({"metadata": metadata, "spec": {"template": template, **spec}})


def stateful(image: str = "one", **spec: Any) -> apps.StatefulSet:
    """A StatefulSet of three Pods, each with a volume of its own."""
    labels = {"app": "a"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "function", "image": image}]},
    }
    claim = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    whole = {
        "replicas": 3,
        "serviceName": "s",
        "selector": {"matchLabels": labels},
        "template": template,
        "volumeClaimTemplates": [claim],
        **spec,
    }
    metadata = {"name": "s", "namespace": "default"}
    return apps.StatefulSet.model_validate({"metadata": metadata, "spec": whole})


def ended(phase: str, code: int) -> houses.Behaviour:
    """A Pod whose container ends at once."""

    def behave(_: core.Pod) -> dict[str, Any]:
        state = {"terminated": {"exitCode": code, "finishedAt": clock.timestamp(clock.SystemClock().now())}}
        return {"phase": phase, "containerStatuses": [{"name": "function", "state": state}]}

    return behave


def over(kind: str, reason: str) -> Any:
    """Whether a Job ended like this."""

    def told(one: batch.Job) -> bool:
        found = meta.find_condition(one.status.conditions, kind)
        return found is not None and (found.status, found.reason) == ("True", reason)

    return told


async def test_a_job_runs_until_its_completions_are_reached(house: houses.House) -> None:
    house.node.behaviour = ended("Succeeded", 0)
    await house.client.create(job(completions=3, parallelism=2))
    done = await house.until(batch.Job, "j", over("Complete", "CompletionsReached"))
    assert done.status.succeeded == 3
    assert done.status.completion_time
    assert len((await house.client.list(core.Pod, namespace="default")).items) == 3


async def test_a_job_that_fails_too_often_says_so_and_makes_no_more_pods(fresh: houses.House) -> None:
    fresh.node.behaviour = ended("Failed", 1)
    await fresh.client.create(job(backoffLimit=0))
    done = await fresh.until(batch.Job, "j", over("Failed", "BackoffLimitExceeded"))
    assert done.status.failed == 1


async def test_a_job_past_its_deadline_ends_its_pods(fresh: houses.House) -> None:
    await fresh.client.create(job(activeDeadlineSeconds=1))
    done = await fresh.until(batch.Job, "j", over("Failed", "DeadlineExceeded"))
    assert done.status.active == 0
    for pod in (await fresh.client.list(core.Pod, namespace="default")).items:
        await fresh.until_gone(core.Pod, pod.metadata.name)


async def test_a_finished_job_is_removed_with_its_pods_after_its_time(fresh: houses.House) -> None:
    fresh.node.behaviour = ended("Succeeded", 0)
    await fresh.client.create(job(ttlSecondsAfterFinished=0))
    await fresh.until_gone(batch.Job, "j")


async def test_a_statefulset_makes_named_pods_with_their_own_claims(house: houses.House) -> None:
    await house.client.create(stateful())
    await house.until(apps.StatefulSet, "s", lambda one: one.status.ready_replicas == 3)
    assert house.node.started == ["s-0", "s-1", "s-2"]
    claim = await house.until(
        storage.PersistentVolumeClaim, "data-s-1", lambda one: one.status.phase == "Bound"
    )
    assert claim.status.capacity == {"storage": "1Gi"}
    pod = await house.client.get(core.Pod, "s-1", namespace="default")
    assert [
        one.persistent_volume_claim.claim_name for one in pod.spec.volumes if one.persistent_volume_claim
    ] == ["data-s-1"]


async def test_a_statefulset_updates_from_the_last_place_and_keeps_its_claims(house: houses.House) -> None:
    await house.client.apply(stateful(), manager="test")
    await house.until(apps.StatefulSet, "s", lambda one: one.status.ready_replicas == 3)
    house.node.started.clear()
    await house.client.apply(stateful("two"), manager="test")

    def complete(one: apps.StatefulSet) -> bool:
        status = one.status
        fresh = status.observed_generation == 2
        return fresh and status.updated_replicas == 3 and status.current_revision == status.update_revision

    await house.until(apps.StatefulSet, "s", complete)
    assert house.node.started == ["s-2", "s-1", "s-0"]
    assert len((await house.client.list(storage.PersistentVolumeClaim, namespace="default")).items) == 3


async def test_a_statefulset_that_shrinks_loses_its_last_pods(fresh: houses.House) -> None:
    await fresh.client.apply(stateful(), manager="test")
    await fresh.until(apps.StatefulSet, "s", lambda one: one.status.ready_replicas == 3)
    await fresh.client.apply(stateful(replicas=1), manager="test")
    await fresh.until(apps.StatefulSet, "s", lambda one: one.status.replicas == 1)
    assert await fresh.client.get(core.Pod, "s-0", namespace="default")


def members(*words: str) -> list[ordinals.Member]:
    """Members from words: r ready, o ready of an old template, b old and not ready, w waiting, t going, f over."""
    return [
        ordinals.Member(
            place,
            updated=word not in "ob",
            available=word in "ro",
            terminating=word == "t",
            finished=word == "f",
        )
        for place, word in enumerate(words)
        if word != "-"
    ]


ORDER = ordinals.Policy(2)


@pytest.mark.parametrize(
    ("policy", "seen", "step"),
    [
        (ORDER, "", ordinals.Step(create=[0])),
        (ORDER, "r", ordinals.Step(create=[1])),
        (ORDER, "w", ordinals.Step()),
        (ORDER, "rr", ordinals.Step()),
        (ORDER, "t", ordinals.Step()),
        (ORDER, "rf", ordinals.Step(delete=[1])),
        (ORDER, "rrrr", ordinals.Step(delete=[3])),
        (ORDER, "oo", ordinals.Step(delete=[1])),
        (ORDER, "or", ordinals.Step(delete=[0])),
        (ORDER, "ot", ordinals.Step()),
        (ORDER, "b", ordinals.Step(delete=[0])),
        (ordinals.Policy(2, on_delete=True), "oo", ordinals.Step()),
        (ordinals.Policy(2, partition=1), "oo", ordinals.Step(delete=[1])),
        (ordinals.Policy(2, partition=1), "or", ordinals.Step()),
        (ordinals.Policy(2, parallel=True), "", ordinals.Step(create=[0, 1])),
        (ordinals.Policy(1, parallel=True), "rrr", ordinals.Step(delete=[1, 2])),
    ],
)
def test_the_next_step_of_a_statefulset(policy: ordinals.Policy, seen: str, step: ordinals.Step) -> None:
    found = ordinals.plan(policy, members(*seen))
    assert (list(found.create), list(found.delete)) == (list(step.create), list(step.delete))


@pytest.mark.parametrize(("failed", "pause"), [(0, 0), (1, 10), (2, 20), (3, 40), (9, 600)])
def test_a_failed_pod_of_a_job_is_followed_after_a_pause_that_doubles(failed: int, pause: int) -> None:
    now = clock.FakeClock().now()
    counted = attempts.Tally([], 0, 0, failed, failed, now if failed else None)
    assert attempts.pause_left(counted, now=now) == pause
    assert attempts.pause_left(counted, now=now + timedelta(seconds=pause)) == 0
