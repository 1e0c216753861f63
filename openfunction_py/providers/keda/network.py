"""Questions over HTTP to hosts that may be names of Services.

It resolves and asks; what an answer means is its reader's business.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from openfunction_py.api.upstream import core, discovery
from openfunction_py.autoscaling.scalers import ScalerError
from openfunction_py.controller import manager as managers
from openfunction_py.resources import cluster_names

# KEDA's timeout for every question over HTTP (cmd/operator/main.go).
TIMEOUT = 3.0


@dataclass(frozen=True, slots=True)
class Way:
    """How a question is asked: its headers, what is trusted, and the name that a certificate must be for."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    context: ssl.SSLContext | None = None
    host: str = ""


class Network:
    """Questions over HTTP to hosts that may be names of Services."""

    def __init__(self, manager: managers.Manager) -> None:
        """Resolve through the manager's caches."""
        self._services = manager.lister(core.Service)
        self._slices = manager.lister(discovery.EndpointSlice)

    def places(self, host: str, port: int, *, namespace: str) -> list[tuple[str, int]]:
        """Where a host listens: endpoints of a Service, or the host itself; raises ScalerError."""
        name = cluster_names.read(host, namespace=namespace)
        if name is None:
            return [(host, port)]
        service = self._services.get(name.namespace, name.service)
        if service is None:
            if cluster_names.is_inside(host):
                raise ScalerError(f"there is no Service {name.service} in {name.namespace}")
            return [(host, port)]
        slices = self._slices.list(name.namespace, labels={cluster_names.SERVICE_LABEL: name.service})
        found = cluster_names.addresses(name, port, service=service, slices=slices)
        if not found:
            raise ScalerError(f"the Service {name.service} in {name.namespace} has no ready endpoint")
        return found

    async def ask(self, url: str, way: Way | None = None) -> Any:
        """The JSON of an answer 200; raises ScalerError."""
        way = way or Way()
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session,
                session.get(
                    url, headers=way.headers, ssl=way.context or True, server_hostname=way.host or None
                ) as answer,
            ):
                if answer.status != 200:
                    raise ScalerError(f"{url} answers {answer.status}")
                return await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ScalerError(f"{url} cannot be read: {str(error) or type(error).__name__}") from error
