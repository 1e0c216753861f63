"""Scalers as KEDA takes them: every trap of autoscaling-keda.md, and what a trigger leaves to its component."""

from __future__ import annotations

from typing import Any

import pytest

from openfunction_py.api.servings import Serving
from openfunction_py.resources import jetstream, scaled_objects
from tests.resources.servings import NATS, OWNER, component, reading, serving

BROKERS = {"name": "brokers", "value": "k:9092"}


def options(*triggers: dict[str, Any], keda: dict[str, Any] | None = None, **scale: Any) -> dict[str, Any]:
    return {**scale, "keda": {"triggers": list(triggers), **(keda or {})}}


def trigger(kind: str, **metadata: str) -> dict[str, Any]:
    return {"type": kind, "metadata": metadata}


def spec(one: Serving) -> dict[str, Any]:
    """The spec of a Serving's scaler."""
    found = scaled_objects.make(one, function="fn", owner=OWNER)
    assert found is not None
    wire: dict[str, Any] = found.to_wire()["spec"]
    return wire


def metadata(one: Serving) -> dict[str, str]:
    found: dict[str, str] = spec(one)["triggers"][0]["metadata"]
    return found


def test_a_scaled_object_has_target_bounds_and_the_users_settings() -> None:
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 45}}
    advanced = {"horizontalPodAutoscalerConfig": {"behavior": behavior}}
    scaled = {"pollingInterval": 15, "cooldownPeriod": 60, "advanced": advanced,
              "fallback": {"failureThreshold": 3, "replicas": 2}}  # fmt: skip
    scale = options(trigger("x", a="b"), keda={"scaledObject": scaled}, minReplicas=1, maxReplicas=5)
    found = scaled_objects.make(reading("pubsub.kafka", "t", scaleOptions=scale), function="fn", owner=OWNER)
    assert found is not None
    assert (found.kind, found.metadata.name, found.metadata.namespace) == ("ScaledObject", "fn-scaler", "ns")
    assert found.to_wire()["spec"] == {
        "scaleTargetRef": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "fn-async",
            "envSourceContainerName": "function",
        },
        "minReplicaCount": 1,
        "maxReplicaCount": 5,
        "pollingInterval": 15,
        "cooldownPeriod": 60,
        "advanced": advanced,
        "fallback": {"failureThreshold": 3, "replicas": 2},
        "triggers": [{"type": "x", "metadata": {"a": "b"}}],
    }


def test_without_triggers_there_is_no_scaler() -> None:
    scales: list[dict[str, Any]] = [{}, {"minReplicas": 1}, {"keda": {"scaledObject": {}}}]
    for scale in scales:
        one = reading("pubsub.kafka", "t", scaleOptions=scale)
        assert scaled_objects.make(one, function="fn", owner=OWNER) is None


@pytest.mark.parametrize(
    ("scale", "bounds"),
    [
        ({}, (0, None)),
        ({"maxReplicas": 0}, (0, 1)),
        ({"minReplicas": 2, "maxReplicas": 2}, (2, 2)),
        ({"minReplicas": 3}, (3, None)),
    ],
)
def test_bounds_are_within_what_keda_takes(scale: dict[str, Any], bounds: tuple[int, int | None]) -> None:
    found = spec(serving(scaleOptions=options(trigger("x"), **scale)))
    assert (found["minReplicaCount"], found.get("maxReplicaCount")) == bounds


def test_a_polling_interval_of_zero_is_the_shortest_keda_has() -> None:
    scale = options(trigger("x"), keda={"scaledObject": {"pollingInterval": 0, "cooldownPeriod": 0}})
    found = spec(serving(scaleOptions=scale))
    assert (found["pollingInterval"], found["cooldownPeriod"]) == (1, 0)


def test_cpu_alone_keeps_one_replica() -> None:
    cpu = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}}
    assert spec(serving(scaleOptions=options(cpu)))["minReplicaCount"] == 1
    assert spec(serving(scaleOptions=options(cpu, trigger("x"))))["minReplicaCount"] == 0


