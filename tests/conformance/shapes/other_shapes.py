"""Shapes of asynchronous functions, applications, and functions of types."""

from __future__ import annotations

from typing import Any

from tests.conformance.shapes.http_shapes import DOCS, FRAMEWORK
from tests.conformance.shapes.shape import Answer, Shape, done, event, get, post, text, value

_PLAIN: dict[str, Any] = {"content_type": "text/plain; charset=utf-8"}
_TYPED = FRAMEWORK + "tests/test_functions/typed_events/"

AIO = (
    Shape("hello", FRAMEWORK + "examples/cloud_run_async/main.py", ((get(), text("Hello, async world!")),)),
    Shape("echo", FRAMEWORK + "tests/test_functions/http_request_check/async_main.py", (
        (post({"a": [1]}, "/p?q=x"), value({"sent": {"a": [1]}, "q": "x", "path": "/p"}, 201)),
    )),
    Shape("gathered", DOCS + "bigtable/main_async.py", ((get(), value({"parts": [0, 1, 2]})),)),
    Shape("streams", FRAMEWORK + "examples/cloud_run_streaming_http/main.py", ((get(), text("0;1;2;")),)),
    Shape("refuses", FRAMEWORK + "tests/test_functions/decorators/async_decorator.py", (
        (get(), text("no key", 403, **_PLAIN)),
        (get(x_key="yes"), text("in", x_kind="starlette", **_PLAIN)),
    )),
    Shape("one_session", DOCS + "tips-connection-pooling/main.py", (
        (get(), text("1", **_PLAIN)),
        (get(), text("2", **_PLAIN)),
    )),
    Shape("without_async", FRAMEWORK + "tests/test_functions/http_trigger/async_main.py", (
        (get(method="PATCH"), text("def PATCH")),
    )),
    Shape("status_in_a_tuple", FRAMEWORK + "tests/test_functions/http_trigger/async_main.py", (
        (get(), text("made", 201, x_way="tuple")),
    )),
    Shape("event", FRAMEWORK + "tests/test_functions/cloud_events/async_main.py", (
        (event({"n": 1}), done("1 {'n': 1}")),
    )),
    Shape("bare", FRAMEWORK + "tests/test_functions/asgi_apps/bare_asgi.py", (
        (get("/a%20b", method="PUT"), text("PUT /a%20b", content_type="text/plain")),
    )),
)  # fmt: skip

TYPED = (
    Shape("greeting", DOCS + "v2/typed/greeting/main.py", (
        (post({"first": "Ada", "last": "Lovelace"}), value({"message": "Hello Ada Lovelace!"})),
        (post({"first": "Ada"}), value({"errors": [{"path": "body", "message": "lacks 'last'"}]}, 422)),
    )),
    Shape("older", _TYPED + "typed_event.py", (
        (post({"name": "john", "age": 10}), value({"name": "john", "age": 11})),
    )),
    Shape("says_nothing", DOCS + "v2/typed/googlechatbot/main.py", (
        (post({"first": "A", "last": "B"}), Answer(b"", 200, {}, ("Name(first='A', last='B')",))),
    )),
    Shape("model", _TYPED + "pydantic_event.py", (
        (post({"item": "tea", "count": 2}), value({"item": "tea", "count": 4})),
        (post({"count": 0}), value({"errors": [
            {"path": "body.item", "message": "Field required"},
            {"path": "body.count", "message": "Input should be greater than or equal to 1"}]}, 422)),
    )),
    Shape("unmarked", "knative/func: templates/python/http/func.py", (
        (post({"orders": ["a", "b", "c"], "express": True}, "/?limit=1"), value({"orders": ["a"], "express": True})),
        (post({}), value({"orders": [], "express": False})),
    )),
    Shape("book", "OpenFunction/samples: functions/knative/path-parameters-function-go/http.go", (
        (get("/shelves/a/books/7"), value({"shelf": "a", "book": 7, "language": "en"})),
        (get("/shelves/a/books/7?language=de"), value({"shelf": "a", "book": 7, "language": "de"})),
        (get("/elsewhere"), text("No function answers /elsewhere.\n", 404, **_PLAIN)),
    )),
    Shape("counts", FRAMEWORK + "tests/test_functions/http_streaming/main.py", (
        (post({"item": "tea", "count": 2}), text("tea 0\ntea 1\n")),
    )),
)  # fmt: skip
