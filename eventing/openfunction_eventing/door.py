"""The HTTP door of a program: its health, the stories of its journal, and paths that its sources open.

It binds one port and knows no event.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from openfunction_eventing import log
from openfunction_eventing.journal import Journal

_LOG = log.get("door")
# An event of 10 MB in a structured message, its data in base64, with room to spare.
LARGEST: Final = 32 << 20
_PATIENCE: Final = 20.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Troubles = Callable[[], Iterable[str]]


class Door:
    """A server; `async with` opens and closes it."""

    def __init__(self, host: str, port: int, *, records: Journal, troubles: Troubles) -> None:
        """Port 0 takes a free one; `troubles` gives sentences on why the program is not ready."""
        self._host, self.port = host, port
        self._journal, self._troubles = records, troubles
        self._paths: dict[str, Handler] = {}
        app = web.Application(client_max_size=LARGEST)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/journal/{id:.+}", self._story)
        app.router.add_route("*", "/{path:.*}", self._elsewhere)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_PATIENCE)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        _LOG.info("the door is open", host=self._host, port=self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Take no more; returns when what has come is answered, or after a while."""
        await self._runner.cleanup()

    def open(self, path: str, handler: Handler) -> None:
        """Let a source answer at a path."""
        self._paths[path] = handler

    def shut(self, path: str, handler: Handler) -> None:
        """The path is gone, unless another has taken it since."""
        if self._paths.get(path) == handler:
            del self._paths[path]

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        troubles = list(self._troubles())
        if troubles:
            return web.Response(status=503, text="".join(f"{one}\n" for one in troubles))
        return web.Response(text="ok\n")

    async def _story(self, request: web.Request) -> web.Response:
        event = request.match_info["id"]
        records = [record.to_json() for record in self._journal.story(event)]
        return web.json_response({"id": event, "records": records}, status=200 if records else 404)

    async def _elsewhere(self, request: web.Request) -> web.StreamResponse:
        handler = self._paths.get(request.path)
        if handler is None:
            return web.Response(status=404, text=f"Nothing takes events at {request.path}.\n")
        return await handler(request)
