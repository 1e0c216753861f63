"""What a function sees of a request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions_framework import BadRequest, HttpError, Request, asgi, wsgi

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
    assert dict(got.headers) == {"X-A": "1, 2", "Host": "h"}
    assert dict(got.headers.lowered) == {"x-a": "1, 2", "host": "h"}


def test_json_is_a_property_as_in_flask() -> None:
    assert make(body=b'{"a": [1]}', fields=JSON).json == {"a": [1]}
    with pytest.raises(HttpError, match="Content-Type"):
        _ = make(body=b"{}").json


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


def test_a_value_that_is_not_there_is_a_bad_request_and_a_key_error() -> None:
    with pytest.raises(BadRequest, match="lacks the value 'x'"):
        _ = make().args["x"]
    with pytest.raises(KeyError):
        _ = make().form["x"]
    assert "x" not in make().args


def test_the_address_is_told_in_parts() -> None:
    got = make(b"/a%20b?q=1", fields=((b"Host", b"h:8080"),))
    assert got.url == "http://h:8080/a%20b?q=1"
    assert got.base_url == "http://h:8080/a%20b"
    assert (got.host, got.host_url, got.scheme) == ("h:8080", "http://h:8080/", "http")


def test_values_are_those_of_the_query_and_then_of_the_form() -> None:
    fields = ((b"content-type", b"application/x-www-form-urlencoded"),)
    got = make(b"/?a=1", body=b"a=2&b=3", fields=fields)
    assert (got.values["a"], got.values["b"], got.values.getlist("a")) == ("1", "3", ["1", "2"])


def test_the_user_agent_is_text_with_flasks_name() -> None:
    got = make(fields=((b"user-agent", b"curl/8"),))
    assert (got.user_agent, got.user_agent.string, make().user_agent) == ("curl/8", "curl/8", "")


def test_cookies_are_read() -> None:
    got = make(fields=((b"Cookie", b'a=1; b="x y"; broken; c='),))
    assert got.cookies.to_dict() == {"a": "1", "b": "x y", "c": ""}


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b"Basic dXNlcjpwYXNzOndvcmQ=", ("basic", "user", "pass:word", None)),
        (b"Bearer abc.def==", ("bearer", None, None, "abc.def==")),
        (b'Digest username="u", realm="a b", nonce=x', ("digest", "u", None, None)),
    ],
)
def test_authorization_is_read(header: bytes, told: tuple[str | None, ...]) -> None:
    found = make(fields=((b"Authorization", header),)).authorization
    assert found is not None
    assert (found.type, found.username, found.password, found.token) == told


def test_a_long_word_in_authorization_takes_no_time() -> None:
    found = make(fields=((b"authorization", b"Digest =" + b"a" * 60_000 + b" b=c"),)).authorization
    assert found is not None
    assert found.parameters == {"b": "c"}


def test_no_authorization_is_none() -> None:
    assert make().authorization is None
    assert make(fields=((b"authorization", b"Basic %%%"),)).authorization is None


def test_lists_keep_what_the_type_accepts() -> None:
    args = make(b"/?n=1&n=x&n=3").args
    assert args.getlist("n", type=int) == [1, 3]
    assert args.to_dict(flat=False) == {"n": ["1", "x", "3"]}


def test_a_query_of_too_many_values_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="at most"):
        _ = make(b"/?" + b"a&" * 10_002).args


def test_headers_convert_as_flask_does() -> None:
    headers = make(fields=((b"x-n", b"5"),)).headers
    assert (headers.get("X-N", type=int), headers.get("x-m", 1, type=int)) == (5, 1)


def test_what_few_functions_look_at_is_flasks_own() -> None:
    got = make(fields=((b"accept", b"text/html;q=0.5, application/json"), (b"host", b"h")))
    names: Any = got  # types know them not: they are there where Flask is
    assert names.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
    assert (names.script_root, names.endpoint, names.environ["REQUEST_METHOD"]) == ("", None, got.method)
    assert not hasattr(got, "no_such_name")


def test_code_may_keep_on_a_request_what_it_likes() -> None:
    got: Any = make()
    got.user = "Ada"
    assert (got.user, make() is got) == ("Ada", False)
    assert not hasattr(make(), "user")


def test_values_are_a_dict_that_is_not_changed() -> None:
    values = make(b"/?a=1&a=2&b=").args
    assert json.dumps(values) == '{"a": "1", "b": ""}'
    assert ({**values}, list(values.items(multi=True))) == (
        {"a": "1", "b": ""},
        [("a", "1"), ("a", "2"), ("b", "")],
    )
    for name, given in (("update", {"a": "3"}), ("pop", "a"), ("setdefault", "c")):
        with pytest.raises(TypeError, match="is not changed"):
            getattr(values, name)(given)
    with pytest.raises(TypeError, match="is not changed"):
        values["a"] = "3"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("a=b", "b"), (" a = b ", "b"), ('a="x y"', "x y"), ('a="\\303\\251"', "é"), ('a="x\\054\\"y"', 'x,"y'),
        ("a=b=c", "b=c"), ('a="', ""), ("a=", ""),
    ],
)  # fmt: skip
def test_cookies_are_read_as_flask_writes_them(header: str, value: str) -> None:
    assert make(fields=((b"cookie", header.encode()),)).cookies["a"] == value


@pytest.mark.parametrize(
    ("peer", "sent", "told"),
    [
        (("127.0.0.1", 9), b"https", "https"), (("::1", 9, 0, 0), b"https", "https"), (None, b"https", "https"),
        (("10.0.0.1", 9), b"https", "http"), (("127.0.0.1", 9), b"http", "http"), (("127.0.0.1", 9), b"", "http"),
    ],
)  # fmt: skip
def test_a_proxy_on_this_machine_says_what_its_client_used(peer: Any, sent: bytes, told: str) -> None:
    got = Request("GET", b"/a?b", ((b"host", b"h:80"), (b"x-forwarded-proto", sent)), b"", peer)
    host = "h:80" if told == "https" else "h"
    assert (got.scheme, got.is_secure, got.url) == (told, told == "https", f"{told}://{host}/a?b")
    assert wsgi.environ(got)["wsgi.url_scheme"] == told
    assert asgi.scope(got)["server"] == ("h", 80)


def test_the_full_path_is_decoded_and_has_its_question_mark() -> None:
    assert (make(b"/a%20b").full_path, make(b"/a?b=%20").full_path) == ("/a b?", "/a?b=%20")


def test_an_address_of_ipv6_is_a_server_name() -> None:
    got = make(fields=((b"host", b"[::1]"),))
    assert (wsgi.server(got), wsgi.environ(got)["SERVER_NAME"]) == (("[::1]", 80), "[::1]")


def test_json_may_begin_with_a_byte_order_mark() -> None:
    assert make(body=b"\xef\xbb\xbf[1]").get_json(force=True) == [1]
    with pytest.raises(BadRequest):
        make(body=b"\xef\xbb\xbf[").get_json(force=True)


def test_a_request_without_a_body_tells_wsgi_no_length() -> None:
    assert "CONTENT_LENGTH" not in wsgi.environ(make())
    assert wsgi.environ(make(body=b"abc"))["CONTENT_LENGTH"] == "3"
