"""A sidecar on free ports with drivers in memory, and an app that a test writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from aiohttp import web

from openfunction_eventing.component import Component
from openfunction_eventing.sidecar.catalog import Catalog
from openfunction_eventing.sidecar.program import Servers
from openfunction_eventing.sidecar.resources import Resources
from openfunction_eventing.sidecar.settings import Settings
from openfunction_eventing.sidecar.sidecar import Sidecar
from tests.eventing.sidecar.memory import Binding, Secrets, State, Topics

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Setup:
    """A sidecar that runs, and what is behind it."""

    sidecar: Sidecar
    servers: Servers
    http: httpx.AsyncClient
    bus: Topics
    store: State
    files: Binding
    attaching: asyncio.Task[None]

    async def attached(self) -> None:
        await asyncio.wait_for(asyncio.shield(self.attaching), 20)


@dataclass
class App:
    """An HTTP app: what it is asked, and what it answers."""

    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    answers: dict[str, Callable[[bytes], Any]] = field(default_factory=dict)
    port: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        path = request.path_qs
        self.asked.append((request.method, path, {k.lower(): v for k, v in request.headers.items()}, body))
        if path == "/dapr/subscribe":
            return web.json_response(self.subscriptions)
        answer = self.answers.get(request.path)
        if request.method == "OPTIONS":
            return web.Response(status=404 if answer is None else 204)
        if answer is None:
            return web.Response()
        told = answer(body)
        if isinstance(told, int):
            return web.Response(status=told)
        return web.json_response(told)

    def bodies(self, path: str) -> list[bytes]:
        return [body for method, asked, _, body in self.asked if asked == path and method != "OPTIONS"]


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[App]:
    """The app, on a free port, or on the one it had."""
    made = web.Application()
    made.router.add_route("*", "/{rest:.*}", app.handle)
    runner = web.AppRunner(made, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", app.port)
    await site.start()
    app.port = runner.addresses[0][1]
    try:
        yield app
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running(found: Resources | None = None, **given: Any) -> AsyncIterator[Setup]:
    """A sidecar of the app `app`; `given` are settings."""
    settings = Settings(**{"app_id": "app", "http_port": 0, "grpc_port": 0, **given})
    bus, store, files = Topics(), State(), Binding()
    catalog = Catalog()
    scopes = {"allowedTopics": "", "protectedTopics": "hidden"}
    catalog.add(Component("bus", "pubsub.in-memory", metadata=scopes), bus)
    catalog.add(Component("store", "state.in-memory"), store)
    catalog.add(
        Component("secrets", "secretstores.local.file"), Secrets(key={"key": "value"}, two={"two": "b"})
    )
    catalog.add(Component("files", "bindings.localstorage"), files)
    sidecar = Sidecar(settings, found or Resources(), catalog)
    servers = Servers(sidecar)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(sidecar.close)
        await servers.start()
        stack.push_async_callback(servers.stop)
        stack.push_async_callback(sidecar.stop_reading)
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{servers.http_port}", timeout=20)
        await stack.enter_async_context(client)
        attaching = asyncio.get_running_loop().create_task(sidecar.attach())
        stack.callback(attaching.cancel)
        yield Setup(sidecar, servers, client, bus, store, files, attaching)


@pytest.fixture
async def alone() -> AsyncIterator[Setup]:
    """A sidecar without an app."""
    async with running() as made:
        yield made
