"""Discovery: which kinds are served, in the legacy form and in both aggregated forms.

It describes the scheme; every answer is made once and kept encoded.
"""

from __future__ import annotations

import functools
from typing import Any

import orjson

from openfunction_py.api import scheme
from openfunction_py.apiserver import reviews, status

Document = dict[str, Any]

VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
READ_VERBS = ["get", "list", "watch"]
VERSION = {
    "major": "1", "minor": "33", "gitVersion": "v1.33.0+openfunction", "gitCommit": "", "gitTreeState": "clean",
    "buildDate": "2025-04-23T00:00:00Z", "goVersion": "", "compiler": "", "platform": "linux/amd64",
}  # fmt: skip
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
_REVIEWS = {(group, "v1"): [(plural, kind) for (g, plural), kind in reviews.KINDS.items() if g == group]
            for group in (reviews.AUTHENTICATION, reviews.AUTHORIZATION)}  # fmt: skip


def is_read_only(resource: scheme.Resource) -> bool:
    """Whether clients may only read a kind."""
    return resource.kind == "CustomResourceDefinition"


def verbs(resource: scheme.Resource) -> list[str]:
    """What can be done with a kind."""
    return READ_VERBS if is_read_only(resource) else VERBS


def groups() -> list[str]:
    """The served groups; ours first, then by name, the core group left out."""
    found = {resource.group for resource in scheme.RESOURCES if resource.group} | {
        group for group, _ in _REVIEWS
    }
    return sorted(found, key=lambda group: (not group.endswith("openfunction.io"), group))


def versions(group: str) -> list[str]:
    """The versions of a group."""
    found = {resource.version for resource in scheme.RESOURCES if resource.group == group}
    return sorted(found | {version for name, version in _REVIEWS if name == group}, reverse=True)


def _resources(group: str, version: str) -> list[scheme.Resource]:
    return [item for item in scheme.RESOURCES if (item.group, item.version) == (group, version)]


@functools.cache
def root(path: str, accept: str) -> tuple[bytes, str]:
    """The answer to /api or /apis and its media type, in the form the client accepts first."""
    found = [""] if path == "api" else groups()
    for choice in accept.split(","):
        parameters = {part.strip() for part in choice.split(";")}
        for version in ("v2", "v2beta1"):
            if {"g=apidiscovery.k8s.io", f"v={version}", "as=APIGroupDiscoveryList"} <= parameters:
                return orjson.dumps(_aggregated(found, version)), _AGGREGATED.format(version=version)
    if path == "api":
        return orjson.dumps({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}), ""
    listed = {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(group) for group in found]}
    return orjson.dumps(listed), ""


def group(name: str) -> Document:
    """One group.

    Raises:
        status.StatusError: 404, it is not served.
    """
    if name not in groups():
        raise status.no_resource()
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name)}


def _group(name: str) -> Document:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions(name)]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


@functools.cache
def resources(group_name: str, version: str) -> bytes:
    """The kinds of a group version.

    Raises:
        status.StatusError: 404, it is not served.
    """
    found = [entry for resource in _resources(group_name, version) for entry in _entries(resource)]
    found += [
        {"name": plural, "singularName": kind.lower(), "namespaced": False, "kind": kind, "verbs": ["create"]}
        for plural, kind in _REVIEWS.get((group_name, version), ())
    ]
    if not found:
        raise status.no_resource()
    name = f"{group_name}/{version}" if group_name else version
    return orjson.dumps(
        {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": found}
    )


def _entries(resource: scheme.Resource) -> list[Document]:
    head: Document = {
        "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
        "kind": resource.kind, "verbs": verbs(resource), "shortNames": list(resource.short_names),
        "categories": list(resource.categories),
    }  # fmt: skip
    return [head, *(_sub_entry(resource, name) for name in subresources(resource))]


def subresources(resource: scheme.Resource) -> list[str]:
    """The paths below an object of a kind."""
    found = set(resource.subresources)
    if resource.kind == "Pod" and resource.builtin:
        found.add("log")
    if resource.kind == "Namespace":
        found.add("finalize")
    return [] if is_read_only(resource) else sorted(found)


def _sub_verbs(name: str) -> list[str]:
    return {"log": ["get"], "finalize": ["update"]}.get(name, ["get", "patch", "update"])


def _sub_entry(resource: scheme.Resource, name: str) -> Document:
    entry = {
        "name": f"{resource.plural}/{name}", "singularName": "", "namespaced": resource.namespaced,
        "kind": resource.kind, "verbs": _sub_verbs(name),
    }  # fmt: skip
    return {**entry, "kind": "Scale", "group": "autoscaling", "version": "v1"} if name == "scale" else entry


def _aggregated(found: list[str], version: str) -> Document:
    items = [
        {
            "metadata": {"name": name, "creationTimestamp": None},
            "versions": [
                {"version": one, "freshness": "Current", "resources": _aggregated_kinds(name, one)}
                for one in versions(name)
            ],
        }
        for name in found
    ]
    return {
        "kind": "APIGroupDiscoveryList", "apiVersion": f"apidiscovery.k8s.io/{version}", "metadata": {},
        "items": items,
    }  # fmt: skip


def _aggregated_kinds(group_name: str, version: str) -> list[Document]:
    return [_aggregated_kind(resource) for resource in _resources(group_name, version)] + [
        {
            "resource": plural, "responseKind": {"group": group_name, "version": version, "kind": kind},
            "scope": "Cluster", "singularResource": kind.lower(), "verbs": ["create"],
        }
        for plural, kind in _REVIEWS.get((group_name, version), ())
    ]  # fmt: skip


def _aggregated_kind(resource: scheme.Resource) -> Document:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    scale = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    return {
        "resource": resource.plural,
        "responseKind": kind,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": verbs(resource),
        "shortNames": list(resource.short_names),
        "categories": list(resource.categories),
        "subresources": [
            {
                "subresource": name,
                "responseKind": scale if name == "scale" else kind,
                "verbs": _sub_verbs(name),
            }
            for name in subresources(resource)
        ],
    }
