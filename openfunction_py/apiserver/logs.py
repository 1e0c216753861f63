"""GET of a Pod's log: the container is checked against the Pod, the text comes from whoever keeps it.

It keeps and reads no log itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from openfunction_py.apiserver import status
from openfunction_py.apiserver.dependencies import Dependencies
from openfunction_py.apiserver.request import Options, Target
from openfunction_py.lib import log

logger = log.get("apiserver.logs")


class LogStream:
    """An answer with the text of a container's log; a log that cannot be read is a 500, not an empty text."""

    def __init__(self, chunks: AsyncIterator[bytes], *, follow: bool, limit: int | None) -> None:
        """Send chunks as they come, at most `limit` bytes."""
        self._chunks = chunks
        self._follow = follow
        self._left = limit

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Answer until the log or the client ends."""
        async with asyncio.TaskGroup() as group:
            copying = group.create_task(self._copy(send))
            listening = group.create_task(_until_gone(receive))
            await asyncio.wait((copying, listening), return_when=asyncio.FIRST_COMPLETED)
            copying.cancel()
            listening.cancel()

    async def _copy(self, send: Send) -> None:
        started = False
        if self._follow:
            await _start(send, 200, b"text/plain")
            started = True
        error = ""
        try:
            async for chunk in self._chunks:
                if not started:
                    await _start(send, 200, b"text/plain")
                    started = True
                if not await self._send(chunk, send):
                    break
        except Exception as problem:  # noqa: BLE001 - whoever keeps the log may fail in its own ways; the client is told
            logger.warning("a log cannot be read", error=str(problem))
            error = str(problem) or type(problem).__name__
        await _end(send, error, started=started)

    async def _send(self, chunk: bytes, send: Send) -> bool:
        if self._left is not None:
            chunk = chunk[: self._left]
            self._left -= len(chunk)
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        return self._left != 0


async def _start(send: Send, code: int, media: bytes) -> None:
    await send({"type": "http.response.start", "status": code, "headers": [(b"content-type", media)]})


async def _end(send: Send, error: str, *, started: bool) -> None:
    text = b""
    if not started:
        await _start(send, 500 if error else 200, b"application/json" if error else b"text/plain")
        text = orjson.dumps(status.internal(f"the log cannot be read: {error}").to_wire()) if error else b""
    elif error:
        text = f"\nthe log ends here: {error}\n".encode()
    await send({"type": "http.response.body", "body": text, "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def stream(deps: Dependencies, target: Target, options: Options) -> LogStream:
    """The log of one container of a Pod.

    Raises:
        status.StatusError: 404 no such Pod, 400 no such container or none chosen.
    """
    value = deps.store.get(target.key)
    if value is None:
        raise status.not_found(target.subject)
    container = _container(orjson.loads(value), target.name, options.query.get("container", ""))
    follow = options.flag("follow")
    chunks = deps.pod_logs.stream(
        target.namespace, target.name,
        container=container, follow=follow, tail=options.number("tailLines"), previous=options.flag("previous"),
    )  # fmt: skip
    return LogStream(chunks, follow=follow, limit=options.number("limitBytes"))


def _container(pod: dict[str, Any], name: str, chosen: str) -> str:
    spec = pod.get("spec") or {}
    names = [item.get("name", "") for item in spec.get("containers") or ()]
    others = [item.get("name", "") for item in spec.get("initContainers") or ()]
    if chosen:
        if chosen not in names + others:
            raise status.bad_request(f"container {chosen} is not valid for pod {name}")
        return chosen
    if len(names) == 1:
        return str(names[0])
    raise status.bad_request(
        f"a container name must be specified for pod {name}, choose one of: [{' '.join(names + others)}]"
    )
