"""An asynchronous Serving: what is made for each workload type, its true state, and what goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from openfunction_py.api import meta
from openfunction_py.api.functions import Function
from openfunction_py.api.upstream import apps, batch, core, dapr, keda
from openfunction_py.api.upstream.knative import KnativeService
from openfunction_py.reconcilers.serving.brokers import BrokerError, Readers
from tests.reconcilers import play
from tests.reconcilers.world import World

PUBSUB = {
    "type": "pubsub.jetstream",
    "version": "v1",
    "metadata": [{"name": "natsURL", "value": "nats://bus.default.svc.cluster.local:4222"}],
}
SCALED = {
    "scaleOptions": {"minReplicas": 0, "keda": {"triggers": [{"type": "nats-jetstream", "metadata": {}}]}}
}


def asynchronous(**serving: Any) -> Function:
    """A function that reads a topic."""
    whole = {
        "triggers": {"dapr": [{"name": "topics", "topic": "work"}]},
        "pubsub": {"topics": PUBSUB},
        **serving,
    }
    return play.hello(build=None, serving=whole)


def found(there: World, model: type[meta.Object], name: str = "hello-async") -> Any:
    """One object; None when there is none."""
    return there.lister(model).get("default", name)


async def available(there: World, model: type[meta.Object] = apps.Deployment) -> None:
    """The workload controllers' part: everything asked for is there."""
    one = found(there, model)
    count = 1 if one.spec.replicas is None else one.spec.replicas
    status = {
        "observedGeneration": one.metadata.generation,
        "replicas": count,
        "readyReplicas": count,
        "updatedReplicas": count,
        "availableReplicas": count,
    }
    there.set_status(model, "hello-async", status)
    await there.settle()


async def crash(there: World) -> None:
    """The node's part: a Pod of the workload whose container ends again and again."""
    labels = found(there, apps.Deployment).spec.template.metadata.labels
    body = {"metadata": {"name": "p", "namespace": "default", "labels": labels}, "spec": {"containers": []}}
    there.put(core.Pod.model_validate(body))
    last = {"terminated": {"exitCode": 1, "message": "ValueError: no"}}
    state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    there.set_status(
        core.Pod, "p", {"containerStatuses": [{"name": "function", "state": state, "lastState": last}]}
    )
    await there.settle()


async def test_a_function_of_a_topic_gets_its_component_and_a_deployment_and_is_ready_once_that_is() -> None:
    there = play.world()
    there.put(asynchronous())
    await there.settle()
    assert play.condition(there).status == "Unknown"
    (component,) = there.lister(dapr.Component).list()
    assert component.scopes == ["hello-default"]
    await available(there)
    ready = play.condition(there)
    assert (ready.status, ready.message) == ("True", "it is started by events")
    assert found(there, KnativeService, "hello-ksvc") is None


@pytest.mark.parametrize(
    ("kind", "model"), [("StatefulSet", apps.StatefulSet), ("Deployment", apps.Deployment)]
)
async def test_the_workload_type_decides_what_is_made(kind: str, model: type[meta.Object]) -> None:
    there = play.world()
    there.put(asynchronous(workloadType=kind))
    await there.settle()
    await available(there, model)
    assert play.seen(there).serving.state == "Running"  # type: ignore[union-attr]  # it was just made
    assert (found(there, core.Service) is not None) == (kind == "StatefulSet")


async def test_a_set_s_service_goes_with_the_set() -> None:
    there = play.world()
    there.put(asynchronous(workloadType="StatefulSet", version="v1"))
    await there.settle()
    await available(there, apps.StatefulSet)
    there.put(asynchronous(workloadType="Deployment", version="v2"))
    await there.settle()
    assert found(there, core.Service) is not None
    await available(there)
    assert (found(there, core.Service), found(there, apps.StatefulSet)) == (None, None)


async def test_a_container_that_crashes_is_a_failure_in_its_own_words() -> None:
    there = play.world()
    there.put(asynchronous())
    await there.settle()
    await crash(there)
    ready = play.condition(there)
    assert (ready.status, ready.reason) == ("False", "CrashLoopBackOff")
    assert "ValueError: no" in ready.message
    # the sidecar only sees that nobody answers
    assert "names the Service bus in default, which is not there" in ready.message


