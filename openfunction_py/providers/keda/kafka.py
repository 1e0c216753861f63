"""The scaler kafka: how far a consumer group is behind, and word of the next message of its topics.

It is no member of the group and commits nothing. The client is imported with the first trigger that needs it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from openfunction_py.autoscaling import scalers
from openfunction_py.autoscaling.scalers import EARLIEST, Partition, Reading, ScalerError
from openfunction_py.providers.keda import kafka_settings
from openfunction_py.providers.keda.kafka_settings import Trigger
from openfunction_py.providers.keda.nats import NoWordError
from openfunction_py.providers.keda.network import TIMEOUT, Network
from openfunction_py.providers.keda.parameters import Look

_WAIT_MS = 5_000
_NAME = "openfunction-keda"
Place = tuple[str, int]  # topic and partition


@dataclass(frozen=True, slots=True)
class Line:
    """Connections to the brokers of one trigger; the library has no types."""

    admin: Any
    client: Any


class Kafka:
    """Reads groups and listens to topics."""

    def __init__(self, network: Network) -> None:
        """Resolve brokers through this network."""
        self._network = network
        # What was committed at the look before, which `excludePersistentLag` compares with.
        self._before: dict[tuple[str, str, str], Mapping[Place, int]] = {}

    async def read(self, look: Look, now: datetime) -> Reading:  # noqa: ARG002 - a lag has no clock
        """The group's lag; raises ScalerError."""
        trigger = kafka_settings.read(look)
        with _told(look):
            async with self._line(look, trigger) as line:
                committed = await _committed(line, trigger)
                places = await _places(line, trigger, committed)
                key = (look.namespace, trigger.group, trigger.topic)
                before = self._before.get(key, {})
                self._before[key] = committed
                found = await _partitions(line, trigger, places, committed, before)
        return scalers.kafka(found, trigger.options)

    async def next_message(self, look: Look, on_listening: Callable[[], None]) -> bool:
        """See `wakes.Bell`."""
        trigger = kafka_settings.read(look)
        try:
            with _told(look):
                async with self._line(look, trigger) as line:
                    places = await _places(line, trigger, await _committed(line, trigger))
                    if not places:
                        return False
                    await _go_to_end(line.client, places)
                    on_listening()
                    while not await line.client.getmany(timeout_ms=_WAIT_MS, max_records=1):
                        continue
        except ScalerError as error:
            raise NoWordError(str(error)) from error
        return True

    @contextlib.asynccontextmanager
    async def _line(self, look: Look, trigger: Trigger) -> AsyncIterator[Line]:
        from aiokafka import AIOKafkaConsumer  # noqa: PLC0415 - see the module's own words

        from openfunction_py.providers.keda.kafka_admin import Admin  # noqa: PLC0415

        servers = [
            f"{address}:{number}"
            for host, port in trigger.servers
            for address, number in self._network.places(host, port, namespace=look.namespace)
        ]
        options = {"bootstrap_servers": servers, "client_id": _NAME, **kafka_settings.security(look)}
        timeout = int(TIMEOUT * 1000)
        async with contextlib.AsyncExitStack() as stack:
            admin = Admin(**options, request_timeout_ms=timeout)
            stack.push_async_callback(admin.close)
            await admin.start()
            # A fetch of a single byte: it is answered as soon as there is a message, with few of them.
            client = AIOKafkaConsumer(
                **options,
                enable_auto_commit=False,
                max_partition_fetch_bytes=1,
                fetch_max_wait_ms=_WAIT_MS,
                request_timeout_ms=_WAIT_MS + timeout,
            )
            stack.push_async_callback(client.stop)
            await client.start()
            yield Line(admin, client)


@contextlib.contextmanager
def _told(look: Look) -> Any:
    """The library's failures as ours."""
    from aiokafka.errors import KafkaError  # noqa: PLC0415 - as above

    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        where = look.settings.get("bootstrapServers", "")
        raise ScalerError(f"Kafka at {where} cannot be read: {str(error) or type(error).__name__}") from error


async def _committed(line: Line, trigger: Trigger) -> dict[Place, int]:
    """Where the group is in each partition in which it has committed something."""
    found = await line.admin.list_consumer_group_offsets(trigger.group)
    return {(part.topic, part.partition): told.offset for part, told in found.items() if told.offset >= 0}


async def _places(line: Line, trigger: Trigger, committed: Collection[Place]) -> list[Place]:
    """The partitions that the trigger is about; raises ScalerError."""
    topics = [trigger.topic] if trigger.topic else sorted({topic for topic, _ in committed})
    if not topics:
        return []
    found = []
    for one in await line.admin.describe_topics(topics):
        if one["error_code"]:
            raise ScalerError(
                f"Kafka has no topic {one['topic']}; whoever publishes first makes it, or you do"
            )
        found += [(one["topic"], part["partition"]) for part in one["partitions"]]
    return sorted(place for place in found if not trigger.partitions or place[1] in trigger.partitions)


async def _partitions(
    line: Line,
    trigger: Trigger,
    places: Sequence[Place],
    committed: Mapping[Place, int],
    before: Mapping[Place, int],
) -> list[Partition | None]:
    from aiokafka import TopicPartition  # noqa: PLC0415 - as above

    parts = [TopicPartition(*place) for place in places]
    ends = await line.client.end_offsets(parts) if parts else {}
    new = [part for part in parts if (part.topic, part.partition) not in committed]
    begins = await line.client.beginning_offsets(new) if new and trigger.options.reset == EARLIEST else {}
    return [
        Partition(int(ends[part]), committed.get(place), begins.get(part), before.get(place))
        if part in ends
        else None
        for part, place in zip(parts, places, strict=True)
    ]


async def _go_to_end(client: Any, places: Sequence[Place]) -> None:
    """Read from here on; the place in each partition is known when this returns."""
    from aiokafka import TopicPartition  # noqa: PLC0415 - as above

    parts = [TopicPartition(*place) for place in places]
    client.assign(parts)
    await client.seek_to_end(*parts)
    for part in parts:
        await client.position(part)
