"""A whole embedded control plane for tests: a real API server, the providers, and a node that plays its part.

The node is the only thing played: it says of Pods what a test tells it to.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from openfunction_py.api import meta
from openfunction_py.api.upstream import core
from openfunction_py.controller import manager as managers
from openfunction_py.controller import types
from openfunction_py.kube import client as clients
from openfunction_py.lib import clock
from openfunction_py.providers import keda, knative, shipwright, workloads
from openfunction_py.wire import messages
from tests.providers import server

T = TypeVar("T", bound=meta.Object)
DEADLINE = 20.0
LAG = 0.1

Behaviour = Callable[[core.Pod], dict[str, Any] | None]


class Hurried:
    """A clock that runs faster than the machine's, so that windows of seconds pass in a test."""

    def __init__(self, rate: float) -> None:
        """Start at the machine's time."""
        self._real = clock.SystemClock()
        self._rate = rate
        self._start = self._real.now(), self._real.monotonic()

    def now(self) -> datetime:
        """Wall time, hurried."""
        return self._start[0] + timedelta(seconds=self.monotonic() - self._start[1])

    def monotonic(self) -> float:
        """Seconds, hurried."""
        return self._start[1] + (self._real.monotonic() - self._start[1]) * self._rate


class LaggingClient(clients.Client):
    """A client whose watches tell of a change only after the next one, or a while later."""

    async def watch(  # type: ignore[override] # options pass through untouched
        self, model: type[T], **options: Any
    ) -> AsyncIterator[clients.WatchEvent[T]]:
        """The watch, late by one event."""
        told: asyncio.Queue[clients.WatchEvent[T]] = asyncio.Queue()

        async def read() -> None:
            async for event in clients.Client.watch(self, model, **options):
                told.put_nowait(event)

        async with asyncio.TaskGroup() as group:
            reading = group.create_task(read())
            try:
                held = await told.get()
                while True:
                    following = await _soon(told)
                    yield held
                    held = following or await told.get()
            finally:
                reading.cancel()


async def _soon(told: asyncio.Queue[clients.WatchEvent[T]]) -> clients.WatchEvent[T] | None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LAG):
            return await told.get()
    return None


class Node:
    """Plays the kubelet: gives each Pod the status that its behaviour says, and lets go of those deleted."""

    def __init__(self, manager: managers.Manager) -> None:
        """Run every Pod at once and well."""
        self._client = manager.client
        self._pods = manager.lister(core.Pod)
        self.behaviour: Behaviour = serving
        self.lets_go = True
        self.started: list[str] = []
        watches = [managers.Watch(core.Pod, managers.by_self)]
        self._controller = manager.add("node", self, watches=watches)

    async def reconcile(self, request: types.Request) -> types.Result:
        """Write the status a Pod should have, or remove it."""
        pod = self._pods.get(*request)
        if pod is None:
            return types.Result()
        if pod.metadata.deletion_timestamp:
            await self._stop(pod)
            return types.Result()
        status = self.behaviour(pod)
        if status is not None and not _says(pod, status):
            self.started.append(request.name)
            changed = core.Pod.model_validate({**pod.to_wire(), "status": status})
            await self._client.apply(changed, manager="node", subresource="status")
        return types.Result()

    async def _stop(self, pod: core.Pod) -> None:
        if self.lets_go:
            about = pod.metadata
            await self._client.delete(
                core.Pod, about.name, namespace=about.namespace, grace_seconds=0, uid=about.uid
            )

    def look_again(self) -> None:
        """Let the behaviour be asked for every Pod anew."""
        for pod in self._pods.list():
            self._controller.enqueue(types.request_of(pod))


def _says(pod: core.Pod, status: dict[str, Any]) -> bool:
    have = pod.to_wire().get("status") or {}
    return all(have.get(key) == value for key, value in status.items())


def serving(pod: core.Pod) -> dict[str, Any]:
    """A Pod whose containers serve; a build's Pod ends with an image."""
    if "buildrun.shipwright.io/name" in pod.metadata.labels:
        return built(pod)
    stamp = pod.metadata.creation_timestamp
    return {
        "phase": "Running",
        "podIP": "127.9.9.9",
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": stamp}],
        "containerStatuses": [
            {"name": "function", "ready": True, "state": {"running": {"startedAt": stamp}}}
        ],
    }


def built(_: core.Pod) -> dict[str, Any]:
    """A build that succeeded."""
    result = {"digest": "sha256:" + "1" * 64, "size": 12, "lock": "abc"}
    ended = {"terminated": {"exitCode": 0, "message": json.dumps(result)}}
    return {"phase": "Succeeded", "containerStatuses": [{"name": "build", "state": ended}]}


