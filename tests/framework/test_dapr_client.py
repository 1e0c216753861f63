"""The client of a sidecar against real servers that are late, gone, slow or rude; threads and loops alike."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from functions_framework.dapr import messages, stores
from functions_framework.dapr.client import Client
from functions_framework.dapr.errors import DaprError, SidecarUnavailable
from functions_framework.dapr.port import Ask
from functions_framework.dapr.settings import Sidecar
from tests.framework import sidecar
from tests.framework.sidecar import FakeSidecar

READING: Ask[dict[str, str]] = stores.secret("s", "k")  # may be asked twice
SENDING = messages.publish("bus", "t", b"x")  # may not

Way = Callable[[Client, Ask[Any]], Any]


@pytest.fixture(params=["thread", "loop"])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    """Asks from a thread, or on a loop."""
    used: list[Client] = []

    async def close() -> None:
        for client in used:
            client.close()

    with asyncio.Runner() as runner:

        def ask(client: Client, question: Ask[Any]) -> Any:
            used.append(client)
            return client.call(question) if request.param == "thread" else runner.run(client.acall(question))

        yield ask
        runner.run(close())


@contextmanager
def talking(*talks: bytes | None, port: int = 0) -> Iterator[tuple[int, list[bytes]]]:
    """A server that reads once per connection, says the next of these bytes and closes; None: it says nothing."""
    listener = socket.create_server(("127.0.0.1", port))
    heard: list[bytes] = []
    done = threading.Event()

    def serve() -> None:
        for talk in talks:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                heard.append(connection.recv(65536))
                if talk is None:
                    done.wait(20)
                else:
                    connection.sendall(talk)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], heard
    finally:
        done.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def client_of(port: int, **more: Any) -> Client:
    return Client(Sidecar(http_port=port, **{"patience": 0.3, "timeout": 5.0, **more}))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_threads_share_kept_connections(fake: FakeSidecar) -> None:
    client = Client(fake.settings(token="secret"))
    for _ in range(5):
        client.call(SENDING)
    assert fake.connections == 1
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: client.call(SENDING), range(200)))
    client.close()
    assert len(fake.asked) == 205
    assert fake.connections <= 9
    assert {asked.headers["dapr-api-token"] for asked in fake.asked} == {"secret"}


async def test_a_loop_keeps_its_connections(fake: FakeSidecar) -> None:
    client = Client(fake.settings())
    for _ in range(3):
        await client.acall(SENDING)
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(client.acall(SENDING))
    client.close()
    assert len(fake.asked) == 23
    assert fake.connections <= 20


def test_a_connection_of_another_loop_is_not_used(fake: FakeSidecar) -> None:
    client = Client(fake.settings())
    with asyncio.Runner() as one, asyncio.Runner() as other:
        one.run(client.acall(SENDING))
        other.run(client.acall(SENDING))
        one.run(asyncio.sleep(0))
        client.close()
        other.run(asyncio.sleep(0))
    assert len(fake.asked) == fake.connections == 2


def test_a_refusing_sidecar_is_an_error_that_says_where(way: Way) -> None:
    told: list[str] = []
    port = free_port()
    client = Client(Sidecar(http_port=port, patience=0.2), lost=told.append)
    with pytest.raises(
        SidecarUnavailable, match=f"publish of bus topic t: the sidecar at .*:{port} does not answer"
    ):
        way(client, SENDING)
    assert len(told) == 1
    assert "carried out" not in told[0]


def test_a_late_sidecar_is_waited_for(way: Way) -> None:
    port = free_port()
    client = client_of(port, patience=20.0)
    ready = threading.Event()

    def late() -> None:
        ready.wait(20)
        with sidecar.running(port):
            done.wait(20)

    done = threading.Event()
    thread = threading.Thread(target=late)
    thread.start()
    threading.Timer(0.1, ready.set).start()
    assert way(client, SENDING) is None
    done.set()
    thread.join(20)
    client.close()


def test_a_restarted_sidecar_is_connected_to_again(way: Way) -> None:
    with sidecar.running() as first:
        client = client_of(first.port, patience=5.0)
        way(client, SENDING)
    with sidecar.running(first.port) as second:
        way(client, SENDING)
        assert len(second.asked) == 1
    client.close()


def test_a_question_that_may_be_asked_twice_is(way: Way) -> None:
    good = b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n" + b'{"k": "vv"}'
    with talking(b"", good) as (port, heard):
        assert way(client_of(port, patience=5.0), READING) == {"k": "vv"}
    assert len(heard) == 2


def test_a_question_that_may_have_been_carried_out_is_not_repeated(way: Way) -> None:
    with talking(b"", b"HTTP/1.1 204 OK\r\n\r\n") as (port, heard):
        with pytest.raises(SidecarUnavailable, match="may have been carried out"):
            way(client_of(port), SENDING)
        assert len(heard) == 1


def test_a_silent_sidecar_is_given_up(way: Way) -> None:
    with talking(None) as (port, _), pytest.raises(SidecarUnavailable):
        way(client_of(port, timeout=0.2), SENDING)


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"k\":\r\n5\r\n\"vv\"}\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"k\":\"vv\"}",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"k\":\"vv\"}",
])  # fmt: skip
def test_every_framing_of_an_answer_is_read(way: Way, answer: bytes) -> None:
    with talking(answer) as (port, _):
        assert way(client_of(port), READING) == {"k": "vv"}


def test_an_answer_cut_short_is_none(way: Way) -> None:
    with (
        talking(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{") as (port, _),
        pytest.raises(SidecarUnavailable),
    ):
        way(client_of(port), SENDING)


def test_what_is_no_http_is_none_either(way: Way) -> None:
    with talking(b"SSH-2.0-x\r\n") as (port, _), pytest.raises(SidecarUnavailable, match="no HTTP"):
        way(client_of(port), SENDING)


@pytest.mark.parametrize(("body", "code", "answer"), [
    (b'{"errorCode":"ERR_X","message":"why"}', "ERR_X", "why"), (b"plain", "", "plain"), (b"", "", "nothing"),
])  # fmt: skip
def test_a_refusal_tells_the_sidecars_answer(
    fake: FakeSidecar, way: Way, body: bytes, code: str, answer: str
) -> None:
    fake.answer("/v1.0/publish", 403, body)
    with pytest.raises(DaprError) as caught:
        way(Client(fake.settings()), SENDING)
    assert (caught.value.status, caught.value.code, caught.value.answer) == (403, code, answer)


def test_a_closed_client_asks_no_more(fake: FakeSidecar, way: Way) -> None:
    client = Client(fake.settings())
    client.close()
    with pytest.raises(SidecarUnavailable):
        way(client, messages.publish("bus", "t", b"x"))
    assert fake.asked == []
