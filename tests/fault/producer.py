"""Producers that try an event again, with the same id, until it is acknowledged, and count it once."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing.drivers.port import PublishError, PubSub
from openfunction_eventing.envelope import Message

AT_ONCE = 8
PAUSE = 0.1  # between two attempts, seconds
ATTEMPTS = 600


class Count:
    """Attempts and acknowledged ids, from many threads; `at` is called once when so many are acknowledged."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        self.sent = 0
        self.acknowledged: set[str] = set()
        self._at, self._act = at, act
        self._lock = threading.Lock()

    def attempt(self) -> None:
        """An event goes out."""
        with self._lock:
            self.sent += 1

    def acknowledge(self, event: str) -> None:
        """An event is acknowledged."""
        with self._lock:
            self.acknowledged.add(event)
            is_time = len(self.acknowledged) == self._at
        if is_time:
            self._act()


def post_all(address: str, ids: Iterable[str], count: Count) -> None:
    """Post events to a source over a few kept connections, until each is acknowledged or given up."""
    waiting = iter(ids)
    taking = threading.Lock()

    def following() -> str | None:
        with taking:
            return next(waiting, None)

    def post() -> None:
        with contextlib.closing(Door(address)) as door:
            while (event := following()) is not None:
                _post(door, event, count)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(post) for _ in range(AT_ONCE)]:
            done.result()


def _post(door: Door, event: str, count: Count) -> None:
    pause = threading.Event()
    for _ in range(ATTEMPTS):
        count.attempt()
        if door.takes(event):
            count.acknowledge(event)
            return
        pause.wait(PAUSE)


class Door:
    """A kept connection to a source."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._path = parts.path
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)

    def takes(self, event: str) -> bool:
        """Whether the source acknowledges the event."""
        headers = {"ce-id": event, "ce-source": "/fault", "ce-type": "flow", "ce-specversion": "1.0"}
        body = json.dumps({"id": event})
        try:
            self._connection.request(
                "POST", self._path, body, {**headers, "Content-Type": "application/json"}
            )
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()  # the next request opens it again
            return False
        return bool(answer.status == 202)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


async def publish_all(bus: PubSub, topic: str, ids: Iterable[str], count: Count) -> None:
    """Publish events to a topic, a few at a time, until each is stored or given up."""
    waiting = iter(ids)

    async def publish() -> None:
        for event in waiting:
            for _ in range(ATTEMPTS):
                count.attempt()
                if await _published(bus, topic, event):
                    await asyncio.to_thread(count.acknowledge, event)
                    break
                await asyncio.sleep(PAUSE)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(publish())


async def _published(bus: PubSub, topic: str, event: str) -> bool:
    told = {"id": event, "source": "/fault", "type": "flow", "datacontenttype": "application/json"}
    try:
        await bus.publish(topic, Message(topic, CloudEvent(told, {"id": event})))
    except PublishError:
        return False
    return True
