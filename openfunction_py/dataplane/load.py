"""What the gateway holds, as load: a time-weighted gauge per Revision and the reports about it to the node.

Counts only requests not yet forwarded; what an instance has, it reports itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from openfunction_py.dataplane.route_table import RevisionKey
from openfunction_py.lib import log
from openfunction_py.lib.clock import Clock

PERIOD = 1.0
SEND_TIMEOUT = 1.0
logger = log.get("dataplane.load")


class Sample(NamedTuple):
    """Average concurrency over a period and the arrivals in it."""

    concurrency: float
    requests: int


class Gauge:
    """How many wait, integrated over time (Knative networking pkg/http/stats/request.go)."""

    __slots__ = ("arrivals", "integral", "since", "used", "value")

    def __init__(self) -> None:
        self.value = 0
        self.arrivals = 0
        self.integral = 0.0
        self.used = 0.0
        self.since: float | None = None

    def advance(self, now: float) -> None:
        """Add the time since the last event."""
        if self.since is not None and now > self.since:
            self.integral += self.value * (now - self.since)
            self.used += now - self.since
        self.since = now

    def enter(self, now: float) -> None:
        """Count one more that waits; a period begins with the first of it, so that idle time dilutes nothing."""
        if self.value == 0 and self.arrivals == 0:
            self.since, self.integral, self.used = now, 0.0, 0.0
        self.advance(now)
        self.value += 1
        self.arrivals += 1

    def leave(self, now: float) -> None:
        """Count one that waits no more."""
        self.advance(now)
        self.value -= 1

    def cut(self, now: float) -> Sample:
        """Return the sample of the period and begin a new one."""
        self.advance(now)
        sample = Sample(self.integral / self.used if self.used > 0 else float(self.value), self.arrivals)
        self.integral, self.used, self.arrivals = 0.0, 0.0, 0
        return sample


Gauges = Callable[[], Iterable[tuple[RevisionKey, Gauge]]]
Send = Callable[[RevisionKey, Sample], Awaitable[None]]


class Reporter:
    """Tells the node at once when a first request is held, and each second while any is.

    The immediate report says one; that one is taken off the period's report (Knative's activator does the
    same), so that it is not counted twice.
    """

    def __init__(self, *, gauges: Gauges, send: Send, clock: Clock) -> None:
        self.gauges = gauges
        self.send = send
        self.clock = clock
        self.told: set[RevisionKey] = set()
        self.urgent: asyncio.Queue[RevisionKey] = asyncio.Queue()
        self.busy = asyncio.Event()

    def held(self, key: RevisionKey) -> None:
        """Note that a request of a Revision is held."""
        self.busy.set()
        if key not in self.told:
            self.told.add(key)
            self.urgent.put_nowait(key)

    async def run(self) -> None:
        """Report until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.poke())
            tasks.create_task(self.tick())

    async def poke(self) -> None:
        """Send what cannot wait for the end of the period."""
        while True:
            await self.deliver(await self.urgent.get(), Sample(1.0, 1))

    async def tick(self) -> None:
        """Send a report per period and Revision while anything is held."""
        while True:
            await self.busy.wait()
            await asyncio.sleep(PERIOD)
            self.busy.clear()
            told, self.told = self.told, set()
            for key, gauge in list(self.gauges()):
                if gauge.value:
                    self.busy.set()
                sample = gauge.cut(self.clock.monotonic())
                if key in told:
                    sample = Sample(max(0.0, sample.concurrency - 1), max(0, sample.requests - 1))
                if sample.concurrency > 0 or sample.requests:
                    await self.deliver(key, sample)

    async def deliver(self, key: RevisionKey, sample: Sample) -> None:
        """Send one report; a node that cannot be reached costs the report, never the gateway."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await self.send(key, sample)
        except (OSError, EOFError) as error:
            logger.warning(
                "the node took no load report", namespace=key.namespace, revision=key.name, error=str(error)
            )
