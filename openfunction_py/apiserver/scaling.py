"""The scale subresource: replicas of an object seen and set through autoscaling/v1 Scale.

It translates; it scales nothing.
"""

from __future__ import annotations

from typing import Any

from openfunction_py.api import scheme
from openfunction_py.apiserver import jsonpath, status

Document = dict[str, Any]


def view(resource: scheme.Resource, document: Document) -> Document:
    """The Scale of an object."""
    spec_path, status_path, selector_path = resource.scale_paths or ("", "", "")
    metadata = document["metadata"]
    wanted = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    observed: Document = {"replicas": jsonpath.first(document, status_path) or 0}
    if text := _selector(resource, document, selector_path):
        observed["selector"] = text
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in wanted if name in metadata},
        "spec": {"replicas": jsonpath.first(document, spec_path) or 0},
        "status": observed,
    }


def _selector(resource: scheme.Resource, document: Document, path: str) -> str:
    if not resource.builtin:
        return jsonpath.text(jsonpath.first(document, path)) if path else ""
    labels = (document.get("spec", {}).get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def put(resource: scheme.Resource, document: Document, scale: Document) -> Document:
    """The object with the replicas of a Scale.

    Raises:
        status.StatusError: 422, the number of replicas is none.
    """
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
        subject = status.Subject("autoscaling", "scales", "Scale", document["metadata"]["name"])
        message = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise status.invalid(subject, [status.Cause("spec.replicas", "FieldValueInvalid", message)])
    version = (scale.get("metadata") or {}).get("resourceVersion")
    if version:
        document["metadata"]["resourceVersion"] = version
    spec_path = (resource.scale_paths or ("",))[0]
    jsonpath.put(document, spec_path, replicas)
    return document
