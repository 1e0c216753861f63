"""A function's result as an answer: status, header lines, and a body or the stream of one.

It writes to no connection; framing headers are the server's alone, so a function's are dropped.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from functions_framework import errors, jsons, reasons
from functions_framework.record import dataclass

HeaderInput: TypeAlias = Mapping[str, Any] | Iterable[tuple[str, Any]]
Answer: TypeAlias = tuple[int, bytes, bytes]
"""Status, header lines each ended by CRLF, body. A plain tuple because every request makes one."""


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body comes piece by piece; `signatures` make it, the dispatcher sends it.

    Attributes:
        status: the status.
        lines: header lines, each ended by CRLF; a missing content type is told by the first item.
        chunks: gives bytes, str, anything that JSON holds (a line each), or an `sse.Event`; one of an async
            generator runs on the loop, another one in threads.
        events: items are server-sent events, because the content type says so.
        bare: the lines are all that is told, so that no content type is added.
    """

    status: int
    lines: bytes
    chunks: AsyncIterable[Any] | Iterator[Any]  # Any: encoded by flow.py
    events: bool = False
    bare: bool = False


Reply: TypeAlias = Answer | Stream
"""What a function's result becomes."""

JSON_TYPE = b"content-type: application/json\r\n"
TEXT_TYPE = b"content-type: text/plain; charset=utf-8\r\n"
_HTML = "text/html; charset=utf-8"
_HTML_TYPE = b"content-type: text/html; charset=utf-8\r\n"
_BYTES = "application/octet-stream"
_BYTES_TYPE = b"content-type: application/octet-stream\r\n"
_EVENTS = b"content-type: text/event-stream"
_SERVERS_OWN = frozenset({
    "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "trailer", "date", "x-ofn-revision",
})  # fmt: skip
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_COOKIE_VALUE = r"[!#-+\--:<-\[\]-~]*"  # RFC 6265 §4.1.1; compiled when a cookie is set
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

STATUS_LINES: Mapping[int, bytes] = {
    **{code: b"HTTP/1.1 %d \r\n" % code for code in range(200, 600)},
    **{code: f"HTTP/1.1 {code} {phrase}\r\n".encode() for code, phrase in reasons.REASONS.items()},
}
BODILESS = frozenset({204, 304})


class Response:
    """An answer spelt out; `headers` may be changed until the function returns it."""

    def __init__(
        self,
        body: object = b"",
        status: int = 200,
        headers: HeaderInput = (),
        content_type: str | None = None,
    ) -> None:
        self.body = body
        self.status: int = int(status)
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        self.headers: dict[str, Any] = {}  # Any: a value, or a list of values for a repeated field
        for name, value in pairs:
            self._add(name, value)
        if content_type is not None:
            self.headers["content-type"] = content_type

    def _add(self, name: str, value: Any) -> None:
        if name in self.headers:
            known = self.headers[name]
            self.headers[name] = [*(known if isinstance(known, list) else [known]), value]
        else:
            self.headers[name] = value

    @property
    def status_code(self) -> int:
        """The status (Flask's name)."""
        return self.status

    def set_cookie(
        self, name: str, value: str, *, attributes: str = "Path=/; HttpOnly; SameSite=Lax"
    ) -> None:
        """Add a Set-Cookie field; raises ValueError for a name or value that would end early or add attributes."""
        if not _NAME.fullmatch(name) or not re.fullmatch(_COOKIE_VALUE, value):
            raise ValueError(
                f"the cookie {name!r} or its value holds what a cookie cannot; encode it, as urllib.parse.quote does"
            )
        self._add("set-cookie", f"{name}={value}; {attributes}")


def answer(result: object) -> Reply:
    """The answer of what a function returned; raises TypeError or ValueError for what is none."""
    kind = type(result)
    if kind is dict or kind is list:
        return 200, JSON_TYPE, jsons.dumps(result)
    if kind is str:
        return 200, _HTML_TYPE, result.encode()  # type: ignore[attr-defined]  # kind says str
    if kind is bytes:
        return 200, _BYTES_TYPE, result  # type: ignore[return-value]  # kind says bytes
    return _spelt_out(result)


