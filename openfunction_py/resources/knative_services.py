"""Serving → Knative Service `<fn>-ksvc`, with the defaults of Knative's webhook written out.

One Service per Function, owned by it; each Serving is its next template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.servings import Serving, ServingSpec
from openfunction_py.api.upstream.knative import KnativeService
from openfunction_py.resources import contexts, labels, pods, scaling, sidecars

TIMEOUT_SECONDS = 300
USER_IMAGE = "client.knative.dev/user-image"

Document = dict[str, Any]


def make(
    serving: Serving,
    *,
    function: str,
    owner: meta.OwnerReference,
    known: Mapping[str, str] = contexts.NOTHING,
) -> KnativeService:
    """The Knative Service as this version wants it; `known` are Components that exist, name → type."""
    tied = {**labels.of_function(function), labels.SERVING: serving.metadata.name}
    return KnativeService.model_validate(
        {
            "metadata": {
                "name": labels.knative_service(function),
                "namespace": serving.metadata.namespace,
                "labels": tied,
                "ownerReferences": [owner.to_wire()],
                **_hostnames(serving.spec),
            },
            "spec": {
                "template": {
                    "metadata": _template_metadata(serving, function, tied),
                    "spec": _template_spec(serving, function, known),
                },
                "traffic": [{"latestRevision": True, "percent": 100}],
            },
        }
    )


def _hostnames(spec: ServingSpec) -> Document:
    """Knative has no field for names of a user's own; they travel to the Route as an annotation."""
    http = spec.triggers.http if spec.triggers else None
    chosen = http.route.hostnames if http and http.route else []
    return {"annotations": {labels.HOSTNAMES: ",".join(chosen)}} if chosen else {}


def _template_metadata(serving: Serving, function: str, tied: dict[str, str]) -> Document:
    spec = serving.spec
    version = pods.label_value(spec.version or "")
    own = {**tied, **({labels.VERSION: version} if version else {})}
    return {
        "labels": {**spec.labels, **own},
        "annotations": {
            **scaling.annotations_of(spec),
            **_sidecar(serving, function),
            USER_IMAGE: spec.image,
        },
    }


def _sidecar(serving: Serving, function: str) -> dict[str, str]:
    """What the injector reads; Knative's own proxy has Dapr's usual port for metrics already."""
    spec = serving.spec
    made = sidecars.annotations_of(
        spec, function=function, namespace=serving.metadata.namespace, port=contexts.port_of(spec)
    )
    return {sidecars.METRICS_PORT: sidecars.KNATIVE_METRICS_PORT, **made} if made else {}


def _template_spec(serving: Serving, function: str, known: Mapping[str, str]) -> Document:
    spec = serving.spec
    pod, own, others = pods.split(serving)
    pod["containers"] = [_container(serving, function, own, known), *others]
    pod["containerConcurrency"] = scaling.container_concurrency(spec)
    pod["timeoutSeconds"] = _timeout(spec)
    pod["enableServiceLinks"] = pod.get("enableServiceLinks", False)
    return pod


def _timeout(spec: ServingSpec) -> int:
    http = spec.triggers.http if spec.triggers else None
    return (http.timeout_seconds if http else None) or TIMEOUT_SECONDS


def _container(serving: Serving, function: str, given: Document, known: Mapping[str, str]) -> Document:
    port = contexts.port_of(serving.spec)
    return {
        **given,
        "name": pods.CONTAINER,
        "image": given.get("image") or serving.spec.image,
        "ports": _ports(given.get("ports", []), port),
        "env": pods.environment(serving, function, given.get("env", []), known),
        "resources": given.get("resources", {}),
        "readinessProbe": given.get("readinessProbe") or {"tcpSocket": {"port": port}, "successThreshold": 1},
    }


def _ports(given: list[Document], port: int) -> list[Document]:
    """Knative takes one port: the user's, at the function's number."""
    name = next((one["name"] for one in given if one.get("name") in ("http1", "h2c")), "http1")
    return [{"name": name, "containerPort": port, "protocol": "TCP"}]
