"""A request leaves nothing that only the garbage collector could free: that would cost every function."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import functions_framework
from functions_framework import Request
from tests.framework import http
from tests.framework.conftest import StartSite

REQUESTS = 100


async def quick(request: Request) -> dict[str, int]:
    return {"a": 1}


async def suspends(request: Request) -> str:
    await asyncio.sleep(0)
    return "x"


def in_a_thread(request: Request) -> str:
    return "x"


async def streams(request: Request) -> AsyncIterator[str]:
    yield "x"
    await asyncio.sleep(0)
    yield "y"


def streams_in_threads(request: Request) -> Iterator[str]:
    yield "x"


async def raises(request: Request) -> None:
    raise RuntimeError("logged")


def raises_there(request: Request) -> None:
    raise RuntimeError("logged")


async def raises_late(request: Request) -> None:
    await asyncio.sleep(0)
    raise RuntimeError("logged")


@functions_framework.http(concurrency=1)
def limited(request: Request) -> str:
    return "x"


async def typed(number: int = 1) -> int:
    return number


@pytest.mark.parametrize(
    "function",
    [quick, suspends, in_a_thread, streams, streams_in_threads, raises, raises_there, raises_late, limited, typed],
)  # fmt: skip
async def test_a_request_leaves_no_cycle(
    site: StartSite, function: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with site(function) as at:
        client = await at.client()
        await ask(client, 20)
        gc.collect()
        gc.disable()
        try:
            await ask(client, REQUESTS)
            caplog.clear()  # records hold what was raised
            left = gc.collect()
        finally:
            gc.enable()
        client.close()
    assert left < REQUESTS


async def ask(client: http.Client, count: int) -> None:
    for _ in range(count):
        await client.send(http.request("/"))
        head = await client.reader.readuntil(b"\r\n\r\n")
        if b"chunked" in head:
            await client.reader.readuntil(b"0\r\n\r\n")
        else:
            size = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
            await client.reader.readexactly(int(size))
