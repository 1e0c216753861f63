"""The HTTPS server: uvicorn's protocol on a TLS listener of ours, without a timer that ticks when nobody asks.

It opens and closes connections; what they say is the application's business.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from openfunction_py.apiserver import app, bootstrap, expiry, pki
from openfunction_py.apiserver.dependencies import Dependencies
from openfunction_py.lib import log
from openfunction_py.lib.home import Home

BACKLOG = 512
IDLE_SECONDS = 90
CLOSE_SECONDS = 5.0

logger = log.get("apiserver")


@asynccontextmanager
async def listening(home: Home, *, host: str, port: int, deps: Dependencies) -> AsyncIterator[int]:
    """A server that accepts connections inside the block; gives its port, a free one when `port` is 0.

    Raises:
        OSError: the address cannot be bound.
        StoreError: the store cannot be written.
    """
    pki.ensure(home, (host,))
    await bootstrap.run(deps)
    config = uvicorn.Config(
        app.create(deps), http=HttpToolsProtocol, ws="none", lifespan="off", log_config=None, access_log=False,
        server_header=False, date_header=False, timeout_keep_alive=IDLE_SECONDS, proxy_headers=False,
    )  # fmt: skip
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: HttpToolsProtocol(config=config, server_state=state, app_state={}, _loop=loop),
        host, port, ssl=tls(home), backlog=BACKLOG,
    )  # fmt: skip
    bound = int(server.sockets[0].getsockname()[1])
    logger.info("the API server is ready", host=host, port=bound)
    pki.write_kubeconfig(home, host=host, port=bound)
    try:
        async with asyncio.TaskGroup() as group:
            sweeping = group.create_task(expiry.run(deps.store, deps.clock))
            try:
                yield bound
            finally:
                sweeping.cancel()
    finally:
        server.close()
        await _end(state, deps)


def tls(home: Home) -> ssl.SSLContext:
    """TLS with the certificate of the home."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pki.server_cert(home), pki.server_key(home))
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _end(state: ServerState, deps: Dependencies) -> None:
    """End watches, let requests finish, then cut what is left."""
    deps.store.end_watches()
    for connection in list(state.connections):
        connection.shutdown()
    if state.tasks:
        _, late = await asyncio.wait(set(state.tasks), timeout=CLOSE_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1.0)
    for connection in list(state.connections):
        connection.transport.abort()
