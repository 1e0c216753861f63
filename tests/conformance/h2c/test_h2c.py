"""The server over HTTP/2: openings, streams, windows, limits, floods, and the end."""

from __future__ import annotations

import asyncio
from importlib import util
from typing import Any

import h2.connection
import h2.errors
import h2.events
import pytest
from hyperframe.frame import PingFrame, SettingsFrame

from functions_framework import Request, Response
from tests.conformance.h2c.client import Client, Reply
from tests.framework.conftest import StartSite
from tests.framework.conftest import site as site  # noqa: PLC0414  # the fixture

CODES = h2.errors.ErrorCodes


async def echo(request: Request) -> Any:
    head = f"{request.method} {request.path} {request.headers.get('host')} "
    return head.encode() + request.body


async def test_a_client_that_knows_opens_with_the_preface(site: StartSite) -> None:
    async with site(echo, revision="r-1") as at:
        client = await Client.open(at.port)
        reply = await client.ask("/a?b", method="POST", body=b"body")
        assert (reply.status, reply.body) == (200, b"POST /a test:80 body")
        assert reply.headers[b"content-length"] == b"20"
        assert reply.headers[b"x-ofn-revision"] == b"r-1"
        assert b"connection" not in reply.headers
        client.close()


async def test_the_preface_may_come_byte_by_byte(site: StartSite) -> None:
    async with site(echo) as at:
        client = Client(*await asyncio.open_connection("127.0.0.1", at.port))
        client.h2.initiate_connection()
        for byte in client.h2.data_to_send():
            client.writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.ask("/")).status == 200
        client.close()


async def test_a_request_of_http_1_goes_on_in_http_2(site: StartSite) -> None:
    async with site(echo) as at:
        client = Client(*await asyncio.open_connection("127.0.0.1", at.port))
        settings = client.h2.initiate_upgrade_connection()
        client.writer.write(
            b"GET /up HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\n"
            b"http2-settings: %b\r\n\r\n" % (settings or b"")
        )
        assert b" 101 " in await client.reader.readuntil(b"\r\n\r\n")
        client.replies[1] = first = Reply()
        client.flush()
        assert (await client.reply(1)).body == b"GET /up x "
        assert first.status == 200
        assert (await client.ask("/next")).body == b"GET /next test:80 "
        client.close()


async def test_a_request_with_a_body_that_asks_for_http_2_is_answered_over_http_1(site: StartSite) -> None:
    async with site(echo) as at:
        client = await at.client()
        fields = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAQAAAAA\r\n"
        for _ in range(2):
            reply = await client.ask("/", method="POST", body=b"abc", headers=fields)
            assert reply.body == b"POST / test abc"
        client.close()


@pytest.mark.parametrize("settings", ["", "http2-settings: §\r\n", "http2-settings: AAQAAA\r\n"])
async def test_an_upgrade_that_cannot_be_read_is_answered_over_http_1(site: StartSite, settings: str) -> None:
    async with site(echo) as at:
        client = await at.client()
        fields = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\n" + settings
        assert (await client.ask("/", headers=fields)).body == b"GET / test "
        assert (await client.ask("/")).status == 200
        client.close()


async def test_without_the_extra_http_1_answers(site: StartSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda _: None)
    async with site(echo) as at:
        client = await at.client()
        await client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert (await client.reply()).status == 400
        assert (
            await at.ask("/", headers="connection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: \r\n")
        ).status == 200
        client.close()


async def test_streams_are_answered_as_they_are_ready(site: StartSite) -> None:
    slow = asyncio.Event()

    async def some(request: Request) -> str:
        if request.path == "/slow":
            await slow.wait()
        return request.path

    async with site(some) as at:
        client = await Client.open(at.port)
        first = client.request("/slow")
        others = [client.request(f"/{number}") for number in range(100)]
        assert [(await client.reply(one)).body for one in others] == [b"/%d" % n for n in range(100)]
        slow.set()
        assert (await client.reply(first)).body == b"/slow"
        client.close()


async def test_a_def_function_answers_too(site: StartSite) -> None:
    def plain(request: Request) -> str:
        return request.path

    async with site(plain) as at:
        client = await Client.open(at.port)
        streams = [client.request(f"/{number}") for number in range(20)]
        assert [(await client.reply(one)).body for one in streams] == [b"/%d" % n for n in range(20)]
        client.close()


