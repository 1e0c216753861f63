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
    (http(engine="nginx"), "spec.serving.triggers.http.engine"),
    (http(port=70000), "spec.serving.triggers.http.port"),
    (http(port="80"), "spec.serving.triggers.http.port"),
    (http(timeoutSeconds=0), "spec.serving.triggers.http.timeoutSeconds"),
    (http(route={"gatewayRef": {"name": "x"}}), "spec.serving.triggers.http.route.gatewayRef.namespace"),
    (http(route={"hostnames": ["No Host"]}), "spec.serving.triggers.http.route.hostnames[0]"),
    (http(route={"hostnames": ["a.b", "a.b"]}), "spec.serving.triggers.http.route.hostnames[1]"),
    (http(route={"hostnames": [f"h{n}.x" for n in range(17)]}), "spec.serving.triggers.http.route.hostnames"),
    ({"serving": {"timeout": "x"}}, "spec.serving.timeout"),
    ({"serving": {"workloadType": "DaemonSet"}}, "spec.serving.workloadType"),
    ({"serving": {"params": {"A B": "c"}}}, "spec.serving.params[A B]"),
    ({"serving": {"bindings": {"b": {"type": "x"}}}}, "spec.serving.bindings.b.version"),
    ({"serving": {"outputs": [{"dapr": {}}]}}, "spec.serving.outputs[0].dapr.name"),
    (
        {"serving": {"tracing": {"provider": {"exporter": {}}}}},
        "spec.serving.tracing.provider.exporter.endpoint",
    ),
    (
        {"serving": {"template": {"containers": [{"name": "a"}, {"name": "a"}]}}},
        "spec.serving.template.containers[1].name",
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
