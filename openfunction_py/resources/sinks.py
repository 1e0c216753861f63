"""Sinks of event objects → URLs among functions.

It renders names; whether somebody answers there is a reconciler's business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from openfunction_py.api import gateways
from openfunction_py.api.events import Sink

# The address that functions had before they had names of their own: http://openfunction.io.svc.cluster.local/<ns>/<fn>
_OLD = re.compile(r"openfunction(\.io)?\.svc(\..+)?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where names of a document are looked up."""

    namespace: str
    domain: str = gateways.CLUSTER_DOMAIN


def url_of(sink: Sink | None, place: Place) -> str:
    """The URL of a sink; empty without one."""
    if sink is None:
        return ""
    if sink.uri:
        return _today(sink.uri, place.domain)
    if sink.ref is None or not sink.ref.name:
        return ""
    return f"http://{host_of(sink.ref.name, sink.ref.namespace or place.namespace, place.domain)}/"


def host_of(name: str, namespace: str, domain: str) -> str:
    """The name that a Function or Service has in the cluster."""
    return f"{name}.{namespace}.svc.{domain}"


def _today(uri: str, domain: str) -> str:
    parts = urlsplit(uri)
    path = parts.path.strip("/").split("/", 2)
    if not _OLD.fullmatch(parts.hostname or "") or len(path) < 2:
        return uri
    rest = path[2] if len(path) > 2 else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{host_of(path[1], path[0], domain)}/{rest}{query}"


def services_of(sink: Sink | None, place: Place) -> list[tuple[str, str]]:
    """Namespace and name of the Service that must exist for a sink in the cluster; none for one outside."""
    host = urlsplit(url_of(sink, place)).hostname or ""
    match = re.fullmatch(rf"([^.]+)\.([^.]+)(?:\.svc(?:\.{re.escape(place.domain)})?)?", host)
    inside = match is not None and (".svc" in host or (sink is not None and sink.uri is None))
    return [(match[2], match[1])] if match and inside else []
