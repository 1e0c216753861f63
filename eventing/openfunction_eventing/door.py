"""The HTTP door of a program: its health, the stories of its journal, and paths that its sources open.

It is a function of our own framework, and knows no event. Whoever posts and goes away has posted all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Final, Self

from functions_framework import jsons, response
from functions_framework.exits import StartError
from functions_framework.function import Function
from functions_framework.program import Program
from functions_framework.request import Request
from functions_framework.response import Reply
from functions_framework.serving import listeners
from functions_framework.serving.server import Server
from functions_framework.settings import InstanceSettings, Limits
from openfunction_eventing import log
from openfunction_eventing.documents import DocumentError
from openfunction_eventing.drivers.tasks import Tasks
from openfunction_eventing.journal import Journal

_LOG = log.get("door")
# An event of 10 MB in a structured message, its data in base64, with room to spare.
LARGEST: Final = 32 << 20
_PATIENCE: Final = 20.0
_LONGEST: Final = 86400.0  # a sink's retries, for which who has posted waits, may take long
_STORY: Final = "/journal/"
Handler = Callable[[Request], Coroutine[Any, Any, Reply]]
Troubles = Callable[[], Iterable[str]]


class Door:
    """A server; `async with` opens and closes it."""

    def __init__(self, host: str, port: int, *, records: Journal, troubles: Troubles) -> None:
        """Port 0 takes a free one; `troubles` gives sentences on why the program is not ready."""
        self._host, self.port = host, port
        self._journal, self._troubles = records, troubles
        self._paths: dict[str, Handler] = {}
        self._work = Tasks()
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        """Listen; raises DocumentError when the port cannot be had."""
        function = Function("door", self._answer, "http", is_async=True, render=_as_it_is)
        program = Program((function,), checks=(lambda: "\n".join(self._troubles()),))
        settings = InstanceSettings(timeout=_LONGEST, threads=1, limits=Limits(max_body=LARGEST))
        try:
            listener = listeners.bind(self._host, self.port)
        except StartError as error:
            raise DocumentError("port", error.sentence) from error
        self.port = listener.getsockname()[1]
        self._server = Server(program, settings, asyncio.get_running_loop())
        await self._server.start(listener)
        _LOG.info("the door is open", host=self._host, port=self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Take no more; returns when what has come is answered, or after a while."""
        server, self._server = self._server, None
        if server is None:
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                await server.drain(_PATIENCE)
                await self._work.wait()
        except TimeoutError:
            await self._work.end()
        await server.close()

    def open(self, path: str, handler: Handler) -> None:
        """Let a source answer at a path."""
        self._paths[path] = handler

    def shut(self, path: str, handler: Handler) -> None:
        """The path is gone, unless another has taken it since."""
        if self._paths.get(path) == handler:
            del self._paths[path]

    async def _answer(self, request: Request) -> Reply:
        path = request.path
        handler = self._paths.get(path)
        if handler is not None:
            return await self._to_its_end(handler(request))
        if path.startswith(_STORY) and request.method in {"GET", "HEAD"}:
            return self._story(path[len(_STORY) :])
        return response.plain(404, f"Nothing takes events at {path}.")

    async def _to_its_end(self, work: Coroutine[Any, Any, Reply]) -> Reply:
        return await asyncio.shield(self._work.start(work))

    def _story(self, event: str) -> Reply:
        records = [record.to_json() for record in self._journal.story(event)]
        told = jsons.dumps({"id": event, "records": records})
        return 200 if records else 404, response.JSON_TYPE, told


def _as_it_is(reply: Reply) -> Reply:
    """What a handler gives is an answer already."""
    return reply
