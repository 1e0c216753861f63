"""Streams of topics and durables of groups: found where they are, made where they are not.

Names are derived and stable: a scaler, a person and the next process come to the same ones.
"""

from __future__ import annotations

import asyncio
import datetime
import random
import re
from dataclasses import dataclass

import nats.js.errors
from nats.js import api

from openfunction_eventing import envelope
from openfunction_eventing.component import Component, ReaderError
from openfunction_eventing.drivers.jetstream.link import Link
from openfunction_eventing.drivers.port import SubscribeOptions

ACK_WAIT = 30.0
_FORGOTTEN_AFTER = 300.0
# JetStream gives what a dead reader had in any order, and keys of one subject to any reader: the order of a key is kept
# where one message at a time is out, whoever has it.
_IN_ORDER = 1
_TRIES = 10
_SETTLED = 0.1
_BAD = re.compile(r"[\s.*>/\\]")
_LONGEST = 200
_POLICIES = ("all", "last", "new", "sequence", "time")


@dataclass(frozen=True, slots=True)
class Durable:
    """Where a group's position is kept."""

    stream: str
    name: str
    topic: str
    ack_wait: float
    lasting: bool


def safe_name(text: str) -> str:
    """A name that JetStream takes, another one for each text."""
    cleaned = _BAD.sub("_", text)[:_LONGEST]
    return cleaned if cleaned == text else f"{cleaned}-{envelope.digest(text)[:8]}"


def durable_name(component: Component, topic: str, options: SubscribeOptions) -> str:
    """The durable's name: as the caller or the component says, else made of group and topic; may be empty."""
    exact = options.consumer or component.text("durableName")
    if exact:
        return exact
    group = options.group or component.text("queueGroupName") or component.text("consumerID")
    return safe_name(f"{group}__{topic}") if group else ""


def check(component: Component) -> None:
    """Read all metadata of streams and consumers once, so that what is wrong is said when it is opened."""
    component.choice("ackPolicy", ("explicit", "all", "none"), "explicit")
    component.seconds_list("backOff")
    consumer_config(component, "t", "n", SubscribeOptions())
    stream_config(component, "n", "t")


