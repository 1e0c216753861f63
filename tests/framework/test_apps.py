"""`create_app` and `create_asgi_app`: a user's file as an application, for unit tests and other servers."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast
from wsgiref.util import setup_testing_defaults

import flask
import httpx
import pytest

import functions_framework
from functions_framework import apps, exceptions, exits
from functions_framework.aio import create_asgi_app
from functions_framework.program import Program

Make = Callable[[str], Path]


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Make]:
    """Write a user's file; the environment and sys.path are as before afterwards."""
    kept, path, modules = dict(os.environ), list(sys.path), set(sys.modules)

    def make(text: str) -> Path:
        file = tmp_path / "main.py"
        file.write_text(text)
        return file

    yield make
    os.environ.clear()
    os.environ.update(kept)
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


PLAIN = (
    "def function(request):\n    return {'json': request.json, 'url': request.url, 'path': request.path}\n"
)
EVENT = """
import functions_framework

@functions_framework.cloud_event
def function(event):
    if event["type"] != "t" or event.data != {"a": 1}:
        raise ValueError("other")
"""


def test_a_plain_function_has_flasks_test_client(source: Make) -> None:
    client = functions_framework.create_app("function", source(PLAIN)).test_client()
    reply = client.post("/a b?q=1", json={"a": 1})
    assert reply.get_json() == {"json": {"a": 1}, "url": "http://localhost/a%20b?q=1", "path": "/a b"}
    assert client.get("/").status_code == 415


def test_a_function_of_flask_gets_its_own_application(source: Make) -> None:
    text = """
from flask import abort, request

def function(r):
    return request.path if request.path != "/no" else abort(404)
"""
    application = functions_framework.create_app("function", source(text))
    client = application.test_client()
    assert isinstance(application, flask.Flask)
    assert (client.get("/x").text, client.get("/no").status_code) == ("/x", 404)
    assert client.get("/favicon.ico").status_code == 404


def test_the_module_is_imported_in_its_applications_context(source: Make) -> None:
    text = """
from flask import current_app, g

home = current_app.root_path

@current_app.before_request
def note():
    g.noted = "yes"

@current_app.errorhandler(KeyError)
def handle(error):
    return "no key", 409

def function(request):
    return {}["x"] if request.path == "/key" else home + g.noted
"""
    file = source(text)
    client = functions_framework.create_app("function", file).test_client()
    assert client.get("/").text == f"{file.parent}yes"
    assert (client.get("/key").status_code, client.get("/key").text) == (409, "no key")


def test_what_lies_beside_the_file_is_imported_relatively(source: Make) -> None:
    file = source("from .beside import word\n\ndef function(request):\n    return word\n")
    (file.parent / "beside.py").write_text("word = 'beside'\n")
    assert functions_framework.create_app("function", file).test_client().get("/").text == "beside"


def test_templates_lie_beside_the_file(source: Make) -> None:
    file = source(
        "from flask import render_template\n\ndef function(r):\n    return render_template('a.html', name='x')\n"
    )
    (file.parent / "templates").mkdir()
    (file.parent / "templates" / "a.html").write_text("Hello {{ name }}")
    assert functions_framework.create_app("function", file).test_client().get("/").text == "Hello x"


def test_an_event_function_takes_events(source: Make) -> None:
    client = functions_framework.create_app("function", source(EVENT)).test_client()
    headers = {"ce-id": "1", "ce-source": "/s", "ce-type": "t", "ce-specversion": "1.0"}
    assert (client.post("/", headers=headers, json={"a": 1}).status_code, client.get("/").status_code) == (
        200,
        405,
    )
    assert client.post("/", json={}).status_code == 400


def test_a_background_function_is_named_by_its_signature(source: Make) -> None:
    file = source("def function(data, context):\n    assert (data, context.event_type) == ('d', 'e')\n")
    client = functions_framework.create_app("function", str(file), "event").test_client()
    event = {"context": {"eventId": "1", "eventType": "e"}, "data": "d"}
    assert (client.post("/", json=event).text, client.get("/").status_code) == ("OK", 200)


def test_an_error_is_500_and_a_handler_answers_in_its_place(source: Make) -> None:
    text = """
import functions_framework

@functions_framework.errorhandler(ZeroDivisionError)
def handle(error):
    return "I'm a teapot", 418

def function(request):
    if request.path == "/other":
        raise ValueError("secret")
    1 / 0
"""
    client = functions_framework.create_app("function", source(text)).test_client()
    assert (client.get("/").status_code, client.get("/").text) == (418, "I'm a teapot")
    other = client.get("/other")
    assert (other.status_code, other.headers["x-google-status"], "secret" in other.text) == (
        500,
        "crash",
        False,
    )


def test_a_stream_is_a_stream(source: Make) -> None:
    text = "def function(request):\n    yield 'a'\n    yield 'b'\n"
    reply = functions_framework.create_app("function", source(text)).test_client().get("/")
    assert (reply.is_streamed, reply.text, reply.mimetype) == (True, "ab", "text/html")


def test_an_async_function_and_an_async_stream_run(source: Make) -> None:
    text = """
import asyncio

async def function(request):
    await asyncio.sleep(0)
    return pieces() if request.path == "/stream" else request.path

async def pieces():
    yield {"a": 1}
    await asyncio.sleep(0)
    yield {"a": 2}
"""
    client = functions_framework.create_app("function", source(text)).test_client()
    assert (client.get("/p").text, client.get("/stream").text) == ("/p", '{"a":1}\n{"a":2}\n')


