"""The connection of long-lived processes: requests and streams over aiohttp, as bytes.

Knows no kinds and retries nothing, but for a token that the server no longer takes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.client_proto import ResponseHandler

from openfunction_py.kube import errors, tls
from openfunction_py.kube.endpoint import Endpoint

REQUEST_SECONDS = 30.0
CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request: what to ask for and with what."""

    method: str
    path: str
    params: Mapping[str, str] | None = None
    body: bytes | None = None
    headers: Mapping[str, str] | None = None


class Transport:
    """A pool of connections to one endpoint; made and used inside one event loop."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Dial nothing yet."""
        self._endpoint = endpoint
        self._session: aiohttp.ClientSession | None = None
        self._connector: _Connector | None = None
        self._fresh_token: str | None = None

    async def request(self, call: Call) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, body and headers, whatever the status.

        Raises:
            Unreachable: there was no whole answer within half a minute.
        """
        deadline = aiohttp.ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS)
        async with self._answer(call, deadline) as response:
            return response.status, await response.read(), response.headers

    async def chunks(self, call: Call, *, silence: float | None) -> AsyncGenerator[bytes, None]:
        """The body as it comes; silence is how many seconds may pass without a byte.

        Raises:
            ApiError: the server refused.
            Unreachable: the stream broke, or was silent for too long.
        """
        deadline = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence)
        async with self._answer(call, deadline) as response:
            if response.status >= 400:
                raise errors.from_status(response.status, await response.read())
            async for chunk in response.content.iter_any():
                yield chunk

    async def close(self) -> None:
        """Close every connection."""
        if self._session:
            await self._session.close()
            self._session = None
        if self._connector:
            await self._connector.abort()
            self._connector = None

    @asynccontextmanager
    async def _answer(
        self, call: Call, deadline: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            async with self._send(call, deadline) as response:
                if response.status != 401 or self._endpoint.refresh is None:
                    yield response
                    return
            self._fresh_token = await asyncio.to_thread(self._endpoint.refresh)
            async with self._send(call, deadline) as response:
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise errors.Unreachable(
                f"no answer from {self._endpoint.server}: {error or type(error).__name__}",
                reason="Unreachable",
            ) from error

    def _send(self, call: Call, deadline: aiohttp.ClientTimeout) -> Any:
        token = self._fresh_token or self._endpoint.bearer()
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        return self._opened().request(
            call.method,
            f"{self._endpoint.server}{call.path}",
            params=call.params,
            data=call.body,
            headers={"Accept": "application/json", **authorization, **(call.headers or {})},
            timeout=deadline,
            server_hostname=self._endpoint.server_name,
            allow_redirects=False,
        )

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._connector = _Connector(tls.context(self._endpoint))
            plain = {"Accept-Encoding": "identity"} if _is_here(self._endpoint) else {}
            self._session = aiohttp.ClientSession(
                connector=self._connector, connector_owner=False, headers=plain
            )
        return self._session


def _is_here(endpoint: Endpoint) -> bool:
    """Whether the server is on this machine, where packing an answer costs more than sending it."""
    return urlsplit(endpoint.server).hostname in ("127.0.0.1", "::1", "localhost")


class _Connector(aiohttp.TCPConnector):
    """A pool that can end every connection it ever opened, also those it has already given up."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        # every watch holds a connection, so the pool has no upper bound
        super().__init__(ssl=context or True, limit=0)
        self._opened: dict[asyncio.Future[None], asyncio.Transport] = {}

    async def _create_connection(self, *args: Any, **options: Any) -> ResponseHandler:
        protocol = await super()._create_connection(*args, **options)
        if protocol.closed and protocol.transport:
            self._opened[protocol.closed] = protocol.transport
            protocol.closed.add_done_callback(self._forget)
        return protocol

    def _forget(self, closed: asyncio.Future[None]) -> None:
        self._opened.pop(closed, None)
        if not closed.cancelled():
            closed.exception()  # read, so that asyncio does not report a broken connection as unheard

    async def abort(self) -> None:
        """Close; what was left in the middle of a request does not wait for the server's goodbye."""
        await self.close()
        for transport in self._opened.values():
            transport.abort()
        if self._opened:
            await asyncio.wait(list(self._opened), timeout=1.0)
        # a transport lets go of its socket in the turn of the loop after it was lost
        await asyncio.sleep(0)


async def lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The whole lines of a stream, without their ends and without empty ones."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line:
                yield line
    if rest:
        yield rest
