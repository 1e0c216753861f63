"""A request as a WSGI environ, and back."""

from __future__ import annotations

from typing import Any

import pytest

from functions_framework import Request, apps, wsgi
from functions_framework.response import Stream


def make(target: bytes = b"/", *fields: tuple[bytes, bytes], body: bytes = b"") -> Request:
    return Request("POST", target, fields, body, ("10.0.0.1", 5))


def test_the_target_is_told_as_wsgi_tells_it() -> None:
    made = wsgi.environ(make(b"/a%20b/%C3%BC?x=%20", (b"host", b"h:81")))
    assert (made["PATH_INFO"].encode("latin-1").decode(), made["QUERY_STRING"]) == ("/a b/ü", "x=%20")
    assert (made["SERVER_NAME"], made["SERVER_PORT"], made["REMOTE_ADDR"]) == ("h", "81", "10.0.0.1")
    assert (made["RAW_URI"], made["SCRIPT_NAME"], made["REQUEST_METHOD"]) == (
        "/a%20b/%C3%BC?x=%20",
        "",
        "POST",
    )


def test_fields_are_joined_and_none_poses_as_another() -> None:
    made = wsgi.environ(make(
        b"/", (b"x-a", b"1"), (b"X-A", b"2"), (b"x_a", b"forged"), (b"cookie", b"a=1"), (b"cookie", b"b=2"),
        (b"content-type", b"t"), (b"content-length", b"99"), body=b"abc",
    ))  # fmt: skip
    assert (made["HTTP_X_A"], made["HTTP_COOKIE"], made["CONTENT_TYPE"]) == ("1,2", "a=1; b=2", "t")
    assert (made["CONTENT_LENGTH"], made["wsgi.input"].read()) == ("3", b"abc")
    assert "HTTP_CONTENT_LENGTH" not in made


def test_an_environ_is_read_back_as_the_same_request() -> None:
    given = make(
        b"/a%20b?x=1", (b"host", b"h"), (b"x-a", b"1"), (b"content-type", b"text/plain"), body=b"abc"
    )
    got = apps.request_of(wsgi.environ(given))
    assert (got.method, got.full_target, got.body, got.headers["x-a"]) == ("POST", b"/a%20b?x=1", b"abc", "1")
    assert (got.content_type, got.remote_addr) == ("text/plain", "10.0.0.1")


def test_a_target_that_a_server_does_not_tell_is_quoted_anew() -> None:
    environ = {name: value for name, value in wsgi.environ(make(b"/a%20b?x=1")).items() if "URI" not in name}
    assert apps.request_of(environ).full_target == b"/a%20b?x=1"


def test_an_application_that_never_starts_is_told_so() -> None:
    with pytest.raises(TypeError, match="start_response"):
        wsgi.run(lambda environ, start: [b""], make())


def test_what_is_written_comes_before_what_is_returned() -> None:
    def application(environ: Any, start: Any) -> list[bytes]:
        write = start("200 OK", [("content-type", "text/plain")])
        write(b"one ")
        return [b"two"]

    reply = wsgi.run(application, make())
    assert not isinstance(reply, Stream)
    assert reply[2] == b"one two"


def test_a_long_answer_is_streamed_whatever_its_length() -> None:
    def application(environ: Any, start: Any) -> Any:
        start("200 OK", [("content-type", "text/plain"), ("content-length", str(2 << 20))])
        return iter([b"x" * (1 << 20)] * 2)

    assert isinstance(wsgi.run(application, make()), Stream)


def test_an_error_before_the_answer_replaces_it() -> None:
    def application(environ: Any, start: Any) -> list[bytes]:
        start("200 OK", [])
        error = ValueError("late")
        start("503 Busy", [("content-type", "text/plain")], (ValueError, error, None))
        return [b"busy"]

    reply = wsgi.run(application, make())
    assert not isinstance(reply, Stream)
    assert (reply[0], reply[2]) == (503, b"busy")
