"""Messages of a broker as events: a topic of a pubsub Component, or an input binding.

A message that holds a CloudEvent is that event; anything else is made one with an id that tells its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from functions_framework import errors, jsons
from functions_framework.cloudevent import CloudEvent, from_document
from openfunction_eventing import envelope, log
from openfunction_eventing.documents import DocumentError
from openfunction_eventing.documents import Source as Document
from openfunction_eventing.drivers.port import (
    ACK,
    DROP,
    RETRY,
    Driver,
    InputBinding,
    PubSub,
    SubscribeOptions,
    Subscription,
    Verdict,
)
from openfunction_eventing.envelope import Message
from openfunction_eventing.keys import Keys
from openfunction_eventing.sources import port
from openfunction_eventing.sources.port import Emit, EmitError

_LOG = log.get("brokered")
# What drivers call a message's place in the broker, without regard to case and underscores.
_PLACE: Final = ("topic", "subject", "stream", "partition", "offset", "sequence")
Open = Callable[[str], Awaitable[Driver]]


class Brokered:
    """One topic or binding."""

    def __init__(self, document: Document, open_: Open, *, group: str = "") -> None:
        """Read what to read; raises DocumentError. `open_` gives the driver of a Component by name.

        An empty `group` leaves its name to the Component.
        """
        self._group = group
        self._document = document
        keys = Keys(document.spec, ("component", "topic"), path="spec")
        self._component = keys.text("component")
        self._topic = keys.text("topic", document.event)
        self._open = open_

    async def run(self, emit: Emit) -> None:
        """See `port.Source`."""
        driver = await self._open(self._component)
        try:
            reading = await self._read(driver, emit)
            try:
                await asyncio.Event().wait()
            finally:
                await reading.stop()
        finally:
            await driver.close()

    async def _read(self, driver: Driver, emit: Emit) -> Subscription:
        async def message(found: Message) -> Verdict:
            return await self._emitted(emit, self.event_of(found))

        async def data(body: bytes, metadata: Mapping[str, str]) -> Verdict:
            return await self._emitted(emit, self.event(body, metadata))

        if isinstance(driver, PubSub):
            options = SubscribeOptions(group=self._group, start="all")
            return await driver.subscribe(self._topic, options, message)
        if isinstance(driver, InputBinding):
            return await driver.read(data)
        await driver.close()
        raise DocumentError("spec.component", f"{self._component!r} is neither a pubsub nor an input binding")

    async def _emitted(self, emit: Emit, event: CloudEvent) -> Verdict:
        try:
            await emit(event)
        except EmitError as error:
            _LOG.warning(
                "an event is not taken", source=self._document.key, event=event["id"], error=str(error)
            )
            return DROP if error.final else RETRY
        return ACK

    def event_of(self, found: Message) -> CloudEvent:
        """The event of a message; one that the driver made is made ours."""
        if not envelope.is_made(found):
            return found.event
        made = port.attributes(self._document, str(found.event["id"]))
        return CloudEvent.read(made, found.event._data)  # noqa: SLF001 - as it came

    def event(self, body: bytes, metadata: Mapping[str, str]) -> CloudEvent:
        """The event of a binding's data."""
        try:
            return from_document(jsons.loads(body))
        except (errors.BadRequest, jsons.DecodeError):
            return CloudEvent.received(port.attributes(self._document, position(body, metadata)), body)


def position(body: bytes, metadata: Mapping[str, str]) -> str:
    """What tells a message from every other one, and is the same when it comes again."""
    plain = {name.replace("_", "").lower(): value for name, value in metadata.items()}
    found = [plain[name] for name in _PLACE if name in plain]
    numbered = any(name in plain for name in ("offset", "sequence"))
    return (
        "-".join(found) if numbered else envelope.digest(body.decode("latin-1"), *sorted(metadata.values()))
    )
