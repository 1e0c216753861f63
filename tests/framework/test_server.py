"""Functions behind the server, over real connections."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import sys
import threading
from typing import Any

import pytest

import functions_framework
from functions_framework import CloudEvent, HttpError, Request, Response, clock
from tests.framework.conftest import StartSite


async def echo(request: Request) -> Any:
    return {
        "method": request.method,
        "path": request.path,
        "size": len(request.body),
        "q": request.args.to_dict(),
    }


async def test_an_async_function_answers(site: StartSite) -> None:
    async with site(echo, revision="rev-1") as at:
        reply = await at.ask("/a?x=1", method="POST", body=b"abc")
    assert reply.json == {"method": "POST", "path": "/a", "size": 3, "q": {"x": "1"}}
    assert reply.headers["x-ofn-revision"] == "rev-1"
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["date"].endswith("gmt")


async def test_the_same_answer_carries_the_date_of_its_second(
    site: StartSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    dates = []
    async with site(echo) as at:
        for second in (3600, 3600, 7200):
            monkeypatch.setattr(clock, "wall_second", lambda second=second: second)
            dates.append((await at.ask("/")).headers["date"])
    assert dates == [f"thu, 01 jan 1970 0{hour}:00:00 gmt" for hour in (1, 1, 2)]


async def test_one_function_may_give_answers_that_differ_in_any_part(site: StartSite) -> None:
    answers = [(status, size) for status in (200, 204, 404) for size in (0, 7, 12)]

    async def any_answer(request: Request) -> Response:
        status, size = answers[int(request.path[1:])]
        return Response(b"x" * size, status, {"x-size": "h" * size})

    async with site(any_answer) as at:
        for _ in range(2):
            for number, (status, size) in enumerate(answers):
                reply = await at.ask(f"/{number}")
                assert (reply.status, reply.headers["x-size"]) == (status, "h" * size)
                assert reply.body == (b"" if status == 204 else b"x" * size)
                assert ("content-length" in reply.headers) == (status != 204)


async def test_a_def_function_runs_in_a_thread(site: StartSite) -> None:
    def where(request: Request) -> str:
        return threading.current_thread().name

    async with site(where) as at:
        reply = await at.ask("/")
    assert reply.body.startswith(b"function-")


async def test_a_def_that_returns_a_coroutine_is_awaited(site: StartSite) -> None:
    @functools.wraps(echo)
    def wrapped(request: Request) -> Any:
        return echo(request)

    async with site(wrapped) as at:
        assert (await at.ask("/w")).json["path"] == "/w"


async def test_def_functions_run_side_by_side(site: StartSite) -> None:
    barrier = threading.Barrier(20, timeout=20)

    def meet(request: Request) -> str:
        return str(barrier.wait())

    async with site(meet) as at, asyncio.TaskGroup() as group:
        asked = [group.create_task(at.ask("/")) for _ in range(20)]
    assert sorted(int(task.result().body) for task in asked) == list(range(20))


async def test_an_async_function_that_never_waits_still_runs_in_a_task(site: StartSite) -> None:
    async def in_task(request: Request) -> str:
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            inner = group.create_task(asyncio.sleep(0, "inner"))
        return inner.result()

    async with site(in_task) as at:
        assert (await at.ask("/")).body == b"inner"


async def test_each_request_has_its_own_context(site: StartSite) -> None:
    seen: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="nothing")

    async def mark(request: Request) -> str:
        before = seen.get()
        seen.set(request.path)
        return before

    async with site(mark) as at:
        client = await at.client()
        assert [(await client.ask("/1")).body, (await client.ask("/2")).body] == [b"nothing", b"nothing"]
        client.close()


async def test_a_connection_is_kept(site: StartSite) -> None:
    async with site(echo) as at:
        client = await at.client()
        for number in range(3):
            assert (await client.ask(f"/{number}")).json["path"] == f"/{number}"
        reply = await client.ask("/last", headers="connection: close\r\n")
        assert reply.headers["connection"] == "close"
        assert await client.ended()
        client.close()


async def test_http_1_0_closes_unless_asked_to_keep(site: StartSite) -> None:
    async with site(echo) as at:
        client = await at.client()
        await client.send(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
        assert (await client.reply()).headers["connection"] == "keep-alive"
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert (await client.reply()).headers["connection"] == "close"
        assert await client.ended()
        client.close()


async def test_head_has_the_headers_of_get_and_no_body(site: StartSite) -> None:
    async def text(request: Request) -> str:
        return "x" * 10

    async with site(text) as at:
        client = await at.client()
        reply = await client.ask("/", method="HEAD")
        assert (reply.status, reply.headers["content-length"], reply.body) == (200, "10", b"")
        assert (await client.ask("/")).body == b"x" * 10
        client.close()


async def test_no_content_carries_no_length(site: StartSite) -> None:
    async def nothing(request: Request) -> None:
        return None

    async with site(nothing) as at:
        client = await at.client()
        for _ in range(2):
            reply = await client.ask("/")
            assert (reply.status, "content-length" in reply.headers) == (204, False)
        client.close()


async def test_an_exception_is_logged_and_not_shown(
    site: StartSite, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(request: Request) -> str:
        raise RuntimeError("the secret")

    async with site(broken) as at:
        client = await at.client()
        reply = await client.ask("/")
        assert (reply.status, reply.body) == (500, b"Internal Server Error\n")
        assert (await client.ask("/again")).status == 500
        client.close()
    assert "the secret" in caplog.text
    assert "in broken" in caplog.text
    assert "in guarded" not in caplog.text


@pytest.mark.parametrize("error", [SystemExit(3), KeyError("x"), StopIteration(), asyncio.CancelledError()])
async def test_nothing_a_def_function_raises_ends_the_server(
    site: StartSite, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(request: Request) -> str:
        raise error

    async with site(broken) as at:
        assert [(await at.ask("/")).status for _ in range(2)] == [500, 500]


async def test_sys_exit_in_an_async_function_is_its_own_failure(
    site: StartSite, caplog: pytest.LogCaptureFixture
) -> None:
    async def leave(request: Request) -> None:
        await asyncio.sleep(0)
        sys.exit("bye")

    async with site(leave) as at:
        assert [(await at.ask("/")).status for _ in range(2)] == [500, 500]
    assert "sys.exit('bye')" in caplog.text


class Own(BaseException):
    """No Exception, as some libraries have."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, Own])
