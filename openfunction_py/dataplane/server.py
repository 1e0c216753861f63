"""The gateway's listening socket: opens it, serves, and drains when it is told to stop.

Refuses a port that is taken with a sentence; never picks another one by itself.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from openfunction_py.dataplane.client import Client
from openfunction_py.dataplane.gateway import Gateway

BACKLOG = 4096


class ListenError(Exception):
    """The address cannot be listened on; the text says what to do."""


@contextlib.asynccontextmanager
async def listening(gateway: Gateway, *, host: str, port: int) -> AsyncIterator[int]:
    """Serve while the context is open; yields the port. Requests under way end before it closes.

    Raises:
        ListenError: the port is taken or the address is not this machine's.
    """
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(lambda: Client(gateway), host, port, backlog=BACKLOG)
    except OSError as error:
        raise ListenError(
            f"The gateway cannot listen on {host}:{port} ({error.strerror or error}); choose another port."
        ) from error
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await gateway.drain()
        await server.wait_closed()
