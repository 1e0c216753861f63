"""A function called with HTTP requests, as if it were served."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import functions_framework
from functions_framework import HttpError, Request, Response, exits, testing


def echo(request: Request) -> Any:
    return {
        "method": request.method,
        "path": request.path,
        "args": request.args.to_dict(flat=False),
        "form": request.form.to_dict(flat=False),
        "files": {name: [each.filename, each.read().decode()] for name, each in request.files.items()},
        "json": request.get_json(silent=True),
        "body": request.text if not request.files else "",
        "mine": request.headers.get("x-mine"),
    }


def test_a_def_function_runs_in_a_thread_of_the_pool() -> None:
    client = testing.client(lambda request: threading.current_thread().name)
    assert client.get().text.startswith("function-")


async def test_an_async_function_is_called_from_an_async_test() -> None:
    async def hello(request: Request) -> str:
        return f"hello from {request.path}"

    assert (await testing.client(hello).arequest("GET", "/async")).text == "hello from /async"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_arrives(method: str) -> None:
    client = testing.client(echo)
    assert client.request(method, "/x").json()["method"] == method
    assert getattr(client, method.lower())("/x").json()["method"] == method


def test_head_has_no_body() -> None:
    answer = testing.client(echo).head("/")
    assert (answer.status, answer.body, int(answer.headers["content-length"]) > 0) == (200, b"", True)


@pytest.mark.parametrize(
    ("how", "seen"),
    [
        ({"json": {"a": [1]}}, {"json": {"a": [1]}}),
        ({"data": "text"}, {"body": "text"}),
        ({"data": b"\x41"}, {"body": "A"}),
        ({"data": {"a": "1", "b": ["x", "y"]}}, {"form": {"a": ["1"], "b": ["x", "y"]}}),
        ({"query": {"q": "ä b", "n": [1, 2]}}, {"args": {"q": ["ä b"], "n": ["1", "2"]}}),
        ({"headers": {"X-Mine": "yes"}}, {"mine": "yes"}),
        ({"files": {"f": ("a.txt", b"content")}}, {"files": {"f": ["a.txt", "content"]}}),
        (
            {"files": {"f": "content"}, "data": {"k": "v"}},
            {"files": {"f": ["f", "content"]}, "form": {"k": ["v"]}},
        ),
    ],
)
def test_what_is_sent_is_what_the_function_sees(how: Any, seen: dict[str, Any]) -> None:
    answer = testing.client(echo).post("/p", **how).json()
    assert {name: answer[name] for name in seen} == seen


def test_json_and_data_exclude_each_other() -> None:
    with pytest.raises(TypeError, match="either json, or data"):
        testing.client(echo).post(json=1, data="x")


def test_a_path_may_hold_a_query_and_signs() -> None:
    answer = testing.client(echo).get("/ä b?x=1", query={"y": "2"}).json()
    assert (answer["path"], answer["args"]) == ("/ä b", {"x": ["1"], "y": ["2"]})


def test_status_headers_and_repeated_fields_are_those_of_the_answer() -> None:
    def cookies(request: Request) -> Response:
        made = Response({"a": 1}, 201, {"X-Mine": "yes"})
        made.set_cookie("a", "1")
        made.set_cookie("b", "2")
        return made

    answer = testing.client(cookies).get()
    assert (answer.status, answer.ok, answer.headers["X-MINE"]) == (201, True, "yes")
    assert [one.partition(";")[0] for one in answer.headers.getlist("set-cookie")] == ["a=1", "b=2"]


def test_an_answer_that_is_no_json_is_shown() -> None:
    with pytest.raises(ValueError, match="plain words"):
        testing.client(lambda request: "plain words").get().json()


def test_an_http_error_and_a_crash_are_answers(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(request: Request) -> str:
        if request.path == "/418":
            raise HttpError(418, "Short and stout.")
        raise RuntimeError("secret")

    client = testing.client(refuse)
    assert [client.get("/418").status, client.get("/crash").status] == [418, 500]
    assert "secret" in caplog.text


def test_several_functions_are_routed_by_path_and_method() -> None:
    @functions_framework.http(path="/hello/{name}", methods=["GET"])
    def hello(request: Request) -> str:
        return f"hello {request.path_params['name']}"

    @functions_framework.http(path="/bye")
    def bye(request: Request) -> str:
        return "bye"

    client = testing.client(hello, bye)
    assert [client.get(path).text for path in ("/hello/Ada", "/bye")] == ["hello Ada", "bye"]
    assert [client.get("/none").status, client.post("/hello/Ada").status] == [404, 405]


def test_health_answers_as_when_served() -> None:
    assert testing.client(echo).get("/readyz").status == 200


def test_malformed_http_is_refused_as_when_served() -> None:
    assert testing.client(echo).raw(b"GET / HTTP/1.1\r\n\r\n").status == 400


# streams


async def counted(request: Request) -> AsyncIterator[str]:
    for number in range(3):
        yield f"piece {number}"


def test_a_stream_comes_in_its_pieces() -> None:
    assert testing.client(counted).get().chunks == (b"piece 0", b"piece 1", b"piece 2")


def test_a_stream_is_read_while_it_comes_and_may_be_left() -> None:
    left = threading.Event()

    async def endless(request: Request) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 8192
        finally:
            left.set()

    with testing.client(endless) as client:
        with client.stream("GET") as answer:
            assert (answer.status, next(iter(answer))) == (200, b"x" * 8192)
        assert left.wait(10)


def test_server_sent_events_are_read_as_events() -> None:
    def events(request: Request) -> Response:
        def made() -> Iterator[Any]:
            yield {"n": 1}
            yield "two"

        return Response(made(), content_type="text/event-stream")

    assert testing.client(events).get().events() == [{"data": '{"n":1}'}, {"data": "two"}]


def test_a_stream_that_breaks_off_is_broken(caplog: pytest.LogCaptureFixture) -> None:
    async def breaks(request: Request) -> AsyncIterator[dict[str, int]]:
        yield {"n": 1}
        raise RuntimeError("midway")

    answer = testing.client(breaks).get()
    assert (answer.broken, answer.lines()) == (True, [{"n": 1}])
    assert "midway" in caplog.text


# time


def test_a_def_that_takes_too_long_is_answered_504(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()
    client = testing.client(lambda request: release.wait(20), timeout=0.05)
    assert client.get().status == 504
    release.set()


def test_an_async_function_that_waits_too_long_is_answered_504(caplog: pytest.LogCaptureFixture) -> None:
    import asyncio  # noqa: PLC0415

    async def waits(request: Request) -> None:
        await asyncio.Event().wait()

    assert testing.client(waits, timeout=0.05).get().status == 504


def test_an_async_function_that_blocks_the_loop_is_interrupted(caplog: pytest.LogCaptureFixture) -> None:
    async def blocks(request: Request) -> None:
        while True:
            pass

    client = testing.client(blocks, timeout=0.05)
    assert client.get().status == 504
    assert client.get("/healthz").status == 200


# life


def test_a_closed_client_says_so() -> None:
    with testing.client(echo) as client:
        client.get()
    with pytest.raises(testing.StageError, match="was closed"):
        client.get()


def test_a_forgotten_client_leaves_no_thread() -> None:
    testing.client(echo).get()
    assert not [one for one in threading.enumerate() if one.name == "functions-testing"]


def test_a_function_that_cannot_be_served_cannot_be_tested() -> None:
    def two(one: Request, other: Any) -> str:
        return ""

    with pytest.raises(exits.StartError) as caught:
        testing.client(two)
    assert caught.value.reason == "ArityMismatch"
