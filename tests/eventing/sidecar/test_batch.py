"""A function of our own framework on a Unix socket: the sidecar asks it in batches, it asks the sidecar over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket as stdlib_socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from functions_framework.dapr import apphttp
from openfunction_eventing import loops
from openfunction_eventing.sidecar.appchannel import batch, pipeline
from openfunction_eventing.sidecar.appchannel.client import Client
from openfunction_eventing.sidecar.appchannel.pipeline import Pipeline
from openfunction_eventing.sidecar.channel import AppAway
from tests.eventing.sidecar.conftest import App, Setup, running, serving
from tests.framework.conftest import environment
from tests.waiting import until

FUNCTION = """
async def function(context):
    event = context.get_topic_event()
    if event is None:
        await context.asend("out", context.data)
        return None
    if event.text() == "bad":
        return "DROP"
    await context.asend("out", event.text().upper())
"""
THREADED = FUNCTION.replace("async def", "def").replace("await context.asend", "context.send")
TOPIC = {"componentName": "bus", "componentType": "pubsub.in-memory"}
CONTEXT = {
    "name": "app", "version": "v1", "runtime": "Async", "port": "0",
    "inputs": {
        "in": {**TOPIC, "uri": "t"},
        "files": {"componentName": "files", "componentType": "bindings.localstorage"},
    },
    "outputs": {"out": {**TOPIC, "uri": "out"}},
}  # fmt: skip


@asynccontextmanager
async def function(
    folder: Path, made: Setup, *, port: int = 0, source: str = FUNCTION, **more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """At its socket alone, or at a port with the socket beside."""
    path = str(folder / "app.sock")
    (folder / "main.py").write_text(source)
    ports = made.servers
    env = environment(
        FUNC_CONTEXT=json.dumps(CONTEXT),
        DAPR_HTTP_PORT=str(ports.http_port),
        DAPR_GRPC_PORT=str(ports.grpc_port),
        OFN_DAPR_SOCKET=made.sidecar.settings.batch_socket,
        **({"OFN_APP_SOCKET": path} if port else {}),
        **more,
    )
    where = ["--host", "127.0.0.1", "--port", str(port)] if port else ["--unix-socket", path]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "functions_framework", "--source", str(folder / "main.py"), "--target", "function",
        *where, env=env, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def sent(made: Setup) -> list[str]:
    return [json.loads(body).get("data", "") for topic, body in made.bus.stored if topic == "out"]


@pytest.mark.parametrize("publishing", ["", "dapr.sock"], ids=["by HTTP", "in batches"])
async def test_events_and_bindings_pass_through_a_function(tmp_path: Path, publishing: str) -> None:
    socket, batches = str(tmp_path / "app.sock"), str(tmp_path / publishing) if publishing else ""
    settings: dict[str, Any] = {"app_protocol": "batch", "app_socket": socket, "batch_socket": batches}
    async with running(**settings) as made, function(tmp_path, made):
        await made.attached()
        words = [f"word-{number}" for number in range(300)]
        for word in words:
            await made.sidecar.publisher.publish(
                "bus", "t", word.encode(), content_type="text/plain", metadata={}
            )
        await until(lambda: len(sent(made)) == len(words))
        assert sorted(sent(made)) == sorted(word.upper() for word in words)
        verdicts = made.bus.readings["t"][0].verdicts
        await until(lambda: len(verdicts) == len(words))
        await made.sidecar.publisher.publish("bus", "t", b"bad", content_type="text/plain", metadata={})
        await until(lambda: len(verdicts) == len(words) + 1)
        assert [one.kind for one in verdicts] == ["ack"] * len(words) + ["drop"]
        assert made.files.read_by is not None
        assert (await made.files.read_by(b'"bound"', {})).kind == "ack"
        assert len(sent(made)) == len(words) + 1


async def test_a_def_function_publishes_in_frames_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {
        "app_protocol": "batch", "app_socket": str(tmp_path / "app.sock"), "batch_socket": str(tmp_path / "dapr.sock"),
    }  # fmt: skip
    async with running(**settings) as made, function(tmp_path, made, source=THREADED):
        await made.attached()
        publisher, in_frames = made.sidecar.publisher, list[str]()
        bulk = publisher.bulk

        async def noted(pubsub: str, topic: str, entries: Any, *, metadata: Any) -> Any:
            in_frames.extend(one.body.decode() for one in entries)
            return await bulk(pubsub, topic, entries, metadata=metadata)

        monkeypatch.setattr(publisher, "bulk", noted)
        words = [f"word-{number}" for number in range(100)]
        for word in words:
            await publisher.publish("bus", "t", word.encode(), content_type="text/plain", metadata={})
        await until(lambda: len(sent(made)) == len(words))
        assert sorted(in_frames) == sorted(sent(made)) == sorted(word.upper() for word in words)


async def test_events_of_a_function_that_was_killed_come_again(tmp_path: Path) -> None:
    socket = str(tmp_path / "app.sock")
    async with running(app_protocol="batch", app_socket=socket) as made:
        async with function(tmp_path, made) as process:
            await made.attached()
            process.kill()
            await process.wait()
            for number in range(20):
                body = str(number).encode()
                await made.sidecar.publisher.publish("bus", "t", body, content_type="text/plain", metadata={})
        async with function(tmp_path, made):
            await until(lambda: len(sent(made)) == 20)


async def test_a_function_that_ends_answers_what_it_has_and_the_rest_waits_for_the_next(
    tmp_path: Path,
) -> None:
    socket = str(tmp_path / "app.sock")
    async with running(app_protocol="batch", app_socket=socket) as made:
        async with function(tmp_path, made) as process:
            await made.attached()
            for number in range(50):
                body = str(number).encode()
                await made.sidecar.publisher.publish("bus", "t", body, content_type="text/plain", metadata={})
            process.terminate()
            await process.wait()
        async with function(tmp_path, made):
            await until(lambda: len(set(sent(made))) == 50)
            verdicts = made.bus.readings["t"][0].verdicts
            await until(lambda: len(verdicts) == 50)
            assert {one.kind for one in verdicts} == {"ack"}


async def test_an_app_that_knows_no_frames_is_asked_over_http(tmp_path: Path) -> None:
    def answer(data: bytes) -> bytes:
        if data.startswith(b"PRI "):
            return b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"
        return b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"

    async with peer(tmp_path, answer) as lines:
        either = batch.Either(str(tmp_path / "peer.sock"))
        assert await either.is_up()
        assert (await either.ask("POST", "/x", [], b"body")).body == b"hi"
        await either.close()
        await lines.close()


# an app that has a port as well


def spoken(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the sidecar said that the app speaks, each time it changed."""
    fields = [vars(one).get("openfunction_fields", {}) for one in caplog.records]
    return [str(one["speaks"]) for one in fields if "speaks" in one]


