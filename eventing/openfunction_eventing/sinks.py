"""Events posted to sinks, one attempt at a time, and what they answered.

What follows an answer is `delivery`'s decision.
"""

from __future__ import annotations

import asyncio
import io
from types import TracebackType
from typing import Final, Self

import aiohttp

from functions_framework import errors
from functions_framework.cloudevent import CloudEvent
from openfunction_eventing import delivery, httpform
from openfunction_eventing.delivery import Answered, Failed, Outcome
from openfunction_eventing.documents import Hosts
from openfunction_eventing.hosts import Resolver

# aiohttp sends larger bodies in pieces, so that others get their turn.
_PIECEWISE: Final = 1 << 20
LARGEST_REPLY: Final = 32 << 20
_NO_REPLY: Final = 202  # accepted: whatever its body is, it is no event


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
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    def rename(self, hosts: Hosts) -> None:
        """Look names up in another table from now on."""
        self._resolver.hosts = hosts

    async def post(self, url: str, event: CloudEvent, *, timeout: float, reply: bool = True) -> Outcome:
        """Post an event in binary mode; `timeout` in seconds for the whole attempt. Raises nothing of HTTP."""
        headers, body = httpform.write(event)
        sent = body if len(body) < _PIECEWISE else io.BytesIO(body)
        if reply:
            headers["Prefer"] = "reply"
        try:
            async with (
                asyncio.timeout(timeout),
                self._session.post(
                    url, data=sent, headers=headers, allow_redirects=False, skip_auto_headers=["Content-Type"]
                ) as response,
            ):
                return await _answer(response, reply=reply)
        except TimeoutError:
            return Failed(f"{url} did not answer within {timeout:g} s")
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            return Failed(f"{url!r} is no URL to post to ({error}); write http://host/path", final=True)
        except aiohttp.ClientConnectorError as error:
            return Failed(f"{url} cannot be reached: {error.os_error.strerror or error}")
        except ValueError as error:
            return Failed(f"the event cannot be put into HTTP: {error}", final=True)
        except (aiohttp.ClientError, OSError) as error:
            return Failed(f"{url} gave no answer: {error or type(error).__name__}")


async def _answer(response: aiohttp.ClientResponse, *, reply: bool) -> Outcome:
    status = response.status
    if not (reply and 200 <= status < 300 and status != _NO_REPLY and httpform.carries(response.headers)):
        start = await response.content.read(delivery.ERROR_BYTES) if status >= 300 else b""
        return Answered(status, response.headers.get("Retry-After", ""), start)
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > LARGEST_REPLY:
            return Failed(f"the reply of {response.url} is larger than {LARGEST_REPLY} bytes", final=True)
    try:
        (event,) = httpform.read(response.headers, bytes(body))
    except errors.BadRequest as error:
        return Failed(f"the reply of {response.url} is no event: {error.message}", final=True)
    except ValueError:
        return Failed(f"the reply of {response.url} is no single event; answer with one", final=True)
    return Answered(status, reply=event)