async def test_what_crashed_is_no_less_broken_at_zero_until_it_has_run() -> None:
    there = play.world()
    there.put(asynchronous(**SCALED))
    await there.settle()
    await crash(there)
    await there.client.delete(core.Pod, "p", namespace="default")
    await there.client.patch(apps.Deployment, "hello-async", {"spec": {"replicas": 0}}, namespace="default")
    await available(there)
    ready = play.condition(there)
    assert (ready.status, ready.reason) == ("False", "CrashLoopBackOff")
    assert ready.message.startswith("it is at zero; when it ran, the container function: ValueError: no")
    await there.client.patch(apps.Deployment, "hello-async", {"spec": {"replicas": 1}}, namespace="default")
    await available(there)
    assert play.condition(there).status == "True"
    await there.client.patch(apps.Deployment, "hello-async", {"spec": {"replicas": 0}}, namespace="default")
    await available(there)
    assert play.seen(there).serving.message == "it is at zero and waits for events"  # type: ignore[union-attr]


async def test_a_scaled_function_has_a_scaled_object_and_runs_at_zero_too() -> None:
    there = play.world()
    there.put(asynchronous(**SCALED))
    await there.settle()
    scaler = found(there, keda.ScaledObject, "hello-scaler")
    assert scaler.spec.scale_target_ref.name == "hello-async"
    assert found(there, apps.Deployment).spec.replicas is None
    await there.client.patch(apps.Deployment, "hello-async", {"spec": {"replicas": 0}}, namespace="default")
    await available(there)
    assert play.seen(there).serving.message == "it is at zero and waits for events"  # type: ignore[union-attr]
    assert found(there, apps.Deployment).spec.replicas == 0


async def test_a_function_at_zero_whose_scaler_cannot_look_has_failed() -> None:
    there = play.world()
    there.put(asynchronous(**SCALED))
    await there.settle()
    await there.client.patch(apps.Deployment, "hello-async", {"spec": {"replicas": 0}}, namespace="default")
    broken = {"type": "Ready", "status": "False", "reason": "TriggerError", "message": "the broker is away"}
    there.set_status(keda.ScaledObject, "hello-scaler", {"conditions": [broken]})
    await available(there)
    ready = play.condition(there)
    assert (ready.status, ready.reason) == ("False", "ScalerFailed")
    assert "the broker is away" in ready.message


async def test_jobs_are_started_by_the_scaled_job_alone() -> None:
    there = play.world()
    there.put(asynchronous(workloadType="Job", **SCALED))
    await there.settle()
    assert there.lister(batch.Job).list() == []
    assert found(there, keda.ScaledJob, "hello-scaler") is not None
    ready = {"type": "Ready", "status": "True", "reason": "ScaledJobReady"}
    there.set_status(keda.ScaledJob, "hello-scaler", {"conditions": [ready]})
    await there.settle()
    assert play.condition(there).status == "True"


async def test_a_job_without_triggers_is_started_once_and_its_end_is_no_failure() -> None:
    there = play.world()
    there.put(asynchronous(workloadType="Job"))
    await there.settle()
    (job,) = there.lister(batch.Job).list()
    done = {"type": "Complete", "status": "True", "reason": "CompletionsReached", "message": "done"}
    there.set_status(batch.Job, job.metadata.name, {"succeeded": 1, "conditions": [done]})
    await there.settle()
    assert (play.seen(there).serving.state, play.seen(there).serving.reason) == ("Running", "Completed")  # type: ignore[union-attr]


async def test_another_function_s_workload_of_the_same_name_is_left_alone() -> None:
    there = play.world()
    body = {"metadata": {"name": "hello-async", "namespace": "default"}, "spec": {"replicas": 7}}
    there.put(apps.Deployment.model_validate(body))
    there.put(asynchronous())
    await there.settle()
    assert play.condition(there).reason == "NotOwned"
    assert found(there, apps.Deployment).spec.replicas == 7


async def test_components_keep_their_names_and_a_removed_one_goes_once_the_next_version_runs() -> None:
    there = play.world()
    there.put(asynchronous(states={"memory": {"spec": {"type": "state.in-memory", "version": "v1"}}}))
    await there.settle()
    await available(there)
    before = {one.metadata.name for one in there.lister(dapr.Component).list()}
    there.put(asynchronous(params={"A": "1"}))
    await there.settle()
    assert {one.metadata.name for one in there.lister(dapr.Component).list()} == before
    await available(there)
    assert {one.metadata.name for one in there.lister(dapr.Component).list()} == {"hello-pubsub-topics"}


