"""Requests through a running gateway to instances that listen on real sockets."""

import asyncio

import aiohttp
import pytest

from openfunction_py.dataplane import server
from openfunction_py.dataplane.route_table import Endpoint, RevisionKey
from openfunction_py.dataplane.settings import Settings
from tests.dataplane import house
from tests.dataplane.house import HOST, KEY


async def test_the_host_form_reaches_the_function() -> None:
    async with house.instance(house.echoing()) as endpoint, house.running(house.table(endpoint)) as here:
        answer = await house.raw(here.port, house.get("/a/b?c=1"))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\nGET /a/b?c=1 HTTP/1.1\r\n" in answer
    assert b"x-forwarded-for: 127.0.0.1\r\n" in answer
    assert f"x-forwarded-host: {HOST}\r\n".encode() in answer
    assert b"x-ofn-cold-start" not in answer


async def test_the_path_form_takes_its_prefix_off_and_says_so() -> None:
    async with house.instance(house.echoing()) as endpoint, house.running(house.table(endpoint)) as here:
        answer = await house.raw(here.port, house.get("/default/hello/x?y", host=f"127.0.0.1:{here.port}"))
        bare = await house.raw(here.port, house.get("/default/hello", host="127.0.0.1"))
    assert b"GET /x?y HTTP/1.1" in answer
    assert b"x-forwarded-prefix: /default/hello\r\n" in answer
    assert b"GET / HTTP/1.1" in bare


async def test_an_unknown_host_gets_404_that_names_near_functions() -> None:
    async with house.running(house.table()) as here:
        answer = await house.raw(here.port, house.get(host="helo.default.localhost"))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"Did you mean default/hello?" in answer


async def test_a_function_without_a_version_gets_503() -> None:
    routes = house.table()
    without = type(routes)(routes.hosts, routes.prefixes, {}, routes.domains)
    async with house.running(without) as here:
        answer = await house.raw(here.port, house.get())
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"x-ofn-reason: NoRevision" in answer


async def test_200_requests_held_at_zero_are_all_answered_by_the_first_instance() -> None:
    async with house.running(house.table()) as here, house.instance(house.answering()) as endpoint:
        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(house.raw(here.port, house.get())) for _ in range(200)]
            await here.until(lambda: len(here.gateway.throttlers[KEY].waiting) == 200)
            here.gateway.update(house.table(endpoint))
        answers = [call.result() for call in calls]
    assert all(answer.startswith(b"HTTP/1.1 200 OK") for answer in answers)
    assert all(b"x-ofn-cold-start: 1\r\n" in answer for answer in answers)


async def test_the_first_held_request_is_reported_at_once_and_the_rest_each_second() -> None:
    async with house.running(house.table()) as here, asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(house.raw(here.port, house.get())) for _ in range(3)]
        await here.until(lambda: len(here.reports) == 1)
        assert here.reports[0] == (KEY, (1.0, 1))
        await here.until(lambda: len(here.reports) >= 2)
        key, sample = here.reports[1]
        assert (key, sample.requests) == (KEY, 2)
        assert 0 < sample.concurrency <= 2
        for call in calls:
            call.cancel()


async def test_a_client_that_leaves_while_held_counts_no_more() -> None:
    async with house.running(house.table()) as here:
        _, writer = await asyncio.open_connection(house.LOCAL, here.port)
        writer.write(house.get())
        await here.until(lambda: len(here.gateway.throttlers[KEY].waiting) == 1)
        writer.close()
        await here.until(lambda: not here.gateway.throttlers[KEY].waiting)


async def test_a_full_queue_answers_503_with_retry_after() -> None:
    async with (
        house.running(house.table(), Settings(queue_length=1, hold=0.3)) as here,
        asyncio.TaskGroup() as tasks,
    ):
        first = tasks.create_task(house.raw(here.port, house.get()))
        await here.until(lambda: len(here.gateway.throttlers[KEY].waiting) == 1)
        second = await house.raw(here.port, house.get())
    assert second.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in second
    assert b"x-ofn-reason: QueueFull" in second
    assert b"x-ofn-reason: NoInstance" in first.result()


async def test_held_bodies_have_a_common_bound() -> None:
    async with house.running(house.table(), Settings(held_bytes=100, hold=5)) as here:
        body = b"POST / HTTP/1.1\r\nHost: %b\r\nContent-Length: 200\r\n\r\n" % HOST.encode() + bytes(200)
        answer = await house.raw(here.port, body)
        assert b"x-ofn-reason: QueueFull" in answer
        assert here.gateway.held_bytes == 0


