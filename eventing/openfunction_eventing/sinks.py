"""Events posted to sinks, one attempt at a time, and what they answered.

What follows an answer is `delivery`'s decision.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import aiohttp

from functions_framework import errors
from functions_framework.cloudevent import CloudEvent
from openfunction_eventing import delivery, httpform, posting
from openfunction_eventing.delivery import Answered, Failed, Outcome
from openfunction_eventing.documents import Hosts
from openfunction_eventing.hosts import Resolver

# aiohttp sends larger bodies in pieces, so that others get their turn.
_PIECEWISE: Final = 1 << 20
LARGEST_REPLY: Final = 32 << 20
_NO_REPLY: Final = 202  # accepted: whatever its body is, it is no event


_FAILURES = (TimeoutError, aiohttp.ClientError, OSError, ValueError, posting.Broken, posting.TooLarge)


class Sinks:
    """One pool of connections to every sink; `async with` opens and closes it."""

    def __init__(self, hosts: Hosts | None = None) -> None:
        """Names of Services are looked up in `hosts`, which may be replaced by `rename`."""
        self._resolver = Resolver(hosts)

    async def __aenter__(self) -> Self:
        # A sink's own bound is the dispatcher's business; a pool that waits would hide it.
        connector = aiohttp.TCPConnector(limit=0, use_dns_cache=False, resolver=self._resolver)
        # A cookie of one answer has no business in the next event.
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        self._lines = posting.Lines(self._resolver, most=LARGEST_REPLY)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        await self._session.close()

    def rename(self, hosts: Hosts) -> None:
        """Look names up in another table from now on."""
        self._resolver.hosts = hosts

    async def post(self, url: str, event: CloudEvent, *, timeout: float, reply: bool = True) -> Outcome:
        """Post an event in binary mode; `timeout` in seconds for the whole attempt. Raises nothing of HTTP."""
        headers, body = httpform.write(event)
        if reply:
            headers["Prefer"] = "reply"
        plain = posting.place(url) if len(body) < _PIECEWISE else None
        try:
            async with asyncio.timeout(timeout):
                if plain is not None:
                    answer = await self._lines.post(plain, headers, body, _in_reply if reply else _in_error)
                    return _outcome(url, answer.status, answer.headers, bytes(answer.body), reply=reply)
                return await self._by_session(url, headers, body, reply=reply)
        except _FAILURES as error:
            return _failed(url, error, timeout)

    async def _by_session(self, url: str, headers: dict[str, str], body: bytes, *, reply: bool) -> Outcome:
        sent = body if len(body) < _PIECEWISE else io.BytesIO(body)
        async with self._session.post(
            url, data=sent, headers=headers, allow_redirects=False, skip_auto_headers=["Content-Type"]
        ) as response:
            return await _answer(response, reply=reply)


async def _answer(response: aiohttp.ClientResponse, *, reply: bool) -> Outcome:
    """What a general client's answer says; no more of its body is read than is of interest."""
    url, status, headers = str(response.url), response.status, response.headers
    if not (reply and _may_reply(status, headers)):
        start = await response.content.read(delivery.ERROR_BYTES) if status >= 300 else b""
        return _outcome(url, status, headers, start, reply=False)
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > LARGEST_REPLY:
            return _too_large(url)
    return _outcome(url, status, headers, bytes(body), reply=reply)


def _in_reply(answer: posting.Answer) -> int | None:
    return None if _may_reply(answer.status, answer.headers) else _in_error(answer)


def _in_error(answer: posting.Answer) -> int:
    return delivery.ERROR_BYTES if answer.status >= 300 else 0


def _may_reply(status: int, headers: Mapping[str, str]) -> bool:
    return 200 <= status < 300 and status != _NO_REPLY and httpform.carries(headers)


def _outcome(url: str, status: int, headers: Mapping[str, str], body: bytes, *, reply: bool) -> Outcome:
    if not (reply and _may_reply(status, headers)):
        start = body[: delivery.ERROR_BYTES] if status >= 300 else b""
        return Answered(status, headers.get("Retry-After", ""), start)
    try:
        (event,) = httpform.read(headers, body)
    except errors.BadRequest as error:
        return Failed(f"the reply of {url} is no event: {error.message}", final=True)
    except ValueError:
        return Failed(f"the reply of {url} is no single event; answer with one", final=True)
    return Answered(status, reply=event)


def _failed(url: str, error: Exception, timeout: float) -> Failed:
    match error:
        case posting.TooLarge():
            return _too_large(url)
        case TimeoutError():
            return Failed(f"{url} did not answer within {timeout:g} s")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return Failed(f"{url!r} is no URL to post to ({error}); write http://host/path", final=True)
        case aiohttp.ClientConnectorError():
            return Failed(f"{url} cannot be reached: {error.os_error.strerror or error}")
        case aiohttp.ClientError() | posting.Broken():
            return Failed(f"{url} gave no answer: {error or type(error).__name__}")
        case OSError():
            return Failed(f"{url} cannot be reached: {error.strerror or error}")
    return Failed(f"the event cannot be put into HTTP: {error}", final=True)


def _too_large(url: str) -> Failed:
    return Failed(f"the reply of {url} is larger than {LARGEST_REPLY} bytes", final=True)
