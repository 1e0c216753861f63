"""Serving → Knative Service `<fn>-ksvc`, with the defaults of Knative's webhook written out.

One Service per Function, owned by it; each Serving is its next template.
"""

from __future__ import annotations

from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.servings import Serving, ServingSpec
from openfunction_py.api.upstream.knative import KnativeService
from openfunction_py.resources import contexts, labels, scaling

CONTAINER = "function"
TIMEOUT_SECONDS = 300
USER_IMAGE = "client.knative.dev/user-image"
MAX_VARIABLE = 63

Document = dict[str, Any]


def make(serving: Serving, *, function: str, owner: meta.OwnerReference) -> KnativeService:
    """The Knative Service as this version wants it."""
    tied = {**labels.of_function(function), labels.SERVING: serving.metadata.name}
    return KnativeService.model_validate(
        {
            "metadata": {
                "name": labels.knative_service(function),
                "namespace": serving.metadata.namespace,
                "labels": tied,
                "ownerReferences": [owner.to_wire()],
            },
            "spec": {
                "template": {
                    "metadata": _template_metadata(serving.spec, tied),
                    "spec": _template_spec(serving, function),
                },
                "traffic": [{"latestRevision": True, "percent": 100}],
            },
        }
    )


def _template_metadata(spec: ServingSpec, tied: dict[str, str]) -> Document:
    version = _label_value(spec.version or "")
    own = {**tied, **({labels.VERSION: version} if version else {})}
    return {
        "labels": {**spec.labels, **own},
        "annotations": {**scaling.annotations_of(spec), USER_IMAGE: spec.image},
    }


def _label_value(text: str) -> str:
    """A version is free text; a label is not."""
    kept = "".join(char if char.isalnum() or char in "-_." else "-" for char in text)
    return kept[:MAX_VARIABLE].strip("-_.")


def _template_spec(serving: Serving, function: str) -> Document:
    spec = serving.spec
    pod: Document = spec.template.to_wire() if spec.template else {}
    given = pod.pop("containers", [])
    own: Document = next((one for one in given if one.get("name") == CONTAINER), {})
    others = [one for one in given if one.get("name") != CONTAINER]
    pod["containers"] = [_container(serving, function, own), *others]
    pod["containerConcurrency"] = scaling.container_concurrency(spec)
    pod["timeoutSeconds"] = _timeout(spec)
    pod["enableServiceLinks"] = pod.get("enableServiceLinks", False)
    if spec.image_credentials and spec.image_credentials.name:
        secrets = pod.get("imagePullSecrets", [])
        pod["imagePullSecrets"] = [*secrets, {"name": spec.image_credentials.name}]
    return pod


def _timeout(spec: ServingSpec) -> int:
    http = spec.triggers.http if spec.triggers else None
    return (http.timeout_seconds if http else None) or TIMEOUT_SECONDS


def _container(serving: Serving, function: str, given: Document) -> Document:
    port = contexts.port_of(serving.spec)
    return {
        **given,
        "name": CONTAINER,
        "image": given.get("image") or serving.spec.image,
        "ports": _ports(given.get("ports", []), port),
        "env": _environment(serving, function, given.get("env", [])),
        "resources": given.get("resources", {}),
        "readinessProbe": given.get("readinessProbe") or {"tcpSocket": {"port": port}, "successThreshold": 1},
    }


def _ports(given: list[Document], port: int) -> list[Document]:
    """Knative takes one port: the user's, at the function's number."""
    name = next((one["name"] for one in given if one.get("name") in ("http1", "h2c")), "http1")
    return [{"name": name, "containerPort": port, "protocol": "TCP"}]


def _environment(serving: Serving, function: str, given: list[Document]) -> list[Document]:
    """Variables in the order of openfunction.md 2.3; a later one of the same name replaces an earlier one."""
    spec = serving.spec
    own: list[Document] = [
        {"name": "FUNC_CONTEXT", "value": contexts.function_context(serving, function=function)},
        {
            "name": "FUNC_CONTEXT_V1BETA2",
            "value": contexts.function_context_v1beta2(serving, function=function),
        },
        *({"name": name, "value": spec.params[name]} for name in sorted(spec.params)),
        {"name": "POD_NAMESPACE", "value": serving.metadata.namespace},
    ]
    named: dict[str, Document] = {}
    for variable in (*given, *own):
        named[variable["name"]] = variable
    return list(named.values())
