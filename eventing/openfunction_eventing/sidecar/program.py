"""The program's life: components open, the API answers, the app is found; at the end all of it backwards."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from functions_framework import jsons
from openfunction_eventing import garbage, log, loops
from openfunction_eventing.errors import EventingError
from openfunction_eventing.sidecar import settings as settings_module
from openfunction_eventing.sidecar.batches import BatchServer
from openfunction_eventing.sidecar.grpcapi.server import GrpcServer
from openfunction_eventing.sidecar.http import api
from openfunction_eventing.sidecar.listening import HttpServer, bind
from openfunction_eventing.sidecar.settings import Settings
from openfunction_eventing.sidecar.sidecar import Sidecar

_log = log.get("sidecar")
FAILED, MISUSED = 1, 2


def main(arguments: Sequence[str]) -> int:
    """Run until told to end; gives the exit code."""
    log.setup("sidecar")
    try:
        settings, ignored = settings_module.read(arguments)
    except settings_module.SettingError as error:
        _say(error)
        return MISUSED
    if ignored:
        _log.info("some flags are of no use to this sidecar", flags=" ".join(ignored))
    try:
        with asyncio.Runner(loop_factory=loops.factory(_folder(settings))) as runner:
            runner.run(run(settings))
    except (EventingError, OSError) as error:
        _say(error)
        return FAILED
    return 0


def _say(error: Exception) -> None:
    """To the log, and in the line that the platform shows as the reason of a container's end."""
    _log.error("the sidecar cannot start", error=str(error))
    sys.stderr.write(f"openfunction: SidecarFailed: {' '.join(str(error).split())}\n")


def _folder(settings: Settings) -> Path:
    """Where the platform mounts its table of names."""
    return settings.resources[0] if settings.resources else Path()


async def run(settings: Settings) -> None:
    """Serve until a signal or the app says that it is enough.

    Raises:
        ResourceError, ComponentError: what is in the resources folders cannot be used.
        OSError: a port is taken.
    """
    sidecar = await Sidecar.open(settings)
    servers = Servers(sidecar)
    try:
        await servers.start()
        garbage.settle()
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, sidecar.shutdown.set)
        await _serve(sidecar, settings.grace)
    finally:
        await servers.stop()
        await sidecar.close()
        _log.info("the sidecar has ended")


async def _serve(sidecar: Sidecar, grace: float) -> None:
    """Find the app and read for it until the end; then read no more, the API being there until that is settled."""
    async with asyncio.TaskGroup() as group:
        attaching = group.create_task(sidecar.attach())
        await sidecar.shutdown.wait()
        _log.info("the sidecar ends; what is under way is settled first")
        attaching.cancel()
    try:
        async with asyncio.timeout(grace):
            await sidecar.stop_reading()
    except TimeoutError:
        _log.warning("not all was settled in time; the broker sends it again", seconds=grace)


class Servers:
    """The transports of one sidecar."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._http = HttpServer(api.create(sidecar))
        self._grpc = GrpcServer(sidecar)
        self._batches = BatchServer(sidecar)
        self.http_port = self.grpc_port = 0

    async def start(self) -> None:
        """Listen, then say where: in the log, and in the port file. Raises OSError."""
        settings = self._sidecar.settings
        sockets, self.http_port = bind(settings.addresses, settings.http_port)
        await self._http.start(sockets)
        self.grpc_port = await self._grpc.start(settings.addresses, settings.grpc_port)
        if settings.batch_socket:
            await self._start_batches(settings.batch_socket)
        _log.info("the API answers", http_port=self.http_port, grpc_port=self.grpc_port)
        if settings.port_file is not None:
            ready = settings.port_file.with_suffix(".part")
            ready.write_bytes(jsons.dumps({"http": self.http_port, "grpc": self.grpc_port}))
            ready.replace(settings.port_file)  # whoever waits for the file finds it whole

    async def _start_batches(self, path: str) -> None:
        try:
            await self._batches.start(Path(path))
        except OSError as error:  # a function that finds nobody there publishes over HTTP
            _log.warning("the socket for batches cannot be served", socket=path, error=str(error))

    async def stop(self) -> None:
        """End what is under way, then the servers."""
        grace = self._sidecar.settings.grace
        await self._batches.stop(grace)
        await self._http.stop(grace)
        await self._grpc.stop(grace)
