"""Frames of our own sidecar on a Unix socket: requests in any pieces, answers in any order, limits, the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from functions_framework.connections import http1
from functions_framework.connections.batches import LEAVING, LENGTH, OPENING, REPLY, REQUEST
from functions_framework.connections.takeover import PREFACE
from tests.framework.conftest import Site, StartSite
from tests.waiting import until

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def frame(number: int, body: bytes = b"", *, lines: bytes = b"", target: bytes = b"/x") -> bytes:
    size = REQUEST.size - LENGTH + len(b"POST") + len(target) + len(lines) + len(body)
    return REQUEST.pack(size, number, 4, len(target), len(lines)) + b"POST" + target + lines + body


async def reply(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    """Number, status and body of the next one."""
    size, number, status, lines = REPLY.unpack(await reader.readexactly(REPLY.size))
    rest = await reader.readexactly(size + LENGTH - REPLY.size)
    return number, status, rest[lines:]


@asynccontextmanager
async def opened(one: Site, folder: Path) -> AsyncIterator[Streams]:
    """A connection to a site on a Unix socket."""
    path, loop = folder / "s", asyncio.get_running_loop()
    async with await loop.create_unix_server(lambda: http1.Connection(one.server), path):
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            yield reader, writer
        finally:
            writer.close()


async def echo(request: Any) -> Any:
    if request.headers.get("wait"):
        await asyncio.sleep(0.05)
    return request.method.encode() + b" " + request.path.encode() + b" " + request.body


@pytest.mark.parametrize("piece", [1, 7, 1 << 16])
async def test_requests_in_pieces_are_whole_and_each_has_its_answer(
    site: StartSite, short_dir: Path, piece: int
) -> None:
    async with site(echo) as one, opened(one, short_dir) as (reader, writer):
        writer.write(PREFACE + OPENING)  # one write, which a Unix socket hands over whole
        sent = b"".join(frame(number, b"%d" % number) for number in range(1, 30))
        for at in range(0, len(sent), piece):
            writer.write(sent[at : at + piece])
            await writer.drain()
            await asyncio.sleep(0)
        told = [await reply(reader) for _ in range(29)]
    assert sorted(told) == [(number, 200, b"POST /x %d" % number) for number in range(1, 30)]


async def test_a_slow_one_holds_up_no_other(site: StartSite, short_dir: Path) -> None:
    async with site(echo) as one, opened(one, short_dir) as (reader, writer):
        writer.write(PREFACE + OPENING + frame(1, lines=b"wait: 1\r\n") + frame(2))
        assert [(await reply(reader))[0] for _ in range(2)] == [2, 1]


async def test_pieces_of_a_stream_come_as_one_body(site: StartSite, short_dir: Path) -> None:
    async def pieces(_: Any) -> AsyncIterator[bytes]:
        for number in range(3):
            await asyncio.sleep(0)
            yield b"%d" % number

    async with site(pieces) as one, opened(one, short_dir) as (reader, writer):
        writer.write(PREFACE + OPENING + frame(9))
        assert await reply(reader) == (9, 200, b"012")


async def test_what_is_too_large_is_refused_and_what_has_no_end_cuts_the_line(
    site: StartSite, short_dir: Path
) -> None:
    async with site(echo, max_body=100) as one, opened(one, short_dir) as (reader, writer):
        writer.write(PREFACE + OPENING + frame(1, b"x" * 101) + frame(2, b"x" * 100))
        assert {(await reply(reader))[:2] for _ in range(2)} == {(1, 413), (2, 200)}
        writer.write(REQUEST.pack(1 << 31, 3, 4, 1, 0))
        assert await reader.read() == b""


async def test_a_function_that_fails_is_an_answer(site: StartSite, short_dir: Path) -> None:
    async def fail(_: Any) -> None:
        raise ValueError("no")

    async with site(fail) as one, opened(one, short_dir) as (reader, writer):
        writer.write(PREFACE + OPENING + frame(1))
        assert (await reply(reader))[:2] == (1, 500)


async def test_a_sidecar_that_leaves_cancels_what_runs(site: StartSite, short_dir: Path) -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(_: Any) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with site(wait) as one:
        async with opened(one, short_dir) as (_, writer):
            writer.write(PREFACE + OPENING + frame(1))
            await asyncio.wait_for(began.wait(), 10)
        await asyncio.wait_for(cancelled.wait(), 10)


async def test_an_end_asks_for_nothing_new_and_answers_what_it_has(site: StartSite, short_dir: Path) -> None:
    async with site(echo) as one, opened(one, short_dir) as (reader, writer):
        writer.write(PREFACE + OPENING + frame(1))
        await reply(reader)
        writer.write(frame(2, lines=b"wait: 1\r\n"))
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            await until(lambda: one.server.meter.in_flight == 1)
            group.create_task(one.server.drain(10))
            assert (await reply(reader))[:2] == (LEAVING, 503)
            assert (await reply(reader))[:2] == (2, 200)
            writer.close()


async def test_nobody_else_may_speak_in_frames(site: StartSite) -> None:
    async with site(echo) as one:
        reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
        writer.write(PREFACE + OPENING + frame(1))
        told = await reader.read(1 << 16)  # what HTTP/2 says, or HTTP/1.1's refusal
        writer.close()
    assert told
    assert b"POST /x" not in told
    assert one.server.meter.requests == 0