async def test_a_large_body_arrives_and_returns_whole_through_small_windows(site: StartSite) -> None:
    body = bytes(range(256)) * 20_000

    async def back(request: Request) -> bytes:
        return request.body

    async with site(back) as at:
        client = await Client.open(at.port)
        stream = client.request("/", method="POST", end=False)
        await client.upload(stream, body)
        assert (await client.reply(stream)).body == body
        client.close()


async def test_an_answer_waits_for_the_window(site: StartSite) -> None:
    async def large(request: Request) -> bytes:
        return b"x" * 200_000

    async with site(large) as at:
        client = await Client.open(at.port)
        client.takes = False
        stream = client.request("/")
        reply = client.replies[stream]
        while len(reply.body) < 65_535:
            await client.step()
        assert (await client.ask("/", method="HEAD")).status == 200  # another stream goes on
        assert len(reply.body) == 65_535
        client.takes = True
        client.h2.increment_flow_control_window(200_000)
        client.h2.increment_flow_control_window(200_000, stream)
        client.flush()
        assert len((await client.reply(stream)).body) == 200_000
        client.close()


async def test_an_answer_in_pieces_is_streamed_at_the_readers_pace(site: StartSite) -> None:
    made = 0

    async def pieces(request: Request) -> Any:
        nonlocal made
        for _ in range(100):
            made += 1
            yield b"x" * 10_000

    async with site(pieces) as at:
        client = await Client.open(at.port)
        client.takes = False
        stream = client.request("/")
        while len(client.replies[stream].body) < 65_535:
            await client.step()
        await asyncio.sleep(0.1)
        assert made < 100
        client.takes = True
        client.h2.increment_flow_control_window(1_000_000)
        client.h2.increment_flow_control_window(1_000_000, stream)
        client.flush()
        reply = await client.reply(stream)
        assert (len(reply.body), reply.ended) == (1_000_000, True)
        client.close()


async def test_a_stream_that_breaks_off_is_reset(site: StartSite, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(request: Request) -> Any:
        yield b"half"
        await asyncio.sleep(0.05)
        raise RuntimeError("the secret")

    async with site(broken) as at:
        client = await Client.open(at.port)
        reply = await client.ask("/")
        assert (reply.body, reply.ended, reply.reset) == (b"half", False, CODES.INTERNAL_ERROR)
        client.close()
    assert "the secret" in caplog.text


async def test_a_stream_that_the_client_resets_is_cancelled(site: StartSite) -> None:
    entered, cancelled = asyncio.Event(), asyncio.Event()

    async def waiting(request: Request) -> str:
        if request.path == "/":
            return "here"
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return "never"

    async with site(waiting) as at:
        client = await Client.open(at.port)
        stream = client.request("/wait")
        await entered.wait()
        client.h2.reset_stream(stream, CODES.CANCEL)
        client.flush()
        await asyncio.wait_for(cancelled.wait(), 10)
        assert (await client.ask("/")).body == b"here"
        client.close()


async def test_head_and_no_content_have_no_body(site: StartSite) -> None:
    async def some(request: Request) -> Any:
        return None if request.path == "/none" else "x" * 10

    async with site(some) as at:
        client = await Client.open(at.port)
        head, none = await client.ask("/", method="HEAD"), await client.ask("/none")
        assert (head.status, head.headers[b"content-length"], head.body) == (200, b"10", b"")
        assert (none.status, b"content-length" in none.headers, none.body) == (204, False, b"")
        client.close()


async def test_crumbs_of_a_cookie_are_joined_and_trailers_are_no_fields(site: StartSite) -> None:
    async def seen(request: Request) -> str:
        return f"{request.headers['cookie']} {request.headers.get('x-user')}"

    async with site(seen) as at:
        client = await Client.open(at.port)
        stream = client.request(
            fields=[("cookie", "a=1"), ("cookie", "b=2")], method="POST", body=b"x", end=False
        )
        client.h2.send_headers(stream, [("x-user", "admin")], end_stream=True)
        client.flush()
        assert (await client.reply(stream)).body == b"a=1; b=2 None"
        client.close()


async def test_fields_of_an_answer_are_sent_in_lower_case(site: StartSite) -> None:
    async def spelt(request: Request) -> Response:
        return Response("made", 201, {"X-Mine": ["a", "b"]})

    async with site(spelt) as at:
        client = await Client.open(at.port)
        await client.ask("/")
        event = next(event for event in client.events if isinstance(event, h2.events.ResponseReceived))
        assert [value for name, value in event.headers if name == b"x-mine"] == [b"a", b"b"]
        client.close()


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"method": "POST", "fields": [("content-length", "101")], "end": False}, 413),
        ({"method": "POST", "body": b"x" * 101}, 413),
        ({"fields": [("a", "b")] * 40}, 431),
        ({"fields": [("expect", "tea")]}, 417),
        ({"path": "*", "method": "OPTIONS"}, 204),
        ({"path": "*"}, 400),
    ],
)
async def test_a_request_that_is_refused_leaves_the_connection_open(
    site: StartSite, how: dict[str, Any], status: int
) -> None:
    async with site(echo, max_body=100, max_fields=20) as at:
        client = await Client.open(at.port)
        assert (await client.ask(how.pop("path", "/"), **how)).status == status
        assert (await client.ask("/")).status == 200
        client.close()