@pytest.mark.parametrize("late", [False, True])
async def test_nothing_an_async_function_raises_ends_the_server(
    site: StartSite, error: type[BaseException], late: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(request: Request) -> str:
        if late:
            await asyncio.sleep(0)
        raise error

    async with site(broken) as at:
        assert [(await at.ask("/")).status for _ in range(2)] == [500, 500]
    assert caplog.text.count("The function tested raised") == 2
    assert error.__name__ in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, Own])
async def test_nothing_an_inline_function_raises_ends_the_server(
    site: StartSite, error: type[BaseException]
) -> None:
    @functions_framework.http(inline=True)
    def broken(request: Request) -> str:
        raise error

    async with site(broken) as at:
        assert [(await at.ask("/")).status for _ in range(2)] == [500, 500]


async def test_an_http_error_is_the_answer(site: StartSite) -> None:
    async def refuse(request: Request) -> str:
        raise HttpError(418, "Short and stout.")

    async with site(refuse) as at:
        reply = await at.ask("/")
    assert (reply.status, reply.body) == (418, b"Short and stout.\n")


async def test_a_result_that_is_none_is_the_functions_error(
    site: StartSite, caplog: pytest.LogCaptureFixture
) -> None:
    async def strange(request: Request) -> object:
        return object()

    async with site(strange) as at:
        assert (await at.ask("/")).status == 500
    assert "has no JSON form" in caplog.text


async def test_a_response_object_sets_status_and_headers(site: StartSite) -> None:
    async def spelt(request: Request) -> Response:
        return Response("made", 201, {"X-Mine": "yes"}, content_type="text/plain")

    async with site(spelt) as at:
        reply = await at.ask("/")
    assert (reply.status, reply.headers["x-mine"], reply.headers["content-type"]) == (
        201,
        "yes",
        "text/plain",
    )


