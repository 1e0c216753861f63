"""Sidecars that are put into Pods, the documents they read, and the table of names for programs without DNS."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from openfunction_eventing import documents
from openfunction_eventing.sidecar import settings as sidecars
from openfunction_py.api.upstream import core, dapr, discovery
from openfunction_py.api.upstream.knative import KnativeService
from openfunction_py.providers.dapr import components, daprd, injection
from openfunction_py.providers.names import table
from openfunction_py.resources import cluster_names
from tests.reconcilers.world import World

ANNOTATED = {
    "dapr.io/enabled": "true",
    "dapr.io/app-id": "work-default",
    "dapr.io/app-port": "8080",
    "dapr.io/app-protocol": "http",
}


def pod(annotations: dict[str, str], **container: Any) -> dict[str, Any]:
    """A Pod of one container."""
    metadata = {"name": "p", "namespace": "default", "annotations": annotations}
    return {"metadata": metadata, "spec": {"containers": [{"name": "function", **container}]}}


def test_an_annotated_pod_gets_a_sidecar_that_reads_its_flags() -> None:
    made = injection.inject(pod(ANNOTATED))
    app, sidecar = made["spec"]["containers"]
    told, unknown = sidecars.read(sidecar["args"][1:], {"NAMESPACE": "default"})
    assert unknown == []
    assert (told.app_id, told.app_port, told.app_protocol) == ("work-default", 8080, "http")
    assert (told.http_port, told.grpc_port) == (3500, 50001)
    assert {one["name"] for one in app["env"]} == {"DAPR_HOST", "DAPR_HTTP_PORT", "DAPR_GRPC_PORT"}
    assert made["spec"]["volumes"][0]["configMap"]["name"] == injection.RESOURCES


OURS = {"name": "FUNC_CONTEXT", "value": "{}"}
PATHS = {"OFN_APP_SOCKET": "/run/dapr/app.sock", "OFN_DAPR_SOCKET": "/run/dapr/api.sock"}


def told(container: dict[str, Any]) -> dict[str, str]:
    """Its sockets by the variable."""
    return {one["name"]: one["value"] for one in container.get("env") or [] if one["name"] in PATHS}


def test_a_function_and_its_sidecar_meet_at_sockets_in_a_folder_of_their_pod() -> None:
    made = injection.inject(pod(ANNOTATED, env=[OURS], volumeMounts=[{"name": "x", "mountPath": "/x"}]))
    app, sidecar = made["spec"]["containers"]
    flags, unknown = sidecars.read(sidecar["args"][1:])
    assert unknown == []
    assert (flags.app_protocol, flags.app_port) == ("batch", 8080)
    assert told(app) == PATHS == {"OFN_APP_SOCKET": flags.app_socket, "OFN_DAPR_SOCKET": flags.batch_socket}
    shared = {"name": "dapr-sockets", "mountPath": "/run/dapr"}
    assert app["volumeMounts"] == [{"name": "x", "mountPath": "/x"}, shared]
    assert shared in sidecar["volumeMounts"]
    assert {"name": "dapr-sockets", "emptyDir": {}} in made["spec"]["volumes"]
    assert made["metadata"]["annotations"] == {**ANNOTATED, injection.MARK: injection.IMAGE}
    assert injection.inject(made) is made


@pytest.mark.parametrize(
    "changed", [{"dapr.io/app-protocol": "grpc"}, {"dapr.io/app-protocol": "h2c"}, {"dapr.io/app-port": ""}]
)
def test_what_a_function_asks_to_speak_it_speaks(changed: dict[str, str]) -> None:
    made = injection.inject(pod({**ANNOTATED, **changed}, env=[OURS]))
    app, sidecar = made["spec"]["containers"]
    assert "batch" not in sidecar["args"]
    assert not told(app)
    assert [one["name"] for one in made["spec"]["volumes"]] == ["dapr-resources"]


def test_a_foreign_pod_speaks_what_it_is_annotated_with() -> None:
    app, sidecar = injection.inject(pod(ANNOTATED))["spec"]["containers"]
    assert sidecars.read(sidecar["args"][1:])[0].app_protocol == "http"
    assert not told(app)
    assert "volumeMounts" not in app


def test_a_function_beside_a_sidecar_of_dapr_has_no_sockets() -> None:
    app, sidecar = injection.inject(pod(ANNOTATED, env=[OURS]), make=daprd.container)["spec"]["containers"]
    assert "batch" not in sidecar["args"]
    assert not told(app)


def test_a_container_beside_the_function_is_told_of_no_socket() -> None:
    given = pod(ANNOTATED, env=[OURS])
    given["spec"]["containers"] += [{"name": "second", "env": [OURS]}, {"name": "third"}]
    first, second, third, _ = injection.inject(given)["spec"]["containers"]
    assert [told(one) for one in (first, second, third)] == [PATHS, {}, {}]


@pytest.mark.parametrize("name", ["DAPR_HOST", "DAPR_RUNTIME_HOST", "DAPR_HTTP_PORT", "DAPR_HTTP_ENDPOINT"])
def test_a_function_that_publishes_elsewhere_goes_on_doing_so(name: str) -> None:
    given = pod(ANNOTATED, env=[OURS, {"name": name, "value": "1"}])
    assert told(injection.inject(given)["spec"]["containers"][0]) == {
        "OFN_APP_SOCKET": PATHS["OFN_APP_SOCKET"]
    }


def test_a_volume_of_the_same_name_is_the_users() -> None:
    given = pod(ANNOTATED, env=[OURS])
    given["spec"]["volumes"] = [{"name": "dapr-sockets", "persistentVolumeClaim": {"claimName": "c"}}]
    made = injection.inject(given)
    assert made["spec"]["volumes"][0] == given["spec"]["volumes"][0]
    assert not told(made["spec"]["containers"][0])


def test_what_an_app_is_told_already_stays() -> None:
    made = injection.inject(pod(ANNOTATED, env=[{"name": "DAPR_HTTP_PORT", "value": "1"}]))
    given = [one for one in made["spec"]["containers"][0]["env"] if one["name"] == "DAPR_HTTP_PORT"]
    assert given == [{"name": "DAPR_HTTP_PORT", "value": "1"}]


@pytest.mark.parametrize("annotations", [{}, {"dapr.io/enabled": "false"}, {"dapr.io/app-id": "x"}])
def test_a_pod_that_asks_for_none_stays_as_it_is(annotations: dict[str, str]) -> None:
    given = pod(annotations)
    assert injection.inject(given) is given


def test_a_pod_that_has_its_sidecar_gets_no_second_one() -> None:
    once = injection.inject(pod(ANNOTATED))
    assert injection.inject(once) is once


def service(name: str = "bus", **spec: Any) -> core.Service:
    """A Service of one port."""
    ports = [{"name": "client", "port": 4222, "targetPort": 4222}]
    about = {"name": name, "namespace": "default"}
    return core.Service.model_validate({"metadata": about, "spec": {"ports": ports, **spec}})


def endpoints(*, ready: bool = True) -> discovery.EndpointSlice:
    """The one Pod behind it."""
    about = {"name": "bus-x", "namespace": "default", "labels": {"kubernetes.io/service-name": "bus"}}
    one = {
        "addresses": ["127.1.2.3"],
        "conditions": {"ready": ready},
        "targetRef": {"kind": "Pod", "name": "bus-0"},
    }
    ports = [{"name": "client", "port": 14222}]
    return discovery.EndpointSlice.model_validate({"metadata": about, "endpoints": [one], "ports": ports})


async def test_names_in_a_component_become_addresses_once_somebody_is_there() -> None:
    there = World()
    components.install(there.manager)
    metadata = [
        {"name": "natsURL", "value": "nats://bus.default.svc.cluster.local:4222"},
        {"name": "n", "value": 3},
    ]
    body = {
        "metadata": {"name": "c", "namespace": "default"},
        "spec": {"type": "pubsub.jetstream", "version": "v1", "metadata": metadata},
        "scopes": ["work-default"],
    }
    there.put(dapr.Component.model_validate(body))
    there.put(service())
    await there.settle()
    assert read(there)["spec"]["metadata"][0]["value"] == "nats://bus.default.svc.cluster.local:4222"
    there.store(endpoints().to_wire())
    await there.settle()
    found = read(there)
    assert [one["value"] for one in found["spec"]["metadata"]] == ["nats://127.1.2.3:14222", 3]
    assert found["scopes"] == ["work-default"]


def read(there: World) -> Any:
    """The one document, as a sidecar reads it."""
    made = there.lister(core.ConfigMap).get("default", injection.RESOURCES)
    assert made is not None
    (found,) = yaml.safe_load_all(made.data[components.FILE])
    return found


def test_the_table_has_services_by_port_pods_by_name_and_functions_at_the_gateway() -> None:
    near = {("default", "bus"): [endpoints()]}
    services = table.of_services([service(clusterIP="None")], near)
    assert services == {
        "bus.default.svc.cluster.local:4222": ("127.1.2.3:14222",),
        "bus-0.bus.default.svc.cluster.local:4222": ("127.1.2.3:14222",),
    }
    about = {"name": "hello-ksvc", "namespace": "default", "labels": {"openfunction.io/function": "hello"}}
    functions = table.of_functions([KnativeService.model_validate({"metadata": about})], "127.0.0.1:80")
    assert set(functions) == {"hello.default.svc.cluster.local", "hello-ksvc.default.svc.cluster.local"}
    written = json.loads(json.dumps(documents.to_json(documents.Hosts({**services, **functions}))))
    assert documents.Hosts.from_json(written).hosts["hello.default.svc.cluster.local"] == ("127.0.0.1:80",)


def test_a_service_without_a_ready_pod_has_no_address() -> None:
    assert table.of_services([service()], {("default", "bus"): [endpoints(ready=False)]}) == {}


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("bus.default.svc.cluster.local", cluster_names.Name("default", "bus")),
        ("bus-0.bus.default.svc.cluster.local.", cluster_names.Name("default", "bus", "bus-0")),
        ("bus.other.svc", cluster_names.Name("other", "bus")),
        ("bus", cluster_names.Name("here", "bus")),
        ("bus.other", cluster_names.Name("other", "bus")),
        ("127.0.0.1", None),
        ("::1", None),
        ("localhost", None),
        ("hello.default.localhost", None),
        ("broker.example.com", None),
        ("", None),
    ],
)
def test_which_names_are_those_of_services(host: str, name: cluster_names.Name | None) -> None:
    assert cluster_names.read(host, namespace="here") == name