async def test_a_function_that_turns_to_requests_keeps_its_workload_until_its_service_runs() -> None:
    there = play.world()
    there.put(asynchronous(**SCALED))
    await there.settle()
    await available(there)
    there.put(play.hello(build=None))
    await there.settle()
    assert found(there, apps.Deployment) is not None
    assert found(there, keda.ScaledObject, "hello-scaler") is None
    await play.revise(there)
    assert found(there, apps.Deployment) is None
    there.put(asynchronous())
    await there.settle()
    assert found(there, KnativeService, "hello-ksvc") is not None
    await available(there)
    assert found(there, KnativeService, "hello-ksvc") is None


async def test_a_component_that_comes_later_is_taken_up() -> None:
    there = play.world()
    there.put(asynchronous(pubsub={}))
    await there.settle()
    missing = play.condition(there)
    assert missing.reason == "ComponentMissing"
    assert "topics" in missing.message
    body = {
        "metadata": {"name": "topics", "namespace": "default"},
        "spec": {"type": "pubsub.jetstream", "version": "v1"},
    }
    there.put(dapr.Component.model_validate(body))
    await there.settle()
    await available(there)
    assert play.condition(there).status == "True"


async def test_without_serving_everything_goes() -> None:
    there = play.world()
    there.put(asynchronous(**SCALED))
    await there.settle()
    there.put(play.hello(serving=None))
    await there.settle()
    for model in (apps.Deployment, keda.ScaledObject, dapr.Component):
        assert there.lister(model).list() == []


async def test_a_scaled_job_waits_for_the_durable_that_it_reads_and_is_made_once_that_is_there() -> None:
    asked: list[Readers] = []
    away = [True] * 4

    async def make(wanted: Sequence[Readers]) -> None:
        asked.extend(wanted)
        if away:
            away.pop()
            raise BrokerError("component 'c': NATS cannot be reached")

    there = play.world(make=make)
    there.put(asynchronous(workloadType="Job", **SCALED))
    await there.settle()
    assert (asked[0].topics, asked[0].app) == (("work",), "hello-default")
    assert asked[0].component["spec"]["type"] == "pubsub.jetstream"
    assert found(there, keda.ScaledJob, "hello-scaler") is None
    ready = play.condition(there)
    assert (ready.status, ready.message) == ("Unknown", "component 'c': NATS cannot be reached")
    name = play.servings(there)[0].metadata.name
    while away:
        there.wake("serving-groups", "default", name)
        await there.settle()
    assert play.condition(there).reason == "BrokerUnavailable"
    there.wake("serving-groups", "default", name)
    await there.settle()
    assert found(there, keda.ScaledJob, "hello-scaler") is not None


async def test_beside_daprd_a_function_starts_once_brokers_know_what_it_reads_and_writes() -> None:
    asked: list[Readers] = []
    away = [True]

    async def make(wanted: Sequence[Readers]) -> None:
        asked.extend(wanted)
        if away:
            raise BrokerError("component 'c': NATS cannot be reached")

    there = play.world(make=make, daprd=True)
    there.put(asynchronous(outputs=[{"dapr": {"name": "topics", "topic": "done"}}]))
    await there.settle()
    assert (asked[0].topics, asked[0].written) == (("work",), ("done",))
    assert found(there, apps.Deployment, "hello-async") is None
    name = play.servings(there)[0].metadata.name
    away.clear()
    there.wake("serving-groups", "default", name)
    await there.settle()
    assert found(there, apps.Deployment, "hello-async") is not None


async def test_a_durable_that_nobody_can_read_through_fails_a_version_until_it_is_another() -> None:
    unfit = [True]

    async def make(_: Sequence[Readers]) -> None:
        if unfit:
            raise BrokerError("component 'c': the consumer 'd' is a pull consumer", lasting=True)

    there = play.world(make=make)
    there.put(asynchronous(**SCALED))
    await there.settle()
    ready = play.condition(there)
    assert (ready.status, ready.reason) == ("False", "ReaderUnfit")
    assert "is a pull consumer" in ready.message
    unfit.clear()
    there.wake("serving-groups", "default", play.servings(there)[0].metadata.name)
    await there.settle()
    assert play.condition(there).reason != "ReaderUnfit"


async def test_a_durable_that_a_broker_has_lost_is_made_again_when_the_scaler_cannot_read() -> None:
    asked: list[Readers] = []

    async def make(wanted: Sequence[Readers]) -> None:
        asked.extend(wanted)

    there = play.world(make=make)
    there.put(asynchronous(**SCALED))
    await there.settle()
    await there.settle()
    assert len(asked) == 1
    broken = {"type": "Ready", "status": "False", "reason": "TriggerError", "message": "no such consumer"}
    there.set_status(keda.ScaledObject, "hello-scaler", {"conditions": [broken]})
    await there.settle()
    assert len(asked) == 2
