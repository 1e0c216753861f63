"""WSGI (PEP 3333) around one request: its environ, and an application's answer to it.

It runs an application in the thread that calls it and knows no framework.
"""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from io import BytesIO
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from functions_framework import response
from functions_framework.request import Request
from functions_framework.response import Reply

_KEPT = 1 << 20
Application: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def environ(received: Request) -> dict[str, Any]:
    """The environ of a request; fields with an underscore in their name are left out, as they could pose as others."""
    host, port = server(received)
    made: dict[str, Any] = {
        "REQUEST_METHOD": received.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(received.raw_path).decode("latin-1"),
        "QUERY_STRING": received.query_string.decode("latin-1"),
        "REQUEST_URI": received.full_target.decode("latin-1"),
        "RAW_URI": received.full_target.decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": received.remote_addr or "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": received.scheme,
        "wsgi.input": BytesIO(received.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if (length := received.content_length) is not None:
        made["CONTENT_LENGTH"] = str(length)
    for raw_name, raw_value in received.headers.raw:
        name, value = raw_name.decode("latin-1").upper(), raw_value.decode("latin-1")
        if "_" not in name and name != "CONTENT-LENGTH":
            _add(made, name.replace("-", "_"), value)
    return made


def server(received: Request) -> tuple[str, int]:
    """The name and port that the client used, as the request tells them."""
    host, mark, port = received.host.rpartition(":")
    if mark and port.isdigit():
        return host, int(port)
    return received.host, 443 if received.is_secure else 80


def run(application: Application, received: Request) -> Reply:
    """Call the application; an answer of a length that is told and moderate is read whole, any other is streamed."""
    context = contextvars.copy_context()
    return context.run(_run, application, received, context)


def _run(application: Application, received: Request, context: contextvars.Context) -> Reply:
    told: list[Any] = []
    written: list[bytes] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[..., None]:
        if exc_info is not None and told and written:
            raise exc_info[1].with_traceback(exc_info[2])
        told[:] = [int(status.split(" ", 1)[0]), headers]
        return written.append

    chunks = application(environ(received), start_response)
    pieces = _closing(chunks)
    first = next(pieces, b"")  # an application may begin its answer only when it is iterated
    if not told:
        raise TypeError("the WSGI application called no start_response")
    status, headers = told
    whole = isinstance(chunks, list | tuple) or is_short(headers)
    begun = [*written, first]
    body = b"".join([*begun, *pieces]) if whole else _after(begun, within(context, pieces))
    return answer(status, headers, body)


def within(context: contextvars.Context, pieces: Generator[bytes, None, None]) -> Iterator[bytes]:
    """The pieces, each made in the context of the call, as a server with one thread for all of it would make them."""
    try:
        while (piece := context.run(next, pieces, None)) is not None:
            yield piece
    finally:
        context.run(pieces.close)


def is_short(headers: Iterable[tuple[str, str]]) -> bool:
    """True when a Content-Length says that the answer may be kept in memory."""
    lengths = [value for name, value in headers if name.lower() == "content-length"]
    return bool(lengths) and lengths[0].isdigit() and int(lengths[0]) <= _KEPT


def answer(status: int, headers: Iterable[tuple[str, str]], body: bytes | Iterator[bytes]) -> Reply:
    """The answer of what a WSGI framework says."""
    return response.passed_on(status, headers, body)


def _add(made: dict[str, Any], name: str, value: str) -> None:
    key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
    known = made.get(key)
    made[key] = value if known is None else f"{known}{'; ' if name == 'COOKIE' else ','}{value}"


def _closing(chunks: Iterable[bytes]) -> Generator[bytes, None, None]:
    try:
        yield from chunks
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()


def _after(first: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    yield from (piece for piece in first if piece)
    yield from rest
