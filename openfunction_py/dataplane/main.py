"""Composition of the gateway process: watches, route table, listening socket, load reports.

With the API away it keeps serving the last route table; with the node away it keeps serving and reports later.
"""

import asyncio
import os
import resource
from collections.abc import Callable, Mapping

from openfunction_py.api.gateways import Gateway as GatewayObject
from openfunction_py.api.meta import Object
from openfunction_py.api.upstream.discovery import EndpointSlice
from openfunction_py.api.upstream.knative import Revision, Route
from openfunction_py.controller.manager import Manager
from openfunction_py.controller.types import Request, Result
from openfunction_py.controller.watches import Watch
from openfunction_py.dataplane import objects, server
from openfunction_py.dataplane.gateway import Gateway
from openfunction_py.dataplane.load import Sample
from openfunction_py.dataplane.route_table import RevisionKey
from openfunction_py.dataplane.settings import Settings
from openfunction_py.kube.client import Client
from openfunction_py.lib import log
from openfunction_py.lib.clock import Clock
from openfunction_py.lib.home import Home
from openfunction_py.wire.client import NodeClient
from openfunction_py.wire.messages import Load
from openfunction_py.wire.route_lines import Announcer

WHOLE_TABLE = Request("", "route-table")
Tell = Callable[[Mapping[str, str]], None]
logger = log.get("dataplane.main")


class Router:
    """Makes the whole route table anew from the caches; there is one key, so changes collapse into one run."""

    def __init__(self, manager: Manager, gateway: Gateway, tell: Tell) -> None:
        self.gateway = gateway
        self.tell = tell
        self.manager = manager
        self.gateways = manager.lister(GatewayObject)
        self.routes = manager.lister(Route)
        self.revisions = manager.lister(Revision)
        self.slices = manager.lister(EndpointSlice)

    async def reconcile(self, request: Request) -> Result:  # noqa: ARG002 # there is one table
        """Give the gateway the table of what the caches hold, and say which Routes it has."""
        routes = self.routes.list()
        table, problems = objects.make_table(
            objects.Objects(self.gateways.list(), routes, self.revisions.list(), self.slices.list())
        )
        for problem in problems:
            logger.warning("a Gateway cannot be used", problem=problem)
        self.gateway.update(table, current=self.manager.current)
        self.tell(objects.held_routes(routes, table))
        return Result()


def whole_table(obj: Object) -> tuple[Request]:  # noqa: ARG001 # any change asks for the one table
    """Return the one key."""
    return (WHOLE_TABLE,)


def install(manager: Manager, gateway: Gateway, tell: Tell) -> None:
    """Keep a gateway's route table up to date with the API."""
    watches = [Watch(model, whole_table) for model in (GatewayObject, Route, Revision, EndpointSlice)]
    controller = manager.add("route-table", Router(manager, gateway, tell), watches=watches, workers=1)
    controller.enqueue(WHOLE_TABLE)
    manager.on_current(lambda: controller.enqueue(WHOLE_TABLE))


def raise_file_limit() -> None:
    """Use as many descriptors as this process may: each held request is one, each forwarded one two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:  # macOS refuses an unlimited hard limit
            logger.debug("the limit of open files stays", soft=soft, error=str(error))


async def run(*, client: Client, home: Home, host: str, port: int, clock: Clock) -> None:
    """Serve until cancelled; then end what is under way and return.

    Raises:
        ListenError: the port is taken or the address is not this machine's.
    """
    raise_file_limit()
    node = NodeClient(home.node_socket)

    async def send(key: RevisionKey, sample: Sample) -> None:
        await node.report(Load("gateway", key.namespace, key.name, sample.concurrency, sample.requests))

    debug = os.environ.get(log.LEVEL_VARIABLE, "").upper() == "DEBUG"
    gateway = Gateway(settings=Settings(access_log=debug), clock=clock, send=send)
    manager = Manager(client, clock=clock)
    announcer = Announcer(home.node_socket)
    install(manager, gateway, announcer.tell)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(announcer.run())
            tasks.create_task(gateway.run())
            tasks.create_task(manager.run())
            async with server.listening(gateway, host=host, port=port) as bound:
                logger.info("the gateway listens", host=host, port=bound)
                await asyncio.Event().wait()
    finally:
        await node.close()
