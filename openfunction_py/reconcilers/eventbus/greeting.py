"""A broker's first answer: whether it is there, and whether it lets us in.

It subscribes to nothing and publishes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

TIMEOUT = 3.0
_API_VERSIONS = 18
_MECHANISMS = {"sha-256": "SCRAM-SHA-256", "sha-512": "SCRAM-SHA-512"}


class UnreachableError(Exception):
    """Nobody answers there, or somebody who is no such broker."""


class RefusedError(Exception):
    """The broker does not take the credentials."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where a broker listens, by which name it is known, and what it is told of us."""

    host: str
    port: int
    name: str
    credentials: dict[str, str] = field(default_factory=dict)
    tls: bool = False
    unknown: str = ""  # that there is no Service, where the name could be one's


Greet = Callable[[Door], Awaitable[None]]


async def nats(door: Door) -> None:
    """Return when a NATS server with JetStream takes us.

    Raises:
        UnreachableError: there is none.
        RefusedError: it does not let us in.
    """
    async with _connected(door) as (reader, writer):
        info = json.loads((await reader.readline()).removeprefix(b"INFO ") or b"{}")
        if not info:
            raise UnreachableError(f"what listens at {door.name} is no NATS server")
        if not info.get("jetstream"):
            raise UnreachableError(f"the NATS server at {door.name} runs without JetStream; switch it on")
        if door.tls or info.get("tls_required"):
            await writer.start_tls(ssl.create_default_context(), server_hostname=door.host)
        hello = {"verbose": False, "pedantic": False, "lang": "python", "version": "1", **door.credentials}
        writer.write(f"CONNECT {json.dumps(hello)}\r\nPING\r\n".encode())
        await _taken(reader, door)


async def _taken(reader: asyncio.StreamReader, door: Door) -> None:
    while line := await reader.readline():
        if line.startswith(b"PONG"):
            return
        if line.startswith(b"-ERR"):
            said = line.decode(errors="replace")[4:].strip().strip("'")
            raise RefusedError(f"the NATS server at {door.name} refuses us: {said}; correct the credentials")
    raise RefusedError(f"the NATS server at {door.name} ends the connection; correct the credentials")


async def kafka(door: Door) -> None:
    """Return when a Kafka broker takes us, or answers what it speaks where it asks nobody's name.

    Raises:
        UnreachableError: there is none.
        RefusedError: it does not let us in.
    """
    await (_kafka_login(door) if door.credentials else _kafka_versions(door))


async def _kafka_versions(door: Door) -> None:
    async with _connected(door) as (reader, writer):
        name = b"openfunction"
        asked = struct.pack(">hhih", _API_VERSIONS, 0, 1, len(name)) + name
        writer.write(struct.pack(">i", len(asked)) + asked)
        size, number, error = struct.unpack(">iih", await reader.readexactly(10))
        if number != 1 or error or not 10 <= size < 1 << 16:
            raise UnreachableError(f"what listens at {door.name} is no Kafka broker")


async def _kafka_login(door: Door) -> None:
    from aiokafka import conn, errors  # noqa: PLC0415 - who has no Kafka needs no client of it

    try:
        made = await conn.create_conn(
            door.host,
            door.port,
            client_id="openfunction",
            request_timeout_ms=int(TIMEOUT * 1000),
            security_protocol="SASL_SSL" if door.tls else "SASL_PLAINTEXT",
            ssl_context=ssl.create_default_context() if door.tls else None,
            sasl_mechanism=_MECHANISMS.get(door.credentials.get("mechanism", ""), "PLAIN"),
            sasl_plain_username=door.credentials["user"],
            sasl_plain_password=door.credentials["pass"],
        )
    except (
        errors.AuthenticationFailedError,
        errors.SaslAuthenticationFailed,
        errors.UnsupportedSaslMechanismError,
        errors.IllegalSaslStateError,
    ) as error:
        sentence = f"the Kafka broker at {door.name} refuses us: {error}; correct the credentials"
        raise RefusedError(sentence) from error
    except (errors.KafkaError, OSError, ValueError) as error:
        raise UnreachableError(_silence(door, error)) from error
    made.close()


@asynccontextmanager
async def _connected(door: Door) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(door.host, door.port)
            try:
                yield reader, writer
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, ValueError, asyncio.IncompleteReadError) as error:
        raise UnreachableError(_silence(door, error)) from error


def _silence(door: Door, error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        why = "the network does not know that name"
    elif isinstance(error, TimeoutError):
        why = f"no answer within {TIMEOUT:g} s"
    else:
        why = str(error) or type(error).__name__
    return f"nobody answers at {door.name}: {why}{f', and {door.unknown}' if door.unknown else ''}"
