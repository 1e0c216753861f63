"""Every rule of a Function, each at the path that the user wrote."""

from __future__ import annotations

from typing import Any

import pytest

from openfunction_py.api import admission
from tests.api import samples

_BUILD = {"srcRepo": {"inline": samples.SOURCE}}


def build(**more: Any) -> dict[str, Any]:
    """A Function spec with more in its build."""
    return {"build": {**_BUILD, **more}}


def scale(**options: Any) -> dict[str, Any]:
    """A Function spec with scale options."""
    return {"serving": {"scaleOptions": options}}


def keda(**options: Any) -> dict[str, Any]:
    """A Function spec with KEDA options."""
    return scale(keda=options)


def http(**trigger: Any) -> dict[str, Any]:
    """A Function spec with an HTTP trigger."""
    return {"serving": {"triggers": {"http": trigger}}}


_HPA = "spec.serving.scaleOptions.keda.scaledObject.advanced.horizontalPodAutoscalerConfig.behavior"


def behavior(**rules: Any) -> dict[str, Any]:
    """A Function spec with HPA rules for scaling up."""
    config = {"horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": rules}}}
    return keda(scaledObject={"advanced": config})


KAFKA = {"type": "bindings.kafka", "version": "v1"}
CRON = {"timezone": "UTC", "start": "0 8 * * *", "end": "0 9 * * *", "desiredReplicas": "2"}
METADATA = "spec.serving.scaleOptions.keda.triggers[0].metadata"


def dapr(topic: str | None, name: str, *more: dict[str, Any], **parts: str) -> dict[str, Any]:
    """A Function spec with Dapr triggers on one of two components."""
    first = {"name": "p" if topic else name, **parts}
    components = {"pubsub": {"p": {"type": "pubsub.kafka", "version": "v1"}}, "bindings": {"in": KAFKA}}
    return {"serving": {"triggers": {"dapr": [first, *more]}, **components}}


def scaler(kind: str, **metadata: str) -> dict[str, Any]:
    """A Function spec with one KEDA trigger."""
    return keda(triggers=[{"type": kind, "metadata": metadata}])


