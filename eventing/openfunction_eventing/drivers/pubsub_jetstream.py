"""Topics in NATS JetStream (Dapr's `pubsub.jetstream`): a subject each, kept by a stream, read through durables."""

from __future__ import annotations

from collections.abc import Sequence

import nats.errors

from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.drivers import handling
from openfunction_eventing.drivers.jetstream import pushing, streams
from openfunction_eventing.drivers.jetstream.link import Link
from openfunction_eventing.drivers.jetstream.publisher import Publisher
from openfunction_eventing.drivers.jetstream.reader import Reader
from openfunction_eventing.drivers.jetstream.streams import Streams
from openfunction_eventing.drivers.jetstream.watch import Watch
from openfunction_eventing.drivers.port import Deliver, SubscribeOptions, Subscription
from openfunction_eventing.envelope import Message

# What a broker that is away or refuses makes its client raise.
_FAILURES = (nats.errors.Error, OSError, TimeoutError)


async def open(component: Component) -> JetStream:  # noqa: A001 - the name that `drivers` calls
    """Connect; raises ComponentError."""
    link = Link(component)
    streams.check(component)
    await link.open()
    made = JetStream(link)
    try:
        await made.begin()
    except BaseException:
        await link.close()
        raise
    return made


class JetStream:
    """The topics of one component."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._streams = Streams(link)
        self._publisher = Publisher(link, self._streams)
        self._readers: set[Reader | Watch] = set()

    async def begin(self) -> None:
        """Listen for acknowledgements, and see that the server has JetStream."""
        await self._publisher.open()
        try:
            await self._link.jetstream().account_info()
        except (nats.errors.Error, TimeoutError) as error:
            raise self._link.component.error(
                f"NATS at {self._link.address} offers no JetStream ({error}); start it with jetstream enabled"
            ) from error

    async def publish(self, topic: str, message: Message) -> None:
        """See `port.PubSub`."""
        await self._publisher.publish(topic, message)

    async def bulk_publish(self, topic: str, messages: Sequence[Message]) -> list[Exception | None]:
        """See `port.PubSub`."""
        return await self._publisher.bulk(topic, messages)

    async def subscribe(self, topic: str, options: SubscribeOptions, deliver: Deliver) -> Subscription:
        """See `port.PubSub`."""
        try:
            durable = await self._streams.durable(topic, options)
        except _FAILURES as error:
            raise self._failed(topic, "read from", error) from error
        made: Reader | Watch
        if handling.limit(self._link.component, options) == 0:
            made = Watch(self._link, durable)
        else:
            made = Reader(self._link, self._streams, durable, options, deliver)
        self._readers.add(made)
        await made.open()
        return made

    async def make_for_daprd(self, read: Sequence[str], written: Sequence[str]) -> None:
        """See `port.Pushes`."""
        for topic in written:
            try:
                await self._streams.of(topic)
            except _FAILURES as error:
                raise self._failed(topic, "written to", error) from error
        for topic in read:
            try:
                await pushing.have(self._link, self._streams, topic)
            except _FAILURES as error:
                raise self._failed(topic, "read from", error) from error

    def _failed(self, topic: str, what: str, error: Exception) -> ComponentError:
        said = str(error) or type(error).__name__
        return self._link.component.error(
            f"topic {topic!r} cannot be {what} NATS at {self._link.address}: {said}"
        )

    async def close(self) -> None:
        """See `port.PubSub`."""
        for reader in tuple(self._readers):
            await reader.stop()
        self._readers.clear()
        await self._link.close()

    def health(self) -> str:
        """See `port.PubSub`."""
        return self._link.health()
