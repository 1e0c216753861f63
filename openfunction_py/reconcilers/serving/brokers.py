"""What a version reads, asked of its brokers: the durable of each topic, made before anybody reads.

The drivers of the sidecar make it, so that it is the one that a sidecar then finds. They are imported with the first
topic: whoever has none needs no client of a broker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Types whose readers a broker remembers.
JETSTREAM = "pubsub.jetstream"
TYPES = (JETSTREAM, "pubsub.kafka")
KUBERNETES = "kubernetes"
Document = Mapping[str, Any]


class BrokerError(Exception):
    """A broker cannot be asked, or refuses; the sentence names the component.

    With `lasting` it stays so until somebody changes something.
    """

    def __init__(self, sentence: str, *, lasting: bool = False) -> None:
        """Keep whether trying again may help."""
        super().__init__(sentence)
        self.lasting = lasting


@dataclass(frozen=True, slots=True)
class Readers:
    """One component as its document says, the topics of it that are read, and the app that reads them.

    `written` are the topics of it that the app publishes to; Dapr's own sidecar makes nothing for them. `secrets` has
    the values of what the document refers to, by name and key.
    """

    component: Document
    topics: tuple[str, ...]
    app: str
    written: tuple[str, ...] = ()
    secrets: Mapping[tuple[str, str], str] = field(default_factory=dict, repr=False)

    def secret(self, store: str, name: str, key: str) -> str | None:
        """The value of a reference; raises BrokerError for a store that only a sidecar reads."""
        if store != KUBERNETES:
            raise BrokerError(
                f"the component {self.component['metadata']['name']} takes {name} from the secret store {store}, which "
                "only its sidecar reads, so the broker cannot be told of its readers before there is one; keep the "
                "value in a Secret and leave auth.secretStore out"
            )
        return self.secrets.get((name, key))


async def make(wanted: Sequence[Readers], *, push: bool = False) -> None:
    """Make every durable that is absent; one that is there keeps its place. Raises BrokerError.

    With `push` they are those of Dapr's own sidecar, to which JetStream pushes.
    """
    for one in wanted:
        if one.topics or (push and one.component["spec"]["type"] == JETSTREAM):
            await _make(one, push=push)


async def _make(wanted: Readers, *, push: bool) -> None:
    from openfunction_eventing import drivers  # noqa: PLC0415 - see the module's own words
    from openfunction_eventing.component import ComponentError, ReaderError, from_document  # noqa: PLC0415
    from openfunction_eventing.drivers.port import (  # noqa: PLC0415
        ACK,
        PubSub,
        Pushes,
        SubscribeOptions,
        Verdict,
    )
    from openfunction_eventing.envelope import Message  # noqa: PLC0415

    async def never(_: Message) -> Verdict:
        return ACK  # with nothing in flight nothing is delivered

    try:
        component = from_document(wanted.component, wanted.secret)
        driver = await drivers.open(component)
    except ComponentError as error:
        raise BrokerError(str(error)) from error
    try:
        if not isinstance(driver, PubSub):
            raise component.error("it is no pub/sub, so nobody can be made known to it")
        if push and isinstance(driver, Pushes):
            await driver.make_for_daprd(wanted.topics, wanted.written)
            return
        # as the sidecar says it (sidecar/consuming.py)
        group = component.text("consumerID") or component.text("queueGroupName", wanted.app)
        for topic in wanted.topics:
            reading = await driver.subscribe(topic, SubscribeOptions(group=group, max_in_flight=0), never)
            await reading.stop()
    except ComponentError as error:
        raise BrokerError(str(error), lasting=isinstance(error, ReaderError)) from error
    finally:
        await driver.close()