def passed_on(status: int, headers: HeaderInput, body: object) -> Reply:
    """The answer of another framework, which may tell no content type; raises ValueError as `answer`."""
    made = Response(body, status, headers)
    if any(name.lower() == "content-type" for name in made.headers):
        return answer(made)
    made.headers["content-type"] = ()
    reply = answer(made)
    return replace(reply, bare=True) if isinstance(reply, Stream) else reply


def plain(status: int, text: str, *, lines: bytes = b"") -> Answer:
    """A short answer in plain text, for what the framework itself says."""
    return status, TEXT_TYPE + lines, f"{text}\n".encode()


def of_error(error: errors.HttpError) -> Answer:
    """The answer of an error that says its status."""
    if isinstance(error, errors.InvalidInput):
        told = {"errors": [{"path": path, "message": message} for path, message in error.paths]}
        return error.status, JSON_TYPE + error.lines, jsons.dumps(told)
    return plain(error.status, error.message, lines=error.lines)


def is_stream(body: object) -> bool:
    """True for what is sent piece by piece: generators, async generators, and iterators of any kind."""
    return isinstance(body, Iterator | AsyncIterable)


def _spelt_out(result: object) -> Reply:
    if result is None:
        return 204, b"", b""
    if isinstance(result, tuple):
        return _of_response(_of_tuple(result))
    if isinstance(result, Response):
        return _of_response(result)
    if is_stream(result):
        return Stream(200, b"", result)  # type: ignore[arg-type]  # is_stream says so
    body, content_type = _body(result)
    return 200, b"content-type: " + content_type.encode() + b"\r\n", body


def _of_tuple(result: tuple[Any, ...]) -> Response:
    match result:
        case (body, None | int() | str() as status):
            return Response(body, _status(status))
        case (body, headers):
            return Response(body, 200, headers)
        case (body, None | int() | str() as status, headers):
            return Response(body, _status(status), headers or ())
    raise TypeError("a tuple is answered as (body, status), (body, headers) or (body, status, headers)")


def _status(told: int | str | None) -> int:
    """A status as Flask takes it, which may be a line such as `"404 NOT FOUND"`."""
    number = told.partition(" ")[0] if isinstance(told, str) else 200 if told is None else told
    try:
        return int(number)
    except ValueError as error:
        raise ValueError(f"a function cannot answer with status {told!r}; use 200 to 599") from error


def _of_response(response: Response) -> Reply:
    inner = response.body
    if isinstance(inner, Response):  # (Response, status, headers), as Flask allows
        merged = Response(inner.body, response.status, {**inner.headers, **response.headers})
        return _of_response(merged)
    if not 200 <= response.status < 600:
        raise ValueError(f"a function cannot answer with status {response.status}; use 200 to 599")
    lines, has_type = _lines(response.headers)
    if is_stream(inner) and response.status not in BODILESS:
        return Stream(response.status, lines, inner, _EVENTS in lines.lower())  # type: ignore[arg-type]  # as above
    body, content_type = (b"", "") if inner is None else _body(inner)
    if not has_type and content_type and response.status not in BODILESS:
        lines += b"content-type: " + content_type.encode() + b"\r\n"
    return response.status, lines, b"" if response.status in BODILESS else body


def _body(value: object) -> tuple[bytes, str]:
    if isinstance(value, str):
        return value.encode(), _HTML
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value), _BYTES
    return jsons.dumps(value), "application/json"


def _lines(headers: Mapping[str, Any]) -> tuple[bytes, bool]:
    out, has_type = bytearray(), False
    for name, values in headers.items():
        lowered = str(name).lower()
        if lowered in _SERVERS_OWN:
            continue
        has_type = has_type or lowered == "content-type"
        for value in values if isinstance(values, list | tuple) else (values,):
            out += _line(lowered, str(value))
    return bytes(out), has_type


def _line(name: str, value: str) -> bytes:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no header name")
    if _BAD_VALUE.search(value):
        raise ValueError(f"the value of header {name!r} holds a control character")
    try:
        return f"{name}: {value}\r\n".encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(f"the value of header {name!r} cannot be sent: {error}") from error
