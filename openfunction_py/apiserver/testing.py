"""A real API server for tests: TLS, tokens and a durable store, in a thread of its own on a free port.

It is the product's server, not a substitute; only where it runs differs.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openfunction_py.api import admission, scheme
from openfunction_py.apiserver import pki, server
from openfunction_py.apiserver.dependencies import Dependencies, PodLogs
from openfunction_py.apiserver.lifecycle import Admit
from openfunction_py.apiserver.store import Store
from openfunction_py.kube import config
from openfunction_py.lib import clock
from openfunction_py.lib.home import Home

Document = dict[str, Any]
START_SECONDS = 30.0


class NoLogs:
    """Logs of Pods that never wrote anything."""

    async def stream(self, namespace: str, name: str, **_: object) -> AsyncIterator[bytes]:
        """One line, so that a reader can be told from an error."""
        yield f"no log of {namespace}/{name}\n".encode()


def admit(
    resource: scheme.Resource, operation: str, new: Document, old: Document | None
) -> admission.Admitted:
    """The admission of the api package, in the shape the server takes."""
    return admission.admit(resource, operation=operation, new=new, old=old)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and how to reach it."""

    home: Home
    port: int
    store: Store

    @property
    def endpoint(self) -> config.Endpoint:
        """What `kube.client.Client` takes."""
        return config.load(self.kubeconfig, context=pki.CONTEXT)

    @property
    def kubeconfig(self) -> Path:
        """What kubectl takes."""
        return self.home.kubeconfig

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Parts:
    """What a test may put in place of the product's own parts."""

    admission: Admit = admit
    pod_logs: PodLogs | None = None
    clock: clock.Clock | None = None
    history_changes: int = 10_000


@contextmanager
def start(folder: Path, parts: Parts = Parts(), *, port: int = 0) -> Iterator[Server]:
    """A server over the store in a folder; the same folder again is the same server restarted."""
    home = Home(folder / "ofn")
    home.ensure()
    with Store(home.store, history_changes=parts.history_changes) as store:
        deps = Dependencies(
            store=store,
            admission=parts.admission,
            tokens=pki.users(home),
            pod_logs=parts.pod_logs or NoLogs(),
            clock=parts.clock or clock.SystemClock(),
        )
        try:
            with _Thread(home, deps, port) as bound:
                yield Server(home, bound, store)
        finally:
            if not home.run.is_relative_to(home.root):
                shutil.rmtree(home.run, ignore_errors=True)  # a short path outside a deep folder


class _Thread:
    """A loop in a thread that serves until it is told to stop."""

    def __init__(self, home: Home, deps: Dependencies, port: int) -> None:
        self._home, self._deps, self._wanted = home, deps, port
        self._ready = threading.Event()
        self._port = 0
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="apiserver", daemon=True)

    def __enter__(self) -> int:
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise TimeoutError("the API server was not ready in time")
        if self._error is not None:
            raise self._error
        return self._port

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - a thread of a test hands its failure to the test
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with server.listening(
            self._home, host="127.0.0.1", port=self._wanted, deps=self._deps
        ) as bound:
            self._port = bound
            self._ready.set()
            await self._stop.wait()
