"""Whole applications as targets: an ASGI application (FastAPI, Starlette) or a WSGI one (Flask, Django)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from functions_framework import asgi, wsgi
from functions_framework.connections import websocket
from functions_framework.function import Function
from functions_framework.program import Program
from functions_framework.registry import Note
from functions_framework.request import Request
from functions_framework.response import Reply
from functions_framework.signatures import frameworks


def adapt(name: str, written: Callable[..., Any], note: Note) -> Function:
    """An application; it answers every path and method, and an ASGI one has its lifespan run."""
    is_asgi = frameworks.is_asgi(written)
    served = Served(written) if is_asgi else None
    return Function(
        name=name,
        call=_wsgi(written) if served is None else served,
        signature="http",
        is_async=is_asgi,
        concurrency=note.concurrency,
        render=_as_it_is,
        path=note.path,
        methods=note.methods,
        written=written,
        converse=None if served is None else served.converse,
    )


class Served:
    """An ASGI application as a function's call; the loader runs its lifespan around the instance."""

    def __init__(self, application: asgi.Application) -> None:
        self.lifespan: asgi.Lifespan = asgi.Lifespan(application)
        self._application = application

    async def __call__(self, received: Request) -> Reply:
        """Answer one request."""
        return await asgi.run(self._application, received, self.lifespan.state)

    async def converse(self, socket: websocket.WebSocket) -> None:
        """Hold one conversation."""
        await asgi.converse(self._application, socket, self.lifespan.state)


def with_lifespan(program: Program) -> Program:
    """The program with the lifespans of its applications among what starts and stops."""
    spans = [each.call.lifespan for each in program.functions if isinstance(each.call, Served)]
    starts, stops = (span.start for span in spans), (span.stop for span in reversed(spans))
    return replace(program, starts=(*starts, *program.starts), stops=(*program.stops, *stops))


def _wsgi(application: wsgi.Application) -> Callable[[Request], Reply]:
    return lambda received: wsgi.run(application, received)


def _as_it_is(result: Any) -> Reply:  # Any: what `call` gives, which is a Reply
    return cast("Reply", result)
