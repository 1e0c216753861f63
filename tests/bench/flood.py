"""Messages into and out of JetStream for a measuring client: filled pipelined, counted by the stream, read back whole.

On nats-py, the client library that the drivers stand on; one connection per call.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import nats
import uvloop
from nats.aio.client import Client
from nats.js import api

PENDING = 4000  # publishes without their acknowledgement
SIZE = 1024  # bytes of an event's text
TYPE = "bench.sent"
_LOOK = 0.02
T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it on the loop that the measured programs use as well."""
    return uvloop.run(work)


async def connected(url: str, work: Callable[[Client], Awaitable[T]]) -> T:
    """Do something with a connection."""
    client = await nats.connect(url)
    try:
        return await work(client)
    finally:
        await client.close()


def event(number: int, topic: str) -> bytes:
    """A structured CloudEvent of about 1 KiB with a number in it."""
    return json.dumps({
        "specversion": "1.0", "id": f"{topic}-{number}", "source": "/bench", "type": TYPE,
        "datacontenttype": "application/json", "data": {"n": number, "text": "x" * SIZE},
    }).encode()  # fmt: skip


async def make(url: str, *topics: str) -> None:
    """A stream in files for each topic, of its name."""

    async def work(client: Client) -> None:
        for topic in topics:
            await client.jetstream().add_stream(
                name=topic, subjects=[topic], storage=api.StorageType.FILE, duplicate_window=600
            )

    await connected(url, work)


async def fill(url: str, topic: str, first: int, count: int) -> float:
    """Publish events pipelined; seconds until all are acknowledged."""

    async def work(client: Client) -> float:
        stream = client.jetstream(publish_async_max_pending=PENDING)
        bodies = [event(first + number, topic) for number in range(count)]
        begun = time.perf_counter()
        acknowledged = [await stream.publish_async(topic, body) for body in bodies]
        for one in acknowledged:
            await one
        return time.perf_counter() - begun

    return await connected(url, work)


async def until_stored(url: str, topic: str, count: int, begin: Callable[[], None], seconds: float) -> float:
    """Begin, and wait until a topic's stream has so many messages; the seconds it took."""

    async def work(client: Client) -> float:
        stream = client.jetstream()
        begin()
        begun = time.perf_counter()
        while (found := (await stream.stream_info(topic)).state.messages) < count:
            assert time.perf_counter() - begun < seconds, (
                f"{topic} has {found} of {count} after {seconds:g} s"
            )
            await asyncio.sleep(_LOOK)
        return time.perf_counter() - begun

    return await connected(url, work)


async def until_settled(url: str, topic: str, seconds: float) -> None:
    """Wait until the consumers of a topic's stream have nothing left, neither waiting nor in flight."""

    async def work(client: Client) -> None:
        stream, begun = client.jetstream(), time.perf_counter()
        while not _settled(await stream.consumers_info(topic)):
            assert time.perf_counter() - begun < seconds, f"{topic} is not settled after {seconds:g} s"
            await asyncio.sleep(_LOOK)

    await connected(url, work)


def _settled(consumers: Sequence[api.ConsumerInfo]) -> bool:
    return bool(consumers) and not any(one.num_pending or one.num_ack_pending for one in consumers)


async def numbers(url: str, topic: str) -> Counter[int]:
    """How often each number is in a topic."""

    async def work(client: Client) -> Counter[int]:
        stream = client.jetstream()
        total, found = (await stream.stream_info(topic)).state.messages, Counter[int]()
        reader = await stream.pull_subscribe(topic, config=api.ConsumerConfig(ack_policy=api.AckPolicy.NONE))
        while found.total() < total:
            for message in await reader.fetch(500, timeout=10):
                found[int(json.loads(message.data)["data"]["n"])] += 1
        return found

    return await connected(url, work)