@pytest.mark.parametrize("left", [False, True], ids=["no socket", "a socket that nobody serves"])
async def test_an_app_that_is_not_at_its_socket_is_asked_at_its_port(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, left: bool
) -> None:
    caplog.set_level("INFO")
    path = tmp_path / "app.sock"
    if left:
        with stdlib_socket.socket(stdlib_socket.AF_UNIX) as stale:
            stale.bind(str(path))
    app = App([{"pubsubname": "bus", "topic": "t", "route": "/on"}])
    async with serving(app):
        pass  # so that its port is known, and closed
    async with running(app_protocol="batch", app_socket=str(path), app_port=app.port) as made:
        assert made.sidecar.app is not None
        assert not await made.sidecar.app.is_up()
        async with serving(app):
            await made.attached()
            await publish(made, "one")
            await until(lambda: len(app.bodies("/on")) == 1)
        await publish(made, "two")
        async with serving(app):
            await until(lambda: len(app.bodies("/on")) == 2)
    assert spoken(caplog) == [batch.PORT]


async def test_whoever_comes_back_at_its_socket_is_asked_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    path = str(tmp_path / "app.sock")
    route = apphttp.route("topics", 0, "in")
    app = App([{"pubsubname": "bus", "topic": "t", "route": route}])
    async with serving(app):
        pass
    async with running(app_protocol="batch", app_socket=path, app_port=app.port) as made:
        async with serving(app):
            await made.attached()
            await publish(made, "foreign")
            await until(lambda: len(app.bodies(route)) == 1)
        async with function(tmp_path, made, port=app.port):
            await publish(made, "ours")
            await until(lambda: sent(made) == ["OURS"])
        await publish(made, "again")
        async with function(tmp_path, made, port=app.port):
            await until(lambda: sent(made) == ["OURS", "AGAIN"])
        async with serving(app):
            await publish(made, "foreign again")
            await until(lambda: len(app.bodies(route)) == 2)
    assert spoken(caplog) == [batch.PORT, batch.FRAMES, batch.PORT]