def building(_: core.Pod) -> dict[str, Any]:
    """A build that never ends."""
    return {"phase": "Running", "containerStatuses": [{"name": "build", "state": {"running": {}}}]}


def crashing(_: core.Pod) -> dict[str, Any]:
    """A Pod whose container ends each time it is started."""
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    last = {"terminated": {"exitCode": 1, "message": "ValueError: no"}}
    statuses = [{"name": "function", "state": waiting, "lastState": last, "restartCount": 3}]
    return {"phase": "Running", "podIP": "127.9.9.8", "containerStatuses": statuses}


def never(_: core.Pod) -> None:
    """A Pod that no node takes."""


class House:
    """What a test of a whole chain needs."""

    def __init__(self, client: clients.Client, manager: managers.Manager, *, gateways: bool = False) -> None:
        """Install every provider and the played node; with `gateways`, Routes wait for what a test says of them."""
        self.client = client
        self.manager = manager
        self.measured: asyncio.Queue[messages.Load] = asyncio.Queue()
        self.running: list[messages.ProcessInfo] = []
        self.said: asyncio.Queue[messages.Routes] = asyncio.Queue()
        workloads.install(manager)
        shipwright.install(manager)
        keda.install(manager, instances=self.instances)
        knative.install(manager, loads=self._loads, gateways_say=self._said if gateways else None)
        self.node = Node(manager)

    async def instances(self) -> list[messages.ProcessInfo]:
        """What the node runs, as the test says."""
        return self.running

    async def _loads(self) -> AsyncIterator[messages.Load]:
        while True:
            yield await self.measured.get()

    async def _said(self) -> AsyncIterator[messages.Routes]:
        while True:
            yield await self.said.get()

    def load(self, revision: str, concurrency: float, *, source: messages.Source = "gateway") -> None:
        """Report load for a Revision, as the node passes it on."""
        self.measured.put_nowait(
            messages.Load(source, "default", revision, concurrency=concurrency, requests=int(concurrency))
        )

    async def until(
        self, model: type[T], name: str, told: Callable[[T], bool], *, namespace: str = "default"
    ) -> T:
        """The object once the cache shows it as told; an AssertionError shows what it was instead."""
        cache = self.manager.lister(model)

        def found() -> T | None:
            one = cache.get(namespace, name)
            return one if one is not None and told(one) else None

        try:
            return await self._seen(model, found)
        except TimeoutError:
            one = cache.get(namespace, name)
            shown = json.dumps(one.to_wire(), indent=1) if one else "nothing"
            raise AssertionError(f"{model.__name__} {name} did not become so: {shown}") from None

    async def until_any(self, model: type[T], told: Callable[[T], bool], *, namespace: str = "default") -> T:
        """The first object of the kind that is as told."""
        cache = self.manager.lister(model)
        return await self._seen(model, lambda: next(filter(told, cache.list(namespace)), None))

    async def _seen(self, model: type[T], found: Callable[[], T | None]) -> T:
        changed = asyncio.Event()
        cache: Any = self.manager.lister(model)
        cache.listen(lambda _old, _new: changed.set())
        async with asyncio.timeout(DEADLINE):
            while True:
                one = found()
                if one is not None:
                    return one
                changed.clear()
                await changed.wait()

    async def until_gone(self, model: type[T], name: str, *, namespace: str = "default") -> None:
        """Return once the object is no more.

        Raises:
            AssertionError: it stayed.
        """
        seen = asyncio.Event()
        cache: Any = self.manager.lister(model)
        cache.listen(lambda _old, _new: seen.set())
        try:
            async with asyncio.timeout(DEADLINE):
                while cache.get(namespace, name) is not None:
                    seen.clear()
                    await seen.wait()
        except TimeoutError:
            raise AssertionError(f"{model.__name__} {name} is still there") from None


@asynccontextmanager
async def open_house(
    folder: Path, *, rate: float = 1.0, lagging: bool = False, gateways: bool = False
) -> AsyncIterator[House]:
    """A house over a real API server in a folder; its clock runs `rate` times as fast as ours."""
    with server.start(folder) as served:
        maker = LaggingClient if lagging else clients.Client
        async with (
            maker(served.endpoint) as client,
            _open(client, rate=rate, gateways=gateways) as house,
        ):
            yield house


@asynccontextmanager
async def _open(client: clients.Client, *, rate: float, gateways: bool) -> AsyncIterator[House]:
    await client.apply(
        core.Namespace.model_validate({"metadata": {"name": "knative-serving"}}), manager="test"
    )
    manager = managers.Manager(client, clock=Hurried(rate))
    house = House(client, manager, gateways=gateways)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(manager.run())
        await manager.synced()
        yield house
        running.cancel()
