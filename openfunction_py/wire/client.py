"""The client of the node's socket: load, logs, and what runs there.

It holds no truth: measurements may be lost, and a node that is away is waited for, never reported as empty.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Literal

from openfunction_py.lib import log
from openfunction_py.wire import again, channel, messages
from openfunction_py.wire.messages import Load, ProcessInfo

logger = log.get("wire.client")


class NodeError(Exception):
    """The node cannot answer; `reason` is NotFound, Unreachable or Failed, and the text says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        """Keep the reason beside the sentence."""
        super().__init__(message)
        self.reason = reason


class NodeClient:
    """Talks to the node that listens at `path`."""

    def __init__(self, path: Path) -> None:
        """Remember the path; nothing is opened before it is needed."""
        self.path = path
        self._reports: channel.Channel | None = None
        self._opening = asyncio.Lock()

    def loads(self) -> AsyncIterator[Load]:
        """Every measurement from now on; reconnects for ever, so a node's restart only leaves a gap."""
        return again.read(self._subscription)

    async def _subscription(self) -> AsyncGenerator[Load, None]:
        link = await self._open("control")
        try:
            await link.send(messages.subscribe())
            while (message := await link.receive()) is not None:
                if message.get("type") == "load":
                    yield Load.from_wire(message)
        finally:
            await link.close()

    async def report(self, load: Load) -> None:
        """Tell the node a gateway's load; a measurement that cannot be told is dropped, the next one is newer."""
        async with self._opening:
            try:
                if self._reports is None or self._reports.closed:
                    self._reports = await self._open("gateway")
                self._reports.post(load.to_wire())
            except OSError as error:
                self._reports = None
                logger.debug("a load report is dropped, the node is away", error=str(error))

    async def logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str = "",
        follow: bool = False,
        tail: int | None = None,
        previous: bool = False,
    ) -> AsyncIterator[bytes]:
        """The text of a container's log in pieces; raises NodeError."""
        request = messages.LogsRequest(namespace, pod, container, follow, tail, previous)
        link = await self._open_or_explain("logs")
        try:
            await link.send(request.to_wire())
            while (message := await link.receive()) is not None:
                if message.get("type") == "chunk":
                    yield str(message.get("data", "")).encode()
                elif message.get("type") == "end":
                    if message.get("error"):
                        raise NodeError(str(message.get("reason") or "Failed"), str(message["error"]))
                    return
            raise NodeError("Unreachable", "the node ended while the log was read; ask again")
        finally:
            await link.close()

    async def templates(self) -> list[ProcessInfo]:
        """The revision templates the node keeps warm; raises NodeError."""
        return await self._ask("templates")

    async def instances(self) -> list[ProcessInfo]:
        """The instances the node runs; raises NodeError."""
        return await self._ask("instances")

    async def _ask(self, kind: Literal["templates", "instances"]) -> list[ProcessInfo]:
        link = await self._open_or_explain("status")
        try:
            await link.send(messages.question(kind))
            message = await link.receive()
        finally:
            await link.close()
        if message is None or message.get("type") != kind:
            raise NodeError("Unreachable", "the node did not answer; ask again")
        return list(messages.Processes.from_wire(message).items)

    async def close(self) -> None:
        """Give up the connection that reports use, if one is open."""
        if self._reports is not None:
            await self._reports.close()
            self._reports = None

    async def _open_or_explain(self, role: messages.Role) -> channel.Channel:
        try:
            return await self._open(role)
        except OSError as error:
            raise NodeError(
                "Unreachable",
                "the node is not running, so its logs and processes cannot be read; see `ofn status`",
            ) from error

    async def _open(self, role: messages.Role) -> channel.Channel:
        link = await channel.connect(self.path)
        await link.send(messages.Hello(role).to_wire())
        return link