async def test_one_that_opens_its_port_while_it_is_looked_for_is_found_at_its_socket(tmp_path: Path) -> None:
    """It was not at the socket a moment ago, and is at the port now: it came between the two questions."""
    async with AsyncExitStack() as came:

        class Port(Client):
            async def is_up(self) -> bool:
                await came.enter_async_context(peer(tmp_path, lambda _: b""))
                return True

            async def ask(self, *_: Any) -> Any:
                raise AssertionError("it is asked at its socket")

        either = batch.Either(str(tmp_path / "peer.sock"), Port("127.0.0.1", 1))
        assert await either.is_up()
        with pytest.raises(AppAway):
            await either.ask("GET", "/", [], b"")
        await either.close()


async def publish(made: Setup, text: str) -> None:
    """An event on the topic of both apps."""
    await made.sidecar.publisher.publish("bus", "t", text.encode(), content_type="text/plain", metadata={})


# the lines themselves


@asynccontextmanager
async def peer(folder: Path, answer: Callable[[bytes], bytes]) -> AsyncIterator[Pipeline]:
    """A server that answers each read with `answer`'s bytes, and hangs up when there are none."""

    opened: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        with contextlib.suppress(ConnectionResetError):
            while data := await reader.read(1 << 16):
                told = answer(data)
                if not told:
                    break
                writer.write(told)
        writer.close()
        opened.remove(writer)

    path = str(folder / "peer.sock")
    lines = Pipeline(pipeline.at_path(path))
    async with await asyncio.start_unix_server(serve, path):
        try:
            yield lines
        finally:
            await lines.close()
            await until(lambda: not opened)


async def test_answers_in_one_piece_or_in_many_are_told_apart(tmp_path: Path) -> None:
    one = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: b\r\n\r\nhi"
    async with peer(tmp_path, lambda data: one * data.count(b"POST /")) as lines:
        for _ in range(3):
            reply = await lines.ask("POST", "/x", [("k", "v")], b"body")
            assert (reply.status, reply.body, reply.header("x-a")) == (200, b"hi", "b")


@pytest.mark.parametrize("answer", [b"", b"no HTTP at all\r\n\r\n"])
async def test_a_peer_that_hangs_up_or_speaks_something_else_is_away(tmp_path: Path, answer: bytes) -> None:
    async with peer(tmp_path, lambda _: answer) as lines:
        with pytest.raises(AppAway):
            await lines.ask("GET", "/", [], b"")


def test_it_works_on_the_loop_that_the_program_runs_on(tmp_path: Path) -> None:
    """The program's transports are no asyncio.Transport by name."""

    async def asked() -> None:
        async with peer(tmp_path, lambda _: b"HTTP/1.1 204 No Content\r\n\r\n") as lines:
            assert (await lines.ask("POST", "/x", [], b"body")).status == 204

    with asyncio.Runner(loop_factory=loops.factory(tmp_path)) as runner:
        runner.run(asked())


async def test_nobody_at_the_path_is_nobody_there(tmp_path: Path) -> None:
    lines = Pipeline(pipeline.at_path(str(tmp_path / "none.sock")))
    assert not await lines.is_up()
    with pytest.raises(AppAway, match="does not answer"):
        await lines.ask("GET", "/", [], b"")
