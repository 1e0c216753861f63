"""The door: who posts and goes away has posted, what is too large or of no path is refused, a port is had or not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from functions_framework.request import Request
from functions_framework.response import Reply
from openfunction_eventing.documents import DocumentError
from openfunction_eventing.door import LARGEST, Door
from openfunction_eventing.journal import Journal

TAKEN = (202, b"", b"")


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[Door]:
    async with Door("127.0.0.1", 0, records=Journal(), troubles=tuple) as door:
        yield door


async def post(
    port: int, body: bytes, *, path: bytes = b"/ev"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST %b HTTP/1.1\r\nhost: door\r\ncontent-length: %d\r\n\r\n%b" % (path, len(body), body))
    return reader, writer


async def test_who_posts_and_goes_away_has_posted_all_the_same() -> None:
    began, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handle(request: Request) -> Reply:
        began.set()
        await may_end.wait()
        if request.body == b"it":
            ended.set()
        return TAKEN

    async with opened() as door:
        door.open("/ev", handle)
        _, writer = await post(door.port, b"it")
        await began.wait()
        writer.transport.abort()
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"http://127.0.0.1:{door.port}/healthz") as answer,
        ):
            assert answer.status == 200  # the door has seen it by then
        may_end.set()
        async with asyncio.timeout(10):
            await ended.wait()


async def test_what_has_come_is_answered_before_the_door_is_shut() -> None:
    began, may_end = asyncio.Event(), asyncio.Event()

    async def handle(_request: Request) -> Reply:
        began.set()
        await may_end.wait()
        return TAKEN

    async with asyncio.timeout(20), opened() as door:
        door.open("/ev", handle)
        reader, writer = await post(door.port, b"it")
        await began.wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(door.close())
            asyncio.get_running_loop().call_later(0.3, may_end.set)
            assert (await reader.readline()).startswith(b"HTTP/1.1 202")
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await post(door.port, b"late")


async def test_a_post_that_is_too_large_is_refused_and_the_door_stays_open() -> None:
    async with opened() as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(b"POST /ev HTTP/1.1\r\nhost: door\r\ncontent-length: %d\r\n\r\n" % (LARGEST + 1))
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        writer.close()
        reader, writer = await post(door.port, b"it", path=b"/nowhere")
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
        writer.close()


async def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        door = Door("127.0.0.1", taken.getsockname()[1], records=Journal(), troubles=tuple)
        with pytest.raises(DocumentError, match=r"port: 127\.0\.0\.1:\d+ cannot be bound"):
            async with door:
                pass
