"""How far a consumer group is behind, and where it begins when it is new.

It takes no message of the group.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from openfunction_eventing.drivers.kafka.settings import Settings, leave
from openfunction_eventing.drivers.tasks import Tasks

_log = logging.getLogger(__name__)
_TICK: Final = 1.0
_FETCH_MS: Final = 500
_PAUSE: Final = 0.05
_PATIENCE: Final = 20.0


async def settle_positions(client: AIOKafkaConsumer) -> None:
    """Commit where the reading begins, so that a group that is new does not begin elsewhere the next time."""
    begun = {}
    for part in client.assignment():
        if await client.committed(part) is None:
            begun[part] = await client.position(part)
    if begun:
        await client.commit(begun)


def partitions(client: AIOKafkaConsumer, topics: Iterable[str]) -> list[TopicPartition]:
    """All partitions of topics that the client knows."""
    return [
        TopicPartition(topic, number)
        for topic in topics
        for number in sorted(client.partitions_for_topic(topic) or ())
    ]


async def known(client: AIOKafkaConsumer, topics: tuple[str, ...]) -> list[TopicPartition]:
    """The partitions of topics, when the client has heard of them all."""
    cluster = client._client  # noqa: SLF001 - the consumer itself asks for topics only in a group
    await cluster.set_topics(topics)  # a broker that makes topics by itself makes them now
    async with asyncio.timeout(_PATIENCE):
        while not all(client.partitions_for_topic(topic) for topic in topics):
            await asyncio.sleep(_PAUSE)
            await cluster.force_metadata_update()
    return partitions(client, topics)


class Lag:
    """How far a group is behind, looked up through a connection that is kept."""

    def __init__(self, settings: Settings, topics: tuple[str, ...], group: str) -> None:
        self._settings = settings
        self._topics = topics
        self._group = group
        self._admin: AIOKafkaAdminClient | None = None

    async def _ask(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            self._admin = AIOKafkaAdminClient(**self._settings.client)
            await self._admin.start()
        return self._admin

    async def measure(self, client: AIOKafkaConsumer) -> int | None:
        """Messages that the group has not committed; None when the brokers do not say."""
        parts = partitions(client, self._topics)
        try:
            admin = await self._ask()
            committed = await admin.list_consumer_group_offsets(self._group, partitions=parts)
            ends = await client.end_offsets(parts)
            begins = await client.beginning_offsets(parts)
        except (errors.KafkaError, OSError, TimeoutError):
            await self.close()
            return None
        behind = 0
        for part in parts:
            behind += max(int(ends[part]) - max(_place(committed, part), int(begins[part])), 0)
        return behind

    async def close(self) -> None:
        """Leave."""
        admin, self._admin = self._admin, None
        if admin is not None:
            await admin.close()


def _place(committed: Mapping[TopicPartition, OffsetAndMetadata], part: TopicPartition) -> int:
    return int(committed[part].offset) if part in committed else -1


class Watch:
    """A subscription that only tells its backlog: at once when a message comes to an idle group, and each second."""

    def __init__(self, settings: Settings, topics: tuple[str, ...], group: str) -> None:
        self._settings = settings
        self._topics = topics
        self._group = group
        self.on_backlog: Callable[[int], None] | None = None
        self._known: int | None = None
        self._client: AIOKafkaConsumer | None = None
        self._lag = Lag(settings, topics, group)
        self._tasks = Tasks()

    async def open(self, *, newest: bool) -> None:
        """Make the group where it is absent; raises ComponentError."""
        settings = self._settings
        # A fetch of a single byte: it is answered as soon as there is a message, with few of them.
        self._client = AIOKafkaConsumer(
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="latest" if newest else "earliest",
            max_partition_fetch_bytes=1,
            fetch_max_wait_ms=_FETCH_MS,
            **settings.client,
        )
        try:
            await self._client.start()
            self._client.assign(await known(self._client, self._topics))
            await self._begin(self._client)
            self._known = await self._lag.measure(self._client)
        except (errors.KafkaError, OSError, TimeoutError) as error:
            await self._lag.close()
            await leave(self._client)
            raise settings.component.error(
                f"the group {self._group!r} cannot be made at {settings.address}: {error}"
            ) from error
        self._tasks.start(self._follow(self._client))

    async def _begin(self, client: AIOKafkaConsumer) -> None:
        try:
            await settle_positions(client)
        except (errors.UnknownMemberIdError, errors.IllegalGenerationError, errors.CommitFailedError):
            _log.debug("the group has members, so it has its places")

    def backlog(self) -> int | None:
        """As last told by the brokers."""
        return self._known

    async def stop(self) -> None:
        """End."""
        client, self._client = self._client, None
        if client is not None:
            await self._tasks.end()
            await self._lag.close()
            await leave(client)

    async def _follow(self, client: AIOKafkaConsumer) -> None:
        while True:
            try:
                rang = await self._wait(client)
                found = await self._lag.measure(client)
            except (errors.KafkaError, OSError) as error:  # the library connects again by itself
                _log.info("the lag is not known", extra={"error": str(error)})
                found, rang = None, False
                await asyncio.sleep(_TICK)
            if found is not None:
                self._tell(max(found, 1) if rang else found)

    async def _wait(self, client: AIOKafkaConsumer) -> bool:
        if self._known:
            await asyncio.sleep(_TICK)  # it is awake: only how much there is may change
            return False
        await client.seek_to_end()
        return bool(await client.getmany(timeout_ms=_FETCH_MS, max_records=1))

    def _tell(self, found: int) -> None:
        self._known = found
        if self.on_backlog is not None:
            self.on_backlog(found)
