"""The whole gateway process against a real API server: it follows objects, tells the node, outlives both."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from functions_framework import control
from openfunction_py.api.gateways import Gateway
from openfunction_py.api.meta import Object
from openfunction_py.api.upstream.discovery import EndpointSlice
from openfunction_py.api.upstream.knative import Revision, Route
from openfunction_py.apiserver import testing
from openfunction_py.dataplane import main
from openfunction_py.dataplane.route_table import Endpoint
from openfunction_py.kube.client import Client
from openfunction_py.lib.clock import SystemClock
from tests.dataplane import house

NAME = "hello-ksvc-00001"
LABELS = {"serving.knative.dev/revision": NAME, "kubernetes.io/service-name": f"{NAME}-private"}
GATEWAY = {
    "metadata": {"name": "openfunction", "namespace": "default"},
    "spec": {
        "domain": "localhost",
        "gatewayDef": {"gatewayClassName": "openfunction"},
        "gatewaySpec": {"listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
    },
}
ROUTE = {
    "metadata": {
        "name": "hello-ksvc",
        "namespace": "default",
        "labels": {"openfunction.io/function": "hello"},
    },
    "spec": {"traffic": [{"latestRevision": True, "percent": 100}]},
}
TRAFFIC = {"status": {"traffic": [{"revisionName": NAME, "percent": 100, "latestRevision": True}]}}
REVISION = {
    "metadata": {"name": NAME, "namespace": "default"},
    "spec": {"containers": [{"name": "function", "image": "hello"}], "timeoutSeconds": 5},
}


def slice_of(endpoint: Endpoint) -> EndpointSlice:
    """Return the slice that lists one ready endpoint."""
    return EndpointSlice.model_validate(
        {
            "metadata": {"name": f"{NAME}-private-x", "namespace": "default", "labels": LABELS},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": endpoint.port}],
            "endpoints": [{"addresses": [endpoint.address], "conditions": {"ready": True}}],
        }
    )


async def write_function(client: Client) -> None:
    """Write the objects of a function at zero."""
    objects: list[Object] = [
        Gateway.model_validate(GATEWAY), Revision.model_validate(REVISION), Route.model_validate(ROUTE),
    ]  # fmt: skip
    for one in objects:
        await client.create(one)
    await client.patch(Route, "hello-ksvc", TRAFFIC, namespace="default", subresource="status")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server((house.LOCAL, 0)) as listening:
        return int(listening.getsockname()[1])


@dataclass
class Process:
    """A running gateway process, its API and its client."""

    port: int
    client: Client

    async def get(self, *, status: bytes = b"200") -> bytes:
        """Call the function until the answer has a status; the table follows the objects with a little delay."""
        async with asyncio.timeout(20):
            while True:
                answer = await house.raw(self.port, house.get())
                if answer.startswith(b"HTTP/1.1 " + status):
                    return answer


@contextlib.asynccontextmanager
async def running(server: testing.Server) -> AsyncIterator[Process]:
    """Run the gateway as its process does."""
    port = free_port()
    async with Client(server.endpoint) as client, asyncio.TaskGroup() as tasks:
        process = tasks.create_task(
            main.run(client=client, home=server.home, host=house.LOCAL, port=port, clock=SystemClock())
        )
        async with asyncio.timeout(10):
            while not await listens(port):  # noqa: ASYNC110 # a port has no event
                await asyncio.sleep(0.01)
        yield Process(port, client)
        process.cancel()


async def listens(port: int) -> bool:
    """Tell whether somebody listens on a port."""
    try:
        _, writer = await asyncio.open_connection(house.LOCAL, port)
    except OSError:
        return False
    writer.close()
    return True


@contextlib.asynccontextmanager
async def node(path: Path) -> AsyncIterator[asyncio.Queue[dict[str, object]]]:
    """Listen where the node does; yields what it is told."""
    told: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    writers: list[asyncio.StreamWriter] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        decoder = control.Decoder()
        while data := await reader.read(65536):
            for message in decoder.feed(data):
                told.put_nowait(message)
        writer.close()

    path.parent.mkdir(parents=True, exist_ok=True)
    listening = await asyncio.start_unix_server(handler, path)
    try:
        yield told
    finally:
        listening.close()
        for writer in writers:
            writer.close()


async def told_of(kind: str, told: asyncio.Queue[dict[str, object]]) -> dict[str, object]:
    """Return the next message of a kind."""
    while (message := await told.get())["type"] != kind:
        continue
    return message


async def test_a_request_at_zero_is_told_to_the_node_and_answered_by_the_first_endpoint(
    tmp_path: Path,
) -> None:
    with testing.start(tmp_path) as server:
        async with (
            node(server.home.node_socket) as told,
            running(server) as process,
            house.instance(house.answering()) as endpoint,
            asyncio.TaskGroup() as tasks,
        ):
            await write_function(process.client)
            call = tasks.create_task(process.get())
            async with asyncio.timeout(20):
                load = await told_of("load", told)
            assert (load["namespace"], load["revision"], load["concurrency"]) == ("default", NAME, 1.0)
            await process.client.create(slice_of(endpoint))
        assert b"x-ofn-cold-start: 1" in call.result()


async def test_the_node_is_told_which_routes_can_be_answered_and_again_after_it_was_away(
    tmp_path: Path,
) -> None:
    with testing.start(tmp_path) as server:
        async with running(server) as process:
            async with node(server.home.node_socket) as told, asyncio.timeout(20):
                assert (await told_of("routes", told))["whole"] is True
                await write_function(process.client)
                route = await process.client.get(Route, "hello-ksvc", namespace="default")
                held = (await told_of("routes", told))["routes"]
            assert held == {route.metadata.uid: f"{NAME},100,"}
            server.home.node_socket.unlink(missing_ok=True)  # from Python 3.13 on the server does it itself
            async with node(server.home.node_socket) as told, asyncio.timeout(20):
                again = await told_of("routes", told)
    assert (again["whole"], again["routes"]) == (True, held)


async def test_with_the_api_and_the_node_away_the_last_table_is_served(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(testing.start(tmp_path))
        async with house.instance(house.answering()) as endpoint, running(server) as process:
            await write_function(process.client)
            await process.client.create(slice_of(endpoint))
            await process.get()
            await asyncio.to_thread(stack.close)
            answers = [await process.get() for _ in range(20)]
    assert len(answers) == 20


async def until_it_noticed(port: int) -> None:
    """Until the gateway no longer says that there is no such function: it has seen that the API is away."""
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(1):
                await house.raw(port, house.get())


async def test_what_came_while_the_api_was_away_is_never_called_unknown(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(testing.start(tmp_path))
        async with (
            house.instance(house.answering()) as endpoint,
            running(server) as process,
            asyncio.TaskGroup() as tasks,
        ):
            assert b"x-ofn-reason: NoFunction" in await process.get(status=b"404")
            await asyncio.to_thread(stack.close)
            await until_it_noticed(process.port)
            call = tasks.create_task(house.raw(process.port, house.get()))
            with testing.start(tmp_path) as elsewhere:  # on another port, where the gateway does not see it
                async with Client(elsewhere.endpoint) as client:
                    await write_function(client)
                    await client.create(slice_of(endpoint))
            assert not call.done()
            with testing.start(tmp_path, port=server.port):
                assert (await call).startswith(b"HTTP/1.1 200")
