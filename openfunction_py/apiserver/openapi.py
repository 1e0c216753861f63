"""OpenAPI v3, one document per group version: what kubectl reads for explain, apply and strict validation.

Strategic merge is not offered in the documents: kubectl then takes the merge rules it was built with.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import orjson

from openfunction_py.api import scheme
from openfunction_py.apiserver import discovery, status

Document = dict[str, Any]

_ANYTHING: Document = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_OPTIONS = ("dryRun", "fieldManager", "fieldValidation", "force")
_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def path(group: str, version: str) -> str:
    """The path of a group version below the root."""
    return f"apis/{group}/{version}" if group else f"api/{version}"


@functools.cache
def index() -> bytes:
    """The list of documents; the hash in an address changes with the document."""
    found = sorted({(resource.group, resource.version) for resource in scheme.RESOURCES})
    paths = {}
    for group, version in found:
        name = path(group, version)
        digest = hashlib.sha256(document(name)).hexdigest()[:32].upper()
        paths[name] = {"serverRelativeURL": f"/openapi/v3/{name}?hash={digest}"}
    return orjson.dumps({"paths": paths})


def document(name: str) -> bytes:
    """The document of a group version, such as `apis/core.openfunction.io/v1beta2`.

    Raises:
        status.StatusError: 404, it is not served.
    """
    resources = [item for item in scheme.RESOURCES if path(item.group, item.version) == name]
    if not resources:
        raise status.no_resource()
    schemas: Document = {_META: {**_ANYTHING, "description": "ObjectMeta is metadata that all objects have."}}
    paths: Document = {}
    for resource in resources:
        schemas[_name(resource)] = _schema(resource)
        paths |= _paths(resource, name)
    return orjson.dumps(
        {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": discovery.VERSION["gitVersion"]},
            "paths": paths,
            "components": {"schemas": schemas},
        }
    )


def _name(resource: scheme.Resource) -> str:
    group = ".".join(reversed((resource.group or "core.api.k8s.io").split(".")))
    return f"{group}.{resource.version}.{resource.kind}"


def _kind(resource: scheme.Resource) -> Document:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _schema(resource: scheme.Resource) -> Document:
    schema = resource.schema or _ANYTHING
    common = {
        "apiVersion": {
            "type": "string",
            "description": "APIVersion names the version of this representation.",
        },
        "kind": {"type": "string", "description": "Kind names the kind of this object."},
        "metadata": {
            "allOf": [{"$ref": f"#/components/schemas/{_META}"}],
            "description": "Standard metadata.",
        },
    }
    return {
        **schema,
        "properties": {**schema.get("properties", {}), **common},
        "x-kubernetes-group-version-kind": [_kind(resource)],
    }


def _paths(resource: scheme.Resource, root: str) -> Document:
    inside = "namespaces/{namespace}/" if resource.namespaced else ""
    collection = f"/{root}/{inside}{resource.plural}"
    return {
        collection: {"get": _operation(resource, "list"), "post": _operation(resource, "post")},
        f"{collection}/{{name}}": {
            method: _operation(resource, method) for method in ("get", "put", "patch", "delete")
        },
    }


def _operation(resource: scheme.Resource, action: str) -> Document:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{_name(resource)}"}}}
    return {
        "parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in _OPTIONS],
        "responses": {"200": {"description": "OK", "content": content}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _kind(resource),
    }
