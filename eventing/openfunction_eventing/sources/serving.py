"""The sources as a program: each document of the folder a task, started anew when it changes.

A source that fails does not end the others; it is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from functions_framework import response
from functions_framework.request import Request
from functions_framework.response import Reply
from openfunction_eventing import folder, log, program
from openfunction_eventing.documents import DocumentError, Sources
from openfunction_eventing.documents import Source as Document
from openfunction_eventing.door import Door, Handler
from openfunction_eventing.drivers.port import Driver, PubSub
from openfunction_eventing.drivers.tasks import Tasks
from openfunction_eventing.errors import EventingError
from openfunction_eventing.folder import Contents, Folder
from openfunction_eventing.journal import Journal
from openfunction_eventing.sinks import Sinks
from openfunction_eventing.sources import brokered, cron, posted
from openfunction_eventing.sources.emitting import Emitter
from openfunction_eventing.sources.port import Source

_LOG = log.get("sources")
_AGAIN = 1.0
_POSTED = ("http", "webhook")
# Where Components of Kafka and JetStream name the group that reads.
_GROUPS = ("consumerGroup", "consumerID", "queueGroupName", "durableName")


class Serving:
    """One run of the program."""

    def __init__(self, documents: Folder, stop: asyncio.Event) -> None:
        """Begin with what the folder holds; raises DocumentError."""
        self._watch, self._stop = program.Watch(documents, Sources, stop), stop
        contents = self._watch.contents
        self.settings = contents.one(Sources)
        name = self.settings.component
        self._opening = program.Opening(contents.component(name), self._watch) if name else None
        self._records = Journal(self.settings.journal)
        self._sinks = Sinks(contents.hosts)
        self._bus: PubSub | None = None
        self._tasks = Tasks()
        self._running: dict[str, tuple[Document, asyncio.Task[None]]] = {}
        self._failed: dict[str, str] = {}

    def troubles(self) -> list[str]:
        """Why the sources are not ready."""
        found = [self._opening.trouble if self._opening else "", self._bus.health() if self._bus else ""]
        return [one for one in (*found, *self._failed.values()) if one]

    async def run(self) -> None:
        """Serve until told to stop."""
        host, port = program.address(self.settings.host, self.settings.port)
        door = Door(host, port, records=self._records, troubles=self.troubles)
        try:
            async with self._sinks, door:
                held = self._hold(door)
                if self._opening is not None:
                    self._bus = await self._opening.bus(self._stop)
                try:
                    await self._follow(door, held)
                finally:
                    # Producers first: what they have posted gets its answer while the bus is there.
                    await door.close()
                    await self._tasks.end()
                    if self._bus is not None:
                        await self._bus.close()
        finally:
            self._records.close()

    def _hold(self, door: Door) -> dict[str, Handler]:
        """Whoever posts before the bus is there shall come again: a 404 would be taken for an answer."""

        async def later(_: Request) -> Reply:
            return response.plain(503, "; ".join(self.troubles()), lines=posted.AGAIN)

        held: dict[str, Handler] = {}
        for one in self._watch.contents.all(Document):
            if self._opening is not None and one.type in _POSTED:
                path = str(one.spec.get("path") or f"/{one.event}")
                held[path] = later
                door.open(path, later)
        return held

    async def _follow(self, door: Door, held: Mapping[str, Handler]) -> None:
        is_new = True
        while not self._stop.is_set():
            if is_new:
                self._take(self._watch.contents, door)
                # The sources open their paths; what was held and is none of theirs goes.
                await asyncio.sleep(0)
                for path, handler in held.items():
                    door.shut(path, handler)
            is_new = not await folder.pause(self._stop, folder.LOOK) and self._watch.look()

    def _take(self, contents: Contents, door: Door) -> None:
        """Stop what is gone or has changed, start what is new; the rest goes on."""
        self._sinks.rename(contents.hosts)
        wanted = {one.key: one for one in contents.all(Document)}
        for key, (document, task) in list(self._running.items()):
            if wanted.get(key) != document:
                task.cancel()
                del self._running[key]
                self._failed.pop(key, None)
        for key, document in wanted.items():
            if key not in self._running:
                self._running[key] = (document, self._tasks.start(self._keep(document, door)))
        _LOG.info("the sources are in force", sources=len(self._running))

    async def _keep(self, document: Document, door: Door) -> None:
        """Run a source, again when it fails; one that is written wrongly waits for another document."""
        while True:
            try:
                source = self._made(document, door)
                self._failed.pop(document.key, None)
                await source.run(self._emitter(document))
            except DocumentError as error:
                self._failed[document.key] = f"source {document.key}: {error}"
                _LOG.error("a source is written wrongly", source=document.key, error=str(error))
                return
            except EventingError as error:
                self._failed[document.key] = f"source {document.key}: {error}"
                _LOG.warning("a source failed and is started again", source=document.key, error=str(error))
            except Exception as error:  # noqa: BLE001 - one source must not end the others
                self._failed[document.key] = f"source {document.key}: {error!r}"
                _LOG.exception("a source failed and is started again", source=document.key)
            await asyncio.sleep(_AGAIN)

    def _emitter(self, document: Document) -> Emitter:
        return Emitter(document, self._sinks, self._bus, self._records, stop=self._stop)

    def _made(self, document: Document, door: Door) -> Source:
        if document.topic and self._bus is None:
            raise DocumentError("topic", "is given, but the program has no bus; name its component")
        if document.type == "cron":
            return cron.Cron(document)
        if document.type == "http":
            return posted.http(document, door)
        if document.type == "webhook":
            return posted.webhook(document, door)
        return brokered.Brokered(document, self._opened, group=self._group(document))

    def _group(self, document: Document) -> str:
        """A group of this event's own, unless its Component names one."""
        component = self._watch.contents.component(str(document.spec.get("component", "")))
        return "" if any(component.text(key) for key in _GROUPS) else document.key

    async def _opened(self, name: str) -> Driver:
        driver = await program.Opening(self._watch.contents.component(name)).driver(self._stop)
        if driver is None:
            raise EventingError("the program ends")
        return driver


async def serve(config: Path, stop: asyncio.Event) -> None:
    """Run on a folder until `stop`; raises DocumentError when it cannot begin."""
    await Serving(Folder(config), stop).run()