def test_stan_becomes_jetstream_with_the_components_reader() -> None:
    stan = trigger(
        "stan",
        natsServerMonitoringEndpoint="stan.default.svc.cluster.local:8222",
        queueGroup="grp1",
        durableName="ImDurable",
        subject="t",
        lagThreshold="20",
    )
    items = (NATS, {"name": "durableSubscriptionName", "value": "mine"})
    one = reading("pubsub.natsstreaming", "t", metadata=items, scaleOptions=options(stan))
    (found,) = spec(one)["triggers"]
    assert found == {
        "type": "nats-jetstream",
        "metadata": {
            "account": "$G",
            "stream": "t",
            "consumer": "mine",
            "natsServerMonitoringEndpoint": "stan.default.svc.cluster.local:8222",
            "lagThreshold": "20",
        },
    }


@pytest.mark.parametrize(
    ("given", "items", "differing"),
    [
        ({}, (), {}),
        ({"natsServerMonitoringEndpoint": "http://n:8222"}, (), {"natsServerMonitoringEndpoint": "n:8222"}),
        ({"consumer": "c", "stream": "s"}, (), {"consumer": "c", "stream": "s"}),
        ({}, ({"name": "streamName", "value": "S"},), {"stream": "S"}),
        ({}, ({"name": "durableName", "value": "D"},), {"consumer": "D"}),
        (
            {"subject": "a.t", "stream": "s"},
            ({"name": "consumerID", "value": "c"},),
            {"stream": "s", "consumer": jetstream.safe_name("c__a.t")},
        ),
        ({"lagThreshold": "5", "useHttps": "true"}, (), {"lagThreshold": "5", "useHttps": "true"}),
        ({"account": "A"}, (), {"account": "A"}),
    ],
)
def test_what_a_jetstream_trigger_leaves_out_is_the_components(
    given: dict[str, str], items: tuple[dict[str, Any], ...], differing: dict[str, str]
) -> None:
    one = reading(
        "pubsub.jetstream",
        "a.t",
        metadata=(NATS, *items),
        scaleOptions=options(trigger("nats-jetstream", **given)),
    )
    found = metadata(one)
    default = {
        "account": "$G",
        "stream": found["stream"] if "stream" not in differing else "",
        "consumer": found["consumer"] if "consumer" not in differing else "",
        "natsServerMonitoringEndpoint": "nats.default:8222",
        "lagThreshold": "10",
    }
    assert found == {**default, **differing}
    if not given and not items:
        assert found["stream"].startswith("a_t-")
        assert found["consumer"].startswith("fn-ns__a_t-")


def test_an_account_by_id_stands_alone() -> None:
    one = reading("pubsub.jetstream", "t", scaleOptions=options(trigger("nats-jetstream", accountID="AB")))
    found = metadata(one)
    assert found["accountID"] == "AB"
    assert "account" not in found


def test_each_topic_is_scaled_on_by_its_own_reader() -> None:
    scale = options(trigger("nats-jetstream", subject="a"), trigger("nats-jetstream", subject="b"))
    found = spec(reading("pubsub.jetstream", "a", "b", metadata=(NATS,), scaleOptions=scale))["triggers"]
    assert [one["metadata"]["stream"] for one in found] == ["a", "b"]
    assert [one["metadata"]["consumer"] for one in found] == ["fn-ns__a", "fn-ns__b"]


@pytest.mark.parametrize(
    ("items", "given", "group"),
    [
        ((), {}, "fn-ns"),
        ((), {"consumerGroup": "theirs"}, "fn-ns"),
        (({"name": "consumerGroup", "value": "g"},), {"consumerGroup": "theirs"}, "g"),
        (({"name": "consumerID", "value": "c"},), {}, "c"),
        (({"name": "consumerID", "value": "{podName}"},), {"consumerGroup": "theirs"}, "theirs"),
    ],
)
def test_the_group_of_a_kafka_trigger_is_the_components(
    items: tuple[dict[str, Any], ...], given: dict[str, str], group: str
) -> None:
    one = reading(
        "pubsub.kafka", "t", metadata=(BROKERS, *items), scaleOptions=options(trigger("kafka", **given))
    )
    assert metadata(one) == {
        "bootstrapServers": "k:9092",
        "topic": "t",
        "lagThreshold": "10",
        "consumerGroup": group,
    }


