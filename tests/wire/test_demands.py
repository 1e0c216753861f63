"""What Pods and what makes them must say to be stored: the same refusals on both servers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from openfunction_py.kube.client import Client
from tests.wire.test_immutable import collection, service_account

FORM = {"Content-Type": "application/json"}
CONTAINER = {"name": "c", "image": "i"}
TEMPLATE: dict[str, Any] = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [CONTAINER]}}
PODS, DEPLOYMENTS, JOBS = "api/v1/pods", "apis/apps/v1/deployments", "apis/batch/v1/jobs"
WORKLOAD = {"selector": {"matchLabels": {"app": "a"}}, "template": TEMPLATE}
ALWAYS = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Always"}}
NEVER = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}
IN = {"key": "app", "operator": "In", "values": ["a"]}
REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    (PODS, {"containers": []}, "spec.containers", "Required value"),
    (PODS, {"containers": [{"name": "c"}]}, "spec.containers[0].image", "Required value"),
    (PODS, {"containers": [{"image": "i"}]}, "spec.containers[0].name", ""),
    (
        PODS,
        {"containers": [{"name": "../x", "image": "i"}]},
        "spec.containers[0].name",
        'Invalid value: "../x": a low',
    ),
    (PODS, {"containers": [CONTAINER, CONTAINER]}, "spec.containers[1].name", 'Duplicate value: "c"'),
    (
        PODS,
        {"containers": [CONTAINER], "restartPolicy": "Once"},
        "spec.restartPolicy",
        'Unsupported value: "Once"',
    ),
    (DEPLOYMENTS, {"template": TEMPLATE}, "spec.selector", "Required value"),
    (
        DEPLOYMENTS,
        {**WORKLOAD, "selector": {"matchLabels": {"app": "b"}}},
        "spec.template.metadata.labels",
        'Invalid value: {"app":"a"}: `selector` does not match template `labels`',
    ),
    (
        "apis/apps/v1/replicasets",
        {**WORKLOAD, "selector": {"matchExpressions": [{**IN, "operator": "NotIn"}]}},
        "spec.template.metadata.labels",
        'Invalid value: {"app":"a"}: `selector` does not match template `labels`',
    ),
    (DEPLOYMENTS, {**WORKLOAD, "replicas": -1}, "spec.replicas", "Invalid value: -1: must be greater than"),
    (
        DEPLOYMENTS,
        {**WORKLOAD, "template": NEVER},
        "spec.template.spec.restartPolicy",
        'Unsupported value: "Never": supported values: "Always"',
    ),
    (
        JOBS,
        {"template": ALWAYS},
        "spec.template.spec.restartPolicy",
        'Required value: valid values: "OnFailure", "Never"',
    ),
    (
        JOBS,
        {"template": {**NEVER, "spec": {**NEVER["spec"], "restartPolicy": "Once"}}},
        "spec.template.spec.restartPolicy",
        'Unsupported value: "Once": supported values: "OnFailure", "Never"',
    ),
    (
        JOBS,
        {"template": NEVER, "backoffLimit": -2},
        "spec.backoffLimit",
        "Invalid value: -2: must be greater",
    ),
]


async def posted(client: Client, namespace: str, kind: str, spec: dict[str, Any]) -> tuple[int, Any]:
    """What the server says of a new object, which it does not keep."""
    body = orjson.dumps({"metadata": {"name": "x"}, "spec": spec})
    code, said, _ = await client.raw(
        "POST", collection(kind, namespace), body=body, params={"dryRun": "All"}, headers=FORM
    )
    return code, orjson.loads(said)


@pytest.mark.parametrize(("kind", "spec", "field", "text"), REFUSED)
async def test_a_spec_that_cannot_run_is_refused_with_its_path(
    wire_client: Client, namespace: str, kind: str, spec: dict[str, Any], field: str, text: str
) -> None:
    await service_account(wire_client, namespace)
    code, said = await posted(wire_client, namespace, kind, spec)
    assert (code, said["reason"]) == (422, "Invalid"), said
    causes = {cause["field"]: cause["message"] for cause in said["details"]["causes"]}
    assert causes.get(field, "missing").startswith(text), causes


async def test_an_expression_selects_the_template_as_well(wire_client: Client, namespace: str) -> None:
    spec = {**WORKLOAD, "selector": {"matchExpressions": [IN, {"key": "b", "operator": "DoesNotExist"}]}}
    code, said = await posted(wire_client, namespace, DEPLOYMENTS, spec)
    assert code == 201, said