async def test_a_cloud_event_function_gets_the_event(site: StartSite) -> None:
    got: list[CloudEvent] = []

    @functions_framework.cloud_event
    def keep(event: CloudEvent) -> None:
        got.append(event)

    headers = "ce-id: 1\r\nce-source: /s\r\nce-type: t\r\nce-specversion: 1.0\r\ncontent-type: text/plain\r\n"
    async with site(keep) as at:
        assert (await at.ask("/", method="POST", body=b"hi", headers=headers)).status == 200
        missing = await at.ask("/", method="POST", body=b"hi")
    assert (got[0]["type"], got[0].data) == ("t", "hi")
    assert missing.status == 400
    assert b"lacks id, source, specversion, type" in missing.body


async def test_a_cloud_event_may_be_the_answer(site: StartSite) -> None:
    @functions_framework.cloud_event
    async def reply_with(event: CloudEvent) -> CloudEvent:
        return CloudEvent({"type": "reply", "source": "/f"}, {"to": event["id"]})

    headers = "content-type: application/cloudevents+json\r\n"
    body = b'{"id": "7", "source": "/s", "type": "t", "specversion": "1.0"}'
    async with site(reply_with) as at:
        reply = await at.ask("/", method="POST", body=body, headers=headers)
    assert reply.headers["ce-type"] == "reply"
    assert reply.json == {"to": "7"}


async def test_health_is_the_servers_and_other_paths_are_the_functions(site: StartSite) -> None:
    async with site(echo) as at:
        assert [(await at.ask(path)).body for path in ("/healthz", "/readyz")] == [b"ok\n", b"ok\n"]
        assert (await at.ask("/healthz/x")).json["path"] == "/healthz/x"
        assert (await at.ask("/healthz?x=1")).json["path"] == "/healthz"
        assert (await at.ask("/readyz", method="POST", body=b"x")).json["method"] == "POST"
        assert at.server.meter.requests == 3


async def test_a_function_that_hangs_gets_504_and_the_next_is_served(
    site: StartSite, caplog: pytest.LogCaptureFixture
) -> None:
    cancelled = asyncio.Event()

    async def sometimes(request: Request) -> str:
        if request.path == "/hang":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise
        return "here"

    async with site(sometimes, timeout=0.2) as at:
        client = await at.client()
        assert (await client.ask("/hang")).status == 504
        assert (await client.ask("/")).body == b"here"
        await asyncio.wait_for(cancelled.wait(), 10)
        assert at.server.meter.in_flight == 0
        client.close()
    assert caplog.records[0].levelno == logging.ERROR


async def test_a_thread_that_hangs_is_replaced(site: StartSite, caplog: pytest.LogCaptureFixture) -> None:
    free = threading.Event()

    def sometimes(request: Request) -> str:
        return str(free.wait(60)) if request.path == "/hang" else "here"

    async with site(sometimes, timeout=0.2, threads=2) as at:
        assert (await at.ask("/hang")).status == 504
        assert (await at.ask("/")).body == b"here"
        assert (await at.ask("/readyz")).status == 200
        assert (await at.ask("/hang")).status == 504
        assert [(await at.ask("/readyz")).status, (await at.ask("/")).status] == [503, 503]
        free.set()
        while (await at.ask("/readyz")).status != 200:  # noqa: ASYNC110  # see below
            await asyncio.sleep(0.01)  # the thread's return has no event that a client could see
        assert (await at.ask("/")).body == b"here"


async def test_a_client_that_leaves_disturbs_nobody(site: StartSite) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()
    finished: list[str] = []

    async def slow(request: Request) -> str:
        if request.path == "/slow":
            entered.set()
            await leave.wait()
            finished.append(request.path)
        return "here"

    async with site(slow) as at:
        client = await at.client()
        await client.send(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        await entered.wait()
        client.writer.transport.abort()
        assert (await at.ask("/")).body == b"here"
        leave.set()
        assert (await at.ask("/")).body == b"here"
        assert (finished, at.server.meter.in_flight) == (["/slow"], 0)


async def test_a_request_that_stops_arriving_is_refused(site: StartSite) -> None:
    async with site(echo, stall_seconds=0.2) as at:
        client = await at.client()
        await client.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab")
        assert (await client.reply()).status == 408
        client.close()


async def test_a_connection_nobody_uses_is_closed(site: StartSite) -> None:
    async with site(echo, idle_seconds=0.2) as at:
        client = await at.client()
        await client.ask("/")
        assert await client.ended()
        client.close()
