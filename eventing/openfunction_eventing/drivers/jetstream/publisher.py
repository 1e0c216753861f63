"""Publishing into a stream: many at a time, each with its acknowledgement, sent again until there is one.

A message carries its identity, so that the broker keeps one of what is sent twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import nats.errors
import nats.js.errors
from nats.aio.msg import Msg

from functions_framework import jsons
from openfunction_eventing import envelope
from openfunction_eventing.drivers.jetstream.link import Link
from openfunction_eventing.drivers.jetstream.streams import Streams
from openfunction_eventing.drivers.port import PublishError, encoded
from openfunction_eventing.envelope import Message

PATIENCE: Final = 10.0
_ACK_WAIT: Final = 4.0
_PAUSE: Final = 0.1
# What the server queues for one stream before it refuses more is 10,000.
_UNACKNOWLEDGED: Final = 2048
_NO_STREAM: Final = "503"


class _Again(Exception):  # noqa: N818 - it is a request, not a failure
    """No acknowledgement; sending again may bring one."""


@dataclass(frozen=True, slots=True)
class _Parcel:
    topic: str
    body: bytes
    headers: dict[str, str]


class Publisher:
    """All publishing of one connection."""

    def __init__(self, link: Link, streams: Streams) -> None:
        self._link = link
        self._streams = streams
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._room = asyncio.Semaphore(_UNACKNOWLEDGED)
        self._prefix = ""
        self._count = 0
        link.on_lost.append(self._lost)

    async def open(self) -> None:
        """Listen for acknowledgements."""
        self._prefix = self._link.client.new_inbox() + "."
        await self._link.client.subscribe(self._prefix + "*", cb=self._answered)

    async def publish(self, topic: str, message: Message) -> None:
        """Store one message; raises PublishError."""
        parcel = self._parcel(topic, message)
        await self._until_stored(parcel)

    async def bulk(self, topic: str, messages: Sequence[Message]) -> list[Exception | None]:
        """Store messages without waiting in between; for each one None or why it is not stored."""
        results: list[Exception | None] = [None] * len(messages)
        pending: dict[asyncio.Future[None], tuple[int, _Parcel]] = {}
        try:
            await self._streams.of(topic)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            return [self._failure(topic, error)] * len(messages)
        for number, message in enumerate(messages):
            try:
                parcel = self._parcel(topic, message)
                pending[await self._send(parcel)] = (number, parcel)
            except (PublishError, _Again) as error:
                results[number] = error
        if pending:
            await asyncio.wait(pending, timeout=_ACK_WAIT)
        for acknowledgement, (number, parcel) in pending.items():
            results[number] = await self._second_try(acknowledgement, parcel)
        return results

    async def _second_try(self, first: asyncio.Future[None], parcel: _Parcel) -> Exception | None:
        try:
            if first.done() and first.exception() is None:
                return None
            first.cancel()
            await self._until_stored(parcel)
        except PublishError as error:
            return error
        return None

    def _parcel(self, topic: str, message: Message) -> _Parcel:
        body = encoded(message)
        most = self._link.client.max_payload
        if len(body) > most:
            raise PublishError(
                f"the event is {len(body)} bytes and NATS at {self._link.address} takes {most}; "
                "send less, or raise max_payload of the server",
                temporary=False,
            )
        identity = envelope.identity(envelope.moved(message, topic))
        return _Parcel(topic, body, {"Nats-Msg-Id": identity})

    async def _until_stored(self, parcel: _Parcel) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while True:
            try:
                await self._streams.of(parcel.topic)
                return await self._once(parcel, min(_ACK_WAIT, deadline - loop.time()))
            except (_Again, nats.errors.Error, OSError, TimeoutError) as error:
                if loop.time() + _PAUSE > deadline or self._link.client.is_closed:
                    raise self._failure(parcel.topic, error) from error
            await asyncio.sleep(_PAUSE)

    async def _once(self, parcel: _Parcel, wait: float) -> None:
        acknowledgement = await self._send(parcel)
        async with asyncio.timeout(max(wait, _PAUSE)):
            await acknowledgement

    async def _send(self, parcel: _Parcel) -> asyncio.Future[None]:
        await self._room.acquire()
        self._count += 1
        token = str(self._count)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[token] = future
        future.add_done_callback(lambda _: self._over(token))
        try:
            await self._link.client.publish(
                parcel.topic, parcel.body, reply=self._prefix + token, headers=parcel.headers
            )
        except nats.errors.Error as error:
            future.cancel()
            raise _Again(str(error)) from error
        return future

    def _over(self, token: str) -> None:
        del self._waiting[token]
        self._room.release()

    async def _answered(self, answer: Msg) -> None:
        future = self._waiting.get(answer.subject[len(self._prefix) :])
        if future is None or future.done():
            return
        failure = self._refused(answer)
        if failure is None:
            future.set_result(None)
        else:
            future.set_exception(failure)

    def _refused(self, answer: Msg) -> Exception | None:
        if answer.headers and answer.headers.get("Status") == _NO_STREAM:
            self._streams.forget()
            return _Again("no stream takes it")
        if b'"error"' not in answer.data:
            return None
        told = jsons.loads(answer.data).get("error")
        if not told:
            return None
        if told.get("code") in (429, 503):
            return _Again(str(told.get("description")))
        return PublishError(f"NATS did not store the event: {told.get('description')}", temporary=False)

    def _lost(self) -> None:
        for future in tuple(self._waiting.values()):
            if not future.done():
                future.set_exception(_Again("the connection was lost"))

    def _failure(self, topic: str, error: Exception) -> PublishError:
        said = str(error) or "no acknowledgement came"
        health = self._link.health()
        return PublishError(f"topic {topic!r} was not published: {health or said}")
