"""The durables that Dapr's own sidecar reads through: the broker pushes to them, where ours are pulled from.

daprd takes one that is there as it is, when it is as daprd would make it; it makes no stream.
"""

from __future__ import annotations

import nats.js.errors
from nats.js import api

from openfunction_eventing.drivers.jetstream import streams
from openfunction_eventing.drivers.jetstream.link import Link
from openfunction_eventing.drivers.jetstream.streams import Streams
from openfunction_eventing.drivers.port import SubscribeOptions


async def have(link: Link, known: Streams, topic: str) -> None:
    """Make the durable of a topic where it is absent; one that is there keeps its position.

    Raises:
        ComponentError: daprd could not read through it.
    """
    stream, name = await known.of(topic), link.component.text("durableName")
    if not name:
        raise streams.unreadable(
            link.component,
            "daprd needs a durableName, which serves one topic: declare a component for each topic",
        )
    try:
        _check(link, (await link.jetstream().consumer_info(stream, name)).config, topic)
    except nats.js.errors.NotFoundError:
        try:
            await link.jetstream().add_consumer(stream, config(link, topic, name))
        except nats.js.errors.APIError as error:
            raise link.component.error(
                f"the consumer {name!r} of stream {stream!r} cannot be made: {error.description}"
            ) from error


def config(link: Link, topic: str, name: str) -> api.ConsumerConfig:
    """What daprd compares with its own wish, and where the broker is to push to."""
    component = link.component
    pulled = streams.consumer_config(component, topic, name, SubscribeOptions())
    return pulled.evolve(
        deliver_subject=link.client.new_inbox(),
        deliver_group=component.text("queueGroupName") or None,
        ack_policy=api.AckPolicy(component.choice("ackPolicy", ("explicit", "all", "none"), "explicit")),
        flow_control=component.flag("flowControl") or None,
        idle_heartbeat=component.seconds("heartbeat", 0.0) or None,
        backoff=component.seconds_list("backOff") or None,
    )


def _check(link: Link, found: api.ConsumerConfig, topic: str) -> None:
    name = found.durable_name
    if not found.deliver_subject:
        raise streams.unreadable(
            link.component,
            f"the consumer {name!r} is a pull consumer, made for the platform's own sidecar; daprd cannot read "
            "through it: take another durableName, or delete the consumer",
        )
    streams.check_topic(link.component, found, topic)
