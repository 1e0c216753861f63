"""What runs an asynchronous function, by workloadType."""

from __future__ import annotations

from typing import Any

import pytest

from openfunction_py.api.upstream.apps import Deployment, StatefulSet
from openfunction_py.api.upstream.batch import Job
from openfunction_py.resources import async_workloads
from tests.resources.servings import OWNER, reading

TRIGGER = {"keda": {"triggers": [{"type": "cron", "metadata": {}}]}}


def made(**spec: Any) -> Deployment | StatefulSet | Job | None:
    return async_workloads.make(reading("pubsub.kafka", "t", **spec), function="fn", owner=OWNER)


def test_a_deployment_is_what_runs_where_nothing_is_said() -> None:
    found = made(version="v1.2")
    assert isinstance(found, Deployment)
    assert found.metadata.name == "fn-async"
    assert found.spec.replicas == 1
    labels = found.spec.template.metadata.labels
    assert labels["openfunction.io/serving"] == "fn-serving-1"
    assert labels["app.kubernetes.io/version"] == "v1.2"
    assert found.spec.selector.match_labels.items() <= labels.items()
    assert "openfunction.io/serving" not in found.spec.selector.match_labels
    rolling = found.spec.strategy.rolling_update
    assert rolling is not None
    assert (rolling.max_unavailable, rolling.max_surge) == (0, 1)


def test_the_pods_have_a_sidecar_and_its_word_wins() -> None:
    found = made(annotations={"dapr.io/app-protocol": "grpc", "dapr.io/enabled": "false", "mine": "x"})
    assert isinstance(found, Deployment)
    assert found.spec.template.metadata.annotations == {
        "dapr.io/enabled": "true",
        "dapr.io/app-id": "fn-ns",
        "dapr.io/app-port": "8080",
        "dapr.io/app-protocol": "grpc",
        "dapr.io/log-as-json": "true",
        "mine": "x",
    }
    (container,) = found.spec.template.spec.containers
    env = {one.name: one.value for one in container.env}
    assert list(env) == ["POD_NAME", "APP_PROTOCOL", "FUNC_CONTEXT", "FUNC_CONTEXT_V1BETA2", "POD_NAMESPACE"]
    assert env["APP_PROTOCOL"] == "grpc"
    assert [port.container_port for port in container.ports] == [8080]
    assert container.readiness_probe is not None


def test_an_annotation_switches_the_sidecar_off() -> None:
    found = made(annotations={"openfunction.io/enable-dapr": "false"})
    assert isinstance(found, Deployment)
    assert list(found.spec.template.metadata.annotations) == ["openfunction.io/enable-dapr"]


def test_the_users_pod_is_merged() -> None:
    template = {
        "containers": [
            {"name": "function", "ports": [{"containerPort": 8080}, {"containerPort": 9}]},
            {"name": "beside", "image": "b:v1"},
        ],
        "nodeSelector": {"gpu": "yes"},
    }
    found = made(template=template, labels={"team": "a", "openfunction.io/function": "x"})
    assert isinstance(found, Deployment)
    pod = found.to_wire()["spec"]["template"]
    assert [one["name"] for one in pod["spec"]["containers"]] == ["function", "beside"]
    assert [one["containerPort"] for one in pod["spec"]["containers"][0]["ports"]] == [8080, 9]
    assert pod["spec"]["nodeSelector"] == {"gpu": "yes"}
    assert (pod["metadata"]["labels"]["team"], pod["metadata"]["labels"]["openfunction.io/function"]) == (
        "a",
        "fn",
    )


@pytest.mark.parametrize(
    ("options", "replicas"),
    [({}, 1), ({"minReplicas": 0}, 1), ({"minReplicas": 3}, 3), ({"minReplicas": 3, **TRIGGER}, None)],
)
def test_without_a_scaler_the_minimum_runs_and_with_one_the_scaler_decides(
    options: dict[str, Any], replicas: int | None
) -> None:
    found = made(scaleOptions=options)
    assert isinstance(found, Deployment)
    assert found.spec.replicas == replicas
    assert ("replicas" in found.to_wire()["spec"]) is (replicas is not None)


def test_a_stateful_set_has_its_service_and_its_claims() -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    found = made(workloadType="StatefulSet", serviceName="peers", volumeClaimTemplates=[claim])
    assert isinstance(found, StatefulSet)
    wire = found.to_wire()["spec"]
    assert wire["serviceName"] == "peers"
    assert [(one["metadata"], one["spec"]) for one in wire["volumeClaimTemplates"]] == [
        ({"name": "data"}, {"accessModes": ["ReadWriteOnce"]})
    ]


def test_a_stateful_set_whose_service_is_not_named_gets_a_headless_one_over_its_pods() -> None:
    found = made(workloadType="StatefulSet")
    service = async_workloads.make_service(
        reading("pubsub.kafka", "t", workloadType="StatefulSet"), function="fn", owner=OWNER
    )
    assert isinstance(found, StatefulSet)
    assert service is not None
    assert (service.metadata.name, service.spec.cluster_ip) == (found.spec.service_name, "None")
    assert service.spec.selector == found.spec.selector.match_labels
    assert service.to_wire()["metadata"]["ownerReferences"] == [OWNER.to_wire()]
    others: list[dict[str, Any]] = [
        {"workloadType": "StatefulSet", "serviceName": "peers"},
        {"workloadType": "Deployment"},
    ]
    for spec in others:
        one = reading("pubsub.kafka", "t", **spec)
        assert async_workloads.make_service(one, function="fn", owner=OWNER) is None


def test_a_job_runs_once_per_version_and_is_left_to_a_scaler_when_there_is_one() -> None:
    found = made(workloadType="Job")
    assert isinstance(found, Job)
    assert found.metadata.name == "fn-serving-1-job"
    assert found.spec.template.spec.restart_policy == "Never"
    assert made(workloadType="Job", scaleOptions=TRIGGER) is None
