"""The framework's server and uvicorn around the same echo."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from functions_framework import Request, signatures
from functions_framework.program import Program
from functions_framework.registry import Note
from functions_framework.serving import server
from tests.framework.conftest import instance_settings

MAX_BODY = 1_000_000


async def echo(request: Request) -> bytes:
    return b"%s %s " % (request.method.encode(), request.full_target) + request.body


@asynccontextmanager
async def framework() -> AsyncIterator[int]:
    """Our server; gives its port."""
    function = signatures.adapt("echo", echo, Note("http"))
    made = server.Server(
        Program((function,)), instance_settings(max_body=MAX_BODY, settle=0.0), asyncio.get_running_loop()
    )
    listener = server.bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    await made.start(listener)
    try:
        yield port
    finally:
        await made.close()


async def _app(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    said = b"%s %s " % (scope["method"].encode(), scope["raw_path"] + query) + body
    fields = [(b"content-length", b"%d" % len(said))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": said})


@asynccontextmanager
async def asgi() -> AsyncIterator[int]:
    """uvicorn with the same parser and the same echo; gives its port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(_app, http="httptools", ws="none", lifespan="off", log_config=None)
        config.load()
        running = uvicorn.Server(config)
        running.lifespan = config.lifespan_class(config)
        await running.startup(sockets=[listener])
        try:
            yield listener.getsockname()[1]
        finally:
            running.should_exit = True
            await running.shutdown(sockets=[listener])
