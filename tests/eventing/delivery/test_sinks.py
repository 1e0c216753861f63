"""Posting to sinks on real ports: what is sent, every kind of answer, and names of Services."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing.delivery import Answered, Failed, Outcome
from openfunction_eventing.documents import Hosts
from openfunction_eventing.sinks import Sinks
from tests.eventing import brokers, parts

NAME = "digits.default.svc.cluster.local"


async def post(url: str, event: CloudEvent, *, timeout: float = 5.0, hosts: Hosts | None = None) -> Outcome:
    async with Sinks(hosts) as sinks:
        return await sinks.post(url, event, timeout=timeout)


async def test_an_event_is_posted_in_binary_mode_and_asks_for_a_reply() -> None:
    event = parts.event(data={"é": 1}, subject="a b%ü", datacontenttype="application/json", sampled=True)
    async with parts.Sink(200) as sink:
        assert await post(sink.url, event) == Answered(200)
    ((headers, body),) = sink.got
    assert json.loads(body) == {"é": 1}
    assert headers["ce-subject"] == "a%20b%25%C3%BC"
    assert (headers["ce-sampled"], headers["content-type"], headers["prefer"]) == (
        "true",
        "application/json",
        "reply",
    )


async def test_data_that_was_never_decoded_goes_on_byte_by_byte() -> None:
    raw = b'{ "n" :1.0, "big": 12345678901234567890123 }'
    attributes = {
        "id": "1",
        "source": "s",
        "type": "t",
        "specversion": "1.0",
        "datacontenttype": "application/json",
    }
    async with parts.Sink(200) as sink:
        await post(sink.url, CloudEvent.received(attributes, raw))
    assert sink.got[0][1] == raw


@pytest.mark.parametrize("status", [200, 202, 204, 301, 400, 404, 429, 500, 503])
async def test_each_status_is_an_answer(status: int) -> None:
    async with parts.Sink(status, headers={"Location": "/elsewhere", "Retry-After": "3"}) as sink:
        answer = await post(sink.url, parts.event())
    assert isinstance(answer, Answered)
    assert (answer.status, answer.retry_after) == (status, "3")
    assert len(sink.got) == 1, "a redirection is not followed"


async def test_a_sink_that_never_answers_fails_after_its_time() -> None:
    async def never(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with parts.Sink(answer=never) as sink:
        answer = await post(sink.url, parts.event(), timeout=0.05)
    assert answer == Failed(f"{sink.url} did not answer within 0.05 s")


async def test_a_port_without_a_server_fails_and_may_be_tried_again() -> None:
    answer = await post(f"http://127.0.0.1:{brokers.free_port()}/", parts.event())
    assert isinstance(answer, Failed)
    assert not answer.final


@pytest.mark.parametrize("url", ["nonsense", "ftp://x/", "http:///x"])
async def test_what_is_no_url_is_final(url: str) -> None:
    answer = await post(url, parts.event())
    assert isinstance(answer, Failed)
    assert answer.final


@pytest.mark.parametrize("structured", [True, False])
async def test_a_reply_is_read_in_either_mode(structured: bool) -> None:
    async def reply(_request: web.Request) -> web.StreamResponse:
        if structured:
            body = parts.event(9, {"label": 7}, type="digit").to_structured()
            return web.Response(body=body, headers={"Content-Type": "application/cloudevents+json"})
        headers = {"ce-id": "e9", "ce-source": "/cam/1", "ce-type": "digit", "ce-specversion": "1.0"}
        return web.json_response({"label": 7}, headers=headers)

    async with parts.Sink(answer=reply) as sink:
        answer = await post(sink.url, parts.event())
    assert isinstance(answer, Answered)
    assert answer.reply is not None
    assert (answer.reply["type"], answer.reply.data) == ("digit", {"label": 7})


async def test_202_never_carries_a_reply() -> None:
    async with parts.Sink(202, headers={"ce-specversion": "1.0"}) as sink:
        assert await post(sink.url, parts.event()) == Answered(202)


@pytest.mark.parametrize("data", [b"", bytes(200_000)], ids=["small event", "large event"])
async def test_where_no_reply_is_asked_for_an_endless_one_is_not_read(data: bytes) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert "prefer" not in request.headers
        made = web.StreamResponse(
            headers={"ce-specversion": "1.0", "ce-id": "1", "ce-type": "t", "ce-source": "s"}
        )
        await made.prepare(request)
        await made.write(b"on and on")
        await asyncio.Event().wait()
        return made

    async with parts.Sink(answer=answer) as sink, Sinks(None) as sinks:
        told = await sinks.post(sink.url, parts.event(data=data), timeout=5.0, reply=False)
    assert told == Answered(200)


async def test_a_broken_reply_is_told_and_final() -> None:
    async with parts.Sink(200, headers={"ce-specversion": "1.0", "ce-id": "1"}) as sink:
        answer = await post(sink.url, parts.event())
    assert isinstance(answer, Failed)
    assert answer.final
    assert "lacks source, type" in answer.sentence


async def test_a_service_is_found_by_the_table() -> None:
    async with parts.Sink(200) as sink:
        hosts = Hosts({NAME: (f"127.0.0.1:{sink.port}",), f"{NAME}:9": ("127.0.0.1:1",)})
        assert await post(f"http://{NAME}/x", parts.event(), hosts=hosts) == Answered(200)
        assert isinstance(await post(f"http://{NAME}:9/x", parts.event(), hosts=hosts), Failed)
    assert sink.got[0][0]["host"] == NAME


async def test_a_name_that_no_service_has_is_told() -> None:
    answer = await post(
        f"http://{NAME}/", parts.event(), hosts=Hosts({"a.b.svc.cluster.local": ("127.0.0.1:1",)})
    )
    assert isinstance(answer, Failed)
    assert f"no Service with a ready Pod is named {NAME}" in answer.sentence
    assert not answer.final


async def test_a_10_mb_event_arrives_whole() -> None:
    data = b"\x01" * (10 << 20)
    async with parts.Sink(200) as sink:
        assert await post(sink.url, parts.event(data=data)) == Answered(200)
    assert sink.got[0][1] == data


async def test_a_content_type_that_is_no_header_is_final() -> None:
    async with parts.Sink(200) as sink:
        answer = await post(sink.url, parts.event(datacontenttype="text/plain\r\nx: y"))
        assert sink.got == []
    assert isinstance(answer, Failed)
    assert answer.final


async def test_cookies_of_one_answer_do_not_go_with_the_next_event() -> None:
    async with parts.Sink(200, headers={"Set-Cookie": "who=me"}) as sink, Sinks() as sinks:
        for number in range(2):
            await sinks.post(sink.url, parts.event(number), timeout=5.0)
    assert "cookie" not in sink.got[1][0]


async def test_a_connection_is_kept_and_one_that_the_sink_closed_is_not_used_again() -> None:
    peers: list[object] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername"))
        made = web.Response(text="x" * 100)
        if len(peers) == 3:
            made.force_close()
        return made

    async with parts.Sink(answer=answer) as sink, Sinks() as sinks:
        for _ in range(4):
            assert await sinks.post(sink.url, parts.event(), timeout=5.0) == Answered(200)
    assert peers[0] == peers[1] == peers[2] != peers[3]


async def test_many_at_once_have_connections_of_their_own_and_their_own_answers() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        number = request.headers["ce-id"]
        await asyncio.sleep(0.01 * (int(number) % 3))
        headers = {"ce-id": f"of-{number}", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}
        return web.Response(text=number, headers=headers)

    async with parts.Sink(answer=answer) as sink, Sinks() as sinks, asyncio.TaskGroup() as group:
        asked = [
            group.create_task(sinks.post(sink.url, parts.event(id=str(number)), timeout=5.0))
            for number in range(60)
        ]
    for number, one in enumerate(asked):
        told = one.result()
        assert isinstance(told, Answered)
        assert told.reply is not None
        assert told.reply["id"] == f"of-{number}"


async def test_an_answer_without_an_end_is_an_answer_when_its_head_says_all() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        made = web.StreamResponse(status=200)
        await made.prepare(request)
        await made.write(b"on and on")
        await asyncio.Event().wait()
        return made

    async with parts.Sink(answer=answer) as sink:
        assert await post(sink.url, parts.event()) == Answered(200)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", Answered(204)),
        (b"HTTP/1.0 503 Away\r\nRetry-After: 7\r\n\r\nuntil the end", Answered(503, "7", b"until the end")),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", Answered(200)),
        (b"HTTP/1.1 200 OK\r\nce-specversion: 1.0\r\ncontent-length: 9\r\n\r\ncut", "the connection ended"),
        (b"SSH-2.0-OpenSSH\r\n", "its answer is no HTTP"),
        (b"", "the connection ended"),
    ],
)
async def test_what_sinks_say_on_the_wire(said: bytes, outcome: Answered | str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        told = await post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", parts.event())
    if isinstance(outcome, str):
        assert isinstance(told, Failed)
        assert outcome in told.sentence
        assert not told.final
    else:
        assert told == outcome


async def test_a_post_that_was_given_up_leaves_no_answer_for_the_next() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        number = request.headers["ce-id"]
        if number == "1":
            await asyncio.sleep(0.2)
        headers = {"ce-id": f"of-{number}", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}
        return web.Response(headers=headers)

    async with parts.Sink(answer=answer) as sink, Sinks() as sinks:
        assert isinstance(await sinks.post(sink.url, parts.event(id="1"), timeout=0.05), Failed)
        told = await sinks.post(sink.url, parts.event(id="2"), timeout=5.0)
    assert isinstance(told, Answered)
    assert told.reply is not None
    assert told.reply["id"] == "of-2"
