"""Functions that answer in pieces, over real connections: kinds, order, pace, ends of every sort."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import functions_framework
from functions_framework import HttpError, Request, Response
from functions_framework.sse import Event
from tests.framework import http
from tests.framework.conftest import Site, StartSite


async def raw(
    at: Site, sent: bytes = b"GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n"
) -> tuple[str, bytes]:
    """Head and unchunked body of an answer, read to the end of the connection."""
    client = await at.client()
    await client.send(sent)
    got = await asyncio.wait_for(client.reader.read(), 20)
    client.close()
    head, _, body = got.partition(b"\r\n\r\n")
    return head.decode().lower(), unchunked(body) if b"chunked" in head.lower() else body


def unchunked(body: bytes) -> bytes:
    out = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        if int(size, 16) == 0:
            return out
        out, body = out + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    raise AssertionError("the body broke off")


def pieces(*items: Any) -> list[Callable[[Request], Any]]:
    """A function of each sort that streams these items."""

    async def on_the_loop(request: Request) -> AsyncIterator[Any]:
        for item in items:
            await asyncio.sleep(0)
            yield item

    async def at_once(request: Request) -> AsyncIterator[Any]:
        for item in items:
            yield item

    def in_threads(request: Request) -> Iterator[Any]:
        yield from items

    @functions_framework.http(inline=True)
    def inline(request: Request) -> Iterator[Any]:
        yield from items

    return [on_the_loop, at_once, in_threads, inline, *more_pieces(*items)]


def more_pieces(*items: Any) -> list[Callable[[Request], Any]]:
    """The rest of them."""

    def given(request: Request) -> Any:
        return iter(items)

    async def body(request: Request) -> Any:
        return Response(iter(items))

    @functions_framework.http(concurrency=1)
    def limited(request: Request) -> Iterator[Any]:
        yield from items

    @functions_framework.http(concurrency=1)
    async def limited_on_the_loop(request: Request) -> AsyncIterator[Any]:
        for item in items:
            yield item

    return [given, body, limited, limited_on_the_loop]


@pytest.mark.parametrize(
    ("items", "kind", "body"),
    [
        (("a", "b", "ü"), "text/html; charset=utf-8", "abü".encode()),
        ((b"a", bytearray(b"b"), memoryview(b"c")), "application/octet-stream", b"abc"),
        (({"n": 1}, [2], 3), "application/x-ndjson", b'{"n":1}\n[2]\n3\n'),
        ((Event("x"), "y", {"z": 1}), "text/event-stream", b'data: x\n\ndata: y\n\ndata: {"z":1}\n\n'),
    ],
)
@pytest.mark.parametrize("sort", range(8))
async def test_every_sort_of_stream_sends_its_items(
    site: StartSite, sort: int, items: tuple[Any, ...], kind: str, body: bytes
) -> None:
    async with site(pieces(*items)[sort]) as at:
        head, got = await raw(at)
    assert f"content-type: {kind}\r\n" in head
    assert "transfer-encoding: chunked" in head
    assert got == body


@pytest.mark.parametrize("sort", range(8))
async def test_an_empty_stream_is_an_empty_answer(site: StartSite, sort: int) -> None:
    async with site(pieces()[sort]) as at:
        reply = await at.ask("/")
    assert (reply.status, reply.headers["content-length"]) == (200, "0")


@pytest.mark.parametrize(
    ("event", "sent"),
    [
        (Event("a\nb\r\nc\rd"), b"data: a\ndata: b\ndata: c\ndata: d\n\n"),
        (Event({"a": 1}, "add", 7, 100), b'event: add\nid: 7\nretry: 100\ndata: {"a":1}\n\n'),
        (Event(retry=5), b"retry: 5\n\n"),
        (Event("", id=""), b"id: \ndata: \n\n"),
    ],
)
def test_each_event_has_its_form(event: Event, sent: bytes) -> None:
    assert event.encode() == sent


@pytest.mark.parametrize("event", [Event("x", "a\nb"), Event("x", id="a\rb"), Event("x", id="\0")])
def test_an_event_that_would_break_the_stream_is_refused(event: Event) -> None:
    with pytest.raises(ValueError, match="cannot be an event's type or id"):
        event.encode()


async def test_status_and_headers_come_with_a_stream(site: StartSite) -> None:
    def function(request: Request) -> Any:
        return (str(n) for n in range(3)), 201, {"content-type": "text/event-stream", "x-a": "b"}

    async with site(function) as at:
        head, body = await raw(at)
    assert head.startswith("http/1.1 201 ")
    assert "x-a: b" in head
    assert "cache-control: no-cache" in head
    assert body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


async def test_head_asks_for_no_body_and_ends_the_generator(site: StartSite) -> None:
    ended = asyncio.Event()

    async def function(request: Request) -> AsyncIterator[str]:
        try:
            yield "first"
            raise AssertionError("nobody asked for more")
        finally:
            ended.set()

    async with site(function) as at:
        client = await at.client()
        reply = await client.ask("/", method="HEAD")
        await asyncio.wait_for(ended.wait(), 20)
        client.close()
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/html")


async def test_http_1_0_reads_to_the_end(site: StartSite) -> None:
    async with site(pieces("a", "b")[0]) as at:
        head, body = await raw(at, b"GET / HTTP/1.0\r\n\r\n")
    assert "chunked" not in head
    assert body == b"ab"


async def test_a_connection_is_kept_after_a_stream(site: StartSite) -> None:
    async with site(pieces("a", "b")[0]) as at:
        client = await at.client()
        for _ in range(3):
            await client.send(http.request("/"))
            assert b"chunked" in await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), 20)
            assert await client.reader.readuntil(b"0\r\n\r\n") == b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"
        client.close()


@pytest.mark.parametrize("sort", range(8))
async def test_requests_behind_a_stream_are_answered_in_their_turn(site: StartSite, sort: int) -> None:
    async with site(pieces("a", "b")[sort]) as at:
        client = await at.client()
        last = http.request("/", headers="connection: close\r\n")
        await client.send(http.request("/") * 5 + last)
        got = await asyncio.wait_for(client.reader.read(), 20)
        client.close()
    assert got.count(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n") == 6


async def test_an_item_is_sent_when_it_is_made(site: StartSite) -> None:
    go = threading.Event()

    def function(request: Request) -> Iterator[str]:
        yield "first"
        assert go.wait(20)
        yield "second"

    async with site(function) as at:
        client = await at.client()
        await client.send(http.request("/"))
        await asyncio.wait_for(client.reader.readuntil(b"first\r\n"), 20)
        go.set()
        await asyncio.wait_for(client.reader.readuntil(b"second\r\n"), 20)
        client.close()


def failing(first: bool, error: Exception) -> list[Callable[[Request], Any]]:
    async def on_the_loop(request: Request) -> AsyncIterator[str]:
        if not first:
            yield "one"
        raise error

    def in_threads(request: Request) -> Iterator[str]:
        if not first:
            yield "one"
        raise error

    return [on_the_loop, in_threads]


@pytest.mark.parametrize("sort", [0, 1])
@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("secret"), 500), (HttpError(409, "Taken."), 409)]
)
async def test_an_error_before_the_first_item_is_an_answer(
    site: StartSite, sort: int, error: Exception, status: int
) -> None:
    async with site(failing(first=True, error=error)[sort]) as at:
        assert (await at.ask("/")).status == status


@pytest.mark.parametrize("sort", [0, 1])
async def test_an_error_in_the_middle_breaks_the_body_off_and_is_logged(
    site: StartSite, sort: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with site(failing(first=False, error=RuntimeError("midway"))[sort]) as at:
        client = await at.client()
        await client.send(http.request("/"))
        got = await asyncio.wait_for(client.reader.read(), 20)
        client.close()
        assert not at.server.meter.in_flight
    assert got.endswith(b"one\r\n")
    assert "midway" in caplog.text


@pytest.mark.parametrize("sort", ["loop", "thread"])
async def test_a_stream_without_a_first_item_in_time_is_504(site: StartSite, sort: str) -> None:
    go = threading.Event()

    async def on_the_loop(request: Request) -> AsyncIterator[str]:
        await asyncio.Event().wait()
        yield "never"

    def in_threads(request: Request) -> Iterator[str]:
        go.wait()
        yield "never"

    async with site(on_the_loop if sort == "loop" else in_threads, timeout=0.1) as at:
        assert (await at.ask("/")).status == 504
        go.set()


async def test_a_stream_that_goes_on_after_its_504_sends_nothing(site: StartSite) -> None:
    ended = asyncio.Event()

    async def function(request: Request) -> AsyncIterator[str]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield "late"
        finally:
            ended.set()

    async with site(function, timeout=0.05) as at:
        client = await at.client()
        assert (await client.ask("/")).status == 504
        await asyncio.wait_for(ended.wait(), 20)
        assert (await client.ask("/healthz")).body == b"ok\n"
        assert not at.server.meter.in_flight
        client.close()


async def test_a_functions_own_reset_is_its_error_and_no_client_that_left(
    site: StartSite, caplog: pytest.LogCaptureFixture
) -> None:
    async def function(request: Request) -> AsyncIterator[str]:
        yield "one"
        raise ConnectionResetError("the database")

    async with site(function) as at:
        client = await at.client()
        await client.send(http.request("/"))
        assert (await asyncio.wait_for(client.reader.read(), 20)).endswith(b"one\r\n")
        client.close()
    assert "the database" in caplog.text


@pytest.mark.parametrize("sort", ["loop", "thread"])
async def test_a_client_that_leaves_ends_the_generator(site: StartSite, sort: str) -> None:
    ended = threading.Event()

    async def on_the_loop(request: Request) -> AsyncIterator[str]:
        try:
            while True:
                yield "more"
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    def in_threads(request: Request) -> Iterator[str]:
        try:
            while not ended.wait(0.01):
                yield "more"
        finally:
            ended.set()

    async with site(on_the_loop if sort == "loop" else in_threads) as at:
        client = await at.client()
        await client.send(http.request("/"))
        await client.reader.readuntil(b"more\r\n")
        client.close()
        assert await asyncio.to_thread(ended.wait, 20)


@pytest.mark.parametrize("sort", ["loop", "thread"])
async def test_a_client_that_reads_slowly_bounds_what_is_made(site: StartSite, sort: str) -> None:
    made, block = [0], b"x" * 65536
    count = 2000

    async def on_the_loop(request: Request) -> AsyncIterator[bytes]:
        for _ in range(count):
            made[0] += 1
            yield block

    def in_threads(request: Request) -> Iterator[bytes]:
        for _ in range(count):
            made[0] += 1
            yield block

    async with site(on_the_loop if sort == "loop" else in_threads) as at:
        client = await at.client()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport
        await client.send(http.request("/"))
        before = -1
        while made[0] != before:  # until it stands still
            before = made[0]
            await asyncio.sleep(0.2)
        assert 0 < made[0] < count / 4
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above
        tail = b""
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            tail = (tail + await asyncio.wait_for(client.reader.read(1 << 20), 20))[-7:]
        client.close()
    assert made[0] == count


async def test_a_client_that_leaves_cancels_an_async_function(site: StartSite) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def function(request: Request) -> str:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return "never"

    async with site(function) as at:
        client = await at.client()
        await client.send(http.request("/"))
        await asyncio.wait_for(began.wait(), 20)
        client.close()
        await asyncio.wait_for(ended.wait(), 20)
        assert not at.server.meter.in_flight


async def test_a_call_whose_client_left_before_a_thread_took_it_is_not_begun(site: StartSite) -> None:
    go, begun = threading.Event(), []

    def function(request: Request) -> str:
        begun.append(request.path)
        go.wait(20)
        return "x"

    async with site(function, threads=1) as at:
        first, second = await at.client(), await at.client()
        await first.send(http.request("/first"))
        while not begun:
            assert (await at.ask("/healthz")).status == 200
        await second.send(http.request("/second"))
        while at.server.meter.in_flight < 2:
            assert (await at.ask("/healthz")).status == 200
        second.writer.transport.abort()
        while at.server.meter.in_flight > 1:
            assert (await at.ask("/healthz")).status == 200
        go.set()
        assert (await first.reply()).body == b"x"
        first.close()
    assert begun == ["/first"]


@pytest.mark.parametrize("inline", [False, True])
async def test_a_def_that_returns_a_coroutine_is_awaited(site: StartSite, inline: bool) -> None:
    async def inner() -> str:
        await asyncio.sleep(0)
        return "inner"

    @functions_framework.http(inline=inline)
    def function(request: Request) -> Any:
        return inner()

    async with site(function) as at:
        assert (await at.ask("/")).body == b"inner"


async def test_a_generator_whose_end_fails_is_logged(
    site: StartSite, caplog: pytest.LogCaptureFixture
) -> None:
    logged = threading.Event()

    def told(record: logging.LogRecord) -> bool:
        logged.set()
        return True

    caplog.handler.addFilter(told)

    def function(request: Request) -> Iterator[str]:
        try:
            while True:
                yield "more" * 5000
        finally:
            raise RuntimeError("at the end")

    async with site(function) as at:
        client = await at.client()
        await client.send(http.request("/"))
        await client.reader.readuntil(b"more")
        client.close()
        assert await asyncio.to_thread(logged.wait, 20)
    assert "at the end" in caplog.text
