"""HTTP/1.1 on the wire: pipelining, chunks, limits, bad input, back-pressure."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from functions_framework import Request
from tests.framework import http
from tests.framework.conftest import StartSite


async def echo(request: Request) -> Any:
    return f"{request.method} {request.path} ".encode() + request.body


async def slow_first(request: Request) -> str:
    await asyncio.sleep(0.1 if request.path == "/0" else 0)
    return request.path


async def test_pipelined_requests_are_answered_in_order(site: StartSite) -> None:
    async with site(slow_first) as at:
        client = await at.client()
        await client.send(b"".join(http.request(f"/{n}") for n in range(5)))
        assert [(await client.reply()).body for _ in range(5)] == [b"/%d" % n for n in range(5)]
        client.close()


async def test_thousands_of_pipelined_requests_do_not_nest(site: StartSite) -> None:
    async with site(slow_first) as at:
        client = await at.client()
        await client.send(b"".join(http.request(f"/{n}") for n in range(3000)))
        assert [(await client.reply()).body for _ in range(3000)] == [b"/%d" % n for n in range(3000)]
        client.close()


async def test_a_chunked_body_is_put_together(site: StartSite) -> None:
    async with site(echo) as at:
        client = await at.client()
        await client.send(b"POST /c HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await client.send(b"2;ext=1\r\nde\r\n0\r\ntrailer: x\r\n\r\n")
        assert (await client.reply()).body == b"POST /c abcde"
        assert (await client.ask("/next")).body == b"GET /next "
        client.close()


async def test_a_request_may_come_byte_by_byte(site: StartSite) -> None:
    async with site(echo) as at:
        client = await at.client()
        for byte in http.request("/slow", method="POST", body=b"xy"):
            await client.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.reply()).body == b"POST /slow xy"
        client.close()


async def test_a_client_that_asks_is_told_to_continue(site: StartSite) -> None:
    async with site(echo) as at:
        client = await at.client()
        await client.send(b"PUT /e HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        assert (await client.reply()).status == 100
        await client.send(b"ok")
        assert (await client.reply()).body == b"PUT /e ok"
        client.close()


async def test_the_invitation_to_continue_waits_for_the_answer_before(site: StartSite) -> None:
    async with site(slow_first) as at:
        client = await at.client()
        second = b"PUT /e HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
        await client.send(http.request("/0") + second)
        assert (await client.reply()).body == b"/0"
        assert (await client.reply()).status == 100
        await client.send(b"ok")
        assert (await client.reply()).body == b"/e"
        client.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nbad header: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nlong: " + b"a" * 2000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 400 + b"\r\n", 431),
        (b"GET /" + b"a" * 2000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 414),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 101\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 101\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n65\r\n" + b"a" * 101, 413),
    ],
)
async def test_bad_and_oversized_requests_are_refused_and_the_connection_ends(
    site: StartSite, sent: bytes, status: int
) -> None:
    async with site(echo, max_head=1024, max_body=100) as at:
        client = await at.client()
        await client.send(sent)
        reply = await client.reply()
        assert (reply.status, reply.headers["connection"]) == (status, "close")
        assert await client.ended()
        client.close()
        assert (await at.ask("/still")).status == 200


async def test_a_header_without_end_is_refused(site: StartSite) -> None:
    async with site(echo, max_head=1024) as at:
        client = await at.client()
        await client.send(b"GET / HTTP/1.1\r\nhost: x\r\nendless: " + b"a" * 300_000)
        assert (await client.reply()).status == 431
        client.close()


async def test_a_refusal_comes_after_the_answers_before_it(site: StartSite) -> None:
    async with site(slow_first) as at:
        client = await at.client()
        await client.send(http.request("/0") + b"nonsense\r\n\r\n")
        assert (await client.reply()).body == b"/0"
        assert (await client.reply()).status == 400
        assert await client.ended()
        client.close()


async def test_a_client_still_sending_sees_the_refusal(site: StartSite) -> None:
    async with site(echo, max_body=100) as at:
        client = await at.client()
        await client.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\n")
        for _ in range(20):
            client.writer.write(b"a" * 50_000)
        assert (await client.reply()).status == 413
        client.close()


async def test_a_client_that_ends_its_side_gets_its_answer(site: StartSite) -> None:
    async with site(slow_first) as at:
        client = await at.client()
        await client.send(http.request("/0"))
        client.writer.write_eof()
        reply = await client.reply()
        assert (reply.body, reply.headers["connection"]) == (b"/0", "close")
        assert await client.ended()
        client.close()


async def test_an_upgrade_that_nobody_takes_is_answered_plainly(site: StartSite) -> None:
    async with site(echo) as at:
        client = await at.client()
        upgrade = b"GET /u HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: tea\r\n\r\n"
        await client.send(upgrade + upgrade)
        assert [(await client.reply()).body for _ in range(2)] == [b"GET /u "] * 2
        client.close()


async def test_a_client_that_does_not_read_stops_the_work(site: StartSite) -> None:
    ran: list[str] = []

    async def big(request: Request) -> bytes:
        ran.append(request.path)
        return b"x" * 1_000_000

    async with site(big) as at:
        client = await at.client()
        await client.send(b"".join(http.request(f"/{n}") for n in range(50)))
        await asyncio.sleep(0.2)
        assert 0 < len(ran) < 50
        assert [len((await client.reply()).body) for _ in range(50)] == [1_000_000] * 50
        client.close()


async def test_a_large_body_arrives_and_returns_whole(site: StartSite) -> None:
    body = bytes(range(256)) * 20_000
    async with site(echo) as at:
        assert (await at.ask("/", method="POST", body=body)).body == b"POST / " + body
