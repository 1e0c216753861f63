"""The sidecar of a Pod that is annotated for one, as Dapr's injector puts it there.

Pure; a Pod that has its sidecar already stays as it is. Each Pod has an address of its own here and shares no loopback
with its neighbours, so the sidecar listens on the Pod's address, and the app is told so. A function of ours and a
sidecar of ours meet at sockets as well, in a folder of the Pod's; either does without where the other is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from openfunction_py.resources import sidecars

Document = dict[str, Any]
# From a Pod and its annotations to the container beside it.
Make = Callable[[Document, Document], Document]

PREFIX = sidecars.PREFIX
CONTAINER = "daprd"
IMAGE = "openfunction/eventing"
HTTP_PORT, GRPC_PORT = sidecars.HTTP_PORT, sidecars.GRPC_PORT
VOLUME = "dapr-resources"
FOLDER = "/etc/dapr/resources"
# On a Pod that got its sidecar here: the image of it. Containers of that name in users' own templates are theirs.
MARK = "openfunction.io/sidecar"
RESOURCES = "openfunction-dapr-resources"
_FLAGS = {
    "app-port": "--app-port",
    "app-protocol": "--app-protocol",
    "app-max-concurrency": "--app-max-concurrency",
}
# Who is told of another sidecar than this one does not publish here.
_ELSEWHERE = frozenset({"DAPR_HOST", "DAPR_RUNTIME_HOST", "DAPR_HTTP_PORT", "DAPR_HTTP_ENDPOINT"})
ADDRESS: Document = {"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}


def inject(pod: Document, *, make: Make | None = None) -> Document:
    """The Pod with its sidecar, where its annotations ask for one: ours, unless `make` makes another."""
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    spec = pod.get("spec") or {}
    containers = spec.get("containers") or []
    if not sidecars.is_asked(annotations) or any(one.get("name") == CONTAINER for one in containers):
        return pod
    meet = make is None and _meets(pod, annotations)
    beside = make(pod, annotations) if make else _sidecar(pod, annotations, meet=meet)
    app = next((one for one in containers if _is_ours(one)), None)
    made = [_told(one, meet=meet and one is app) for one in containers]
    own: list[Document] = [{"name": VOLUME, "configMap": {"name": RESOURCES}}]
    if meet:
        own.append({"name": sidecars.SOCKETS, "emptyDir": {}})
    return {
        **pod,
        "metadata": {**pod["metadata"], "annotations": {**annotations, MARK: beside["image"]}},
        "spec": {
            **spec,
            "containers": [*made, beside],
            "volumes": [*(spec.get("volumes") or []), *own],
        },
    }


def _meets(pod: Document, annotations: Document) -> bool:
    """Whether the app may be at a socket: a function of ours that nobody asked to speak anything but the default."""
    protocol = annotations.get(sidecars.APP_PROTOCOL) or sidecars.PROTOCOL
    spec = pod.get("spec") or {}
    return (
        protocol == sidecars.PROTOCOL
        and bool(annotations.get(sidecars.APP_PORT))
        and all(one.get("name") != sidecars.SOCKETS for one in spec.get("volumes") or [])
        and any(_is_ours(one) for one in spec.get("containers") or [])
    )


def _is_ours(container: Document) -> bool:
    """Whether it is a Function's own; what its image holds, nobody knows."""
    return any(one.get("name") == "FUNC_CONTEXT" for one in container.get("env") or [])


def _told(container: Document, *, meet: bool) -> Document:
    """An app that knows where its sidecar is; what it is told already stays."""
    given = container.get("env") or []
    named = {one.get("name") for one in given}
    told = {"DAPR_HTTP_PORT", "DAPR_GRPC_PORT"}
    if meet:
        told |= {"OFN_APP_SOCKET"} if named & _ELSEWHERE else {"OFN_APP_SOCKET", "OFN_DAPR_SOCKET"}
        container = _at_sockets(container)
    own: list[Document] = [
        {"name": "DAPR_HOST", **ADDRESS},
        *({"name": name, "value": value} for name, value in sidecars.TOLD.items() if name in told),
    ]
    return {**container, "env": [*given, *(one for one in own if one["name"] not in named)]}


def _at_sockets(container: Document) -> Document:
    mount = {"name": sidecars.SOCKETS, "mountPath": sidecars.SOCKETS_PATH}
    return {**container, "volumeMounts": [*(container.get("volumeMounts") or []), mount]}


def app_id(pod: Document, annotations: Document) -> str:
    """The name a Pod has among sidecars."""
    metadata = pod.get("metadata") or {}
    named = annotations.get(sidecars.APP_ID) or metadata.get("name")
    return str(named or metadata.get("generateName", "").rstrip("-"))


def _sidecar(pod: Document, annotations: Document, *, meet: bool) -> Document:
    told = {**annotations, **({sidecars.APP_PROTOCOL: "batch"} if meet else {})}
    flags = [
        word
        for key, flag in _FLAGS.items()
        if told.get(PREFIX + key)
        for word in (flag, str(told[PREFIX + key]))
    ]
    app, api = sidecars.TOLD["OFN_APP_SOCKET"], sidecars.TOLD["OFN_DAPR_SOCKET"]
    sockets = ("--app-socket", app, "--batch-socket", api) if meet else ()
    args = [
        *("sidecar", "--app-id", app_id(pod, annotations), "--resources-path", FOLDER),
        *("--app-channel-address", "$(POD_IP)", "--dapr-listen-addresses", "$(POD_IP)"),
        *("--dapr-http-port", str(HTTP_PORT), "--dapr-grpc-port", str(GRPC_PORT), *flags, *sockets),
    ]
    made = container(IMAGE, args)
    return _at_sockets(made) if meet else made


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
