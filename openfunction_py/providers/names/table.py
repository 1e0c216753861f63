"""The table of cluster names, from Services, endpoints and Knative Services.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from openfunction_py.api.gateways import CLUSTER_DOMAIN
from openfunction_py.api.upstream.core import PodSpec, Service
from openfunction_py.api.upstream.discovery import EndpointSlice
from openfunction_py.api.upstream.knative import KnativeService
from openfunction_py.resources import cluster_names, labels, programs

REVISION = "serving.knative.dev/revision"


def shows(spec: PodSpec) -> bool:
    """Whether a Pod mounts the table."""
    return any(one.config_map is not None and one.config_map.name == programs.HOSTS for one in spec.volumes)


def host(name: str, namespace: str) -> str:
    """A name in the cluster."""
    return f"{name}.{namespace}.svc.{CLUSTER_DOMAIN}"


def of_functions(services: Iterable[KnativeService], gateway: str) -> dict[str, tuple[str, ...]]:
    """Functions and their Knative Services, all at the gateway."""
    found: dict[str, tuple[str, ...]] = {}
    for one in services:
        about = one.metadata
        for name in (about.name, about.labels.get(labels.FUNCTION, about.name)):
            found[host(name, about.namespace)] = (gateway,)
    return found


def of_services(
    services: Iterable[Service], slices: Mapping[tuple[str, str], list[EndpointSlice]]
) -> dict[str, tuple[str, ...]]:
    """Every other Service, each port by itself; Pods of a StatefulSet by their own names too."""
    found: dict[str, tuple[str, ...]] = {}
    for service in services:
        about = service.metadata
        if REVISION in about.labels:
            continue
        near = slices.get((about.namespace, about.name), [])
        pods = {endpoint.target_ref.name for one in near for endpoint in one.endpoints if endpoint.target_ref}
        for port in service.spec.ports:
            for pod in ("", *sorted(pods if service.spec.cluster_ip == "None" else ())):
                name = cluster_names.Name(about.namespace, about.name, pod)
                there = cluster_names.addresses(name, port.port, service=service, slices=near)
                prefix = f"{pod}." if pod else ""
                key = f"{prefix}{host(about.name, about.namespace)}:{port.port}"
                found[key] = tuple(f"{address}:{number}" for address, number in there)
    return {key: value for key, value in found.items() if value}