def test_a_kafka_trigger_on_somebody_elses_topic_stays_as_it_is() -> None:
    given = {"topic": "other", "bootstrapServers": "x:1", "consumerGroup": "theirs"}
    one = reading("pubsub.kafka", "t", metadata=(BROKERS,), scaleOptions=options(trigger("kafka", **given)))
    assert metadata(one) == given


def test_a_kafka_binding_gives_its_topics() -> None:
    items = (BROKERS, {"name": "topics", "value": "a, b"}, {"name": "consumerGroup", "value": "g"})
    one = serving(
        triggers={"dapr": [{"name": "k"}]},
        bindings={"k": component("bindings.kafka", *items)},
        scaleOptions=options(trigger("kafka", topic="b", lagThreshold="3")),
    )
    assert metadata(one) == {
        "bootstrapServers": "k:9092",
        "topic": "b",
        "lagThreshold": "3",
        "consumerGroup": "g",
    }


def test_secrets_of_a_kafka_component_become_an_authentication() -> None:
    items = (
        BROKERS,
        {"name": "saslUsername", "value": "me"},
        {"name": "saslPassword", "secretKeyRef": {"name": "kafka", "key": "password"}},
    )
    one = reading("pubsub.kafka", "t", metadata=items, scaleOptions=options(trigger("kafka")))
    (found,) = spec(one)["triggers"]
    (made,) = scaled_objects.authentications(one, function="fn", owner=OWNER)
    assert found["authenticationRef"] == {"name": made.metadata.name} == {"name": "fn-auth-in"}
    assert found["metadata"]["sasl"] == "plaintext"
    assert made.to_wire()["spec"]["secretTargetRef"] == [
        {"parameter": "password", "name": "kafka", "key": "password"}
    ]


def test_the_users_own_authentication_is_left_alone() -> None:
    items = (BROKERS, {"name": "saslPassword", "secretKeyRef": {"name": "kafka", "key": "p"}})
    mine = {**trigger("kafka"), "authenticationRef": {"name": "mine"}}
    one = reading("pubsub.kafka", "t", metadata=items, scaleOptions=options(mine))
    assert spec(one)["triggers"][0]["authenticationRef"] == {"name": "mine"}
    assert scaled_objects.authentications(one, function="fn", owner=OWNER) == []


def test_a_scaled_job_has_the_job_and_a_percentage_that_keda_can_parse() -> None:
    strategy = {
        "strategy": "custom",
        "customScalingQueueLengthDeduction": 1,
        "customScalingRunningJobPercentage": "50%",
    }
    job = {"restartPolicy": "OnFailure", "pollingInterval": 5, "failedJobsHistoryLimit": 2,
           "successfulJobsHistoryLimit": 0, "scalingStrategy": strategy}  # fmt: skip
    scale = options(trigger("x"), keda={"scaledJob": job}, maxReplicas=3)
    one = reading("pubsub.kafka", "t", workloadType="Job", scaleOptions=scale)
    found = scaled_objects.make(one, function="fn", owner=OWNER)
    assert found is not None
    assert found.kind == "ScaledJob"
    wire = found.to_wire()["spec"]
    assert wire["scalingStrategy"] == {**strategy, "customScalingRunningJobPercentage": "0.5"}
    assert (wire["pollingInterval"], wire["minReplicaCount"], wire["maxReplicaCount"]) == (5, 0, 3)
    assert (wire["successfulJobsHistoryLimit"], wire["failedJobsHistoryLimit"]) == (0, 2)
    pod = wire["jobTargetRef"]["template"]["spec"]
    assert (pod["restartPolicy"], pod["containers"][0]["name"]) == ("OnFailure", "function")
    assert "scaleTargetRef" not in wire