async def test_container_concurrency_is_honoured_and_the_rest_waits() -> None:
    running, most, go = 0, 0, asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        while True:
            await house.read_head(reader)
            running += 1
            most = max(most, running)
            await go.wait()
            running -= 1
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async with house.instance(handler) as one, house.instance(handler) as two:
        async with house.running(house.table(one, two, concurrency=2)) as here, asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(house.raw(here.port, house.get())) for _ in range(10)]
            await here.until(lambda: running == 4 and len(here.gateway.throttlers[KEY].waiting) == 6)
            go.set()
        assert all(call.result().startswith(b"HTTP/1.1 200") for call in calls)
        assert all(b"x-ofn-cold-start" not in call.result() for call in calls)
    assert most == 4


async def test_a_connection_that_the_instance_closed_is_not_used_again() -> None:
    async with (
        house.instance(house.answering(times=1)) as endpoint,
        house.running(house.table(endpoint)) as here,
        aiohttp.ClientSession() as session,
    ):
        for _ in range(50):
            async with session.get(here.url) as answer:
                assert (answer.status, await answer.text()) == (200, "ok")


async def test_kept_connections_are_used_again() -> None:
    connections = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await house.answering()(reader, writer)

    async with (
        house.instance(handler) as endpoint,
        house.running(house.table(endpoint)) as here,
        aiohttp.ClientSession() as session,
    ):
        for _ in range(20):
            async with session.get(here.url) as answer:
                await answer.read()
    assert connections == 1


async def test_idle_connections_to_an_instance_that_leaves_are_dropped_at_once() -> None:
    async with house.instance(house.answering()) as endpoint, house.running(house.table(endpoint)) as here:
        await house.raw(here.port, house.get())
        instance = here.gateway.throttlers[KEY].instances[endpoint]
        assert len(instance.idle) == 1
        here.gateway.update(house.table())
        assert not instance.idle


async def test_a_request_whose_instance_breaks_gets_502_and_is_not_sent_again() -> None:
    seen = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        await house.read_head(reader)
        seen += 1

    async with house.instance(handler) as endpoint, house.running(house.table(endpoint)) as here:
        answer = await house.raw(here.port, house.get())
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"x-ofn-reason: InstanceFailed" in answer
    assert seen == 1


async def test_an_instance_that_does_not_listen_is_passed_over_for_one_that_does() -> None:
    async with house.instance(house.answering()) as gone:
        pass
    async with (
        house.instance(house.answering()) as endpoint,
        house.running(house.table(gone, endpoint)) as here,
    ):
        answers = [await house.raw(here.port, house.get()) for _ in range(20)]
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)


async def test_a_request_to_a_dead_instance_waits_for_the_next_one() -> None:
    async with house.instance(house.answering()) as gone:
        pass
    async with (
        house.instance(house.answering()) as endpoint,
        house.running(house.table(gone)) as here,
        asyncio.TaskGroup() as tasks,
    ):
        call = tasks.create_task(house.raw(here.port, house.get()))
        await here.until(lambda: here.gateway.counts.held == 1)
        here.gateway.update(house.table(endpoint))
    assert call.result().startswith(b"HTTP/1.1 200")


async def test_a_slow_function_gets_504_after_its_timeout_and_the_next_request_is_served() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b"/slow" not in await house.read_head(reader):
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            return
        await reader.read()

    settings = Settings(answer_slack=0.1)
    async with (
        house.instance(handler) as endpoint,
        house.running(house.table(endpoint, timeout=0.2), settings) as here,
    ):
        slow = await house.raw(here.port, house.get("/slow"))
        quick = await house.raw(here.port, house.get("/"))
    assert slow.startswith(b"HTTP/1.1 504 ")
    assert quick.startswith(b"HTTP/1.1 204 ")


async def test_waiting_requests_of_a_vanished_revision_find_the_next_one() -> None:
    later = RevisionKey("default", "hello-00002")
    async with (
        house.instance(house.answering()) as endpoint,
        house.running(house.table()) as here,
        asyncio.TaskGroup() as tasks,
    ):
        call = tasks.create_task(house.raw(here.port, house.get()))
        await here.until(lambda: len(here.gateway.throttlers[KEY].waiting) == 1)
        here.gateway.update(house.table(endpoint, key=later))
    assert call.result().startswith(b"HTTP/1.1 200")


