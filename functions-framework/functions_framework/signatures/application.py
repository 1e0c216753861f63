"""Whole applications as targets: an ASGI application (FastAPI, Starlette) or a WSGI one (Flask, Django)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from functions_framework import asgi, wsgi
from functions_framework.function import Function
from functions_framework.registry import Note
from functions_framework.request import Request
from functions_framework.response import Reply
from functions_framework.signatures import frameworks


def adapt(name: str, written: Callable[..., Any], note: Note) -> Function:
    """An application; it answers every path and method, and an ASGI one has its lifespan run."""
    is_asgi = frameworks.is_asgi(written)
    return Function(
        name=name,
        call=_asgi(written) if is_asgi else _wsgi(written),
        signature="http",
        is_async=is_asgi,
        concurrency=note.concurrency,
        render=_as_it_is,
        path=note.path,
        methods=note.methods,
        written=written,
    )


def _asgi(application: asgi.Application) -> Callable[[Request], Any]:
    span = asgi.Lifespan(application)

    async def call(received: Request) -> Reply:
        return await asgi.run(application, received, span.state)

    return call


def _wsgi(application: wsgi.Application) -> Callable[[Request], Reply]:
    return lambda received: wsgi.run(application, received)


def _as_it_is(result: Any) -> Reply:  # Any: what `call` gives, which is a Reply
    return cast("Reply", result)
