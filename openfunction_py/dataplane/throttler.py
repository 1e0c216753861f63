"""Admission to one Revision: its instances and their slots, and the bounded queue of requests that wait.

Opens no connections and knows no HTTP; who waits is told which instance it got.
"""

import random
from collections.abc import Iterable
from typing import Protocol

from openfunction_py.dataplane.load import Gauge
from openfunction_py.dataplane.route_table import Endpoint, Revision


class Waiter(Protocol):
    """A request that waits for an instance."""

    def place(self, instance: "Instance") -> None:
        """Take the slot of an instance; it is given back with `Throttler.give_back`."""


class Kept(Protocol):
    """An idle connection to an instance."""

    def usable(self) -> bool:
        """Tell whether the peer has left it open."""

    def close(self) -> None:
        """Close it."""


class Instance:
    """One instance: how many requests it has, and the idle connections to it."""

    __slots__ = ("endpoint", "gone", "idle", "in_flight", "suspect_until")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.in_flight = 0
        self.gone = False
        self.suspect_until = 0.0
        self.idle: list[Kept] = []

    def leave(self) -> None:
        """Take the instance out: what is in flight ends, what is idle is dropped at once."""
        self.gone = True
        idle, self.idle = self.idle, []
        for connection in idle:
            connection.close()


class Throttler:
    """Admits the requests of one Revision: concurrency per instance, first come first served beyond it.

    With a limit the instance with most free slots is taken, without one the less loaded of two drawn
    (Knative pkg/activator/net/lb_policy.go has the same choice for no limit).
    """

    def __init__(self, revision: Revision, *, queue_length: int) -> None:
        self.revision = revision
        self.queue_length = queue_length
        self.instances: dict[Endpoint, Instance] = {}
        self.waiting: dict[Waiter, None] = {}
        self.gauge = Gauge()

    def update(self, revision: Revision) -> None:
        """Follow the route table: drop instances that are no longer ready, add new ones. Call `pump` after."""
        self.revision = revision
        for endpoint in self.instances.keys() - set(revision.endpoints):
            self.instances.pop(endpoint).leave()
        for endpoint in revision.endpoints:
            if endpoint not in self.instances:
                self.instances[endpoint] = Instance(endpoint)

    def take(self, now: float) -> Instance | None:
        """Take a slot for a request that need not wait, or return None when it must."""
        return None if self.waiting else self.pick(now)

    def pick(self, now: float) -> Instance | None:
        """Take a slot of the best instance."""
        limit = self.revision.concurrency
        free = [
            instance
            for instance in self.instances.values()
            if instance.suspect_until <= now and (not limit or instance.in_flight < limit)
        ]
        if not free:
            return None
        if len(free) > 2 and not limit:
            free = random.sample(free, 2)
        best = min(free, key=lambda instance: instance.in_flight)
        best.in_flight += 1
        return best

    def hold(self, waiter: Waiter, now: float) -> bool:
        """Let a request wait; False when the queue is full."""
        if len(self.waiting) >= self.queue_length:
            return False
        self.waiting[waiter] = None
        self.gauge.enter(now)
        return True

    def forget(self, waiter: Waiter, now: float) -> None:
        """Take out a request that waits no more."""
        if waiter in self.waiting:
            del self.waiting[waiter]
            self.gauge.leave(now)

    def give_back(self, instance: Instance, now: float) -> None:
        """Give back a slot; whoever waits gets it."""
        instance.in_flight -= 1
        self.pump(now)

    def suspect(self, instance: Instance, until: float) -> None:
        """Leave out an instance that did not accept a connection, until a time."""
        instance.suspect_until = until

    def pump(self, now: float) -> None:
        """Place as many waiting requests as there are slots, first come first served."""
        while self.waiting:
            instance = self.pick(now)
            if instance is None:
                return
            waiter = next(iter(self.waiting))
            self.forget(waiter, now)
            waiter.place(instance)

    def dismiss(self, now: float) -> list[Waiter]:
        """Let everybody who waits go; returns them in their order."""
        waiting = list(self.waiting)
        for waiter in waiting:
            self.forget(waiter, now)
        return waiting

    def close(self) -> list[Waiter]:
        """Drop all instances; returns who still waits."""
        for instance in self.instances.values():
            instance.leave()
        self.instances.clear()
        return list(self.waiting)

    def idle(self) -> Iterable[Instance]:
        """Return the instances that have idle connections."""
        return [instance for instance in self.instances.values() if instance.idle]
