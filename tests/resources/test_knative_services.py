"""The Knative Service that a Serving makes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openfunction_py.api import meta
from openfunction_py.api.servings import Serving
from openfunction_py.api.upstream.knative import KnativeService
from openfunction_py.resources import knative_services

OWNER = meta.OwnerReference(
    api_version="core.openfunction.io/v1beta2", kind="Function", name="hello", uid="u"
)


def serving(annotations: dict[str, str] | None = None, **spec: Any) -> Serving:
    """A Serving of the function hello."""
    metadata = {"name": "hello-serving-1", "namespace": "default", "annotations": annotations or {}}
    return Serving.model_validate({"metadata": metadata, "spec": {"image": "hello:v1", **spec}})


def made(annotations: dict[str, str] | None = None, **spec: Any) -> KnativeService:
    """The Knative Service of a Serving."""
    return knative_services.make(serving(annotations, **spec), function="hello", owner=OWNER)


def variables(service: KnativeService) -> dict[str, str | None]:
    """The environment of the function's container, in order."""
    return {one.name: one.value for one in service.spec.template.spec.containers[0].env}


def context(service: KnativeService, name: str = "FUNC_CONTEXT") -> dict[str, Any]:
    """One of the two contexts."""
    found: dict[str, Any] = json.loads(variables(service)[name] or "")
    return found


def test_knatives_defaults_are_written_out() -> None:
    spec = made().to_wire()["spec"]
    assert spec["traffic"] == [{"latestRevision": True, "percent": 100}]
    template = spec["template"]["spec"]
    assert (template["containerConcurrency"], template["timeoutSeconds"]) == (0, 300)
    (container,) = template["containers"]
    assert container["name"] == "function"
    assert container["ports"] == [{"name": "http1", "containerPort": 8080, "protocol": "TCP"}]
    assert container["readinessProbe"]["tcpSocket"] == {"port": 8080}


def test_port_and_timeout_come_from_the_trigger() -> None:
    spec = made(triggers={"http": {"port": 9000, "timeoutSeconds": 7}}).spec.template.spec
    assert spec.timeout_seconds == 7
    assert spec.containers[0].ports[0].container_port == 9000


def test_host_names_of_the_users_own_travel_to_the_route() -> None:
    route = {"hostnames": ["shop.example.com", "*.shop.example.com"]}
    service = made(triggers={"http": {"route": route}})
    assert service.metadata.annotations == {
        "openfunction.io/hostnames": "shop.example.com,*.shop.example.com"
    }
    assert made().metadata.annotations == {}


def test_variables_come_in_order_and_params_sorted() -> None:
    template = {"containers": [{"name": "function", "env": [{"name": "OWN", "value": "1"}]}]}
    names = list(variables(made(params={"B": "2", "A": "1"}, template=template)))
    assert names == ["OWN", "FUNC_CONTEXT", "FUNC_CONTEXT_V1BETA2", "A", "B", "POD_NAMESPACE"]


def test_the_users_container_is_merged_and_others_stand_beside_it() -> None:
    template = {
        "containers": [
            {"name": "sidecar", "image": "s:v1"},
            {"name": "function", "resources": {"limits": {"cpu": "1"}}, "ports": [{"containerPort": 1}]},
        ],
        "serviceAccountName": "me",
    }
    spec = made(template=template).to_wire()["spec"]["template"]["spec"]
    assert [one["name"] for one in spec["containers"]] == ["function", "sidecar"]
    assert spec["containers"][0]["image"] == "hello:v1"
    assert spec["containers"][0]["resources"] == {"limits": {"cpu": "1"}}
    assert [port["containerPort"] for port in spec["containers"][0]["ports"]] == [8080]
    assert spec["serviceAccountName"] == "me"


def test_the_knative_map_wins_over_replicas_which_win_over_annotations() -> None:
    service = made(
        annotations={},
        scaleOptions={
            "minReplicas": 2,
            "maxReplicas": 5,
            "knative": {"autoscaling.knative.dev/maxScale": "9"},
        },
    )
    plain = serving().spec.model_copy(update={"annotations": {"autoscaling.knative.dev/minScale": "1"}})
    given = service.spec.template.metadata.annotations
    assert given["autoscaling.knative.dev/min-scale"] == "2"
    assert given["autoscaling.knative.dev/max-scale"] == "9"
    alone = knative_services.make(
        serving().model_copy(update={"spec": plain}), function="hello", owner=OWNER
    ).spec.template.metadata.annotations
    assert alone["autoscaling.knative.dev/min-scale"] == "1"


@pytest.mark.parametrize(("asked", "stays"), [(0, "1"), (None, "1"), (3, "3")])
def test_what_takes_requests_and_events_never_sleeps_as_no_event_would_wake_it(
    asked: int | None, stays: str
) -> None:
    triggers = {"http": {}, "dapr": [{"name": "in", "topic": "t"}]}
    given = made(triggers=triggers, scaleOptions={"minReplicas": asked}).spec.template.metadata.annotations
    assert given["autoscaling.knative.dev/min-scale"] == stays


