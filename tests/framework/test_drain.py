"""The end of a server: what was accepted is answered, connections are told, idle ones are closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

from functions_framework import Request
from tests.framework import http
from tests.framework.conftest import StartSite


class Gate:
    """A function that waits until it is let go."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.leave = asyncio.Event()

    async def __call__(self, request: Request) -> str:
        if request.path == "/wait":
            self.entered.set()
            await self.leave.wait()
        return request.path


async def test_what_is_in_flight_is_finished_and_told_to_close(site: StartSite) -> None:
    gate = Gate()

    async def function(request: Request) -> str:
        return await gate(request)

    async with site(function) as at, asyncio.TaskGroup() as group:
        client, idle = await at.client(), await at.client()
        await client.send(http.request("/wait"))
        await gate.entered.wait()
        drain = group.create_task(at.server.drain(20))
        assert await idle.ended()
        assert not drain.done()
        gate.leave.set()
        reply = await client.reply()
        assert (reply.body, reply.headers["connection"]) == (b"/wait", "close")
        assert await client.ended()
        client.close()
        idle.close()


async def test_idle_connections_are_closed(site: StartSite) -> None:
    gate = Gate()

    async def function(request: Request) -> str:
        return await gate(request)

    async with site(function) as at:
        used, fresh = await at.client(), await at.client()
        await used.ask("/")
        await at.server.drain(20)
        assert await used.ended()
        assert await fresh.ended()
        used.close()
        fresh.close()


async def test_a_request_on_a_kept_connection_just_after_the_start_is_answered(site: StartSite) -> None:
    gate = Gate()

    async def function(request: Request) -> str:
        return await gate(request)

    async with site(function, settle=0.5) as at, asyncio.TaskGroup() as group:
        client = await at.client()
        await client.ask("/")
        group.create_task(at.server.drain(20))
        await asyncio.sleep(0)
        reply = await client.ask("/late")
        assert (reply.body, reply.headers["connection"]) == (b"/late", "close")
        assert (await at.ask("/readyz")).status == 503
        client.close()


async def test_pipelined_requests_are_all_answered_and_the_last_is_told(site: StartSite) -> None:
    gate = Gate()

    async def function(request: Request) -> str:
        return await gate(request)

    async with site(function) as at, asyncio.TaskGroup() as group:
        client, idle = await at.client(), await at.client()
        await client.send(http.request("/wait") + http.request("/a") + http.request("/b"))
        await gate.entered.wait()
        group.create_task(at.server.drain(20))
        assert await idle.ended()
        gate.leave.set()
        replies = [await client.reply() for _ in range(3)]
        assert [reply.body for reply in replies] == [b"/wait", b"/a", b"/b"]
        assert [reply.headers.get("connection") for reply in replies] == [None, None, "close"]
        client.close()
        idle.close()


async def test_what_takes_longer_than_the_time_given_is_cut_with_503(site: StartSite) -> None:
    gate = Gate()

    async def function(request: Request) -> str:
        return await gate(request)

    async with site(function) as at, asyncio.TaskGroup() as group:
        client = await at.client()
        await client.send(http.request("/wait"))
        await gate.entered.wait()
        group.create_task(at.server.drain(0.1))
        assert (await client.reply()).status == 503
        assert await client.ended()
        client.close()


async def test_work_whose_client_left_is_finished_too(site: StartSite) -> None:
    gate = Gate()

    async def function(request: Request) -> str:
        return await gate(request)

    async with site(function) as at, asyncio.TaskGroup() as group:
        client, idle = await at.client(), await at.client()
        await client.send(http.request("/wait"))
        await gate.entered.wait()
        client.writer.transport.abort()
        drain = group.create_task(at.server.drain(20))
        assert await idle.ended()
        assert not drain.done()
        gate.leave.set()
        idle.close()


async def test_every_connection_the_kernel_accepted_is_answered(site: StartSite) -> None:
    async def function(request: Request) -> str:
        return request.path

    async with site(function) as at, asyncio.TaskGroup() as group:
        clients = [await at.client() for _ in range(50)]
        drain = group.create_task(at.server.drain(20))
        for number, client in enumerate(clients):
            await client.send(http.request(f"/{number}"))
        assert [(await client.reply()).status for client in clients] == [200] * 50
        await drain
        for client in clients:
            client.close()


async def test_a_def_that_outlives_the_time_given_is_answered_503(site: StartSite) -> None:
    entered, leave = threading.Event(), threading.Event()

    def function(request: Request) -> str:
        entered.set()
        leave.wait(20)
        return "too late"

    async with site(function) as at, asyncio.TaskGroup() as group:
        client = await at.client()
        await client.send(http.request("/"))
        await asyncio.to_thread(entered.wait, 20)
        group.create_task(at.server.drain(0.1))
        assert (await client.reply()).status == 503
        assert await client.ended()
        leave.set()
        client.close()


async def test_a_coroutine_that_takes_its_cancellation_lightly_is_answered_503(site: StartSite) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def function(request: Request) -> str:
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await leave.wait()
        return "too late"

    async with site(function) as at, asyncio.TaskGroup() as group:
        client = await at.client()
        await client.send(http.request("/"))
        await entered.wait()
        group.create_task(at.server.drain(0.1))
        assert (await client.reply()).status == 503
        leave.set()
        client.close()


async def test_a_stream_that_has_not_begun_is_answered_503(site: StartSite) -> None:
    entered = asyncio.Event()

    async def function(request: Request) -> AsyncIterator[str]:
        entered.set()
        await asyncio.Event().wait()
        yield "never"

    async with site(function) as at, asyncio.TaskGroup() as group:
        client = await at.client()
        await client.send(http.request("/"))
        await entered.wait()
        group.create_task(at.server.drain(0.1))
        assert (await client.reply()).status == 503
        client.close()
