"""The node's own door: load and routes from gateways to control, logs and process lists for whoever asks.

It gives out measurements and never keeps them; who does not read in time loses some.
"""

from __future__ import annotations

import codecs
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

from openfunction_py.node import doors, logs, routes
from openfunction_py.wire import channel, messages
from openfunction_py.wire.messages import Hello, Load, LogsRequest, Processes, ProcessInfo, Routes

Inventory = Callable[[str], list[ProcessInfo]]


class Door:
    """Serves gateways, control, readers of logs and the curious."""

    def __init__(self, shelf: logs.Shelf, inventory: Inventory) -> None:
        """Read logs from `shelf`; `inventory` lists `templates` or `instances`."""
        self._shelf = shelf
        self._inventory = inventory
        self._subscribers: set[channel.Channel] = set()
        self._routes = routes.Board()

    async def serve(self, path: Path) -> None:
        """Listen until cancelled; only the node's user may connect."""
        await doors.serve(path, self._greet, mode=0o600)

    def publish(self, load: Load) -> None:
        """Tell every subscriber."""
        for subscriber in self._subscribers:
            subscriber.post(load.to_wire())

    async def _greet(self, link: channel.Channel, _: socket.socket) -> None:
        first = await link.receive()
        if first is None:
            return
        Hello.from_wire(first)
        name = self._routes.open()
        try:
            while (message := await link.receive()) is not None:
                match message.get("type"):
                    case "subscribe":
                        self._subscribers.add(link)
                    case "load":
                        self.publish(Load.from_wire(message))
                    case "routes":
                        self._routes.put(name, Routes.from_wire(message))
                    case "follow-routes":
                        await self._routes.follow(link)
                        return
                    case "logs":
                        await self._logs(link, LogsRequest.from_wire(message))
                        return
                    case "templates" | "instances" as kind:
                        await link.send(Processes(tuple(self._inventory(kind))).to_wire(kind))
        finally:
            self._subscribers.discard(link)
            self._routes.close(name)

    async def _logs(self, link: channel.Channel, request: LogsRequest) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        try:
            async with contextlib.aclosing(self._shelf.read(request)) as pieces:
                async for piece in pieces:
                    if text := decoder.decode(piece):
                        await link.send(messages.chunk(text))
                    if link.closed:
                        return
            await link.send(messages.end())
        except logs.MissingLogError as error:
            await link.send(messages.end(str(error), reason="NotFound"))
