"""A file loaded as it would be served: hooks, environment, start errors; test mode and self-host mode."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions_framework import exits, testing
from functions_framework.testing.fixtures import Serve, dapr, serve
from tests.framework.conftest import Program

__all__ = ["dapr", "serve"]  # fixtures

SOURCE = """
import functions_framework

@functions_framework.before
def stamp(call):
    call.state["stamp"] = "stamped"

@functions_framework.after(functions="hello")
def sign(call):
    return f"{call.result} ({call.state['stamp']})"

@functions_framework.http(path="/hello")
def hello(request):
    return "hello"

@functions_framework.http(path="/bye")
def bye(request):
    return "bye"
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "main.py"
    path.write_text(SOURCE)
    return path


def test_every_function_and_hook_of_a_file_runs(serve: Serve, source: Path) -> None:
    client = serve(source)
    assert [client.get(path).text for path in ("/hello", "/bye")] == ["hello (stamped)", "bye"]


REJECTS = """
import functions_framework

@functions_framework.before
def reject(call):
    return {"rejected": True}, 403
"""
REJECTED = {
    "flask": "from flask import request, jsonify\ndef hello(r): return jsonify(request.path)\n",
    "typed": "@functions_framework.typed\ndef hello(number: int = 1) -> int: return number\n",
    "openfunction": "@functions_framework.openfunction\ndef hello(context): return 'x'\n",
    "async": "async def hello(request): return 'x'\n",
    "aio": "from functions_framework import aio\n@aio.http\nasync def hello(request): return 'x'\n",
}


@pytest.mark.parametrize("shape", REJECTED)
def test_a_hook_answers_in_the_place_of_a_function_of_any_shape(
    serve: Serve, tmp_path: Path, shape: str
) -> None:
    path = tmp_path / "main.py"
    path.write_text(REJECTS + REJECTED[shape])
    answer = serve(path, target="hello").post()
    assert (answer.status, answer.json()) == (403, {"rejected": True})


def test_a_hook_sees_what_a_function_of_flask_answers(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "main.py"
    path.write_text(
        "import functions_framework\nfrom flask import request\n"
        "@functions_framework.after\ndef note(call): call.request.invocation.state['seen'] = True\n"
        "@functions_framework.http\ndef hello(r): return request.path\n"
    )
    assert serve(path).get("/hello").text == "/hello"


def test_one_function_of_a_folder_is_chosen(serve: Serve, source: Path) -> None:
    client = serve(source.parent, target="bye")
    assert (client.get("/bye").text, client.get("/hello").status) == ("bye", 404)


def test_a_file_is_imported_anew(serve: Serve, source: Path) -> None:
    first = serve(source)
    source.write_text(SOURCE.replace('"bye"', '"good bye"'))
    assert (first.get("/bye").text, serve(source).get("/bye").text) == ("bye", "good bye")


def test_a_start_error_is_raised(source: Path) -> None:
    with pytest.raises(exits.StartError, match="did you mean 'hello'") as caught:
        testing.load(source, target="helo")
    assert caught.value.reason == "FunctionNotFound"


def test_settings_come_from_the_environment(serve: Serve, source: Path) -> None:
    client = serve(source, environ={"OFN_MAX_BODY_BYTES": "10"})
    assert client.post("/bye", data=b"x" * 11).status == 413


def test_self_host_mode_needs_no_pod(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text("def handle(context):\n    return context.runtime_context.mode\n")
    client = serve(path, target="handle", signature="openfunction", environ={"CONTEXT_MODE": "self-host"})
    assert client.post().text == "self-host"


def test_test_mode_serves_without_a_sidecar(program: Callable[..., Program]) -> None:
    source = (
        "def handle(context):\n"
        "    context.send('out', {'n': 1})\n"
        "    return context.runtime_context.port.sent_to('done')\n"
    )
    out = {"out": {"componentName": "bus", "componentType": "pubsub.redis", "topic": "done"}}
    context = json.dumps({"name": "f", "version": "v2.0.0", "runtime": "Knative", "outputs": out})
    running = program(
        source, "handle", FUNC_CONTEXT=context, TEST_MODE="on", FUNCTION_SIGNATURE_TYPE="openfunction"
    )
    with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/", data=b"{}") as answer:
        assert json.load(answer) == [{"n": 1}]


LIVES = """
import functions_framework

seen = []

@functions_framework.on_startup
def first(): seen.append("start")

@functions_framework.lifespan
async def span():
    seen.append("enter")
    yield
    seen.append("leave")

@functions_framework.on_shutdown
async def last(): seen.append("stop")

@functions_framework.http
def told(request): return seen
"""


def test_what_starts_and_stops_runs_around_the_calls(tmp_path: Path) -> None:
    path = tmp_path / "lives.py"
    path.write_text(LIVES)
    with testing.load(path) as client:
        seen = sys.modules["lives"].seen
        assert seen == client.get().json() == ["start", "enter"]
    assert seen == ["start", "enter", "leave", "stop"]


def test_a_start_hook_that_raises_is_a_start_error(tmp_path: Path) -> None:
    path = tmp_path / "fails.py"
    path.write_text(LIVES.replace('seen.append("start")', 'raise RuntimeError("no model")'))
    with pytest.raises(exits.StartError, match="no model") as caught:
        testing.load(path).get()
    assert caught.value.reason == "StartupFailed"


def test_a_misspelt_setting_is_an_error_in_the_test(source: Path) -> None:
    with pytest.raises(TypeError, match="contxt says nothing; use context, dapr, environ, timeout"):
        testing.load(source, contxt={})  # type: ignore[call-arg]  # what is tested


@pytest.mark.parametrize("given", [(), (5,), ("main.py",)])
def test_what_is_no_function_has_no_client(given: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="give one function or several"):
        testing.client(*given)
