"""Names of Services are looked up in the mounted table at every connection, whichever library connects."""

from __future__ import annotations

import asyncio
from pathlib import Path

from openfunction_eventing import documents, loops
from tests.eventing import brokers, programs

NAME = "bus.shop.svc.cluster.local"


async def _said_by(port: int) -> bytes:
    reader, writer = await asyncio.open_connection(NAME, port)
    try:
        return await reader.read()
    finally:
        writer.close()


async def _serving(word: bytes) -> asyncio.Server:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(word)
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def test_a_connection_goes_where_the_table_says_now(tmp_path: Path) -> None:
    def names(*addresses: str) -> None:
        table = documents.Hosts({f"{NAME}:4222": addresses})
        programs.write(tmp_path / loops.HOSTS, "hosts", table)

    async def story() -> list[bytes]:
        first, second = await _serving(b"first"), await _serving(b"second")
        names(f"127.0.0.1:{_port(first)}")
        heard = [await _said_by(4222)]
        names(f"127.0.0.1:{_port(second)}")
        heard.append(await _said_by(4222))
        names(f"127.0.0.1:{brokers.free_port()}", f"127.0.0.1:{_port(second)}")
        heard += [await _said_by(4222), await _said_by(4222)]
        first.close()
        second.close()
        return heard

    with asyncio.Runner(loop_factory=loops.factory(tmp_path)) as runner:
        assert runner.run(story()) == [b"first", b"second", b"second", b"second"]


def test_without_a_table_a_name_is_one_of_dns(tmp_path: Path) -> None:
    async def story() -> bytes:
        server = await _serving(b"here")
        reader, writer = await asyncio.open_connection("localhost", _port(server), family=2)
        heard = await reader.read()
        writer.close()
        server.close()
        return heard

    with asyncio.Runner(loop_factory=loops.factory(tmp_path)) as runner:
        assert runner.run(story()) == b"here"
