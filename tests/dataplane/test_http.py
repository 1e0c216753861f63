"""HTTP/1.1 to the letter, on raw connections: framing, interim answers, tunnels, limits, back-pressure."""

import asyncio
import http.client
import io
from collections.abc import AsyncIterator

import aiohttp
import pytest

from openfunction_py.dataplane.settings import Settings
from tests.dataplane import house
from tests.dataplane.house import HOST, KEY


async def through(answer: bytes, request: bytes, *, times: int = 10_000) -> bytes:
    """Send one raw request through a gateway to an instance that gives a fixed answer."""
    async with (
        house.instance(house.answering(answer, times=times)) as endpoint,
        house.running(house.table(endpoint)) as here,
    ):
        return await house.raw(here.port, request)


async def test_a_chunked_answer_stays_chunked() -> None:
    answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    got = await through(answer, house.get())
    assert b"transfer-encoding: chunked\r\n" in got
    assert got.endswith(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")


async def test_an_http_1_0_client_gets_no_chunks() -> None:
    answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    got = await through(answer, f"GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
    assert b"chunked" not in got
    assert b"connection: close" in got
    assert got.endswith(b"\r\n\r\nabc")


async def test_an_answer_that_ends_with_its_connection_is_passed_whole() -> None:
    got = await through(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", house.get(), times=1)
    assert got.endswith(b"d\r\nuntil the end\r\n0\r\n\r\n")


@pytest.mark.parametrize("framing", [b"content-length: 1000", b"transfer-encoding: chunked"])
async def test_an_answer_to_head_has_no_body_whatever_it_announces(framing: bytes) -> None:
    async with (
        house.instance(house.answering(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % framing)) as endpoint,
        house.running(house.table(endpoint)) as here,
    ):
        first = house.get(method="HEAD", close=False)
        got = await house.raw(here.port, first + house.get(method="HEAD"))
        assert len(here.gateway.throttlers[KEY].instances[endpoint].idle) == 1
    assert got.count(b"HTTP/1.1 200 OK") == 2
    assert got.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_a_status_without_body_ends_with_its_head(status: bytes) -> None:
    got = await through(b"HTTP/1.1 %b\r\netag: x\r\n\r\n" % status, house.get() + b"")
    assert got.startswith(b"HTTP/1.1 " + status)
    assert b"transfer-encoding" not in got


async def test_interim_answers_are_passed_on() -> None:
    answer = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    got = await through(answer, house.get())
    assert got.startswith(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_hop_by_hop_headers_stop_here_in_both_directions() -> None:
    got = await through(
        b"HTTP/1.1 200 OK\r\nconnection: keep-alive, x-own\r\nkeep-alive: timeout=5\r\nx-own: 1\r\n"
        b"content-length: 0\r\nx-kept: 1\r\n\r\n",
        house.get(),
    )
    assert b"x-kept: 1" in got
    assert b"x-own" not in got
    assert b"keep-alive" not in got
    async with house.instance(house.echoing()) as endpoint, house.running(house.table(endpoint)) as here:
        lines = ("Connection: x-mine, close", "X-Mine: 1", "TE: trailers", "Keep-Alive: 1", "X-Other: 1")
        seen = await house.raw(here.port, house.get("/", *lines, close=False))
    assert b"X-Other: 1" in seen
    for gone in (b"X-Mine", b"TE:", b"Keep-Alive"):
        assert gone not in seen


async def test_forwarded_headers_keep_what_came_before() -> None:
    async with house.instance(house.echoing()) as endpoint, house.running(house.table(endpoint)) as here:
        lines = ("X-Forwarded-For: 10.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: outer")
        seen = await house.raw(here.port, house.get("/", *lines))
    assert b"x-forwarded-for: 10.0.0.1, 127.0.0.1\r\n" in seen
    assert b"x-forwarded-proto: https\r\nx-forwarded-host: outer\r\n" in seen


async def read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """Read a request's body as it is framed."""
    if b"transfer-encoding: chunked" not in head.lower():
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return await reader.readexactly(length)
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


async def mirror(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request with its own body."""
    while True:
        body = await read_body(reader, await house.read_head(reader))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
async def test_bodies_pass_in_both_framings(size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, 50_000):
            yield body[start : min(start + 50_000, size)]

    async with (
        house.instance(mirror) as endpoint,
        house.running(house.table(endpoint)) as here,
        aiohttp.ClientSession() as session,
    ):
        for data in (io.BytesIO(body[:size]), pieces()):
            async with session.post(here.url, data=data) as answer:
                assert await answer.read() == body[:size]


async def test_a_held_body_is_read_no_further_than_its_buffer_and_arrives_whole() -> None:
    body = bytes(2_000_000)
    async with house.instance(mirror) as endpoint, house.running(house.table()) as here:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            call = tasks.create_task(post(session, here.url, body))
            await here.until(lambda: here.gateway.held_bytes >= here.gateway.settings.body_buffer)
            assert here.gateway.held_bytes < 1_000_000
            here.gateway.update(house.table(endpoint))
        assert call.result() == body
        assert here.gateway.held_bytes == 0


async def post(session: aiohttp.ClientSession, url: str, body: bytes) -> bytes:
    async with session.post(url, data=io.BytesIO(body)) as answer:
        return await answer.read()


async def test_a_slow_client_slows_the_instance_down() -> None:
    written = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await house.read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
        for _ in range(1000):
            writer.write(bytes(100_000))
            await writer.drain()
            written += 100_000

    async with house.instance(endless) as endpoint, house.running(house.table(endpoint)) as here:
        reader, writer = await asyncio.open_connection(house.LOCAL, here.port, limit=1024)
        writer.write(house.get())
        await house.read_head(reader)
        await here.until(lambda: all(client.full for client in here.gateway.clients))
        assert written < 50_000_000
        total = 0
        while chunk := await reader.read(1_000_000):
            total += len(chunk)
        assert total == 100_000_000
        writer.close()


async def test_a_client_that_expects_100_gets_it_once_there_is_an_instance() -> None:
    async with house.instance(mirror) as endpoint, house.running(house.table()) as here:
        reader, writer = await asyncio.open_connection(house.LOCAL, here.port)
        head = f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        writer.write(head.encode())
        await here.until(lambda: here.gateway.counts.held == 1)
        here.gateway.update(house.table(endpoint))
        assert await house.read_head(reader) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"body")
        assert b"200 OK" in await house.read_head(reader)
        assert await reader.readexactly(4) == b"body"
        writer.close()


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    async with house.instance(house.echoing()) as endpoint, house.running(house.table(endpoint)) as here:
        requests = [house.get(f"/{number}", close=number == 9) for number in range(10)]
        got = await house.raw(here.port, b"".join(requests))
    places = [got.index(b"GET /%d HTTP" % number) for number in range(10)]
    assert places == sorted(places)
    assert got.count(b"HTTP/1.1 200 OK") == 10


async def test_an_early_answer_is_passed_on_while_the_body_still_comes() -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await house.read_head(reader)
        writer.write(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n")
        await reader.read()

    async with house.instance(early) as endpoint, house.running(house.table(endpoint)) as here:
        reader, writer = await asyncio.open_connection(house.LOCAL, here.port)
        writer.write(f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\n\r\n12345".encode())
        assert b"413" in await house.read_head(reader)
        writer.write(b"67890" + house.get("/again", host="nobody.default.localhost"))
        assert b"404" in await house.read_head(reader)
        writer.close()


async def test_a_client_that_sends_a_large_body_to_nothing_still_reads_why_it_is_refused() -> None:
    async with house.running(house.table()) as here:
        call = asyncio.to_thread(post_blocking, here.port, bytes(8_000_000))
        assert await call == 404


def post_blocking(port: int, body: bytes) -> int:
    """The status that a client gets which reads nothing until it has sent everything."""
    connection = http.client.HTTPConnection(house.LOCAL, port, timeout=20)
    try:
        connection.request("POST", "/", body=body, headers={"Host": "nobody.default.localhost"})
        return connection.getresponse().status
    finally:
        connection.close()


async def test_an_answer_cut_in_the_middle_is_cut_for_the_client_too() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"
    async with (
        house.instance(house.answering(answer, times=1)) as endpoint,
        house.running(house.table(endpoint)) as here,
        aiohttp.ClientSession() as session,
    ):
        with pytest.raises(aiohttp.ClientError):
            async with session.get(here.url) as got:
                await got.read()


async def test_an_answer_that_is_not_http_is_a_502() -> None:
    assert (await through(b"hello there\r\n\r\n", house.get())).startswith(b"HTTP/1.1 502 ")


async def test_a_websocket_is_tunnelled_both_ways() -> None:
    async def socket(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await house.read_head(reader)
        assert b"upgrade: websocket" in head
        assert b"connection: upgrade" in head
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\nhi"
        )
        while data := await reader.read(100):
            writer.write(data.upper())

    async with house.instance(socket) as endpoint, house.running(house.table(endpoint)) as here:
        reader, writer = await asyncio.open_connection(house.LOCAL, here.port)
        upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x")
        writer.write(house.get("/ws", *upgrade, close=False) + b"early ")
        head = await house.read_head(reader)
        assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert b"upgrade: websocket" in head
        writer.write(b"late")
        assert await reader.readexactly(12) == b"hiEARLY LATE"
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await here.until(lambda: not here.gateway.throttlers[KEY].instances[endpoint].in_flight)


async def test_a_refused_upgrade_is_an_ordinary_answer() -> None:
    upgrade = ("Connection: Upgrade", "Upgrade: websocket")
    got = await through(
        b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno", house.get("/", *upgrade, close=False)
    )
    assert got.startswith(b"HTTP/1.1 403 Forbidden")
    assert got.endswith(b"no")


async def test_an_offer_of_http_2_is_ignored_and_its_body_read() -> None:
    async with house.instance(mirror) as endpoint, house.running(house.table(endpoint)) as here:
        head = (
            f"POST / HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            "HTTP2-Settings: x\r\nContent-Length: 4\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(house.LOCAL, here.port)
        writer.write(head.encode() + b"body")
        await house.read_head(reader)
        assert await reader.readexactly(4) == b"body"
        writer.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", b"405"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 300 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", b"431"),
    ],
)
async def test_what_must_not_be_guessed_about_is_refused(request_: bytes, status: bytes) -> None:
    async with house.running(house.table()) as here:
        got = await house.raw(here.port, request_)
    assert got.startswith(b"HTTP/1.1 " + status)


async def test_a_target_in_the_absolute_form_names_the_host() -> None:
    async with house.instance(house.echoing()) as endpoint, house.running(house.table(endpoint)) as here:
        got = await house.raw(here.port, house.get(f"http://{HOST}/a?b", host="ignored"))
    assert b"GET /a?b HTTP/1.1\r\nhost: " + HOST.encode() in got


async def test_a_head_that_never_ends_is_given_up() -> None:
    async with house.running(house.table(), Settings(head_timeout=0.2)) as here:
        got = await house.raw(here.port, b"GET / HTTP/1.1\r\nHost: a\r\n")
    assert got.startswith(b"HTTP/1.1 408 ")


async def test_a_silent_connection_is_closed() -> None:
    async with house.running(house.table(), Settings(head_timeout=0.2)) as here:
        assert await house.raw(here.port, b"") == b""


async def test_a_client_that_leaves_ends_its_request_at_the_instance() -> None:
    came, gone = asyncio.Event(), asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await house.read_head(reader)
        came.set()
        await reader.read()
        gone.set()

    async with house.instance(handler) as endpoint, house.running(house.table(endpoint)) as here:
        _, writer = await asyncio.open_connection(house.LOCAL, here.port)
        writer.write(house.get())
        async with asyncio.timeout(10):
            await came.wait()
            writer.close()
            await gone.wait()
        await here.until(lambda: not here.gateway.throttlers[KEY].instances[endpoint].in_flight)
