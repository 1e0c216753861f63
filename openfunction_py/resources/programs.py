"""Programs of the eventing image as Deployments, and the folders of documents that they read.

Documents are packed into ConfigMaps of at most half a mebibyte, so that one that changes rewrites one of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openfunction_py.api import meta
from openfunction_py.api.upstream.apps import Deployment
from openfunction_py.api.upstream.core import ConfigMap

IMAGE = "openfunction/eventing"
FOLDER = "/etc/openfunction"
JOURNAL = "/var/lib/openfunction/journal"
PORT = 8080
GRACE_SECONDS = 60
# A ConfigMap may have a mebibyte as it travels; half of it leaves room for what a server adds.
LIMIT = 512 * 1024
_COMFORTABLE = LIMIT // 2
# Names of Services → addresses, where the platform has no DNS; on a cluster nobody writes it.
HOSTS = "openfunction-hosts"

Document = dict[str, Any]


class TooLargeError(ValueError):
    """A document that no ConfigMap can hold."""

    def __init__(self, name: str, size: int) -> None:
        """Keep the file's name and its size in bytes."""
        self.name = name
        self.size = size
        super().__init__(f"{name} has {size} bytes; at most {LIMIT} fit into a ConfigMap; make it several")


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the image: what it is, under which name, with which labels, whose it is."""

    word: str
    name: str
    namespace: str
    labels: Mapping[str, str]
    owner: meta.OwnerReference

    def metadata(self, name: str = "") -> Document:
        """Metadata of something that belongs to it."""
        return {
            "name": name or self.name,
            "namespace": self.namespace,
            "labels": dict(self.labels),
            "ownerReferences": [self.owner.to_wire()],
        }


def text_of(document: object) -> str:
    """A document as a file."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def config_maps(program: Program, files: Mapping[str, str]) -> list[ConfigMap]:
    """File name → text, in ConfigMaps `<program>-<number>`.

    Raises:
        TooLargeError: a file is larger than a ConfigMap may be.
    """
    sizes = {name: len(name) + len(text.encode()) for name, text in files.items()}
    for name, size in sizes.items():
        if size > LIMIT:
            raise TooLargeError(name, size)
    count = max(1, -(-sum(sizes.values()) // _COMFORTABLE))
    packed = _packed(files, count)
    while any(sum(sizes[name] for name in one) > LIMIT for one in packed):
        count += 1
        packed = _packed(files, count)
    return [
        ConfigMap.model_validate({"metadata": program.metadata(f"{program.name}-{number}"), "data": one})
        for number, one in enumerate(packed)
    ]


def _packed(files: Mapping[str, str], count: int) -> list[dict[str, str]]:
    """A file's place depends on its name alone, so that it stays when others come and go."""
    packed: list[dict[str, str]] = [{} for _ in range(count)]
    for name in sorted(files):
        number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) % count
        packed[number][name] = files[name]
    return packed


@dataclass(frozen=True, slots=True)
class Mounts:
    """What a program sees below its folder: ConfigMaps and a Secret of documents, and Secrets by key."""

    config_maps: Sequence[str] = ()
    documents: str = ""
    secrets: Sequence[str] = ()


def deployment(program: Program, mounts: Mounts, *, replicas: int | None = 1) -> Deployment:
    """The program running; `replicas` None leaves their number to a scaler."""
    body: Document = {
        "selector": {"matchLabels": dict(program.labels)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": {"metadata": {"labels": dict(program.labels)}, "spec": _pod(program, mounts)},
    }
    if replicas is not None:
        body["replicas"] = replicas
    return Deployment.model_validate({"metadata": program.metadata(), "spec": body})


def _pod(program: Program, mounts: Mounts) -> Document:
    given = [*_volumes(mounts), ("journal", JOURNAL, {"emptyDir": {}})]
    address = {"name": "HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    container = {
        "name": program.word,
        "image": IMAGE,
        "args": [program.word, "--config", FOLDER],
        "env": [address],
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": PORT}, "periodSeconds": 1},
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": PORT},
            "periodSeconds": 10,
            "failureThreshold": 6,
        },
        "volumeMounts": [{"name": name, "mountPath": path} for name, path, _ in given],
    }
    return {
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "enableServiceLinks": False,
        "containers": [container],
        "volumes": [{"name": name, **source} for name, _, source in given],
    }


def _volumes(mounts: Mounts) -> list[tuple[str, str, Document]]:
    """Name, path and source of each."""
    found: list[tuple[str, str, Document]] = [
        (f"config-{number}", f"{FOLDER}/{name}", {"configMap": {"name": name}})
        for number, name in enumerate(mounts.config_maps)
    ]
    if mounts.documents:
        found.append(("documents", f"{FOLDER}/documents", {"secret": {"secretName": mounts.documents}}))
    found += [
        (f"secret-{number}", f"{FOLDER}/secrets/{name}", {"secret": {"secretName": name}})
        for number, name in enumerate(mounts.secrets)
    ]
    return [*found, ("hosts", f"{FOLDER}/hosts", {"configMap": {"name": HOSTS, "optional": True}})]
