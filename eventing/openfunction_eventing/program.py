"""What the programs have in common: arguments, log, signals, exit codes, a bus that may not be there yet.

A wrong folder ends a program at once with code 2; a bus out of reach does not end it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from openfunction_eventing import clock, drivers, folder, garbage, log, loops
from openfunction_eventing.component import Component, ComponentError
from openfunction_eventing.documents import DocumentError
from openfunction_eventing.drivers.port import PubSub
from openfunction_eventing.folder import Contents, Folder

_LOG = log.get("program")
_WRONG: Final = 2
_LONGEST: Final = 15.0
T = TypeVar("T")
Serve = Callable[[Path, asyncio.Event], Awaitable[None]]


def main(name: str, serve: Serve) -> int:
    """Run a program until SIGTERM or SIGINT; its exit code."""
    parser = argparse.ArgumentParser(prog=f"openfunction-{name}")
    parser.add_argument(
        "--config", type=Path, required=True, help="folder of JSON documents, read again when it changes"
    )
    given = parser.parse_args()
    log.setup(name)
    try:
        with asyncio.Runner(loop_factory=loops.factory(given.config)) as runner:
            runner.run(_until_told(given.config, serve))
    except DocumentError as error:
        _LOG.error("the folder of documents cannot be used", folder=str(given.config), error=str(error))
        return _WRONG
    return 0


def address(host: str, port: int) -> tuple[str, int]:
    """Where to listen: HOST and PORT, which the platform gives a Pod, before what a document says."""
    told = os.environ.get("PORT", "")
    return os.environ.get("HOST") or host, int(told) if told.isdigit() else port


async def _until_told(config: Path, serve: Serve) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    await serve(config, stop)


class Watch:
    """The folder that a program serves; `contents` is what it held at the last look.

    What a program began with does not change under it: where its settings or Components are others by now, it is
    told to stop, and whoever runs it starts it anew.
    """

    def __init__(self, documents: Folder, settings: type, stop: asyncio.Event) -> None:
        """Look for the first time; `settings` is the kind of document that the program is set by."""
        self._documents, self._settings, self._stop = documents, settings, stop
        documents.changed()  # before it is read, so that what is written meanwhile is seen at the next look
        self._begun = self.contents = documents.read()

    def look(self) -> bool:
        """Whether the folder holds something else to go on with."""
        if not self._documents.changed():
            return False
        contents = self._documents.read()
        if self._is_over(contents):
            _LOG.info("the settings or components have changed; the program ends to be started with them")
            self._stop.set()
            return False
        self.contents = contents
        return True

    def _is_over(self, now: Contents) -> bool:
        kinds = (self._settings, Component)
        return bool(now.all(self._settings)) and any(self._begun.all(one) != now.all(one) for one in kinds)


class Opening:
    """A component that is being opened again and again; `trouble` says why it is not open yet."""

    def __init__(self, component: Component, watch: Watch | None = None) -> None:
        """Open nothing yet; `watch` is looked at while it cannot be opened, where nobody else does."""
        self._component = component
        self._watch = watch
        self.trouble = f"component {component.name!r} is being opened"

    async def driver(self, stop: asyncio.Event) -> drivers.port.Driver | None:
        """The driver, however long it takes; None when `stop` came first."""
        return await self.by(drivers.open, stop)

    async def by(self, open_: Callable[[Component], Awaitable[T]], stop: asyncio.Event) -> T | None:
        """What `open_` makes of the component, however long it takes; None when `stop` came first."""
        wait = 0.25
        while not stop.is_set():
            try:
                made = await open_(self._component)
            except ComponentError as error:
                self.trouble = str(error)
                _LOG.warning("a component cannot be opened yet", error=str(error))
                await self._wait(stop, wait)
                wait = min(wait * 2, _LONGEST)
            else:
                self.trouble = ""
                garbage.settle()
                return made
        return None

    async def _wait(self, stop: asyncio.Event, seconds: float) -> None:
        """Before the next attempt, unless the folder has another component by now."""
        over = clock.monotonic() + seconds
        while (left := over - clock.monotonic()) > 0:
            if await folder.pause(stop, min(left, folder.LOOK)):
                return
            if self._watch is not None:
                self._watch.look()

    async def bus(self, stop: asyncio.Event) -> PubSub | None:
        """The driver as topics; raises DocumentError when the component is something else."""
        made = await self.driver(stop)
        if made is None or isinstance(made, PubSub):
            return made
        await made.close()
        raise DocumentError("component", f"{self._component.name!r} is a {self._component.type}, no pubsub")
