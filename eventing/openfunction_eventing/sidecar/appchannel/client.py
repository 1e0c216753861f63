"""HTTP to an app at a host and port, by a general client; implements http.Asker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp
from yarl import URL

from openfunction_eventing.sidecar.channel import AppAway, AppRefused, Reply

_CONNECT = 5.0


class Client:
    """One app's."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        named = f"[{host}]" if ":" in host else host
        self._root = f"http://{named}:{port}"
        self._session: aiohttp.ClientSession | None = None

    async def is_up(self) -> bool:
        """Whether its port takes a connection."""
        try:
            async with asyncio.timeout(_CONNECT):
                _, writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            return False
        writer.close()
        return True

    async def ask(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Ask; raises AppAway, or AppRefused for an answer that is no HTTP."""
        url = URL(self._root + target, encoded=True)
        try:
            async with self._opened().request(
                method, url, data=body or None, headers=headers, allow_redirects=False
            ) as answer:
                return Reply(answer.status, tuple(answer.headers.items()), await answer.read())
        except (aiohttp.ClientConnectionError, ConnectionError) as error:
            raise AppAway(f"the app at {self._root} does not answer: {error}") from error
        except aiohttp.ClientError as error:
            raise AppRefused(f"the app's answer cannot be read: {error}") from error

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT),
                skip_auto_headers=("content-type", "user-agent"),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session
