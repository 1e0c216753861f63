"""A real embedded API server for a test, in the test's own loop and on a free port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn

from openfunction_py.api import admission
from openfunction_py.apiserver import app
from openfunction_py.apiserver import store as stores
from openfunction_py.kube import config
from openfunction_py.lib import clock

TOKEN = "a-token-of-this-test"


class NoLogs:
    """There is no node whose logs could be read."""

    async def stream(self, namespace: str, name: str, **_: object) -> AsyncIterator[bytes]:
        """Nothing."""
        return
        yield b""


def admit(resource: object, operation: str, new: dict, old: dict | None) -> admission.Admitted:  # type: ignore[type-arg]
    """The embedded platform's admission: our rules, and one node for every Pod."""
    admitted = admission.admit(resource, operation=operation, new=new, old=old)  # type: ignore[arg-type]
    if new.get("kind") == "Pod":
        admitted.object["spec"].setdefault("nodeName", "local")
    return admitted


@asynccontextmanager
async def serve(folder: Path) -> AsyncIterator[config.Endpoint]:
    """Serve a new store until the block ends."""
    with stores.Store(folder / "store.db") as store, socket.create_server(("127.0.0.1", 0)) as listening:
        deps = app.Dependencies(store, admit, {TOKEN: "admin"}, NoLogs(), clock.SystemClock())  # type: ignore[arg-type]
        server = uvicorn.Server(uvicorn.Config(app.create(deps), log_level="warning", lifespan="off"))
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(sockets=[listening]))
            yield config.Endpoint(server=f"http://127.0.0.1:{listening.getsockname()[1]}", token=TOKEN)
            store.end_watches()
            server.should_exit = True
