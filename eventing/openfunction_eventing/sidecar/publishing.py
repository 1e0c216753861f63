"""Publishing: a body in an envelope to a topic, one or many; both transports end here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing import clock
from openfunction_eventing.drivers.port import PublishError, PubSub
from openfunction_eventing.envelope import Message
from openfunction_eventing.sidecar import envelopes, refusals, scoping
from openfunction_eventing.sidecar.catalog import Catalog


@dataclass(slots=True)  # as envelope.Message
class Entry:
    """One of a bulk; its metadata goes before the request's."""

    id: str
    body: bytes
    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """An entry that was not published, and why."""

    id: str
    reason: str


class Publisher:
    """What the app `app` publishes."""

    def __init__(self, catalog: Catalog, app: str) -> None:
        self._catalog = catalog
        self._app = app

    async def publish(
        self, pubsub: str, topic: str, body: bytes, *, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        """Publish; returns once the broker has it. Raises Refusal."""
        driver = self._driver(pubsub, topic)
        message = self._message(pubsub, topic, Entry("", body, content_type, metadata))
        try:
            await driver.publish(topic, message)
        except PublishError as error:
            raise refusals.not_published(pubsub, topic, error) from error

    async def bulk(
        self, pubsub: str, topic: str, entries: Sequence[Entry], *, metadata: Mapping[str, str]
    ) -> list[Failed]:
        """Publish several; gives those that failed. Raises Refusal when none was tried."""
        driver = self._driver(pubsub, topic)
        ids = [one.id for one in entries]
        if "" in ids or len(set(ids)) < len(ids):
            raise refusals.bad_entries(topic, pubsub, "entryId is duplicated or not present for entry")
        messages = [self._message(pubsub, topic, _within(one, metadata)) for one in entries]
        told = await driver.bulk_publish(topic, messages)
        return [
            Failed(one.id, str(error)) for one, error in zip(entries, told, strict=True) if error is not None
        ]

    async def forward(self, pubsub: str, topic: str, event: CloudEvent, metadata: Mapping[str, str]) -> None:
        """Publish an event as it is: a dead letter. Raises Refusal or PublishError."""
        await self._catalog.pubsub(pubsub).publish(topic, Message(topic, event, metadata))

    def _driver(self, pubsub: str, topic: str) -> PubSub:
        driver = self._catalog.pubsub(pubsub)
        if not topic:
            raise refusals.no_topic(pubsub)
        if not scoping.allowed(self._catalog.components[pubsub], self._app, topic, to="publishing"):
            raise refusals.topic_forbidden(topic, self._app)
        return driver

    def _message(self, pubsub: str, topic: str, one: Entry) -> Message:
        metadata = one.metadata and {
            name: value for name, value in one.metadata.items() if name.lower() != "rawpayload"
        }
        if envelopes.is_raw(one.metadata):
            event = envelopes.raw(one.body, topic=topic, content_type=one.content_type, app=self._app)
            return Message(topic, event, {**metadata, "rawPayload": "true"})
        event = envelopes.wrap(
            one.body, content_type=one.content_type, metadata=metadata, app=self._app,
            pubsub=pubsub, topic=topic, now=clock.wall(),
        )  # fmt: skip
        return Message(topic, event, metadata)


def _within(one: Entry, metadata: Mapping[str, str]) -> Entry:
    return Entry(one.id, one.body, one.content_type, {**metadata, **one.metadata}) if metadata else one
