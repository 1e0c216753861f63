"""What an update of a built-in kind may not change: the same refusals on both servers."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest

from openfunction_py.kube.client import Client

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}
WORKLOAD = {"replicas": 0, "selector": {"matchLabels": {"app": "a"}}, "template": TEMPLATE}
JOB = {
    "suspend": True,
    "template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}},
}
MADE: dict[str, dict[str, Any]] = {
    "apis/apps/v1/deployments": {"spec": WORKLOAD},
    "apis/apps/v1/replicasets": {"spec": WORKLOAD},
    "apis/apps/v1/statefulsets": {"spec": {**WORKLOAD, "serviceName": "x"}},
    "apis/batch/v1/jobs": {"spec": JOB},
    "api/v1/pods": {"spec": {**TEMPLATE["spec"], "activeDeadlineSeconds": 50}},
    "api/v1/services": {"spec": {"clusterIP": "None", "ports": [{"port": 80}]}},
    "api/v1/secrets": {"data": {"a": "YQ=="}, "immutable": True},
    "api/v1/configmaps": {"data": {"a": "b"}, "immutable": True},
}
OTHER = {"selector": {"matchLabels": {"app": "b"}}, "template": {"metadata": {"labels": {"app": "b"}}}}
SEALED = "Forbidden: field is immutable when `immutable` is set"
SET = (
    "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'update"
)
FREE = "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
REFUSED = [
    (
        "apis/apps/v1/deployments",
        {"spec": OTHER},
        "spec.selector",
        'Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
    ),
    (
        "apis/apps/v1/replicasets",
        {"spec": OTHER},
        "spec.selector",
        'Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
    ),
    ("apis/apps/v1/statefulsets", {"spec": OTHER}, "spec", SET),
    ("apis/apps/v1/statefulsets", {"spec": {"serviceName": "y"}}, "spec", SET),
    (
        "apis/batch/v1/jobs",
        {"spec": {"completions": 4}},
        "spec.completions",
        "Invalid value: 4: field is imm",
    ),
    (
        "apis/batch/v1/jobs",
        {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "j"}]}}}},
        "spec.template",
        "Invalid value: {",
    ),
    ("api/v1/pods", {"spec": {"restartPolicy": "Never"}}, "spec", FREE),
    ("api/v1/pods", {"spec": {"containers": [{"name": "c", "image": "i", "args": ["x"]}]}}, "spec", FREE),
    (
        "api/v1/pods",
        {"spec": {"containers": [{"name": "c", "image": "i"}, {"name": "d", "image": "i"}]}},
        "spec.containers",
        "Forbidden: pod updates may not add or remove containers",
    ),
    (
        "api/v1/pods",
        {"spec": {"activeDeadlineSeconds": 80}},
        "spec.activeDeadlineSeconds",
        "Invalid value: 80: must be less than or equal to previous value",
    ),
    (
        "api/v1/pods",
        {"spec": {"activeDeadlineSeconds": None}},
        "spec.activeDeadlineSeconds",
        "Invalid value: null: must not update from a positive integer to nil value",
    ),
    (
        "api/v1/services",
        {"spec": {"clusterIP": "10.0.0.78", "clusterIPs": ["10.0.0.78"], "ipFamilyPolicy": "SingleStack"}},
        "spec.clusterIPs[0]",
        'Invalid value: ["10.0.0.78"]: may not change once set',
    ),
    ("api/v1/secrets", {"type": "other/type"}, "type", 'Invalid value: "other/type": field is immutable'),
    ("api/v1/secrets", {"data": {"a": "Yg=="}}, "data", SEALED),
    ("api/v1/secrets", {"stringData": {"a": "c"}}, "data", SEALED),
    ("api/v1/secrets", {"immutable": None}, "immutable", SEALED),
    ("api/v1/configmaps", {"data": {"a": "c"}}, "data", SEALED),
    ("api/v1/configmaps", {"binaryData": {"b": "Yg=="}}, "binaryData", SEALED),
    ("api/v1/configmaps", {"immutable": False}, "immutable", SEALED),
]
ALLOWED = [
    ("apis/apps/v1/deployments", {"spec": {"minReadySeconds": 3}}),
    ("apis/apps/v1/statefulsets", {"spec": {"minReadySeconds": 3}}),
    ("apis/batch/v1/jobs", {"spec": {"parallelism": 4, "backoffLimit": 3}}),
    ("api/v1/pods", {"spec": {"activeDeadlineSeconds": 40}}),
    ("api/v1/pods", {"spec": {"containers": [{"name": "c", "image": "j"}]}}),
    ("api/v1/pods", {"spec": {"initContainers": [], "imagePullSecrets": []}}),
    ("apis/apps/v1/statefulsets", {"spec": {"volumeClaimTemplates": []}}),
    ("api/v1/secrets", {"metadata": {"labels": {"a": "b"}}}),
    ("api/v1/configmaps", {"metadata": {"labels": {"a": "b"}}}),
]


def collection(kind: str, namespace: str) -> str:
    """The path of a kind's objects in a namespace."""
    root, _, plural = kind.rpartition("/")
    return f"/{root}/namespaces/{namespace}/{plural}"


async def patched(client: Client, namespace: str, kind: str, patch: object) -> tuple[int, dict[str, Any]]:
    """Create the kind's object and patch it as kubectl does; what the server says."""
    body = {"metadata": {"name": "x"}, **copy.deepcopy(MADE[kind])}
    if kind.endswith("pods"):
        await service_account(client, namespace)
    headers = {"Content-Type": "application/json"}
    path = collection(kind, namespace)
    code, made, _ = await client.raw("POST", path, body=orjson.dumps(body), headers=headers)
    assert code == 201, made
    headers = {"Content-Type": "application/merge-patch+json"}
    if "'containers'" in str(patch):
        headers = {"Content-Type": "application/strategic-merge-patch+json"}
    code, said, _ = await client.raw("PATCH", f"{path}/x", body=orjson.dumps(patch), headers=headers)
    return code, orjson.loads(said)


async def service_account(client: Client, namespace: str) -> None:
    """The account that a cluster's controllers make, which here run on neither server."""
    await client.raw(
        "POST",
        f"/api/v1/namespaces/{namespace}/serviceaccounts",
        body=orjson.dumps({"metadata": {"name": "default"}}),
        headers={"Content-Type": "application/json"},
    )


@pytest.mark.parametrize(("kind", "patch", "field", "sentence"), REFUSED)
async def test_what_is_fixed_is_refused_at_its_path(
    wire_client: Client, namespace: str, kind: str, patch: object, field: str, sentence: str
) -> None:
    code, said = await patched(wire_client, namespace, kind, patch)
    assert (code, said["reason"]) == (422, "Invalid")
    (cause,) = said["details"]["causes"]
    assert cause["field"] == field
    assert cause["message"].startswith(sentence)


@pytest.mark.parametrize(("kind", "patch"), ALLOWED)
async def test_what_is_free_is_taken(wire_client: Client, namespace: str, kind: str, patch: object) -> None:
    code, said = await patched(wire_client, namespace, kind, patch)
    assert code == 200, said
