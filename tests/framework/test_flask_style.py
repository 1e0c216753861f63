"""Functions written for Flask, behind our server: Flask's request, context, ways to return and errors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import flask
import pytest
from flask import abort, current_app, g, jsonify, make_response, redirect, stream_with_context
from werkzeug.exceptions import Conflict

import functions_framework
from tests.framework.conftest import StartSite

FORM = "content-type: application/x-www-form-urlencoded\r\n"
JSON = "content-type: application/json\r\n"


class TeapotError(Exception):
    """An error that has a handler."""


@functions_framework.errorhandler(TeapotError)
def _handle_teapot(error: TeapotError) -> tuple[str, int]:
    return f"teapot: {error}", 418


@functions_framework.errorhandler(404)
def _handle_missing(error: Exception) -> tuple[dict[str, str], int]:
    return {"missing": str(type(error).__name__)}, 404


async def test_the_request_is_flasks_and_so_is_the_context(site: StartSite) -> None:
    def hello(request: Any) -> Any:
        g.name = request.args["name"]
        assert request is flask.request._get_current_object()  # type: ignore[attr-defined]
        assert current_app.view_functions["run"]
        return jsonify(
            name=g.name, path=request.path, url=request.url, json=request.json, method=request.method
        )

    async with site(hello) as made:
        reply = await made.ask("/a%20b?name=x", method="POST", body=b'{"a": 1}', headers=JSON)
    assert reply.headers["content-type"] == "application/json"
    assert reply.json == {
        "name": "x", "path": "/a b", "url": "http://test/a%20b?name=x", "json": {"a": 1}, "method": "POST",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("result", "status", "body"),
    [
        ("text", 200, b"text"),
        (("text", 201), 201, b"text"),
        (("text", {"x-a": "1"}), 200, b"text"),
        (("text", 202, {"x-a": "1"}), 202, b"text"),
        (({"a": 1}, 203), 203, b'{"a":1}\n'),
        ([1, 2], 200, b"[1,2]\n"),
        (b"bytes", 200, b"bytes"),
        (("", "204 NO CONTENT"), 204, b""),
    ],
)
async def test_returns_follow_flasks_rules(site: StartSite, result: Any, status: int, body: bytes) -> None:
    async with site(lambda request: result) as made:
        reply = await made.ask("/")
    assert (reply.status, reply.body) == (status, body)


async def test_responses_are_flasks(site: StartSite) -> None:
    def answer(request: Any) -> Any:
        if request.path == "/away":
            return redirect("/there", 303)
        made = make_response("made", 207)
        made.set_cookie("a", "1")
        made.headers["X-Two"] = "2"
        return made

    async with site(answer) as made:
        away, plain = await made.ask("/away"), await made.ask("/")
    assert (away.status, away.headers["location"]) == (303, "/there")
    assert (plain.status, plain.headers["set-cookie"], plain.headers["x-two"]) == (207, "a=1; path=/", "2")


async def test_errors_of_werkzeug_are_answers(site: StartSite) -> None:
    def fail(request: Any) -> Any:
        if request.path == "/conflict":
            raise Conflict("taken")
        abort(400, description="bad")

    async with site(fail) as made:
        conflict, bad = await made.ask("/conflict"), await made.ask("/")
    assert (conflict.status, b"taken" in conflict.body) == (409, True)
    assert (bad.status, b"bad" in bad.body) == (400, True)


async def test_handlers_answer_in_an_errors_place(site: StartSite) -> None:
    def fail(request: Any) -> Any:
        if request.path == "/teapot":
            raise TeapotError("short")
        abort(404)

    async with site(fail) as made:
        teapot, missing = await made.ask("/teapot"), await made.ask("/")
    assert (teapot.status, teapot.body) == (418, b"teapot: short")
    assert (missing.status, missing.json) == (404, {"missing": "NotFound"})


async def test_headers_are_sent_as_flask_sends_them(site: StartSite) -> None:
    def function(request: Any) -> Any:
        return (
            flask.Response(status=304) if request.path == "/" else flask.Response(headers={"Location": "/é"})
        )

    async with site(function) as made:
        unchanged, located = await made.ask("/"), await made.ask("/x")
    assert (unchanged.status, "content-type" in unchanged.headers) == (304, False)
    assert located.headers["location"].upper() == "/%C3%A9"


async def test_an_error_that_nothing_handles_is_a_crash(site: StartSite) -> None:
    def fail(request: Any) -> Any:
        raise ValueError("secret")

    async with site(fail) as made:
        reply = await made.ask("/")
    assert (reply.status, reply.headers["x-google-status"]) == (500, "crash")
    assert b"secret" not in reply.body


async def test_our_own_errors_keep_their_status(site: StartSite) -> None:
    def fail(request: Any) -> Any:
        raise functions_framework.HttpError(409, "taken")

    async with site(fail) as made:
        reply = await made.ask("/")
    assert (reply.status, reply.body) == (409, b"taken\n")


async def test_our_response_is_an_answer_too(site: StartSite) -> None:
    async with site(lambda request: functions_framework.Response("x", 201, {"x-a": "1"})) as made:
        reply = await made.ask("/")
    assert (reply.status, reply.body, reply.headers["x-a"]) == (201, b"x", "1")


async def test_none_is_no_answer_in_flask(site: StartSite) -> None:
    async with site(lambda request: None) as made:
        assert (await made.ask("/")).status == 500


async def test_each_call_has_an_execution_id(site: StartSite) -> None:
    async with site(lambda request: request.headers["Function-Execution-Id"]) as made:
        own, given = await made.ask("/"), await made.ask("/", headers="function-execution-id: abc\r\n")
    assert (len(own.body), given.body) == (12, b"abc")


async def test_forms_and_files_are_flasks(site: StartSite) -> None:
    def form(request: Any) -> Any:
        file = request.files.get("up")
        return {
            "a": request.form["a"],
            "file": file.read().decode() if file else None,
            "b": request.form.get("b"),
        }

    body = (
        b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--x\r\ncontent-disposition: form-data; name="up"; filename="f"\r\n\r\nfile\r\n--x--\r\n'
    )
    async with site(form) as made:
        plain = await made.ask("/", method="POST", body=b"a=1&b=2", headers=FORM)
        many = await made.ask(
            "/", method="POST", body=body, headers="content-type: multipart/form-data; boundary=x\r\n"
        )
        none = await made.ask("/", method="POST", body=b"", headers=FORM)
    assert (plain.json, many.json) == (
        {"a": "1", "file": None, "b": "2"},
        {"a": "1", "file": "file", "b": None},
    )
    assert none.status == 400


async def test_every_method_and_path_reaches_the_function(site: StartSite) -> None:
    def told(request: Any) -> Any:
        return f"{request.method} {request.path}"

    async with site(told) as made:
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"):
            assert (await made.ask("/static/x", method=method)).body == f"{method} /static/x".encode()
        assert (await made.ask("/", method="HEAD")).headers["content-length"] == "6"


async def test_an_async_function_runs_in_the_context_too(site: StartSite) -> None:
    async def hello(request: Any) -> Any:
        await asyncio.sleep(0)
        if request.path == "/abort":
            abort(409)
        if request.path == "/teapot":
            raise TeapotError("async")
        return jsonify(path=flask.request.path)

    async with site(hello) as made:
        fine, refused, teapot = await made.ask("/x"), await made.ask("/abort"), await made.ask("/teapot")
    assert (fine.json, refused.status, teapot.status) == ({"path": "/x"}, 409, 418)


async def test_a_stream_is_sent_in_pieces(site: StartSite) -> None:
    def count(request: Any) -> Any:
        def lines() -> Iterator[str]:
            for number in range(3):
                yield f"{flask.request.path}{number}\n"

        return flask.Response(stream_with_context(lines()), mimetype="text/plain")

    async with site(count) as made:
        client = await made.client()
        await client.send(b"GET /p HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        raw = await asyncio.wait_for(client.reader.read(), 20)
        client.close()
    assert b"transfer-encoding: chunked" in raw
    assert b"content-type: text/plain; charset=utf-8" in raw
    assert b"".join(raw.partition(b"\r\n\r\n")[2].split(b"\r\n")[1::2]) == b"/p0\n/p1\n/p2\n"


async def test_a_file_is_sent(site: StartSite) -> None:
    async with site(lambda request: flask.send_file(BytesIO(b"content"), download_name="a.txt")) as made:
        client = await made.client()
        await client.send(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        raw = await asyncio.wait_for(client.reader.read(), 20)
        client.close()
    assert b"content-type: text/plain" in raw
    assert b"content" in raw.partition(b"\r\n\r\n")[2]


async def test_concurrent_requests_have_contexts_of_their_own(site: StartSite) -> None:
    def told(request: Any) -> Any:
        g.path = request.path
        return g.path + flask.request.path

    async with site(told) as made, asyncio.TaskGroup() as group:
        asked = [group.create_task(made.ask(f"/{number}")) for number in range(20)]
    assert [task.result().body for task in asked] == [f"/{n}/{n}".encode() for n in range(20)]


async def test_an_event_function_runs_in_the_context_and_may_abort(site: StartSite) -> None:
    @functions_framework.cloud_event
    def handle(event: Any) -> Any:
        if event["type"] == "abort":
            abort(409)
        if event["type"] == "teapot":
            raise TeapotError("event")
        return jsonify(path=flask.request.path) if event["type"] == "told" else None

    def headers(kind: str) -> str:
        return f"ce-id: 1\r\nce-source: /s\r\nce-type: {kind}\r\nce-specversion: 1.0\r\n"

    async with site(handle) as made:
        replies = {
            kind: await made.ask("/p", method="POST", headers=headers(kind))
            for kind in ("abort", "teapot", "told", "none")
        }
    assert [reply.status for reply in replies.values()] == [409, 418, 200, 200]
    assert (replies["told"].json, replies["none"].body) == ({"path": "/p"}, b"OK")


async def test_a_typed_function_runs_in_the_context(site: StartSite) -> None:
    async def handle(data: dict[str, int]) -> Any:
        if not data:
            abort(409)
        return jsonify(path=flask.request.path, **data)

    async with site(handle) as made:
        told = await made.ask("/p", method="POST", body=b'{"a": 1}', headers=JSON)
        refused = await made.ask("/p", method="POST", body=b"{}", headers=JSON)
    assert (told.json, refused.status) == ({"a": 1, "path": "/p"}, 409)
