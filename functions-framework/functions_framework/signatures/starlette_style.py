"""HTTP functions that `functions_framework.aio` declares: Starlette's request in, its response or any other out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest
from starlette.responses import (
    FileResponse,
    PlainTextResponse,
    StreamingResponse,
)
from starlette.responses import (
    Response as StarletteResponse,
)

from functions_framework import asgi, response, signatures
from functions_framework.function import Function
from functions_framework.registry import Note
from functions_framework.request import Request
from functions_framework.response import Reply


def adapt(name: str, written: Callable[..., Any], note: Note) -> Function:
    """A function of a Starlette request."""
    signatures.check_arity(name, written, ("the request",))
    is_async = signatures.is_async(written)
    return Function(
        name=name,
        call=_call_async(written) if is_async else _call(written),
        signature="http",
        is_async=is_async,
        inline=note.inline,
        concurrency=note.concurrency,
        render=_render,
        path=note.path,
        methods=note.methods,
        written=written,
    )


def request_of(received: Request) -> StarletteRequest:
    """The request under Starlette's names; its body is there at once."""
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": received.body, "more_body": False}

    made = asgi.scope(received)
    # What Google's own route gives; a path of ours has its own variables.
    made["path_params"] = dict(
        received.path_params or ({"path": path} if (path := received.path[1:]) else {})
    )
    return StarletteRequest(made, receive)


def _call_async(written: Callable[..., Any]) -> Callable[[Request], Any]:
    async def call(received: Request) -> Any:
        try:
            result = await written(request_of(received))
        except HTTPException as error:
            result = _refusal(error)
        return await asgi.run(result, received) if _needs_loop(result) else result

    return call


def _call(written: Callable[..., Any]) -> Callable[[Request], Any]:
    def call(received: Request) -> Any:
        try:
            result = written(request_of(received))
        except HTTPException as error:
            result = _refusal(error)
        # A coroutine that a thread returns is awaited on the loop.
        return asgi.run(result, received) if _needs_loop(result) else result

    return call


def _needs_loop(result: object) -> bool:
    """True for a response that does more than hold its body."""
    if not isinstance(result, StarletteResponse):
        return False
    return isinstance(result, StreamingResponse | FileResponse) or result.background is not None


def _refusal(error: HTTPException) -> StarletteResponse:
    return PlainTextResponse(error.detail, error.status_code, dict(error.headers or {}))


def _render(result: Any) -> Reply:
    if isinstance(result, response.Stream):
        return result
    if isinstance(result, StarletteResponse):
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in result.raw_headers]
        return response.passed_on(result.status_code, pairs, bytes(result.body))
    if isinstance(result, tuple) and len(result) == 3 and isinstance(result[2], bytes):
        return cast("Reply", result)  # what asgi.run gave
    return response.answer(result)
