"""What a function may return, and the answer it makes."""

from __future__ import annotations

from typing import Any

import pytest

from functions_framework import Response, jsons, response


def whole(result: object) -> response.Answer:
    """The answer, which is no stream."""
    made = response.answer(result)
    assert isinstance(made, tuple)
    return made


@pytest.mark.parametrize(
    ("result", "status", "kind", "body"),
    [
        ({"a": 1}, 200, "application/json", b'{"a":1}'),
        ([1, "ü"], 200, "application/json", '[1,"ü"]'.encode()),
        ({1: {2}}, 200, "application/json", b'{"1":[2]}'),
        ("<b>", 200, "text/html; charset=utf-8", b"<b>"),
        (b"\x00", 200, "application/octet-stream", b"\x00"),
        (bytearray(b"x"), 200, "application/octet-stream", b"x"),
        (("no", 404), 404, "text/html; charset=utf-8", b"no"),
        (({"a": 1}, 201, {"X-A": "b"}), 201, "application/json", b'{"a":1}'),
        (("x", {"Content-Type": "text/csv"}), 200, "text/csv", b"x"),
        (Response("x", 202, content_type="text/x"), 202, "text/x", b"x"),
        (("no", "404 NOT FOUND"), 404, "text/html; charset=utf-8", b"no"),
        (("x", None), 200, "text/html; charset=utf-8", b"x"),
        (("x", "201", None), 201, "text/html; charset=utf-8", b"x"),
        ((Response("x", 202), 203, {}), 203, "text/html; charset=utf-8", b"x"),
        (3.5, 200, "application/json", b"3.5"),
    ],
)
def test_each_kind_of_result_has_its_answer(result: object, status: int, kind: str, body: bytes) -> None:
    got_status, lines, got_body = whole(result)
    assert (got_status, got_body) == (status, body)
    assert f"content-type: {kind}\r\n".encode() in lines


@pytest.mark.parametrize("result", [None, ("ignored", 204)])
def test_no_content_has_neither_type_nor_body(result: object) -> None:
    assert response.answer(result) == (204, b"", b"")


def test_headers_repeat_and_the_servers_own_are_dropped() -> None:
    made = Response("x", 200, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Content-Length", "99")])
    _, lines, _ = whole(made)
    assert lines.count(b"set-cookie: ") == 2
    assert b"content-length" not in lines


@pytest.mark.parametrize(
    "headers", [{"x": "a\r\nset-cookie: stolen"}, {"x y": "a"}, {"x": "\u20ac"}, {"": "a"}]
)
def test_a_header_that_would_break_the_answer_is_refused(headers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="header"):
        response.answer(("x", 200, headers))


@pytest.mark.parametrize("result", [object(), (1, 2, 3, 4), ("x", 99), ("x", 1000)])
def test_what_is_no_answer_is_refused(result: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        response.answer(result)


@pytest.mark.parametrize(
    ("name", "value"), [("a", "b; Domain=x"), ("a;b", "x"), ("a", 'say "x"'), ("a", "ü")]
)
def test_a_cookie_adds_no_attributes(name: str, value: str) -> None:
    made = Response("x")
    with pytest.raises(ValueError, match=r"holds what a cookie cannot; encode it"):
        made.set_cookie(name, value)
    assert made.headers == {}


def test_what_could_be_received_can_be_answered() -> None:
    deep = b"[" * 600 + b"]" * 600
    assert whole(jsons.loads(deep))[2] == deep


def test_what_holds_itself_is_refused() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(ValueError, match="Circular"):
        response.answer(ring)


def test_a_status_that_is_no_number_is_named() -> None:
    with pytest.raises(ValueError, match="cannot answer with status 'OK'; use 200 to 599"):
        response.answer(("x", "OK"))
