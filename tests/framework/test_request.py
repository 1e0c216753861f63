"""What a function sees of a request."""

from __future__ import annotations

import pytest

from functions_framework import BadRequest, HttpError, Request

JSON = ((b"Content-Type", b"application/json; charset=utf-8"),)


def make(target: bytes = b"/", *, body: bytes = b"", fields: tuple[tuple[bytes, bytes], ...] = ()) -> Request:
    return Request("POST", target, fields, body, ("127.0.0.1", 5))


def test_path_and_query_are_decoded() -> None:
    got = make(b"/a%20b/%C3%BC?x=1&x=2&y=%26&z")
    assert (got.path, got.args["x"], got.args.getlist("x")) == ("/a b/ü", "1", ["1", "2"])
    assert got.args.to_dict() == {"x": "1", "y": "&", "z": ""}


def test_an_absolute_target_gives_its_path() -> None:
    assert make(b"http://host:80/p?q=1").path == "/p"
    assert make(b"*").path == "*"


def test_args_convert_as_flask_does() -> None:
    args = make(b"/?n=5&bad=x").args
    assert (args.get("n", 1, type=int), args.get("bad", 1, type=int), args.get("none")) == (5, 1, None)


def test_header_names_have_no_case_and_repeated_fields_are_joined() -> None:
    got = make(fields=((b"X-A", b"1"), (b"x-a", b"2"), (b"Host", b"h")))
    assert got.headers["X-a"] == "1, 2"
    assert got.headers.getlist("x-A") == ["1", "2"]
    assert "HOST" in got.headers
    assert "other" not in got.headers
    assert dict(got.headers) == {"x-a": "1, 2", "host": "h"}


def test_json_is_parsed_whatever_the_content_type() -> None:
    assert make(body=b'{"a": [1]}').json() == {"a": [1]}


def test_get_json_wants_the_content_type() -> None:
    assert make(body=b"{}", fields=JSON).get_json() == {}
    assert make(body=b"{}").get_json(silent=True) is None
    assert make(body=b"[1]").get_json(force=True) == [1]
    with pytest.raises(HttpError, match="Content-Type") as caught:
        make(body=b"{}").get_json()
    assert caught.value.status == 415


def test_a_body_that_is_no_json_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="no JSON"):
        make(body=b"{", fields=JSON).get_json()
    assert make(body=b"{", fields=JSON).get_json(silent=True) is None


def test_a_form_is_read_by_its_content_type() -> None:
    fields = ((b"content-type", b"application/x-www-form-urlencoded"),)
    assert make(body=b"a=1&b=%20", fields=fields).form.to_dict() == {"a": "1", "b": " "}
    assert make(body=b"a=1").form.to_dict() == {}


def test_text_and_data_are_the_body() -> None:
    got = make(body="ü".encode())
    assert (got.data, got.get_data(as_text=True), got.text) == (b"\xc3\xbc", "ü", "ü")
    with pytest.raises(BadRequest, match="UTF-8"):
        _ = make(body=b"\xff").text


def test_the_peer_is_the_remote_address() -> None:
    assert make().remote_addr == "127.0.0.1"
