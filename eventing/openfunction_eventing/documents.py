"""The documents that dispatchers and sources read from their folder, and that the platform writes.

A document says its kind; a file holds one or a list of them. Every mistake names its key. Time spans are
seconds, or texts like 1m30s and PT1.5S. Components are Dapr's own documents and are read elsewhere.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from openfunction_eventing.keys import DocumentError, Keys

__all__ = [
    "Delivery",
    "Dispatcher",
    "DocumentError",
    "Hosts",
    "Input",
    "Journal",
    "Source",
    "Sources",
    "Subscriber",
    "Trigger",
    "to_json",
]

BACKOFFS = ("exponential", "linear")
WINDOW = 60.0
SOURCES = ("cron", "http", "webhook", "kafka", "nats")
_WORD = re.compile(r"_([a-z])")


@dataclass(frozen=True, slots=True)
class Delivery:
    """How often and how long to try; `retry` counts the attempts after the first. Spans in seconds."""

    retry: int = 10
    backoff_policy: str = "exponential"
    backoff_delay: float = 0.2
    timeout: float = 30.0
    retry_after_max: float | None = None

    @classmethod
    def from_json(cls, document: object, path: str = "") -> Delivery:
        """The delivery of a document; raises DocumentError."""
        keys = Keys(document, _keys_of(cls), path=path)
        return cls(
            keys.whole("retry", cls().retry),
            keys.choice("backoffPolicy", BACKOFFS, cls().backoff_policy),
            keys.seconds("backoffDelay", cls().backoff_delay),
            keys.seconds("timeout", cls().timeout) or cls().timeout,
            keys.maybe_seconds("retryAfterMax"),
        )


@dataclass(frozen=True, slots=True)
class Input:
    """A name that conditions use, and the topic of the bus whose events it stands for."""

    name: str
    topic: str

    @classmethod
    def from_json(cls, document: object, path: str = "") -> Input:
        """The input of a document; raises DocumentError."""
        keys = Keys(document, _keys_of(cls), path=path)
        return cls(keys.text("name"), keys.text("topic"))


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who gets an event: `sink` by URL, `topic` on the bus, or both.

    An event that the sink answers with goes to `reply_topic`; where that is left out, to `topic`.
    """

    condition: str = ""
    filters: tuple[Mapping[str, Any], ...] = ()  # documents of filters, compiled by filters.dialects
    sink: str = ""
    dead_letter_sink: str = ""
    topic: str = ""
    dead_letter_topic: str = ""
    reply_topic: str = ""
    delivery: Delivery = field(default_factory=Delivery)

    @classmethod
    def from_json(cls, document: object, path: str = "") -> Subscriber:
        """The subscriber of a document; raises DocumentError."""
        keys = Keys(document, _keys_of(cls), path=path)
        made = cls(
            keys.text("condition", ""),
            keys.listed("filters", lambda one, _: one),
            keys.text("sink", ""),
            keys.text("deadLetterSink", ""),
            keys.text("topic", ""),
            keys.text("deadLetterTopic", ""),
            keys.text("replyTopic", ""),
            keys.part("delivery", Delivery.from_json),
        )
        if not made.sink and not made.topic:
            raise DocumentError(keys.at("sink"), "is missing; give a sink, a topic, or both")
        return made


@dataclass(frozen=True, slots=True)
class Trigger:
    """Inputs by name and the subscribers whose conditions speak of them; `window` in seconds."""

    namespace: str
    name: str
    uid: str = ""
    window: float = WINDOW
    inputs: tuple[Input, ...] = ()
    subscribers: tuple[Subscriber, ...] = ()

    @property
    def key(self) -> str:
        """What its state is kept under: another for an object made anew under the same name."""
        return self.uid or f"{self.namespace}.{self.name}"

    @classmethod
    def from_json(cls, document: object, path: str = "") -> Trigger:
        """The trigger of a document; raises DocumentError."""
        keys = Keys(document, _keys_of(cls), path=path)
        return cls(
            keys.text("namespace"),
            keys.text("name"),
            keys.text("uid", ""),
            keys.seconds("window", WINDOW),
            keys.listed("inputs", Input.from_json),
            keys.listed("subscribers", Subscriber.from_json),
        )


@dataclass(frozen=True, slots=True)
class Hosts:
    """Cluster names → addresses `host:port`; a name may end with `:port`, else it stands for every port."""

    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, document: object, path: str = "") -> Hosts:
        """The table of a document; raises DocumentError."""
        keys = Keys(document, _keys_of(cls), path=path)
        named = keys.map("hosts")
        table = Keys(named, named, path=keys.at("hosts"))
        return cls({name: table.listed(name, _address) for name in named})


def _address(value: object, path: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r".+:\d+", value):
        raise DocumentError(path, "must be a text like 127.0.0.5:8080")
    return value


