"""ScaledObjects and ScaledJobs on a real API server and a real broker; no test waits for a poll."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig

from openfunction_py.api import meta
from openfunction_py.api.upstream import apps, batch, core, keda
from openfunction_py.autoscaling.scalers import Reading, ScalerError
from openfunction_py.lib import clock
from openfunction_py.providers.keda import memories, specs
from openfunction_py.providers.keda import nats as monitoring
from openfunction_py.providers.keda.measuring import Measuring, environment
from openfunction_py.providers.keda.parameters import Look, Sources
from openfunction_py.providers.keda.readers import Readers
from tests.eventing import brokers
from tests.providers import house as houses
from tests.providers.test_workloads import deployment

NEVER = 3600


@pytest.fixture
def monitored(tmp_path: Path) -> Iterator[tuple[brokers.Nats, int]]:
    """A broker with its monitoring port."""
    port = brokers.free_port()
    broker = brokers.Nats(tmp_path / "nats", extra=f'http: "127.0.0.1:{port}"')
    with brokers.running(broker):
        yield broker, port


@pytest.fixture
async def stream(monitored: tuple[brokers.Nats, int]) -> AsyncIterator[JetStreamContext]:
    """The stream `work` with the durable consumer `readers`."""
    client = await nats.connect(monitored[0].url)
    context = client.jetstream()
    await context.add_stream(name="work", subjects=["work.>"])
    await context.add_consumer("work", ConsumerConfig(durable_name="readers", filter_subject="work.mine"))
    yield context
    await client.close()


def trigger(port: int, **metadata: str) -> dict[str, Any]:
    """A trigger on that consumer."""
    settings = {
        "account": "$G",
        "natsServerMonitoringEndpoint": f"127.0.0.1:{port}",
        "stream": "work",
        "consumer": "readers",
        **metadata,
    }
    return {"type": "nats-jetstream", "metadata": settings}


def scaled(*triggers: dict[str, Any], **spec: Any) -> keda.ScaledObject:
    """A ScaledObject of the Deployment d that never polls again by itself."""
    whole = {
        "scaleTargetRef": {"name": "d"},
        "pollingInterval": NEVER,
        "minReplicaCount": 0,
        "triggers": list(triggers),
        **spec,
    }
    metadata = {"name": "o", "namespace": "default"}
    return keda.ScaledObject.model_validate({"metadata": metadata, "spec": whole})


def says(kind: str, status: str, reason: str = "") -> Any:
    """Whether a condition is so."""

    def told(one: keda.ScaledObject | keda.ScaledJob) -> bool:
        found = meta.find_condition(one.status.conditions, kind)
        return found is not None and found.status == status and reason in (found.reason, "")

    return told


def at(count: int) -> Any:
    """Whether a Deployment asks for so many."""
    return lambda one: one.spec.replicas == count


async def test_a_message_wakes_a_deployment_from_zero_without_a_poll(
    house: houses.House, monitored: tuple[brokers.Nats, int], stream: JetStreamContext
) -> None:
    await house.client.create(deployment(replicas=0))
    await house.client.create(scaled(trigger(monitored[1])))
    await house.until(keda.ScaledObject, "o", says("Active", "False"))
    await stream.publish("work.mine", b"1")
    await house.until(apps.Deployment, "d", at(1))
    seen = await house.until(keda.ScaledObject, "o", says("Active", "True"))
    assert seen.status.last_active_time
    assert seen.status.hpa_name == "keda-hpa-o"


async def test_a_message_for_others_wakes_nobody(
    fresh: houses.House, monitored: tuple[brokers.Nats, int], stream: JetStreamContext
) -> None:
    await fresh.client.create(deployment(replicas=0))
    await fresh.client.create(scaled(trigger(monitored[1])))
    await fresh.until(keda.ScaledObject, "o", says("Active", "False"))
    await stream.publish("work.others", b"1")
    await stream.publish("work.mine", b"1")
    found = await fresh.until(apps.Deployment, "d", at(1))
    assert found.metadata.generation == 2


async def test_without_work_it_goes_to_zero_and_a_backlog_brings_many(
    fresh: houses.House, monitored: tuple[brokers.Nats, int], stream: JetStreamContext
) -> None:
    for _ in range(40):
        await stream.publish("work.mine", b"1")
    await fresh.client.create(deployment(replicas=1))
    await fresh.client.create(scaled(trigger(monitored[1])))
    await fresh.until(apps.Deployment, "d", at(4))
    await stream.purge_stream("work")
    await fresh.client.patch(
        keda.ScaledObject, "o", {"spec": {"cooldownPeriod": 0, "pollingInterval": 1}}, namespace="default"
    )
    await fresh.until(apps.Deployment, "d", at(0))


async def test_a_broker_that_is_away_is_named_and_nothing_is_scaled(fresh: houses.House) -> None:
    port = brokers.free_port()
    await fresh.client.create(deployment(replicas=1))
    await fresh.client.create(scaled(trigger(port)))
    seen = await fresh.until(keda.ScaledObject, "o", says("Ready", "False", "TriggerError"))
    assert f"127.0.0.1:{port}" in str(seen.status.conditions)
    assert (await fresh.client.get(apps.Deployment, "d", namespace="default")).spec.replicas == 1


async def test_an_object_without_a_target_says_so_until_there_is_one(fresh: houses.House) -> None:
    always = {"timezone": "UTC", "start": "0 0 1 1 *", "end": "59 23 31 12 *", "desiredReplicas": "3"}
    await fresh.client.create(scaled({"type": "cron", "metadata": always}, minReplicaCount=1))
    await fresh.until(keda.ScaledObject, "o", says("Ready", "False", "ScaledObjectCheckFailed"))
    await fresh.client.create(deployment(replicas=1))
    await fresh.until(keda.ScaledObject, "o", says("Ready", "True"))
    await fresh.until(apps.Deployment, "d", at(3))


async def test_an_unknown_trigger_names_those_that_are_known(fresh: houses.House) -> None:
    await fresh.client.create(deployment(replicas=1))
    await fresh.client.create(scaled({"type": "stan", "metadata": {}}))
    seen = await fresh.until(keda.ScaledObject, "o", says("Ready", "False"))
    assert "this platform reads cpu, cron, kafka, memory, nats-jetstream, prometheus" in str(
        seen.status.conditions
    )


def scaled_job(port: int, **spec: Any) -> keda.ScaledJob:
    """A ScaledJob that starts a Job for each message and never polls again by itself."""
    template = {"spec": {"containers": [{"name": "function", "image": "i"}], "restartPolicy": "Never"}}
    whole = {
        "jobTargetRef": {"template": template},
        "pollingInterval": NEVER,
        "maxReplicaCount": 5,
        "triggers": [trigger(port, lagThreshold="1")],
        **spec,
    }
    about = {"name": "o", "namespace": "default"}
    return keda.ScaledJob.model_validate({"metadata": about, "spec": whole})


@pytest.mark.parametrize(("rollout", "kept"), [({"strategy": "gradual"}, True), ({}, False)])
async def test_a_new_version_ends_running_jobs_unless_they_may_end_by_themselves(
    fresh: houses.House,
    monitored: tuple[brokers.Nats, int],
    stream: JetStreamContext,
    rollout: dict[str, str],
    kept: bool,
) -> None:
    await stream.publish("work.mine", b"1")
    await fresh.client.create(scaled_job(monitored[1], rollout=rollout))
    first = await fresh.until_any(batch.Job, lambda job: job.status.active == 1)
    await stream.publish("work.mine", b"2")
    await fresh.until_any(batch.Job, lambda job: job.metadata.uid != first.metadata.uid)
    changed = {"spec": {"maxReplicaCount": 4}}
    await fresh.client.patch(keda.ScaledJob, "o", changed, namespace="default")
    await fresh.until(keda.ScaledJob, "o", lambda one: one.metadata.generation == 2)
    if kept:
        await stream.publish("work.mine", b"3")
    new = await fresh.until_any(
        batch.Job, lambda job: job.metadata.annotations["scaledjob.keda.sh/generation"] == "2"
    )
    left = {one.metadata.uid for one in (await fresh.client.list(batch.Job, namespace="default")).items}
    assert new.metadata.uid in left
    assert (first.metadata.uid in left) is kept


async def test_a_backlog_starts_jobs_and_never_the_same_twice(
    house: houses.House, monitored: tuple[brokers.Nats, int], stream: JetStreamContext
) -> None:
    one = scaled_job(monitored[1])
    await stream.publish("work.mine", b"1")
    await stream.publish("work.mine", b"2")
    await house.client.create(one)
    await house.until(keda.ScaledJob, "o", says("Active", "True"))
    jobs = await house.client.list(batch.Job, namespace="default")
    while len(jobs.items) < 2:
        await house.until_any(batch.Job, lambda job: job.status.active == 1)
        jobs = await house.client.list(batch.Job, namespace="default")
    assert {job.metadata.labels["scaledjob.keda.sh/name"] for job in jobs.items} == {"o"}
    assert len(jobs.items) == 2


async def test_credentials_come_from_a_trigger_authentication(fresh: houses.House) -> None:
    about = {"name": "a", "namespace": "default"}
    secret = {"metadata": about, "stringData": {"token": "t"}}
    await fresh.client.create(core.Secret.model_validate(secret))
    reference = {"parameter": "bearerToken", "name": "a", "key": "token"}
    made = {"metadata": about, "spec": {"secretTargetRef": [reference]}}
    await fresh.client.create(keda.TriggerAuthentication.model_validate(made))
    await fresh.until(keda.TriggerAuthentication, "a", lambda _: True)
    given = keda.ScaleTrigger.model_validate(
        {"type": "prometheus", "metadata": {"query": "q"}, "authenticationRef": {"name": "a"}}
    )
    look = await Sources(fresh.manager).look(given, namespace="default", place=0, env={})
    assert (look.name, look.settings) == ("s0-prometheus", {"query": "q", "bearerToken": "t"})
    given = given.model_copy(update={"authentication_ref": keda.AuthenticationRef(name="b")})
    with pytest.raises(ScalerError, match="there is no TriggerAuthentication b; create it"):
        await Sources(fresh.manager).look(given, namespace="default", place=0, env={})


async def test_a_consumer_that_does_not_exist_is_no_empty_one(
    fresh: houses.House, monitored: tuple[brokers.Nats, int], stream: JetStreamContext
) -> None:
    settings = {**trigger(monitored[1])["metadata"], "consumer": "others"}
    readers = Readers(fresh.manager, fresh.instances)
    now = clock.SystemClock().now()
    with pytest.raises(ScalerError, match="no such consumer"):
        await readers.read(Look("default", "n", "nats-jetstream", settings), now)
    await stream.publish("work.mine", b"1")
    settings["consumer"] = "readers"
    assert await readers.read(Look("default", "n", "nats-jetstream", settings), now) == Reading(
        1, 10, active=True
    )


def test_the_subjects_of_a_consumer_are_its_filters_or_its_streams() -> None:
    found = {"name": "c", "num_pending": 3, "config": {}, "cluster": {"leader": "b"}}
    one = {"name": "s", "config": {"subjects": ["a", "b"]}, "consumer_detail": [found]}
    answer = {"server_name": "a", "account_details": [{"stream_detail": [one]}]}
    assert monitoring.find(answer, stream="s", consumer="c") == monitoring.Consumer(
        3, 0, ("a", "b"), is_leader=False
    )
    found["config"] = {"filter_subject": "x"}
    read = monitoring.find(answer, stream="s", consumer="c")
    assert read is not None
    assert read.subjects == ("x",)
    assert monitoring.find({}, stream="s", consumer="c") is None


def test_a_metric_that_failed_too_often_is_replaced_by_the_fallback() -> None:
    one = scaled(fallback={"failureThreshold": 2, "replicas": 6})
    bound = specs.bounds(one).fallback
    seen = memories.Seen({}, {"m": "AverageValue"}, {"m": "away"})
    few, many = memories.Memory(failures={"m": 2}), memories.Memory(failures={"m": 3})
    given = {"replicas": 2, "ready": 2, "targets": {}}
    assert memories.metrics(seen, few, bound, **given)[0].value is None  # type: ignore[arg-type]  # a table of options
    assert memories.metrics(seen, many, bound, **given)[0].value == 6  # type: ignore[arg-type]


def test_only_a_metric_that_is_multiplied_by_the_ready_needs_one_for_its_fallback() -> None:
    bound = specs.bounds(scaled(fallback={"failureThreshold": 0, "replicas": 6})).fallback
    seen = memories.Seen({}, {"a": "AverageValue", "v": "Value"}, {"a": "away", "v": "away"})
    memory = memories.Memory(failures={"a": 1, "v": 1})
    found = memories.metrics(seen, memory, bound, replicas=2, ready=0, targets={})
    assert [one.value for one in found] == [6, None]


CLOCK = {"timezone": "UTC", "start": "0 0 1 1 *", "end": "59 23 31 12 *", "desiredReplicas": "3"}
CRON = {"type": "cron", "metadata": CLOCK}


@pytest.mark.parametrize(
    ("triggers", "spec", "said"),
    [
        ([CRON], {"fallback": {"failureThreshold": 1, "behavior": "bogus"}}, "fallback.behavior is 'bogus'"),
        ([CRON], {"minReplicaCount": 5, "maxReplicaCount": 2}, "minReplicaCount is 5"),
        ([CRON], {"minReplicaCount": 1, "idleReplicaCount": 1}, "idleReplicaCount is 1"),
        ([{**CRON, "name": "n"}, {**CRON, "name": "n"}], {}, "the same name"),
        ([], {}, "no trigger"),
        ([{"type": "cron", "metadata": {**CLOCK, "desiredReplicas": "nan"}}], {}, "no number: 'nan'"),
        ([{"type": "cron", "metadata": {**CLOCK, "desiredReplicas": "0"}}], {}, "desiredReplicas is 0"),
        ([{**CRON, "metricType": "Utilization"}], {}, "metricType of the trigger s0-cron is 'Utilization'"),
        ([{"type": "cpu", "metadata": {"value": "60"}}], {}, "metricType of the trigger s0-cpu is missing"),
    ],
)
async def test_what_nobody_could_follow_is_told_and_nothing_is_scaled(
    fresh: houses.House, triggers: list[dict[str, Any]], spec: dict[str, Any], said: str
) -> None:
    await fresh.client.create(deployment(replicas=2))
    await fresh.client.create(scaled(*triggers, **spec))
    seen = await fresh.until(keda.ScaledObject, "o", says("Ready", "False"))
    assert said in str(seen.status.conditions)
    assert (await fresh.client.get(apps.Deployment, "d", namespace="default")).spec.replicas == 2


async def test_a_threshold_of_zero_is_told(
    fresh: houses.House, monitored: tuple[brokers.Nats, int], stream: JetStreamContext
) -> None:
    await stream.publish("work.mine", b"1")
    await fresh.client.create(deployment(replicas=1))
    await fresh.client.create(scaled(trigger(monitored[1], lagThreshold="0"), minReplicaCount=1))
    seen = await fresh.until(keda.ScaledObject, "o", says("Ready", "False", "TriggerError"))
    assert "the target of the trigger s0-nats-jetstream is 0" in str(seen.status.conditions)


async def test_a_job_s_trigger_that_is_lost_beside_one_that_works_is_half_a_problem(
    fresh: houses.House,
) -> None:
    away = brokers.free_port()
    await fresh.client.create(scaled_job(away, triggers=[CRON, trigger(away)], maxReplicaCount=1))
    await fresh.until(keda.ScaledJob, "o", says("Ready", "Unknown", "PartialTriggerError"))


async def test_a_trigger_reads_the_variables_of_the_container_that_is_named(fresh: houses.House) -> None:
    secret = {"metadata": {"name": "s", "namespace": "default"}, "data": {"k": "c2VjcmV0"}}
    await fresh.client.create(core.Secret.model_validate(secret))
    containers = [
        {"name": "first", "env": [{"name": "PLAIN", "value": "wrong"}]},
        {
            "name": "second",
            "env": [
                {"name": "PLAIN", "value": "right"},
                {"name": "HIDDEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            ],
        },
    ]
    env = environment([core.Container.model_validate(one) for one in containers], "second")
    one = {"type": "kafka", "metadata": {"topicFromEnv": "PLAIN", "passwordFromEnv": "HIDDEN"}}
    measuring = Measuring(Readers(fresh.manager, fresh.instances), Sources(fresh.manager))
    (look,) = await measuring.looks([keda.ScaleTrigger.model_validate(one)], namespace="default", env=env)
    assert isinstance(look, Look)
    assert (look.settings["topic"], look.settings["password"]) == ("right", "secret")


def modified(formula: str, *triggers: dict[str, Any], **spec: Any) -> keda.ScaledObject:
    """A ScaledObject that scales on one metric made of several."""
    modifiers = {"formula": formula, "target": "2", "activationTarget": "1"}
    return scaled(*triggers, minReplicaCount=1, advanced={"scalingModifiers": modifiers}, **spec)


async def test_a_formula_makes_one_metric_of_several_triggers(
    fresh: houses.House, monitored: tuple[brokers.Nats, int], stream: JetStreamContext
) -> None:
    always = {"timezone": "UTC", "start": "0 0 1 1 *", "end": "59 23 31 12 *", "desiredReplicas": "3"}
    for _ in range(5):
        await stream.publish("work.mine", b"1")
    await fresh.client.create(deployment(replicas=1))
    one = {"type": "cron", "name": "clock", "metadata": always}
    # of 5 messages and 3 replicas: 9, of which each takes 2
    await fresh.client.create(modified("clock + queue + 1", one, {**trigger(monitored[1]), "name": "queue"}))
    await fresh.until(apps.Deployment, "d", at(5))
    seen = await fresh.until(keda.ScaledObject, "o", says("Active", "True"))
    assert seen.to_wire()["status"]["compositeScalerName"] == "composite-metric"


async def test_a_trigger_that_is_lost_is_nil_in_the_formula(fresh: houses.House) -> None:
    await fresh.client.create(deployment(replicas=1))
    await fresh.client.create(modified("queue ?? 8", {**trigger(brokers.free_port()), "name": "queue"}))
    await fresh.until(apps.Deployment, "d", at(4))
    await fresh.until(keda.ScaledObject, "o", says("Ready", "Unknown", "PartialTriggerError"))


@pytest.mark.parametrize(
    ("formula", "said"),
    [("clock +", "at its end; a value is missing"), ("clocks", "no trigger has that name")],
)
async def test_a_formula_that_is_wrong_is_told_and_nothing_is_scaled(
    fresh: houses.House, formula: str, said: str
) -> None:
    always = {"timezone": "UTC", "start": "0 0 1 1 *", "end": "59 23 31 12 *", "desiredReplicas": "3"}
    await fresh.client.create(deployment(replicas=2))
    await fresh.client.create(modified(formula, {"type": "cron", "name": "clock", "metadata": always}))
    seen = await fresh.until(keda.ScaledObject, "o", says("Ready", "False"))
    assert said in str(seen.status.conditions)
    assert (await fresh.client.get(apps.Deployment, "d", namespace="default")).spec.replicas == 2


async def test_while_a_metric_cannot_be_read_the_fallback_s_replicas_run(fresh: houses.House) -> None:
    await fresh.client.create(deployment(replicas=1))
    one = scaled(
        trigger(brokers.free_port()), minReplicaCount=1, fallback={"failureThreshold": 0, "replicas": 3}
    )
    await fresh.client.create(one)
    await fresh.until(apps.Deployment, "d", at(3))
    await fresh.until(keda.ScaledObject, "o", says("Fallback", "True"))


async def test_the_hpa_s_behaviour_limits_how_fast_it_goes_up(
    fresh: houses.House, monitored: tuple[brokers.Nats, int], stream: JetStreamContext
) -> None:
    for _ in range(80):
        await stream.publish("work.mine", b"1")
    slow = {"policies": [{"type": "Pods", "value": 2, "periodSeconds": 1800}]}
    config = {"name": "mine", "behavior": {"scaleUp": slow}}
    await fresh.client.create(deployment(replicas=1))
    await fresh.client.create(
        scaled(trigger(monitored[1]), advanced={"horizontalPodAutoscalerConfig": config})
    )
    await fresh.until(apps.Deployment, "d", at(3))
    # all of them are ready, so it has looked again by now, and its half hour is not over
    await fresh.until(apps.Deployment, "d", lambda one: one.status.ready_replicas == 3)
    seen = await fresh.until(keda.ScaledObject, "o", says("Active", "True"))
    assert seen.status.hpa_name == "mine"
    assert (await fresh.client.get(apps.Deployment, "d", namespace="default")).spec.replicas == 3


def test_jobs_that_have_become_fewer_are_a_reason_to_look() -> None:
    memory = memories.Memory()
    assert [memory.lost_some(count) for count in (0, 2, 2, 1, 1, 3)] == [
        False,
        False,
        False,
        True,
        False,
        False,
    ]


async def test_a_message_wakes_also_where_the_broker_asks_who_listens(
    fresh: houses.House, tmp_path: Path
) -> None:
    port = brokers.free_port()
    broker = brokers.Nats(
        tmp_path / "guarded", extra=f'http: "127.0.0.1:{port}"\nauthorization {{ token: "secret" }}'
    )
    with brokers.running(broker):
        client = await nats.connect(broker.url, token="secret")
        context = client.jetstream()
        await context.add_stream(name="work", subjects=["work.>"])
        await context.add_consumer("work", ConsumerConfig(durable_name="readers", filter_subject="work.mine"))
        await fresh.client.create(deployment(replicas=0))
        await fresh.client.create(scaled(trigger(port)))
        await fresh.until(keda.ScaledObject, "o", says("Active", "False"))
        await context.publish("work.mine", b"1")
        await fresh.until(apps.Deployment, "d", at(1))
        await client.close()


async def test_between_polls_a_trigger_with_cached_metrics_is_what_the_last_poll_read(
    fresh: houses.House, monitored: tuple[brokers.Nats, int], stream: JetStreamContext
) -> None:
    measuring = Measuring(Readers(fresh.manager, fresh.instances), Sources(fresh.manager))
    triggers = [
        keda.ScaleTrigger.model_validate({**trigger(monitored[1]), "name": "kept", "useCachedMetrics": True}),
        keda.ScaleTrigger.model_validate({**trigger(monitored[1]), "name": "asked"}),
    ]
    looks = await measuring.looks(triggers, namespace="default", env={})
    memory, now = memories.Memory(), clock.SystemClock().now()
    await measuring.see(looks, memory, now)
    await stream.publish("work.mine", b"1")
    between = await measuring.see(looks, memory, now, polls=False)
    assert {name: one.value for name, one in between.readings.items()} == {"kept": 0, "asked": 1}
    after = await measuring.see(looks, memory, now)
    assert {name: one.value for name, one in after.readings.items()} == {"kept": 1, "asked": 1}
