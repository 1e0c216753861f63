"""WebSockets, with the package websockets as the independent client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

import functions_framework
from functions_framework import HttpError, WebSocket, exits, registry, signatures
from tests.framework import http
from tests.framework.conftest import Site, StartSite

Talk = Callable[[WebSocket], Awaitable[None]]


@functions_framework.websocket
async def echo(socket: WebSocket) -> None:
    async for message in socket:
        await socket.send(message)


@asynccontextmanager
async def talking(at: Site, **how: Any) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://127.0.0.1:{at.port}/room?x=1", **how) as client:
        yield client


async def test_text_and_bytes_come_back(site: StartSite) -> None:
    async with site(echo) as at, talking(at) as client:
        for message in ("grüße", b"\x00\xff", "", b"x" * 500_000):
            await client.send(message)
            assert await client.recv() == message


async def test_a_message_in_fragments_is_put_together(site: StartSite) -> None:
    async with site(echo) as at, talking(at) as client:
        await client.send(["a", "b", "c"])
        assert await client.recv() == "abc"


async def test_a_ping_is_answered(site: StartSite) -> None:
    async with site(echo) as at, talking(at) as client:
        assert await asyncio.wait_for(await client.ping(), 10) >= 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
async def test_a_conversation_that_exits_ends_alone(site: StartSite, error: type[BaseException]) -> None:
    @functions_framework.websocket
    async def leaving(socket: WebSocket) -> None:
        if await socket.receive() == "leave":
            raise error
        await socket.send("stays")

    async with site(leaving) as at, talking(at) as one, talking(at) as other:
        await one.send("leave")
        await one.wait_closed()
        assert one.close_code == 1011
        await other.send("stay")
        assert await other.recv() == "stays"


async def test_the_client_closes_and_the_function_ends(site: StartSite) -> None:
    ended = asyncio.Event()

    @functions_framework.websocket
    async def noting(socket: WebSocket) -> None:
        async for _ in socket:
            pass
        ended.set()

    async with site(noting) as at:
        async with talking(at) as client:
            await client.send("x")
        await asyncio.wait_for(ended.wait(), 10)
        assert client.close_code == 1000
        while at.server.meter.in_flight:  # noqa: ASYNC110  # the task's end follows the event
            await asyncio.sleep(0.01)


async def test_the_function_closes_with_code_and_reason(site: StartSite) -> None:
    @functions_framework.websocket
    async def short(socket: WebSocket) -> None:
        await socket.send_json({"hello": socket.request.args["x"]})
        await socket.close(4000, "enough")

    async with site(short) as at, talking(at) as client:
        assert await client.recv() == '{"hello":"1"}'
        with pytest.raises(websockets.ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (4000, "enough")


async def test_a_subprotocol_is_chosen(site: StartSite) -> None:
    @functions_framework.websocket
    async def choosing(socket: WebSocket) -> None:
        await socket.accept(socket.subprotocols[-1], [("x-room", "7")])
        await socket.send(",".join(socket.subprotocols))

    async with site(choosing) as at, talking(at, subprotocols=["one", "two"]) as client:
        assert client.subprotocol == "two"
        assert await client.recv() == "one,two"


async def refused(site: StartSite, function: Any) -> int:
    async with site(function) as at:
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with talking(at):
                pass
    return caught.value.response.status_code


async def test_a_function_may_refuse(site: StartSite, caplog: pytest.LogCaptureFixture) -> None:
    @functions_framework.websocket
    async def silent(socket: WebSocket) -> None:
        return None

    @functions_framework.websocket
    async def unauthorised(socket: WebSocket) -> None:
        raise HttpError(401, "Who are you?")

    @functions_framework.websocket
    async def broken(socket: WebSocket) -> None:
        raise RuntimeError("the secret")

    assert [await refused(site, one) for one in (silent, unauthorised, broken)] == [403, 401, 500]
    assert "the secret" in caplog.text


async def test_an_error_closes_with_1011(site: StartSite, caplog: pytest.LogCaptureFixture) -> None:
    @functions_framework.websocket
    async def broken(socket: WebSocket) -> None:
        await socket.receive()
        raise RuntimeError("the secret")

    async with site(broken) as at, talking(at) as client:
        await client.send("x")
        with pytest.raises(websockets.ConnectionClosed):
            await client.recv()
        assert client.close_code == 1011
    assert "the secret" in caplog.text


async def test_a_message_above_the_limit_closes_with_1009(site: StartSite) -> None:
    async with site(echo, max_message=1000) as at, talking(at) as client:
        await client.send("x" * 1001)
        with pytest.raises(websockets.ConnectionClosed):
            await client.recv()
        assert client.close_code == 1009


async def test_a_client_that_sends_fast_waits_for_the_function(site: StartSite) -> None:
    go = asyncio.Event()

    @functions_framework.websocket
    async def slow(socket: WebSocket) -> None:
        await socket.accept()
        await go.wait()
        total = 0
        async for message in socket:
            total += len(message)
            if message == "end":
                await socket.send(str(total))

    async with site(slow) as at, talking(at) as client, asyncio.TaskGroup() as group:

        async def send() -> None:
            for _ in range(300):
                await client.send("x" * 100_000)
            await client.send("end")

        sending = group.create_task(send())
        await asyncio.sleep(0.3)
        assert not sending.done()
        go.set()
        assert await asyncio.wait_for(client.recv(), 30) == str(300 * 100_000 + 3)


async def test_a_function_that_sends_fast_waits_for_the_client(site: StartSite) -> None:
    sent = 0

    @functions_framework.websocket
    async def fast(socket: WebSocket) -> None:
        nonlocal sent
        for _ in range(200):
            await socket.send(b"x" * 100_000)
            sent += 1

    async with site(fast) as at, talking(at, max_queue=1) as client:
        await asyncio.sleep(0.3)
        assert sent < 200
        assert [len(await client.recv()) for _ in range(200)] == [100_000] * 200


async def test_a_drain_says_goodbye(site: StartSite) -> None:
    async with site(echo) as at, talking(at) as client:
        await client.send("x")
        await client.recv()
        await asyncio.wait_for(at.server.drain(20), 20)
        with pytest.raises(websockets.ConnectionClosed):
            await client.recv()
        assert client.close_code == 1001


async def test_a_plain_request_is_told_to_upgrade(site: StartSite) -> None:
    async with site(echo) as at:
        client = await at.client()
        reply = await client.ask("/")
        assert (reply.status, reply.headers["upgrade"]) == (426, "websocket")
        assert (await client.ask("/")).status == 426
        client.close()


@pytest.mark.parametrize("lack", ["sec-websocket-key: x\r\n", "sec-websocket-version: 13\r\n"])
async def test_a_broken_handshake_is_refused(site: StartSite, lack: str) -> None:
    fields = (
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    name = lack.split(":", maxsplit=1)[0]
    kept = "".join(f"{line}\r\n" for line in fields.split("\r\n") if line and not line.startswith(name))
    async with site(echo) as at:
        assert (await at.ask("/", headers=kept)).status == 400
        assert (await at.ask("/")).status == 426


def handshake(version: str = "1.1", **fields: str) -> bytes:
    given = {
        "host": "x", "connection": "upgrade", "upgrade": "websocket", "sec_websocket_version": "13",
        "sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==", **fields,
    }  # fmt: skip
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in given.items())
    return f"GET / HTTP/{version}\r\n{lines}\r\n".encode()


async def test_another_version_is_told_ours(site: StartSite) -> None:
    async with site(echo) as at:
        client = await at.client()
        await client.send(handshake(sec_websocket_version="8"))
        reply = await client.reply()
        assert (reply.status, reply.headers["sec-websocket-version"]) == (426, "13")
        client.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (handshake(sec_websocket_key="x"), 400),
        (handshake(sec_websocket_key="dGhlIHNhbXBsZQ=="), 400),
        (handshake("1.0"), 426),
    ],
)
async def test_what_is_no_handshake_is_refused(site: StartSite, sent: bytes, status: int) -> None:
    async with site(echo) as at:
        client = await at.client()
        await client.send(sent)
        assert (await client.reply()).status == status
        client.close()


async def test_what_comes_with_the_handshake_is_not_lost(site: StartSite) -> None:
    async with site(echo) as at:
        client = await at.client()
        await client.send(handshake() + b"\x81\x85\x00\x00\x00\x00early")
        await client.reader.readuntil(b"\r\n\r\n")
        assert await asyncio.wait_for(client.reader.readexactly(7), 20) == b"\x81\x05early"
        client.close()


async def test_a_client_in_the_middle_of_too_large_a_message_is_told_and_not_reset(site: StartSite) -> None:
    async with site(echo) as at:
        client = await at.client()
        await client.send(handshake())
        await client.reader.readuntil(b"\r\n\r\n")
        piece = b"\xff" + (1 << 18).to_bytes(8) + bytes(4) + bytes(1 << 18)
        await client.send(b"\x02" + piece + (b"\x00" + piece) * 30)
        rest = await asyncio.wait_for(client.reader.read(), 20)
        assert rest[2:4] == (1009).to_bytes(2)
        client.close()


async def test_bytes_that_are_no_frame_end_the_conversation(site: StartSite) -> None:
    async with site(echo) as at:
        client = await http.Client.open(at.port)
        await client.send(
            b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert b" 101 " in await client.reader.readuntil(b"\r\n\r\n")
        await client.send(b"\x81\x05hello")  # not masked
        assert (await client.reader.read(100))[2:4] == (1002).to_bytes(2)
        client.close()


def test_a_def_cannot_take_a_websocket() -> None:
    def plain(socket: WebSocket) -> None: ...

    with pytest.raises(exits.StartError, match="make it an `async def`"):
        signatures.adapt("plain", plain, registry.Note("websocket"))