CASES: list[tuple[dict[str, Any], str]] = [
    ({"image": ""}, "spec.image"),
    ({"image": "Not An Image"}, "spec.image"),
    ({"image": None}, "spec.image"),
    ({"build": None, "serving": None}, "spec.serving"),
    ({"imageCredentials": {"name": ""}}, "spec.imageCredentials.name"),
    ({"build": {}}, "spec.build.srcRepo"),
    ({"build": {"srcRepo": {}}}, "spec.build.srcRepo"),
    ({"build": {"srcRepo": {"bundleContainer": {}}}}, "spec.build.srcRepo.bundleContainer.image"),
    ({"build": {"srcRepo": {"inline": {"../x": "", "a.py": ""}}}}, "spec.build.srcRepo.inline[../x]"),
    ({"build": {"srcRepo": {"inline": {"a": ""}, "url": "https://x"}}}, "spec.build.srcRepo.inline"),
    (
        {"build": {"srcRepo": {"url": "https://x", "sourceSubPath": "../a"}}},
        "spec.build.srcRepo.sourceSubPath",
    ),
    ({"build": {"srcRepo": {"inline": {"a": "x" * 1_000_000}}}}, "spec.build.srcRepo.inline"),
    (build(timeout="-1s"), "spec.build.timeout"),
    (build(timeout="soon"), "spec.build.timeout"),
    (build(successfulBuildsHistoryLimit=-1), "spec.build.successfulBuildsHistoryLimit"),
    (build(failedBuildsHistoryLimit=-1), "spec.build.failedBuildsHistoryLimit"),
    (build(builderMaxAge="-1h"), "spec.build.builderMaxAge"),
    (build(shipwright={"strategy": {"name": "x", "kind": "Other"}}), "spec.build.shipwright.strategy.kind"),
    (build(shipwright={"timeout": "-1s"}), "spec.build.shipwright.timeout"),
    (build(shipwright={"params": [{"name": "x"}]}), "spec.build.shipwright.params[0]"),
    (build(env={"A=B": "c"}), "spec.build.env[A=B]"),
    (build(env={"A": 1}), "spec.build.env.A"),
    (scale(minReplicas=20), "spec.serving.scaleOptions.minReplicas"),
    (scale(minReplicas=-1), "spec.serving.scaleOptions.minReplicas"),
    (scale(minReplicas=3, maxReplicas=2), "spec.serving.scaleOptions.minReplicas"),
    (scale(maxReplicas=-1), "spec.serving.scaleOptions.maxReplicas"),
    (keda(scaledObject={}, scaledJob={}), "spec.serving.scaleOptions.keda"),
    (keda(triggers=[{"type": "cron"}]), "spec.serving.scaleOptions.keda.triggers[0].metadata"),
    (
        keda(httpScaledObject={"targetPendingRequests": -1}),
        "spec.serving.scaleOptions.keda.httpScaledObject.targetPendingRequests",
    ),
    (
        keda(httpScaledObject={"cooldownPeriod": -1}),
        "spec.serving.scaleOptions.keda.httpScaledObject.cooldownPeriod",
    ),
    (
        keda(scaledObject={"pollingInterval": -1}),
        "spec.serving.scaleOptions.keda.scaledObject.pollingInterval",
    ),
    (
        keda(scaledObject={"fallback": {"failureThreshold": 0}}),
        "spec.serving.scaleOptions.keda.scaledObject.fallback.failureThreshold",
    ),
    (behavior(stabilizationWindowSeconds=3601), f"{_HPA}.scaleUp.stabilizationWindowSeconds"),
    (behavior(selectPolicy="Some"), f"{_HPA}.scaleUp.selectPolicy"),
    (behavior(policies=[{"type": "Cpu"}]), f"{_HPA}.scaleUp.policies[0].type"),
    (keda(scaledJob={"restartPolicy": "Maybe"}), "spec.serving.scaleOptions.keda.scaledJob.restartPolicy"),
    (
        keda(
            scaledJob={"scalingStrategy": {"strategy": "custom", "customScalingRunningJobPercentage": "5%"}}
        ),
        "spec.serving.scaleOptions.keda.scaledJob.scalingStrategy.customScalingQueueLengthDeduction",
    ),
    (
        keda(scaledJob={"scalingStrategy": {"customScalingRunningJobPercentage": "half"}}),
        "spec.serving.scaleOptions.keda.scaledJob.scalingStrategy.customScalingRunningJobPercentage",
    ),
    (
        keda(scaledJob={"scalingStrategy": {"customScalingRunningJobPercentage": "1.2.3%"}}),
        "spec.serving.scaleOptions.keda.scaledJob.scalingStrategy.customScalingRunningJobPercentage",
    ),
    (http(engine="nginx"), "spec.serving.triggers.http.engine"),
    (http(port=70000), "spec.serving.triggers.http.port"),
    (http(port="80"), "spec.serving.triggers.http.port"),
    (http(timeoutSeconds=0), "spec.serving.triggers.http.timeoutSeconds"),
    (http(route={"gatewayRef": {"name": "x"}}), "spec.serving.triggers.http.route.gatewayRef.namespace"),
    (http(route={"hostnames": ["No Host"]}), "spec.serving.triggers.http.route.hostnames[0]"),
    (http(route={"hostnames": ["127.0.0.1"]}), "spec.serving.triggers.http.route.hostnames[0]"),
    (http(route={"hostnames": ["localhost"]}), "spec.serving.triggers.http.route.hostnames[0]"),
    (http(route={"hostnames": ["a.b", "a.b"]}), "spec.serving.triggers.http.route.hostnames[1]"),
    (http(route={"hostnames": [f"h{n}.x" for n in range(17)]}), "spec.serving.triggers.http.route.hostnames"),
    ({"serving": {"timeout": "x"}}, "spec.serving.timeout"),
    ({"serving": {"workloadType": "DaemonSet"}}, "spec.serving.workloadType"),
    ({"serving": {"params": {"A B": "c"}}}, "spec.serving.params[A B]"),
    ({"serving": {"bindings": {"b": {"type": "bindings.x"}}}}, "spec.serving.bindings.b.version"),
    ({"serving": {"outputs": [{"dapr": {}}]}}, "spec.serving.outputs[0].dapr.name"),
    (
        {"serving": {"tracing": {"provider": {"exporter": {}}}}},
        "spec.serving.tracing.provider.exporter.endpoint",
    ),
    (
        {"serving": {"template": {"containers": [{"name": "a", "image": "i"}, {"name": "a", "image": "i"}]}}},
        "spec.serving.template.containers[1].name",
    ),
    (
        {"serving": {"template": {"containers": [{"name": "../a", "image": "i"}]}}},
        "spec.serving.template.containers[0].name",
    ),
    (
        {"serving": {"template": {"containers": [{"name": "function"}, {"name": "a"}]}}},
        "spec.serving.template.containers[1].image",
    ),
    ({"serving": {"template": {"restartPolicy": "Never"}}}, "spec.serving.template.restartPolicy"),
    (dapr("topic", "missing"), "spec.serving.triggers.dapr[0].topic"),
    (dapr(None, "in", {"name": "in"}), "spec.serving.triggers.dapr[1].name"),
    (dapr(None, "in", type="bindings.cron"), "spec.serving.triggers.dapr[0].type"),
    (dapr(None, "in", type="pubsub"), "spec.serving.triggers.dapr[0].type"),
    (dapr(None, ""), "spec.serving.triggers.dapr[0].name"),
    (dapr(None, "s", type="state.redis"), "spec.serving.triggers.dapr[0].name"),
    ({"serving": {"pubsub": {"p": KAFKA}}}, "spec.serving.pubsub.p.type"),
    (
        {"serving": {"pubsub": {"in": {"type": "pubsub.kafka", "version": "v1"}}, "bindings": {"in": KAFKA}}},
        "spec.serving.pubsub.in",
    ),
    ({"serving": {"states": {"s": {"spec": KAFKA}}}}, "spec.serving.states.s.spec.type"),
    (
        {"serving": {"bindings": {"b": {**KAFKA, "metadata": [{"name": "a"}, {"name": "a"}]}}}},
        "spec.serving.bindings.b.metadata[1].name",
    ),
    (
        {"serving": {"outputs": [{"dapr": {"name": "p", "type": "pubsub.jetstream"}}]}},
        "spec.serving.outputs[0].dapr.topic",
    ),
    (
        {"serving": {"outputs": [{"dapr": {"name": "p"}}, {"dapr": {"name": "p"}}]}},
        "spec.serving.outputs[1].dapr.name",
    ),
    (scaler("kafka", lagThreshold="0"), f"{METADATA}.lagThreshold"),
    (scaler("kafka", activationLagThreshold="-1"), f"{METADATA}.activationLagThreshold"),
    (scaler("kafka", limitToPartitionsWithLag="true"), f"{METADATA}.topic"),
    (
        scaler("kafka", topic="t", limitToPartitionsWithLag="true", allowIdleConsumers="true"),
        f"{METADATA}.limitToPartitionsWithLag",
    ),
    (
        scaler(
            "kafka", topic="t", limitToPartitionsWithLag="true", ensureEvenDistributionOfPartitions="true"
        ),
        f"{METADATA}.ensureEvenDistributionOfPartitions",
    ),
    (scaler("kafka", offsetResetPolicy="newest"), f"{METADATA}.offsetResetPolicy"),
    (
        scaler("stan", natsServerMonitoringEndpoint="http://n:8222"),
        f"{METADATA}.natsServerMonitoringEndpoint",
    ),
    (scaler("cron", start="0 8 * * *", end="0 9 * * *", desiredReplicas="2"), f"{METADATA}.timezone"),
    (scaler("cron", **{**CRON, "timezone": "Mars/Base"}), f"{METADATA}.timezone"),
    (scaler("cron", **{**CRON, "end": CRON["start"]}), f"{METADATA}.end"),
    (scaler("cron", **{**CRON, "start": "@daily"}), f"{METADATA}.start"),
    (scaler("cron", **{**CRON, "desiredReplicas": "many"}), f"{METADATA}.desiredReplicas"),
    (scaler("rabbitmq", host="amqp://r", useRegex="true"), f"{METADATA}.useRegex"),
    (scaler("rabbitmq", protocol="amqp", excludeUnacknowledged="true"), f"{METADATA}.excludeUnacknowledged"),
    (scaler("prometheus", serverAddress="http://p", query="up"), f"{METADATA}.threshold"),
    (scaler("cpu", value="60"), "spec.serving.scaleOptions.keda.triggers[0].metricType"),
    (
        keda(
            triggers=[{"type": "cpu", "metricType": "Utilization", "metadata": {"type": "x", "value": "6"}}]
        ),
        f"{METADATA}.type",
    ),
    (
        keda(triggers=[{"type": "kafka", "metricType": "Utilization", "metadata": {}}]),
        "spec.serving.scaleOptions.keda.triggers[0].metricType",
    ),
    (
        keda(
            triggers=[{"type": "x", "name": "n", "metadata": {}}, {"type": "y", "name": "n", "metadata": {}}]
        ),
        "spec.serving.scaleOptions.keda.triggers[1].name",
    ),
    (
        keda(scaledObject={"fallback": {"failureThreshold": 1, "behavior": "hope"}}),
        "spec.serving.scaleOptions.keda.scaledObject.fallback.behavior",
    ),
    (
        keda(scaledJob={"scalingStrategy": {"multipleScalersCalculation": "median"}}),
        "spec.serving.scaleOptions.keda.scaledJob.scalingStrategy.multipleScalersCalculation",
    ),
    ({"serving": {"hooks": {"policy": "Replace"}}}, "spec.serving.hooks.policy"),
    ({"serving": []}, "spec.serving"),
]


