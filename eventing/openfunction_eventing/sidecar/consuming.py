"""Topics read for the app: each event to its route, settled by what the app answers, dead-lettered where it must be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from openfunction_eventing import clock, log
from openfunction_eventing.drivers.port import (
    ACK,
    DROP,
    RETRY,
    Deliver,
    PublishError,
    SubscribeOptions,
    Verdict,
)
from openfunction_eventing.drivers.port import Subscription as Reading
from openfunction_eventing.envelope import Message
from openfunction_eventing.sidecar import envelopes, ids, refusals, scoping
from openfunction_eventing.sidecar.bulks import Collector
from openfunction_eventing.sidecar.catalog import Catalog
from openfunction_eventing.sidecar.channel import AppLeft, AppRefused, Delivery, Status
from openfunction_eventing.sidecar.delivering import Deliverer, Ending
from openfunction_eventing.sidecar.publishing import Publisher
from openfunction_eventing.sidecar.subscriptions import Subscription

_log = log.get("sidecar")


class Target(Protocol):
    """Where events go: the app, or a stream that it has opened."""

    async def deliver(self, one: Delivery) -> Status:
        """Deliver an event."""

    async def deliver_bulk(self, many: Sequence[Delivery]) -> dict[str, Status]:
        """Deliver events of one path; what is not told is tried again."""


class Consumer:
    """One subscription: its messages become deliveries, the answers verdicts."""

    def __init__(
        self, subscription: Subscription, target: Target, *, deliverer: Deliverer, publisher: Publisher
    ) -> None:
        self._of = subscription
        self._target = target
        self._deliverer = deliverer
        self._publisher = publisher
        self._raw = subscription.raw
        self._bulk = Collector(subscription.bulk, self._send_bulk) if subscription.bulk else None

    async def take(self, message: Message) -> Verdict:
        """What becomes of a message."""
        event = envelopes.document(message.event, pubsub=self._of.pubsub, topic=self._of.topic)
        expired = "expiration" in event and envelopes.has_expired(event, clock.wall())
        path = None if expired else self._of.path(event)
        if path is None:  # nobody wants it, or not any more
            return await self._drop(message)
        metadata = {**message.metadata, "pubsubName": self._of.pubsub}
        entry = ids.new() if self._bulk else ""
        one = Delivery(self._of.pubsub, self._of.topic, path, event, metadata, entry, self._raw)
        try:
            status = await self._deliverer.while_up(self._of.pubsub, lambda: self._try(one))
        except (Ending, AppLeft):
            return RETRY
        except AppRefused as error:
            _log.warning("the app did not take an event", topic=self._of.topic, error=str(error))
            return await self._give_up(message)
        return ACK if status == "SUCCESS" else await self._drop(message)

    async def _try(self, one: Delivery) -> Status:
        """Deliver; RETRY is raised, so that the policy decides."""
        status = await (self._bulk.deliver(one) if self._bulk else self._target.deliver(one))
        if status == "RETRY":
            raise AppRefused(f"the app asks for event {one.event.get('id')} again")
        return status

    async def _send_bulk(self, many: Sequence[Delivery]) -> dict[str, Status]:
        """Deliver what was collected, by route."""
        told: dict[str, Status] = {}
        for path in dict.fromkeys(one.path for one in many):
            told |= await self._target.deliver_bulk([one for one in many if one.path == path])
        return told

    async def _drop(self, message: Message) -> Verdict:
        if self._of.dead_letter and not await self._bury(message):
            return RETRY
        return DROP

    async def _give_up(self, message: Message) -> Verdict:
        """The policy is at its end: a dead letter where there is a topic for it, else the broker sends it again."""
        return ACK if self._of.dead_letter and await self._bury(message) else RETRY

    async def _bury(self, message: Message) -> bool:
        metadata = {"rawPayload": "true"} if self._raw else {}
        try:
            await self._publisher.forward(self._of.pubsub, self._of.dead_letter, message.event, metadata)
        except (PublishError, refusals.Refusal) as error:
            _log.error(
                "a dead letter was not stored; the event stays", topic=self._of.topic, error=str(error)
            )
            return False
        return True


class Consumers:
    """The subscriptions of an app, being read."""

    def __init__(self, catalog: Catalog, *, app: str, deliverer: Deliverer, publisher: Publisher) -> None:
        self._catalog = catalog
        self._app = app
        self._deliverer = deliverer
        self._publisher = publisher
        self._readings: dict[int, Reading] = {}
        self._known: dict[int, Subscription] = {}
        self._count = 0

    @property
    def subscriptions(self) -> list[Subscription]:
        """Those that are read."""
        return list(self._known.values())

    async def start(self, subscription: Subscription, target: Target) -> int:
        """Begin to read; gives a number for `stop`.

        Raises:
            Refusal: there is no such component, or its scopes keep the topic from the app.
            ComponentError: the broker refuses.
        """
        driver = self._catalog.pubsub(subscription.pubsub)
        component = self._catalog.components[subscription.pubsub]
        if not scoping.allowed(component, self._app, subscription.topic, to="subscription"):
            raise refusals.topic_forbidden(subscription.topic, self._app)
        consumer = Consumer(subscription, target, deliverer=self._deliverer, publisher=self._publisher)
        group = component.text("consumerID") or component.text("queueGroupName", self._app)
        options = SubscribeOptions(group=group, raw=subscription.raw)
        take: Deliver = consumer.take
        reading = await driver.subscribe(subscription.topic, options, take)
        self._count += 1
        self._readings[self._count], self._known[self._count] = reading, subscription
        _log.info("a topic is read", topic=subscription.topic, pubsub=subscription.pubsub)
        return self._count

    async def stop(self, number: int) -> None:
        """Read a subscription no more; what is under way is settled first."""
        reading = self._readings.pop(number, None)
        self._known.pop(number, None)
        if reading is not None:
            await reading.stop()

    async def stop_all(self) -> None:
        """Read nothing more."""
        for number in list(self._readings):
            await self.stop(number)
