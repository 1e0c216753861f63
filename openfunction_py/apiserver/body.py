"""Bodies of requests: read within a limit and decoded from JSON, YAML or the few protobuf kinds.

It checks shape only: that an object is an object, of the kind and namespace its path names.
"""

from __future__ import annotations

from typing import Any

import orjson
import yaml
from starlette.requests import Request

from openfunction_py.api import scheme
from openfunction_py.apiserver import protobuf, status
from openfunction_py.apiserver.request import Target

LIMIT = 3 << 20
DEEPEST = 150  # levels of an object; typed readers of it stop at 255

Document = dict[str, Any]

PROTOBUF = "application/vnd.kubernetes.protobuf"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


async def read(request: Request) -> bytes:
    """The whole body.

    Raises:
        status.StatusError: 413, it is larger than the limit.
    """
    if int(request.headers.get("content-length") or 0) > LIMIT:
        raise status.too_large(LIMIT)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LIMIT:
            raise status.too_large(LIMIT)
        chunks.append(chunk)
    return b"".join(chunks)


def media_type(request: Request) -> str:
    """The type of the body without parameters."""
    return str(request.headers.get("content-type", "")).split(";")[0].strip().lower()


def decode(raw: bytes, media: str) -> Any:
    """The value in a body; an empty body is None.

    Raises:
        status.StatusError: 400 for a damaged body, 415 for a type that is not read.
    """
    if not raw:
        return None
    if raw.startswith(protobuf.MAGIC):
        return protobuf.decode(raw)
    if "yaml" in media:
        return _yaml(raw)
    if media and not media.endswith("json"):
        raise status.unsupported_media(
            f"the body of the request was in an unknown format ({media}) - accepted media types include:"
            " application/json, application/yaml"
        )
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise status.bad_request(f"the body is no JSON: {error}") from error


def _yaml(raw: bytes) -> Any:
    try:
        return yaml.load(raw, Loader=_Loader)  # noqa: S506 - a safe loader, in C where PyYAML has it
    except yaml.YAMLError as error:
        raise status.bad_request(f"the body is no YAML: {error}") from error


def document(value: Any, target: Target, *, strict_kind: bool = True) -> Document:
    """The object of a write, checked against its path; apiVersion, kind and namespace are filled in.

    Raises:
        status.StatusError: 400, it is no object of that kind or namespace.
    """
    resource = target.resource
    if not isinstance(value, dict):
        raise status.bad_request(f"the body holds no {resource.kind}: send one object")
    if strict_kind:
        _check_kind(value, resource)
    value = {"apiVersion": resource.api_version, "kind": resource.kind, **value}
    metadata = value.get("metadata")
    if metadata is None:
        metadata = {}
    if not isinstance(metadata, dict):
        raise status.bad_request("metadata: Invalid value: it must be an object")
    placed: Document = {**value, "metadata": dict(metadata)}
    _place(placed["metadata"], target)
    return placed


def _check_kind(value: Document, resource: scheme.Resource) -> None:
    for field, wanted in (("apiVersion", resource.api_version), ("kind", resource.kind)):
        found = value.get(field) or wanted
        if found != wanted:
            what = "API version" if field == "apiVersion" else "kind"
            raise status.bad_request(
                f"the {what} in the data ({found}) does not match the expected {what} ({wanted})"
            )


def _place(metadata: Document, target: Target) -> None:
    namespace = metadata.get("namespace") or target.namespace
    if namespace != target.namespace:
        raise status.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if target.resource.namespaced:
        metadata["namespace"] = target.namespace
    else:
        metadata.pop("namespace", None)


def without_nulls(value: Any, levels: int = DEEPEST) -> Any:
    """A value without null fields, which mean absent in an object.

    Raises:
        status.StatusError: 400, it is nested deeper than `levels`; who reads it would fail.
    """
    if not levels:
        raise status.bad_request(f"the object is nested too deeply; {DEEPEST} levels are read")
    if isinstance(value, dict):
        return {name: without_nulls(inner, levels - 1) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(item, levels - 1) for item in value]
    return value
