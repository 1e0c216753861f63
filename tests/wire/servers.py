"""The two API servers that the wire suites run on: the embedded one, and etcd with kube-apiserver.

Each starts on a free port in a folder of its own and is ended by the handle of its processes.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from openfunction_py.api import crds, scheme
from openfunction_py.api.scheme import Resource
from openfunction_py.kube import config
from openfunction_py.kube.endpoint import Endpoint
from openfunction_py.kube.oneshot import OneShot
from tests import require
from tools.kubernetes import server as real

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = ("embedded", "real")
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass(frozen=True, slots=True)
class Server:
    """An API server that answers; the real one has no node, no garbage collector and no Knative beside it."""

    name: str
    endpoint: Endpoint


@contextmanager
def embedded(folder: Path) -> Iterator[Server]:
    """The embedded server over a store in the folder."""
    from openfunction_py.apiserver import testing  # noqa: PLC0415 - the real server needs none of it

    with testing.start(folder) as started:
        yield Server("embedded", started.endpoint)


@contextmanager
def kubernetes(folder: Path) -> Iterator[Server]:
    """A real kube-apiserver with the definitions of all the kinds we use."""
    kubeconfig = real.start(folder)
    try:
        endpoint = config.load(kubeconfig, context="token")
        install_definitions(endpoint)
        yield Server("real", endpoint)
    finally:
        real.stop(folder)


def require_real() -> None:
    """Skip, or fail where the suite must be whole, when the real server is not built."""
    absent = real.missing()
    if absent:
        require.missing(f"{' and '.join(absent)} are not built; run `make wire`")


def install_definitions(endpoint: Endpoint) -> None:
    """Give the server every kind of the scheme that is not built into it, and wait until it serves them."""
    wanted = [one for one in scheme.RESOURCES if not one.builtin]
    published = _published()
    door = OneShot(endpoint)
    for resource in wanted:
        document = published.get((resource.group, resource.plural)) or orjson.dumps(_definition(resource))
        code, body = door.request("POST", CRDS, body=document, headers={"Content-Type": "application/yaml"})
        assert code in {201, 409}, body.decode()
    for resource in wanted:
        _until_served(door, resource)
    door.close()


def _published() -> dict[tuple[str, str], bytes]:
    """The definitions that the projects themselves publish, where this machine has them."""
    places = [os.environ.get("OFN_TEST_CRDS"), ROOT / "shared/data/crds", ROOT.parent / "shared/data/crds"]
    found: dict[tuple[str, str], bytes] = {}
    for folder in (Path(place) for place in places if place):
        for path in sorted(folder.rglob("*.yaml")):
            text = path.read_text()
            group, plural = (
                re.search(rf"^ +{key}: (\S+)$", text, re.MULTILINE) for key in ("group", "plural")
            )
            if group and plural:
                found.setdefault((group[1], plural[1]), text.encode())
    return found


def _definition(resource: Resource) -> dict[str, Any]:
    return crds.crd(resource) if resource.schema else _permissive(resource)


def _permissive(resource: Resource) -> dict[str, Any]:
    """A definition that takes any fields, for a kind of somebody else's."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": resource.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}} if "status" in resource.subresources else {},
        "schema": {"openAPIV3Schema": anything},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{resource.plural}.{resource.group}",
            # groups of Kubernetes' own are guarded; the annotation says that this is no release of theirs
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": resource.group,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "names": {"kind": resource.kind, "plural": resource.plural, "singular": resource.singular},
            "versions": [version],
        },
    }


def _until_served(door: OneShot, resource: Resource) -> None:
    pause = threading.Event()
    for _ in range(600):
        code, _ = door.request("GET", resource.path())
        if code == 200:
            return
        pause.wait(0.05)
    raise AssertionError(f"the server does not serve {resource.plural}.{resource.group} after 30 s: {code}")