async def test_the_status_is_told_on_loopback() -> None:
    async with (
        house.running(house.table(Endpoint("127.0.0.1", 1))) as here,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{here.port}/-/ofn/status") as answer,
    ):
        told = await answer.json()
    assert told["synced"]
    assert told["revisions"] == {
        "default/hello-00001": {"endpoints": ["127.0.0.1:1"], "inFlight": 0, "waiting": 0}
    }


async def test_draining_lets_a_request_end_and_closes_its_connection() -> None:
    go = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await house.read_head(reader)
        await go.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    async with (
        house.instance(handler) as endpoint,
        asyncio.TaskGroup() as tasks,
        house.running(house.table(endpoint), Settings(drain=5)) as here,
    ):
        call = tasks.create_task(house.raw(here.port, house.get(close=False)))
        await here.until(lambda: here.gateway.throttlers[KEY].instances[endpoint].in_flight == 1)
        tasks.create_task(set_soon(go))
    assert call.result().endswith(b"ok")
    assert b"connection: close" in call.result()


async def set_soon(event: asyncio.Event) -> None:
    await asyncio.sleep(0.05)
    event.set()


async def test_a_taken_port_is_told_in_a_sentence() -> None:
    async with house.running() as here:
        with pytest.raises(server.ListenError, match="choose another port"):
            async with server.listening(here.gateway, host=house.LOCAL, port=here.port):
                pass


async def test_what_comes_before_the_first_table_waits_for_it() -> None:
    async with (
        house.instance(house.answering()) as endpoint,
        house.running(synced=False) as here,
        asyncio.TaskGroup() as tasks,
    ):
        call = tasks.create_task(house.raw(here.port, house.get()))
        await here.until(lambda: len(here.gateway.unrouted) == 1)
        here.gateway.update(house.table(endpoint))
    assert call.result().startswith(b"HTTP/1.1 200")


async def test_what_a_table_that_may_be_behind_does_not_know_waits_for_one_that_is_not() -> None:
    async with (
        house.instance(house.answering()) as endpoint,
        house.running() as here,
        asyncio.TaskGroup() as tasks,
    ):
        here.gateway.update(house.table(), current=False)
        call = tasks.create_task(house.raw(here.port, house.get(host="later.default.localhost")))
        await here.until(lambda: len(here.gateway.unrouted) == 1)
        here.gateway.update(house.table(endpoint), current=False)
        assert len(here.gateway.unrouted) == 1
        here.gateway.update(house.table(endpoint))
    assert call.result().startswith(b"HTTP/1.1 404")


async def test_a_function_whose_version_is_not_known_yet_waits_while_the_table_may_be_behind() -> None:
    async with (
        house.instance(house.answering()) as endpoint,
        house.running() as here,
        asyncio.TaskGroup() as tasks,
    ):
        whole = house.table(endpoint)
        here.gateway.update(type(whole)(whole.hosts, whole.prefixes, {}, whole.domains), current=False)
        call = tasks.create_task(house.raw(here.port, house.get()))
        await here.until(lambda: len(here.gateway.unrouted) == 1)
        here.gateway.update(whole)
    assert call.result().startswith(b"HTTP/1.1 200")


async def test_without_a_table_the_wait_ends_with_a_sentence() -> None:
    async with house.running(settings=Settings(hold=0.2), synced=False) as here:
        answer = await house.raw(here.port, house.get())
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"x-ofn-reason: NoRouteTable" in answer


async def test_who_waits_for_a_revision_without_traffic_moves_to_the_one_that_has_it() -> None:
    later = RevisionKey("default", "hello-00002")
    async with (
        house.instance(house.answering()) as endpoint,
        house.running(house.table()) as here,
        asyncio.TaskGroup() as tasks,
    ):
        call = tasks.create_task(house.raw(here.port, house.get()))
        await here.until(lambda: len(here.gateway.throttlers[KEY].waiting) == 1)
        moved = house.table(endpoint, key=later)
        both = {**moved.revisions, **house.table().revisions}
        here.gateway.update(type(moved)(moved.hosts, moved.prefixes, both, moved.domains))
    assert call.result().startswith(b"HTTP/1.1 200")
