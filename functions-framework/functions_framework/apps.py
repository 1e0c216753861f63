"""A user's function as a WSGI or ASGI application: for unit tests as Google's users write them, and for other servers.

It serves nothing itself; timeouts, threads and health are the server's, so they are not here.
"""

from __future__ import annotations

import asyncio
import logging
import os
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from functions_framework import errors, exits, loader, registry, response, settings
from functions_framework.calls import flow
from functions_framework.function import Function
from functions_framework.program import Program
from functions_framework.request import Request
from functions_framework.response import Reply

if TYPE_CHECKING:
    from flask import Flask

_log = logging.getLogger("functions_framework")
_T = TypeVar("_T")
_CRASH = response.plain(500, "Internal Server Error", lines=b"x-google-status: crash\r\n")
_ASYNC_STYLES = frozenset({"starlette_style"})


def create_app(
    target: str | None = None, source: str | os.PathLike[str] | None = None, signature_type: str | None = None
) -> Any:
    """The application of a function, with `test_client()`; of one that `aio` declares, an ASGI application.

    Args:
        target: the function; FUNCTION_TARGET when None.
        source: its file; FUNCTION_SOURCE when None.
        signature_type: for a function without decorator; FUNCTION_SIGNATURE_TYPE when None.

    Returns:
        A `flask.Flask`; where Flask is not installed, a WSGI application without test client.

    Raises:
        StartError: as `loader.load`.
    """
    program = _program(target, source, signature_type)
    if any(map(_is_aio, program.functions)):
        return AsgiApp(program)
    if find_spec("flask") is None:
        return WsgiApp(program)
    return _flask(program)


def create_asgi_app(
    target: str | None = None, source: str | os.PathLike[str] | None = None, signature_type: str | None = None
) -> AsgiApp:
    """The ASGI application of a function, which gets Starlette's request; the arguments are those of `create_app`."""
    return AsgiApp(_program(target, source, signature_type, FUNCTION_USE_ASGI="1"))


class WsgiApp:
    """A program as a WSGI application (PEP 3333)."""

    def __init__(self, program: Program) -> None:
        self._find = _finder(program)
        self._endpoints = program.endpoints

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request in this thread."""
        try:
            reply = self.reply(request_of(environ))
        except Exception:  # noqa: BLE001  # a server's thread must outlive a function's error
            reply = _crash(environ)
        status, lines, body = _begun(reply)
        start_response(response.STATUS_LINES[status][9:].strip().decode(), _pairs(lines))
        return body

    def reply(self, received: Request) -> Reply:
        """The answer of a request; raises what the function raised."""
        endpoint = self._endpoints.get(received.full_target) if received.method in {"GET", "HEAD"} else None
        if endpoint is not None:
            return endpoint(received)
        try:
            function = self._find(received)
            result = function.call(received if function.prepare is None else function.prepare(received))
            if isinstance(result, Awaitable):
                result = asyncio.run(_awaited(result))
            return (function.render or response.answer)(result)
        except errors.HttpError as error:
            return response.of_error(error)

    def test_client(self) -> Any:
        """Only Flask's application has one; raises StartError OptionalMissing."""
        raise exits.StartError(
            "OptionalMissing",
            "test_client() needs Flask; add openfunction-functions-framework[google] to requirements.txt, "
            "or use functions_framework.testing, which needs nothing",
        )


