"""The topics of a plan, each read once with the dispatcher's durable group.

A topic that is no longer wanted finishes what it has taken.
"""

from __future__ import annotations

from collections.abc import Iterable

from openfunction_eventing import log
from openfunction_eventing.documents import Dispatcher as Settings
from openfunction_eventing.drivers.port import Deliver, PubSub, SubscribeOptions, Subscription
from openfunction_eventing.drivers.tasks import Tasks
from openfunction_eventing.errors import EventingError

_LOG = log.get("subscriptions")


class Subscriptions:
    """What is read now; one task calls `follow` at a time."""

    def __init__(self, bus: PubSub, settings: Settings, deliver: Deliver) -> None:
        """Read nothing yet."""
        self._bus = bus
        self._deliver = deliver
        self._open: dict[str, Subscription] = {}
        self._leaving = Tasks()
        self.problems: dict[str, str] = {}
        self._options = SubscribeOptions(
            group=settings.group,
            max_in_flight=settings.max_in_flight,
            ack_wait=settings.ack_wait,
            start="all",
        )

    async def follow(self, topics: Iterable[str]) -> bool:
        """Read exactly these topics; whether all of them are. What failed is in `problems`."""
        wanted = set(topics)
        for topic in self._open.keys() - wanted:
            self._leaving.start(self._open.pop(topic).stop())
        known, self.problems = self.problems, {}
        for topic in sorted(wanted - self._open.keys()):
            try:
                self._open[topic] = await self._bus.subscribe(topic, self._options, self._deliver)
            except EventingError as error:
                self.problems[topic] = str(error)
                if known.get(topic) != str(error):
                    _LOG.warning("a topic cannot be read yet", topic=topic, error=str(error))
        return not self.problems

    async def stop(self) -> None:
        """Take no more of any topic and settle what is under way."""
        for one in self._open.values():
            self._leaving.start(one.stop())
        self._open.clear()
        await self._leaving.wait()
