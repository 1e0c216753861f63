"""What kube-apiserver fills into built-in kinds when they are written: only what somebody here reads.

Kinds of ours are defaulted by admission, not here.
"""

from __future__ import annotations

import base64
from typing import Any

from openfunction_py.api import scheme

Document = dict[str, Any]

NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def on_create(resource: scheme.Resource, document: Document) -> None:
    """Complete a new object of a built-in kind in place."""
    if not resource.builtin:
        return
    on_write(resource, document)
    if resource.kind == "Namespace":
        document["spec"] = {"finalizers": ["kubernetes"]}
        document["status"] = {"phase": "Active"}
    elif resource.kind == "Pod":
        document["status"] = {"phase": "Pending", "qosClass": "BestEffort"}


def on_write(resource: scheme.Resource, document: Document) -> None:
    """Complete an object of a built-in kind in place, at every write."""
    if not resource.builtin:
        return
    if resource.kind == "Secret":
        _secret(document)
    elif resource.kind == "Namespace":
        metadata = document["metadata"]
        metadata["labels"] = {**(metadata.get("labels") or {}), NAMESPACE_LABEL: metadata.get("name", "")}
    elif resource.kind == "Pod":
        _pod_spec(document.setdefault("spec", {}))
    elif resource.kind in ("Deployment", "ReplicaSet", "StatefulSet"):
        _workload(document.setdefault("spec", {}))
    elif resource.kind == "Job":
        _job(document.setdefault("spec", {}))
    elif resource.kind == "Service":
        document.setdefault("spec", {}).setdefault("type", "ClusterIP")


def _secret(document: Document) -> None:
    document.setdefault("type", "Opaque")
    plain = document.pop("stringData", None)
    if plain:
        encoded = {name: base64.b64encode(str(text).encode()).decode() for name, text in plain.items()}
        document["data"] = {**(document.get("data") or {}), **encoded}


def _pod_spec(spec: Document) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)


def _job(spec: Document) -> None:
    for name, value in (("parallelism", 1), ("completions", 1), ("backoffLimit", 6)):
        spec.setdefault(name, value)
    template = spec.get("template")
    if isinstance(template, dict):
        template.setdefault("spec", {}).setdefault("terminationGracePeriodSeconds", 30)


def _workload(spec: Document) -> None:
    if spec.get("replicas") is None:
        spec["replicas"] = 1
    template = spec.get("template")
    if isinstance(template, dict):
        _pod_spec(template.setdefault("spec", {}))
