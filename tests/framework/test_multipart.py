"""Multipart forms, whole and in pieces of every size."""

from __future__ import annotations

from pathlib import Path

import pytest

from functions_framework import BadRequest, HttpError, Request, multipart

TYPE = "multipart/form-data; boundary=xYz"
BODY = (
    b"preamble\r\n--xYz\r\n"
    b'Content-Disposition: form-data; name="text"\r\n\r\nhello\r\n--xYz \r\n'
    b'Content-Disposition: form-data; name="empty"\r\n\r\n\r\n--xYz\r\n'
    b'Content-Disposition: form-data; name="up"; filename="a \\"b\\".txt"\r\n'
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nline\r\n--xY\r\nmore\r\n--xYz--\r\nepilogue"
)


def check(parsed: multipart.Parser) -> None:
    assert parsed.values == [("text", "hello"), ("empty", "")]
    file = parsed.files["up"]
    assert (file.filename, file.mimetype) == ('a "b".txt', "text/plain")
    assert file.read() == b"line\r\n--xY\r\nmore"


def test_a_form_is_read_from_a_request() -> None:
    got = Request("POST", b"/", ((b"Content-Type", TYPE.encode()),), BODY)
    assert got.form.to_dict() == {"text": "hello", "empty": ""}
    assert list(got.files.to_dict()) == ["up"]
    assert got.files["up"].read(4) == b"line"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 1000])
def test_pieces_of_any_size_give_the_same(size: int) -> None:
    parser = multipart.Parser(b"xYz")
    for start in range(0, len(BODY), size):
        parser.feed(BODY[start : start + size])
    parser.end()
    check(parser)


@pytest.mark.parametrize("cut", range(20, len(BODY) - 14, 9))
def test_a_form_that_is_cut_off_is_a_bad_request(cut: int) -> None:
    with pytest.raises(BadRequest, match="ends before"):
        multipart.parse(TYPE, BODY[:cut])


def test_too_many_parts_are_too_much() -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    with pytest.raises(HttpError, match="1000 parts") as caught:
        multipart.parse("multipart/form-data; boundary=b", part * 1001 + b"--b--")
    assert caught.value.status == 413


def test_a_head_without_end_is_too_much() -> None:
    with pytest.raises(HttpError, match="too long") as caught:
        multipart.parse("multipart/form-data; boundary=b", b"--b\r\nX: " + b"y" * 9000)
    assert caught.value.status == 413


@pytest.mark.parametrize(
    ("content_type", "body", "word"),
    [
        ("multipart/form-data", b"", "no boundary"),
        ("multipart/form-data; boundary=b", b"--b\r\nX: y\r\n\r\n1\r\n--b--", "no name"),
        ("multipart/form-data; boundary=b", b"--b junk\r\n", "something else"),
    ],
)
def test_what_is_no_form_says_why(content_type: str, body: bytes, word: str) -> None:
    with pytest.raises(BadRequest, match=word):
        multipart.parse(content_type, body)


def test_names_beyond_ascii_are_read_in_both_spellings() -> None:
    assert multipart.parameters('x; filename="\xc3\xbc"') == {"filename": "ü"}
    assert multipart.parameters("x; filename=a; filename*=UTF-8''%C3%BC") == {"filename": "ü"}


def test_a_file_is_saved(tmp_path: Path) -> None:
    multipart.parse(TYPE, BODY).files["up"].save(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes().startswith(b"line")
