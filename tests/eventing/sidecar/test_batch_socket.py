"""What a function publishes over the sidecar's Unix socket: stored as over HTTP, each refused by itself."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from functions_framework.dapr import messages, stores
from functions_framework.dapr.batch import ANSWER, LENGTH, QUESTION, BatchClient
from functions_framework.dapr.client import Client
from functions_framework.dapr.errors import DaprError, SidecarUnavailable
from functions_framework.dapr.port import Ask, Port
from functions_framework.dapr.settings import Sidecar
from tests.eventing.sidecar.conftest import Setup, running

T = TypeVar("T")


@asynccontextmanager
async def client(made: Setup, path: str, token: str = "") -> AsyncIterator[BatchClient]:
    settings = Sidecar(http_port=made.servers.http_port, socket=path, token=token, patience=0.1, timeout=5.0)
    http = Client(settings)
    one = BatchClient(settings, http)
    try:
        yield one
    finally:
        one.close()
        http.close()


@asynccontextmanager
async def both(folder: Path, **given: Any) -> AsyncIterator[tuple[Setup, BatchClient]]:
    path = str(folder / "dapr.sock")
    async with running(batch_socket=path, **given) as made, client(made, path) as one:
        yield made, one


def stored(made: Setup) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in made.bus.stored]


async def test_what_is_published_at_once_is_stored_as_over_http(tmp_path: Path) -> None:
    async with both(tmp_path) as (made, one):
        async with asyncio.TaskGroup() as group:
            for number in range(200):
                group.create_task(one.acall(messages.publish("bus", "a/b", {"n": number})))
        assert sorted(event["data"]["n"] for event in stored(made)) == list(range(200))
        assert {topic for topic, _ in made.bus.stored} == {"a/b"}
        ids = {event["id"] for event in stored(made)}
        assert len(ids) == 200
        await made.http.post("/v1.0/publish/bus/a/b", json={"n": 1})
        first, *_, last = stored(made)
        assert {**first, "id": "", "data": 0, "time": ""} == {**last, "id": "", "data": 0, "time": ""}


async def test_metadata_of_the_target_counts(tmp_path: Path) -> None:
    async with both(tmp_path) as (made, one):
        await one.acall(messages.publish("bus", "t", b"\x00raw", metadata={"rawPayload": "true"}))
        assert made.bus.stored[-1] == ("t", b"\x00raw")


async def test_the_fault_of_one_is_not_its_neighbours(tmp_path: Path) -> None:
    async with both(tmp_path) as (made, one):
        bad = messages.publish("bus", "t", b"{}", content_type="application/cloudevents+json")
        worse = messages.publish("bus", "t", b"no json", content_type="application/cloudevents+json")
        async with asyncio.TaskGroup() as group:
            good = [group.create_task(one.acall(messages.publish("bus", "t", str(n)))) for n in range(5)]
            failing = group.create_task(_failure(one, worse))
            group.create_task(one.acall(bad))  # what is missing is filled in, as Dapr does
        assert all(task.result() is None for task in good)
        assert failing.result().code == "ERR_PUBSUB_CLOUD_EVENTS_SER"
        assert len(stored(made)) == 6


async def _failure(one: BatchClient, ask: Any) -> DaprError:
    with pytest.raises(DaprError) as raised:
        await one.acall(ask)
    return raised.value


async def test_refusals_are_those_of_http(tmp_path: Path) -> None:
    async with both(tmp_path, max_body=100) as (made, one), client(made, "") as http:
        for ask in (
            messages.publish("nobody", "t", "x"),
            messages.publish("bus", "hidden", "x"),
            messages.publish("bus", "t", "x" * 101),
        ):
            told, expected = await _failure(one, ask), await _failure(http, ask)
            assert (told.status, told.code, str(told)) == (expected.status, expected.code, str(expected))
        assert not made.bus.stored


async def test_the_token_is_wanted(tmp_path: Path) -> None:
    path = str(tmp_path / "dapr.sock")
    async with running(batch_socket=path, token="right") as made:
        async with client(made, path, "right") as one:
            await one.acall(messages.publish("bus", "t", "x"))
        async with client(made, path, "wrong") as one:
            with pytest.raises(SidecarUnavailable, match="hung up"):
                await one.acall(messages.publish("bus", "t", "y"))
    assert len(made.bus.stored) == 1


async def test_everything_else_and_everybody_without_the_socket_goes_over_http(tmp_path: Path) -> None:
    async with both(tmp_path) as (made, one):
        assert await one.acall(stores.secret("secrets", "key")) == {"key": "value"}
        await asyncio.to_thread(one.call, messages.publish("bus", "t", "by a thread"))
        async with client(made, str(tmp_path / "nobody.sock")) as other:
            await other.acall(messages.publish("bus", "t", "by HTTP"))
        assert [event["data"] for event in stored(made)] == ["by a thread", "by HTTP"]


class Counted(Client):
    """HTTP, and how often it was asked to publish."""

    published = 0

    def call(self, ask: Ask[T]) -> T:
        self.published += ask.operation == "publish"
        return super().call(ask)


@asynccontextmanager
async def desk(folder: Path, **given: Any) -> AsyncIterator[tuple[Setup, BatchClient, Counted]]:
    """A client that serves threads on this loop, and what it has beside."""
    path = str(folder / "dapr.sock")
    async with running(batch_socket=path, **given) as made:
        settings = Sidecar(http_port=made.servers.http_port, socket=path, patience=0.1, timeout=5.0)
        http = Counted(settings)
        one = BatchClient(settings, http)
        one.serve_threads()
        try:
            yield made, one, http
        finally:
            one.close()
            http.close()


async def test_threads_publish_in_frames_by_way_of_the_loop(tmp_path: Path) -> None:
    async with desk(tmp_path) as (made, one, http):
        async with asyncio.TaskGroup() as group:
            for number in range(200):
                ask = messages.publish("bus", "a/b", {"n": number})
                group.create_task(asyncio.to_thread(one.call, ask))
        assert sorted(event["data"]["n"] for event in stored(made)) == list(range(200))
        assert http.published == 0


async def test_a_thread_is_refused_as_over_http(tmp_path: Path) -> None:
    async with desk(tmp_path, max_body=100) as (made, one, http):
        for ask in (
            messages.publish("nobody", "t", "x"),
            messages.publish("bus", "hidden", "x"),
            messages.publish("bus", "t", "x" * 101),
        ):
            told = await asyncio.to_thread(_refused, one, ask)
            expected = await asyncio.to_thread(_refused, http, ask)
            assert (told.status, told.code, str(told)) == (expected.status, expected.code, str(expected))
        assert http.published == 3  # what was expected, and nothing beside
        assert not made.bus.stored


def _refused(one: Port, ask: Ask[None]) -> DaprError:
    with pytest.raises(DaprError) as raised:
        one.call(ask)
    return raised.value


@asynccontextmanager
async def asked_from_elsewhere(folder: Path) -> AsyncIterator[tuple[Setup, BatchClient, Counted]]:
    """A client that serves no threads yet, and never those of this loop."""
    path = str(folder / "dapr.sock")
    async with running(batch_socket=path) as made:
        settings = Sidecar(http_port=made.servers.http_port, socket=path, timeout=5.0)
        http = Counted(settings)
        try:
            yield made, BatchClient(settings, http), http
        finally:
            http.close()


async def test_a_thread_whose_loop_waits_for_it_publishes_over_http(tmp_path: Path) -> None:
    async with asked_from_elsewhere(tmp_path) as (made, ours, http):

        async def blocked() -> None:
            ours.serve_threads()
            thread = threading.Thread(target=ours.call, args=(messages.publish("bus", "t", "x"),))
            thread.start()
            thread.join()  # what nobody should do on a loop
            ours.close()

        await asyncio.to_thread(asyncio.run, blocked())
        assert (http.published, len(made.bus.stored)) == (1, 1)


async def test_who_publishes_on_the_loop_itself_or_after_its_end_is_not_kept_waiting(tmp_path: Path) -> None:
    async with asked_from_elsewhere(tmp_path) as (made, ours, http):

        async def on_the_loop() -> None:
            ours.serve_threads()
            ours.call(messages.publish("bus", "t", "on the loop"))

        await asyncio.to_thread(asyncio.run, on_the_loop())
        await asyncio.to_thread(ours.call, messages.publish("bus", "t", "after its end"))
        assert http.published == 2
        assert [event["data"] for event in stored(made)] == ["on the loop", "after its end"]
        ours.close()


async def test_a_thread_without_the_socket_publishes_over_http(tmp_path: Path) -> None:
    async with running() as made, client(made, str(tmp_path / "nobody.sock")) as one:
        one.serve_threads()
        await asyncio.to_thread(one.call, messages.publish("bus", "t", "x"))
        assert len(made.bus.stored) == 1


@pytest.mark.parametrize("mute", [False, True], ids=["hangs up", "says nothing"])
async def test_a_thread_is_told_when_no_answer_came(tmp_path: Path, mute: bool) -> None:
    path = str(tmp_path / "rude.sock")
    over = asyncio.Event()

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if mute:
            await over.wait()
        writer.close()

    told: list[str] = []
    async with await asyncio.start_unix_server(rude, path):
        settings = Sidecar(socket=path, timeout=0.05)
        one = BatchClient(settings, Client(settings), lost=told.append)
        one.serve_threads()
        with pytest.raises(SidecarUnavailable, match="may have been carried out"):
            await asyncio.to_thread(one.call, messages.publish("bus", "t", "x"))
        one.close()
        over.set()
    assert ("it did not answer in 0.05 seconds" in told[0]) is mute


async def test_frames_in_small_pieces_are_whole_again(tmp_path: Path) -> None:
    path = str(tmp_path / "dapr.sock")
    async with running(batch_socket=path) as made:
        reader, writer = await asyncio.open_unix_connection(path)
        target, kind, body = b"/v1.0/publish/bus/t", b"text/plain", b"piece by piece"
        size = QUESTION.size - LENGTH + len(target) + len(kind) + len(body)
        frame = QUESTION.pack(size, 7, len(target), len(kind)) + target + kind + body
        for at in range(len(frame)):
            writer.write(frame[at : at + 1])
            await writer.drain()
        assert ANSWER.unpack(await reader.readexactly(ANSWER.size)) == (ANSWER.size - LENGTH, 7, 204)
        writer.close()
        assert stored(made)[0]["data"] == "piece by piece"


async def test_a_sidecar_that_hangs_up_leaves_no_doubt_unsaid(tmp_path: Path) -> None:
    path = str(tmp_path / "rude.sock")

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    told: list[str] = []
    async with await asyncio.start_unix_server(rude, path):
        settings = Sidecar(socket=path, timeout=5.0)
        one = BatchClient(settings, Client(settings), lost=told.append)
        with pytest.raises(SidecarUnavailable, match="may have been carried out"):
            await one.acall(messages.publish("bus", "t", "x"))
        one.close()
    assert len(told) == 1


async def test_a_dead_sidecars_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "dapr.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with both(tmp_path) as (made, one):
        await one.acall(messages.publish("bus", "t", "x"))
        assert len(made.bus.stored) == 1


async def test_a_socket_that_cannot_be_served_leaves_http(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = str(tmp_path / ("x" * 120))
    async with running(batch_socket=path) as made, client(made, path) as one:
        await one.acall(messages.publish("bus", "t", "x"))
        assert len(made.bus.stored) == 1
    assert "the socket for batches cannot be served" in caplog.text
