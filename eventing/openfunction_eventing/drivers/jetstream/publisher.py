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

from functions_framework import jsons
from openfunction_eventing import envelope
from openfunction_eventing.drivers.jetstream import outbox, scanning
from openfunction_eventing.drivers.jetstream.link import Link
from openfunction_eventing.drivers.jetstream.streams import Streams
from openfunction_eventing.drivers.port import PublishError, encoded
from openfunction_eventing.envelope import Message

PATIENCE: Final = 10.0
_ACK_WAIT: Final = 4.0
_PAUSE: Final = 0.1
_SWEEP: Final = 0.5
# What the server queues for one stream before it refuses more is 10,000.
_UNACKNOWLEDGED: Final = 2048
_NO_STREAM: Final = "503"


class _Again(Exception):  # noqa: N818 - it is a request, not a failure
    """No acknowledgement; sending again may bring one."""


@dataclass(slots=True)  # as envelope.Message
class _Parcel:
    topic: str
    body: bytes
    head: bytes


class _Round:
    """Messages that were sent together, and what became of each."""

    __slots__ = ("done", "left", "results")

    def __init__(self, count: int) -> None:
        self.results: list[Exception | None] = [None] * count
        self.left = count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def tell(self, number: int, failure: Exception | None) -> None:
        self.results[number] = failure
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(None)


@dataclass(slots=True)  # as envelope.Message
class _Sent:
    """A message without its acknowledgement yet; `due` is when it should have come, on the loop's clock."""

    round: _Round
    number: int
    due: float


class Publisher:
    """All publishing of one connection."""

    def __init__(self, link: Link, streams: Streams) -> None:
        self._link = link
        self._streams = streams
        self._waiting: dict[str, _Sent] = {}
        self._room = asyncio.Event()  # set by each acknowledgement; looked at only where there is none
        self._sweeper: asyncio.TimerHandle | None = None
        self._prefix = ""
        self._count = 0
        link.on_lost.append(self._lost)

    async def open(self) -> None:
        """Listen for acknowledgements."""
        self._prefix = self._link.client.new_inbox() + "."
        await self._link.listen(self._prefix + "*", self._answered)

    async def publish(self, topic: str, message: Message) -> None:
        """Store one message; raises PublishError."""
        (failure,) = await self.bulk(topic, (message,))
        if failure is not None:
            raise failure

    async def bulk(self, topic: str, messages: Sequence[Message]) -> list[Exception | None]:
        """Store messages without waiting in between; for each one None or why it is not stored.

        What has no acknowledgement is sent again, in its order, until the patience for all of them is over.
        """
        results: list[Exception | None] = [None] * len(messages)
        parcels: dict[int, _Parcel] = {}
        for number, message in enumerate(messages):
            try:
                parcels[number] = self._parcel(topic, message)
            except PublishError as error:
                results[number] = error
        for number, failure in (await self._stored(topic, parcels)).items():
            results[number] = failure
        return results

    async def _stored(self, topic: str, parcels: dict[int, _Parcel]) -> dict[int, PublishError]:
        """Send, again and again, what is not stored yet; why the rest is not."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        failures: dict[int, PublishError] = {}
        left = parcels
        while left:
            again: dict[int, Exception] = {}
            for number, failure in (await self._round(topic, left)).items():
                if isinstance(failure, PublishError):
                    failures[number] = failure
                else:
                    again[number] = failure
            left = {number: left[number] for number in again}
            if left and (loop.time() + _PAUSE > deadline or self._link.client.is_closed):
                failures |= {number: self._failure(topic, error) for number, error in again.items()}
                break
            if left:
                await asyncio.sleep(_PAUSE)
        return failures

    async def _round(self, topic: str, parcels: dict[int, _Parcel]) -> dict[int, Exception]:
        """Send all and wait for what becomes of each; those that are not stored, with the reason."""
        try:
            await self._streams.of(topic)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            return dict.fromkeys(parcels, error)
        together = _Round(len(parcels))
        for place, parcel in enumerate(parcels.values()):
            if len(self._waiting) >= _UNACKNOWLEDGED or self._link.outbox.is_full:
                await self._until_room()
            self._send(parcel, together, place)
        await together.done
        found = zip(parcels, together.results, strict=True)
        return {number: failure for number, failure in found if failure is not None}

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
        return _Parcel(topic, body, outbox.head("Nats-Msg-Id", identity))

    async def _until_room(self) -> None:
        """Until little enough is unacknowledged, and what was sent is with the system."""
        while len(self._waiting) >= _UNACKNOWLEDGED:
            self._room.clear()
            await self._room.wait()
        if self._link.outbox.is_full and self._link.client.is_connected:
            await self._link.outbox.written()

    def _send(self, parcel: _Parcel, together: _Round, number: int) -> None:
        """Send, and have the round told what came of it."""
        self._count += 1
        token = str(self._count)
        try:
            self._link.outbox.send(parcel.topic, parcel.body, reply=self._prefix + token, head=parcel.head)
        except nats.errors.Error as error:
            together.tell(number, _Again(str(error)))
            return
        loop = asyncio.get_running_loop()
        self._waiting[token] = _Sent(together, number, loop.time() + _ACK_WAIT)
        if self._sweeper is None:
            self._sweeper = loop.call_later(_SWEEP, self._sweep)

    def _over(self, token: str, failure: Exception | None) -> None:
        sent = self._waiting.pop(token, None)
        if sent is not None:
            self._room.set()
            sent.round.tell(sent.number, failure)

    def _sweep(self) -> None:
        """Whose acknowledgement is overdue is told so; those that wait stand in the order they were sent in."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for token, sent in list(self._waiting.items()):
            if sent.due > now:
                break
            self._over(token, _Again("no acknowledgement came"))
        self._sweeper = loop.call_later(_SWEEP, self._sweep) if self._waiting else None

    def _answered(self, subject: str, reply: str, head: bytes, payload: bytes) -> None:
        del reply
        token = subject[len(self._prefix) :]
        if token in self._waiting:
            self._over(token, self._refused(head, payload))

    def _refused(self, head: bytes, payload: bytes) -> Exception | None:
        if head and scanning.headers(head).get("Status") == _NO_STREAM:
            self._streams.forget()
            return _Again("no stream takes it")
        if b'"error"' not in payload:
            return None
        told = jsons.loads(payload).get("error")
        if not told:
            return None
        if told.get("code") in (429, 503):
            return _Again(str(told.get("description")))
        return PublishError(f"NATS did not store the event: {told.get('description')}", temporary=False)

    def _lost(self) -> None:
        for token in tuple(self._waiting):
            self._over(token, _Again("the connection was lost"))

    def _failure(self, topic: str, error: Exception) -> PublishError:
        said = str(error) or "no acknowledgement came"
        health = self._link.health()
        return PublishError(f"topic {topic!r} was not published: {health or said}")
