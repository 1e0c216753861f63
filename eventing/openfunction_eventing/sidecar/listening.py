"""The HTTP server: uvicorn's protocol on sockets of ours, which tells no clock when nobody asks.

It opens and closes connections; what they say is the application's business.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

_BACKLOG = 2048
_IDLE = 90


class HttpServer:
    """An application, served on bound sockets."""

    def __init__(self, app: ASGIApp) -> None:
        self._config = uvicorn.Config(
            app, http=HttpToolsProtocol, ws="none", lifespan="off", log_config=None, access_log=False,
            server_header=False, date_header=False, timeout_keep_alive=_IDLE, proxy_headers=False,
        )  # fmt: skip
        self._config.load()
        self._state = ServerState()
        self._servers: list[asyncio.Server] = []

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Accept connections."""
        loop = asyncio.get_running_loop()
        for one in sockets:
            server = await loop.create_server(
                lambda: HttpToolsProtocol(self._config, self._state, {}, loop), sock=one, backlog=_BACKLOG
            )
            self._servers.append(server)

    async def stop(self, grace: float) -> None:
        """Take no more; end what is under way, and cut what is not done within `grace` seconds."""
        for server in self._servers:
            server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            _, late = await asyncio.wait(set(self._state.tasks), timeout=grace)
            for task in late:
                task.cancel()
        for connection in list(self._state.connections):
            connection.transport.abort()


def bind(addresses: Sequence[str], port: int) -> tuple[list[socket.socket], int]:
    """Sockets on every address at one port, a free one for 0; and the port. Raises OSError."""
    made: list[socket.socket] = []
    try:
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            made.append(socket.create_server((address, port), family=family, backlog=_BACKLOG))
            port = made[0].getsockname()[1]
    except OSError:
        for one in made:
            one.close()
        raise
    return made, port
