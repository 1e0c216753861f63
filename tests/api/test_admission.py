"""Defaults, warnings and what is stored."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from openfunction_py.api import admission, crds, scheme
from openfunction_py.api.functions import Function
from tests.api import samples

SAMPLES = sorted((Path(__file__).parents[2] / "samples").rglob("function.yaml"))


def serving(**spec: Any) -> dict[str, Any]:
    """The serving block that is stored."""
    stored: dict[str, Any] = samples.admit(samples.function(serving=spec)).object["spec"]["serving"]
    return stored


def test_a_function_gets_version_trigger_port_timeout_and_gateway() -> None:
    stored = samples.admit(samples.function()).object["spec"]
    assert stored["version"] == "latest"
    assert stored["serving"]["triggers"]["http"] == {
        "port": 8080,
        "timeoutSeconds": 300,
        "route": {"gatewayRef": {"name": "openfunction", "namespace": "openfunction"}},
    }


def test_a_port_of_zero_is_the_default_port() -> None:
    assert serving(triggers={"http": {"port": 0}})["triggers"]["http"]["port"] == 8080


def test_a_function_started_by_dapr_gets_no_http_trigger() -> None:
    assert "http" not in serving(triggers={"dapr": [{"name": "queue"}]})["triggers"]


def test_given_values_are_kept() -> None:
    http = serving(triggers={"http": {"port": 9000, "timeoutSeconds": 5}})["triggers"]["http"]
    assert (http["port"], http["timeoutSeconds"]) == (9000, 5)


def test_an_empty_secret_reference_and_an_empty_time_count_as_absent() -> None:
    item = {"name": "x", "value": 1, "secretKeyRef": {"name": "", "key": ""}}
    component = {"type": "bindings.cron", "version": "v1", "initTimeout": "", "metadata": [item]}
    stored = serving(bindings={"b": component})["bindings"]["b"]
    assert stored == {"type": "bindings.cron", "version": "v1", "metadata": [{"name": "x", "value": 1}]}


def test_a_state_without_a_spec_stays() -> None:
    assert serving(states={"store": None})["states"] == {"store": {}}


def test_wasm_gets_strategy_annotation_and_runtime_class() -> None:
    stored = samples.admit(samples.function(workloadRuntime="wasmedge")).object
    assert stored["metadata"]["annotations"]["module.wasm.image/variant"] == "compat-smart"
    assert stored["spec"]["build"]["shipwright"]["strategy"]["name"] == "wasmedge"
    assert stored["spec"]["serving"]["template"]["runtimeClassName"] == "openfunction-crun"


def test_what_is_stored_is_admitted_unchanged_again() -> None:
    once = samples.admit(samples.function(serving={"params": {"A": "1"}})).object
    assert samples.admit(once, once).object == once


def test_the_document_that_was_given_is_not_changed() -> None:
    document = samples.function()
    before = copy.deepcopy(document)
    samples.admit(document)
    assert document == before


def test_the_placeholder_of_a_registry_is_a_local_name_with_a_warning() -> None:
    admitted = samples.admit(samples.function(image="<your registry name>/hello:v1"))
    assert admitted.object["spec"]["image"] == "<your registry name>/hello:v1"
    assert any("kept here as hello:v1" in warning for warning in admitted.warnings)


def test_the_old_runtime_field_is_accepted_with_a_warning() -> None:
    admitted = samples.admit(samples.function(serving={"runtime": "knative"}))
    assert [warning for warning in admitted.warnings if "spec.serving.runtime" in warning]


def test_an_unknown_field_is_warned_of_and_not_stored() -> None:
    admitted = samples.admit(samples.function(imag="x"))
    assert 'unknown field "spec.imag"' in admitted.warnings
    assert "imag" not in admitted.object["spec"]
    document = samples.function(imag="x")
    assert admission.unknown_fields(samples.resource("Function"), document) == ["spec.imag"]


def test_any_field_of_a_pod_passes_through_a_template() -> None:
    template = {"containers": [{"name": "function", "securityContext": {"runAsUser": 7}}], "hostPID": True}
    assert serving(template=template)["template"] == template


def test_a_gateway_gets_its_templates_and_our_listener() -> None:
    stored = samples.admit(samples.gateway()).object["spec"]
    assert stored["clusterDomain"] == "cluster.local"
    names = {one["name"]: one["hostname"] for one in stored["gatewaySpec"]["listeners"]}
    assert names == {"http": "*.example.com", "ofn-http-internal": "*.cluster.local"}


def test_upstream_objects_keep_every_field() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"hostPID": True}}
    assert samples.admit(pod).object == pod
    assert samples.refused({**pod, "spec": {"containers": {}}}) == {
        "spec.containers": "must be a list, not a map"
    }


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.parent.name)
def test_every_sample_is_admitted_without_a_warning(path: Path) -> None:
    assert samples.admit(yaml.safe_load(path.read_text())).warnings == ()


def test_the_definitions_in_config_are_fresh() -> None:
    assert crds.stale(crds.FOLDER) == []


def test_definitions_have_short_names_columns_and_the_status_subresource() -> None:
    spec = crds.crd(scheme.of(Function))["spec"]
    version = spec["versions"][0]
    assert spec["names"]["shortNames"] == ["fn"]
    assert version["subresources"] == {"status": {}}
    assert [one["name"] for one in version["additionalPrinterColumns"]][:5] == [
        "BuildState",
        "ServingState",
        "Builder",
        "Serving",
        "Address",
    ]


TYPED = {"type", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"}


def untyped(schema: dict[str, Any], path: str = "") -> list[str]:
    """Places of a schema that say nothing of their type."""
    below = {
        **schema.get("properties", {}),
        "[]": schema.get("items"),
        "{}": schema.get("additionalProperties"),
    }
    found = [one for key, value in below.items() if value for one in untyped(value, f"{path}.{key}")]
    return found if TYPED & set(schema) else [path, *found]


@pytest.mark.parametrize("kind", ["Function", "Builder", "Serving"])
def test_schemas_are_structural(kind: str) -> None:
    schema = samples.resource(kind).schema
    assert schema is not None
    assert untyped(schema) == []


def test_the_table_finds_by_path_kind_and_type() -> None:
    found = scheme.by_plural("core.openfunction.io", "v1beta2", "functions")
    assert found is scheme.by_kind(samples.VERSION, "Function") is scheme.of(Function)
    assert found.path("x") == "/apis/core.openfunction.io/v1beta2/namespaces/x/functions"
    assert found.path() == "/apis/core.openfunction.io/v1beta2/functions"


@pytest.mark.parametrize(
    ("api_version", "kind", "words"),
    [
        ("core.openfunction.io/v1alpha1", "Function", "write apiVersion: core.openfunction.io/v1beta2"),
        ("openfunction.io/v1", "Function", "did you mean"),
        ("kafka.strimzi.io/v1beta2", "Kafka", "is not served here"),
        (samples.VERSION, "Function", ""),
    ],
)
def test_a_kind_that_is_not_served_says_what_would_be(api_version: str, kind: str, words: str) -> None:
    assert words in scheme.refusal(api_version, kind)
    assert bool(scheme.refusal(api_version, kind)) == bool(words)