async def test_a_client_that_asks_is_told_to_continue(site: StartSite) -> None:
    async with site(echo) as at:
        client = await Client.open(at.port)
        stream = client.request("/", method="PUT", fields=[("expect", "100-continue")], end=False)
        while not client.replies[stream].informational:
            await client.step()
        client.h2.send_data(stream, b"ok", end_stream=True)
        client.flush()
        assert (await client.reply(stream)).body.endswith(b"ok")
        client.close()


async def test_a_body_that_never_ends_is_refused(site: StartSite) -> None:
    async with site(echo, head_seconds=0.2, body_rate=1000.0) as at:
        client = await Client.open(at.port)
        assert (await client.ask("/", method="POST", body=b"x", end=False)).status == 408
        assert (await client.ask("/")).status == 200
        client.close()


async def test_more_streams_than_allowed_end_the_connection(site: StartSite) -> None:
    async def waiting(request: Request) -> str:
        await asyncio.sleep(10)
        return "late"

    async with site(waiting, max_streams=5) as at:
        client = await Client.open(at.port)
        for _ in range(6):
            client.request("/")
        assert await client.end() is not None
        client.close()


async def test_streams_opened_and_reset_in_haste_end_the_connection(site: StartSite) -> None:
    async with site(echo) as at:
        client = await Client.open(at.port)
        for _ in range(1000):
            stream = client.request("/", end=False)
            client.h2.reset_stream(stream, CODES.CANCEL)
        client.flush()
        assert await client.end() == CODES.ENHANCE_YOUR_CALM
        client.close()
        assert (await at.ask("/")).status == 200


@pytest.mark.parametrize("frame", [PingFrame(0, b"x" * 8), SettingsFrame(0, {1: 4096})])
async def test_a_flood_of_control_frames_ends_the_connection(site: StartSite, frame: Any) -> None:
    async with site(echo) as at:
        client = await Client.open(at.port)
        await client.ask("/")
        client.writer.write(frame.serialize() * 6000)
        assert await client.end() == CODES.ENHANCE_YOUR_CALM
        client.close()
        assert (await at.ask("/")).status == 200


async def test_pings_beside_work_are_answered(site: StartSite) -> None:
    async with site(echo) as at:
        client = await Client.open(at.port)
        for _ in range(300):
            client.h2.ping(b"12345678")
            assert (await client.ask("/")).status == 200
        client.close()


async def test_a_drain_says_goodbye_and_answers_what_was_asked(site: StartSite) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def gate(request: Request) -> str:
        if request.path == "/wait":
            entered.set()
            await leave.wait()
        return request.path

    async with site(gate, settle=0.3) as at, asyncio.TaskGroup() as group:
        client, idle = await Client.open(at.port), await Client.open(at.port)
        await idle.ask("/")
        stream = client.request("/wait")
        await entered.wait()
        group.create_task(at.server.drain(20))
        while not any(isinstance(event, h2.events.ConnectionTerminated) for event in idle.events):
            await idle.step()
        assert await idle.end() == CODES.NO_ERROR
        leave.set()
        raw = client.replies[stream]
        while not client.closed:
            await client.step()
        assert (raw.body, raw.ended) == (b"/wait", True)
        client.close()
        idle.close()
