"""ASGI around one request: its scope, and an application's answer to it; and an application's lifespan.

It runs on the loop and knows no framework; who is answered in pieces sets the pace.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from functions_framework import exits, response, wsgi
from functions_framework.connections import websocket
from functions_framework.request import Request
from functions_framework.response import Reply

Message: TypeAlias = MutableMapping[str, Any]
Application: TypeAlias = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

_log = logging.getLogger("functions_framework")
_VERSIONS = {"version": "3.0", "spec_version": "2.4"}
_running: set[asyncio.Task[None]] = set()  # the loop keeps weak references only


def scope(received: Request, state: dict[str, Any] | None = None) -> dict[str, Any]:
    """The scope of a request; `state` is what the application's lifespan left."""
    return {
        "type": "http",
        "asgi": dict(_VERSIONS),
        "http_version": "1.1",
        "method": received.method,
        "scheme": received.scheme,
        "path": received.path,
        "raw_path": received.raw_path,
        "query_string": received.query_string,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in received.headers.raw],
        "client": tuple(received.peer[:2]) if isinstance(received.peer, tuple) else None,
        "server": wsgi.server(received),
        "state": dict(state or {}),
    }


async def run(application: Application, received: Request, state: dict[str, Any] | None = None) -> Reply:
    """Call the application; what it sends in one piece is an answer, more are a stream.

    Raises:
        Exception: what the application raised before its answer began.
    """
    return await _Run(application, received).begin(scope(received, state))


async def converse(application: Application, socket: websocket.WebSocket, state: dict[str, Any]) -> None:
    """Let the application hold a conversation; one that it closes before it accepts is refused."""
    made = {
        **scope(socket.request, state),
        "type": "websocket",
        "scheme": "wss" if socket.request.is_secure else "ws",
        "subprotocols": socket.subprotocols,
    }
    talk = _Talk(socket)
    await application(made, talk.receive, talk.send)


class _Talk:
    """One WebSocket under ASGI's names."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket
        self._connected = self._accepted = False

    async def receive(self) -> Message:
        """What the client does next."""
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        try:
            message = await self._socket.receive()
        except websocket.WebSocketClosed as closed:
            return {"type": "websocket.disconnect", "code": closed.code, "reason": closed.reason}
        return {"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message}

    async def send(self, message: Message) -> None:
        """What the application does; raises OSError when the client has left."""
        kind = message["type"]
        try:
            if kind == "websocket.accept":
                self._accepted = True
                pairs = [
                    (name.decode("latin-1"), value.decode("latin-1"))
                    for name, value in message.get("headers", ())
                ]
                await self._socket.accept(message.get("subprotocol"), pairs)
            elif kind == "websocket.send":
                text = message.get("text")
                await self._socket.send(message["bytes"] if text is None else text)
            elif kind == "websocket.close" and self._accepted:
                await self._socket.close(message.get("code") or 1000, message.get("reason") or "")
            elif kind != "websocket.close":
                raise RuntimeError(f"the ASGI application sent {kind!r}, which this server does not know")
        except websocket.WebSocketClosed as closed:
            raise OSError(str(closed)) from closed


class _Run:
    """One call of an application, in a task of its own, because it goes on after its answer has begun."""

    def __init__(self, application: Application, received: Request) -> None:
        self._application = application
        self._body: bytes | None = received.body
        self._over = asyncio.Event()
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(1)  # pieces that the application may be ahead of its reader
        self._start: Message | None = None
        self._reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._whole = False  # its last piece has come

    async def begin(self, made: dict[str, Any]) -> Reply:
        """Run until the answer is known."""
        task = asyncio.get_running_loop().create_task(self._call(made))
        self._task = task
        _running.add(task)
        task.add_done_callback(self._ended)
        try:
            return await self._reply
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def _call(self, made: dict[str, Any]) -> None:
        try:
            await self._application(made, self._receive, self._send)
        except (SystemExit, KeyboardInterrupt) as error:  # which would end the loop, and the calls of others
            raise RuntimeError(f"the ASGI application raised {error!r}") from error
        if self._reply.done() and not self._whole:
            raise RuntimeError("the ASGI application ended before the end of its answer")

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._start = message
        elif kind == "http.response.body":
            await self._send_body(bytes(message.get("body", b"")), more=bool(message.get("more_body")))
        else:
            raise RuntimeError(f"the ASGI application sent {kind!r}, which this server does not know")

    async def _send_body(self, body: bytes, *, more: bool) -> None:
        if self._start is None:
            raise RuntimeError("the ASGI application sent a body before http.response.start")
        self._whole = self._whole or not more
        if not self._reply.done():
            self._reply.set_result(self._made(self._chunks() if more else body))
            if not more:
                self._over.set()
                return
        if body:
            await self._room.acquire()
            self._pieces.put_nowait(body)
        if not more:
            self._pieces.put_nowait(None)

    def _made(self, body: bytes | AsyncIterator[bytes]) -> Reply:
        assert self._start is not None  # noqa: S101  # _send_body looked
        pairs = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in self._start.get("headers", ())
        ]
        return response.passed_on(self._start["status"], pairs, body)

    async def _chunks(self) -> AsyncIterator[bytes]:
        finished = False
        try:
            while (piece := await self._pieces.get()) is not None:
                yield piece
                self._room.release()
            finished = True
        finally:
            self._over.set()
            if self._task is not None and not finished:
                self._task.cancel()
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()

    def _ended(self, task: asyncio.Task[None]) -> None:
        _running.discard(task)
        error = None if task.cancelled() else task.exception()
        if not self._reply.done():
            self._reply.set_exception(error or RuntimeError("the ASGI application ended without an answer"))
        elif error is not None:
            self._break(error)

    def _break(self, error: BaseException) -> None:
        """The application failed after its answer began: who reads the pieces is told, else the log."""
        if self._over.is_set():
            _log.error("The application failed after its answer", exc_info=error)
            return
        self._pieces.put_nowait(None)


class Lifespan:
    """The lifespan of an application, where it has one; `state` is copied into each request's scope."""

    def __init__(self, application: Application) -> None:
        self.state: dict[str, Any] = {}
        self._application = application
        self._orders: asyncio.Queue[Message] = asyncio.Queue()
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run the start-up; raises StartError StartupFailed when the application says that it failed."""
        made = {"type": "lifespan", "asgi": dict(_VERSIONS), "state": self.state}
        self._task = asyncio.get_running_loop().create_task(self._call(made))
        await self._orders.put({"type": "lifespan.startup"})
        told = await self._told.get()
        if told["type"] == "lifespan.startup.failed":
            raise exits.StartError(
                "StartupFailed", f"the application's start-up failed: {told.get('message', '')}"
            )

    async def stop(self) -> None:
        """Run the shut-down, where the start-up ran."""
        task = self._task
        if task is None or task.done():
            return
        await self._orders.put({"type": "lifespan.shutdown"})
        told = await self._told.get()
        if told["type"] == "lifespan.shutdown.failed":
            _log.error("The application's shut-down failed: %s", told.get("message", ""))
        await task

    async def _call(self, made: dict[str, Any]) -> None:
        try:
            await self._application(made, self._orders.get, self._told.put)
        except Exception:  # noqa: BLE001  # ASGI: an application without lifespan raises, and is served without
            _log.debug("The application has no lifespan", exc_info=True)
        except (SystemExit, KeyboardInterrupt) as error:
            await self._told.put({"type": "lifespan.startup.failed", "message": f"it raised {error!r}"})
        await self._told.put({"type": "lifespan.none"})
