"""Names of Services → addresses, from a table that the platform writes; every other name goes to DNS.

It looks up; which addresses are ready is the platform's knowledge.
"""

from __future__ import annotations

import errno
import ipaddress
import itertools
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from openfunction_eventing.documents import Hosts

CLUSTER = ".svc.cluster.local"


class Resolver(AbstractResolver):
    """aiohttp's resolver with the table in front; the table may be replaced at any time."""

    def __init__(self, hosts: Hosts | None = None) -> None:
        """Start with a table, or without one."""
        self.hosts = hosts or Hosts()
        self._dns = ThreadedResolver()
        self._turn = itertools.count()

    def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """What the table says of a name; those of its port come before those of any port."""
        table, name = self.hosts.hosts, host.lower().rstrip(".")
        return table.get(f"{name}:{port}") or table.get(name) or ()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name, another one first each time.

        Raises:
            OSError: there is none.
        """
        found = self.addresses(host, port)
        if found:
            turn = next(self._turn) % len(found)
            return [_result(host, one) for one in (*found[turn:], *found[:turn])]
        if host.lower().rstrip(".").endswith(CLUSTER) and self.hosts.hosts:
            raise OSError(
                errno.ENOENT, f"no Service with a ready Pod is named {host}; create it, or correct the sink"
            )
        return await self._dns.resolve(host, port, family)

    async def places(self, host: str, port: int) -> list[tuple[str, int]]:
        """Address and port of each that answers to a name; raises OSError as `resolve` does."""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return [(one["host"], one["port"]) for one in await self.resolve(host, port, socket.AF_UNSPEC)]
        return [(host, port)]

    async def close(self) -> None:
        """Leave DNS."""
        await self._dns.close()


def _result(host: str, address: str) -> ResolveResult:
    ip, _, port = address.rpartition(":")
    plain = ip.strip("[]")
    family = socket.AF_INET6 if ":" in plain else socket.AF_INET
    return ResolveResult(
        hostname=host, host=plain, port=int(port), family=family, proto=0, flags=socket.AI_NUMERICHOST
    )