def test_the_environment_names_the_function(source: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
import os

def other(request):
    return os.environ["FUNCTION_TARGET"] + os.environ["FUNCTION_SIGNATURE_TYPE"]
"""
    monkeypatch.setenv("FUNCTION_TARGET", "other")
    monkeypatch.setenv("FUNCTION_SOURCE", str(source(text)))
    assert functions_framework.create_app().test_client().get("/").text == "otherhttp"
    lazy = apps.app
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    setup_testing_defaults(environ)
    assert b"".join(lazy(environ, lambda *told: None)) == b"otherhttp"


@pytest.mark.parametrize(
    ("target", "text", "error"),
    [
        ("missing", PLAIN, exceptions.MissingTargetException),
        ("text", "text = 1\n", exceptions.InvalidTargetTypeException),
        ("function", "def function(:\n", exceptions.FunctionsFrameworkException),
    ],
)
def test_what_cannot_be_made_raises_googles_errors(
    source: Make, target: str, text: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        functions_framework.create_app(target, source(text))


def test_without_flask_it_is_a_wsgi_application(source: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps, "find_spec", lambda name: None)
    application = functions_framework.create_app(
        "function", source("def function(request):\n    return 1 / len(request.body)\n")
    )
    told: list[Any] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "CONTENT_LENGTH": "1",
        "wsgi.input": io.BytesIO(b"x"),
    }
    setup_testing_defaults(environ)
    assert b"".join(application(environ, lambda *given: told.extend(given))) == b"1.0"
    assert told == ["200 OK", [("content-type", "application/json")]]
    environ.update({"CONTENT_LENGTH": "0", "wsgi.errors": io.StringIO()})
    application(environ, lambda *given: told.extend(given))
    assert told[2].startswith("500 ")
    assert "ZeroDivisionError" in environ["wsgi.errors"].getvalue()
    with pytest.raises(exits.StartError, match=r"functions_framework.testing"):
        application.test_client()


async def test_an_error_of_an_asgi_application_is_a_crash(source: Make) -> None:
    async with asking(
        create_asgi_app("function", source("async def function(request):\n    1 / 0\n"))
    ) as client:
        told = await client.get("/")
    assert (told.status_code, told.headers["x-google-status"]) == (500, "crash")


AIO = """
import functions_framework.aio
from starlette.responses import StreamingResponse

@functions_framework.aio.http
async def function(request):
    if request.url.path == "/stream":
        return StreamingResponse(iter(["a", "b"]))
    return {"q": request.query_params.get("q"), "body": (await request.body()).decode()}
"""


def asking(application: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://test")


async def test_an_aio_function_is_an_asgi_application(source: Make) -> None:
    async with asking(functions_framework.create_app("function", source(AIO))) as client:
        assert (await client.post("/?q=1", content=b"b")).json() == {"q": "1", "body": "b"}
        assert (await client.get("/stream")).text == "ab"
        assert (await client.get("/favicon.ico")).status_code == 404


async def test_any_function_can_be_an_asgi_application(source: Make) -> None:
    text = (
        "async def function(request):\n    return {'sent': await request.json(), 'path': request.url.path}\n"
    )
    async with asking(create_asgi_app("function", source(text))) as client:
        assert (await client.post("/a%20b", json={"a": 1})).json() == {"sent": {"a": 1}, "path": "/a b"}


async def test_an_event_function_can_be_an_asgi_application(source: Make) -> None:
    headers = {"ce-id": "1", "ce-source": "/s", "ce-type": "t", "ce-specversion": "1.0"}
    async with asking(create_asgi_app("function", source(EVENT))) as client:
        assert (await client.post("/", headers=headers, json={"a": 1})).text == "OK"
        assert (await client.post("/", json={})).status_code == 400


async def test_the_hooks_of_a_program_are_its_lifespan(source: Make) -> None:
    ran: list[str] = []
    program = Program(
        apps.create_asgi_app("function", source(PLAIN)).program.functions,
        starts=(lambda: ran.append("start"),),
        stops=(lambda: ran.append("stop"),),
    )
    orders = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    told: list[str] = []

    async def receive() -> Any:
        return next(orders)

    async def send(message: Any) -> None:
        told.append(message["type"])

    await apps.AsgiApp(program)({"type": "lifespan"}, receive, send)
    assert (ran, told) == (["start", "stop"], ["lifespan.startup.complete", "lifespan.shutdown.complete"])


async def test_a_start_hook_that_fails_is_told_so_that_no_server_goes_on(source: Make) -> None:
    def start() -> None:
        raise ValueError("no model")

    function = apps.create_asgi_app("function", source(PLAIN)).program.functions
    told: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        told.append(message)

    await apps.AsgiApp(Program(function, starts=(start,)))({"type": "lifespan"}, receive, send)
    assert told == [{"type": "lifespan.startup.failed", "message": "ValueError: no model"}]


def test_googles_other_names_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert issubclass(exits.StartError, functions_framework.FunctionsFrameworkException)
    assert functions_framework.HTTPFunction is not functions_framework.CloudEventFunction
    root = logging.getLogger(__name__)
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(logging, "root", root)
    functions_framework.setup_logging()
    told, warned = (cast("logging.StreamHandler[Any]", handler) for handler in root.handlers)
    assert (told.stream, warned.stream, root.level) == (sys.stdout, sys.stderr, logging.INFO)
