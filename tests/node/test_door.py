"""The node's door: load fans out, logs are read, and a visitor who misbehaves is shown out alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from functions_framework import control
from openfunction_py.node import door, logs
from openfunction_py.node.sandbox import Level
from openfunction_py.wire import channel
from openfunction_py.wire.client import NodeClient, NodeError
from openfunction_py.wire.messages import Load, ProcessInfo, Routes
from openfunction_py.wire.route_lines import Announcer, Follower
from tests.node.house import first
from tests.waiting import until


@pytest.fixture
def shelf(tmp_path: Path) -> logs.Shelf:
    """A shelf without logs."""
    return logs.Shelf(tmp_path / "logs")


@pytest.fixture
async def opened(tmp_path: Path, shelf: logs.Shelf) -> AsyncIterator[door.Door]:
    """A door that is served at tmp_path/s."""
    made = door.Door(shelf, lambda kind: [ProcessInfo("template", "n", kind, 1)])
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(made.serve(tmp_path / "s"))
        await until((tmp_path / "s").exists)
        yield made
        serving.cancel()


def write(shelf: logs.Shelf, number: int, text: str, *, container: str = "c") -> logs.Run:
    """A run of a container that wrote this text."""
    run = shelf.run(shelf.folder("n", "p", "uid"), container, number)
    shelf.open(run, Level.SAME_USER)
    run.log.write_text(text)
    shelf.finish(run)
    return run


async def read(path: Path, **options: object) -> bytes:
    """The whole log of the Pod n/p."""
    return b"".join([piece async for piece in NodeClient(path).logs("n", "p", **options)])  # type: ignore[arg-type]


async def test_a_gateways_load_reaches_every_subscriber(opened: door.Door, tmp_path: Path) -> None:
    gateway, control = NodeClient(tmp_path / "s"), NodeClient(tmp_path / "s")
    sent = Load("gateway", "n", "r", 2.0, 1)
    subscriptions = [control.loads(), control.loads()]
    async with asyncio.TaskGroup() as group:
        heard = [group.create_task(first(one)) for one in subscriptions]
        await until(lambda: len(opened._subscribers) == 2)
        await gateway.report(sent)
    assert [one.result() for one in heard] == [sent, sent]
    await gateway.close()


async def test_a_subscription_outlives_the_nodes_restart(tmp_path: Path, shelf: logs.Shelf) -> None:
    sent = Load("instance", "n", "r", 2.0, 1, "p")
    loads = NodeClient(tmp_path / "s").loads()
    async with asyncio.TaskGroup() as group:
        heard = group.create_task(first(loads))
        for attempt in range(2):
            made = door.Door(shelf, lambda _: [])
            serving = group.create_task(made.serve(tmp_path / "s"))
            await until(lambda made=made: made._subscribers)  # type: ignore[misc]
            if attempt == 1:
                made.publish(sent)
                await heard
            serving.cancel()
    assert heard.result() == sent


async def test_what_gateways_route_reaches_control_and_their_end_too(
    opened: door.Door, tmp_path: Path
) -> None:
    announcer = Announcer(tmp_path / "s")
    announcer.tell({"early": "a"})
    async with asyncio.TaskGroup() as group, asyncio.timeout(10):
        gateway = group.create_task(announcer.run())
        await until(lambda: opened._routes._tables)
        heard = Follower(tmp_path / "s").routes()
        whole = await anext(heard)
        announcer.tell({"early": "a", "late": "b"})
        news = await anext(heard)
        announcer.tell({"late": "b"})
        less = await anext(heard)
        gateway.cancel()
        end = await anext(heard)
    assert (whole.routes, whole.whole) == ({"early": "a"}, True)
    assert (news.routes, news.whole, news.gateway) == ({"late": "b"}, False, whole.gateway)
    assert (less.routes, less.whole) == ({"early": ""}, False)
    assert (end.gateway, end.gone) == (whole.gateway, True)


async def test_after_the_nodes_restart_gateways_say_everything_again(
    tmp_path: Path, shelf: logs.Shelf
) -> None:
    announcer, heard = Announcer(tmp_path / "s"), Follower(tmp_path / "s").routes()
    announcer.tell({"u": "a"})
    said: list[Routes] = []
    async with asyncio.TaskGroup() as group, asyncio.timeout(20):
        gateway = group.create_task(announcer.run())
        for _ in range(2):
            serving = group.create_task(door.Door(shelf, lambda _: []).serve(tmp_path / "s"))
            while not (said and said[-1].whole):
                said.append(await anext(heard))
            serving.cancel()
            said.append(await anext(heard))
        gateway.cancel()
    assert [one.routes for one in said if one.whole] == [{"u": "a"}] * 2
    assert said[-1] == Routes(gone=True)


async def test_what_cannot_be_told_of_routes_ends_the_line_and_not_the_gateway(
    opened: door.Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    announcer, failures = Announcer(tmp_path / "s"), 0
    encode = control.encode

    def failing(message: Mapping[str, Any]) -> bytes:
        nonlocal failures
        if message["type"] == "routes" and failures < 2:
            failures += 1
            raise control.FrameError("too long")
        return encode(message)

    monkeypatch.setattr(control, "encode", failing)
    announcer.tell({"u": "a"})
    async with asyncio.TaskGroup() as group, asyncio.timeout(20):
        gateway = group.create_task(announcer.run())
        await until(lambda: {"u": "a"} in opened._routes._tables.values())
        gateway.cancel()
    assert failures == 2


async def test_a_report_to_a_node_that_is_away_is_dropped(tmp_path: Path) -> None:
    await NodeClient(tmp_path / "nobody").report(Load("gateway", "n", "r", 1.0, 1))


async def test_logs_are_whole_or_their_last_lines(
    opened: door.Door, shelf: logs.Shelf, tmp_path: Path
) -> None:
    write(shelf, 0, "one\ntwo\nthrée\n")
    assert await read(tmp_path / "s") == "one\ntwo\nthrée\n".encode()
    assert await read(tmp_path / "s", tail=2) == "two\nthrée\n".encode()
    assert await read(tmp_path / "s", tail=0) == b""
    assert await read(tmp_path / "s", tail=99) == "one\ntwo\nthrée\n".encode()


async def test_the_previous_run_can_be_read(opened: door.Door, shelf: logs.Shelf, tmp_path: Path) -> None:
    write(shelf, 0, "first\n")
    with pytest.raises(NodeError, match="has run once only"):
        await read(tmp_path / "s", previous=True)
    write(shelf, 1, "second\n")
    assert await read(tmp_path / "s") == b"second\n"
    assert await read(tmp_path / "s", previous=True) == b"first\n"


async def test_a_log_that_is_not_there_says_what_is(
    opened: door.Door, shelf: logs.Shelf, tmp_path: Path
) -> None:
    with pytest.raises(NodeError, match="no log of a Pod p") as error:
        await read(tmp_path / "s")
    assert error.value.reason == "NotFound"
    write(shelf, 0, "", container="a")
    write(shelf, 0, "", container="b")
    with pytest.raises(NodeError, match="it has: a, b"):
        await read(tmp_path / "s")


async def test_a_followed_log_starts_with_its_container_and_ends_with_it(
    opened: door.Door, shelf: logs.Shelf, tmp_path: Path
) -> None:
    run = shelf.run(shelf.folder("n", "p", "uid"), "c", 0)
    async with asyncio.TaskGroup() as group:
        following = group.create_task(read(tmp_path / "s", follow=True))
        await asyncio.sleep(0)
        shelf.open(run, Level.SAME_USER)
        run.log.write_text("early\n")
        with run.log.open("a") as file:
            file.write("late\n")
        shelf.finish(run)
    assert following.result() == b"early\nlate\n"


async def test_logs_of_a_node_that_is_not_there_are_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="the node is not running"):
        await read(tmp_path / "nobody")


async def test_processes_are_listed(opened: door.Door, tmp_path: Path) -> None:
    assert await NodeClient(tmp_path / "s").instances() == [ProcessInfo("template", "n", "instances", 1)]


async def test_a_visitor_that_sends_no_message_is_shown_out_and_the_next_one_served(
    opened: door.Door, tmp_path: Path
) -> None:
    reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
    writer.write(b"\xff" * 64)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert await NodeClient(tmp_path / "s").templates()


async def test_a_reader_that_does_not_read_loses_messages_not_our_memory(
    opened: door.Door, tmp_path: Path
) -> None:
    link = await channel.connect(tmp_path / "s")
    await link.send({"type": "hello", "version": 1, "role": "control"})
    await link.send({"type": "subscribe"})
    await until(lambda: opened._subscribers)
    [subscriber] = opened._subscribers
    big = {"type": "load", "pad": "x" * 100_000}
    sent = [subscriber.post(big) for _ in range(100)]
    assert sent[0] is True
    assert sent[-1] is False
    await link.close()


def test_old_logs_go_when_they_are_too_many(shelf: logs.Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write(shelf, 0, "x" * 100)
    live = shelf.run(shelf.folder("n", "live", "uid"), "c", 0)
    shelf.open(live, Level.SAME_USER)
    monkeypatch.setattr(logs, "KEEP_BYTES", 50)
    shelf.prune()
    assert not run.log.exists()
    assert live.log.exists()


def test_a_log_that_grows_too_long_keeps_its_end(shelf: logs.Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    run = shelf.run(shelf.folder("n", "p", "uid"), "c", 0)
    shelf.open(run, Level.SAME_USER)
    monkeypatch.setattr(logs, "MAX_RUN_BYTES", 100)
    with run.log.open("a") as writer:
        writer.write("".join(f"line {number}\n" for number in range(50)))
        writer.flush()
        shelf.prune()
        writer.write("more\n")
    text = run.log.read_text()
    assert text.endswith("line 49\nmore\n")
    assert text.startswith("line ")
    assert len(text) < 100
