"""Event objects as the command line needs them: buses as components, addresses of Services, doors of programs."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from openfunction_py.api import gateways
from openfunction_py.api.eventbuses import ClusterEventBus, EventBus
from openfunction_py.api.upstream.core import Service
from openfunction_py.api.upstream.discovery import EndpointSlice
from openfunction_py.cli import failures, kinds, target
from openfunction_py.resources import cluster_names, event_buses, programs
from openfunction_py.resources.event_buses import Bus

GROUP = "events.openfunction.io"
SOURCE = kinds.Kind(GROUP, "v1alpha1", "eventsources", "EventSource", ("es",))
BUS = kinds.Kind(GROUP, "v1alpha1", "eventbuses", "EventBus", ("eb",))
WIDE = kinds.Kind(GROUP, "v1alpha1", "clustereventbuses", "ClusterEventBus", ("ceb",), namespaced=False)
SERVICE = kinds.Kind("", "v1", "services", "Service")
SECRET = kinds.Kind("", "v1", "secrets", "Secret")
SLICE = kinds.Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")


def bus(there: target.Target, name: str, namespace: str) -> Bus:
    """The bus of a name for a namespace: its own comes before the cluster's. Raises NotFoundFailure."""
    wide = [one for one in there.items(WIDE, "") if one["metadata"]["name"] == name]
    own = [one for one in there.items(BUS, namespace) if one["metadata"]["name"] == name]
    if own:
        return EventBus.model_validate(own[0])
    if wide:
        return ClusterEventBus.model_validate(wide[0])
    raise failures.NotFoundFailure(there.missing(BUS, name, namespace))


def component(there: target.Target, found: Bus) -> dict[str, Any]:
    """The bus as a Component with addresses instead of names of Services, and values instead of Secrets."""
    made: dict[str, Any] = event_buses.component(found, domain=gateways.CLUSTER_DOMAIN).to_wire()
    home = event_buses.home_of(found)
    for one in made["spec"]["metadata"]:
        reference = one.pop("secretKeyRef", None)
        if reference is not None:
            held = there.get(SECRET, reference["name"], home)["data"].get(reference["key"], "")
            one["value"] = base64.b64decode(held).decode()
        if one["name"] in ("natsURL", "brokers"):
            urls = str(one["value"]).split(",")
            one["value"] = ",".join(_reached(there, url.strip(), home) for url in urls)
    return made


def _reached(there: target.Target, url: str, namespace: str) -> str:
    parts = urlsplit(url if "//" in url else f"//{url}")
    name = cluster_names.read(parts.hostname or "", namespace=namespace)
    if name is None or not str(parts.hostname).endswith((".svc", f".{gateways.CLUSTER_DOMAIN}")):
        return url
    places = addresses(there, name, parts.port or 0)
    if not places:
        raise failures.NoPlatformFailure(
            f"the Service {name.service} in {name.namespace} has no ready Pod; see `ofn get pods -n {name.namespace}`"
        )
    return url.replace(parts.netloc.rpartition("@")[2], "{}:{}".format(*places[0]))


def addresses(there: target.Target, name: cluster_names.Name, port: int) -> list[tuple[str, int]]:
    """Where the ready Pods of a Service are."""
    service = Service.model_validate(there.get(SERVICE, name.service, name.namespace))
    label = f"{cluster_names.SERVICE_LABEL}={name.service}"
    found = [EndpointSlice.model_validate(one) for one in there.items(SLICE, name.namespace, labels=label)]
    return cluster_names.addresses(name, port, service=service, slices=found)


def doors(there: target.Target, label: str, namespace: str = "") -> Iterator[tuple[str, str]]:
    """Name and address of each running Pod of the event programs with a label."""
    for pod in there.items(kinds.POD, namespace, labels=label):
        status = pod.get("status") or {}
        if status.get("phase") == "Running" and status.get("podIP"):
            host = status["podIP"]
            shown = f"[{host}]" if ":" in host else host
            yield pod["metadata"]["name"], f"http://{shown}:{programs.PORT}"


def attribute(text: str) -> tuple[str, str]:
    """Name and value of `NAME=VALUE`. Raises UsageFailure."""
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[a-z0-9]+", name):
        raise failures.UsageFailure(
            f"{text!r} is no attribute of an event; write name=value, the name in lower case"
        )
    return name, value