@pytest.mark.parametrize(("spec", "path"), CASES, ids=[path for _, path in CASES])
def test_a_wrong_value_is_refused_at_its_path(spec: dict[str, Any], path: str) -> None:
    found = samples.refused(samples.function(**spec))
    assert list(found) == [path]
    assert len(found[path].split()) > 2


def test_all_errors_come_at_once() -> None:
    document = samples.function(image="", **scale(minReplicas=20), build={"timeout": "x"})
    document["metadata"]["name"] = "Upper"
    assert set(samples.refused(document)) == {
        "metadata.name",
        "spec.image",
        "spec.build.srcRepo",
        "spec.build.timeout",
        "spec.serving.scaleOptions.minReplicas",
    }


@pytest.mark.parametrize("name", ["1st", "a.b", "-a", "a_b", "a" * 42])
def test_a_name_that_no_deployment_could_be_made_from_is_refused(name: str) -> None:
    document = samples.function()
    document["metadata"]["name"] = name
    assert list(samples.refused(document)) == ["metadata.name"]


def test_the_longest_name_is_accepted() -> None:
    document = samples.function()
    document["metadata"]["name"] = "a" * 41
    assert samples.refused(document) == {}


def test_a_label_value_that_kubernetes_refuses_is_refused() -> None:
    document = samples.function()
    document["metadata"]["labels"] = {"team": "a b"}
    assert list(samples.refused(document)) == ["metadata.labels.team"]


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha1", "v1alpha2"])
def test_an_older_version_is_refused_with_the_one_that_is_served(version: str) -> None:
    document = {**samples.function(), "apiVersion": f"core.openfunction.io/{version}"}
    of = samples.resource("Function")
    with pytest.raises(admission.Invalid, match=r"write apiVersion: core\.openfunction\.io/v1beta2"):
        admission.admit(of, operation="CREATE", new=document, old=None)


