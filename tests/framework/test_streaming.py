"""Answers in pieces: framing, the reader's pace, a client that leaves, an answer that breaks off."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest

from functions_framework import response, settings, signatures
from functions_framework.connections import presence
from functions_framework.connections.exchange import Exchange
from functions_framework.program import Program
from functions_framework.registry import Note
from functions_framework.request import Request
from functions_framework.serving import server
from tests.framework import http

Script = Callable[[Exchange], Coroutine[None, None, None]]


async def _never(request: Request) -> str:
    return "unused"


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[int]:
    """A server whose requests are answered by this script; gives the port."""
    loop = asyncio.get_running_loop()
    function = signatures.adapt("tested", _never, Note("http"))
    site = server.Server(Program((function,)), settings.InstanceSettings(settle=0.01), loop)
    async with asyncio.TaskGroup() as group:

        def begin(exchange: Exchange) -> None:
            group.create_task(script(exchange))

        site.begin = begin  # type: ignore[method-assign]  # the script stands in for the dispatcher
        listener = server.bind("127.0.0.1", 0)
        port = listener.getsockname()[1]
        await site.start(listener)
        try:
            yield port
        finally:
            await site.close()


async def three(exchange: Exchange) -> None:
    if exchange.request.path == "/plain":
        exchange.send(response.plain(200, "plain"))
        return
    exchange.open(200, b"content-type: text/plain\r\n")
    for piece in (b"one", b"", b"two", b"three"):
        await exchange.write(piece)
    exchange.close()


async def raw(port: int, sent: bytes) -> bytes:
    client = await http.Client.open(port)
    await client.send(sent)
    client.writer.write_eof()
    got = await asyncio.wait_for(client.reader.read(), 20)
    client.close()
    return got


async def test_pieces_are_chunks_and_the_connection_is_kept() -> None:
    async with scripted(three) as port:
        client = await http.Client.open(port)
        for _ in range(2):
            await client.send(http.request("/"))
            head = await client.reader.readuntil(b"\r\n\r\n")
            assert b"transfer-encoding: chunked\r\n" in head
            assert b"connection:" not in head
            expected = b"3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"
            assert await client.reader.readexactly(len(expected)) == expected
        client.close()


async def test_pipelined_requests_wait_for_the_end_of_a_stream() -> None:
    async with scripted(three) as port:
        client = await http.Client.open(port)
        await client.send(http.request("/") + http.request("/plain") + http.request("/"))
        await client.reader.readuntil(b"0\r\n\r\n")
        assert (await client.reply()).body == b"plain\n"
        await client.reader.readuntil(b"0\r\n\r\n")
        client.close()


async def test_an_old_client_gets_a_body_that_ends_with_the_connection() -> None:
    async with scripted(three) as port:
        got = await raw(port, b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    head, _, body = got.partition(b"\r\n\r\n")
    assert body == b"onetwothree"
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head


async def test_head_gets_the_head_of_the_stream_alone() -> None:
    async with scripted(three) as port:
        client = await http.Client.open(port)
        await client.send(http.request("/", method="HEAD") + http.request("/plain"))
        assert "transfer-encoding" in (await client.reply(head=True)).headers
        assert (await client.reply()).body == b"plain\n"
        client.close()


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_a_stream_that_breaks_off_is_seen_by_the_client(version: bytes) -> None:
    read = asyncio.Event()

    async def broken(exchange: Exchange) -> None:
        exchange.open(200, b"")
        await exchange.write(b"half")
        await read.wait()
        exchange.abort()

    async with scripted(broken) as port:
        client = await http.Client.open(port)
        await client.send(b"GET / HTTP/" + version + b"\r\nhost: x\r\n\r\n")
        await client.reader.readuntil(b"half")
        read.set()
        if version == b"1.0":
            with pytest.raises(ConnectionResetError):
                await client.reader.read()
        else:
            assert await client.reader.read() == b"\r\n"
        client.close()


async def test_the_writer_waits_for_a_slow_reader() -> None:
    written, done = 0, asyncio.Event()

    async def much(exchange: Exchange) -> None:
        nonlocal written
        exchange.open(200, b"")
        for _ in range(200):
            await exchange.write(b"x" * 100_000)
            written += 1
        exchange.close()
        done.set()

    async with scripted(much) as port:
        client = await http.Client.open(port)
        await client.send(http.request("/"))
        await asyncio.sleep(0.3)
        assert 0 < written < 200
        body = await _chunked(client)
        assert len(body) == 20_000_000
        await asyncio.wait_for(done.wait(), 20)
        client.close()


async def _chunked(client: http.Client) -> bytes:
    await client.reader.readuntil(b"\r\n\r\n")
    body = b""
    while size := int(await client.reader.readuntil(b"\r\n"), 16):
        body += (await client.reader.readexactly(size + 2))[:-2]
    return body


async def test_a_client_that_leaves_a_stream_is_noticed_once() -> None:
    told, failed = [], asyncio.Event()

    async def endless(exchange: Exchange) -> None:
        exchange.on_gone = lambda: told.append(1)
        exchange.open(200, b"")
        try:
            while True:
                await exchange.write(b"x" * 100_000)
                await asyncio.sleep(0)
        except ConnectionResetError:
            exchange.close()
            failed.set()

    async with scripted(endless) as port:
        client = await http.Client.open(port)
        await client.send(http.request("/"))
        await client.reader.read(10)
        client.writer.transport.abort()
        await asyncio.wait_for(failed.wait(), 20)
    assert told == [1]


@pytest.mark.parametrize("how", ["reset", "closed"])
async def test_a_client_that_leaves_before_its_answer_is_noticed(how: str) -> None:
    entered, gone, told = asyncio.Event(), asyncio.Event(), []

    async def quiet(exchange: Exchange) -> None:
        def left() -> None:
            told.append(exchange.answered)
            gone.set()

        exchange.on_gone = left
        entered.set()
        await gone.wait()

    async with scripted(quiet) as port:
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(http.request("/"))
        await entered.wait()
        if how == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        await asyncio.wait_for(gone.wait(), 20)
    assert told == [False]


async def test_a_client_that_only_ends_its_side_gets_its_late_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = asyncio.Event()
    is_reset = presence._is_reset

    def look(own: socket.socket) -> bool:
        looked.set()
        return is_reset(own)

    async def late(exchange: Exchange) -> None:
        await looked.wait()
        exchange.send(response.plain(200, "late"))

    monkeypatch.setattr(presence, "_QUIET", 0.01)
    monkeypatch.setattr(presence, "_ROUND_TRIP", 0.01)
    monkeypatch.setattr(presence, "_is_reset", look)
    async with scripted(late) as port:
        got = await raw(port, http.request("/"))
    assert got.startswith(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert got.endswith(b"late\n")


async def test_the_first_answer_counts() -> None:
    async def twice(exchange: Exchange) -> None:
        exchange.send(response.plain(504, "late"))
        exchange.open(200, b"")
        with pytest.raises(ConnectionResetError):
            await exchange.write(b"x")
        exchange.close()
        exchange.abort()

    async with scripted(twice) as port:
        client = await http.Client.open(port)
        assert (await client.ask("/")).status == 504
        assert (await client.ask("/")).status == 504
        client.close()