def test_the_concurrency_annotation_becomes_a_field() -> None:
    options = {"knative": {"autoscaling.knative.dev/container-concurrency": "3"}}
    template = made(scaleOptions=options).spec.template
    assert template.spec.container_concurrency == 3
    assert "autoscaling.knative.dev/container-concurrency" not in template.metadata.annotations


def test_the_users_labels_stand_beside_ours_and_cannot_replace_them() -> None:
    labels = made(
        labels={"team": "a", "openfunction.io/function": "other"}, version="v1 beta"
    ).spec.template.metadata
    assert labels.labels["team"] == "a"
    assert labels.labels["openfunction.io/function"] == "hello"
    assert labels.labels["app.kubernetes.io/version"] == "v1-beta"


def test_pull_secrets_are_added_to_the_users() -> None:
    template = {"containers": [], "imagePullSecrets": [{"name": "a"}]}
    spec = made(imageCredentials={"name": "b"}, template=template).spec.template.spec
    assert [one.name for one in spec.image_pull_secrets] == ["a", "b"]


def test_both_contexts_say_name_version_and_port() -> None:
    service = made(version="v1", triggers={"http": {"port": 8080}})
    assert context(service) == {"name": "hello", "version": "v1", "runtime": "Knative", "port": "8080"}
    assert context(service, "FUNC_CONTEXT_V1BETA2")["triggers"] == {"http": {"port": 8080}}


def test_hooks_and_tracing_stand_in_both_contexts() -> None:
    tracing = {"enabled": True, "provider": {"name": "otel"}}
    service = made(hooks={"pre": ["a", "b"], "post": ["c"]}, tracing=tracing)
    first, second = context(service), context(service, "FUNC_CONTEXT_V1BETA2")
    assert first["prePlugins"] == second["preHooks"] == ["a", "b", "otel"]
    assert first["postPlugins"] == second["postHooks"] == ["otel", "c"]
    assert first["pluginsTracing"] == second["tracing"] == tracing


def test_older_annotations_are_read_where_the_manifest_says_nothing() -> None:
    service = made(annotations={"plugins": "order: [a, b]\npre: [x]"})
    assert context(service)["prePlugins"] == ["x"]
    assert context(service)["postPlugins"] == ["b", "a"]


def test_an_output_has_its_topic_in_both_contexts() -> None:
    output = {"dapr": {"name": "bus", "type": "pubsub.kafka", "topic": "t", "operation": "create"}}
    service = made(outputs=[output])
    assert context(service)["outputs"]["bus"]["uri"] == "t"
    assert context(service, "FUNC_CONTEXT_V1BETA2")["outputs"]["bus"]["topic"] == "t"


def test_two_topics_of_one_component_have_a_key_each() -> None:
    triggers = {"http": {}, "dapr": [{"name": "bus", "topic": "a"}, {"name": "bus", "topic": "b"}]}
    outputs = [{"dapr": {"name": "bus", "topic": topic}} for topic in ("a", "b")]
    pubsub = {"bus": {"type": "pubsub.kafka", "version": "v1"}}
    service = made(triggers=triggers, outputs=outputs, pubsub=pubsub)
    assert {key: one["uri"] for key, one in context(service)["inputs"].items()} == {
        "bus-a": "a",
        "bus-b": "b",
    }
    assert set(context(service, "FUNC_CONTEXT_V1BETA2")["outputs"]) == {"bus-a", "bus-b"}


def test_a_component_that_the_function_declares_gives_its_type() -> None:
    bindings = {"queue": {"type": "bindings.kafka", "version": "v1"}}
    service = made(triggers={"dapr": [{"name": "queue"}]}, bindings=bindings, states={"store": {}})
    first = context(service)
    assert first["inputs"]["queue"] == {
        "uri": "hello-bindings-queue",
        "componentName": "hello-bindings-queue",
        "componentType": "bindings.kafka",
    }
    assert first["runtime"] == "Async"
    assert first["states"] == {"store": {"componentName": "store"}}


def test_a_function_with_outputs_gets_a_sidecar_beside_knatives_own() -> None:
    output = {"dapr": {"name": "bus", "type": "pubsub.kafka", "topic": "t"}}
    spec = serving(outputs=[output]).spec.model_copy(
        update={"annotations": {"dapr.io/log-level": "debug", "dapr.io/enabled": "no"}}
    )
    made_ = knative_services.make(serving().model_copy(update={"spec": spec}), function="hello", owner=OWNER)
    given = made_.spec.template.metadata.annotations
    dapr = {key.removeprefix("dapr.io/"): value for key, value in given.items() if key.startswith("dapr.io/")}
    assert dapr == {
        "enabled": "true",
        "app-id": "hello-default",
        "app-port": "8080",
        "app-protocol": "http",
        "log-as-json": "true",
        "log-level": "debug",
        "metrics-port": "19090",
    }
    assert variables(made_)["APP_PROTOCOL"] == "http"


def test_a_function_without_anything_of_dapr_gets_none() -> None:
    annotations = made().spec.template.metadata.annotations
    assert not [key for key in annotations if key.startswith("dapr.io/")]
    assert "APP_PROTOCOL" not in variables(made())
