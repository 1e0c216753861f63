"""The loop that keeps a cache equal to the server: list, watch, and list again when history is lost.

Decides nothing about objects. The states are those of kube-rs' watcher: Empty, InitPage, InitListed, Watching.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, NoReturn, Protocol, TypeVar

from openfunction_py.api.meta import Object
from openfunction_py.controller.backoff import Backoff
from openfunction_py.kube import client as clients
from openfunction_py.kube import errors
from openfunction_py.lib import log

T = TypeVar("T", bound=Object)
T_contra = TypeVar("T_contra", bound=Object, contravariant=True)

# an embedded server may be restarting, so its return is noticed soon; a refusal is not mended by asking often
UNREACHABLE = Backoff(base=0.05, cap=2.0, jitter=0.5)
REFUSED = Backoff(base=0.2, cap=30.0, jitter=0.5)
SHORTEST_WATCH = 1.0

logger = log.get("controller.reflector")


class Sink(Protocol[T_contra]):
    """Where the objects go."""

    def replace(self, items: Iterable[T_contra]) -> None:
        """Take a complete list."""
        ...

    def put(self, obj: T_contra) -> None:
        """Take a new or changed object."""
        ...

    def drop(self, obj: T_contra) -> None:
        """Forget a deleted object."""
        ...


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing is known: list from the start."""


@dataclass(frozen=True, slots=True)
class InitPage(Generic[T]):
    """Part of a list has come; token asks for the next part."""

    items: tuple[T, ...]
    token: str


@dataclass(frozen=True, slots=True)
class InitListed:
    """The cache is complete as of a version: open a watch there."""

    version: str


@dataclass(frozen=True, slots=True)
class Watching:
    """Events come; version is that of the last one."""

    version: str


class Reflector(Generic[T]):
    """Feeds one sink with one kind."""

    def __init__(
        self, client: clients.Client, model: type[T], sink: Sink[T], *, namespace: str = "", labels: str = ""
    ) -> None:
        """Start with nothing known."""
        self.state: Empty | InitPage[T] | InitListed | Watching = Empty()
        # a list or a bookmark proves that the sink lacks nothing; a connection that broke takes the proof away
        self.current = False
        self.on_current: Callable[[], None] = lambda: None
        self._client = client
        self._model = model
        self._sink = sink
        self._namespace = namespace
        self._labels = labels
        self._failures = 0
        self._listed = False
        self._log = logger.bind(kind=model.__name__)

    async def run(self) -> NoReturn:
        """Keep the sink equal to the server until cancelled."""
        while True:
            try:
                await self._step()
            except errors.ApiError as error:
                await self._recover(error)

    async def _step(self) -> None:
        state = self.state
        if isinstance(state, Empty | InitPage):
            await self._list(state)
        else:
            await self._watch(state.version)

    async def _list(self, state: Empty | InitPage[T]) -> None:
        items, token = (state.items, state.token) if isinstance(state, InitPage) else ((), "")
        page = await self._client.page(
            self._model, namespace=self._namespace, labels=self._labels, token=token
        )
        items += tuple(page.items)
        if page.next:
            self.state = InitPage(items, page.next)
            return
        self._sink.replace(items)
        self._listed = True
        self.state = InitListed(page.resource_version)
        self._set_current(value=True)

    async def _watch(self, version: str) -> None:
        loop = asyncio.get_running_loop()
        opened = loop.time()
        events = self._client.watch(
            self._model, namespace=self._namespace, labels=self._labels, resource_version=version
        )
        try:
            async with aclosing(events):
                async for event in events:
                    self._take(event)
        finally:
            if loop.time() - opened >= SHORTEST_WATCH:
                self._failures = 0
        # the server ended the watch, which is its right; one that ends at once must not make us spin
        if isinstance(self.state, Watching):
            self.state = InitListed(self.state.version)
        elif loop.time() - opened < SHORTEST_WATCH:
            raise errors.Unreachable("the watch ended before it said anything")

    def _take(self, event: clients.WatchEvent[T]) -> None:
        if event.type in {"ADDED", "MODIFIED"}:
            self._sink.put(event.object)
        elif event.type == "DELETED":
            self._sink.drop(event.object)
        else:
            self._set_current(value=True)
        self._failures = 0
        self.state = Watching(event.resource_version)

    def _set_current(self, *, value: bool) -> None:
        if self.current != value:
            self.current = value
            self.on_current()

    async def _recover(self, error: errors.ApiError) -> None:
        if _history_is_lost(error) and not isinstance(self.state, Empty):
            self._log.info("the server's history has moved on; listing again", error=error.message)
            self.state = Empty()
            if self._failures == 0:
                self._failures = 1
                return
        if isinstance(self.state, Watching):
            self.state = InitListed(self.state.version)
        if isinstance(error, errors.NotFound) and not self._listed:
            # a kind that is not installed has no objects; others must not wait for it
            self._sink.replace(())
            self._set_current(value=True)
        if isinstance(error, errors.Unreachable):
            self._set_current(value=False)
        self._failures += 1
        rule = UNREACHABLE if isinstance(error, errors.Unreachable) else REFUSED
        delay = rule.delay(self._failures, random=random.random)
        self._log.warning("the watch broke; trying again", error=error.message, seconds=round(delay, 2))
        await asyncio.sleep(delay)


def _history_is_lost(error: errors.ApiError) -> bool:
    causes = error.details.get("causes") or ()
    ahead = any(cause.get("reason") == "ResourceVersionTooLarge" for cause in causes)
    return ahead or isinstance(error, errors.Gone) or error.code == 400
