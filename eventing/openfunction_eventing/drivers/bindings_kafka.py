"""Kafka as a binding (Dapr's `bindings.kafka`): topics that are read, and one that is written, as they are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from uuid import uuid4

from openfunction_eventing import envelope
from openfunction_eventing.component import Component
from openfunction_eventing.drivers import handling
from openfunction_eventing.drivers.kafka import settings as kafka_settings
from openfunction_eventing.drivers.kafka.consuming import Reader
from openfunction_eventing.drivers.kafka.producing import Producer, record
from openfunction_eventing.drivers.kafka.settings import Settings
from openfunction_eventing.drivers.port import (
    NOTHING,
    BindingAnswer,
    BindingError,
    PublishError,
    Read,
    SubscribeOptions,
    Subscription,
    Verdict,
)
from openfunction_eventing.envelope import Message

_log = logging.getLogger(__name__)
OPERATIONS = ("create",)


async def open(component: Component) -> KafkaBinding:  # noqa: A001 - the name that `drivers` calls
    """Connect; raises ComponentError."""
    settings = kafka_settings.read(
        component,
        retries=True,  # Dapr's binding gives up after one try by default, and so loses messages
    )
    await kafka_settings.reach(settings)
    producer = Producer(settings)
    await producer.open()
    return KafkaBinding(settings, producer)


class Nothing:
    """A subscription to which nothing comes."""

    on_backlog: Callable[[int], None] | None = None

    def backlog(self) -> int | None:
        """None waits."""
        return 0

    async def stop(self) -> None:
        """It is over already."""


class KafkaBinding:
    """The topics of one component."""

    def __init__(self, settings: Settings, producer: Producer) -> None:
        self._settings = settings
        self._producer = producer
        self._readers: set[Reader] = set()

    async def read(self, deliver: Read) -> Subscription:
        """See `port.InputBinding`; without `topics` there is nothing to read, as in Dapr."""
        component = self._settings.component
        topics = tuple(part.strip() for part in component.text("topics").split(",") if part.strip())
        if not topics:
            _log.warning(
                "A Kafka binding names no topics, so it reads none", extra={"component": component.name}
            )
            return Nothing()

        async def taken(message: Message) -> Verdict:
            return await deliver(envelope.payload(message.event.data), message.metadata)

        options = SubscribeOptions(raw=True)
        group = self._settings.group or f"{component.name}-{uuid4()}"
        made = Reader(self._settings, topics, group, taken)
        await made.open(options, most=handling.limit(component, options))
        self._readers.add(made)
        return made

    async def invoke(self, operation: str, data: bytes, metadata: Mapping[str, str]) -> BindingAnswer:
        """See `port.OutputBinding`."""
        if operation not in OPERATIONS:
            raise BindingError(f"there is no operation {operation!r}; there is {', '.join(OPERATIONS)}")
        topic = metadata.get("topic") or self._settings.component.text("publishTopic")
        if not topic:
            raise BindingError("there is no topic; metadata 'publishTopic' of the component names it")
        kept = {name: value for name, value in metadata.items() if name != "topic"}
        (failure,) = await self._producer.send(topic, [record(data, kept)])
        if isinstance(failure, PublishError):
            raise BindingError(str(failure)) from failure
        return NOTHING

    async def close(self) -> None:
        """See `port.OutputBinding`."""
        for reader in self._readers:
            await reader.stop()
        self._readers.clear()
        await self._producer.close()

    def health(self) -> str:
        """See `port.OutputBinding`."""
        return self._producer.health()
