"""Requests as a test writes them, made into the bytes that a client would send.

It sends nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from functions_framework import jsons

Headers = Mapping[str, str] | Iterable[tuple[str, str]]
Query = Mapping[str, Any] | Iterable[tuple[str, Any]]  # Any: a value, or a list of a repeated one
File = bytes | str | tuple[str, bytes | str] | tuple[str, bytes | str, str]
"""The content of a file; or its name, content, and content type."""

_IN_TARGET = "/?&=:@!$'()*+,;~%[]-._"
_HOST = "testserver"


def request(
    method: str,
    path: str,
    *,
    body: bytes = b"",
    headers: Headers = (),
    query: Query = (),
) -> bytes:
    """A whole request; `path` may hold a query, to which `query` is added."""
    given = _pairs(headers)
    named = {name.lower() for name, _ in given}
    own = [] if "host" in named else [("host", _HOST)]
    if body and not named & {"content-length", "transfer-encoding"}:
        own.append(("content-length", str(len(body))))
    lines = [f"{method.upper()} {target(path, query)} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in (*own, *given)]
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1") + body


def target(path: str, query: Query = ()) -> str:
    """The request target of a path; what may not stand in one is encoded."""
    asked = urlencode(_pairs(query), doseq=True)
    encoded = quote(path if path.startswith(("/", "*")) else f"/{path}", safe=_IN_TARGET)
    if not asked:
        return encoded
    return f"{encoded}{'&' if '?' in encoded else '?'}{asked}"


def content(
    *,
    json: Any = None,  # Any: whatever JSON holds
    data: bytes | str | Mapping[str, Any] | None = None,
    files: Mapping[str, File] | None = None,
) -> tuple[bytes, str]:
    """A body and its content type; empty text where a body says nothing of its type.

    Args:
        json: sent as JSON.
        data: bytes or text as they are; a mapping is a form.
        files: files of a multipart form, with the values of `data` beside them.

    Raises:
        TypeError: two of them that exclude each other.
    """
    if json is not None and (data is not None or files):
        raise TypeError("give either json, or data and files")
    if json is not None:
        return jsons.dumps(json), "application/json"
    if files:
        if isinstance(data, bytes | str):
            raise TypeError("with files, data is a mapping of the form's other values")
        return _multipart(data or {}, files)
    if isinstance(data, Mapping):
        return urlencode(_pairs(data), doseq=True).encode(), "application/x-www-form-urlencoded"
    if isinstance(data, str):
        return data.encode(), "text/plain; charset=utf-8"
    return data or b"", ""


def _multipart(values: Mapping[str, Any], files: Mapping[str, File]) -> tuple[bytes, str]:
    boundary = uuid.uuid4().hex
    parts = [
        _part(f'form-data; name="{_quoted(name)}"', str(value).encode()) for name, value in _flat(values)
    ]
    for name, given in files.items():
        filename, raw, kind = _file(name, given)
        where = f'form-data; name="{_quoted(name)}"; filename="{_quoted(filename)}"'
        parts.append(_part(where, raw, kind))
    mark = b"--" + boundary.encode()
    whole = b"".join(b"%b\r\n%b\r\n" % (mark, part) for part in parts) + mark + b"--\r\n"
    return whole, f"multipart/form-data; boundary={boundary}"


def _part(disposition: str, raw: bytes, kind: str = "") -> bytes:
    typed = f"content-type: {kind}\r\n" if kind else ""
    return f"content-disposition: {disposition}\r\n{typed}\r\n".encode() + raw


def _file(name: str, given: File) -> tuple[str, bytes, str]:
    filename, raw, *kind = given if isinstance(given, tuple) else (name, given)
    return (
        filename,
        raw.encode() if isinstance(raw, str) else raw,
        kind[0] if kind else "application/octet-stream",
    )


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _flat(values: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        for one in value if isinstance(value, list | tuple) else (value,):
            yield name, one


def _pairs(given: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return list(given.items() if isinstance(given, Mapping) else given)
