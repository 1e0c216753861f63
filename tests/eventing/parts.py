"""Parts of the tests of deliveries: a sink on a real port that answers as told, and a bus in memory.

The bus keeps what is not settled and delivers it again, so a lost event shows.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing.drivers.port import Deliver, PublishError, SubscribeOptions
from openfunction_eventing.envelope import Message

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def event(number: int = 1, data: object = None, **attributes: Any) -> CloudEvent:
    """An event with an id of its own."""
    told = {"id": f"e{number}", "source": "/cam/1", "type": "image", "specversion": "1.0", **attributes}
    return CloudEvent.read(told, data)


class Sink:
    """A server that answers with the statuses it was given, the last one again and again; it keeps what came."""

    def __init__(
        self, *statuses: int, answer: Answer | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self._statuses = list(statuses or (200,))
        self._answer = answer
        self._headers = headers or {}
        self._runner = web.AppRunner(self._app(), shutdown_timeout=0.1)

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self._take)
        return app

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.got.append(
            ({name.lower(): value for name, value in request.headers.items()}, await request.read())
        )
        if self._answer is not None:
            return await self._answer(request)
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return web.Response(status=status, text=f"status {status}", headers=self._headers)

    @property
    def ids(self) -> list[str]:
        """The ids of the events that came, in order."""
        return [headers["ce-id"] for headers, _ in self.got]

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        self.url = f"http://127.0.0.1:{self.port}/"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()


class Bus:
    """Topics in memory, one group; `broken` makes publishing fail."""

    def __init__(self) -> None:
        self.published: defaultdict[str, list[CloudEvent]] = defaultdict(list)
        self.verdicts: list[str] = []
        self.options: dict[str, SubscribeOptions] = {}
        self.broken = False
        self.longest = 0.01  # seconds a retry waits at most, whatever was asked
        self._readers: dict[str, Deliver] = {}
        self._group: asyncio.TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._group = await asyncio.TaskGroup().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._group is not None
        await self._group.__aexit__(kind, error, trace)

    async def publish(self, topic: str, message: Message) -> None:
        if self.broken:
            raise PublishError("the broker is away")
        self.published[topic].append(message.event)
        if topic in self._readers:
            self._begin(Message(topic, message.event))

    def _begin(self, message: Message) -> None:
        assert self._group is not None
        self._group.create_task(self._deliver(message))

    async def _deliver(self, message: Message) -> None:
        deliver = self._readers[message.topic]
        verdict = await deliver(message)
        self.verdicts.append(verdict.kind)
        while verdict.kind == "retry" and message.topic in self._readers:
            await asyncio.sleep(min(verdict.delay or 0, self.longest))
            message = Message(message.topic, message.event, attempt=message.attempt + 1)
            verdict = await deliver(message)
            self.verdicts.append(verdict.kind)

    async def bulk_publish(self, topic: str, messages: Sequence[Message]) -> list[Exception | None]:
        for one in messages:
            await self.publish(topic, one)
        return [None] * len(messages)

    async def subscribe(self, topic: str, options: SubscribeOptions, deliver: Deliver) -> Reading:
        self._readers[topic] = deliver
        self.options[topic] = options
        return Reading(self, topic)

    def leave(self, topic: str) -> None:
        self._readers.pop(topic, None)

    async def close(self) -> None:
        self._readers.clear()

    def health(self) -> str:
        return ""


class Reading:
    """A subscription of the bus above."""

    on_backlog: Callable[[int], None] | None = None

    def __init__(self, bus: Bus, topic: str) -> None:
        self._bus, self._topic = bus, topic

    async def stop(self) -> None:
        self._bus.leave(self._topic)

    def backlog(self) -> int | None:
        return None
