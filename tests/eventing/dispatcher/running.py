"""A dispatcher in this process, on a bus in memory, with a trigger or two."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from openfunction_eventing.dispatcher import states
from openfunction_eventing.dispatcher.deliveries import Deliveries
from openfunction_eventing.dispatcher.engine import Engine
from openfunction_eventing.dispatcher.plan import Plan
from openfunction_eventing.dispatcher.subscriptions import Subscriptions
from openfunction_eventing.documents import Delivery, Dispatcher, Input, Subscriber, Trigger
from openfunction_eventing.journal import Journal
from openfunction_eventing.sinks import Sinks
from tests.eventing.parts import Bus

QUICK = Delivery(retry=2, backoff_delay=0.005, timeout=2.0)
SETTINGS = Dispatcher("bus", "group", attempts=3)


def to(sink: str = "", condition: str = "a", **more: Any) -> Subscriber:
    """A subscriber with quick retries."""
    return Subscriber(condition, sink=sink, **{"delivery": QUICK, **more})


def trigger(*subscribers: Subscriber, name: str = "t", window: float = 60.0) -> Trigger:
    """A trigger over the inputs a, b and c of topics of the same names."""
    inputs = tuple(Input(one, one) for one in ("a", "b", "c"))
    return Trigger("default", name, window=window, inputs=inputs, subscribers=subscribers)


class Running:
    """What a test looks at."""

    def __init__(self, bus: Bus, engine: Engine, topics: Subscriptions, deliveries: Deliveries) -> None:
        self.bus, self.engine, self.topics, self.deliveries = bus, engine, topics, deliveries
        self.journal: Journal = engine._journal

    async def take(self, *triggers: Trigger) -> None:
        """Go on with other triggers."""
        self.engine.plan = Plan(triggers)
        await self.topics.follow(self.engine.plan.topics)

    def steps(self, event_id: str = "e1") -> list[str]:
        """The steps of an event."""
        return [record.step for record in self.journal.story(event_id)]


@asynccontextmanager
async def dispatcher(
    triggers: Iterable[Trigger] = (),
    *,
    bus: Bus | None = None,
    store: states.Store | None = None,
    settings: Dispatcher = SETTINGS,
) -> AsyncIterator[Running]:
    """A dispatcher for the length of a block."""
    records = Journal()
    own = bus or Bus()
    async with Sinks() as sinks, own:
        deliveries = Deliveries(own, sinks, records, per_sink=settings.per_sink)
        engine = Engine(settings, deliveries, states.States(store or states.Memory()), records)
        running = Running(own, engine, Subscriptions(own, settings, engine.handle), deliveries)
        await running.take(*triggers)
        yield running
        deliveries.stop()
        await running.topics.stop()
