"""What every driver offers, whatever its broker: topics, bindings, state and secrets.

The guarantees behind the names are in tests/eventing/drivers/contract*.py, which every driver inherits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from functions_framework import errors
from openfunction_eventing import envelope
from openfunction_eventing.envelope import Message
from openfunction_eventing.errors import EventingError

MAX_IN_FLIGHT = 100
_FIRST_DELAY = 0.1
_LONGEST_DELAY = 30.0


class PublishError(EventingError):
    """The broker did not store a message; it may or may not have it, publishing again is harmless.

    Attributes:
        temporary: whether the same message may succeed later.
    """

    def __init__(self, sentence: str, *, temporary: bool = True) -> None:
        super().__init__(sentence)
        self.temporary = temporary


def encoded(message: Message) -> bytes:
    """What a broker stores of a message; raises PublishError where its data is not what its type says."""
    try:
        return envelope.encode(message)
    except errors.BadRequest as error:
        raise PublishError(f"the event cannot be written: {error}", temporary=False) from error


class BindingError(EventingError):
    """An output binding did not do what it was asked.

    Attributes:
        status: the answer's status where the other side speaks HTTP, else 0.
    """

    def __init__(self, sentence: str, *, status: int = 0) -> None:
        super().__init__(sentence)
        self.status = status


class StoreError(EventingError):
    """A store of state or secrets did not answer; what was asked may or may not be done."""


class Conflict(EventingError):  # noqa: N818 - what it is, not that it is an error
    """A state write with an ETag that is not the present one; nothing was written."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a delivered message; `RETRY(2.0)` is a retry in two seconds at the earliest."""

    kind: Literal["ack", "retry", "drop"]
    delay: float | None = None

    def __call__(self, delay: float) -> Verdict:
        return Verdict(self.kind, delay)


ACK = Verdict("ack")
RETRY = Verdict("retry")
DROP = Verdict("drop")

Deliver = Callable[[Message], Awaitable[Verdict]]
Read = Callable[[bytes, Mapping[str, str]], Awaitable[Verdict]]


def retry_delay(attempt: int) -> float:
    """Seconds until a message comes again for which nobody said when: doubled each time, 30 at most."""
    return min(_FIRST_DELAY * 2.0 ** (min(attempt, 16) - 1), _LONGEST_DELAY)


@dataclass(frozen=True, slots=True)
class SubscribeOptions:
    """How a topic is read.

    Attributes:
        group: members of one group share the messages, each group gets all; empty is a group of its own that
            is forgotten with the subscription.
        consumer: the durable's exact name in the broker where it has such names; else it is made of the group.
        max_in_flight: messages delivered and not yet answered; None is the component's or 100, and of JetStream up
            to eight times as many while that is a fraction of a second's work. With 0 nothing
            is taken: the group is made where it is absent, and its backlog is told.
        ack_wait: seconds after which the broker gives a dead member's messages to another; None is the
            component's or the broker's own. A handler may take longer.
        start: where a group that is made now begins; None is the component's, or the default of its type in Dapr:
            all of JetStream's messages, what comes next in Kafka.
        order_key: an attribute; messages with the same value of it are handled one after the other, a retry
            included.
        raw: the messages are payloads and no events.
    """

    group: str = ""
    consumer: str = ""
    max_in_flight: int | None = None
    ack_wait: float | None = None
    start: Literal["new", "all"] | None = None
    order_key: str = ""
    raw: bool = False


class Subscription(Protocol):
    """Something that is being read; `on_backlog` is called with each backlog that is learnt."""

    on_backlog: Callable[[int], None] | None

    async def stop(self) -> None:
        """Take no more, wait for the answers that are due, settle them."""

    def backlog(self) -> int | None:
        """Messages of the group that are not acknowledged, as last known; None where the broker cannot tell."""


@runtime_checkable
class PubSub(Protocol):
    """Topics."""

    async def publish(self, topic: str, message: Message) -> None:
        """Store a message; returns after the broker has it. Raises PublishError."""

    async def bulk_publish(self, topic: str, messages: Sequence[Message]) -> list[Exception | None]:
        """Store messages, many at a time; for each one None or why it was not stored."""

    async def subscribe(self, topic: str, options: SubscribeOptions, deliver: Deliver) -> Subscription:
        """Read a topic; each message is settled by what `deliver` answers, and an exception is a RETRY.

        Raises:
            ComponentError: the broker refuses.
        """

    async def close(self) -> None:
        """Stop the subscriptions and leave the broker."""

    def health(self) -> str:
        """Empty when all is well, else a sentence."""


@runtime_checkable
class Pushes(Protocol):
    """Topics that Dapr's own sidecar reads in another way than ours: what it needs is made beforehand."""

    async def make_for_daprd(self, read: Sequence[str], written: Sequence[str]) -> None:
        """Have what keeps these topics, and the durable by which each is read; raises ComponentError."""


@runtime_checkable
class InputBinding(Protocol):
    """Something from which data comes by itself."""

    async def read(self, deliver: Read) -> Subscription:
        """Begin reading; what comes is settled by what `deliver` answers, and an exception is a RETRY."""

    async def close(self) -> None:
        """Stop reading."""

    def health(self) -> str:
        """Empty when all is well, else a sentence."""


@dataclass(frozen=True, slots=True)
class BindingAnswer:
    """What an output binding answered."""

    data: bytes = b""
    metadata: Mapping[str, str] = field(default_factory=dict)


# Of an operation that is done and answers nothing, which over HTTP is another status than data of no length.
NOTHING = BindingAnswer()


@runtime_checkable
class OutputBinding(Protocol):
    """Something that can be told to do a few operations."""

    async def invoke(self, operation: str, data: bytes, metadata: Mapping[str, str]) -> BindingAnswer:
        """Do an operation. Raises BindingError; names the operations there are when asked for another one."""

    async def close(self) -> None:
        """Leave."""

    def health(self) -> str:
        """Empty when all is well, else a sentence."""


@dataclass(frozen=True, slots=True)
class Item:
    """A stored value and its ETag; `until` when it goes by itself, in seconds since the epoch."""

    value: bytes
    etag: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """A change of one key.

    Attributes:
        key: the key.
        value: the new value, or None to delete.
        etag: what must be the present ETag; None asks nothing.
        first_write: without an ETag, the key must not exist yet.
        ttl: seconds until it goes by itself; None keeps it.
    """

    key: str
    value: bytes | None
    etag: str | None = None
    first_write: bool = False
    ttl: int | None = None


@runtime_checkable
class StateStore(Protocol):
    """Keys with values and ETags."""

    async def get(self, keys: Sequence[str]) -> dict[str, Item]:
        """The items of those keys that exist."""

    async def write(self, writes: Sequence[Write]) -> None:
        """Do all of the changes or none. Raises Conflict."""

    async def close(self) -> None:
        """Leave."""

    def health(self) -> str:
        """Empty when all is well, else a sentence."""


@runtime_checkable
class SecretStore(Protocol):
    """Secrets by name, each of one or more keys."""

    async def get(self, name: str, metadata: Mapping[str, str]) -> dict[str, str] | None:
        """The keys of a secret; None where there is no such secret."""

    async def all(self, metadata: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """Every secret."""

    async def close(self) -> None:
        """Leave."""

    def health(self) -> str:
        """Empty when all is well, else a sentence."""


Driver = PubSub | InputBinding | OutputBinding | StateStore | SecretStore
