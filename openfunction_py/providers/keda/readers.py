"""Readers of metrics, one per trigger type, and the table of them.

They measure; what a measurement means is decided in `autoscaling.scalers`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import SplitResult, urlencode, urlsplit

import aiohttp

from openfunction_py.api.upstream import core, discovery
from openfunction_py.autoscaling import scalers
from openfunction_py.autoscaling.scalers import Reading, ScalerError
from openfunction_py.controller import manager as managers
from openfunction_py.providers.keda import nats
from openfunction_py.providers.keda.parameters import Look
from openfunction_py.resources import cluster_names

# KEDA's timeout for every question over HTTP (cmd/operator/main.go).
TIMEOUT = 3.0


class Scaler(Protocol):
    """Reads one type of trigger."""

    async def read(self, look: Look, now: datetime) -> Reading:
        """What is measured now; raises ScalerError."""
        ...


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
            if host.endswith(cluster_names.DOMAIN):
                raise ScalerError(f"there is no Service {name.service} in {name.namespace}")
            return [(host, port)]
        slices = self._slices.list(name.namespace, labels={cluster_names.SERVICE_LABEL: name.service})
        found = cluster_names.addresses(name, port, service=service, slices=slices)
        if not found:
            raise ScalerError(f"the Service {name.service} in {name.namespace} has no ready endpoint")
        return found

    async def ask(self, url: str, *, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON of an answer 200; raises ScalerError."""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session,
                session.get(url, headers=headers) as answer,
            ):
                if answer.status != 200:
                    raise ScalerError(f"{url} answers {answer.status}")
                return await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ScalerError(f"{url} cannot be read: {error or type(error).__name__}") from error


class Cron:
    """Replicas inside an interval."""

    async def read(self, look: Look, now: datetime) -> Reading:
        """The replicas that are wanted now; raises ScalerError."""
        options = scalers.CronOptions(
            look.required("timezone"),
            look.required("start"),
            look.required("end"),
            math.trunc(look.number("desiredReplicas", 1)),
        )
        return scalers.cron(options, now)


class Prometheus:
    """The value of an instant query."""

    def __init__(self, network: Network) -> None:
        """Ask through this network."""
        self._network = network

    async def read(self, look: Look, now: datetime) -> Reading:
        """The query's one value; raises ScalerError."""
        asked = urlencode({"query": look.required("query"), "time": now.isoformat()})
        server = urlsplit(look.required("serverAddress").rstrip("/"))
        host, port = self._network.places(server.hostname or "", _port(server), namespace=look.namespace)[0]
        token = look.settings.get("bearerToken")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"{server.scheme}://{host}:{port}{server.path}/api/v1/query?{asked}"
        answer = await self._network.ask(url, headers=headers)
        return scalers.prometheus(
            _samples(answer),
            threshold=float(look.required("threshold")),
            activation=look.number("activationThreshold", 0.0),
            ignore_nulls=look.settings.get("ignoreNullValues", "true").lower() != "false",
        )


def _port(server: SplitResult) -> int:
    return server.port or (443 if server.scheme == "https" else 80)


def _samples(answer: Any) -> list[float | None]:
    try:
        data = answer["data"]
        result = data["result"] or []
        pairs = [result] if data.get("resultType") == "scalar" else [one["value"] for one in result]
        return [None if pair[1] is None else float(pair[1]) for pair in pairs]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ScalerError("the answer is none of Prometheus") from error


class JetStream:
    """Messages that a durable consumer has not settled."""

    def __init__(self, network: Network) -> None:
        """Ask through this network."""
        self._network = network

    async def read(self, look: Look, now: datetime) -> Reading:  # noqa: ARG002 - a backlog has no clock
        """The consumer's backlog; raises ScalerError."""
        found = await self.consumer(look)
        counts = scalers.NatsConsumer(found.num_pending, found.num_ack_pending) if found else None
        return scalers.nats_jetstream(
            counts,
            threshold=math.trunc(look.number("lagThreshold", scalers.LAG_THRESHOLD)),
            activation=math.trunc(look.number("activationLagThreshold", 0)),
        )

    async def consumer(self, look: Look) -> nats.Consumer | None:
        """The consumer as its leader, else any server, tells it; raises ScalerError."""
        endpoint, default = look.required("natsServerMonitoringEndpoint"), 8222
        scheme = "https" if look.settings.get("useHttps", "").lower() == "true" else "http"
        host, _, port = endpoint.partition(":")
        places = self._network.places(
            host, int(port) if port.isdigit() else default, namespace=look.namespace
        )
        account = look.settings.get("account") or look.settings.get("accountID") or "$G"
        found = None
        for address, number in places:
            base = f"{scheme}://{address}:{number}"
            answer = await self._network.ask(f"{base}/jsz?acc={account}&consumers=true&config=true")
            one = nats.find(answer, stream=look.required("stream"), consumer=look.required("consumer"))
            if one is not None and (one.is_leader or found is None):
                found = one
        return found

    async def door(self, look: Look) -> tuple[str, int] | None:
        """Where the broker takes clients; None when it asks them who they are. Raises ScalerError."""
        host, _, port = look.required("natsServerMonitoringEndpoint").partition(":")
        address, number = self._network.places(
            host, int(port) if port.isdigit() else 8222, namespace=look.namespace
        )[0]
        known = await self._network.ask(f"http://{address}:{number}/varz")
        if known.get("auth_required") or known.get("tls_required"):
            return None
        return address, int(known.get("port", 4222))


class Readers:
    """Every type of trigger that can be read here."""

    def __init__(self, manager: managers.Manager) -> None:
        """Make one reader per type."""
        network = Network(manager)
        self.jetstream = JetStream(network)
        self._table: dict[str, Scaler] = {
            "cron": Cron(),
            "prometheus": Prometheus(network),
            "nats-jetstream": self.jetstream,
        }

    async def read(self, look: Look, now: datetime) -> Reading:
        """What a trigger measures now, within the time a question may take; raises ScalerError."""
        reader = self._table.get(look.type)
        if reader is None:
            known = ", ".join(sorted(self._table))
            raise ScalerError(
                f"no scaler found for the trigger type {look.type}; this platform reads {known}"
            )
        try:
            async with asyncio.timeout(2 * TIMEOUT):
                return await reader.read(look, now)
        except TimeoutError as error:
            raise ScalerError(
                f"the trigger {look.name} took longer than {2 * TIMEOUT:g} s to read"
            ) from error