def test_a_builder_may_only_be_cancelled() -> None:
    old: dict[str, Any] = {
        "apiVersion": samples.VERSION,
        "kind": "Builder",
        "metadata": {"name": "b"},
        "spec": {"image": "x:v1", "srcRepo": {"url": "https://x"}},
    }
    cancelled = {**old, "spec": {**old["spec"], "state": "Cancelled"}}
    assert samples.refused(cancelled, old) == {}
    changed = {**old, "spec": {**old["spec"], "image": "y:v1"}}
    assert list(samples.refused(changed, old)) == ["spec.image"]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"domain": None}, "spec.domain"),
        ({"hostTemplate": "{{.Nam}}.x"}, "spec.hostTemplate"),
        ({"hostTemplate": "{{.Name"}, "spec.hostTemplate"),
        ({"pathTemplate": "{{.Domain}}"}, "spec.pathTemplate"),
        ({"gatewayRef": {"name": "x"}}, "spec.gatewayDef"),
        ({"gatewayDef": None}, "spec.gatewayDef"),
        ({"gatewaySpec": {"listeners": []}}, "spec.gatewaySpec.listeners"),
    ],
)
def test_a_wrong_gateway_is_refused_at_its_path(spec: dict[str, Any], path: str) -> None:
    assert list(samples.refused(samples.gateway(**spec))) == [path]