class AsgiApp:
    """A program as an ASGI application, with its start and stop hooks as lifespan."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._find = _finder(program)

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]
    ) -> None:
        """Answer one request, or run the lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            raise RuntimeError(f"a function answers no {scope['type']!r}")

    async def _answer(
        self, scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]
    ) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        try:
            reply = await self._reply(_of_scope(scope, body))
        except Exception:  # noqa: BLE001  # a server's loop must outlive a function's error
            _log.exception("The function raised")
            reply = _CRASH
        if isinstance(reply, response.Stream):
            await _send_stream(reply, send)
        else:
            await send(_start(reply[0], reply[1]))
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply[2]})

    async def _reply(self, received: Request) -> Reply:
        endpoint = self.program.endpoints.get(received.full_target)
        if endpoint is not None and received.method in {"GET", "HEAD"}:
            return endpoint(received)
        try:
            function = self._find(received)
            argument = received if function.prepare is None else function.prepare(received)
            direct = function.is_async or function.inline or function.makes_generator
            result = function.call(argument) if direct else await asyncio.to_thread(function.call, argument)
            if isinstance(result, Awaitable):
                result = await result
            return (function.render or response.answer)(result)
        except errors.HttpError as error:
            return response.of_error(error)

    async def _lifespan(self, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        hooks = {"lifespan.startup": self.program.starts, "lifespan.shutdown": self.program.stops}
        for kind, chosen in hooks.items():
            await receive()
            try:
                for hook in chosen:
                    result = hook()
                    if result is not None:
                        await result
            except Exception as error:  # noqa: BLE001  # raised, a server would take it for no lifespan and serve on
                _log.exception("A hook of the %s raised", kind)
                await send({"type": f"{kind}.failed", "message": f"{type(error).__name__}: {error}"})
                return
            await send({"type": f"{kind}.complete"})


class LazyWSGIApp:
    """The application of `create_app`, made when the first request comes; `functions_framework:app` is one.

    Attributes:
        app: the application; None before the first request.
    """

    def __init__(
        self,
        target: str | None = None,
        source: str | os.PathLike[str] | None = None,
        signature_type: str | None = None,
    ) -> None:
        self._arguments = (target, source, signature_type)
        self.app: Any = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Pass a request on."""
        if self.app is None:
            self.app = create_app(*self._arguments)
        answered: Iterable[bytes] = self.app(environ, start_response)
        return answered


class LazyASGIApp:
    """The application of `create_asgi_app`, made when the first request comes; `functions_framework.aio:app` is one.

    Attributes:
        app: the application; None before the first request.
    """

    def __init__(
        self,
        target: str | None = None,
        source: str | os.PathLike[str] | None = None,
        signature_type: str | None = None,
    ) -> None:
        self._arguments = (target, source, signature_type)
        self.app: AsgiApp | None = None

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]
    ) -> None:
        """Pass a request on."""
        if self.app is None:
            self.app = create_asgi_app(*self._arguments)
        await self.app(scope, receive, send)


app: LazyWSGIApp = LazyWSGIApp()


def request_of(environ: dict[str, Any]) -> Request:
    """Our request of a WSGI environ."""
    length = environ.get("CONTENT_LENGTH")
    body = environ["wsgi.input"].read(*([int(length)] if length else [] if _ends(environ) else [0]))
    query = environ.get("QUERY_STRING", "")
    path = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "") or "/").encode("latin-1")
    target = environ.get("RAW_URI", environ.get("REQUEST_URI", "")).encode("latin-1") or _quoted(path, query)
    fields = [
        (name[5:].replace("_", "-").lower().encode("latin-1"), str(value).encode("latin-1"))
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    if environ.get("CONTENT_TYPE"):
        fields.append((b"content-type", environ["CONTENT_TYPE"].encode("latin-1")))
    peer = (environ.get("REMOTE_ADDR", ""), int(environ.get("REMOTE_PORT") or 0))
    return Request(environ["REQUEST_METHOD"], target, fields, body, peer)


def _ends(environ: dict[str, Any]) -> bool:
    return bool(environ.get("wsgi.input_terminated"))


def _quoted(path: bytes, query: str) -> bytes:
    target = quote(path, safe="/!$&'()*+,:;=@~")
    return f"{target}?{query}".encode("latin-1") if query else target.encode("latin-1")


def _of_scope(scope: dict[str, Any], body: bytes) -> Request:
    query = scope.get("query_string", b"")
    target = scope.get("raw_path") or _quoted(scope["path"].encode(), "")
    return Request(
        scope["method"],
        target + (b"?" + query if query else b""),
        list(scope["headers"]),
        body,
        scope.get("client"),
    )


def _program(target: str | None, source: object, signature_type: str | None, **more: str) -> Program:
    given = {"FUNCTION_TARGET": target, "FUNCTION_SOURCE": source, "FUNCTION_SIGNATURE_TYPE": signature_type}
    environ = {**os.environ, **{name: str(value) for name, value in given.items() if value is not None}}
    chosen = settings.function_settings(environ)
    if chosen.named:  # Google's users read these in their functions
        os.environ["FUNCTION_TARGET"] = chosen.target
    if signature_type is None:  # one that is given must not reach the next application of this process
        os.environ.setdefault("FUNCTION_SIGNATURE_TYPE", chosen.signature)
    return loader.load(chosen, environ={**environ, **more})


def _is_aio(function: Function) -> bool:
    note = registry.note_of(function.written)
    return note is not None and (
        note.options.get("module") in _ASYNC_STYLES or bool(note.options.get("asgi"))
    )


def _finder(program: Program) -> Callable[[Request], Function]:
    only = program.only
    return program.router() if only is None else lambda _: only


def _flask(program: Program) -> Flask:
    import flask  # noqa: PLC0415  # an extra

    from functions_framework.signatures import flask_style, frameworks  # noqa: PLC0415  # imports Flask

    only = program.only
    if only is not None and only.signature == "http" and only.written is not None:
        if isinstance(only.written, flask.Flask):
            return only.written
        if frameworks.uses_flask(only.written):
            return _as_googles(flask_style.with_files_missing(flask_style.application_of(only.written)))
    inner = WsgiApp(program)
    first = program.functions[0]
    application = flask_style.new_application(first.name, flask_style.home_of(first.written or create_app))

    def view() -> flask.Response:
        status, lines, body = _begun(inner.reply(request_of(flask.request.environ)))
        return flask.Response(body if isinstance(body, Iterator) else b"".join(body), status, _pairs(lines))

    flask_style.add_view(application, view)
    return _as_googles(application)


def _as_googles(application: Flask) -> Flask:
    """The application with Google's mark on what nothing handles."""
    if 500 not in application.error_handler_spec[None]:
        status, lines, body = _CRASH
        application.register_error_handler(500, lambda _: (body, status, _pairs(lines)))
    return application


def _begun(reply: Reply) -> tuple[int, bytes, Iterable[bytes]]:
    """Status, header lines and pieces; a stream's first item is taken, as it may tell the content type."""
    if not isinstance(reply, response.Stream):
        return reply[0], reply[1], [reply[2]]
    encode = flow.Encoder(events=reply.events)
    items = _sync(reply.chunks) if hasattr(reply.chunks, "__aiter__") else iter(reply.chunks)
    first = [encode(item) for item in _take(items)]
    return reply.status, _with_type(reply.lines, encode.kind), _rest(first, items, encode)


def _rest(first: list[bytes], items: Iterator[Any], encode: flow.Encoder) -> Iterator[bytes]:
    yield from first
    for item in items:
        yield encode(item)


def _take(items: Iterator[_T]) -> list[_T]:
    for item in items:
        return [item]
    return []


def _sync(chunks: Any) -> Iterator[Any]:
    """The items of an asynchronous stream, on a loop of its own."""
    loop = asyncio.new_event_loop()
    try:
        iterator = chunks.__aiter__()
        while True:
            try:
                yield loop.run_until_complete(iterator.__anext__())
            except StopAsyncIteration:
                return
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _send_stream(stream: response.Stream, send: Callable[[Any], Any]) -> None:
    encode = flow.Encoder(events=stream.events)
    begun = False
    async for item in _items(stream.chunks):
        piece = encode(item)
        if not begun:
            await send(_start(stream.status, _with_type(stream.lines, encode.kind)))
            begun = True
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    if not begun:
        await send(_start(stream.status, stream.lines))
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _items(chunks: Any) -> AsyncIterator[Any]:
    if hasattr(chunks, "__aiter__"):
        async for item in chunks:
            yield item
        return
    missing = object()
    while (item := await asyncio.to_thread(next, chunks, missing)) is not missing:
        yield item


def _start(status: int, lines: bytes) -> dict[str, Any]:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in _pairs(lines)]
    return {"type": "http.response.start", "status": status, "headers": headers}


def _with_type(lines: bytes, kind: bytes) -> bytes:
    return lines if b"content-type:" in lines.lower() else lines + kind


def _pairs(lines: bytes) -> list[tuple[str, str]]:
    cut = (line.partition(": ") for line in lines.decode("latin-1").split("\r\n") if line)
    return [(name, value) for name, _, value in cut]


def _crash(environ: dict[str, Any]) -> Reply:
    environ["wsgi.errors"].write(traceback.format_exc())
    return _CRASH


async def _awaited(result: Awaitable[_T]) -> _T:
    return await result
