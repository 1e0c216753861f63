"""Topics in the memory of this process (Dapr's `pubsub.in-memory`): the same promises as of a broker while it lives.

A topic keeps its last messages for groups that come later; nothing outlives the process, no other one sees it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from openfunction_eventing import envelope
from openfunction_eventing.component import Component
from openfunction_eventing.drivers import handling, port
from openfunction_eventing.drivers.handling import Handling
from openfunction_eventing.drivers.port import Deliver, PublishError, SubscribeOptions, Subscription
from openfunction_eventing.envelope import Message

_KEPT = 10_000
_WAITING = 100_000


async def open(component: Component) -> InMemory:  # noqa: A001 - the name that `drivers` calls
    """Topics of this component alone; raises ComponentError for wrong metadata."""
    return InMemory(component, Store())


@dataclass(eq=False, slots=True)
class Parcel:
    """One delivery to one group."""

    position: int
    topic: str
    body: bytes
    options: SubscribeOptions
    attempt: int = 1
    line: str = field(default="", init=False)

    def __post_init__(self) -> None:
        key = self.options.order_key
        self.line = envelope.key(self.opened(), key) if key else ""

    def opened(self) -> Message:
        """What the handler gets."""
        event = envelope.decode(
            self.body, topic=self.topic, position=str(self.position), raw=self.options.raw
        )
        return Message(self.topic, event, {"topic": self.topic}, self.attempt)


@dataclass(eq=False, slots=True)
class Group:
    """What a group has not acknowledged, and who takes it."""

    waiting: deque[Parcel] = field(default_factory=deque)
    members: list[Reader] = field(default_factory=list)
    in_work: int = 0
    # line → the member that has its messages, and how many
    lines: dict[str, tuple[Reader, int]] = field(default_factory=dict)

    @property
    def backlog(self) -> int:
        """Messages that are not acknowledged."""
        return len(self.waiting) + self.in_work

    def dispatch(self) -> None:
        """Give what waits to members that have room, each in turn; a line stays with the member that has it."""
        stuck: list[Parcel] = []
        while self.waiting and (free := [member for member in self.members if member.free]):
            parcel = self.waiting.popleft()
            line = parcel.line
            if line in self.lines:
                owner, count = self.lines[line]
                if not owner.free:
                    stuck.append(parcel)
                    continue
            else:
                owner, count = max(free, key=lambda member: member.free), 0
            if line:
                self.lines[line] = (owner, count + 1)
            self.in_work += 1
            owner.give(parcel)
        self.waiting.extendleft(reversed(stuck))
        self.tell()

    def done(self, parcel: Parcel) -> None:
        """A member has settled one."""
        self.in_work -= 1
        line = parcel.line
        if line:
            owner, count = self.lines.pop(line)
            if count > 1:
                self.lines[line] = (owner, count - 1)

    def tell(self) -> None:
        """Say the backlog to whoever wants to know."""
        for member in self.members:
            if member.on_backlog is not None:
                member.on_backlog(self.backlog)


@dataclass(slots=True)
class Topic:
    """The last messages and the groups that read them."""

    kept: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    seen: dict[str, None] = field(default_factory=dict)
    groups: dict[str, tuple[Group, SubscribeOptions]] = field(default_factory=dict)
    last: int = 0


class Store:
    """The topics of one component; handles that share it see the same."""

    def __init__(self) -> None:
        self._topics: dict[str, Topic] = {}

    def topic(self, name: str) -> Topic:
        """A topic, made when it is first named."""
        return self._topics.setdefault(name, Topic())

    def put(self, name: str, message: Message) -> None:
        """Keep a message for every group there is and will be; one that was put already is not kept again."""
        topic = self.topic(name)
        identity = envelope.identity(message)
        if identity in topic.seen:
            return
        if any(len(group.waiting) >= _WAITING for group, _ in topic.groups.values()):
            raise PublishError(f"topic {name!r} has {_WAITING} messages that wait; let its readers catch up")
        body = port.encoded(message)
        topic.seen[identity] = None
        if len(topic.seen) > _KEPT:
            del topic.seen[next(iter(topic.seen))]
        topic.last += 1
        topic.kept.append((topic.last, body))
        for group, options in topic.groups.values():
            group.waiting.append(Parcel(topic.last, name, body, options))
            group.dispatch()

    def group(self, name: str, options: SubscribeOptions, *, start: str) -> Group:
        """A group, made at the place where it is to begin."""
        topic = self.topic(name)
        found = topic.groups.get(options.group)
        if found is not None and options.group:
            return found[0]
        old: Iterable[tuple[int, bytes]] = () if start == "new" else topic.kept
        group = Group(deque(Parcel(position, name, body, options) for position, body in old))
        topic.groups[options.group or f"{id(group)}"] = (group, options)
        return group

    def forget(self, name: str, group: Group) -> None:
        """Remove a group that goes with its reader."""
        topic = self.topic(name)
        for key, (one, options) in tuple(topic.groups.items()):
            if one is group and not options.group:
                del topic.groups[key]


class Reader:
    """A member of a group."""

    def __init__(self, store: Store, name: str, group: Group, deliver: Deliver, most: int) -> None:
        self.on_backlog: Callable[[int], None] | None = None
        self._store = store
        self._name = name
        self._group = group
        self._loop = asyncio.get_running_loop()
        self._work = Handling[Parcel](deliver, self._settle, most=most, line=lambda parcel: parcel.line)
        group.members.append(self)

    @property
    def free(self) -> int:
        """How many more it takes."""
        return 0 if self._work.stopping.is_set() else self._work.free

    def give(self, parcel: Parcel) -> None:
        """Take one."""
        self._work.begin(parcel)

    def backlog(self) -> int | None:
        """See `port.Subscription`."""
        return self._group.backlog

    async def stop(self) -> None:
        """See `port.Subscription`."""
        self._work.stopping.set()
        if self in self._group.members:
            self._group.members.remove(self)
        await self._work.stop()
        self._store.forget(self._name, self._group)
        self._group.dispatch()

    async def _settle(self, parcel: Parcel, verdict: port.Verdict) -> None:
        self._work.held.discard(parcel)
        self._group.done(parcel)
        if verdict.kind == "retry":
            self._again(parcel, verdict.delay or 0.0)
        self._group.dispatch()

    def _again(self, parcel: Parcel, delay: float) -> None:
        if self._work.stopping.is_set():
            self._back(parcel)
            return
        parcel.attempt += 1
        self._group.in_work += 1  # it is nobody's now, and still not acknowledged
        self._loop.call_later(delay, self._ripe, parcel)

    def _ripe(self, parcel: Parcel) -> None:
        self._group.in_work -= 1
        self._back(parcel)
        self._group.dispatch()

    def _back(self, parcel: Parcel) -> None:
        """Among those that wait at its old place: what is given back in order stays in order."""
        waiting = self._group.waiting
        at = next((at for at, one in enumerate(waiting) if one.position > parcel.position), len(waiting))
        waiting.insert(at, parcel)


class InMemory:
    """A handle on the topics of a store."""

    def __init__(self, component: Component, store: Store) -> None:
        self._component = component
        self._store = store
        self._readers: set[Reader] = set()
        handling.limit(component, SubscribeOptions())

    async def publish(self, topic: str, message: Message) -> None:
        """See `port.PubSub`."""
        self._store.put(topic, envelope.moved(message, topic))

    async def bulk_publish(self, topic: str, messages: Sequence[Message]) -> list[Exception | None]:
        """See `port.PubSub`."""
        results: list[Exception | None] = []
        for message in messages:
            try:
                await self.publish(topic, message)
                results.append(None)
            except PublishError as error:
                results.append(error)
        return results

    async def subscribe(self, topic: str, options: SubscribeOptions, deliver: Deliver) -> Subscription:
        """See `port.PubSub`."""
        group = self._store.group(topic, options, start=options.start or "all")
        reader = Reader(self._store, topic, group, deliver, handling.limit(self._component, options))
        self._readers.add(reader)
        asyncio.get_running_loop().call_soon(group.dispatch)
        return reader

    async def close(self) -> None:
        """See `port.PubSub`."""
        for reader in self._readers:
            await reader.stop()
        self._readers.clear()

    def health(self) -> str:
        """See `port.PubSub`."""
        return ""