@pytest.mark.parametrize(
    ("serving", "words"),
    [
        ({"outputs": [{"dapr": {"name": "sinc"}}], "bindings": {"sink": KAFKA}}, "did you mean sink?"),
        ({"outputs": [{"dapr": {"name": "elsewhere"}}]}, "a Component of that name must exist"),
        (
            {"pubsub": {"p": {"type": "pubsub.natsstreaming", "version": "v1"}}},
            "spec.serving.pubsub.p: NATS Streaming is no more",
        ),
        ({"triggers": {"dapr": [{"name": "b"}]}, "workloadType": "Job"}, "the Job runs once"),
        ({"triggers": {"http": {}}, "workloadType": "Job"}, "runs on Knative"),
        (
            {
                "triggers": {"http": {}, "dapr": [{"name": "in", "topic": "t"}]},
                "scaleOptions": {"minReplicas": 0},
            },
            "one replica stays",
        ),
        (
            {
                "triggers": {"dapr": [{"name": "b"}]},
                **scaler("redis-streams", stream="s", consumerGroup="g", pendingEntriesCount="5")["serving"],
            },
            "pending entries never wake from zero",
        ),
        (
            {"triggers": {"dapr": [{"name": "b"}]}, "scaleOptions": {"keda": {"scaledJob": {}}}},
            "no effect without workloadType: Job",
        ),
        (
            {
                "triggers": {"dapr": [{"name": "b"}]},
                "scaleOptions": {
                    "keda": {
                        "triggers": [
                            {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}}
                        ]
                    }
                },
            },
            "never scale to zero",
        ),
        (
            {"triggers": {"http": {"route": {"rules": [{"matches": [{"path": {"value": "/x"}}]}]}}}},
            "rules are not routed yet",
        ),
    ],
)
def test_what_is_accepted_and_worth_telling(serving: dict[str, Any], words: str) -> None:
    warnings = samples.admit(samples.function(serving=serving)).warnings
    assert any(words in warning for warning in warnings)


def test_the_async_samples_of_the_field_are_admitted() -> None:
    serving = {
        "scaleOptions": {
            "minReplicas": 0,
            "maxReplicas": 10,
            "keda": {
                "scaledObject": {
                    "pollingInterval": 15,
                    "cooldownPeriod": 60,
                    "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": {
                        "stabilizationWindowSeconds": 45,
                        "policies": [{"type": "Percent", "value": 50, "periodSeconds": 15}]}}}},
                },
                "triggers": [{"type": "kafka", "metadata": {"topic": "t", "bootstrapServers": "k:9092",
                                                            "consumerGroup": "g", "lagThreshold": "20"}}],
            },
        },
        "triggers": {"dapr": [{"name": "producer", "topic": "t"}]},
        "pubsub": {"producer": {"type": "pubsub.kafka", "version": "v1", "metadata": [
            {"name": "brokers", "value": "k:9092"}, {"name": "authRequired", "value": False},
            {"name": "consumerID", "value": "g", "secretKeyRef": {"name": "", "key": ""}}]}},
        "template": {"containers": [{"name": "function", "imagePullPolicy": "IfNotPresent"}]},
        "states": {"kv": None},
        "workloadType": "StatefulSet",
        "serviceName": "peers",
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}],
    }  # fmt: skip
    admitted = samples.admit(samples.function(serving=serving))
    assert admitted.warnings == ()
    stored = admitted.object["spec"]["serving"]
    assert stored["volumeClaimTemplates"] == serving["volumeClaimTemplates"]
    assert stored["pubsub"]["producer"]["metadata"][2] == {"name": "consumerID", "value": "g"}


def test_name_and_namespace_must_fit_daprs_service_together() -> None:
    document = samples.function(serving={"outputs": [{"dapr": {"name": "x"}}]})
    document["metadata"] = {"name": "a" * 40, "namespace": "n" * 30}
    assert "57 characters together" in samples.refused(document)["metadata.name"]
    del document["spec"]["serving"]["outputs"]
    assert samples.refused(document) == {}
