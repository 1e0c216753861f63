"""A platform without controllers for tests: a real API server and a real node, in one folder.

It takes the part of the workload controllers by hand: it makes Pods and deletes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from openfunction_builder import images
from openfunction_py.api.upstream import core
from openfunction_py.apiserver import testing
from openfunction_py.kube import client as clients
from openfunction_py.kube import errors
from openfunction_py.kube.client import Client
from openfunction_py.lib import clock
from openfunction_py.lib.home import Home
from openfunction_py.node import main
from openfunction_py.node.parts import Settings
from openfunction_py.node.restarts import BackOff
from openfunction_py.wire.client import NodeClient
from openfunction_py.wire.messages import Load
from tests.node import pictures

HELLO = "def hello(request):\n    return 'hello'\n"
QUICK = Settings(drain_delay=0.05, back_off=BackOff(base=0.2), stop_seconds=1.0)
SECONDS = 30.0


@dataclass
class House:
    """The server's client, the home, and the node while it runs."""

    client: Client
    home: Home
    settings: Settings = QUICK
    pictures: dict[str, str] = field(default_factory=dict)

    @property
    def door(self) -> NodeClient:
        """A client of the node's socket."""
        return NodeClient(self.home.node_socket)

    def picture(self, source: str = HELLO, *, name: str = "hello", target: str = "hello") -> str:
        """An image of this source in the home's layout."""
        if source not in self.pictures:
            self.pictures[source] = pictures.add(
                images.Layout(self.home.images), name, {"main.py": source}, target=target
            )
        return self.pictures[source]

    async def pod(self, name: str, container: dict[str, Any], *, revision: str = "", **spec: Any) -> core.Pod:
        """Make a Pod of one container on the node."""
        labels = {"serving.knative.dev/revision": revision} if revision else {}
        body = {
            "metadata": {"name": name, "namespace": "default", "labels": labels},
            "spec": {
                "nodeName": "local",
                "restartPolicy": "Always",
                "terminationGracePeriodSeconds": 5,
                **spec,
                "containers": [{"name": "function", **container}],
            },
        }
        return await self.client.create(core.Pod.model_validate(body))

    async def get(self, name: str) -> core.Pod | None:
        """The Pod as the API server has it now."""
        try:
            return await self.client.get(core.Pod, name, namespace="default")
        except errors.NotFound:
            return None

    async def until(self, name: str, holds: Callable[[core.Pod], object]) -> core.Pod:
        """The Pod once this holds of it."""
        last: list[core.Pod | None] = [None]

        async def ask() -> core.Pod | None:
            last[0] = await self.get(name)
            return last[0]

        try:
            found = await eventually(ask, lambda pod: pod is not None and holds(pod))
        except TimeoutError:
            raise AssertionError(f"it never held of {last[0] and last[0].to_wire()}") from None
        assert found is not None
        return found

    async def until_gone(self, name: str) -> None:
        """Return once there is no Pod of that name."""
        await eventually(lambda: self.get(name), lambda pod: pod is None)

    @asynccontextmanager
    async def node(self) -> AsyncIterator[None]:
        """Run the node; leaving asks it to stop."""
        async with asyncio.TaskGroup() as group:
            running = group.create_task(
                main.run(
                    client=self.client, home=self.home, clock=clock.SystemClock(), settings=self.settings
                )
            )
            try:
                yield
            finally:
                running.cancel()


@asynccontextmanager
async def built(folder: Path) -> AsyncIterator[House]:
    """A house whose node does not run yet."""
    with testing.start(folder) as server:
        async with clients.Client(server.endpoint) as client:
            yield House(client, server.home)


T = TypeVar("T")


async def eventually(ask: Callable[[], Awaitable[T]], holds: Callable[[T], object] = bool) -> T:
    """What `ask` answers once this holds of it; asks again and again, where nothing tells of a change."""
    async with asyncio.timeout(SECONDS):
        while not holds(found := await ask()):  # noqa: ASYNC110 - see tests.waiting
            await asyncio.sleep(0.01)
    return found


async def first(loads: AsyncIterator[Load]) -> Load:
    """The first measurement of a subscription, which then ends."""
    async with aclosing(cast("AsyncGenerator[Load, None]", loads)) as subscription:
        async for load in subscription:
            return load
    raise AssertionError("the subscription ended")


def is_ready(pod: core.Pod) -> bool:
    """Whether the Pod's Ready condition is True."""
    return any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions)


async def fetch(pod: core.Pod, path: str = "/", port: int = 8080) -> tuple[int, bytes]:
    """One GET to the Pod's own address: status and body."""
    return await fetch_at(pod.status.pod_ip, port, path)


async def fetch_at(host: str, port: int, path: str = "/") -> tuple[int, bytes]:
    """One GET: status and body."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(SECONDS):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body
