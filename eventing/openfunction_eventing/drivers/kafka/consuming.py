"""Reading a topic as a member of a consumer group: in order per partition, committed after the answer.

A message that is to come again waits in its place: Kafka has no way to give one back. With an order key, keys of one
partition pass each other, and what is committed is the place before which nothing is open.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition, errors
from aiokafka.structs import ConsumerRecord

from openfunction_eventing import envelope
from openfunction_eventing.drivers import port
from openfunction_eventing.drivers.handling import Handling
from openfunction_eventing.drivers.kafka import lag
from openfunction_eventing.drivers.kafka.offsets import Offsets
from openfunction_eventing.drivers.kafka.settings import Settings, leave
from openfunction_eventing.drivers.tasks import Tasks
from openfunction_eventing.envelope import Message

_log = logging.getLogger(__name__)
_LEAST_SESSION: Final = 6.0  # what a broker accepts unless it is told otherwise
_HANDOVER: Final = 30.0
_FETCH_MS: Final = 500
_COMMIT: Final = 5.0
_FOR_EVER_MS: Final = 2**31 - 1
_PAUSE: Final = 0.2
_TICK: Final = 1.0


class Parcel:
    """One record on its way through a handler."""

    __slots__ = ("attempt", "line", "message", "offset", "part")

    def __init__(self, found: ConsumerRecord, options: port.SubscribeOptions) -> None:
        self.part = TopicPartition(found.topic, found.partition)
        self.offset = int(found.offset)
        self.attempt = 1
        event = envelope.decode(
            found.value or b"",
            topic=found.topic,
            position=f"{found.partition}:{found.offset}",
            raw=options.raw,
        )
        metadata = facts(found)
        self.message = Message(found.topic, event, metadata)
        key = envelope.key(self.message, options.order_key) if options.order_key else ""
        self.line = f"{found.partition}/{key}" if key or not options.order_key else ""

    def opened(self) -> Message:
        """What the handler gets."""
        return Message(self.message.topic, self.message.event, self.message.metadata, self.attempt)


def facts(found: ConsumerRecord) -> dict[str, str]:
    """What Kafka says of a record, under Dapr's names; its headers beside."""
    metadata = {
        "__topic": str(found.topic),
        "__partition": str(found.partition),
        "__offset": str(found.offset),
        "__timestamp": str(found.timestamp),
    }
    if found.key is not None:
        metadata["__key"] = found.key.decode(errors="replace")
    metadata.update({name: value.decode(errors="replace") for name, value in found.headers})
    return metadata


def once(deliver: port.Deliver) -> port.Deliver:
    """A handler whose messages are given up after one failure, where the component wants it so."""

    async def try_it(message: Message) -> port.Verdict:
        try:
            verdict = await deliver(message)
        except Exception as error:  # noqa: BLE001  # a handler's failure is an answer
            _log.error("a handler failed; consumeRetryEnabled is off, so its message is lost", exc_info=error)
            return port.DROP
        return port.DROP if verdict.kind == "retry" else verdict

    return try_it


