"""Drivers in memory behind the drivers' protocols: what they hold and what became of it can be looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count

from openfunction_eventing.drivers.port import (
    BindingAnswer,
    BindingError,
    Conflict,
    Deliver,
    Item,
    PublishError,
    Read,
    SubscribeOptions,
    Verdict,
    Write,
)
from openfunction_eventing.drivers.tasks import Tasks
from openfunction_eventing.envelope import Message, decode, encode


class Reading:
    """A subscription: it delivers what comes, each again until it is settled."""

    def __init__(self, deliver: Deliver, options: SubscribeOptions) -> None:
        self.on_backlog: Callable[[int], None] | None = None
        self.options = options
        self.verdicts: list[Verdict] = []
        self._deliver = deliver
        self._tasks = Tasks()
        self._stopped = False

    def offer(self, message: Message) -> None:
        if not self._stopped:
            self._tasks.start(self._until_settled(message))

    async def _until_settled(self, message: Message) -> None:
        for attempt in count(1):
            verdict = await self._deliver(replace(message, attempt=attempt))
            self.verdicts.append(verdict)
            if verdict.kind != "retry" or self._stopped:
                return
            await asyncio.sleep(0)

    async def stop(self) -> None:
        self._stopped = True
        await self._tasks.wait()

    def backlog(self) -> int | None:
        return len(self._tasks)


class Topics:
    """A broker; what is published passes through its encoding."""

    def __init__(self) -> None:
        self.stored: list[tuple[str, bytes]] = []
        self.readings: dict[str, list[Reading]] = {}
        self.refuses = ""
        self.ill = ""

    async def publish(self, topic: str, message: Message) -> None:
        if self.refuses:
            raise PublishError(self.refuses)
        body = encode(message)
        self.stored.append((topic, body))
        for reading in self.readings.get(topic, []):
            event = decode(body, topic=topic, position=str(len(self.stored)), raw=reading.options.raw)
            reading.offer(Message(topic, event))

    async def bulk_publish(self, topic: str, messages: Sequence[Message]) -> list[Exception | None]:
        told: list[Exception | None] = []
        for message in messages:
            try:
                await self.publish(topic, message)
            except PublishError as error:
                told.append(error)
            else:
                told.append(None)
        return told

    async def subscribe(self, topic: str, options: SubscribeOptions, deliver: Deliver) -> Reading:
        reading = Reading(deliver, options)
        self.readings.setdefault(topic, []).append(reading)
        return reading

    async def close(self) -> None:
        for readings in self.readings.values():
            for reading in readings:
                await reading.stop()

    def health(self) -> str:
        return self.ill


class State:
    """A store of keys."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.writes: list[Write] = []
        self._versions = count(1)

    async def get(self, keys: Sequence[str]) -> dict[str, Item]:
        return {key: self.items[key] for key in keys if key in self.items}

    async def write(self, writes: Sequence[Write]) -> None:
        for one in writes:
            present = self.items.get(one.key)
            if one.etag is not None and (present is None or present.etag != one.etag):
                raise Conflict(f"the etag of {one.key} is not {one.etag}")
            if one.first_write and present is not None:
                raise Conflict(f"{one.key} is there already")
        for one in writes:
            self.writes.append(one)
            if one.value is None:
                self.items.pop(one.key, None)
            else:
                until = None if one.ttl is None else float(one.ttl)  # written at the beginning of time
                self.items[one.key] = Item(one.value, str(next(self._versions)), until)

    async def close(self) -> None:
        self.items.clear()

    def health(self) -> str:
        return ""


class Secrets:
    """A store of secrets."""

    def __init__(self, **secrets: dict[str, str]) -> None:
        self.secrets = secrets

    async def get(self, name: str, metadata: Mapping[str, str]) -> dict[str, str] | None:
        return self.secrets.get(name)

    async def all(self, metadata: Mapping[str, str]) -> dict[str, dict[str, str]]:
        return self.secrets

    async def close(self) -> None:
        self.secrets = {}

    def health(self) -> str:
        return ""


class Binding:
    """An output that answers what it is told, and an input that a test feeds."""

    def __init__(self) -> None:
        self.invoked: list[tuple[str, bytes, dict[str, str]]] = []
        self.read_by: Read | None = None
        self.on_backlog: Callable[[int], None] | None = None
        self.stopped = False

    async def invoke(self, operation: str, data: bytes, metadata: Mapping[str, str]) -> BindingAnswer:
        if operation == "fail":
            raise BindingError("it cannot; there are create and get")
        self.invoked.append((operation, data, dict(metadata)))
        return BindingAnswer(data, {"operation": operation})

    async def read(self, deliver: Read) -> Binding:
        self.read_by = deliver
        return self

    async def stop(self) -> None:
        self.stopped = True

    def backlog(self) -> int | None:
        return None

    async def close(self) -> None:
        self.stopped = True

    def health(self) -> str:
        return ""
