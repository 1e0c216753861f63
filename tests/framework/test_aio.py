"""`functions_framework.aio`, and whole applications as targets, behind our server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

import functions_framework.aio
from functions_framework import CloudEvent, asgi, exits, loader, settings
from functions_framework.program import Hook
from functions_framework.serving import server
from tests.framework import http
from tests.framework.conftest import StartSite, instance_settings

JSON = "content-type: application/json\r\n"


async def read_all(made: Any, target: str) -> bytes:
    client = await made.client()
    await client.send(f"GET {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n".encode())
    raw: bytes = await asyncio.wait_for(client.reader.read(), 20)
    client.close()
    return raw


async def test_the_request_is_starlettes(site: StartSite) -> None:
    @functions_framework.aio.http
    async def hello(request: Request) -> Any:
        told = await request.json()
        return {
            "path": request.url.path,
            "q": request.query_params["q"],
            "method": request.method,
            "json": told,
        }

    async with site(hello) as made:
        reply = await made.ask("/p?q=1", method="POST", body=b'{"a": 1}', headers=JSON)
    assert reply.json == {"path": "/p", "q": "1", "method": "POST", "json": {"a": 1}}


@pytest.mark.parametrize(
    ("result", "status", "body"),
    [
        ("text", 200, b"text"),
        ({"a": 1}, 200, b'{"a":1}'),
        (("text", 201), 201, b"text"),
        (({"a": 1}, 202), 202, b'{"a":1}'),
        (PlainTextResponse("plain", 203), 203, b"plain"),
        (JSONResponse({"a": 1}), 200, b'{"a":1}'),
        (Response(status_code=204), 204, b""),
    ],
)
async def test_returns_are_starlettes_or_ours(site: StartSite, result: Any, status: int, body: bytes) -> None:
    @functions_framework.aio.http
    async def given(request: Request) -> Any:
        return result

    async with site(given) as made:
        reply = await made.ask("/")
    assert (reply.status, reply.body) == (status, body)


async def test_a_plain_function_runs_in_a_thread(site: StartSite) -> None:
    @functions_framework.aio.http
    def hello(request: Request) -> Any:
        if request.url.path == "/refused":
            raise HTTPException(409, "taken", {"x-a": "1"})
        return StreamingResponse(iter(["a", "b"])) if request.url.path == "/stream" else request.url.path

    async with site(hello) as made:
        plain, refused, raw = (
            await made.ask("/p"),
            await made.ask("/refused"),
            await read_all(made, "/stream"),
        )
    assert plain.body == b"/p"
    assert (refused.status, refused.body, refused.headers["x-a"]) == (409, b"taken", "1")
    assert raw.endswith(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n")


async def test_a_streaming_response_is_sent_in_pieces(site: StartSite) -> None:
    async def pieces() -> AsyncIterator[str]:
        for number in range(3):
            await asyncio.sleep(0)
            yield str(number)

    @functions_framework.aio.http
    async def count(request: Request) -> Any:
        return StreamingResponse(pieces(), media_type="text/plain")

    async with site(count) as made:
        raw = await read_all(made, "/")
    assert b"content-type: text/plain; charset=utf-8" in raw
    assert raw.endswith(b"1\r\n0\r\n1\r\n1\r\n1\r\n2\r\n0\r\n\r\n")


async def test_a_stream_that_fails_is_broken_off(site: StartSite) -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "first"
        raise ValueError("broken")

    @functions_framework.aio.http
    async def count(request: Request) -> Any:
        return StreamingResponse(pieces())

    async with site(count) as made:
        raw = await read_all(made, "/")
    assert b"first" in raw
    assert not raw.endswith(b"0\r\n\r\n")


async def test_a_background_task_runs_after_the_answer(site: StartSite) -> None:
    ran = asyncio.Event()

    async def later() -> None:
        await asyncio.sleep(0)
        ran.set()

    @functions_framework.aio.http
    async def hello(request: Request) -> Any:
        return PlainTextResponse("now", background=BackgroundTask(later))

    async with site(hello) as made:
        assert (await made.ask("/")).body == b"now"
        await asyncio.wait_for(ran.wait(), 5)


async def test_events_are_ours(site: StartSite) -> None:
    seen: list[str] = []

    @functions_framework.aio.cloud_event
    async def handle(event: CloudEvent) -> None:
        seen.append(event["type"])

    headers = "ce-id: 1\r\nce-source: /s\r\nce-type: t\r\nce-specversion: 1.0\r\n"
    async with site(handle) as made:
        assert (await made.ask("/", method="POST", headers=headers)).status == 200
    assert seen == ["t"]


def test_without_starlette_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions_framework.aio, "find_spec", lambda name: None)
    with pytest.raises(exits.StartError, match=r"openfunction-functions-framework\[google\]") as caught:
        functions_framework.aio.http(lambda request: None)
    assert caught.value.reason == "OptionalMissing"


async def _echo(request: Request) -> Response:
    return JSONResponse({"name": request.path_params["name"], "body": (await request.body()).decode()})


async def test_an_asgi_application_is_served(site: StartSite) -> None:
    async with site(Starlette(routes=[Route("/hello/{name}", _echo, methods=["POST"])])) as made:
        found = await made.ask("/hello/x", method="POST", body=b"b")
        missing = await made.ask("/other")
    assert (found.json, missing.status) == ({"name": "x", "body": "b"}, 404)


async def test_an_asgi_function_is_served_and_its_error_is_a_crash(site: StartSite) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/fail":
            raise ValueError("broken")
        if scope["path"] == "/silent":
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]})
        await send({"type": "http.response.body", "body": b"done"})

    async with site(application) as made:
        fine, fail, silent = await made.ask("/"), await made.ask("/fail"), await made.ask("/silent")
    assert (fine.body, fine.headers["x-a"], fail.status, silent.status) == (b"done", "1", 500, 500)


async def test_a_parameter_that_is_annotated_with_starlettes_request_gets_one(site: StartSite) -> None:
    async def function(request: Request) -> dict[str, Any]:
        return {"path": request.url.path, "query": dict(request.query_params)}

    async with site(function) as made:
        assert (await made.ask("/a?x=1")).json == {"path": "/a", "query": {"x": "1"}}


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
async def test_an_asgi_application_that_exits_ends_no_other_call(
    site: StartSite, error: BaseException
) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise error

    async with site(application) as made:
        assert [(await made.ask("/")).status for _ in range(2)] == [500, 500]


async def test_an_asgi_application_that_ends_in_the_middle_breaks_its_answer_off(site: StartSite) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})

    async with site(application) as made:
        client = await made.client()
        await client.send(http.request("/"))
        rest = await asyncio.wait_for(client.reader.read(), 20)
        assert b"part" in rest
        assert not rest.endswith(b"0\r\n\r\n")
        client.close()


async def test_an_application_that_tells_no_content_type_has_none(site: StartSite) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": scope["path"] == "/more"})
        if scope["path"] == "/more":
            await send({"type": "http.response.body", "body": b"two"})

    def wsgis(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return iter([b"one", b"two"])

    @functions_framework.aio.http
    async def starlettes(request: Request) -> Response:
        return Response("raw")

    async with site(application) as made:
        replies = [await made.ask("/"), await made.ask("/more")]
    for function in (wsgis, starlettes):
        async with site(function) as made:
            replies.append(await made.ask("/"))
    assert [(reply.status, reply.headers.get("content-type")) for reply in replies] == [(200, None)] * 4


async def test_the_path_is_a_variable_as_in_googles_route(site: StartSite) -> None:
    @functions_framework.aio.http
    async def function(request: Request) -> dict[str, Any]:
        return dict(request.path_params)

    async with site(function) as made:
        assert [(await made.ask(path)).json for path in ("/", "/a/b%20c")] == [{}, {"path": "a/b c"}]


async def test_a_wsgi_application_is_served(site: StartSite) -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        start_response("201 Created", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body[:1], body[1:]]

    async with site(application) as made:
        reply = await made.ask("/p?q=1", method="POST", body=b"sent")
    assert (reply.status, reply.body, reply.headers["content-type"]) == (201, b"sent", "text/plain")


async def test_a_wsgi_application_that_tells_no_length_is_streamed(site: StartSite) -> None:
    closed = []

    class Pieces:
        def __iter__(self) -> Any:
            yield b""
            yield b"one"
            yield b"two"

        def close(self) -> None:
            closed.append(True)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("content-type", "text/plain")])
        return Pieces()

    async with site(application) as made:
        raw = await read_all(made, "/")
    assert raw.endswith(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
    assert closed == [True]


async def _chat(socket: WebSocket) -> None:
    if socket.query_params.get("refused"):
        await socket.close()
        return
    await socket.accept(subprotocol="b", headers=[(b"x-a", b"1")])
    async for text in socket.iter_text():
        await socket.send_text(f"{socket.url.path} {text}")
        await socket.send_bytes(text.encode())
        if text == "end":
            await socket.close(4000, "done")


async def test_an_asgi_application_answers_websockets_too(site: StartSite) -> None:
    application = Starlette(routes=[WebSocketRoute("/chat", _chat), Route("/hello/{name}", _echo)])
    async with site(application) as made:
        address = f"ws://127.0.0.1:{made.port}/chat"
        async with connect(address, subprotocols=[Subprotocol("a"), Subprotocol("b")]) as client:
            assert client.subprotocol == "b"
            await client.send("one")
            assert (await client.recv(), await client.recv()) == ("/chat one", b"one")
            await client.send("end")
            assert (await client.recv(), await client.recv()) == ("/chat end", b"end")
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
        assert (await made.ask("/hello/x")).json == {"name": "x", "body": ""}
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "done")


async def test_a_conversation_that_is_closed_before_it_is_accepted_is_refused(site: StartSite) -> None:
    async with site(Starlette(routes=[WebSocketRoute("/chat", _chat)])) as made:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{made.port}/chat?refused=1")
    assert refused.value.response.status_code == 403


async def run(hooks: tuple[Hook, ...]) -> None:
    for hook in hooks:
        result = hook()
        if result is not None:
            await result


async def test_a_lifespan_runs_around_the_instance_and_leaves_its_state(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(LIFESPAN)
    program = loader.load(settings.FunctionSettings(tmp_path / "main.py", "app", named=True))
    made = server.Server(program, instance_settings(settle=0.0), asyncio.get_running_loop())
    listener = server.bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    await run(program.starts)
    await made.start(listener)
    client = await http.Client.open(port)
    assert (await client.ask("/")).body == b"warm ['started']"
    client.close()
    await made.close()
    await run(program.stops)
    assert program.functions[0].written.state.ran == ["started", "stopped"]  # type: ignore[union-attr]


async def test_a_start_up_that_fails_says_so() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no model"})

    with pytest.raises(exits.StartError, match="no model") as caught:
        await asgi.Lifespan(application).start()
    assert caught.value.reason == "StartupFailed"


async def test_a_start_up_that_exits_says_so() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        raise SystemExit(4)

    with pytest.raises(exits.StartError, match=r"start-up failed: it raised SystemExit\(4\)"):
        await asgi.Lifespan(application).start()


async def test_an_application_without_lifespan_is_served_without() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"

    span = asgi.Lifespan(application)
    await span.start()
    await span.stop()
    assert span.state == {}


LIFESPAN = """
from contextlib import asynccontextmanager
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol


@asynccontextmanager
async def lifespan(app):
    app.state.ran = ["started"]
    yield {"model": "warm"}
    app.state.ran.append("stopped")


async def home(request):
    return PlainTextResponse(f"{request.state.model} {request.app.state.ran}")


app = Starlette(routes=[Route("/", home)], lifespan=lifespan)
"""
