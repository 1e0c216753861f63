"""A topic as a ledger: one partition, written by all who share it, read by each of them from its beginning.

Entries count in the order in which the broker keeps them, and that order is the same for every reader. So whoever
waits until its own entry has come back knows everything that was written before it: no lock, no compare-and-set.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar, cast
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, errors
from aiokafka.structs import ConsumerRecord

from openfunction_eventing.component import ComponentError
from openfunction_eventing.drivers.kafka import topics
from openfunction_eventing.drivers.kafka.settings import Settings, leave
from openfunction_eventing.drivers.tasks import Tasks
from openfunction_eventing.errors import EventingError

_log = logging.getLogger(__name__)
_BY: Final = "by"
_NOTHING: Final = ""
_TIMEOUT_MS: Final = 10_000
_PATIENCE: Final = 15.0
_FETCH_MS: Final = 500
_PAUSE: Final = 0.2
_FAILURES = (errors.KafkaError, OSError, TimeoutError)

T = TypeVar("T")
# What an entry does: key, value (None: it is taken back), seconds since 1970 → what its writer is told.
Enter = Callable[[str, bytes | None, float], T]


class LedgerError(EventingError):
    """An entry cannot be written or read now; it may be in the ledger or not."""


class Ledger(Generic[T]):
    """One topic; `enter` is called with each entry, in order, those of others among them."""

    def __init__(self, settings: Settings, topic: str, enter: Enter[T]) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self._part = TopicPartition(topic, 0)
        self._enter = enter
        self._me = uuid4().hex
        self._number = 0
        self._at = 0
        self._mine: dict[str, asyncio.Future[T | None]] = {}
        self._tasks = Tasks()
        self._reader: AIOKafkaConsumer | None = None
        self._writer: AIOKafkaProducer | None = None

    async def open(self, configs: Mapping[str, str]) -> None:
        """Make the topic where it is absent, and read all of it.

        Raises:
            ComponentError: the brokers are away or refuse, or the topic has more than one partition.
        """
        try:
            await topics.make(self._settings, self._part.topic, partitions=1, configs=configs)
            self._reader = AIOKafkaConsumer(
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=_FETCH_MS,
                **self._settings.client,
            )
            self._writer = AIOKafkaProducer(
                acks="all",
                enable_idempotence=True,
                request_timeout_ms=_TIMEOUT_MS,
                **self._settings.client,
            )
            await self._reader.start()
            await self._writer.start()
            await self._catch_up(self._reader, self._writer)
        except (*_FAILURES, ComponentError) as error:
            await self.close()
            if isinstance(error, ComponentError):
                raise
            raise self._wrong(f"cannot be read: {error!r}") from error
        self._tasks.start(self._follow(self._reader))

    def _wrong(self, why: str) -> ComponentError:
        return self._settings.component.error(f"topic {self._part.topic!r} {why}")

    async def _catch_up(self, reader: AIOKafkaConsumer, writer: AIOKafkaProducer) -> None:
        count = len(await writer.partitions_for(self._part.topic))
        if count != 1:
            raise self._wrong(f"has {count} partitions and must have one, or its entries have no order")
        reader.assign([self._part])
        await reader.seek_to_beginning(self._part)
        self._at = await reader.position(self._part)
        end = int((await reader.end_offsets([self._part]))[self._part])
        while self._at < end:
            await self._read(reader)

    async def _follow(self, reader: AIOKafkaConsumer) -> None:
        while True:
            try:
                await self._read(reader)
            except errors.ConsumerStoppedError:
                return
            except _FAILURES as error:  # the library connects again by itself
                _log.warning("the ledger cannot be read", extra={"error": str(error)})
                await asyncio.sleep(_PAUSE)

    async def _read(self, reader: AIOKafkaConsumer) -> None:
        batches = await reader.getmany(timeout_ms=_FETCH_MS)
        for found in batches.get(self._part, ()):
            self._take(found)
        self._at = await reader.position(self._part)

    def _take(self, found: ConsumerRecord) -> None:
        told = self._entered(found)
        by = next((value.decode() for name, value in found.headers if name == _BY), "")
        mine = self._mine.pop(by, None)
        if mine is not None and not mine.done():
            mine.set_result(told)

    def _entered(self, found: ConsumerRecord) -> T | None:
        """What is to be told of an entry; one that is none of ours is left out, or it would stop all others."""
        try:
            key = (found.key or b"").decode()
            return None if key == _NOTHING else self._enter(key, found.value, found.timestamp / 1000)
        except (ValueError, KeyError, TypeError) as error:
            _log.error(
                "an entry of a ledger cannot be read and is left out",
                extra={"topic": self._part.topic, "offset": found.offset, "error": str(error)},
            )
            return None

    async def write(self, key: str, value: bytes | None) -> T:
        """What `enter` told of this entry, once it is stored and has come back.

        Raises:
            LedgerError: the brokers do not answer in time.
        """
        return cast("T", await self._come_back(key, value))

    async def know(self) -> None:
        """Until everything that is in the ledger now has been read; raises LedgerError.

        An entry that means nothing goes round: asking for the end would wait behind the reader's long fetch.
        """
        await self._come_back(_NOTHING, b"")

    async def _come_back(self, key: str, value: bytes | None) -> T | None:
        if self._writer is None:
            raise LedgerError("the ledger is closed")
        self._number += 1
        by = f"{self._me}-{self._number}"
        mine: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self._mine[by] = mine
        headers = [(_BY, by.encode())]
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._writer.send_and_wait(
                    self._part.topic, value, key=key.encode(), partition=0, headers=headers
                )
                return await mine
        except _FAILURES as error:
            raise LedgerError(f"topic {self._part.topic!r} cannot be written: {error!r}") from error
        finally:
            self._mine.pop(by, None)

    async def close(self) -> None:
        """Leave the brokers."""
        await self._tasks.end()
        for client in (self._reader, self._writer):
            if client is not None:
                await leave(client)
        self._reader = self._writer = None