@dataclass(frozen=True, slots=True)
class Journal:
    """Where records of events are kept and how many; an empty `folder` keeps none on disk. `age` in seconds."""

    folder: str = ""
    records: int = 200_000
    size: int = 32 << 20
    age: float = 7 * 86_400.0

    @classmethod
    def from_json(cls, document: object, path: str = "") -> Journal:
        """The journal of a document; raises DocumentError."""
        keys = Keys(document, _keys_of(cls), path=path)
        return cls(
            keys.text("folder", ""),
            keys.whole("records", cls().records, least=1),
            keys.whole("size", cls().size, least=4096),
            keys.seconds("age", cls().age),
        )


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """What a dispatcher is told: the Component of its bus by name, its durable group, and its bounds.

    `state` names the Component that keeps conditions' state; empty: the bus, where it can, else memory.
    """

    component: str
    group: str
    host: str = "127.0.0.1"
    port: int = 8080
    state: str = ""
    max_in_flight: int = 256
    per_sink: int = 64
    ack_wait: float = 30.0
    attempts: int = 10
    journal: Journal = field(default_factory=Journal)

    @classmethod
    def from_json(cls, document: object, path: str = "") -> Dispatcher:
        """The settings of a document; raises DocumentError."""
        keys = Keys(document, _keys_of(cls), path=path)
        return cls(
            keys.text("component"),
            keys.text("group"),
            keys.text("host", "127.0.0.1"),
            keys.whole("port", 8080),
            keys.text("state", ""),
            keys.whole("maxInFlight", 256, least=1),
            keys.whole("perSink", 64, least=1),
            keys.seconds("ackWait", 30.0),
            keys.whole("attempts", 10, least=1),
            keys.part("journal", Journal.from_json),
        )


@dataclass(frozen=True, slots=True)
class Sources:
    """What a program of sources is told: the Component of its bus by name (empty: none), and its door."""

    component: str = ""
    host: str = "127.0.0.1"
    port: int = 8080
    journal: Journal = field(default_factory=Journal)

    @classmethod
    def from_json(cls, document: object, path: str = "") -> Sources:
        """The settings of a document; raises DocumentError."""
        keys = Keys(document, _keys_of(cls), path=path)
        return cls(
            keys.text("component", ""),
            keys.text("host", "127.0.0.1"),
            keys.whole("port", 8080),
            keys.part("journal", Journal.from_json),
        )


@dataclass(frozen=True, slots=True)
class Source:
    """One event of an EventSource: what kind it is, and where it goes.

    `spec` by `type`: cron `{schedule}`; http `{path?}`; webhook `{path?, type?, idHeader?, typeHeader?,
    signature?: {header, algorithm?, prefix?, secret}}` with the secret in clear, so that the document belongs
    in a Secret; kafka and nats `{component, topic?}`, a Component by name: a pubsub, of which `topic` is read,
    or an input binding.
    """

    namespace: str
    name: str
    event: str
    type: str
    spec: Mapping[str, Any] = field(default_factory=dict)  # read by the source of that type
    sink: str = ""
    topic: str = ""
    delivery: Delivery = field(default_factory=Delivery)

    @property
    def key(self) -> str:
        """Its name in ids and logs; the kind is part of it."""
        return f"{self.type}-{self.namespace}-{self.name}-{self.event}"

    @classmethod
    def from_json(cls, document: object, path: str = "") -> Source:
        """The source of a document; raises DocumentError."""
        keys = Keys(document, _keys_of(cls), path=path)
        made = cls(
            keys.text("namespace"),
            keys.text("name"),
            keys.text("event"),
            keys.choice("type", SOURCES),
            keys.map("spec"),
            keys.text("sink", ""),
            keys.text("topic", ""),
            keys.part("delivery", Delivery.from_json),
        )
        if not made.sink and not made.topic:
            raise DocumentError(keys.at("sink"), "is missing; give a sink, a topic, or both")
        return made


def _keys_of(cls: type) -> tuple[str, ...]:
    return ("kind", *(_camel(one.name) for one in dataclasses.fields(cls)))


def to_json(document: object) -> dict[str, Any]:
    """A document as JSON values, with its kind; what is None is left out."""
    if not dataclasses.is_dataclass(document) or isinstance(document, type):
        raise TypeError(f"{document!r} is no document")
    return {"kind": type(document).__name__, **_values(document)}


def _values(document: Any) -> dict[str, Any]:  # Any: one of the dataclasses above
    values = ((one.name, getattr(document, one.name)) for one in dataclasses.fields(document))
    return {_camel(name): _value(value) for name, value in values if value is not None}


def _value(value: Any) -> Any:  # Any: what JSON holds
    if dataclasses.is_dataclass(value):
        return _values(value)
    if isinstance(value, Mapping):
        return {key: _value(one) for key, one in value.items()}
    return [_value(one) for one in value] if isinstance(value, tuple | list) else value


def _camel(name: str) -> str:
    return _WORD.sub(lambda match: match[1].upper(), name)
