"""NATS JetStream as a binding, ours: a subject that is read and one that is written, data as it is.

Its metadata are those of `pubsub.jetstream` and `subject`, `publishSubject`.
"""

from __future__ import annotations

from collections.abc import Mapping

from functions_framework.cloudevent import CloudEvent
from openfunction_eventing import envelope
from openfunction_eventing.component import Component
from openfunction_eventing.drivers import pubsub_jetstream
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
from openfunction_eventing.drivers.pubsub_jetstream import JetStream
from openfunction_eventing.envelope import Message

OPERATIONS = ("create",)


async def open(component: Component) -> NatsBinding:  # noqa: A001 - the name that `drivers` calls
    """Connect; raises ComponentError."""
    return NatsBinding(component, await pubsub_jetstream.open(component))


class NatsBinding:
    """The subjects of one component."""

    def __init__(self, component: Component, bus: JetStream) -> None:
        self._component = component
        self._bus = bus

    async def read(self, deliver: Read) -> Subscription:
        """See `port.InputBinding`; raises ComponentError where no subject is named."""

        async def taken(message: Message) -> Verdict:
            return await deliver(envelope.payload(message.event.data), message.metadata)

        subject = self._component.required("subject")
        return await self._bus.subscribe(
            subject, SubscribeOptions(group=self._component.name, raw=True), taken
        )

    async def invoke(self, operation: str, data: bytes, metadata: Mapping[str, str]) -> BindingAnswer:
        """See `port.OutputBinding`; returns after the stream has the data."""
        if operation not in OPERATIONS:
            raise BindingError(f"there is no operation {operation!r}; there is {', '.join(OPERATIONS)}")
        subject = metadata.get("subject") or self._component.text("publishSubject")
        if not subject:
            raise BindingError("there is no subject; metadata 'publishSubject' of the component names it")
        event = CloudEvent({"source": self._component.name, "type": envelope.WRAPPED}, data)
        try:
            await self._bus.publish(subject, Message(subject, event, {"rawPayload": "true"}))
        except PublishError as error:
            raise BindingError(str(error)) from error
        return NOTHING

    async def close(self) -> None:
        """See `port.OutputBinding`."""
        await self._bus.close()

    def health(self) -> str:
        """See `port.OutputBinding`."""
        return self._bus.health()
