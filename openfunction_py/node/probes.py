"""Probes of a container: one attempt over HTTP or TCP, and what a probe's fields default to.

It decides nothing about the container; who probes draws the conclusions.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from openfunction_py.api.upstream import core

MAX_HEAD = 1 << 14


@dataclass(frozen=True, slots=True)
class Target:
    """Where a probe looks: address, port, and a path when it speaks HTTP."""

    host: str
    port: int
    path: str = ""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a probe is made and how many failures count; Kubernetes' defaults."""

    initial_delay: float
    period: float
    timeout: float
    failures: int


def rhythm(probe: core.Probe) -> Rhythm:
    """The fields of a probe with their defaults."""
    return Rhythm(
        initial_delay=float(probe.initial_delay_seconds or 0),
        period=float(probe.period_seconds or 10),
        timeout=float(probe.timeout_seconds or 1),
        failures=int(probe.failure_threshold or 3),
    )


def target(probe: core.Probe, container: core.Container, *, address: str, port: int) -> Target | None:
    """Where a probe looks; port 0 means the container's own, as Knative writes it. None for other kinds."""
    if probe.http_get is not None:
        chosen = _port(probe.http_get.port, container, default=port)
        return Target(probe.http_get.host or address, chosen, probe.http_get.path or "/")
    if probe.tcp_socket is not None:
        return Target(probe.tcp_socket.host or address, _port(probe.tcp_socket.port, container, default=port))
    return None


def _port(port: int | str, container: core.Container, *, default: int) -> int:
    if isinstance(port, str) and not port.isdigit():
        return next((one.container_port for one in container.ports if one.name == port), default)
    return int(port) or default


async def succeeds(where: Target, *, seconds: float) -> bool:
    """One attempt; HTTP succeeds with a status from 200 to 399."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(where.host, where.port, limit=MAX_HEAD)
            try:
                return not where.path or await _answers(where, reader, writer)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
        return False


async def _answers(where: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(
        f"GET {where.path} HTTP/1.1\r\nHost: {where.host}:{where.port}\r\n"
        f"User-Agent: kube-probe/openfunction\r\nConnection: close\r\n\r\n".encode()
    )
    line = await reader.readline()
    version, _, rest = line.partition(b" ")
    return version.startswith(b"HTTP/1.") and 200 <= int(rest[:3]) < 400
