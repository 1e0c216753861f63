"""The sidecar of a Pod that is annotated for one, as Dapr's injector puts it there.

Pure; a Pod that has its sidecar already stays as it is. Each Pod has an address of its own here and shares no loopback
with its neighbours, so the sidecar listens on the Pod's address, and the app is told so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from openfunction_py.resources import sidecars

Document = dict[str, Any]
# From a Pod and its annotations to the container beside it.
Make = Callable[[Document, Document], Document]

PREFIX = "dapr.io/"
CONTAINER = "daprd"
IMAGE = "openfunction/eventing"
HTTP_PORT, GRPC_PORT = 3500, 50001
VOLUME = "dapr-resources"
FOLDER = "/etc/dapr/resources"
RESOURCES = "openfunction-dapr-resources"
_FLAGS = {
    "app-port": "--app-port",
    "app-protocol": "--app-protocol",
    "app-max-concurrency": "--app-max-concurrency",
}
ADDRESS: Document = {"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}


def inject(pod: Document, *, make: Make | None = None) -> Document:
    """The Pod with its sidecar, where its annotations ask for one: ours, unless `make` makes another."""
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    spec = pod.get("spec") or {}
    containers = spec.get("containers") or []
    if not sidecars.is_asked(annotations) or any(one.get("name") == CONTAINER for one in containers):
        return pod
    volume = {"name": VOLUME, "configMap": {"name": RESOURCES}}
    return {
        **pod,
        "spec": {
            **spec,
            "containers": [*(_told(one) for one in containers), (make or _sidecar)(pod, annotations)],
            "volumes": [*(spec.get("volumes") or []), volume],
        },
    }


def _told(container: Document) -> Document:
    """An app that knows where its sidecar is; what it is told already stays."""
    given = container.get("env") or []
    named = {one.get("name") for one in given}
    own: list[Document] = [
        {"name": "DAPR_HOST", **ADDRESS},
        {"name": "DAPR_HTTP_PORT", "value": str(HTTP_PORT)},
        {"name": "DAPR_GRPC_PORT", "value": str(GRPC_PORT)},
    ]
    return {**container, "env": [*given, *(one for one in own if one["name"] not in named)]}


def app_id(pod: Document, annotations: Document) -> str:
    """The name a Pod has among sidecars."""
    metadata = pod.get("metadata") or {}
    named = annotations.get(f"{PREFIX}app-id") or metadata.get("name")
    return str(named or metadata.get("generateName", "").rstrip("-"))


def _sidecar(pod: Document, annotations: Document) -> Document:
    flags = [
        word
        for key, flag in _FLAGS.items()
        if annotations.get(PREFIX + key)
        for word in (flag, str(annotations[PREFIX + key]))
    ]
    args = [
        "sidecar",
        *(
            "--app-id",
            app_id(pod, annotations),
            "--resources-path",
            FOLDER,
            "--app-channel-address",
            "$(POD_IP)",
        ),
        *("--dapr-listen-addresses", "$(POD_IP)", "--dapr-http-port", str(HTTP_PORT)),
        *("--dapr-grpc-port", str(GRPC_PORT), *flags),
    ]
    return container(IMAGE, args)


def container(image: str, args: Sequence[str]) -> Document:
    """What is the same of every sidecar."""
    return {
        "name": CONTAINER,
        "image": image,
        "args": [*args],
        "env": [
            {"name": "POD_IP", **ADDRESS},
            {"name": "NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "ports": [
            {"name": "dapr-http", "containerPort": HTTP_PORT},
            {"name": "dapr-grpc", "containerPort": GRPC_PORT},
        ],
        "readinessProbe": {"httpGet": {"path": "/v1.0/healthz", "port": HTTP_PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": VOLUME, "mountPath": FOLDER, "readOnly": True}],
    }