class _Handover(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    """Before partitions go to another member, what is at work is waited for and committed."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._reader.hand_over(revoked)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._reader.joined(assigned)


class Reader:
    """A subscription."""

    def __init__(
        self, settings: Settings, topics: tuple[str, ...], group: str, deliver: port.Deliver
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._group = group
        self._deliver = deliver if settings.retry_on else once(deliver)
        self.on_backlog: Callable[[int], None] | None = None
        self._client: AIOKafkaConsumer | None = None
        self._lag = lag.Lag(settings, topics, group)
        self._offsets: dict[TopicPartition, Offsets] = {}
        self._tasks = Tasks()
        self._room = asyncio.Event()
        self._dirty = asyncio.Event()
        self._joined = asyncio.Event()
        self._known: int | None = None
        self._options = port.SubscribeOptions()
        self._work: Handling[Parcel] | None = None

    async def open(self, options: port.SubscribeOptions, *, most: int) -> None:
        """Join the group; returns when it is known where the reading begins."""
        settings = self._settings
        self._options = options
        self._work = Handling[Parcel](
            self._deliver,
            self._settle,
            most=most,
            line=lambda parcel: parcel.line,
            in_place=True,
            delays=(settings.retry,) if settings.component.text("consumeRetryInterval") else (),
        )
        # A reader that died is known by its heartbeats, which go on while a handler takes its time.
        session = max(min(options.ack_wait or settings.session, settings.session), _LEAST_SESSION)
        newest = settings.newest if options.start is None else options.start == "new"
        self._client = AIOKafkaConsumer(
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="latest" if newest else "earliest",
            session_timeout_ms=int(session * 1000),
            heartbeat_interval_ms=int(min(settings.heartbeat, session / 3) * 1000),
            rebalance_timeout_ms=int((_HANDOVER + 10) * 1000),
            max_poll_interval_ms=_FOR_EVER_MS,
            fetch_max_wait_ms=_FETCH_MS,
            **settings.client,
        )
        try:
            self._client.subscribe(list(self._topics), listener=_Handover(self))
            await self._client.start()
            await self._joined.wait()
            await lag.settle_positions(self._client)
        except (errors.KafkaError, OSError, TimeoutError) as error:
            await self._lag.close()
            await leave(self._client)
            raise settings.component.error(
                f"{', '.join(self._topics)} cannot be read from Kafka at {settings.address}: {error}"
            ) from error
        self._tasks.start(self._read())
        self._tasks.start(self._commit())
        self._tasks.start(self._gauge())

    def backlog(self) -> int | None:
        """As last looked up; what is at work is part of it."""
        return self._known

    async def stop(self) -> None:
        """Take no more, finish what was begun, commit, leave the group."""
        client, self._client = self._client, None
        if client is None or self._work is None:
            return
        self._work.stopping.set()
        self._room.set()
        await self._work.stop()
        await self._tasks.end()
        await self._store(client, tuple(self._offsets))
        await self._lag.close()
        await leave(client)

    # --- reading ------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while (client := self._client) is not None and (work := self._work) is not None:
            if work.free <= 0:
                self._room.clear()
                await self._room.wait()
                continue
            try:
                batches: Mapping[TopicPartition, list[ConsumerRecord]] = await client.getmany(
                    timeout_ms=_FETCH_MS, max_records=work.free
                )
            except errors.ConsumerStoppedError:
                return
            except (errors.KafkaError, OSError) as error:  # the library connects again by itself
                _log.warning("Kafka cannot be read", extra={"error": str(error)})
                await asyncio.sleep(_PAUSE)
                continue
            for part, records in batches.items():
                await self._take(work, part, records)

    async def _take(
        self, work: Handling[Parcel], part: TopicPartition, records: list[ConsumerRecord]
    ) -> None:
        offsets = self._offsets.setdefault(part, Offsets())
        for found in records:
            offsets.read(int(found.offset))
            await work.take(Parcel(found, self._options))

    async def _settle(self, parcel: Parcel, verdict: port.Verdict) -> None:
        """A retry here means that the end came first: it stays uncommitted."""
        self._work_done(parcel)
        offsets = self._offsets.get(parcel.part)
        if verdict.kind != "retry" and offsets is not None and offsets.settled(parcel.offset):
            self._dirty.set()

    def _work_done(self, parcel: Parcel) -> None:
        if self._work is not None:
            self._work.held.discard(parcel)
        self._room.set()

    # --- committing ---------------------------------------------------------------------------------------

    async def _commit(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            client = self._client
            if client is not None and not await self._store(client, tuple(self._offsets)):
                await asyncio.sleep(_PAUSE)
                self._dirty.set()

    async def _store(self, client: AIOKafkaConsumer, parts: tuple[TopicPartition, ...]) -> bool:
        places = {
            part: offsets.place
            for part in parts
            if (offsets := self._offsets.get(part)) is not None and offsets.place is not None
        }
        ours = {part: place for part, place in places.items() if part in client.assignment()}
        if not ours:
            return True
        try:
            async with asyncio.timeout(_COMMIT):
                await client.commit(ours)
        except (errors.KafkaError, OSError, TimeoutError) as error:  # tried again; what is lost comes again
            _log.warning("places could not be committed", extra={"error": str(error)})
            return False
        return True

    # --- members come and go ------------------------------------------------------------------------------

    def joined(self, _: set[TopicPartition]) -> None:
        """The group has given us partitions, perhaps none."""
        self._joined.set()

    async def hand_over(self, revoked: set[TopicPartition]) -> None:
        """Finish and commit what is at work in partitions that may go."""
        deadline = asyncio.get_running_loop().time() + _HANDOVER
        while any(len(self._offsets.get(part, ())) for part in revoked):
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0 or self._client is None:
                break
            self._room.clear()
            try:
                async with asyncio.timeout(left):
                    await self._room.wait()
            except TimeoutError:
                break
        if self._client is not None:
            await self._store(self._client, tuple(revoked))
        for part in revoked:
            self._offsets.pop(part, None)

    # --- backlog ------------------------------------------------------------------------------------------

    async def _gauge(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            if self.on_backlog is None or self._client is None:
                continue
            known = await self._lag.measure(self._client)
            if known is not None:
                self._known = known
                self.on_backlog(known)
