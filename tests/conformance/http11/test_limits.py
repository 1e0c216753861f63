"""Clients that take their time, and connections that have been used enough."""

from __future__ import annotations

import asyncio

import pytest

from functions_framework import Request, Response
from tests.framework import http
from tests.framework.conftest import StartSite
from tests.framework.conftest import site as site  # noqa: PLC0414  # the fixture

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"


async def size(request: Request) -> str:
    return str(len(request.body))


async def _trickle(client: http.Client, data: bytes) -> None:
    for byte in data:
        client.writer.write(bytes([byte]))
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nhost: x\r\n", HEAD[:-2]])
async def test_a_head_that_comes_byte_by_byte_has_a_deadline(site: StartSite, sent: bytes) -> None:
    async with site(size, head_seconds=0.4) as at, asyncio.TaskGroup() as group:
        client = await at.client()
        slow = group.create_task(_trickle(client, sent * 3))
        assert (await client.reply()).status == 408
        slow.cancel()
        client.close()


async def test_a_body_that_comes_byte_by_byte_has_a_least_rate(site: StartSite) -> None:
    async with site(size, head_seconds=0.4, body_rate=1000.0) as at, asyncio.TaskGroup() as group:
        client = await at.client()
        await client.send(HEAD)
        slow = group.create_task(_trickle(client, b"x" * 1000))
        assert (await client.reply()).status == 408
        slow.cancel()
        client.close()


async def test_a_body_at_the_least_rate_arrives(site: StartSite) -> None:
    async with site(size, head_seconds=0.4, body_rate=10.0) as at:
        client = await at.client()
        await client.send(HEAD)
        for _ in range(10):
            await client.send(b"x" * 100)
            await asyncio.sleep(0.1)
        assert (await client.reply()).body == b"1000"
        client.close()


async def test_a_client_that_never_reads_its_answer_is_cut(site: StartSite) -> None:
    async def large(request: Request) -> bytes:
        return b"x" * 20_000_000

    async with site(large, send_seconds=0.4) as at:
        client = await at.client()
        await client.send(http.request("/"))
        while at.server._connections:  # noqa: ASYNC110  # a client sees the cut only when it reads
            await asyncio.sleep(0.02)
        client.close()


async def test_a_connection_takes_so_many_requests(site: StartSite) -> None:
    async with site(size, kept_requests=2) as at:
        client = await at.client()
        assert "connection" not in (await client.ask("/")).headers
        assert (await client.ask("/")).headers["connection"] == "close"
        assert await client.ended()
        client.close()


async def test_a_response_may_set_no_framing_of_its_own(site: StartSite) -> None:
    async def forged(request: Request) -> Response:
        return Response("body", headers={"Content-Length": "1", "Transfer-Encoding": "chunked"})

    async with site(forged) as at:
        client = await at.client()
        for _ in range(2):
            reply = await client.ask("/")
            assert (reply.body, "transfer-encoding" in reply.headers) == (b"body", False)
        client.close()


async def test_trailers_do_not_become_fields(site: StartSite) -> None:
    async def seen(request: Request) -> str:
        return request.headers.get("x-user", "nobody")

    async with site(seen) as at:
        client = await at.client()
        head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        await client.send(head + b"1\r\na\r\n0\r\nx-user: admin\r\n\r\n")
        assert (await client.reply()).body == b"nobody"
        client.close()


async def test_the_authority_of_the_absolute_form_takes_the_place_of_host(site: StartSite) -> None:
    async def host(request: Request) -> str:
        return request.headers["host"]

    async with site(host) as at:
        client = await at.client()
        await client.send(b"GET http://right:80/ HTTP/1.1\r\nHost: wrong\r\n\r\n")
        assert (await client.reply()).body == b"right:80"
        client.close()
