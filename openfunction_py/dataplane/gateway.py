"""The gateway itself: holds the route table and one throttler per Revision, and brings requests and instances together.

Knows no objects of the API; it is given route tables, and keeps serving the last one.
"""

import asyncio
import random
from collections.abc import Iterator

from openfunction_py.dataplane import load, requests, status, upstream
from openfunction_py.dataplane.answers import Answer
from openfunction_py.dataplane.client import Client
from openfunction_py.dataplane.exchange import Exchange
from openfunction_py.dataplane.load import Gauge
from openfunction_py.dataplane.route_table import Revision, RevisionKey, RouteTable
from openfunction_py.dataplane.settings import Settings
from openfunction_py.dataplane.throttler import Instance, Throttler, Waiter
from openfunction_py.dataplane.upstream import Upstream
from openfunction_py.lib import log
from openfunction_py.lib.clock import Clock

NAMES_KEPT = 1024
logger = log.get("dataplane.gateway")


class Gateway:
    """Dispatches exchanges; everything here runs on one event loop."""

    def __init__(self, *, settings: Settings, clock: Clock, send: load.Send) -> None:
        self.settings = settings
        self.monotonic = clock.monotonic
        self.names: dict[bytes, str] = {}
        self.table = RouteTable()
        self.throttlers: dict[RevisionKey, Throttler] = {}
        self.clients: set[Client] = set()
        self.unrouted: list[Exchange] = []
        self.draining = False
        self.synced = False
        self.held_bytes = 0
        self.counts = status.Counts()
        self.reporter = load.Reporter(gauges=self.gauges, send=send, clock=clock)
        self.tasks: asyncio.TaskGroup

    def gauges(self) -> Iterator[tuple[RevisionKey, Gauge]]:
        """Return what each Revision holds."""
        return ((key, throttler.gauge) for key, throttler in self.throttlers.items())

    # the route table

    def update(self, table: RouteTable, *, current: bool = True) -> None:
        """Serve a new route table; requests that wait for a Revision without traffic find another.

        A table that is not `current` may lack a function; what it does not know waits for the next one.
        """
        self.table = table
        self.synced = current
        stranded: list[Waiter] = [exchange for exchange in self.unrouted if not exchange.over]
        self.unrouted.clear()
        for key in self.throttlers.keys() - table.revisions.keys():
            stranded += self.throttlers.pop(key).close()
        for key, revision in table.revisions.items():
            self.throttler(key, revision)
        now = self.monotonic()
        for key, throttler in list(self.throttlers.items()):
            throttler.pump(now)
            if throttler.waiting and key not in table.routed:
                stranded += throttler.dismiss(now)
        for waiter in stranded:
            if isinstance(waiter, Exchange):
                self.dispatch(waiter)

    def throttler(self, key: RevisionKey, revision: Revision) -> Throttler:
        """Return the throttler of a Revision, up to date."""
        throttler = self.throttlers.get(key)
        if throttler is None:
            throttler = self.throttlers[key] = Throttler(revision, queue_length=self.settings.queue_length)
        throttler.update(revision)
        return throttler

    # requests

    def dispatch(self, exchange: Exchange) -> None:
        """Find a Revision and an instance for an exchange, or answer it."""
        request = exchange.request
        host, path = self.name_of(request.host), request.path.decode("latin-1")
        match = self.table.match(host, path)
        if match is None:
            self.unmatched(exchange, host, path)
            return
        self.counts.requests += 1
        key = match.target.choose(random.random())  # noqa: S311 # weights, not secrets
        throttler = self.throttlers.get(key) if key is not None else None
        if throttler is None:
            name = f"{match.target.namespace}/{match.target.function}"
            message = f"The function {name} has no version that can answer yet. See `ofn describe`."
            self.conclude(exchange, Answer(503, "NoRevision", message, self.settings.retry_after))
            return
        exchange.throttler, exchange.prefix = throttler, match.prefix
        now = self.monotonic()
        instance = throttler.take(now)
        if instance is not None:
            exchange.place(instance)
        else:
            self.hold(exchange, throttler, now)

    def name_of(self, host: bytes) -> str:
        """Return a Host value without its port; the ones seen are remembered, up to a number."""
        name = self.names.get(host)
        if name is None:
            if len(self.names) >= NAMES_KEPT:
                self.names.clear()
            name = self.names[host] = requests.name_of(host)
        return name

    def hold(self, exchange: Exchange, throttler: Throttler, now: float) -> None:
        """Let an exchange wait, within the bounds of queue, memory and time; the load is told."""
        if not throttler.hold(exchange, now):
            self.counts.refused += 1
            exchange.refuse_full()
            return
        if not exchange.held:
            exchange.held = True
            exchange.cold = not throttler.instances
            exchange.deadline = now + self.settings.hold
            self.counts.held += 1
        self.reporter.held(throttler.revision.key)

    def unmatched(self, exchange: Exchange, host: str, path: str) -> None:
        """Answer a request that is for no function."""
        if path == status.PATH and exchange.client.peer in status.LOOPBACK:
            exchange.reply(status.document(self))
            return
        near = self.table.near(host, path)
        asked = f"{host}{path}"
        hint = f"Did you mean {' or '.join(near)}?" if near else "`ofn get functions` lists what there is."
        self.conclude(exchange, Answer(404, "NoFunction", f"No function answers at {asked}. {hint}"))

    def conclude(self, exchange: Exchange, answer: Answer) -> None:
        """Say that the table lacks something, unless the table may be behind: then wait for one that is not."""
        if self.synced:
            exchange.fail(answer)
        else:
            self.wait_for_table(exchange)

    def wait_for_table(self, exchange: Exchange) -> None:
        """Hold an exchange until the next table, within the bounds of queue and time."""
        if len(self.unrouted) >= self.settings.queue_length:
            self.unrouted = [one for one in self.unrouted if not one.over]
        if len(self.unrouted) >= self.settings.queue_length:
            exchange.refuse_full()
            return
        if exchange.deadline is None:  # one that waits already keeps its deadline
            exchange.deadline = self.monotonic() + self.settings.hold
        self.unrouted.append(exchange)

    # connections to instances

    def connect(self, exchange: Exchange, instance: Instance) -> None:
        """Attach an exchange to a kept connection that is still open, or open one."""
        while instance.idle:
            kept = instance.idle.pop()
            if isinstance(kept, Upstream) and kept.usable():
                exchange.attach(kept)
                return
            kept.close()
        self.tasks.create_task(self.open(exchange, instance))

    async def open(self, exchange: Exchange, instance: Instance) -> None:
        """Open a connection for an exchange; when nobody listens, nothing was written and it may look on."""
        try:
            async with asyncio.timeout(self.settings.connect_timeout):
                connection = await upstream.connect(instance)
        except OSError as error:
            logger.debug("an instance took no connection", endpoint=instance.endpoint, error=str(error))
            exchange.unreachable()
            return
        if exchange.over or exchange.instance is not instance:
            self.keep(connection)
        else:
            exchange.attach(connection)

    def keep(self, connection: Upstream) -> None:
        """Keep a connection for the next request, unless its instance is to go."""
        instance = connection.instance
        if instance.gone or len(instance.idle) >= self.settings.upstream_kept:
            connection.close()
            return
        connection.since = self.monotonic()
        instance.idle.append(connection)

    # time

    async def run(self) -> None:
        """Watch deadlines and report load until cancelled; connections open their tasks here."""
        async with asyncio.TaskGroup() as self.tasks:
            self.tasks.create_task(self.reporter.run())
            self.tasks.create_task(self.watch_deadlines())

    async def watch_deadlines(self) -> None:
        """Look at every connection's deadlines in turn."""
        while True:
            await asyncio.sleep(self.settings.sweep if self.clients else self.settings.idle_sweep)
            self.sweep(self.monotonic())

    def sweep(self, now: float) -> None:
        """Act on deadlines that have passed, drop what was idle for long, place what waits for a suspect."""
        for client in list(self.clients):
            client.check(now)
        for throttler in list(self.throttlers.values()):
            if throttler.waiting:
                throttler.pump(now)
            for instance in throttler.idle():
                drop_old(instance, now - self.settings.upstream_idle)

    async def drain(self) -> None:
        """End idle connections and wait for the others, within the time for draining; then cut them."""
        self.draining = True
        until = self.monotonic() + self.settings.drain
        while self.clients and self.monotonic() < until:
            for client in list(self.clients):
                client.drain()
            await asyncio.sleep(self.settings.sweep)
        for client in list(self.clients):
            client.abort()
        for throttler in self.throttlers.values():
            throttler.close()


def drop_old(instance: Instance, before: float) -> None:
    """Close the idle connections that were last used before a time, or that the peer has closed."""
    kept = []
    for connection in instance.idle:
        if isinstance(connection, Upstream) and connection.since >= before and not connection.closed:
            kept.append(connection)
        else:
            connection.close()
    instance.idle[:] = kept
