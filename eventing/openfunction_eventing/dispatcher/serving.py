"""The dispatcher as a program: folder → plan → engine, with its door, until it is told to stop.

It composes; nothing here decides about an event.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

from openfunction_eventing import drivers, folder, log, program
from openfunction_eventing.component import Component
from openfunction_eventing.dispatcher import states
from openfunction_eventing.dispatcher.deliveries import Deliveries
from openfunction_eventing.dispatcher.engine import Engine
from openfunction_eventing.dispatcher.plan import Plan
from openfunction_eventing.dispatcher.subscriptions import Subscriptions
from openfunction_eventing.documents import Dispatcher, DocumentError, Trigger
from openfunction_eventing.door import Door
from openfunction_eventing.drivers.port import PubSub, StateStore
from openfunction_eventing.folder import Contents, Folder
from openfunction_eventing.journal import Journal
from openfunction_eventing.sinks import Sinks

_LOG = log.get("dispatcher")
# Buses that keep the state of conditions themselves.
_KEEPING = ("pubsub.jetstream", "pubsub.kafka")


class Serving:
    """One run of the program."""

    def __init__(self, documents: Folder, stop: asyncio.Event) -> None:
        """Begin with what the folder holds; raises DocumentError."""
        self._watch = program.Watch(documents, Dispatcher, stop)
        contents = self._watch.contents
        self.settings = contents.one(Dispatcher)
        self._stop = stop
        self._opening = program.Opening(contents.component(self.settings.component), self._watch)
        self._sinks = Sinks(contents.hosts)
        self._state = _state_of(self._watch, self.settings)
        self._bus: PubSub | None = None
        self._topics: Subscriptions | None = None
        self._trouble = "the triggers are being read"

    def troubles(self) -> list[str]:
        """Why the dispatcher is not ready."""
        state = self._state.trouble if self._state else ""
        found = [self._opening.trouble, state, self._trouble, self._bus.health() if self._bus else ""]
        if self._topics is not None:
            found += [f"topic {topic}: {why}" for topic, why in self._topics.problems.items()]
        return [one for one in found if one]

    async def run(self, records: Journal) -> None:
        """Serve until told to stop."""
        async with self._sinks as sinks:
            self._bus = await self._opening.bus(self._stop)
            if self._bus is None:
                return
            try:
                async with self._remembering() as remembers:
                    deliveries = Deliveries(self._bus, sinks, records, per_sink=self.settings.per_sink)
                    engine = Engine(self.settings, deliveries, remembers, records)
                    self._topics = Subscriptions(self._bus, self.settings, engine.handle)
                    try:
                        await self._follow(engine, self._topics)
                    finally:
                        deliveries.stop()
                        await self._topics.stop()
            finally:
                await self._bus.close()

    async def _follow(self, engine: Engine, topics: Subscriptions) -> None:
        """Keep the engine at what the folder says; a topic that cannot be read is tried again."""
        is_new, complete = True, False
        while not self._stop.is_set():
            if is_new:
                self._take(self._watch.contents, engine)
                complete = False
            if not complete:
                complete = await topics.follow(engine.plan.topics)
            is_new = not await folder.pause(self._stop, folder.LOOK) and self._watch.look()

    def _take(self, contents: Contents, engine: Engine) -> None:
        plan = Plan(contents.all(Trigger))
        for fault in plan.faults:
            _LOG.error("a subscriber is left out", trigger=fault.trigger, problem=fault.problem)
        self._sinks.rename(contents.hosts)
        engine.plan = plan
        self._trouble = ""
        _LOG.info("the triggers are in force", rules=len(plan.rules), topics=len(plan.topics))

    @asynccontextmanager
    async def _remembering(self) -> AsyncIterator[states.Remembers]:
        """Where conditions keep their state: the Component that is named, the bus where it can, else memory."""
        made = await self._opened() if self._state is not None else None
        try:
            if isinstance(made, _Store):
                yield states.States(made)
            else:
                yield made or states.States(states.Memory())
        finally:
            if made is not None:
                await made.close()

    async def _opened(self) -> _Store | _Beside | None:
        """What remembers, however long it takes; None when the program ends before."""
        if self._state is None:
            return None
        if not self.settings.state:
            return await self._state.by(self._beside_the_bus, self._stop)
        store = await self._state.driver(self._stop)
        if store is None or isinstance(store, StateStore):
            return store
        await store.close()
        raise DocumentError("state", f"component {self.settings.state!r} keeps no state")

    async def _beside_the_bus(self, bus: Component) -> _Store | _Beside:
        # Imported late: each needs the library of its broker only.
        if drivers.known(bus.type) == "pubsub.kafka":
            from openfunction_eventing.dispatcher import ledgers  # noqa: PLC0415

            return await ledgers.open(bus, self.settings.group)
        from openfunction_eventing.dispatcher import bucket  # noqa: PLC0415

        return await bucket.open(bus, self.settings.group)


@runtime_checkable
class _Store(states.Store, Protocol):
    """Keys with ETags."""

    async def close(self) -> None:
        """Leave."""


class _Beside(states.Remembers, Protocol):
    """A bus's own way."""

    async def close(self) -> None:
        """Leave."""


def _state_of(watch: program.Watch, settings: Dispatcher) -> program.Opening | None:
    if settings.state:
        return program.Opening(watch.contents.component(settings.state), watch)
    bus = watch.contents.component(settings.component)
    return program.Opening(bus, watch) if drivers.known(bus.type) in _KEEPING else None


async def serve(config: Path, stop: asyncio.Event) -> None:
    """Run on a folder until `stop`; raises DocumentError when it cannot begin."""
    serving = Serving(Folder(config), stop)
    settings = serving.settings
    records = Journal(settings.journal)
    try:
        host, port = program.address(settings.host, settings.port)
        async with Door(host, port, records=records, troubles=serving.troubles):
            await serving.run(records)
    finally:
        records.close()
