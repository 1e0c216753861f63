"""Where the broker of a bus is and what it must be told: the address through Services, the password from its Secret.

It connects to nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from urllib.parse import urlsplit

from openfunction_py.api.eventbuses import KafkaBus
from openfunction_py.api.events import SecretKey
from openfunction_py.api.upstream import core, discovery
from openfunction_py.controller import manager as managers
from openfunction_py.kube import errors
from openfunction_py.reconcilers.eventbus.greeting import Door, UnreachableError
from openfunction_py.resources import cluster_names, event_buses, jetstream
from openfunction_py.resources.event_buses import Bus

KAFKA_PORT = 9092


class SecretMissingError(Exception):
    """A Secret or key that the bus names is not there."""


class Doors:
    """Resolves buses."""

    def __init__(self, manager: managers.Manager) -> None:
        """Read Services from the caches, Secrets from the server."""
        self._client = manager.client
        self._services = manager.lister(core.Service)
        self._slices = manager.lister(discovery.EndpointSlice)

    async def of(self, bus: Bus, *, domain: str) -> list[Door]:
        """Every address of the bus, in the order given.

        Raises:
            SecretMissingError: there is no such Secret or key.
            UnreachableError: a name of a Service leads nowhere.
        """
        kafka = bus.spec.kafka
        if kafka is not None:
            login, scheme = await self._login(kafka, bus), "tls" if _is_encrypted(kafka) else "kafka"
            addresses = [f"{scheme}://{one.strip()}" for one in kafka.brokers.split(",")]
            return [door for one in addresses for door in self._places(one, bus, login)]
        token = await self._token(bus)
        urls = event_buses.url_of(bus, domain).split(",")
        return [door for url in urls for door in self._places(url.strip(), bus, token)]

    async def _login(self, kafka: KafkaBus, bus: Bus) -> dict[str, str]:
        if not kafka.auth_required:
            return {}
        password, secret = kafka.sasl_password or "", kafka.sasl_password_secret
        if secret is not None and secret.name:
            password = await self._secret(secret, event_buses.home_of(bus))
        return {"user": kafka.sasl_username or "", "pass": password, "mechanism": kafka.sasl_mechanism or ""}

    async def _token(self, bus: Bus) -> dict[str, str]:
        reference = bus.spec.jet_stream.token_secret if bus.spec.jet_stream else None
        if reference is None or not reference.name:
            return {}
        return {"auth_token": await self._secret(reference, event_buses.home_of(bus))}

    async def _secret(self, reference: SecretKey, namespace: str) -> str:
        try:
            found = await self._client.get(core.Secret, reference.name, namespace=namespace)
            return base64.b64decode(found.data[reference.key]).decode()
        except (errors.NotFound, KeyError, binascii.Error, UnicodeDecodeError) as error:
            raise SecretMissingError(
                f"there is no Secret {reference.name} in {namespace} with a readable key {reference.key}; make it"
            ) from error

    def _places(self, url: str, bus: Bus, credentials: dict[str, str]) -> Iterator[Door]:
        parts = urlsplit(url if "//" in url else f"//{url}")
        host = parts.hostname or ""
        port = parts.port or (KAFKA_PORT if bus.spec.kafka is not None else jetstream.CLIENT_PORT)
        given = _login(parts.username, parts.password) or credentials
        known, tls = f"{host}:{port}", parts.scheme == "tls"
        name = cluster_names.read(host, namespace=event_buses.home_of(bus))
        service = self._services.get(name.namespace, name.service) if name else None
        if name is not None and service is not None:
            for address, number in self._endpoints(name, port, service):
                yield Door(address, number, known, given, tls=tls)
            return
        unknown = f"there is no Service {name.service} in {name.namespace}" if name else ""
        if unknown and cluster_names.is_inside(host):
            raise UnreachableError(f"{unknown}; create it")
        yield Door(host, port, known, given, tls=tls, unknown=unknown)

    def _endpoints(self, name: cluster_names.Name, port: int, service: core.Service) -> list[tuple[str, int]]:
        slices = self._slices.list(name.namespace, labels={cluster_names.SERVICE_LABEL: name.service})
        found = cluster_names.addresses(name, port, service=service, slices=slices)
        if not found:
            raise UnreachableError(f"the Service {name.service} in {name.namespace} has no ready Pod")
        return found


def _is_encrypted(kafka: KafkaBus) -> bool:
    """As in Dapr, who has to log in speaks TLS, unless it is told not to."""
    return bool(kafka.auth_required) and not kafka.disable_tls


def _login(user: str | None, password: str | None) -> dict[str, str]:
    """A URL's user is a token when it has no password."""
    if user is None:
        return {}
    return {"auth_token": user} if password is None else {"user": user, "pass": password}
