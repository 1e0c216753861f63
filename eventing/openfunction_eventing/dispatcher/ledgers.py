"""The state of conditions in Kafka: marks and what events fired as entries of two ledgers beside the bus.

A mark takes effect where the broker put it, so of two dispatchers that mark at once the later one sees the other. The
last mark of an input is the one that counts, so compaction, which keeps it, changes no answer.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import orjson

from openfunction_eventing import conditions
from openfunction_eventing.component import Component
from openfunction_eventing.conditions import State
from openfunction_eventing.dispatcher import states
from openfunction_eventing.documents import Trigger
from openfunction_eventing.drivers.kafka import settings as kafka_settings
from openfunction_eventing.drivers.kafka.ledger import Ledger
from openfunction_eventing.drivers.kafka.settings import Settings

_HOUR_MS: Final = str(states.KEPT * 1000)
# An hour passes before two marks of an input become one: nobody who reads is so far behind.
_MARKS: Final = {"cleanup.policy": "compact", "min.compaction.lag.ms": _HOUR_MS, "segment.ms": _HOUR_MS}
_FIRED: Final = {"cleanup.policy": "compact,delete", "retention.ms": _HOUR_MS, "segment.ms": _HOUR_MS}


class Marks:
    """When each input of each trigger last had an event, as far as the ledger was read."""

    def __init__(self) -> None:
        """Start empty."""
        self._of: dict[str, dict[str, float]] = {}

    def enter(self, key: str, value: bytes | None, _: float) -> State:
        """The trigger's state after an entry."""
        trigger, name = orjson.loads(key)
        state = self._of.setdefault(trigger, {})
        if value is None:
            state.pop(name, None)
        else:
            state[name] = float(orjson.loads(value))
        return dict(state)

    def of(self, trigger: str) -> State:
        """The state of a trigger."""
        return dict(self._of.get(trigger, {}))


class Fired:
    """What events fired that are not settled yet; what nobody settles goes with age."""

    def __init__(self) -> None:
        """Start empty."""
        self._of: OrderedDict[str, tuple[float, frozenset[str]]] = OrderedDict()

    def enter(self, key: str, value: bytes | None, at: float) -> None:
        """Note or forget an event."""
        self._of.pop(key, None)
        if value is not None:
            self._of[key] = (at, frozenset(orjson.loads(value)))
        while self._of and next(iter(self._of.values()))[0] < at - states.KEPT:
            self._of.popitem(last=False)

    def of(self, event: str) -> frozenset[str]:
        """The rules that an event fired."""
        return self._of[event][1] if event in self._of else frozenset()


class Ledgers:
    """See `states.Remembers`; `open` makes it."""

    def __init__(self, settings: Settings, group: str) -> None:
        """Connect to nothing yet."""
        self._marks, self._fired = Marks(), Fired()
        name = re.sub(r"[^A-Za-z0-9._-]", "_", group)
        self._marked = Ledger(settings, f"openfunction.conditions.{name}", self._marks.enter)
        self._noted = Ledger(settings, f"openfunction.fired.{name}", self._fired.enter)

    async def begin(self) -> None:
        """Read both ledgers; raises ComponentError."""
        await self._marked.open(_MARKS)
        await self._noted.open(_FIRED)

    async def fired(self, event: str) -> frozenset[str]:
        """The rules that an event fired when it came before. Raises LedgerError."""
        await self._noted.know()
        return self._fired.of(event)

    async def note(self, event: str, rules: Iterable[str]) -> None:
        """Remember what an event fired. Raises LedgerError."""
        await self._noted.write(event, orjson.dumps(sorted(rules)))

    async def settled(self, event: str) -> None:
        """Forget what an event fired. Raises LedgerError."""
        await self._noted.write(event, None)

    async def mark(self, trigger: Trigger, inputs: Iterable[str], now: float) -> State:
        """The state after an event of inputs; durable when this returns. Raises LedgerError."""
        state: State | None = None
        for name in inputs:
            known = conditions.mark(self._marks.of(trigger.key), name, now)
            key = orjson.dumps([trigger.key, name]).decode()
            state = await self._marked.write(key, orjson.dumps(known[name]))
        if state is None:
            await self._marked.know()
            state = self._marks.of(trigger.key)
        return conditions.forget(state, now, window=trigger.window)

    async def close(self) -> None:
        """Leave the brokers."""
        await self._marked.close()
        await self._noted.close()


async def open(component: Component, group: str) -> Ledgers:  # noqa: A001 - callers write ledgers.open
    """The ledgers of a group, made where they are absent, and read.

    Raises:
        ComponentError: the brokers cannot be reached or refuse.
    """
    settings = kafka_settings.read(component, retries=True)
    await kafka_settings.reach(settings)
    made = Ledgers(settings, group)
    try:
        await made.begin()
    except BaseException:
        await made.close()
        raise
    return made
