"""When the inputs of triggers last had an event, shared by dispatchers through compare-and-set.

It forgets what is cold; which condition holds is `conditions`' decision.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import orjson

from openfunction_eventing import conditions
from openfunction_eventing.conditions import State
from openfunction_eventing.documents import Trigger
from openfunction_eventing.drivers.port import Conflict, Item, Write
from openfunction_eventing.errors import EventingError

_TRIES = 100
# Keys of events that fired conditions, and for how many seconds they are kept when nobody settles them.
FIRED: Final = "fired-"
KEPT: Final = 3600


class StateError(EventingError):
    """The state of a trigger could not be written; the event has to come again."""


class Store(Protocol):
    """Keys with ETags; every state driver is one."""

    async def get(self, keys: Sequence[str]) -> dict[str, Item]:
        """The items of those keys that exist."""

    async def write(self, writes: Sequence[Write]) -> None:
        """Do all of the changes or none. Raises Conflict."""


class Remembers(Protocol):
    """The state of every trigger, and what events fired that are not settled."""

    async def fired(self, event: str) -> frozenset[str]:
        """The rules that an event fired when it came before; `event` is its identity."""

    async def note(self, event: str, rules: Iterable[str]) -> None:
        """Remember what an event fired: should it come again, its partners may be cold by then."""

    async def settled(self, event: str) -> None:
        """Forget what an event fired."""

    async def mark(self, trigger: Trigger, inputs: Iterable[str], now: float) -> State:
        """The state after an event of inputs; durable when this returns."""


class States:
    """See `Remembers`; kept in a store, by compare-and-set."""

    def __init__(self, store: Store) -> None:
        """Keep it in a store."""
        self._store = store
        # Writers of one process queue here, so that conflicts come from other processes only.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def fired(self, event: str) -> frozenset[str]:
        """The rules that an event fired when it came before; `event` is its identity."""
        key = f"{FIRED}{event}"
        item = (await self._store.get([key])).get(key)
        return frozenset(orjson.loads(item.value)) if item else frozenset()

    async def note(self, event: str, rules: Iterable[str]) -> None:
        """Remember what an event fired: should it come again, its partners may be cold by then."""
        value = orjson.dumps(sorted(rules))
        await self._store.write([Write(f"{FIRED}{event}", value, ttl=KEPT)])

    async def settled(self, event: str) -> None:
        """Forget what an event fired."""
        await self._store.write([Write(f"{FIRED}{event}", None)])

    async def mark(self, trigger: Trigger, inputs: Iterable[str], now: float) -> State:
        """The state after an event of inputs; durable when this returns.

        Raises:
            StateError: others wrote again and again.
        """
        key = f"trigger-{trigger.key}"
        async with self._turns[key]:
            for _ in range(_TRIES):
                item = (await self._store.get([key])).get(key)
                state = _marked(item, inputs, now, trigger.window)
                try:
                    await self._store.write([_write(key, state, item, trigger.window)])
                except Conflict:
                    continue
                return state
        raise StateError(f"the state of trigger {trigger.namespace}/{trigger.name} changed {_TRIES} times")


def _marked(item: Item | None, inputs: Iterable[str], now: float, window: float) -> State:
    state: State = orjson.loads(item.value) if item else {}
    for name in inputs:
        state = conditions.mark(state, name, now)
    return conditions.forget(state, now, window=window)


def _write(key: str, state: State, item: Item | None, window: float) -> Write:
    # Twice the window, as the clocks of two machines differ.
    ttl = max(1, math.ceil(2 * window))
    etag = item.etag if item else None
    return Write(key, orjson.dumps(dict(state)), etag, first_write=item is None, ttl=ttl)


class Memory:
    """A store for one process, and for as long as it lives."""

    def __init__(self) -> None:
        """Start empty."""
        self._items: dict[str, Item] = {}

    async def get(self, keys: Sequence[str]) -> dict[str, Item]:
        """The items of those keys that exist."""
        return {key: self._items[key] for key in keys if key in self._items}

    async def write(self, writes: Sequence[Write]) -> None:
        """Do all of the changes or none. Raises Conflict."""
        for one in writes:
            present = self._items.get(one.key)
            if (one.first_write and present) or (one.etag and (present is None or present.etag != one.etag)):
                raise Conflict(f"{one.key} has changed")
        for one in writes:
            if one.value is None:
                self._items.pop(one.key, None)
            else:
                number = int(self._items[one.key].etag) + 1 if one.key in self._items else 1
                self._items[one.key] = Item(one.value, str(number))