class Streams:
    """The streams and consumers of one component."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._component = link.component
        self._known: dict[str, str] = {}
        self._one = asyncio.Lock()

    def forget(self) -> None:
        """Look again: one of them is gone."""
        self._known.clear()

    async def of(self, topic: str) -> str:
        """The stream that keeps a topic."""
        found = self._known.get(topic)
        if found is None:
            async with self._one:
                found = self._known.get(topic) or await self._find(topic)
                self._known[topic] = found
        return found

    async def _find(self, topic: str) -> str:
        if not topic or re.search(r"[\s*>]", topic) or ".." in f".{topic}.":
            raise self._component.error(
                f"{topic!r} is no topic; NATS takes words with dots between them, without spaces, * and >"
            )
        name = self._component.text("streamName")
        if name:
            return await self._with_topic(name, topic)
        manager = self._link.jetstream()
        try:
            return str(await manager.find_stream_name_by_subject(topic))
        except nats.js.errors.NotFoundError:
            return await self._with_topic(safe_name(topic), topic)

    async def _with_topic(self, name: str, topic: str) -> str:
        # Two processes may add a topic each, and a stream's configuration has no version to compare: whoever's
        # was overwritten sees it a moment later and adds it again.
        manager = self._link.jetstream()
        for _ in range(_TRIES):
            try:
                config = (await manager.stream_info(name)).config
            except nats.js.errors.NotFoundError:
                await self._create(name, topic)
                continue
            if any(_covers(subject, topic) for subject in config.subjects or ()):
                return name
            await manager.update_stream(config, subjects=[*(config.subjects or ()), topic])
            await asyncio.sleep(_SETTLED * (1 + random.random()))  # noqa: S311 - no secret
        raise self._component.error(f"stream {name!r} does not keep topic {topic!r}; somebody takes it out")

    async def _create(self, name: str, topic: str) -> None:
        wanted = stream_config(self._component, name, topic)
        try:
            await self._link.jetstream().add_stream(wanted)
        except nats.js.errors.BadRequestError as error:
            if error.err_code not in (10058, 10065):  # the name or the subject is in use: look again
                raise self._component.error(f"stream {name!r} cannot be made: {error.description}") from error

    async def durable(self, topic: str, options: SubscribeOptions) -> Durable:
        """The consumer of a group, made where it is absent; one that is there keeps its position."""
        stream = await self.of(topic)
        name = durable_name(self._component, topic, options)
        wanted = consumer_config(self._component, topic, name, options)
        manager = self._link.jetstream()
        if name:
            try:
                found = await manager.consumer_info(stream, name)
            except nats.js.errors.NotFoundError:
                pass  # it is made below
            else:
                return await self._agreed(self._checked(found, topic), found.config, options)
        try:
            made = await manager.add_consumer(stream, wanted)
        except nats.js.errors.APIError as error:
            raise self._component.error(
                f"the consumer {name!r} of stream {stream!r} cannot be made: {error.description}"
            ) from error
        return Durable(stream, made.name, topic, made.config.ack_wait or ACK_WAIT, bool(name))

    async def _agreed(
        self, durable: Durable, config: api.ConsumerConfig, options: SubscribeOptions
    ) -> Durable:
        """One that was made without an order, by a scaler or an older version, gets it."""
        if options.order_key and config.max_ack_pending != _IN_ORDER:
            ordered = config.evolve(max_ack_pending=_IN_ORDER)
            try:
                await self._link.jetstream().add_consumer(durable.stream, ordered)
            except nats.js.errors.APIError as error:
                raise self._component.error(
                    f"the consumer {durable.name!r} cannot be made to keep an order: {error.description}"
                ) from error
        return durable

    def _checked(self, found: api.ConsumerInfo, topic: str) -> Durable:
        config = found.config
        if config.deliver_subject:
            raise unreadable(
                self._component,
                f"the consumer {found.name!r} is a push consumer, made by another program; "
                "take another durableName or delete it",
            )
        check_topic(self._component, config, topic)
        return Durable(found.stream_name, found.name, topic, config.ack_wait or ACK_WAIT, lasting=True)


def unreadable(component: Component, sentence: str) -> ReaderError:
    """A durable that somebody has to change before its group can be read."""
    return ReaderError(component.name, component.type, sentence)


def check_topic(component: Component, config: api.ConsumerConfig, topic: str) -> None:
    """Raise ReaderError for a durable that reads other topics."""
    filters = config.filter_subjects or ([config.filter_subject] if config.filter_subject else [])
    if filters and topic not in filters:
        raise unreadable(
            component,
            f"the consumer {config.durable_name!r} reads {', '.join(filters)} and not {topic!r}; "
            "one durableName serves one topic",
        )


def stream_config(component: Component, name: str, topic: str) -> api.StreamConfig:
    """A stream that is made for a topic; the keys are ours, Dapr makes none."""
    memory = component.choice("streamStorage", ("file", "memory"), "file") == "memory"
    return api.StreamConfig(
        name=name,
        subjects=[topic],
        storage=api.StorageType.MEMORY if memory else api.StorageType.FILE,
        num_replicas=component.integer("streamReplicas", 1, least=1),
        max_age=component.seconds("streamMaxAge", 0.0) or None,
        max_bytes=component.integer("streamMaxBytes", -1, least=-1),
    )


def consumer_config(
    component: Component, topic: str, name: str, options: SubscribeOptions
) -> api.ConsumerConfig:
    """A consumer that is made for a group; without a name it goes with its readers."""
    policy = component.choice("deliverPolicy", _POLICIES, options.start or "all")
    sequence = component.integer("startSequence", 0)
    started = component.integer("startTime", 0)
    return api.ConsumerConfig(
        durable_name=name or None,
        deliver_policy=api.DeliverPolicy(_policy(policy)),
        opt_start_seq=sequence or None,
        opt_start_time=datetime.datetime.fromtimestamp(started, datetime.UTC) if started else None,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=options.ack_wait or component.seconds("ackWait", ACK_WAIT),
        max_deliver=component.integer("maxDeliver", 0) or None,
        filter_subject=topic,
        max_ack_pending=_IN_ORDER
        if options.order_key
        else component.integer("maxAckPending", 0, least=-1) or None,
        num_replicas=component.integer("replicas", 0) or None,
        mem_storage=component.flag("memoryStorage") or None,
        rate_limit_bps=component.integer("rateLimit", 0) or None,
        inactive_threshold=None if name else _FORGOTTEN_AFTER,
    )


def _policy(word: str) -> str:
    return {"sequence": "by_start_sequence", "time": "by_start_time"}.get(word, word)


def _covers(subject: str, topic: str) -> bool:
    pattern, words = subject.split("."), topic.split(".")
    if pattern[-1] == ">":
        pattern, words = pattern[:-1], words[: len(pattern) - 1] if len(words) >= len(pattern) else []
    return len(pattern) == len(words) and all(
        mine in ("*", other) for mine, other in zip(pattern, words, strict=True)
    )
