"""Topics in Kafka (Dapr's `pubsub.kafka`): a consumer group per group, ordered within each partition."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from openfunction_eventing import envelope
from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.drivers import handling, port
from openfunction_eventing.drivers.kafka import settings as kafka_settings
from openfunction_eventing.drivers.kafka.consuming import Reader
from openfunction_eventing.drivers.kafka.lag import Watch
from openfunction_eventing.drivers.kafka.producing import Producer, Record, record
from openfunction_eventing.drivers.kafka.settings import Settings
from openfunction_eventing.drivers.kafka.topics import Topics
from openfunction_eventing.drivers.port import Deliver, PublishError, SubscribeOptions, Subscription
from openfunction_eventing.envelope import Message


async def open(component: Component) -> Kafka:  # noqa: A001 - the name that `drivers` calls
    """Connect; raises ComponentError."""
    settings = kafka_settings.read(component, retries=True)
    topics = Topics(settings)
    await kafka_settings.reach(settings)
    producer = Producer(settings)
    await producer.open()
    return Kafka(settings, producer, topics)


class Kafka:
    """The topics of one component."""

    def __init__(self, settings: Settings, producer: Producer, topics: Topics) -> None:
        self._settings = settings
        self._producer = producer
        self._topics = topics
        self._readers: set[Reader | Watch] = set()

    async def publish(self, topic: str, message: Message) -> None:
        """See `port.PubSub`."""
        (failure,) = await self._stored(topic, [_record(message)])
        if failure is not None:
            raise failure

    async def bulk_publish(self, topic: str, messages: Sequence[Message]) -> list[Exception | None]:
        """See `port.PubSub`."""
        records: list[Record | PublishError] = []
        for message in messages:
            try:
                records.append(_record(message))
            except PublishError as error:
                records.append(error)
        return await self._stored(topic, records)

    async def _stored(self, topic: str, records: Sequence[Record | PublishError]) -> list[Exception | None]:
        try:
            await self._topics.see_to(topic)
        except ComponentError as error:
            return [PublishError(str(error)) for _ in records]
        return await self._producer.send(topic, records)

    async def subscribe(self, topic: str, options: SubscribeOptions, deliver: Deliver) -> Subscription:
        """See `port.PubSub`; without a group the reader is a group of its own."""
        settings = self._settings
        await self._topics.see_to(topic)
        group = options.consumer or settings.group or options.group or f"{settings.component.name}-{uuid4()}"
        most = handling.limit(settings.component, options)
        made: Reader | Watch
        if most == 0:
            made = Watch(settings, (topic,), group)
            newest = settings.newest if options.start is None else options.start == "new"
            await made.open(newest=newest)
        else:
            made = Reader(settings, (topic,), group, deliver)
            await made.open(options, most=most)
        self._readers.add(made)
        return made

    async def close(self) -> None:
        """See `port.PubSub`."""
        for reader in self._readers:
            await reader.stop()
        self._readers.clear()
        await self._producer.close()

    def health(self) -> str:
        """See `port.PubSub`."""
        return self._producer.health()


def _record(message: Message) -> Record:
    raw = message.metadata.get("rawPayload", "").lower() == "true"
    key = str(message.event.get("partitionkey") or "")
    return record(
        port.encoded(message), message.metadata, key=key, content_type="" if raw else envelope.STRUCTURED
    )
