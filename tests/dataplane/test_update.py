"""An update under load: weights move to a new Revision, the old instance leaves, no request fails."""

import asyncio

from openfunction_py.dataplane.route_table import Endpoint, Revision, RevisionKey, RouteTable, Target
from tests.dataplane import house
from tests.e2e import load

OLD, NEW = RevisionKey("default", "hello-00001"), RevisionKey("default", "hello-00002")


def routes(current: RevisionKey, endpoints: dict[RevisionKey, tuple[Endpoint, ...]]) -> RouteTable:
    """Return a table whose traffic goes to one of two Revisions."""
    target = Target("default", "hello", ((current, 100.0),))
    revisions = {key: Revision(key, endpoints=endpoints.get(key, ())) for key in (OLD, NEW)}
    return RouteTable({house.HOST: target}, {"/default/hello": target}, revisions)


def named(revision: RevisionKey) -> house.Handler:
    """Return an instance that says which Revision it is."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await house.read_head(reader)).lower()
            if b"content-length" in head:
                length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
            writer.write(
                b"HTTP/1.1 200 OK\r\nx-ofn-revision: %b\r\ncontent-length: 2\r\n\r\nok"
                % revision.name.encode()
            )
            await writer.drain()

    return handler


async def test_an_update_under_load_fails_no_request_and_the_old_one_ends_at_once() -> None:
    async with house.instance(named(OLD)) as old, house.instance(named(NEW)) as new:
        before = routes(OLD, {OLD: (old,), NEW: (new,)})
        async with house.running(before) as here, load.calling(here.url, load.FOUR_WAYS * 2) as seen:
            await load.answers_from(seen, 1, 500)
            here.gateway.update(routes(NEW, {OLD: (old,), NEW: (new,)}))
            await load.answers_from(seen, 2, 200)
            here.gateway.update(routes(NEW, {NEW: (new,)}))
            await load.answers_from(seen, 1, 1000)
    assert seen.failed == 0, seen.failures
    assert set(seen.counts) == {OLD.name, NEW.name}
    assert len(seen.ways) == 4
    assert seen.overlap(OLD.name, NEW.name) < 1


async def test_a_burst_at_zero_is_answered_whole_and_says_it_was_cold() -> None:
    async with (
        house.instance(named(OLD)) as old,
        house.running(routes(OLD, {})) as here,
        asyncio.TaskGroup() as tasks,
    ):
        call = tasks.create_task(load.burst(here.url, 200))
        await here.until(lambda: len(here.gateway.throttlers[OLD].waiting) == 200)
        here.gateway.update(routes(OLD, {OLD: (old,)}))
    assert [answer.status for answer in call.result()] == [200] * 200
    assert all("x-ofn-cold-start" in answer.headers for answer in call.result())
