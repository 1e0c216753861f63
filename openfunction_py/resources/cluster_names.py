"""Cluster names → addresses, from Services and their EndpointSlices; what DNS and kube-proxy do on a cluster.

Pure; a name that is none of a Service has no addresses here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from openfunction_py.api.upstream.core import Service
from openfunction_py.api.upstream.discovery import EndpointSlice

SERVICE_LABEL = "kubernetes.io/service-name"
DOMAIN = "cluster.local"
_IN_TEXT = re.compile(r"(?P<host>[a-z0-9.-]+\.svc(?:\.cluster\.local)?)(?::(?P<port>\d+))?")
_USUAL_PORT = 80


@dataclass(frozen=True, slots=True)
class Name:
    """A Service, or one Pod behind it by its hostname."""

    namespace: str
    service: str
    pod: str = ""


def read(host: str, *, namespace: str = "", domain: str = DOMAIN) -> Name | None:
    """What a host name means; a short one is of `namespace`. None for an address and for a name outside."""
    labels = host.lower().rstrip(".").removesuffix(f".{domain}").split(".")
    if all(label.isdigit() for label in labels) or ":" in host or not host:
        return None
    if labels[-1] == "svc":
        labels = labels[:-1]
        if len(labels) == 3:
            return Name(labels[2], labels[1], labels[0])
        return Name(labels[1], labels[0]) if len(labels) == 2 else None
    if len(labels) == 1 and namespace and labels != ["localhost"]:
        return Name(namespace, labels[0])
    return Name(labels[1], labels[0]) if len(labels) == 2 and labels[1] != "localhost" else None


def is_inside(host: str) -> bool:
    """Whether a name says itself that it is one of the cluster, so that no other network knows it."""
    return re.search(rf"\.svc(\.|$)|\.{re.escape(DOMAIN)}\.?$", host.lower()) is not None


def addresses(
    name: Name, port: int, *, service: Service | None, slices: Iterable[EndpointSlice], ready: bool = True
) -> list[tuple[str, int]]:
    """Host and port of each endpoint; only of those that are ready, unless told otherwise."""
    if service is None:
        return []
    return [
        (address, target)
        for one in slices
        if one.metadata.labels.get(SERVICE_LABEL) == name.service
        for target in [_target(service, one, port)]
        for endpoint in one.endpoints
        if endpoint.conditions.ready is not False or not ready
        if not name.pod or name.pod in (endpoint.hostname, _pod(endpoint.target_ref))
        for address in endpoint.addresses
    ]


def _pod(reference: object) -> str:
    return str(getattr(reference, "name", ""))


def _target(service: Service, one: EndpointSlice, port: int) -> int:
    """The Pod's port behind a Service's; a port that the Service does not list is the Pod's own."""
    wanted = next((listed.name for listed in service.spec.ports if listed.port == port), None)
    found: Sequence[int | None] = [listed.port for listed in one.ports if listed.name == (wanted or "")]
    return (found[0] if found and wanted is not None else None) or port


def named(text: str, *, namespace: str) -> list[Name]:
    """The Services that a setting names in full."""
    found = (read(one["host"], namespace=namespace) for one in _IN_TEXT.finditer(text))
    return [one for one in found if one is not None]


def placed(text: str, *, namespace: str, find: Callable[[Name, int], Sequence[tuple[str, int]]]) -> str:
    """A setting with the first address of each Service that it names; a name that has none stays as it is."""

    def address(found: re.Match[str]) -> str:
        name = read(found["host"], namespace=namespace)
        there = find(name, int(found["port"] or _USUAL_PORT)) if name else ()
        return f"{there[0][0]}:{there[0][1]}" if there else found[0]

    return _IN_TEXT.sub(address, text)
