"""Several functions in one process: whose request it is, what methods it has, and what is refused at start."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from functions_framework import errors, exits, loader, routing, settings
from functions_framework.function import Function
from functions_framework.request import Request
from functions_framework.serving import server
from tests.framework.conftest import Program, Site

SEVERAL = """
import functions_framework as ff

@ff.http
def first(request): return "first"

@ff.http(name="second-one")
def second(request): return "second " + request.path

@ff.http(path="/hello/{name}", methods=["get"])
def hello(request): return "hello " + request.path_params["name"]

@ff.http(path="/hello/{name}", methods=["PUT", "DELETE"])
async def change(name: str): return "changed " + name

@ff.http(path="/hello/me")
def me(request): return "me"

@ff.http(path="/item/{number:[0-9]+}")
def item(number: int): return {"twice": number * 2}

@ff.typed(path="/any/{id}")
def anything(id: int): return {"id": id}

@ff.cloud_event
def event(e): return e["type"]
"""


@asynccontextmanager
async def serving(tmp_path: Path, text: str, target: str = "") -> AsyncIterator[Site]:
    (tmp_path / "several.py").write_text(text)
    chosen = settings.FunctionSettings(source=tmp_path / "several.py", target=target, named=bool(target))
    program = loader.load(chosen)
    made = server.Server(program, settings.InstanceSettings(settle=0.01), asyncio.get_running_loop())
    listener = server.bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    await made.start(listener)
    try:
        yield Site(made, port)
    finally:
        await made.close()


EVENT = "ce-id: 1\r\nce-type: t\r\nce-source: /s\r\nce-specversion: 1.0\r\n"


@pytest.mark.parametrize(
    ("method", "target", "status", "said"),
    [
        ("GET", "/first", 200, "first"),
        ("POST", "/first", 200, "first"),
        ("GET", "/second-one", 200, "second /second-one"),
        ("GET", "/second", 404, "No function answers /second."),
        ("GET", "/", 404, "No function answers /."),
        ("GET", "/hello/you", 200, "hello you"),
        ("GET", "/hello/a%20b", 200, "hello a b"),
        ("GET", "/hello/me", 200, "me"),
        ("GET", "/hello/a/b", 404, "No function answers /hello/a/b."),
        ("DELETE", "/hello/you", 200, "changed you"),
        ("POST", "/hello/you", 405, "Use DELETE or GET or PUT."),
        ("GET", "/item/21", 200, '{"twice":42}'),
        ("GET", "/item/x", 404, "No function answers /item/x."),
        ("GET", "/any/7", 200, '{"id":7}'),
        ("GET", "/any/x", 404, "Nothing is at /any/x: id is no whole number."),
        ("POST", "/event", 200, "t"),
        ("GET", "/healthz", 200, "ok"),
    ],
)
async def test_each_request_finds_its_function(
    tmp_path: Path, method: str, target: str, status: int, said: str
) -> None:
    async with serving(tmp_path, SEVERAL) as at:
        reply = await at.ask(target, method=method, headers=EVENT if target == "/event" else "")
    assert (reply.status, reply.body.decode().strip()) == (status, said)


async def test_options_tells_the_methods_and_head_comes_from_get(tmp_path: Path) -> None:
    async with serving(tmp_path, SEVERAL) as at:
        options = await at.ask("/hello/you", method="OPTIONS")
        head = await at.ask("/hello/you", method="HEAD")
        wrong = await at.ask("/hello/you", method="PATCH")
    assert (options.status, options.headers["allow"]) == (204, "delete, get, head, options, put")
    assert (head.status, head.headers["content-length"], head.body) == (200, "9", b"")
    assert wrong.headers["allow"] == options.headers["allow"]


async def test_the_target_selects_one_and_keeps_its_path_and_methods(tmp_path: Path) -> None:
    async with serving(tmp_path, SEVERAL, "hello") as at:
        assert (await at.ask("/hello/you")).body == b"hello you"
        assert (await at.ask("/hello/you", method="PUT")).status == 405
        assert (await at.ask("/first")).status == 404
    async with serving(tmp_path, SEVERAL, "first") as at:
        assert (await at.ask("/what/ever")).body == b"first"


def declared(name: str, path: str = "", *methods: str) -> Function:
    return Function(name, lambda _: None, "http", is_async=False, path=path, methods=frozenset(methods))


@pytest.mark.parametrize(
    ("functions", "words"),
    [
        ([declared("a", "/x"), declared("b", "/x")], "a and b both answer every method at /x"),
        ([declared("a", "/x/{y}"), declared("b", "/x/{z}")], "a and b both answer every method"),
        ([declared("a", "/x", "GET", "PUT"), declared("b", "/x", "PUT")], "a and b both answer PUT at /x"),
        ([declared("a"), declared("b", "/a")], "a and b both answer every method at /a"),
        ([declared("a", "x")], "the path 'x' does not begin with a slash"),
        ([declared("a", "/{x")], "is no template"),
        ([declared("a", "/{x:[}")], "is no template"),
        ([declared("a", "/{x}/{x}")], "is no template"),
        ([dataclasses.replace(declared("a"), concurrency=-1)], "a: concurrency is -1; use 0 or more"),
    ],
)
def test_what_would_answer_the_same_request_is_refused(functions: list[Function], words: str) -> None:
    with pytest.raises(exits.StartError, match="InvalidFunction") as caught:
        routing.spread(functions)
    assert words in caught.value.sentence


@pytest.mark.parametrize(
    ("template", "path", "told"),
    [
        ("/{a}-{b}", "/x-y-z", {"a": "x", "b": "y-z"}),
        ("/{name}.json", "/a.b.json", {"name": "a.b"}),
        ("/{n:[0-9]+}^{b}]{c}", "/1^2]3]", {"n": "1", "b": "2", "c": "3]"}),
        ("/{a}-{b}", "/x", None),
        ("/{a}-{b}-{c}", f"/{'-' * 60_000}/", None),
    ],
)
def test_variables_of_one_segment_end_where_the_text_between_begins(
    template: str, path: str, told: dict[str, str] | None
) -> None:
    found = routing.compiled(template).fullmatch(path)
    assert (None if found is None else found.groupdict()) == told


@pytest.mark.parametrize(
    "functions",
    [
        [declared("a", "/x", "GET"), declared("b", "/x", "PUT")],
        [declared("a", "/x", "GET"), declared("b", "/x")],
        [declared("a", "/x/{y:[0-9]+}"), declared("b", "/x/{y}")],
        [declared("a"), declared("b")],
    ],
)
def test_what_is_apart_is_served(functions: list[Function]) -> None:
    router = routing.Router(routing.spread(functions))
    assert len(routing.spread(functions)) == 2
    with pytest.raises(errors.HttpError, match="No function answers"):
        router.find(Request("GET", b"/nowhere", (), b""))


def test_named_methods_come_before_every_method() -> None:
    router = routing.Router([declared("every", "/x"), declared("get", "/x", "GET")])
    for _ in range(2):  # the second time as it is remembered
        assert router.find(Request("GET", b"/x", (), b"")).name == "get"
        assert router.find(Request("POST", b"/x", (), b"")).name == "every"
        assert router.find(Request("POST", b"/x?a=1", (), b"")).name == "every"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@ff.http(name='1st')\ndef f(r): ...\n", "'1st' is no name for a function"),
        ("@ff.http\ndef _f(r): ...\n", "'_f' is no name for a function"),
        (f"@ff.http(name='a{'b' * 63}')\ndef f(r): ...\n", "is no name for a function"),
        (
            "@ff.http(name='a')\ndef f(r): ...\n@ff.http(name='a')\ndef g(r): ...\n",
            "two functions are called 'a'",
        ),
    ],
)
def test_names_keep_to_the_rule(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "named.py").write_text("import functions_framework as ff\n" + text)
    with pytest.raises(exits.StartError, match="InvalidFunction") as caught:
        loader.load(settings.FunctionSettings(source=tmp_path / "named.py"))
    assert words in caught.value.sentence


def test_an_alias_is_the_same_function(tmp_path: Path) -> None:
    (tmp_path / "aliased.py").write_text("import functions_framework as ff\n@ff.http\ndef f(r): ...\ng = f\n")
    program = loader.load(settings.FunctionSettings(source=tmp_path / "aliased.py"))
    assert program.names == "f"
    assert program.only is not None


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("int", "-7", "7.5"),
        ("float", "1.5", "x"),
        ("uuid.UUID", str(uuid.UUID(int=3)), "3"),
        ("bool", "yes", "maybe"),
    ],
)
async def test_a_path_variable_has_its_annotations_type(
    tmp_path: Path, kind: str, good: str, bad: str
) -> None:
    text = (
        "import uuid\nimport functions_framework as ff\n@ff.http(path='/x/{value}')\n"
        f"def f(value: {kind}): return type(value).__name__\n"
    )
    async with serving(tmp_path, text) as at:
        assert (await at.ask(f"/x/{good}")).body.decode() == kind.rpartition(".")[2]
        assert (await at.ask(f"/x/{bad}")).status == 404


async def test_the_command_line_serves_every_declared_function(
    program: Callable[..., Program], tmp_path: Path
) -> None:
    running: Any = program(SEVERAL, target="hello")
    reply = await Site(running, running.port).ask("/hello/process")
    assert reply.body == b"hello process"
